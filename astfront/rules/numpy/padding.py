"""``np.pad``, in the modes that models use."""

from __future__ import annotations

from typing import Any

import numpy as np

from astfront.joins.leaves import number_type
from astfront.rules import folds
from astfront.rules.numpy.support import as_array, constant, numpy_rule, operand, tensor_of
from astfront.values import List, Static, Tensor, Tuple, Value


@numpy_rule(np.pad)
def pad(
    cx: Any,
    array: Value,
    pad_width: Value,
    mode: Value = Static("constant"),
    *,
    constant_values: Value = Static(0),
    **options: Value,
) -> Tensor:
    x = as_array(cx, array)
    how = cx.static(mode, "`mode`")
    if options or how not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        given = "".join(f", {name}=…" for name in options)
        cx.fail("AF0306", f"pad with mode {how!r}{given} isn't supported")
    known, _ = cx.try_static(pad_width)
    if not known and how == "constant":
        return _padded_by_staged(cx, x, pad_width, constant_values)
    widths = np.broadcast_to(np.asarray(cx.static(pad_width, "`pad_width`")), (x.ndim, 2)).tolist()
    if any(n < 0 for pair in widths for n in pair):
        cx.raise_python(ValueError("index can't contain negative values"))
    if how != "constant":
        for axis, (before, after) in enumerate(widths):
            if not before and not after:
                continue
            size = x.shape[axis]
            if size is None:
                raise cx.error("AF0306", f"pad with mode {how!r} of an axis whose size isn't known")
            places = np.pad(np.arange(size), (before, after), how)
            x = cx.b.call("take", x, constant(places), axis=axis, mode="clip")
        return x
    known, given = cx.try_static(constant_values)
    if known and np.size(given) > 1:
        cx.fail("AF0306", "pad with several constants isn't supported")
    value = tensor_of(cx, operand(cx, constant_values), x.dtype)
    if 0 in x.shape:
        shape = [None if d is None else d + a + b for d, (a, b) in zip(x.shape, widths)]
        if None not in shape and value.const is not None:
            return constant(np.full(shape, value.const.item(), x.dtype))  # type: ignore[arg-type]
        cx.fail("AF0306", "pad of an empty array isn't supported")
    made: Tensor = cx.b.call("nn.pad", x, value, pad_width=tuple(tuple(w) for w in widths))
    return made


def _padded_by_staged(cx: Any, x: Tensor, pad_width: Value, constant_values: Value) -> Tensor:
    """``np.pad`` with numbers that are known when the program runs, each axis after the other."""
    rows = _sequence(cx, pad_width)
    pairs = [_sequence(cx, row) for row in rows]
    if not all(_is_int(n) for pair in pairs for n in pair):
        cx.static(pad_width, "`pad_width`")
    if any(isinstance(row, Tuple | List) for row in rows):
        pairs = [pair * 2 if len(pair) == 1 else pair for pair in pairs]
    else:
        pairs = [rows * 2 if len(rows) == 1 else rows]
    pairs = pairs * x.ndim if len(pairs) == 1 else pairs
    if len(pairs) != x.ndim or any(len(pair) != 2 for pair in pairs):
        cx.raise_python(ValueError("operands could not be broadcast together"))
    for axis, (before, after) in enumerate(pairs):
        x = cx.call(Static(folds.padded), [x, Static(axis), before, after, constant_values], {})
    return x


def _is_int(v: Value) -> bool:
    whole = isinstance(v, Tensor) and not v.ndim and v.dtype.kind in "iu"
    return whole or number_type(v) is int


def _sequence(cx: Any, v: Value) -> list[Value]:
    """The items of a sequence; what's none stands for itself."""
    known = isinstance(v, Static) and isinstance(v.obj, tuple | list)
    return cx.items_of(v) if known or isinstance(v, Tuple | List) else [v]  # type: ignore[no-any-return]
