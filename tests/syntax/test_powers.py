"""Powers and shifts by staged numbers, and what they raise."""

import numpy as np
import pytest

from astfront.diagnostics import CompileError
from tests.support import assert_same
from tests.syntax.compare import N, agrees, array


def test_in_loops():
    def forward(x, n):
        scale = 1.0
        for i in range(int(n)):
            scale = scale * 0.9**i
            x = x + 2**i + (1 << i) - (64 >> i) + (-1) ** i * 0.5 ** (i - 2) + (i + 1) ** -1
        return x, scale

    agrees(forward, *((array(3), N(n)) for n in (0, 1, 5, 9)))


def test_of_all_kinds():
    def powers(v, n):
        v, n = float(v), int(n)
        return v**n, v**-2, 2**n, 0.5**n, (-1) ** n, 10**n, (-2.5) ** n, 1**n, 2.5**v

    def to_floats(v, n, x):
        v, n = float(v), int(n)
        a = x / len(x.ravel()) ** 0.6, (len(x[x > 0]) + 5) ** 0.5, n**2.0, v**-1.0, True**v
        return a, abs(v) ** 0.7, n ** float("inf"), 2**v, v ** float(n), abs(n) ** abs(v)

    def a_root(v, n):
        return float(v) ** 0.5, float(v) ** (float(n) / 2)

    def of_zero(n):
        return 0 ** int(n)

    def shifts(v, n):
        v, n = int(v), int(n)
        return v << n, 1 << n, v >> n, 100 >> n

    numbers = (2.0, -3.0, 0.0, np.inf, np.nan, 1e200)
    agrees(powers, *((np.float64(v), N(n)) for v in numbers for n in (0, 1, 2, -1, -2)))
    agrees(to_floats, *((np.float64(v), N(n), array(2, 3)) for v in numbers for n in (0, 3, -2)))
    roots = agrees(a_root, *((np.float64(v), N(n)) for v in (2.0, 0.0, np.inf) for n in (0, 3, -2)))
    assert_same(roots(np.float64(-np.inf), N(2)), a_root(-np.inf, 2))
    with pytest.raises(CompileError, match="AF0207"):
        roots(np.float64(-2.0), N(2))
    agrees(of_zero, (N(0),), (N(2),), (N(-1),))
    agrees(shifts, *((N(v), N(n)) for v in (2, -3, 0, 2**40) for n in (0, 1, 5, -1, 20)))
