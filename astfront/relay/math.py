"""``exp``, ``log``, ``tanh``, ``atanh``, ``sigmoid``, ``erf``, ``sin``, ``cos`` of float32, in vectors.

TVM calls the C library for each item. The arithmetic that is here takes the place of TIR's intrinsics
when TVM generates code, in whatever operator they are (a softmax, a fused LSTM cell). All are within 3
units in the last place (measured: 1.6) over the whole range, denormal numbers, infinities and NaN
included; ``compile(…, fast_math=False)`` leaves the intrinsics to TVM.

But for ``tanh``, ``sinh`` and ``cosh``, of floats of any size: what TVM makes of them loses all digits
of small numbers, and overflows too early.

The polynomials are those of Cephes' ``expf.c``, ``logf.c``, ``tanhf.c``, ``tanh.c``, ``atanhf.c`` and
``sinf.c`` (S. L. Moshier, netlib.org/cephes); that of ``erf`` is N. Juffa's (``1 - exp(p(|x|))`` beyond
0.92).
Angles are reduced by those bits of 2 / pi that matter (M. Payne and R. Hanek, "Radian reduction for
trigonometric functions", SIGNUM Newsletter 18(1), 1983).
"""

from __future__ import annotations

import contextlib
import math
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import tvm
from tvm import te, tir

_LEVEL = 15
_state = threading.local()

_LOG2_E = 1.44269504088896341
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
_ROUNDING = 12582912.0  # 1.5 * 2**23: a number added to it loses its fraction
_SQRT_HALF = 0x3F3504F3  # the bits of sqrt(0.5)
_SMALLEST_NORMAL = 1.17549435e-38

_EXP = (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
    1.6666665459e-1, 5.0000001201e-1,
)  # fmt: skip
_LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_TANH = (
    -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
    -3.33332819422e-1,
)  # fmt: skip
_ATANH = (
    1.81740078349e-1, 8.24370301058e-2, 1.46691431730e-1, 1.99782164500e-1, 3.33337300303e-1,
)  # fmt: skip
_TANH_P = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
_TANH_Q = (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
#: The bits of 2 / pi behind the point, after 32 zeros, in words of 32.
_TWO_OVER_PI = (
    0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB,
)  # fmt: skip
_SINH = tuple(1 / math.factorial(2 * n + 1) for n in range(9, 0, -1))
_ERF = (
    -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1,
    -3.76125336e-1, 1.28379166e-1,
)  # fmt: skip


@contextlib.contextmanager
def fast_math(on: bool) -> Iterator[None]:
    """Whether what this thread builds uses these functions; it does by default."""
    before = getattr(_state, "on", True)
    _state.on = on
    try:
        yield
    finally:
        _state.on = before


def _let(value: Any, body: Callable[[Any], Any]) -> Any:
    var = tir.Var("v", value.dtype)
    return tir.Let(var, value, body(var))


def _like(x: Any, value: float) -> Any:
    return tir.const(value, x.dtype)


def _integers(x: Any) -> str:
    return str(x.dtype).replace("float", "int")


def _bits(x: Any) -> Any:
    return tir.call_intrin(_integers(x), "tir.reinterpret", x)


def _float(bits: Any) -> Any:
    return tir.call_intrin(str(bits.dtype).replace("int", "float"), "tir.reinterpret", bits)


def _horner(x: Any, coefficients: Sequence[float]) -> Any:
    made = _like(x, coefficients[0])
    for c in coefficients[1:]:
        made = made * x + _like(x, c)
    return made


def _magnitude(x: Any) -> Any:
    return _float(_bits(x) & tir.const(0x7FFFFFFF, _integers(x)))


def _with_sign(magnitude: Any, x: Any) -> Any:
    sign = _bits(x) & tir.const(-0x80000000, _integers(x))
    return _float(_bits(magnitude) | sign)


def _exp(x: Any) -> Any:
    """2**n * exp(r), where |r| <= ln(2) / 2; in two steps, as 2**128 and 2**-149 are needed."""
    magic = struct.unpack("<i", struct.pack("<f", _ROUNDING))[0]

    def power(n: Any) -> Any:
        return _float((n + tir.const(127, n.dtype)) << tir.const(23, n.dtype))

    def scaled(y: Any, n: Any) -> Any:
        return _let(n >> tir.const(1, n.dtype), lambda half: y * power(half) * power(n - half))

    def reduced(v: Any, shifted: Any) -> Any:
        n = shifted - _like(v, _ROUNDING)
        r = v - n * _like(v, _LN2_HIGH) - n * _like(v, _LN2_LOW)
        whole = _bits(shifted) - tir.const(magic, _integers(v))
        return _let(
            r,
            lambda r: _let(
                _horner(r, _EXP) * (r * r) + r + _like(r, 1),
                lambda y: _let(whole, lambda n: scaled(y, n)),
            ),
        )

    # In this order NaN stays NaN: TVM's max and min give their second operand then.
    clipped = te.min(_like(x, 89.0), te.max(_like(x, -104.0), x))
    return _let(
        clipped,
        lambda v: _let(
            v * _like(v, _LOG2_E) + _like(v, _ROUNDING), lambda shifted: reduced(v, shifted)
        ),
    )


def _log(x: Any) -> Any:
    """e * ln(2) + log(m), where sqrt(0.5) <= m < sqrt(2)."""

    def of_mantissa(f: Any, e: Any) -> Any:
        def sum_(z: Any) -> Any:
            y = f * z * _horner(f, _LOG) + e * _like(f, _LN2_LOW) - z * _like(f, 0.5)
            return f + y + e * _like(f, _LN2_HIGH)

        return _let(f * f, sum_)

    def split(v: Any, less: Any) -> Any:
        integers = _integers(v)

        def parts(shifted: Any) -> Any:
            e = (shifted >> tir.const(23, integers)) - tir.const(127, integers)
            mantissa = (shifted & tir.const(0x007FFFFF, integers)) + tir.const(_SQRT_HALF, integers)
            return _let(
                _float(mantissa) - _like(v, 1),
                lambda f: _let(e.astype(v.dtype) - less, lambda e: of_mantissa(f, e)),
            )

        return _let(_bits(v) + tir.const(0x3F800000 - _SQRT_HALF, integers), parts)

    def of_positive(v: Any) -> Any:
        denormal = v < _like(v, _SMALLEST_NORMAL)
        normal = tir.Select(denormal, v * _like(v, 8388608.0), v)
        less = tir.Select(denormal, _like(v, 23), _like(v, 0))
        return _let(normal, lambda n: _let(less, lambda m: split(n, m)))

    def whole(v: Any) -> Any:
        infinity = _like(v, float("inf"))
        rest = tir.Select(v >= _like(v, 0), -infinity, _like(v, float("nan")))
        positive = tir.Select(v < infinity, of_positive(v), infinity)
        return tir.Select(v > _like(v, 0), positive, rest)

    return _let(x, whole)


def _tanh(x: Any) -> Any:
    def of(v: Any, a: Any) -> Any:
        near = _let(v * v, lambda z: a * z * _horner(z, _TANH) + a)
        far = _like(a, 1) - _like(a, 2) / (_exp(a + a) + _like(a, 1))
        return _with_sign(tir.Select(a < _like(a, 0.625), near, far), v)

    return _let(x, lambda v: _let(_magnitude(v), lambda a: of(v, a)))


def _atanh(x: Any) -> Any:
    def of(v: Any) -> Any:
        near = _let(v * v, lambda z: v + v * z * _horner(z, _ATANH))
        far = _like(v, 0.5) * _log((_like(v, 1) + v) / (_like(v, 1) - v))
        return tir.Select(_magnitude(v) < _like(v, 0.5), near, far)

    return _let(x, of)


def _erf(x: Any) -> Any:
    def of(v: Any, t: Any, s: Any) -> Any:
        high = _horner(t, (-1.72853470e-5, 3.83197126e-4))
        low = _horner(t, (-3.88396438e-3, 2.42546219e-2))
        p = high * s + low
        for c in (-1.06777877e-1, -6.34846687e-1, -1.28717512e-1):
            p = p * t + _like(t, c)
        far = _like(t, 1) - _exp(p * t - t)
        near = _horner(s, _ERF) * t + t
        return _with_sign(tir.Select(t > _like(t, 0.921875), far, near), v)

    return _let(x, lambda v: _let(_magnitude(v), lambda t: _let(v * v, lambda s: of(v, t, s))))


def _sin(x: Any) -> Any:
    def of(v: Any, a: Any) -> Any:
        return _let(_of_angle(a, 0), lambda y: _float(_bits(y) ^ (_bits(v) ^ _bits(a))))

    return _let(x, lambda v: _let(_magnitude(v), lambda a: of(v, a)))


def _cos(x: Any) -> Any:
    return _let(_magnitude(x), lambda a: _of_angle(a, 1))


def _of_angle(a: Any, turns: int) -> Any:
    """The sine of an angle >= 0 and so many quarter turns, of which the nearest are taken away."""

    def within(n: Any, r: Any) -> Any:
        def value(z: Any) -> Any:
            sine = r + r * z * _horner(z, _SIN)
            cosine = _like(z, 1) - z * _like(z, 0.5) + z * z * _horner(z, _COS)
            is_odd = (n & tir.const(1, n.dtype)) > tir.const(0, n.dtype)
            is_negative = (n & tir.const(2, n.dtype)) > tir.const(0, n.dtype)
            return _let(tir.Select(is_odd, cosine, sine), lambda y: tir.Select(is_negative, -y, y))

        return _let(r * r, value)

    def reduced(n: Any, rest: Any) -> Any:
        is_small = a < _like(a, 0.5)
        count = tir.Select(is_small, tir.const(0, n.dtype), n) + tir.const(turns, n.dtype)
        return _let(
            count, lambda count: _let(tir.Select(is_small, a, rest), lambda r: within(count, r))
        )

    finite = _let(_quarters(a), lambda q: _nearest(q, reduced))
    return tir.Select(a < _like(a, float("inf")), finite, _like(a, float("nan")))


def _quarters(a: Any) -> Any:
    """How many quarter turns an angle >= 0.5 is, of 4, in units of 2**-60.

    Of 2 / pi that's 96 bits, times those of the angle: what's before makes whole turns.
    """
    wide = str(a.dtype).replace("float32", "int64")

    def number(value: int) -> Any:
        return tir.const(value - (1 << 64) if value >> 63 else value, wide)

    def product(m: Any, place: Any) -> Any:
        index = place >> number(5)

        def word(k: int) -> Any:
            """The k-th word of 32 bits from that place on."""
            pairs = [number(_TWO_OVER_PI[i + k] << 32 | _TWO_OVER_PI[i + k + 1]) for i in range(5)]
            pair = pairs[0]
            for i, other in enumerate(pairs[1:], 1):
                pair = tir.Select(index >= number(i), other, pair)
            return ((pair << (place & number(31))) >> number(32)) & number(0xFFFFFFFF)

        # Nothing overflows: LLVM takes that for granted.
        high = ((m * word(0)) & number(0xFFFFFFFF)) << number(30)
        low = ((m * word(1)) >> number(2)) + ((m * word(2)) >> number(34))
        return (high + low) & number((1 << 62) - 1)

    def of_bits(bits: Any) -> Any:
        mantissa = (bits & number(0x007FFFFF)) | number(0x00800000)
        place = (bits >> number(23)) - number(127 - 7)
        return _let(mantissa, lambda m: _let(place, lambda place: product(m, place)))

    return _let(_bits(a).astype(wide), of_bits)


def _nearest(q: Any, body: Callable[[Any, Any], Any]) -> Any:
    """``body(n, r)``: the nearest whole number of quarter turns, and the angle that's left."""
    doubles = str(q.dtype).replace("int", "float")

    def split(n: Any) -> Any:
        rest = (q - (n << tir.const(60, q.dtype))).astype(doubles)
        angle = rest * tir.const(math.pi / 2 * 2.0**-60, doubles)
        single = angle.astype(doubles.replace("64", "32", 1))
        return _let(single, lambda r: body(n.astype(str(q.dtype).replace("64", "32", 1)), r))

    return _let((q + tir.const(1 << 59, q.dtype)) >> tir.const(60, q.dtype), split)


def _sigmoid(x: Any) -> Any:
    """tanh(x / 2) / 2 + 1 / 2, as Chainer has it: 0 where the logarithm is to be -inf."""
    return _let(x, lambda v: _half_tanh(v, _exp(_magnitude(v)))) + _like(x, 0.5)


def _half_tanh(v: Any, e: Any) -> Any:
    """tanh(v / 2) / 2, where e = exp(|v|), to the precision that it has beside 1 / 2."""
    return _signed(_like(v, 0.5) - _like(v, 1) / (e + _like(v, 1)), v)


def _wide_tanh(x: Any) -> Any:
    def of(v: Any, a: Any) -> Any:
        near = _let(v * v, lambda z: v + v * z * (_horner(z, _TANH_P) / _horner(z, _TANH_Q)))
        far = _like(a, 1) - _like(a, 2) / (te.exp(a + a) + _like(a, 1))
        return tir.Select(a < _like(a, 0.625), near, _signed(far, v))

    return _let(x, lambda v: _let(tir.abs(v), lambda a: of(v, a)))


def _wide_sigmoid(x: Any) -> Any:
    def half(v: Any) -> Any:
        return _let(v, lambda v: _half_tanh(v, te.exp(tir.abs(v))))

    return _at_least_single(half, x) + _like(x, 0.5)


def _sinh(x: Any) -> Any:
    def of(v: Any, a: Any) -> Any:
        near = _let(v * v, lambda z: v + v * z * _horner(z, _SINH))
        far = _half_exp(a) - _like(a, 0.5) * te.exp(-a)
        return tir.Select(a < _like(a, 1), near, _signed(far, v))

    return _let(x, lambda v: _let(tir.abs(v), lambda a: of(v, a)))


def _cosh(x: Any) -> Any:
    return _let(tir.abs(x), lambda a: _half_exp(a) + _like(a, 0.5) * te.exp(-a))


def _half_exp(a: Any) -> Any:
    """exp(a) / 2, which may be finite where exp(a) isn't."""
    return _let(te.exp(a * _like(a, 0.5)), lambda e: e * _like(e, 0.5) * e)


def _signed(magnitude: Any, v: Any) -> Any:
    return _let(magnitude, lambda m: tir.Select(v < _like(v, 0), -m, m))


def _at_least_single(function: Callable[[Any], Any], x: Any) -> Any:
    """A function of ``x``; in single precision where that has half."""
    if not str(x.dtype).startswith("float16"):
        return function(x)
    return function(x.astype(str(x.dtype).replace("16", "32", 1))).astype(x.dtype)


def _register(
    name: str, function: Callable[[Any], Any] | None, otherwise: Callable[[Any], Any] | None
) -> None:
    """What an intrinsic of float32 becomes, and what others do (by default what TVM makes of them)."""
    before = tvm.ir.Op.get(name).get_attr("llvm.FLowerIntrinsic")

    def lower(call: Any) -> Any:
        x = call.args[0]
        is_single = str(call.dtype).partition("x")[0] == "float32"
        if function is not None and is_single and getattr(_state, "on", True):
            return function(x)
        if otherwise is not None:
            return otherwise(x)
        return call if before is None else before(call)

    tvm.ir.register_intrin_lowering(name, "llvm", f=lower, level=_LEVEL)


for _name, _function, _otherwise in (
    ("exp", _exp, None),
    ("log", _log, None),
    ("erf", _erf, None),
    ("atanh", _atanh, None),
    ("sin", _sin, None),
    ("cos", _cos, None),
    ("sigmoid", _sigmoid, _wide_sigmoid),
    ("tanh", _tanh, partial(_at_least_single, _wide_tanh)),
    ("sinh", None, partial(_at_least_single, _sinh)),
    ("cosh", None, partial(_at_least_single, _cosh)),
):
    _register(f"tir.{_name}", _function, _otherwise)
