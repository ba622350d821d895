"""Python's builtins and container methods, where an argument is staged or a container is changed."""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import chainer
import gast
import numpy as np

from astfront.join import Join
from astfront.rules import folds
from astfront.rules.objects import class_of
from astfront.rules.registry import pure, rule
from astfront.values import (
    FALSE,
    NONE,
    UNBOUND,
    Deferred,
    Dict,
    Generator,
    Items,
    Iterator,
    List,
    Names,
    Object,
    Range,
    Scalar,
    Slice,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
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
    size = int(cx.static(parts[2], "the step of range"))
    if size == 0:
        cx.raise_python(ValueError("range() arg 3 must not be zero"))
    return Range(parts[0], parts[1], size)


@rule(enumerate)
def enumerate_(cx: Any, iterable: Value, start: Value = Static(0)) -> Value:
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

    return cx.once(Iterator(inner.length, item, "enumerate", inner.sources))


@rule(zip)
def zip_(cx: Any, *iterables: Value) -> Value:
    inner = [cx.iterator_of(x) for x in iterables]
    if not inner:
        return Static(())
    length = functools.reduce(lambda a, b: minimum(cx, a, b), (x.length for x in inner))
    sources = tuple(s for x in inner for s in x.sources)
    pairs = Iterator(length, lambda i: cx.tuple([x.item(i) for x in inner]), "zip", sources)
    return cx.once(pairs)


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

    return cx.once(Iterator(inner.length, item, "reversed", inner.sources))


@rule(map)
def map_(cx: Any, f: Value, *iterables: Value) -> Value:
    if len(iterables) == 1 and isinstance(iterables[0], Generator):
        return cx.mapped(iterables[0], lambda value: cx.call(f, [value], {}))
    inner = [cx.iterator_of(x) for x in iterables]
    length = functools.reduce(lambda a, b: minimum(cx, a, b), (x.length for x in inner))
    sources = tuple(s for x in inner for s in x.sources)
    made = Iterator(length, lambda i: cx.call(f, [x.item(i) for x in inner], {}), "map", sources)
    return cx.once(made)


@rule(functools.reduce)
def reduce_(cx: Any, f: Value, iterable: Value, initial: Value | None = None) -> Value:
    items = cx.items_of(iterable)
    if initial is not None:
        items.insert(0, initial)
    if not items:
        cx.raise_python(TypeError("reduce() of empty iterable with no initial value"))
    return functools.reduce(lambda a, b: cx.call(f, [a, b], {}), items)


@rule(filter)
def filter_(cx: Any, f: Value, iterable: Value) -> Value:
    kept = []
    for item in cx.items_of(iterable):
        value = item if isinstance(f, Static) and f.obj is None else cx.call(f, [item], {})
        truth = cx.truth(value)
        if isinstance(truth, Scalar):
            cx.fail("AF0503", "filter by a staged condition", help="write a loop that appends")
        if truth:
            kept.append(item)
    return cx.once(cx.iterator_of(cx.heap.new_list(kept)))


@rule(iter)
def iter_(cx: Any, x: Value) -> Value:
    if isinstance(x, Object) and hasattr(x.cls, "__iter__"):
        x = cx.iter_of(x)
    if isinstance(x, Generator) or (isinstance(x, Iterator) and x.cell is not None):
        return x
    return cx.once(cx.iterator_of(x))


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
    found = cx.next_of(x)
    if found is None and default is None:
        cx.raise_python(StopIteration())
    result: Any = default if found is None else found
    return result


@rule(list)
def list_(cx: Any, iterable: Value = Static(())) -> Value:
    return copy_list(cx, iterable)


def copy_list(cx: Any, iterable: Value) -> Value:
    if isinstance(iterable, Generator):
        return cx.listed(iterable)
    if isinstance(iterable, List):
        return cx.listed_copy(iterable)
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
    raise cx.error("AF0205", f"a list of {describe(iterable)} whose length isn't known while compiling",
            help="write a loop that appends to a list")  # fmt: skip


@rule(tuple)
def tuple_(cx: Any, iterable: Value = Static(())) -> Value:
    if isinstance(iterable, Generator | List | Tensor):
        return cx.as_tuple(copy_list(cx, iterable))
    return cx.tuple(cx.items_of(iterable))


@rule(set)
def set_(cx: Any, iterable: Value = Static(())) -> Value:
    return cx.heap.new_set(cx.static(i, "an item of a set") for i in cx.items_of(iterable))


@rule(frozenset)
def frozenset_(cx: Any, iterable: Value = Static(())) -> Value:
    return Static(frozenset(cx.static(set_(cx, iterable))))


@rule(dict)
def dict_(cx: Any, *args: Value, **kwargs: Value) -> Value:
    items: dict[Any, Value] = {}
    for arg in args:
        if isinstance(arg, Dict) or (isinstance(arg, Object) and hasattr(arg.cls, "keys")):
            items.update(cx.entries_of(arg))
            continue
        for i, pair in enumerate(cx.items_of(arg)):
            parts = cx.items_of(pair, 2)
            if len(parts) != 2:
                wrong = f"element #{i} has length {len(parts)}; 2 is required"
                cx.raise_python(ValueError(f"dictionary update sequence {wrong}"))
            items[cx.static(parts[0], "a dict's key")] = parts[1]
    return cx.heap.new_dict({**items, **kwargs})


@rule(int)
def int_(cx: Any, x: Value = Static(0), base: Value | None = None) -> Value:
    if isinstance(x, Tensor):
        x = cx.tensor_to_scalar(x)
    if isinstance(x, Static):
        extra = () if base is None else (cx.static(base),)
        return cx.run_python(int, x.obj, *extra)
    if isinstance(x, Scalar):
        return cx.as_scalar(x, int)  # a cast to int64 truncates towards zero, as int() does
    raise cx.error("AF0207", f"int() of {describe(x)} isn't supported")


@rule(float)
def float_(cx: Any, x: Value = Static(0.0)) -> Value:
    if isinstance(x, Tensor):
        x = cx.tensor_to_scalar(x)
    if isinstance(x, Static):
        return cx.run_python(float, x.obj)
    if isinstance(x, Scalar):
        return cx.as_scalar(x, float)
    raise cx.error("AF0207", f"float() of {describe(x)} isn't supported")


@rule(bool)
def bool_(cx: Any, x: Value = FALSE) -> Value:
    return cx.truth_value(x)


@rule(str)
def str_(cx: Any, x: Value = Static("")) -> Value:
    return cx.text(str, x)


@rule(repr)
def repr_(cx: Any, x: Value) -> Value:
    return cx.text(repr, x)


@rule(format)
def format_value(cx: Any, x: Value, spec: Value = Static("")) -> Value:
    return cx.text(format, x, spec)


@rule(round)
def round_(cx: Any, x: Value, ndigits: Value = NONE) -> Value:
    if isinstance(x, Object):
        return cx.call(cx.get_attribute(x, "__round__"), [ndigits], {})
    if isinstance(x, Tensor) and x.kind == "generic":
        if not _is_none(ndigits):
            return cx.call(Static(np.round), [x, ndigits], {})
        x = cx.tensor_to_scalar(x)
    if isinstance(x, Static) and isinstance(ndigits, Static):
        return cx.run_python(round, x.obj, ndigits.obj)
    if not isinstance(x, Scalar):
        cx.fail("AF0207", f"round() of {describe(x)} isn't supported")
    number: Any = x
    if not _is_none(ndigits):
        return rounded(cx, number, ndigits)
    if number.type is not float:
        return cx.as_scalar(x, int)
    nearest = cx.call(Static(np.rint), [Tensor(number.expr, (), number.dtype)], {})
    return cx.as_scalar(Scalar(nearest.expr, float), int)


def rounded(cx: Any, x: Scalar, ndigits: Value) -> Value:
    """The nearest decimal of a float, found by Python itself when the program has run."""
    if x.type is not float or not isinstance(ndigits, Static | Scalar):
        cx.fail("AF0207", f"round() of {describe(x)} to {describe(ndigits)} digits isn't supported")
    return Deferred(round, (x, ndigits))


@rule(divmod)
def divmod_(cx: Any, a: Value, b: Value) -> Value:
    return cx.tuple([cx.binary_op(operator.floordiv, a, b), cx.binary_op(operator.mod, a, b)])


@rule(abs)
def abs_(cx: Any, x: Value) -> Value:
    if isinstance(x, Static):
        return cx.run_python(abs, x.obj)
    if isinstance(x, Scalar):
        number = cx.as_scalar(x, int if x.type is bool else x.type)
        return Scalar(cx.b.call("abs", number).expr, number.type)
    if isinstance(x, Tensor):
        if x.kind == "variable":
            return cx.call(Static(chainer.Variable.__abs__), [x], {})
        return cx.call(Static(np.absolute), [x], {})
    return cx.call(cx.get_attribute(x, "__abs__"), [], {})


def _extreme(
    cx: Any, name: str, args: Sequence[Value], key: Value | None, default: Value | None
) -> Value:
    items = list(args)
    if len(args) == 1:
        iterable, found = known_items(cx, args[0])
        if found is None:
            if default is not None:
                what = "a number of items known at run time only"
                cx.fail("AF0205", f"{name}() of {what}, with a default")
            if not isinstance(iterable, List | Tensor):
                iterable = copy_list(cx, iterable)
            if key is not None and not _is_none(key):
                by = folds.smallest_by if name == "min" else folds.largest_by
                return cx.call(Static(by), [iterable, key], {})
            fold = folds.smallest if name == "min" else folds.largest
            return cx.call(Static(fold), [iterable], {})
        items = found
    if not items and default is not None:
        return default
    if not items:
        cx.raise_python(ValueError(f"{name}() arg is an empty sequence"))
    if key is not None or not all(cx.is_number(i) for i in items):
        known = [cx.try_static(i) for i in items]
        if all(k for k, _ in known) and key is None:
            return cx.run_python(getattr(builtins, name), [obj for _, obj in known])
    if key is not None and not (isinstance(key, Static) and key.obj is None):
        keys = [cx.call(key, [i], {}) for i in items]
        known = [cx.try_static(k) for k in keys]
        if all(k for k, _ in known):
            chosen: Any = cx.run_python(
                getattr(builtins, name), range(len(items)), key=lambda n: known[n][1]
            )
            return items[chosen.obj]  # type: ignore[no-any-return]
        pair: Any = Tuple((items[0], keys[0]))
        for item, k in zip(items[1:], keys[1:]):
            op = gast.Lt() if name == "min" else gast.Gt()
            better = cx.truth_value(cx.compare(op, k, pair.items[1]))
            new = Tuple((item, k))
            pair = cx.stage_if(better, lambda new=new: new, lambda old=pair: old)
        return pair.items[0]  # type: ignore[no-any-return]
    best: Any = items[0]
    for item in items[1:]:
        op = gast.Lt() if name == "min" else gast.Gt()
        if (
            cx.is_number(best)
            and cx.is_number(item)
            and not (isinstance(best, Static) and isinstance(item, Static))
        ):
            kinds = {_number_type(v) for v in (best, item)}
            if len(kinds) > 1:
                cx.fail("AF0207", f"{name}() of an int and a float, one of them staged")
            (kind,) = kinds
            call = "minimum" if name == "min" else "maximum"
            best = Scalar(
                cx.b.call(call, cx.as_scalar(best, kind), cx.as_scalar(item, kind)).expr, kind
            )
            continue
        better = cx.truth_value(cx.compare(op, item, best))
        best = cx.stage_if(better, lambda item=item: item, lambda best=best: best)
    return best


def _number_type(v: Any) -> type:
    return v.type if isinstance(v, Scalar) else type(v.obj)


@rule(min)
def min_(cx: Any, *args: Value, key: Value | None = None, default: Value | None = None) -> Value:
    return _extreme(cx, "min", args, key, default)


@rule(max)
def max_(cx: Any, *args: Value, key: Value | None = None, default: Value | None = None) -> Value:
    return _extreme(cx, "max", args, key, default)


def known_items(cx: Any, iterable: Value) -> tuple[Value, list[Value] | None]:
    """What is walked over, and its items where their number is known while compiling."""
    if isinstance(iterable, Generator):
        iterable = cx.listed(iterable)
    if isinstance(iterable, Static | Tuple | Dict):
        return iterable, cx.items_of(iterable)
    iterator = cx.iterator_of(iterable)
    cx.exhausted(iterable)
    if not isinstance(iterator.length, Static):
        return iterator if isinstance(iterable, Iterator) else iterable, None
    return iterable, [iterator.item(Static(i)) for i in range(iterator.length.obj)]


@rule(sum)
def sum_(cx: Any, iterable: Value, start: Value = Static(0)) -> Value:
    iterable, items = known_items(cx, iterable)
    if items is None:
        return cx.call(Static(folds.total), [iterable, start], {})
    total = start
    for item in items:
        total = cx.binary_op(operator.add, total, item)
    return total


@rule(all)
def all_(cx: Any, iterable: Value) -> Value:
    return _decided(cx, iterable, False, folds.every)


@rule(any)
def any_(cx: Any, iterable: Value) -> Value:
    return _decided(cx, iterable, True, folds.some)


def _decided(cx: Any, iterable: Value, decisive: bool, fold: Callable[..., bool]) -> Value:
    """``decisive`` where an item is, and the opposite where none is."""
    result: Value = Static(not decisive)
    if isinstance(iterable, Generator):
        iterable = cx.until(iterable, decisive)
    iterable, items = known_items(cx, iterable)
    if items is None:
        return cx.call(Static(fold), [iterable], {})  # type: ignore[no-any-return]
    for item in items:
        later = functools.partial(cx.truth_value, item)
        result = cx.truth_value(cx.lazy(not decisive, result, later))
    return result


@rule(sorted)
def sorted_(cx: Any, iterable: Value, key: Value | None = None, reverse: Value = FALSE) -> Value:
    iterable, found = known_items(cx, iterable)
    if key is not None and _is_none(key):
        key = None
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
                cx.fail("AF0205", "sorted() by what is known at run time only, and not by numbers")
            if less:
                return sign
        return 0

    places = sorted(range(len(items)), key=functools.cmp_to_key(before), reverse=cx.static(reverse))
    return cx.heap.new_list([items[n] for n in places])


def _sorted_grown(cx: Any, v: Any, key: Value | None, reverse: bool) -> Value:
    """A list whose length is known at run time only, in the order of numbers."""
    content = cx.heap[v.cell]
    keys = v if key is None else cx.call(Static(folds.mapped), [v, key], {})
    element = cx.heap[keys.cell].element
    if element is UNBOUND or isinstance(element, Static):
        return v  # type: ignore[no-any-return]
    if getattr(element, "shape", None) != ():
        cx.fail("AF0205", "sorted() by what is known at run time only, and not by numbers")
    numbers = cx.stack_of(cx.heap[keys.cell])
    return List(cx.heap.new(cx.items_at(content, _order(cx, numbers, reverse))))


def _order(cx: Any, numbers: Tensor, reverse: bool) -> Tensor:
    """The places of numbers in Python's order, which is stable, in reverse too."""
    if reverse and numbers.dtype == np.uint64:
        cx.fail("AF0205", "sorted() of uint64, in reverse")
    if reverse:
        if numbers.dtype.kind != "f":
            numbers = cx.cast(numbers, np.dtype("int64"))
        numbers = cx.call(Static(np.negative), [numbers], {})
    return cx.call(Static(np.argsort), [numbers], {"kind": Static("stable")})  # type: ignore[no-any-return]


def _is_none(v: Value) -> bool:
    return isinstance(v, Static) and v.obj is None


def sorted_by_numbers(cx: Any, items: list[Value], keys: list[Value], reverse: bool) -> Value:
    kinds = {_number_type(k) for k in keys}
    kind = float if float in kinds else int
    numbers = [Tensor(cx.as_scalar(k, kind).expr, (), np.dtype(kind)) for k in keys]
    stacked = cx.call(Static(np.stack), [cx.heap.new_list(numbers)], {})
    order = _order(cx, stacked, reverse)
    grown = cx.items_at(cx.as_grown(Items(tuple(items))), order)
    return cx.heap.new_list([cx.grown_element(grown, Static(i)) for i in range(len(items))])


@rule(slice)
def slice_(cx: Any, *args: Any) -> Value:
    if all(isinstance(a, Static) for a in args):
        return Static(slice(*(a.obj for a in args)))
    parts = (NONE, *args, NONE) if len(args) == 1 else (*args, NONE, NONE)[:3]
    return Slice(*parts)


@rule(str.format)
def format_(cx: Any, self: Value, *args: Value, **kwargs: Value) -> Value:
    return cx.text(_format, self, Static(tuple(kwargs)), *args, *kwargs.values())


def _format(text: str, names: tuple[str, ...], *values: Any) -> str:
    count = len(values) - len(names)
    return text.format(*values[:count], **dict(zip(names, values[count:])))


def _of_text(method: Callable[..., str]) -> None:
    """A rule for a method that makes another text of a text."""

    def made(cx: Any, self: Value, *args: Value) -> Value:
        return cx.text(method, self, *args)  # type: ignore[no-any-return]

    rule(method)(made)


for _method in (
    *(str.replace, str.strip, str.lstrip, str.rstrip, str.ljust, str.rjust, str.zfill),
    *(str.upper, str.lower, str.title, str.capitalize),
):
    _of_text(_method)


@rule(str.join)
def join(cx: Any, self: Value, items: Value) -> Value:
    if cx.has_grown(items):
        return cx.text(str.join, self, items)
    return cx.text(str.join, self, cx.tuple(cx.items_of(items)))
