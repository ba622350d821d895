"""Powers and shifts by staged numbers, and what they raise."""

import numpy as np

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

    def of_zero(n):
        return 0 ** int(n)

    def shifts(v, n):
        v, n = int(v), int(n)
        return v << n, 1 << n, v >> n, 100 >> n

    numbers = (2.0, -3.0, 0.0, np.inf, np.nan, 1e200)
    agrees(powers, *((np.float64(v), N(n)) for v in numbers for n in (0, 1, 2, -1, -2)))
    agrees(of_zero, (N(0),), (N(2),), (N(-1),))
    agrees(shifts, *((N(v), N(n)) for v in (2, -3, 0, 2**40) for n in (0, 1, 5, -1, 20)))
