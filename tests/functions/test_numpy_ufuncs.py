"""numpy's ufuncs: values, dtypes, NaN, promotion, staged sizes."""

from __future__ import annotations

import chainer
import numpy as np
import pytest

from astfront.diagnostics import CompileError
from astfront.program import lower
from astfront.signature import ScalarSpec
from tests.functions.cases import proved_apart
from tests.functions.numpy_cases import same
from tests.support import assert_same, prepared

nan, inf = np.nan, np.inf
F = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.0, nan, inf, -inf, 3.7, -3.7, 1, 7], "f")
G = np.array([2, -2, 0.5, nan, 1, 0, 0, 1, 2, -inf, 3, -3, inf, -7.5], "f")
I = np.array([0, 1, -1, 7, -7, 100, -128, 5, -(2**31)], "i")
J = np.array([2, -2, 3, -3, 0, 7, -3, 1, -1], "i")
B = np.array([True, False, True])
C = np.array([True, True, False])


@proved_apart(dtypes=("float16", "float32", "float64"), staged=True)
def unary_floats(x):
    return (
        np.negative(x), np.positive(x), np.abs(x), np.absolute(x), np.exp(x), np.log(np.abs(x)),
        np.log2(np.abs(x)), np.log10(np.abs(x)), np.sqrt(np.abs(x)), np.square(x), np.sin(x),
        np.cos(x), np.tanh(x), np.floor(x), np.ceil(x), np.trunc(x), np.rint(x), np.sign(x),
        np.isnan(x), np.isinf(x), np.isfinite(x), np.reciprocal(x), np.logical_not(x), x ** 2,
        x ** 3, -x, +x, abs(x), np.round(x), np.round(x, 1), np.fix(x), x.round(), np.exp2(x),
        np.deg2rad(x), np.arctan(x), np.clip(x, -1, 2), np.clip(x, None, 0.5), x.clip(0, 1),
        np.maximum(x, 0), np.minimum(0.5, x), np.tan(x), np.fabs(x), 1 / x,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_unary_floats(dtype):
    x = F.astype(dtype)
    tolerance = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-7}[dtype]
    same(unary_floats, (x,), (x[:0],), (x[::-1].copy(),), specs=[(None,)], rtol=tolerance)


@proved_apart(dtypes=("float16", "float32", "float64"))
def hyperbolic(x):
    return (
        np.sinh(x), np.cosh(x), np.arcsin(x), np.arccos(x), np.arctan(x), np.arcsinh(x),
        np.arccosh(1 + np.abs(x)), np.arctanh(x), np.log1p(x), np.expm1(x),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_hyperbolic(dtype):
    x = np.array([0, 1e-4, -1e-3, 0.1, -0.3, 0.5, 0.7, -0.9, nan], dtype)
    tolerance = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-10}[dtype]
    same(hyperbolic, (x,), rtol=tolerance, atol=0 if dtype == "float64" else 1e-7)
    y = np.array([-1, 30, inf, -inf, -20, 3], dtype)
    same(lambda x: (np.log1p(x), np.expm1(x)), (y,), rtol=tolerance)


@proved_apart(dtypes=("float16", "float32", "float64"), staged=True)
def binary_floats(x, y):
    return (
        x + y, x - y, x * y, x / y, x // y, x % y, np.fmod(x, y), np.maximum(x, y),
        np.minimum(x, y), np.fmax(x, y), np.fmin(x, y), x == y, x != y, x < y, x <= y, x > y,
        x >= y, ~(x > y), np.logical_and(x, y), np.logical_or(x, y), np.logical_xor(x, y),
        np.power(np.abs(x), y), np.hypot(x, y), np.heaviside(x, y), np.logaddexp(x, y), np.arctan2(x, y),
        np.logical_not(x < y), np.where(x < y, x, y), np.true_divide(x, y), np.isclose(x, y),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_binary_floats(dtype):
    x, y = F.astype(dtype), G.astype(dtype)
    tolerance = {"float16": 3e-3, "float32": 1e-5, "float64": 1e-9}[dtype]
    same(binary_floats, (x, y), (x[:1], y), specs=[(None,), (None,)], rtol=tolerance)


def test_floor_division_is_exact():
    same(
        lambda x, y: (x // y, x % y, y * 3 // 0.1),
        (np.array([1, 0.3, -1, 6]), np.array([0.1, 0.1, 0.1, -0.2])),
    )


@proved_apart(dtypes=("int32", "int64", "uint8", "int8"))
def integers(x, y):
    return (
        x + y, x - y, x * y, x / y, x // y, x % y, np.fmod(x, y), np.maximum(x, y),
        np.minimum(x, y), x == y, x != y, x < y, x & y, x | y, x ^ y, ~x, -x, abs(x), np.sign(x),
        np.logical_and(x, y), np.square(x), x ** 3, x ** 0, np.power(x, abs(y) % 5), 2 ** (abs(y) % 9),
        x << (abs(y) % 70), x >> (abs(y) % 70), np.exp(x % 5), np.floor(x), np.round(x), np.round(x, -1), x // 3,
        x % 3, x // -1, x % 1, np.clip(x, 0, 5), np.isnan(x), np.isfinite(x), np.sqrt(abs(x % 9)),
        np.clip(x, 0, 2.5), np.where(x > y, x, 0), np.where(x > y, 1.0, x), x / 2, x * 1.5,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "int8"])
def test_integers(dtype):
    same(integers, (I.astype(dtype), J.astype(dtype)), rtol=2e-3 if "8" in dtype else 1e-6)


def test_bools():
    same(
        lambda x, y: (
            x + y, x * y, x & y, x | y, x ^ y, ~x, np.maximum(x, y), np.minimum(x, y), x == y,
            x < y, np.logical_not(x), np.logical_xor(x, y), x / y, x + 1, x * 1.5, np.where(x, y, 2),
            np.exp(x), np.abs(x), np.round(x),
        ),
        (B, C),
    )  # fmt: skip
    with pytest.raises(TypeError, match="boolean subtract"):
        lower(lambda x: x - x, (B,), {})


def test_promotion():
    f, e, d, i, l, b = (np.ones(2, t) for t in ("f", "e", "d", "i", "l", "?"))
    s = np.float32(2)
    same(
        lambda f, e, d, i, l, b, s: (
            f + 1, f + 1.5, f * 1e300, i + 1, i + 1.5, i + 2**40, e + 1, e + 70000.0, b + 1, b + 1.5,
            f + d, f + i, i + l, f + l, e + i, f * np.float64(3), i * np.float32(3), s + 1, s + 1.5,
            s * f, s * d, s * i, s + s, -s, f + np.array(2.0), f / 3, i / i, l / 2, s / 2, np.exp(i),
            np.sqrt(b), f > 1, i == 1.0, 1 + f, 2 - i, 2 / i, 2 ** f, np.add(f, 1, dtype=np.float64),
            s ** np.float32(2), s ** np.float32(3), s ** 2.0, b ** 2, b ** 3, b ** 2.0, b ** np.float32(1),
            np.power(b, 2), f.mean() + 1, np.arange(3) + f[:1], [1, 2] + f, (1.5, 2) * i,
        ),
        (f, e, d, i, l, b, s),
    )  # fmt: skip


def test_staged_numbers_beside_arrays():
    f, i = np.ones((2, 2), "f"), np.arange(3, dtype="i")
    n = np.array([3, -4])

    def use(f, i, n):
        k, x = int(n[0]), float(n[1])
        return f + k, f * x, i + k, i * x, k / f, f**k, n * k, (i > k) + 0, n[0] * f, n[1] + i

    same(use, (f, i, n))
    near_and_far = {
        "int8": (-3, 200), "uint8": (200, -1), "int32": (-5, 2**40), "float16": (9, 300), "float32": (-9, 70000),
    }  # fmt: skip
    for dtype, (near, far) in near_and_far.items():
        x = np.ones(2, dtype)
        call = prepared(lambda x, k: x + k, (x, ScalarSpec(int)))
        assert_same(call((x, near)), x + near)
        with pytest.raises(CompileError, match="AF0307"):
            call((x, far))
    with pytest.raises(CompileError, match="AF0207"):
        lower(lambda x: np.exp(x), (chainer.Variable(f),), {})


def test_numbers_of_other_dtypes_beside_arrays():
    def use(a, n, u, e, f, b):
        k, u = int(n), u.copy()
        np.add.at(u, [0, 0], 1)
        return (
            k | u,
            a - e,
            np.gcd(k, u),
            np.sort(u - u[0]),
            np.unique(u),
            (f * 100).astype("uint32"),
            +b,
            +b[0],
        )

    u, e, f = np.array([1, 2**63, 5, 5], "uint64"), np.ones(2, "e"), np.array([-1.5, 2.5], "f")
    same(use, (np.array(2.5, "f"), np.array(300), u, e, f, f > 0))


def test_what_arrays_do_not_take():
    def divided(i, f):
        i /= 2

    def raised(i, f):
        i **= f

    for function in (
        divided,
        raised,
        lambda i, f: np.add(i, f, out=i),
        lambda i, f: np.gcd(i, f),
        lambda i, f: np.lcm(i > 0, i > 0),
    ):
        i, f = np.arange(1, 3), np.ones(2)
        with pytest.raises(TypeError) as expected:
            function(i.copy(), f)
        with pytest.raises(expected.type, match="ufunc"):
            lower(function, (i, f), {})


def test_broadcasting():
    a, b = np.arange(3, dtype="f"), np.arange(6, dtype="f").reshape(2, 3)
    same(
        lambda a, b: (a + b, b[:, :1] - a, np.maximum(b, a[:, None][:, :, None]), np.where(a > 1, b, 0)),
        (a, b), (a[:1], b), (a, b[:1]), specs=[(None,), (None, None)],
    )  # fmt: skip
    same(lambda a, b: a + b, (a, b), (a[:1], b), (a[:2], b), specs=[(None,), None])
    with pytest.raises(ValueError, match="could not be broadcast"):
        lower(lambda a, b: a + b, (a[:2], b), {})


def test_in_place():
    def use(x, y):
        z = x + 1
        np.exp(z, out=z)
        z += y
        np.multiply(z, 2, out=z)
        return z

    same(use, (np.ones(3, "f"), np.ones(3, "f")))


@proved_apart(dtypes=("float32", "int32"), staged=True)
def simplified(x, i, j):
    return (
        x - x, x[:2] - x[:2], x[1] - x[1], np.tanh(x) - np.tanh(x), (x - x) * 2, x - x + x,
        i + 1 > i, i * 2 // 2, i * 3 // 3, np.maximum(i, i + 1), (i * 4 + 2) // 4, abs(i) >= 0,
        (i - j) > 0, (i + j) > i, np.where(i + 1 > i, 1, 0),
    )  # fmt: skip


def test_what_tvm_would_simplify():
    x = np.array([1, nan, inf, -inf, 0], "f")
    i, j = np.array([2**31 - 1, -(2**31), 5, 0], "i"), np.array([1, 2, 2**31 - 1, 3], "i")
    same(simplified, (x, i, j))
    same(simplified, (x, i, j), specs=[(None,), (None,), (None,)])


def test_methods_of_ufuncs():
    def methods(x, m):
        return (
            np.add.reduce(x), np.add.reduce(x, None), np.multiply.reduce(x, 1), np.maximum.reduce(x, axis=1),
            np.logical_and.reduce([x[0] > 0, m[0]]), np.fmax.reduce(x, 0), np.add.accumulate(x), np.subtract.outer(x, x[0]),
            np.logaddexp.reduce(x, 1), np.logaddexp.reduce(x[0]), np.add.reduceat(x, [0, 2, 1, 1], 1),
            np.sum(x, 1, where=m), np.max(x, 1, initial=1), np.prod(x, initial=2), np.any(x > 0, where=m), np.max(x, initial=0, where=m),
        )  # fmt: skip

    x, m = (
        np.array([[1, 2, -3], [nan, 5, 0.5]], "f"),
        np.array([[True, False, True], [False, True, True]]),
    )
    same(methods, (x, m))

    def stored(x, m):
        y = x * 2
        np.exp(x, out=y, where=m)
        np.copyto(y, 7, where=~m)
        return y

    same(stored, (x, m))


def test_signs_of_zero():
    def signs(x, y):
        return (
            np.arctan2(x, y), np.arctan2(y, x), np.copysign(x, y), np.signbit(x), np.modf(x), np.angle(x), np.nextafter(x, y),
            np.cbrt(x), np.logaddexp2(x, y), np.isneginf(x), np.isposinf(x), 1 / (x % y), 1 / (x // y), 1 / np.sign(x),
        )  # fmt: skip

    values = np.array([0.0, -0.0, 1.5, -2, inf, -inf, nan])
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    same(signs, (x, y))
    same(signs, (x.astype("f"), y.astype("f")))


def test_powers_of_small_ints():
    x, y = np.meshgrid(np.arange(-3, 4, dtype="int8"), np.array([0, 1, 5, 64, 100, 127], "int8"))
    same(lambda x, y: x**y, (x, y))
    small = (x % 7).astype("uint8")
    same(lambda x, y: (x**y, np.gcd(x, y), np.lcm(x, y)), (small, (y * 2).astype("uint8")))
    many = np.arange(100)
    same(
        lambda n: ((-1) ** n, 3**n, n ** n[3], n.astype("u2") ** n[2], np.reciprocal(n - 2)),
        (many,),
    )


def test_closeness():
    def close(x, y, i, b):
        return (
            np.isclose(x, y), np.isclose(x, y, equal_nan=True), np.allclose(x, y, equal_nan=True), np.isclose(i, 255),
            np.isclose(b, b), np.isclose(1, i), np.allclose(i, i),
        )  # fmt: skip

    x = np.array([nan, inf, 1, 0], "f")
    same(close, (x, x.copy(), np.array([0, 255, 1], "uint8"), x > 0))
