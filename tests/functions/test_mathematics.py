"""The module ``math``, on numbers known only at run time."""

import math

import numpy as np
import pytest

from tests.support import assert_same, prepared


def functions(x, y):
    x, y = float(x), float(y)
    n = int(x)
    return (
        math.atan2(y, x), math.copysign(3.0, y), math.hypot(x, y), math.asin(y / 9), math.acos(y / 9),
        math.sinh(y), math.cosh(y), math.asinh(x), math.expm1(y), math.fmod(x, y), math.fmod(y, 0.4),
        math.pow(x, y), math.pow(2, y), math.log(abs(x) + 1, 10), math.degrees(x), math.radians(x),
        math.erf(y), math.erfc(y), math.isclose(x, y, rel_tol=0.3), math.isclose(x, x), math.gcd(n, 12),
        math.prod([x, y, 2]), x.is_integer(), y.is_integer(), pow(x, 2), pow(2, y), pow(n, 2),
    )  # fmt: skip


def test_functions():
    call = prepared(functions, [np.float64(3), np.float64(0.5)])
    for numbers in ((3, 0.5), (7.5, -2.0), (0.25, 1.5), (8, math.nan)):
        given = [np.float64(v) for v in numbers]
        assert_same(call(given), functions(*given), rtol=1e-12, atol=0)


def outcomes(x):
    x = float(x)
    found = []
    for result in (_asin, _fmod, _power, _root, _cosh, _logarithm):
        try:
            found.append(result(x))
        except ValueError:
            found.append(-1.0)
        except OverflowError:
            found.append(-2.0)
        except ZeroDivisionError:
            found.append(-3.0)
    return found


def _asin(x):
    return math.asin(x)


def _fmod(x):
    return math.fmod(1.0, x)


def _power(x):
    return math.pow(x, -1)


def _root(x):
    return math.pow(x, 0.5)


def _cosh(x):
    return math.cosh(x)


def _logarithm(x):
    return math.log(8.0, x)


@pytest.fixture(scope="module")
def program():
    return prepared(outcomes, [np.float64(0.5)])


@pytest.mark.parametrize("x", [0.0, -0.5, 1.0, 2.0, 800.0, math.inf, -math.inf, math.nan])
def test_exceptions(program, x):
    assert_same(program([np.float64(x)]), outcomes(np.float64(x)), rtol=1e-12, atol=0)
