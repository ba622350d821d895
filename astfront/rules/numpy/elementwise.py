"""Elementwise operations with numpy's meaning, where Relay's differs.

Each takes tensors of one dtype that the caller has cast to. What is different in TVM, as measured:
``floor_mod`` of floats rounds before it subtracts, integer division by 0 and of the smallest number
by −1 trap, ``power`` takes no integers, ``negative`` of uint32 is 0, and float16 has few functions.
(What it gets wrong in comparisons, ``maximum``, ``sign`` … is mended in ``relay/kernels.py``.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from astfront.rules.nodes import log1p
from astfront.rules.numpy.support import BOOL, FLOAT32, as_bool, convert, full
from astfront.values import Scalar, Tensor


def like(x: Tensor, value: Any) -> Tensor:
    return full(value, x.dtype)


def maximum(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    return cx.b.call("maximum", a, b)  # type: ignore[no-any-return]


def minimum(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    return cx.b.call("minimum", a, b)  # type: ignore[no-any-return]


def fmax(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    """The larger one, or the one that isn't NaN."""
    return _non_nan(cx, "greater_equal", a, b)


def fmin(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    return _non_nan(cx, "less_equal", a, b)


def _non_nan(cx: Any, better: str, a: Tensor, b: Tensor) -> Tensor:
    call = cx.b.call
    first = call(better, a, b)
    if a.dtype.kind == "f":
        first = call("logical_or", first, call("isnan", b))
    return call("where", first, a, b)  # type: ignore[no-any-return]


def negative(cx: Any, x: Tensor) -> Tensor:
    if x.dtype.kind == "u":
        return cx.b.call("subtract", like(x, 0), x)  # type: ignore[no-any-return]
    return cx.b.call("negative", x)  # type: ignore[no-any-return]


def absolute(cx: Any, x: Tensor) -> Tensor:
    return x if x.dtype.kind in "bu" else cx.b.call("abs", x)  # type: ignore[no-any-return]


def rint(cx: Any, x: Tensor) -> Tensor:
    """The nearest integer; the even one where two are as near."""
    return cx.b.call("astfront.rint", x) if x.dtype.kind == "f" else x  # type: ignore[no-any-return]


def square(cx: Any, x: Tensor) -> Tensor:
    return cx.b.call("multiply", x, x)  # type: ignore[no-any-return]


def add(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    return cx.b.call("logical_or" if a.dtype == BOOL else "add", a, b)  # type: ignore[no-any-return]


def multiply(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    name = "logical_and" if a.dtype == BOOL else "multiply"
    return cx.b.call(name, a, b)  # type: ignore[no-any-return]


def logical(name: str) -> Callable[[Any, Tensor, Tensor], Tensor]:
    def apply(cx: Any, a: Tensor, b: Tensor) -> Tensor:
        return cx.b.call(name, as_bool(cx, a), as_bool(cx, b))  # type: ignore[no-any-return]

    return apply


def logical_not(cx: Any, x: Tensor) -> Tensor:
    if x.dtype.kind in "iuf":
        return cx.b.call("equal", x, like(x, 0))  # type: ignore[no-any-return]
    return cx.b.call("logical_not", x)  # type: ignore[no-any-return]


# --- division ----------------------------------------------------------------------------------


def floor_divide(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    call = cx.b.call
    if a.dtype.kind != "f":
        return _integer_division(cx, a, b)
    # As numpy does it: from the exact remainder, so that 1.0 // 0.1 is 9.
    rest = call("mod", a, b)
    quotient = call("divide", call("subtract", a, rest), b)
    away = _signs_differ(cx, rest, b)
    quotient = call("where", away, call("subtract", quotient, like(a, 1)), quotient)
    low = call("floor", quotient)
    close = call("greater", call("subtract", quotient, low), like(a, 0.5))
    low = call("where", close, call("add", low, like(a, 1)), low)
    low = call("where", call("equal", low, like(a, 0)), _zero(cx, a, b), low)
    by_zero = call("equal", b, like(b, 0))
    return call("where", by_zero, call("divide", a, b), low)  # type: ignore[no-any-return]


def remainder(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    """With the sign of the divisor, as Python's ``%``."""
    call = cx.b.call
    if a.dtype.kind != "f":
        return _integer_remainder(cx, "floor_mod", a, b)
    rest = call("mod", a, b)
    away = _signs_differ(cx, rest, b)
    found = call("where", away, call("add", rest, b), rest)
    return call("where", call("equal", rest, like(b, 0)), _zero(cx, b), found)  # type: ignore[no-any-return]


def fmod(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    """With the sign of the dividend, as C's fmod."""
    if a.dtype.kind != "f":
        return _integer_remainder(cx, "mod", a, b)
    return cx.b.call("mod", a, b)  # type: ignore[no-any-return]


def _zero(cx: Any, *factors: Tensor) -> Tensor:
    """0.0 or -0.0, with the sign that a product of these has; TVM takes them for one constant."""
    call = cx.b.call
    bits = 8 * factors[0].dtype.itemsize
    numbers = [call("reinterpret", x, dtype=f"int{bits}") for x in factors]
    signs = functools.reduce(lambda a, b: call("bitwise_xor", a, b), numbers)
    masked = call("bitwise_and", signs, full(np.iinfo(f"int{bits}").min, f"int{bits}"))
    return call("reinterpret", masked, dtype=factors[0].dtype.name)  # type: ignore[no-any-return]


def _signs_differ(cx: Any, rest: Tensor, divisor: Tensor) -> Tensor:
    """Whether a remainder isn't 0 and has another sign than the divisor."""
    call, zero = cx.b.call, like(rest, 0)
    up = call("logical_and", call("less", rest, zero), call("greater", divisor, zero))
    down = call("logical_and", call("greater", rest, zero), call("less", divisor, zero))
    return call("logical_or", up, down)  # type: ignore[no-any-return]


def _harmless(b: Tensor) -> bool:
    """Whether an integer divisor is known to be neither 0 nor −1."""
    return b.const is not None and not np.isin(b.const, [0, -1]).any()


def _integer_division(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    """numpy gives 0 for a division by 0 (with a warning); the CPU would trap."""
    call = cx.b.call
    if _harmless(b):
        return call("floor_divide", a, b)  # type: ignore[no-any-return]
    found = call("floor_divide", a, _harmless_divisor(cx, b))
    if b.dtype.kind != "u":
        found = call("where", call("equal", b, like(b, -1)), negative(cx, a), found)
    return call("where", call("equal", b, like(b, 0)), like(b, 0), found)  # type: ignore[no-any-return]


def _integer_remainder(cx: Any, name: str, a: Tensor, b: Tensor) -> Tensor:
    call = cx.b.call
    if _harmless(b):
        return call(name, a, b)  # type: ignore[no-any-return]
    found = call(name, a, _harmless_divisor(cx, b))
    return call("where", _is_special(cx, b), like(b, 0), found)  # type: ignore[no-any-return]


def _is_special(cx: Any, b: Tensor) -> Tensor:
    special: Tensor = cx.b.call("equal", b, like(b, 0))
    if b.dtype.kind != "u":
        special = cx.b.call("logical_or", special, cx.b.call("equal", b, like(b, -1)))
    return special


def _harmless_divisor(cx: Any, b: Tensor) -> Tensor:
    """``b`` with 1 in the place of 0 and −1.

    A result of its own: in one kernel with the choice that follows, TVM would see that the 1 is
    never used, put ``b`` in its place, and divide by it all the same.
    """
    safe = cx.b.call("where", _is_special(cx, b), like(b, 1), b)
    return cx.b.call("annotation.stop_fusion", safe)  # type: ignore[no-any-return]


# --- powers ------------------------------------------------------------------------------------


def power(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    call = cx.b.call
    exponent = b.const.item() if b.const is not None and b.ndim == 0 else None
    if a.dtype.kind != "f":
        return _integer_power(cx, a, b, exponent)
    if exponent == 2:
        return square(cx, a)
    if exponent == 1:
        return a
    if exponent == -1:
        return call("divide", like(a, 1), a)  # type: ignore[no-any-return]
    if exponent == 3:
        return multiply(cx, square(cx, a), a)
    return call("power", a, b)  # type: ignore[no-any-return]


def array_power(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    """``a ** b`` of arrays, of which numpy takes square roots: they aren't powers of -inf and -0."""
    is_root = b.const is not None and b.ndim == 0 and b.const.item() == 0.5
    if is_root and a.dtype.kind == "f":
        return cx.b.call("sqrt", a)  # type: ignore[no-any-return]
    return power(cx, a, b)


def _integer_power(cx: Any, a: Tensor, b: Tensor, exponent: int | None) -> Tensor:
    """By repeated squaring; it wraps around as numpy's does."""
    call = cx.b.call
    message = "Integers to negative integer powers are not allowed."
    if exponent is not None:
        if exponent < 0:
            cx.raise_python(ValueError(message))
        result = None
        while exponent:
            if exponent & 1:
                result = a if result is None else call("multiply", result, a)
            exponent >>= 1
            a = call("multiply", a, a) if exponent else a
        if result is None:
            return call("add", call("multiply", a, like(a, 0)), like(a, 1))  # type: ignore[no-any-return]
        return result  # type: ignore[no-any-return]
    if a.const is not None and a.ndim == 0 and a.const.item() == 2 and a.dtype.itemsize > 1:
        bits = a.dtype.itemsize * 8
        _check_all(cx, "greater_equal", b, 0, ValueError(message))
        fits = call("less", b, like(b, bits))
        shifted = call("left_shift", like(a, 1), call("where", fits, b, like(b, 0)))
        return call("where", fits, shifted, like(a, 0))  # type: ignore[no-any-return]
    _check_all(cx, "greater_equal", b, 0, ValueError(message))
    bits = min(8 * b.dtype.itemsize, 16)
    if b.dtype.itemsize > 2:
        small = _all(cx, "less", b, 2**bits)
        cx.require(small, cx.error("AF0306", f"an exponent of at least {2**bits} beside an int"))
    one = like(a, 1)
    power = one
    for bit in range(bits):
        wanted = call("bitwise_and", call("right_shift", b, like(b, bit)), like(b, 1))
        taken = call("where", call("equal", wanted, like(b, 1)), a, one)
        power = call("multiply", power, taken)
        a = call("multiply", a, a)
    return power


def _check_all(cx: Any, comparison: str, x: Tensor, bound: int, error: Exception) -> None:
    if x.dtype.kind == "u" and bound == 0:
        return
    cx.check(_all(cx, comparison, x, bound), error)


def _all(cx: Any, comparison: str, x: Tensor, bound: int) -> Scalar:
    ok = cx.b.call(comparison, x, like(x, bound))
    if x.ndim:
        ok = cx.b.call("all", ok)
    return Scalar(ok.expr, bool)


def shift(name: str) -> Callable[[Any, Tensor, Tensor], Tensor]:
    """numpy shifts everything out for a distance of at least the number of bits."""

    def apply(cx: Any, a: Tensor, b: Tensor) -> Tensor:
        call, bits = cx.b.call, a.dtype.itemsize * 8
        inside = call("less", b, like(b, bits))
        if b.dtype.kind != "u":
            inside = call("logical_and", inside, call("greater_equal", b, like(b, 0)))
        found = call(name, a, call("where", inside, b, like(b, 0)))
        beyond = like(a, 0)
        if name == "right_shift" and a.dtype.kind == "i":
            beyond = call("right_shift", a, like(a, bits - 1))
        return call("where", inside, found, beyond)  # type: ignore[no-any-return]

    return apply


# --- functions of floats -----------------------------------------------------------------------


def signbit(cx: Any, x: Tensor) -> Tensor:
    """Whether it's negative; -0.0 is, too."""
    if x.dtype.kind == "f":
        x = cx.b.call("reinterpret", x, dtype=f"int{x.dtype.itemsize * 8}")
    elif x.dtype == BOOL:
        x = convert(cx, x, "int8")
    return cx.b.call("less", x, like(x, 0))  # type: ignore[no-any-return]


def copysign(cx: Any, x: Tensor, sign: Tensor) -> Tensor:
    """``x`` with the sign of the other."""
    call = cx.b.call
    same = call("equal", signbit(cx, x), signbit(cx, sign))
    return call("where", same, x, negative(cx, x))  # type: ignore[no-any-return]


def nextafter(cx: Any, x: Tensor, towards: Tensor) -> Tensor:
    """The number beside ``x``: the one whose bits, as an integer, are one more or less."""
    call, size = cx.b.call, x.dtype.itemsize * 8
    bits = call("reinterpret", x, dtype=f"int{size}")
    grows = call("equal", call("less", x, towards), call("greater", x, like(x, 0)))
    one = full(1, bits.dtype)
    moved = call("add", bits, call("where", grows, one, full(-1, bits.dtype)))
    below = full(np.iinfo(bits.dtype).min + 1, bits.dtype)
    least = call("where", call("less", towards, like(x, 0)), below, one)
    moved = call("where", call("equal", x, like(x, 0)), least, moved)
    found = call("reinterpret", moved, dtype=x.dtype.name)
    # Of two zeros C gives the second one, and numpy's float16 the first.
    same = x if size == 16 else towards
    found = call("where", call("equal", x, towards), same, found)
    lost = call("logical_or", call("isnan", x), call("isnan", towards))
    return call("where", lost, like(x, np.nan), found)  # type: ignore[no-any-return]


def arctan2(cx: Any, y: Tensor, x: Tensor) -> Tensor:
    """The angle of the point (x, y)."""
    call = cx.b.call
    one, zero = like(x, 1), like(x, 0)
    left = signbit(cx, x)
    both_inf = call("logical_and", call("isinf", x), call("isinf", y))
    wide, high = call("abs", x), call("abs", y)
    # Of two infinities the angle is that of (1, 1).
    wide, high = call("where", both_inf, one, wide), call("where", both_inf, one, high)
    upright = call("equal", wide, zero)
    angle = call("atan", call("divide", high, call("where", upright, one, wide)))
    angle = call(
        "where", upright, call("where", call("equal", high, zero), zero, like(x, np.pi / 2)), angle
    )
    angle = call("where", left, call("subtract", like(x, np.pi), angle), angle)
    lost = call("logical_or", call("isnan", x), call("isnan", y))
    return call("where", lost, like(x, np.nan), copysign(cx, angle, y))  # type: ignore[no-any-return]


def logaddexp(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    call = cx.b.call
    top = maximum(cx, a, b)
    gap = negative(cx, call("abs", call("subtract", a, b)))
    same = call("equal", a, b)
    spread = log1p(cx, call("exp", gap))
    return call(  # type: ignore[no-any-return]
        "where", same, call("add", a, like(a, np.log(2))), call("add", top, spread)
    )


def logaddexp2(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    """In bits: ``log2(2**a + 2**b)``."""
    bit = like(a, np.log(2))
    natural = logaddexp(cx, cx.b.call("multiply", a, bit), cx.b.call("multiply", b, bit))
    return cx.b.call("divide", natural, bit)  # type: ignore[no-any-return]


def hypot(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    """Scaled by the larger one, so that squares neither overflow nor vanish."""
    call = cx.b.call
    a, b = call("abs", a), call("abs", b)
    large, small = maximum(cx, a, b), minimum(cx, a, b)
    plain = call("logical_or", call("equal", large, like(a, 0)), call("isinf", large))
    ratio = call("divide", small, call("where", plain, like(a, 1), large))
    root = call("sqrt", call("add", square(cx, ratio), like(a, 1)))
    found = call("where", plain, large, call("multiply", large, root))
    infinite = call("logical_or", call("isinf", a), call("isinf", b))  # even beside NaN
    return call("where", infinite, like(a, np.inf), found)  # type: ignore[no-any-return]


def heaviside(cx: Any, a: Tensor, b: Tensor) -> Tensor:
    call, zero = cx.b.call, like(a, 0)
    step = call("where", call("less", a, zero), zero, a)
    step = call("where", call("greater", a, zero), like(a, 1), step)
    return call("where", call("equal", a, zero), b, step)  # type: ignore[no-any-return]


def in_float32(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """float16 is computed in float32, as numpy does."""

    def apply(cx: Any, *tensors: Tensor) -> Tensor:
        dtype = tensors[0].dtype
        if dtype != np.float16:
            return f(cx, *tensors)
        return convert(cx, f(cx, *(convert(cx, t, FLOAT32) for t in tensors)), dtype)

    return apply


def relay(name: str) -> Callable[..., Tensor]:
    def apply(cx: Any, *tensors: Tensor) -> Tensor:
        return cx.b.call(name, *tensors)  # type: ignore[no-any-return]

    return apply


# --- order -------------------------------------------------------------------------------------


def ordered_key(cx: Any, x: Tensor, nan_last: bool = True) -> Tensor:
    """An int tensor with the order of ``x``; NaNs come after (or before) everything else.

    TVM's comparisons lose NaN in sorts and extremes. Of a float it's the bits, those of negative
    numbers turned around. 0 and −0 have one key.
    """
    call = cx.b.call
    if x.dtype.kind == "b" or x.dtype.name in ("int8", "int16", "uint8", "uint16"):
        return convert(cx, x, "int32")
    if x.dtype.kind == "i":
        return x
    if x.dtype.name == "uint32":
        return convert(cx, x, "int64")
    if x.dtype == np.uint64:
        bits = call("reinterpret", x, dtype="int64")
        return call("bitwise_xor", bits, full(np.iinfo("int64").min, "int64"))  # type: ignore[no-any-return]
    if x.dtype.kind != "f":
        cx.fail("AF0307", f"the order of an array of {x.dtype} isn't supported")
    if x.dtype == np.float16:
        x = convert(cx, x, FLOAT32)
    dtype = "int32" if x.dtype == np.float32 else "int64"
    bits = call("reinterpret", x, dtype=dtype)
    info = np.iinfo(dtype)
    key = _turned(cx, bits)
    last = full(info.max if nan_last else info.min, dtype)
    return call("where", call("isnan", x), last, key)  # type: ignore[no-any-return]


def of_ordered_key(cx: Any, key: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """The array of ints or bools that :func:`ordered_key` made a key of."""
    if dtype != np.uint64:
        return convert(cx, key, dtype)
    bits = cx.b.call("bitwise_xor", key, full(np.iinfo("int64").min, "int64"))
    return cx.b.call("reinterpret", bits, dtype="uint64")  # type: ignore[no-any-return]


def _turned(cx: Any, bits: Tensor) -> Tensor:
    call = cx.b.call
    least = like(bits, np.iinfo(bits.dtype).min)
    below = call("less", bits, like(bits, 0))
    return call("where", below, call("subtract", least, bits), bits)  # type: ignore[no-any-return]
