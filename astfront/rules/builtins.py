"""Python's builtins that walk over values and gather them, where an argument is staged or changed."""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import gast
import numpy as np

from astfront.contents import Names
from astfront.descriptions import describe
from astfront.joins.join import Join
from astfront.rules import folds, keyed
from astfront.rules.objects import class_of
from astfront.rules.registry import pure, rule
from astfront.values import (
    NONE,
    Dict,
    DictView,
    Generator,
    Iterator,
    List,
    Object,
    Range,
    Scalar,
    Set,
    Slice,
    Static,
    Tensor,
    Tuple,
    Value,
)

_PURE = "ascii bin bytes callable chr complex frozenset hash hex oct ord pow"
pure(*(getattr(builtins, n) for n in _PURE.split()))


@rule(len)
def len_(cx: Any, x: Value) -> Value:
    if isinstance(x, Iterator) and x.cell is not None:
        cx.raise_python(TypeError(f"a {x.name} that's walked over once has no len()"))
    return cx.length(x)


@rule(range)
def range_(cx: Any, first: Value, second: Value | None = None, step: Value = Static(1)) -> Value:
    start, stop = (Static(0), first) if second is None else (first, second)
    parts: list[Any] = [
        cx.tensor_to_scalar(p) if isinstance(p, Tensor) else p for p in (start, stop, step)
    ]
    for part in parts:
        bad = isinstance(part, Scalar) and part.type is float
        if bad or (isinstance(part, Static) and not isinstance(part.obj, int | np.integer)):
            cx.raise_python(TypeError(f"{describe(part)} cannot be interpreted as an integer"))
    if all(isinstance(p, Static) for p in parts):
        return cx.run_python(range, *(p.obj for p in parts))
    wrong = ValueError("range() arg 3 must not be zero")
    cx.check(cx.truth_value(cx.compare(gast.NotEq(), parts[2], Static(0))), wrong)
    return Range(*parts)


@rule(enumerate)
def enumerate_(cx: Any, iterable: Value, start: Value = Static(0)) -> Value:
    start = cx.call(Static(operator.index), [start], {})
    if isinstance(iterable, Generator):
        counter = cx.heap.new(Names({"i": start}))

        def numbered(value: Value) -> Value:
            i = cx.heap.lookup(counter, "i")
            cx.heap.bind(counter, "i", cx.binary_op(operator.add, i, Static(1)))
            return cx.tuple([i, value])

        return cx.mapped(iterable, numbered, counter)
    inner = cx.iterator_of(iterable)

    def item(i: Value) -> Value:
        return cx.tuple([cx.binary_op(operator.add, start, i), inner.item(i)])

    made = Iterator(inner.length, item, "enumerate", inner.sources, arrays=inner.arrays)
    return cx.once(replace(made, ended=lambda: cx.exhausted(iterable)))


@rule(zip)
def zip_(cx: Any, *iterables: Value) -> Value:
    return _side_by_side(cx, iterables, cx.tuple, "zip") if iterables else Static(())


def _side_by_side(
    cx: Any, iterables: Sequence[Value], made: Callable[[list[Value]], Value], name: str
) -> Value:
    """What is ``made`` of an item of each at a time, up to the end of the shortest."""
    if _is_one_iterator(iterables):
        return cx.once(_in_groups(cx, iterables[0], len(iterables), made, name))  # type: ignore
    starts = [cx.position(x) for x in iterables]
    inner = [cx.iterator_of(x) for x in iterables]
    lengths = [x.length for x in inner]
    length = functools.reduce(lambda a, b: minimum(cx, a, b), lengths)
    sources = tuple(s for x in inner for s in x.sources)
    arrays = tuple(a for x in inner for a in x.arrays)
    items = Iterator(
        length,
        lambda i: made([x.item(i) for x in inner]),
        name,
        sources,
        arrays=arrays,
        ended=lambda: cx.side_by_side_ended(iterables, starts, lengths),
    )
    _leave_rest(cx, iterables, lengths)
    return cx.once(items)  # type: ignore[no-any-return]


def _is_one_iterator(iterables: Sequence[Value]) -> bool:
    """Whether they're one of Python's iterators, several times."""
    cells = {x.cell if isinstance(x, Iterator) else None for x in iterables}
    return len(iterables) > 1 and len(cells) == 1 and None not in cells


def _in_groups(
    cx: Any, walker: Value, size: int, made: Callable[[list[Value]], Value], name: str
) -> Iterator:
    """What is ``made`` of ``size`` items of an iterator at a time; what is left over is taken, too."""
    inner = cx.iterator_of(walker)
    length = cx.binary_op(operator.floordiv, inner.length, Static(size))

    def item(i: Value) -> Value:
        first = cx.binary_op(operator.mul, i, Static(size))
        places = [cx.binary_op(operator.add, first, Static(k)) for k in range(size)]
        return made([inner.item(place) for place in places])

    groups = Iterator(length, item, name, inner.sources, arrays=inner.arrays)
    return replace(groups, ended=lambda: cx.exhausted(walker))


def _leave_rest(cx: Any, iterables: Sequence[Value], lengths: Sequence[Value]) -> None:
    """Of a generator that is longer than others beside it, something is left: it can't go on here."""
    known = [x.obj for x in lengths if isinstance(x, Static)]
    for i, iterable in enumerate(iterables):
        used_up = len(known) == len(lengths) and known[i] <= min(known) + (
            min(known) in known[i + 1 :]
        )
        if used_up or len(lengths) < 2:
            continue
        if isinstance(iterable, Generator):
            cx.heap.bind(iterable.cell, "taken", NONE)
        elif cx.is_walked_over(iterable):
            cx.fail("AF0503", f"{describe(iterable)} beside what may be shorter isn't supported")


def minimum(cx: Any, a: Value, b: Value) -> Value:
    """The smaller of two lengths."""
    if isinstance(a, Static) and isinstance(b, Static):
        return Static(min(a.obj, b.obj))
    return Scalar(cx.b.call("minimum", cx.as_scalar(a, int), cx.as_scalar(b, int)).expr, int)


@rule(reversed)
def reversed_(cx: Any, sequence: Value) -> Value:
    inner = cx.iterator_of(sequence)

    def item(i: Value) -> Value:
        last = cx.binary_op(operator.sub, inner.length, Static(1))
        return inner.item(cx.binary_op(operator.sub, last, i))

    return cx.once(Iterator(inner.length, item, "reversed", inner.sources, arrays=inner.arrays))


@rule(map)
def map_(cx: Any, f: Value, *iterables: Value) -> Value:
    if len(iterables) == 1 and isinstance(iterables[0], Generator):
        return cx.mapped(iterables[0], lambda value: cx.call(f, [value], {}))
    return _side_by_side(cx, iterables, lambda items: cx.call(f, items, {}), "map")


@rule(functools.reduce)
def reduce_(cx: Any, f: Value, iterable: Value, initial: Value | None = None) -> Value:
    iterable, found = known_items(cx, iterable)
    if found is None:
        given = [f, iterable] if initial is None else [f, iterable, initial]
        fold = folds.reduced if initial is None else folds.reduced_from
        return cx.call(Static(fold), given, {})
    items = found if initial is None else [initial, *found]
    if not items:
        cx.raise_python(TypeError("reduce() of empty iterable with no initial value"))
    return functools.reduce(lambda a, b: cx.call(f, [a, b], {}), items)


@rule(filter)
def filter_(cx: Any, f: Value, iterable: Value) -> Value:
    iterable, found = known_items(cx, iterable)
    kept, checkpoint = [], cx.checkpoint()
    for item in found or ():
        value = item if isinstance(f, Static) and f.obj is None else cx.call(f, [item], {})
        truth = cx.truth(value)
        if isinstance(truth, Scalar):
            cx.rewind(checkpoint)
            iterable, found = cx.heap.new_list(found), None
            break
        if truth:
            kept.append(item)
    if found is None:
        return cx.once(cx.iterator_of(cx.call(Static(folds.filtered), [f, iterable], {})))
    return cx.once(cx.iterator_of(cx.heap.new_list(kept)))


@rule(iter)
def iter_(cx: Any, x: Value, sentinel: Value | None = None) -> Value:
    if sentinel is not None:
        return cx.call(Static(_up_to), [x, sentinel], {})  # type: ignore[no-any-return]
    x = cx.iter_of(x)
    if isinstance(x, Generator) or (isinstance(x, Iterator) and x.cell is not None):
        return x
    return cx.once(cx.iterator_of(x))


def _up_to(function: Callable[[], Any], sentinel: Any) -> Iterable[Any]:
    while True:
        found = function()
        if found == sentinel:
            return
        yield found


@rule(next)
def next_(cx: Any, x: Value, default: Value | None = None) -> Value:
    if isinstance(x, Iterator):
        return cx.next_item(x, default)
    if isinstance(x, Object) and hasattr(x.cls, "__next__"):
        method = cx.get_attribute(x, "__next__")
        if default is None:
            return cx.call(method, [], {})
        stepped = cx.attempt(lambda: cx.call(method, [], {}), StopIteration)
        return default if stepped is None else stepped
    if not isinstance(x, Generator):
        cx.raise_python(TypeError(f"'{class_of(cx, x).__name__}' object is not an iterator"))
    generator = x

    def first() -> Value:
        found = cx.next_of(generator)
        if found is None and default is None:
            cx.raise_python(StopIteration())
        return default if found is None else found  # type: ignore[no-any-return, return-value]

    if default is None:
        return cx.searched(x, "first", first, Static(StopIteration))  # type: ignore[no-any-return]
    return cx.searched(x, "next", first, default)  # type: ignore[no-any-return]


@rule(list)
def list_(cx: Any, iterable: Value = Static(())) -> Value:
    return copy_list(cx, iterable)


def copy_list(cx: Any, iterable: Value) -> Value:
    iterable = cx.iter_of(iterable)
    if isinstance(iterable, Generator):
        return cx.listed(iterable)
    if isinstance(iterable, List):
        return cx.listed_copy(iterable)
    if _has_staged_keys(cx, iterable):
        return cx.call(Static(folds.listed), [iterable], {})  # type: ignore[no-any-return]
    iterator = None
    if isinstance(iterable, Tensor | Range | Iterator):
        iterator = cx.iterator_of(iterable)
        cx.exhausted(iterable)
        iterable = iterator if isinstance(iterable, Iterator) else iterable
    if iterator is None or isinstance(iterator.length, Static):
        return cx.heap.new_list(cx.items_of(iterable))
    if isinstance(iterable, Tensor) and iterable.ndim:
        kind = "generic" if iterable.ndim == 1 and iterable.kind == "array" else iterable.kind
        first = cx.tensor_row(iterable, Static(0))
        element: Any = Join(cx.heap).value(first, first, whole=True)
        return List(cx.heap.new(cx.rows_as_list(iterable, replace(element, kind=kind))))
    return cx.call(Static(folds.listed), [iterable], {})  # type: ignore[no-any-return]


def _has_staged_keys(cx: Any, v: Value) -> bool:
    """Whether it's a dict or set, or a view of one, that has a staged number of keys."""
    owner = v.of if isinstance(v, DictView) else v
    return isinstance(owner, Dict) and not isinstance(cx.length(owner), Static)


@rule(tuple)
def tuple_(cx: Any, iterable: Value = Static(())) -> Value:
    return cx.turned_into_tuple(copy_list(cx, iterable))  # type: ignore[no-any-return]


@rule(set)
def set_(cx: Any, iterable: Value = Static(())) -> Value:
    iterable, items = known_items(cx, iterable, in_any_order=True)
    if items is None or not all(cx.try_static(item)[0] for item in items):
        made = cx.heap.new_set(())
        cx.keyed(made, "added", iterable)
        return made  # type: ignore[no-any-return]
    return cx.heap.new_set(cx.static(i, "an item of a set") for i in items)  # type: ignore[no-any-return]


@rule(frozenset)
def frozenset_(cx: Any, iterable: Value = Static(())) -> Value:
    return Static(frozenset(cx.static(set_(cx, iterable))))


@rule(dict)
def dict_(cx: Any, *args: Value, **kwargs: Value) -> Value:
    args = tuple(as_dict(cx, arg) for arg in args)
    if any(map(cx.is_keyed, args)):
        made = cx.heap.new_dict()
        cx.update_keyed(made, args, kwargs)
        return made  # type: ignore[no-any-return]
    made = cx.heap.new_dict()
    for arg in args:
        cx.update_entries(made, cx.as_dict(arg))
    for key, value in kwargs.items():
        cx.set_entry(made, key, value)
    return made  # type: ignore[no-any-return]


def as_dict(cx: Any, arg: Value) -> Value:
    """A dict of the pairs that ``dict`` or ``update`` is given, whose keys may be staged."""
    if isinstance(arg, Dict) or (isinstance(arg, Object) and hasattr(arg.cls, "keys")):
        return arg
    found = None
    if not isinstance(arg, Generator):
        arg, found = known_items(cx, arg)
    items = {}
    for i, pair in enumerate(found or ()):
        parts = cx.items_of(pair, 2)
        if len(parts) != 2:
            wrong = f"element #{i} has length {len(parts)}; 2 is required"
            cx.raise_python(ValueError(f"dictionary update sequence {wrong}"))
        known, key = cx.try_static(parts[0])
        if not known:
            arg, found = cx.heap.new_list(found), None
            break
        items[key] = parts[1]
    if found is None:
        return cx.call(Static(folds.keyed), [arg], {})  # type: ignore[no-any-return]
    return cx.heap.new_dict(items)  # type: ignore[no-any-return]


def known_items(
    cx: Any, iterable: Value, in_any_order: bool = False
) -> tuple[Value, list[Value] | None]:
    """What is walked over, and its items where their number is known while compiling.

    Where it's a set, whether what's done with them is the same in any order.
    """
    if in_any_order and isinstance(iterable, Set) and cx.has_staged_keys(iterable):
        iterable = cx.call(Static(keyed.keys), [cx.pairs_in(iterable)], {})
    iterable = cx.iter_of(iterable)
    if isinstance(iterable, Generator):
        iterable = cx.listed(iterable)
    if _has_staged_keys(cx, iterable):
        iterable = copy_list(cx, iterable)
    if isinstance(iterable, Static | Tuple | Dict):
        return iterable, cx.items_of(iterable)
    iterator = cx.iterator_of(iterable)
    cx.exhausted(iterable)
    if not isinstance(iterator.length, Static):
        return iterator if isinstance(iterable, Iterator) else iterable, None
    return iterable, [iterator.item(Static(i)) for i in range(iterator.length.obj)]


@rule(sum)
def sum_(cx: Any, iterable: Value, start: Value = Static(0)) -> Value:
    items = None
    if not cx.is_of_optional_keys(iterable):
        iterable, items = known_items(cx, iterable, in_any_order=True)
    if items is None:
        return cx.call(Static(folds.total), [iterable, start], {})
    total = start
    for item in items:
        total = cx.binary_op(operator.add, total, item)
    return total


@rule(all)
def all_(cx: Any, iterable: Value) -> Value:
    usual = functools.partial(_decided, cx, iterable, False, folds.every)
    return cx.searched(iterable, "all", usual) if isinstance(iterable, Generator) else usual()


@rule(any)
def any_(cx: Any, iterable: Value) -> Value:
    usual = functools.partial(_decided, cx, iterable, True, folds.some)
    return cx.searched(iterable, "any", usual) if isinstance(iterable, Generator) else usual()


def _decided(cx: Any, iterable: Value, decisive: bool, fold: Callable[..., bool]) -> Value:
    """``decisive`` where an item is, and the opposite where none is."""
    result: Value = Static(not decisive)
    if isinstance(iterable, Generator):
        iterable = cx.until(iterable, decisive)
    iterable, items = known_items(cx, iterable, in_any_order=True)
    if items is None:
        return cx.call(Static(fold), [iterable], {})  # type: ignore[no-any-return]
    for item in items:
        later = functools.partial(cx.truth_value, item)
        result = cx.truth_value(cx.lazy(not decisive, result, later))
    return result


@rule(slice)
def slice_(cx: Any, *args: Any) -> Value:
    if all(isinstance(a, Static) for a in args):
        return Static(slice(*(a.obj for a in args)))
    parts = (NONE, *args, NONE) if len(args) == 1 else (*args, NONE, NONE)[:3]
    return Slice(*parts)
