"""Lists that numpy takes as arrays, whose items are of one type on some ways, another on others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from astfront.contents import GrownList, Items
from astfront.joins.leaves import has_rows, item_types
from astfront.rules import folds
from astfront.values import List, Option, Static, Tensor, Tuple, Value


def mixed_items(cx: Any, value: Value, target: Any) -> Value:
    """A list in which a number is of one of several types, as a tuple: numpy takes either.

    One that grew in a kept loop comes as one of several arrays.
    """
    if not isinstance(value, List) or getattr(target, "__module__", None) != "numpy":
        return value
    content = cx.heap[value.cell]
    if isinstance(content, GrownList):
        return _stacked(cx, value, content)
    if target in (np.array, np.asarray, np.asanyarray):
        return value  # which take the items one by one: the ways don't multiply
    items = content.items if isinstance(content, Items) else ()
    mixed = [x for x in items if isinstance(x, Option)]
    if not mixed or not all(_is_of_numbers(cx, x) for x in mixed):
        return value
    return Tuple(tuple(items))


def _is_of_numbers(cx: Any, v: Value) -> bool:
    if isinstance(v, Option):
        return _is_of_numbers(cx, v.value) and _is_of_numbers(cx, v.absent)
    if isinstance(v, Static) and isinstance(v.obj, np.generic):
        return True
    return cx.is_number(v) or (isinstance(v, Tensor) and v.shape == ())


def _stacked(cx: Any, value: List, content: GrownList) -> Value:
    if has_rows(content.element):
        made = cx.call(Static(folds.arrays), [value], {})
        if not isinstance(made, List):
            return value
        value, held = made, cx.heap[made.cell]
        if not isinstance(held, GrownList):
            return Tuple(tuple(cx.items_of(made)))
        content = held
    types = item_types(content.element)
    if not isinstance(content.element, Option) or len({shape for shape, _ in types}) != 1:
        return value
    joint = _joint([dtype for _, dtype in types])
    return cx.call(Static(folds.of_dtypes), [value, Static(joint)], {})  # type: ignore[no-any-return]


def _joint(dtypes: Sequence[np.dtype[Any]]) -> tuple[tuple[np.dtype[Any], Any], ...]:
    """The dtypes of numpy's arrays of items of some of these: see :func:`folds.of_dtypes`."""
    sizes = range(1, len(dtypes) + 1)
    found = {np.result_type(*some) for n in sizes for some in itertools.combinations(dtypes, n)}
    taken = [(made, tuple(d for d in dtypes if np.result_type(d, made) == made)) for made in found]
    return tuple(sorted(taken, key=lambda choice: (len(choice[1]), choice[0].str)))
