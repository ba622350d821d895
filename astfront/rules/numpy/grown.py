"""Lists that grew in kept loops, as numpy takes them: their items are stacked already."""

from __future__ import annotations

from typing import Any

import numpy as np

from astfront.contents import ByValue, GrownList
from astfront.joins.leaves import Leaf
from astfront.rules import folds
from astfront.values import SCALAR_DTYPES, UNBOUND, List, Static, Tensor, Tuple, Value


def grown_list(cx: Any, v: Value, may_be_empty: bool = False) -> GrownList | None:
    """A list of arrays, or of rows of numbers, that grew in a kept loop; ``None`` for other values."""
    content = cx.heap[v.cell] if isinstance(v, List) else None
    if not isinstance(content, GrownList):
        return None
    if content.element is UNBOUND:
        return content if may_be_empty else cx.raise_python(NO_ARRAYS)  # type: ignore[no-any-return]
    if isinstance(content.element, Static) and type(content.element.obj) in SCALAR_DTYPES:
        content = _with_rows(cx, content)
    if isinstance(content.element, Tuple | ByValue):
        content = cx.heap[cx.call(Static(folds.arrays), [v], {}).cell]
    if not isinstance(content.element, Leaf) or content.element.kind not in ("array", "generic"):
        cx.fail("AF0208", "the items of a list that grew in a kept loop aren't arrays")
    return content


def rows_of(cx: Any, v: Value) -> Value:
    """An array of a staged number of rows as the list of them, which numpy takes it for."""
    if isinstance(v, Tensor) and v.ndim and v.shape[0] is None:
        return cx.call(Static(list), [v], {})  # type: ignore[no-any-return]
    return v


def _with_rows(cx: Any, content: GrownList) -> GrownList:
    """A list that holds one known number, over and over, with that number in rows."""
    number = content.element.obj  # type: ignore[attr-defined]
    dtype = SCALAR_DTYPES[type(number)]
    size = cx.tuple([content.length])
    rows = cx.call(Static(np.full), [size, content.element, Static(dtype)], {})
    return GrownList(Leaf((), dtype, scalar=type(number)), (rows,), content.length)


NO_ARRAYS = ValueError("need at least one array to concatenate")
UNEVEN = ValueError(
    "all input array dimensions except for the concatenation axis must match exactly"
)


def grown(cx: Any, v: Value) -> Tensor | None:
    """The elements of a list that grew in a kept loop, stacked; ``None`` for any other value."""
    content = grown_list(cx, v)
    if content is None:
        return None
    rows: Tensor = cx.uniform_rows(content, NO_ARRAYS, UNEVEN)
    return rows
