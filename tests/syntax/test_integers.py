"""Python's ints beside the program's of 64 bits: what fits is right, and what doesn't raises OverflowError."""

import math

import numpy as np
import pytest

import astfront
from tests.syntax.compare import N, agrees, array

LEAST, MOST = -(2**63), 2**63 - 1


def test_what_does_not_fit():
    def total(n, m):
        result = 0
        for _ in range(int(m)):
            result += int(n)
        return result

    operations = {
        "sum": (lambda n, m: int(n) + int(m), [(2**62, 2**62), (-(2**62), -(2**62) - 1)]),
        "difference": (lambda n, m: int(n) - int(m), [(-(2**62), 2**62 + 1), (2**62, -(2**62))]),
        "product": (lambda n, m: (int(n) + 1) * (int(m) + 1), [(2**40, 2**40)]),
        "shifted": (lambda n, m: (int(n) << 8) + int(m), [(2**55, 1), (-(2**56), 0)]),
        "quotient": (lambda n, m: int(n) // int(m), [(LEAST, -1)]),
        "total": (total, [(2**61, 9)]),
    }
    fitting = [(2**61, -(2**61)), (7, -2), (-7, 2), (-8, -1), (5, 0)]
    for name, (operation, unfit) in operations.items():
        many = name in ("product", "shifted")
        pairs = fitting[many:]
        compiled = agrees(operation, *((N(a), N(b)) for a, b in pairs))
        for a, b in unfit:
            with pytest.raises(OverflowError, match="doesn't fit in 64 bits"):
                compiled(N(a), N(b))
    rest = agrees(lambda n, m: (0 - int(n > m)) % 2**40 * 2**40, (N(1), N(2)))
    with pytest.raises(OverflowError, match="doesn't fit in 64 bits"):
        rest(N(2), N(1))
    agrees(lambda n, m: int(n) % int(m), (N(LEAST), N(-1)), (N(LEAST), N(7)), (N(-7), N(-2)))


def test_floats_as_ints():
    def kinds(v):
        v = float(v)
        try:
            return int(v), round(v), math.floor(v), math.ceil(v), math.trunc(v)
        except ValueError:
            return "not a number"
        except OverflowError:
            return "infinity"

    values = (0.5, 1.5, 2.5, -0.5, -1.5, -2.7, 2.0**53, -(2.0**62), np.nan, np.inf, -np.inf)
    compiled = agrees(kinds, *((np.float64(v),) for v in values))
    # No handler of the model's takes what Python wouldn't raise.
    with pytest.raises(OverflowError, match="doesn't fit in 64 bits"):
        compiled(np.float64(1e19))
    agrees(lambda v: int(v), *((np.float64(v),) for v in (7.9, np.nan, np.inf)))


def test_ints_beside_floats():
    def compared(n, v):
        n, v = int(n), float(v)
        return n == v, n != v, n < v, n <= v, v < n, v <= n, n < 2.5, n >= 2.0**53

    ints = (3, 2**53 + 1, -(2**53) - 1, MOST, LEAST)
    floats = (3.0, -1.25, 2.0**53, -(2.0**53), 2.0**63, -(2.0**63), 1e20, np.nan, np.inf)
    agrees(compared, *((N(n), np.float64(v)) for n in ints for v in floats))


def test_sizes_and_counters_are_small():
    """What is made of them needs no check."""

    def sizes(x, n):
        h, w, c = x.shape
        found = []
        for i in range(int(n)):
            found.append(i * h + w * c * 2 - (i + 1) * (i + 2))
        return h * w * 2, math.ceil(h / 2), int(w * 0.5), found, int(x[0, 0, 0].astype("i")) * 3

    spec = astfront.TensorSpec((None, None, None), "float32")
    shapes = [(3, 4, 5), (1, 1, 2)]
    calls = [(array(*shape), np.array(n)) for shape, n in zip(shapes, (3, 0))]
    compiled = agrees(sizes, *calls, specs=[spec, astfront.TensorSpec((), "int64")])
    raised = [type(e) for e, _ in compiled.lower(*calls[0])._program.exceptions]
    assert OverflowError not in raised
