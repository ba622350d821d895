"""``np.pad``, in the modes that models use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gast
import numpy as np

from astfront.descriptions import describe
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
    end_values: Value = Static(0),
    **options: Value,
) -> Tensor:
    x = as_array(cx, array)
    how = cx.static(mode, "`mode`")
    if options or how not in ("constant", "empty", "linear_ramp", *_PLACES, *_STATISTICS):
        given = "".join(f", {name}=…" for name in options)
        named = repr(how) if isinstance(how, str) else describe(mode)
        cx.fail("AF0306", f"pad with mode {named}{given} isn't supported")
    ends = _ends_of(cx, x, end_values if how == "linear_ramp" else constant_values)
    how = "constant" if how == "empty" else how  # any numbers do
    known, _ = cx.try_static(pad_width)
    if not known:
        return _padded_by_staged(cx, x, pad_width, how, ends)
    widths = np.broadcast_to(np.asarray(cx.static(pad_width, "`pad_width`")), (x.ndim, 2)).tolist()
    if any(n < 0 for pair in widths for n in pair):
        cx.raise_python(ValueError("index can't contain negative values"))
    if how != "constant":
        for axis, (before, after) in enumerate(widths):
            if not before and not after:
                continue
            size = x.shape[axis]
            if size is None or how in ("linear_ramp", *_STATISTICS):
                x = _padded_along(cx, x, axis, Static(before), Static(after), how, ends[axis])
                continue
            places = np.pad(np.arange(size), (before, after), how)
            parts = [
                cx.b.call("take", x, constant(at), axis=axis, mode="clip") if at.size else None
                for at in (places[:before], places[before + size :])
            ]
            parts.insert(1, x)
            x = cx.b.call("concatenate", [p for p in parts if p is not None], axis=axis)
        return x
    fill = ends[0][0] if ends else Static(0)
    if any(end is not fill for pair in ends for end in pair):
        return _padded_by_staged(cx, x, Static(widths), how, ends)
    value = tensor_of(cx, operand(cx, fill), x.dtype)
    if 0 in x.shape:
        shape = [None if d is None else d + a + b for d, (a, b) in zip(x.shape, widths)]
        if None not in shape and value.const is not None:
            return constant(np.full(shape, value.const.item(), x.dtype))  # type: ignore[arg-type]
        return _padded_by_staged(cx, x, Static(widths), how, ends)
    made: Tensor = cx.b.call("nn.pad", x, value, pad_width=tuple(tuple(w) for w in widths))
    return made


Ends = Sequence[Sequence[Value]]
"""What each axis is filled with before and after it, or for ramps is to end with there."""


def _ends_of(cx: Any, x: Tensor, given: Value) -> Ends:
    known, obj = cx.try_static(given)
    if not known or np.size(obj) == 1:
        return [[given, given]] * x.ndim
    try:
        pairs = np.broadcast_to(np.asarray(obj), (x.ndim, 2))
    except ValueError as e:
        cx.raise_python(e)
    return [[Static(end) for end in pair] for pair in pairs.tolist()]


def _padded_by_staged(cx: Any, x: Tensor, pad_width: Value, how: str, ends: Ends) -> Tensor:
    """``np.pad`` with numbers that are known when the program runs, each axis after the other."""
    for axis, (before, after) in enumerate(_staged_pairs(cx, x, pad_width)):
        if all(isinstance(n, Static) and n.obj == 0 for n in (before, after)):
            continue
        if how == "constant":
            given = [x, Static(axis), before, after, *ends[axis]]
            x = cx.call(Static(folds.padded), given, {})
        else:
            x = _padded_along(cx, x, axis, before, after, how, ends[axis])
    return x


def _along_edge(n: int, before: int, after: int) -> Any:
    return np.clip(np.arange(-before, n + after), 0, n - 1)


def _along_wrap(n: int, before: int, after: int) -> Any:
    return np.arange(-before, n + after) % n


def _along_symmetric(n: int, before: int, after: int) -> Any:
    turn = np.arange(-before, n + after) % (2 * n)
    return np.where(turn >= n, 2 * n - 1 - turn, turn)


def _along_reflect(n: int, before: int, after: int) -> Any:
    period = max(2 * n - 2, 1)
    turn = np.arange(-before, n + after) % period
    return np.where(turn >= n, period - turn, turn)


#: Where the items of a padded axis come from.
_PLACES = {
    "edge": _along_edge,
    "wrap": _along_wrap,
    "symmetric": _along_symmetric,
    "reflect": _along_reflect,
}
_STATISTICS = {"mean": np.mean, "median": np.median, "maximum": np.max, "minimum": np.min}


def _require_some(x: Any, axis: int) -> None:
    if x.shape[axis] == 0:
        raise ValueError(
            f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'"
        )


def _taken_along(x: Any, axis: int, before: int, after: int, places: Any) -> Any:
    if before < 0 or after < 0:
        raise ValueError("index can't contain negative values")
    _require_some(x, axis)
    n = x.shape[axis]
    at = places(n, before, after)
    # Most of it are whole rows of what's there.
    parts = np.take(x, at[:before], axis=axis), x, np.take(x, at[before + n :], axis=axis)
    return np.concatenate(parts, axis)


def _filled_along(x: Any, axis: int, before: int, after: int, statistic: Any) -> Any:
    if before < 0 or after < 0:
        raise ValueError("index can't contain negative values")
    _require_some(x, axis)
    found = statistic(x, axis=axis, keepdims=True)
    if x.dtype.kind in "iu":
        found = np.rint(found)
    found = found.astype(x.dtype)
    return np.concatenate((np.repeat(found, before, axis), x, np.repeat(found, after, axis)), axis)


def _ramped_along(x: Any, axis: int, before: int, after: int, first: Any, last: Any) -> Any:
    if before < 0 or after < 0:
        raise ValueError("index can't contain negative values")
    _require_some(x, axis)
    edges = np.take(x, 0, axis=axis), np.take(x, -1, axis=axis)
    left = np.linspace(first, edges[0], before, endpoint=False, dtype=x.dtype, axis=axis)
    right = np.linspace(last, edges[1], after, endpoint=False, dtype=x.dtype, axis=axis)
    return np.concatenate((left, x, np.flip(right, axis)), axis)


def _padded_along(
    cx: Any,
    x: Tensor,
    axis: int,
    before: Value,
    after: Value,
    how: str,
    ends: Sequence[Value],
) -> Tensor:
    if how == "linear_ramp":
        given = [x, Static(axis), before, after, *ends]
        return cx.call(Static(_ramped_along), given, {})  # type: ignore[no-any-return]
    if how in _STATISTICS:
        given = [x, Static(axis), before, after, Static(_STATISTICS[how])]
        return cx.call(Static(_filled_along), given, {})  # type: ignore[no-any-return]
    if how != "edge":  # numpy has a way of its own of what's wider than the array
        n = cx.dim_of(x, axis)
        for width in (before, after):
            refusal = cx.error("AF0306", f"pad with mode {how!r} by more than the axis has")
            cx.require(cx.truth_value(cx.compare(gast.LtE(), width, n)), refusal)
    given = [x, Static(axis), before, after, Static(_PLACES[how])]
    return cx.call(Static(_taken_along), given, {})  # type: ignore[no-any-return]


def _staged_pairs(cx: Any, x: Tensor, pad_width: Value) -> list[list[Value]]:
    """How much goes before and after each axis."""
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
    return pairs


def _is_int(v: Value) -> bool:
    whole = isinstance(v, Tensor) and not v.ndim and v.dtype.kind in "iu"
    return whole or number_type(v) is int


def _sequence(cx: Any, v: Value) -> list[Value]:
    """The items of a sequence; what's none stands for itself."""
    known = isinstance(v, Static) and isinstance(v.obj, tuple | list)
    return cx.items_of(v) if known or isinstance(v, Tuple | List) else [v]  # type: ignore[no-any-return]
