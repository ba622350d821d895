"""Arrays of one size along a new axis, as ``np.array`` and ``np.stack`` put them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import gast
import numpy as np

from astfront.diagnostics import CompileError
from astfront.rules.numpy.support import convert, require_equal, run_numpy
from astfront.values import Static, Tensor, Value


def of_objects(cx: Any) -> Any:
    """Where it's told no dtype, numpy makes one of objects of arrays whose sizes differ."""
    return cx.error(
        "AF0307",
        "an array of arrays of different sizes is one of objects",
        help="keep them in a list, or pad them to one size",
    )


def stacked(cx: Any, items: Sequence[Tensor], typed: bool) -> Tensor:
    """Items of a list as rows; unlike ``np.stack`` their dtypes are those of separate arrays."""
    dtype = np.result_type(*(x.dtype for x in items))
    if len({x.ndim for x in items}) > 1 or _differ(items):
        if all(x.is_static_shape for x in items):
            # numpy may take them for objects, or for an error.
            shapes = [np.broadcast_to(np.zeros((), dtype), x.shape) for x in items]  # type: ignore[arg-type]
            run_numpy(cx, _array_of, [], [shapes, dtype if typed else None], {})
        if typed:
            cx.raise_python(ValueError("setting an array element with a sequence"))
        raise of_objects(cx)
    return stack_tensors(
        cx, [convert(cx, x, dtype) for x in items], 0, None if typed else of_objects(cx)
    )


def _differ(items: Sequence[Tensor]) -> bool:
    """Whether the sizes of tensors of one rank differ for certain."""
    return any(len(set(sizes) - {None}) > 1 for sizes in zip(*(x.shape for x in items)))


def _array_of(items: Sequence[Any], dtype: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.array(items, dtype)


def stack_tensors(
    cx: Any, items: Sequence[Tensor], axis: int, refusal: CompileError | None = None
) -> Tensor:
    """Tensors of one rank and dtype along a new axis; ``refusal`` for sizes that differ."""
    message = "all input arrays must have the same shape"
    require_same_sizes(cx, items, (), message, refusal)
    made = cx.b.call("stack", list(items), axis=axis)
    shape = joint_shape(items)
    made = cx.b.refine(made, (*shape[:axis], len(items), *shape[axis:]))
    return made  # type: ignore[no-any-return]


def require_same_sizes(
    cx: Any,
    items: Sequence[Tensor],
    but: Sequence[int],
    message: str,
    refusal: CompileError | None = None,
) -> None:
    """A ValueError, or the refusal, unless all have the same sizes, but for the axes ``but``."""
    for axis in range(items[0].ndim):
        if axis in but:
            continue
        known = {x.shape[axis] for x in items} - {None}
        if len(known) > 1:
            cx.raise_python(ValueError(message))
        staged = [x for x in items if x.shape[axis] is None]
        if not staged:
            continue
        first: Value = Static(known.pop()) if known else cx.dim_of(staged.pop(0), axis)
        seen: list[Any] = []
        for x in staged:
            if not any(x.expr is s for s in seen):
                seen.append(x.expr)
                if refusal is not None:
                    cx.require(cx.compare(gast.Eq(), cx.dim_of(x, axis), first), refusal)
                else:
                    require_equal(cx, cx.dim_of(x, axis), first, message)


def joint_shape(items: Sequence[Tensor]) -> list[int | None]:
    """The sizes that items known to have the same sizes have."""
    return [
        next((x.shape[a] for x in items if x.shape[a] is not None), None)
        for a in range(items[0].ndim)
    ]
