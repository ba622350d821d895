"""chainer/functions/array: shapes, joining and splitting, indexing.

Only nodes whose numpy source can't be compiled, or for which Relay has an operator, have rules.
"""

from astfront.rules.array import images, joining, parts, sequences, shape  # noqa: F401
