"""chainer/functions/math: the function nodes, by what they do."""

from astfront.rules.math import arithmetic, elementwise, matmul, reduction  # noqa: F401
