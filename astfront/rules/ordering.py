"""min(), max() and sorted(), of what is staged too."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Sequence
from typing import Any

import gast
import numpy as np

from astfront.containers.grown import leaf_buffers
from astfront.contents import Items
from astfront.identity import sources_of_item
from astfront.joins.leaves import Leaf
from astfront.rules import folds
from astfront.rules.builtins import copy_list, known_items
from astfront.rules.registry import rule
from astfront.values import FALSE, List, Scalar, Static, Tensor, Tuple, Unbound, Value, is_none

_FOLDS: dict[tuple[str, bool], Any] = {
    ("min", False): folds.smallest,
    ("max", False): folds.largest,
    ("min", True): folds.smallest_by,
    ("max", True): folds.largest_by,
}


def _chosen(cx: Any, name: str, items: Sequence[Value], keys: Sequence[Any]) -> Value:
    """The item itself, not a copy of it, whose known key is the least or the largest."""
    place: Any = cx.run_python(getattr(builtins, name), range(len(items)), key=keys.__getitem__)
    return items[place.obj]


def _extreme(
    cx: Any, name: str, args: Sequence[Value], key: Value | None, default: Value | None
) -> Value:
    items = list(args)
    if len(args) == 1:
        in_any_order = key is None or is_none(key)
        iterable, found = known_items(cx, args[0], in_any_order)
        if found is None:
            if not isinstance(iterable, List | Tensor):
                iterable = copy_list(cx, iterable)
            by_key = key is not None and not is_none(key)
            fold, given = _FOLDS[name, by_key], [iterable, key] if by_key else [iterable]
            if default is None:
                return cx.call(Static(fold), given, {})
            some = cx.truth_value(cx.length(iterable))
            return cx.stage_if(some, lambda: cx.call(Static(fold), given, {}), lambda: default)
        items = found
    if not items and default is not None:
        return default
    if not items:
        cx.raise_python(ValueError(f"{name}() arg is an empty sequence"))
    if key is not None or not all(cx.is_number(i) for i in items):
        known = [cx.try_static(i) for i in items]
        if all(k for k, _ in known) and key is None:
            return _chosen(cx, name, items, [obj for _, obj in known])
    if key is not None and not (isinstance(key, Static) and key.obj is None):
        keys = [cx.call(key, [i], {}) for i in items]
        known = [cx.try_static(k) for k in keys]
        if all(k for k, _ in known):
            return _chosen(cx, name, items, [obj for _, obj in known])
        pair: Any = Tuple((items[0], keys[0]))
        for item, k in zip(items[1:], keys[1:]):
            op = gast.Lt() if name == "min" else gast.Gt()
            better = cx.truth_value(cx.compare(op, k, pair.items[1]))
            new = Tuple((item, k))
            pair = cx.stage_if(better, lambda new=new: new, lambda old=pair: old)
        return pair.items[0]  # type: ignore[no-any-return]
    best: Any = items[0]
    for item in items[1:]:
        best = _better(cx, name, item, best)
    return best


def _better(cx: Any, name: str, item: Any, best: Any) -> Any:
    """The first of two values, where it's strictly better: NaN never is, and nothing than NaN."""
    numbers = cx.is_number(item) and cx.is_number(best)
    is_staged = numbers and (isinstance(item, Scalar) or isinstance(best, Scalar))
    kinds = {_number_type(v) for v in (item, best)} if is_staged else set()
    if kinds in ({int}, {bool}):
        (kind,) = kinds
        operands = [cx.as_scalar(v, kind) for v in (best, item)]
        return Scalar(cx.b.call("minimum" if name == "min" else "maximum", *operands).expr, kind)
    op = gast.Lt() if name == "min" else gast.Gt()
    better = cx.truth_value(cx.compare(op, item, best))
    if kinds == {float}:
        operands = [cx.as_scalar(v, float) for v in (item, best)]
        return Scalar(cx.b.call("where", better, *operands).expr, float)
    return cx.stage_if(better, lambda: item, lambda: best)


def _number_type(v: Any) -> type:
    return v.type if isinstance(v, Scalar) else type(v.obj)


@rule(min)
def min_(cx: Any, *args: Value, key: Value | None = None, default: Value | None = None) -> Value:
    return _extreme(cx, "min", args, key, default)


@rule(max)
def max_(cx: Any, *args: Value, key: Value | None = None, default: Value | None = None) -> Value:
    return _extreme(cx, "max", args, key, default)


@rule(sorted)
def sorted_(cx: Any, iterable: Value, key: Value | None = None, reverse: Value = FALSE) -> Value:
    if key is not None and is_none(key):
        key = None
    iterable, found = known_items(cx, iterable, in_any_order=key is None)
    if found is None:
        return _sorted_grown(cx, copy_list(cx, iterable), key, cx.static(reverse))
    items: list[Value] = found
    keys = items if key is None else [cx.call(key, [i], {}) for i in items]
    if not all(cx.try_static(k)[0] for k in keys) and all(map(cx.is_number, keys)):
        return sorted_by_numbers(cx, items, keys, cx.static(reverse))
    known = [cx.try_static(k) for k in keys]
    if all(k for k, _ in known):
        turned = cx.static(reverse)
        order: Any = cx.run_python(
            sorted, range(len(items)), key=lambda n: known[n][1], reverse=turned
        )
        return cx.heap.new_list([items[n] for n in cx.static(order)])

    def before(i: int, j: int) -> int:
        """What Python asks for when it sorts is only ever whether one is less than another."""
        for sign, a, b in ((-1, i, j), (1, j, i)):
            less = cx.truth(cx.compare(gast.Lt(), keys[a], keys[b]))
            if isinstance(less, Scalar):
                raise _Staged
            if less:
                return sign
        return 0

    turned, checkpoint = cx.static(reverse), cx.checkpoint()
    try:
        places = sorted(range(len(items)), key=functools.cmp_to_key(before), reverse=turned)
    except _Staged:
        cx.rewind(checkpoint)
        return _sorted_few(cx, items, keys, turned)
    return cx.heap.new_list([items[n] for n in places])


class _Staged(Exception):
    """Data decides which of two is less."""


def _sorted_few(cx: Any, items: Sequence[Value], keys: Sequence[Value], reverse: bool) -> Value:
    """Items whose number is known, in an order that isn't."""
    order = _order_by(cx, List(cx.heap.new(cx.as_grown(Items(tuple(keys))))), reverse)
    grown = cx.items_at(cx.as_grown(Items(tuple(items))), order)
    if sources_of_item(grown.element):
        # What's in it changes with the list (``parts.py``), as long as it's read from it.
        return List(cx.heap.new(cx.of_length(grown, len(items))))
    return cx.heap.new_list([cx.grown_element(grown, Static(i)) for i in range(len(items))])


def _sorted_grown(cx: Any, v: Any, key: Value | None, reverse: bool) -> Value:
    """A list whose length is known at run time only."""
    content = cx.heap[v.cell]
    keys = v if key is None else cx.call(Static(folds.mapped), [v, key], {})
    if isinstance(cx.heap[keys.cell].element, Unbound | Static):
        return v  # type: ignore[no-any-return]
    return List(cx.heap.new(cx.items_at(content, _order_by(cx, keys, reverse))))


def _order_by(cx: Any, keys: List, reverse: bool) -> Tensor:
    """The places of keys in order: numbers, tuples of numbers, or whatever else can be compared."""
    content = cx.heap[keys.cell]
    if not _is_of_numbers(content.element):
        places = cx.call(Static(folds.order_by_comparing), [keys, Static(reverse)], {})
        return cx.stack_of(cx.heap[places.cell])  # type: ignore[no-any-return]
    # A stable sort by the last number, then by the one before it: the first decides.
    order: Any = None
    for _, (column,) in reversed(list(leaf_buffers(content))):
        numbers = column.as_kind("array")
        if order is not None:
            numbers = cx.b.call("take", numbers, order, axis=0, mode="clip")
        step = _order(cx, numbers, reverse)
        order = step if order is None else cx.b.call("take", order, step, axis=0, mode="clip")
    return order  # type: ignore[no-any-return]


def _is_of_numbers(element: Value) -> bool:
    if isinstance(element, Tuple):
        return all(map(_is_of_numbers, element.items))
    if isinstance(element, Leaf):
        return element.shape == () and element.kind in ("array", "generic")
    return isinstance(element, Static)


def _order(cx: Any, numbers: Tensor, reverse: bool) -> Tensor:
    """The places of numbers in Python's order, which is stable, in reverse too."""
    if reverse and numbers.dtype == np.uint64:
        cx.fail("AF0205", "sorted() of uint64, in reverse")
    if reverse:
        if numbers.dtype.kind != "f":
            numbers = cx.cast(numbers, np.dtype("int64"))
        numbers = cx.call(Static(np.negative), [numbers], {})
    return cx.call(Static(np.argsort), [numbers], {"kind": Static("stable")})  # type: ignore[no-any-return]


def sorted_by_numbers(cx: Any, items: list[Value], keys: list[Value], reverse: bool) -> Value:
    kinds = {_number_type(k) for k in keys}
    kind = float if float in kinds else int
    numbers = [cx.as_scalar(k, kind) for k in keys]
    return _sorted_few(cx, items, numbers, reverse)
