"""chainer/functions/math: the function nodes, by what they do."""

from astfront.rules.math import (  # noqa: F401
    arithmetic,
    elementwise,
    fourier,
    matmul,
    reduction,
    special,
)
