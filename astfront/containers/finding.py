"""Items found in lists whose length is staged: ``x in xs``, ``xs.index(x)``, ``xs.count(x)`` …"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gast
import numpy as np

from astfront.contents import ByValue, GrownList, Items
from astfront.joins.leaves import Leaf
from astfront.joins.options import alternatives
from astfront.machine import Machine
from astfront.numbers import NUMBERS
from astfront.values import List, Option, Scalar, Static, Tensor, Value


class Finding(Machine):
    def found_in_a_loop(self, fold: Callable[..., Any], v: Value, item: Value) -> Value | None:
        """``fold(v, item)``, which compares items by ``==``; None where another way is needed.

        Python takes the same object as equal, too. So items have to be of a kind of which equal ones are
        as good as one: numbers, and tuples and lists of them. NaN is refused when the program meets it.
        """
        content = self.heap[v.cell] if isinstance(v, List) else None
        if not isinstance(content, GrownList) or not self.has_grown(v):
            return None
        if not self._can_compare(content.element, item):
            return None
        for number in _floats_in(self, item):
            isnt_nan = self.truth(self.compare(gast.Eq(), number, number))
            message = "NaN is looked for in a list that grew: whether it's the same NaN isn't known"
            ok = isnt_nan if isinstance(isnt_nan, Scalar) else Static(isnt_nan)
            self.require(ok, self.error("AF0207", message))
        return self.call(Static(fold), [v, item], {})  # type: ignore[no-any-return]

    def _can_compare(self, element: Value, item: Value) -> bool:
        """Whether an item of a list of such elements is one of them as soon as it equals one."""
        if isinstance(element, Option):
            return all(self._can_compare(v, item) for v in alternatives(element))
        if _is_number(element) or _is_name(element):
            return _is_number(item) or _is_name(item)
        if self.is_tuple(element) and self.is_tuple(item):
            pairs = zip(self.items_of(element), self.items_of(item))
            return all(self._can_compare(x, y) for x, y in pairs)
        if isinstance(element, ByValue) and isinstance(item, List):
            content = element.content
            if isinstance(content, Items):
                ints = all(_is_int(x) for x in content.items)
            else:
                ints = isinstance(content, GrownList) and _is_int(content.element)
            return ints and self.holds_ints(item)
        return False


def _is_number(v: Value) -> bool:
    """Whether it's a number, Python's or numpy's, or the place of one in a template."""
    if isinstance(v, Static):
        return isinstance(v.obj, (*NUMBERS, np.number, np.bool_))
    if isinstance(v, Leaf):
        return v.scalar is not None or v.kind == "generic"
    return isinstance(v, Scalar) or (isinstance(v, Tensor) and v.kind == "generic")


def _is_name(v: Value) -> bool:
    return isinstance(v, Static) and (v.obj is None or isinstance(v.obj, str))


def _is_int(v: Value) -> bool:
    kind = v.scalar if isinstance(v, Leaf) else getattr(v, "type", type(getattr(v, "obj", None)))
    return kind in (int, bool)


def _floats_in(cx: Any, v: Value) -> Iterator[Value]:
    """The floats of an item, any of which may be NaN."""
    if cx.is_tuple(v):
        for x in cx.items_of(v):
            yield from _floats_in(cx, x)
    elif isinstance(v, Scalar):
        if v.type is float:
            yield v
    elif isinstance(v, Tensor):
        if v.dtype.kind in "fc":
            yield v
    elif isinstance(v, Static) and isinstance(v.obj, float | np.floating):
        yield v
