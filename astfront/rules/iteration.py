"""itertools. What walks over things without end is an iterator of a huge length; the rest is Python,
which is compiled, or where all is known while compiling, run."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from astfront.rules.builtins import copy_list
from astfront.rules.registry import StaticArg, rule
from astfront.values import Function, Generator, Static, Value
from astfront.values import Iterator as IteratorValue

_ENDLESS = Static(2**62)


@rule(itertools.count)
def count(cx: Any, start: Value = Static(0), step: Value = Static(1)) -> Value:
    def item(i: Value) -> Value:
        return cx.binary_op(operator.add, start, cx.binary_op(operator.mul, step, i))  # type: ignore

    return cx.once(IteratorValue(_ENDLESS, item, "count"))  # type: ignore[no-any-return]


@rule(itertools.repeat)
def repeat(cx: Any, obj: Value, times: Value = _ENDLESS) -> Value:
    return cx.once(IteratorValue(times, lambda i: obj, "repeat"))  # type: ignore[no-any-return]


@rule(itertools.cycle)
def cycle(cx: Any, iterable: Value) -> Value:
    inner = cx.iterator_of(cx.listed(iterable) if isinstance(iterable, Generator) else iterable)
    cx.exhausted(iterable)
    if isinstance(inner.length, Static) and not inner.length.obj:
        return Static(())

    def item(i: Value) -> Value:
        return inner.item(cx.binary_op(operator.mod, i, inner.length))  # type: ignore[no-any-return]

    made = IteratorValue(_ENDLESS, item, "cycle", inner.sources)
    return cx.once(made)  # type: ignore[no-any-return]


@rule(itertools.tee)
def tee(cx: Any, iterable: Value, n: StaticArg[int] = 2) -> Value:
    if isinstance(iterable, Generator | IteratorValue):
        # Its items are made at once, not when they're asked for: that mustn't show.
        walker = iterable
        own = (walker.cell, *getattr(walker, "cells", ()))
        what = "what itertools.tee walks over"
        iterable = cx.unaltered(lambda: copy_list(cx, walker), what, *own)
    return cx.tuple([cx.once(cx.iterator_of(iterable)) for _ in range(n)])  # type: ignore


def chain(*iterables: Iterable[Any]) -> Iterator[Any]:
    for iterable in iterables:
        for x in iterable:  # noqa: UP028
            yield x


def from_iterable(iterables: Iterable[Iterable[Any]]) -> Iterator[Any]:
    for iterable in iterables:
        for x in iterable:  # noqa: UP028
            yield x


def zip_longest(*iterables: Iterable[Any], fillvalue: Any = None) -> Iterator[Any]:
    lists = [list(iterable) for iterable in iterables]
    for i in range(max([len(items) for items in lists], default=0)):
        yield tuple([items[i] if i < len(items) else fillvalue for items in lists])


@rule(itertools.islice)
def islice_(cx: Any, iterable: Value, *bounds: Value) -> Value:
    if isinstance(iterable, Generator):
        return cx.call(Static(islice), [iterable, *bounds], {})  # type: ignore[no-any-return]
    inner = cx.iterator_of(iterable)
    part = slice(*(cx.static(b, "a bound of islice") for b in bounds))
    step, start = part.step or 1, part.start or 0
    if not isinstance(inner.length, Static):
        inner_part = cx.get_item(cx.call(Static(list), [inner], {}), Static(part))
        return cx.once(cx.iterator_of(inner_part))  # type: ignore[no-any-return]
    places = range(inner.length.obj)[start : part.stop : step]

    def item(i: Value) -> Value:
        scaled = cx.binary_op(operator.mul, i, Static(step))
        return inner.item(cx.binary_op(operator.add, Static(start), scaled))  # type: ignore

    made = IteratorValue(Static(len(places)), item, "islice", inner.sources)
    return cx.once(made)  # type: ignore[no-any-return]


def islice(iterable: Iterable[Any], *bounds: Any) -> Iterator[Any]:
    start, stop, step = 0, None, 1
    if len(bounds) == 1:
        stop = bounds[0]
    elif len(bounds) == 2:
        start, stop = bounds
    else:
        start, stop, step = bounds
    start = 0 if start is None else start
    step = 1 if step is None else step
    i = 0
    if stop is not None and stop <= 0:
        return
    for x in iterable:
        if i >= start and (i - start) % step == 0:
            yield x
        i += 1  # noqa: SIM113
        if stop is not None and i >= stop:
            break


def accumulate(
    iterable: Iterable[Any], function: Any = None, *, initial: Any = None
) -> Iterator[Any]:
    started = False
    total = initial
    if initial is not None:
        started = True
        yield total
    for x in iterable:
        if not started:
            total = x
            started = True
        elif function is None:
            total = total + x
        else:
            total = function(total, x)
        yield total


def product(*iterables: Iterable[Any], repeat: int = 1) -> Iterator[Any]:
    rows: list[Any] = [()]
    for pool in [tuple(iterable) for iterable in iterables] * repeat:
        rows = [(*row, x) for row in rows for x in pool]
    yield from rows


def combinations(iterable: Iterable[Any], r: int) -> Iterator[Any]:
    items = tuple(iterable)
    for indices in list(itertools.combinations(range(len(items)), r)):
        yield tuple([items[i] for i in indices])


def permutations(iterable: Iterable[Any], r: int | None = None) -> Iterator[Any]:
    items = tuple(iterable)
    for indices in list(itertools.permutations(range(len(items)), r)):
        yield tuple([items[i] for i in indices])


def starmap(function: Callable[..., Any], iterable: Iterable[Any]) -> Iterator[Any]:
    for args in iterable:
        yield function(*args)


def takewhile(predicate: Callable[..., Any], iterable: Iterable[Any]) -> Iterator[Any]:
    for x in iterable:
        if not predicate(x):
            break
        yield x


def dropwhile(predicate: Callable[..., Any], iterable: Iterable[Any]) -> Iterator[Any]:
    dropping = True
    for x in iterable:
        if dropping and predicate(x):
            continue
        dropping = False
        yield x


def filterfalse(predicate: Any, iterable: Iterable[Any]) -> Iterator[Any]:
    for x in iterable:
        if not (x if predicate is None else predicate(x)):
            yield x


def compress(data: Iterable[Any], selectors: Iterable[Any]) -> Iterator[Any]:
    for x, chosen in zip(data, selectors):
        if chosen:
            yield x


def groupby(iterable: Iterable[Any], key: Any = None) -> Iterator[Any]:
    groups: list[Any] = []
    for x in iterable:
        k = x if key is None else key(x)
        if groups and groups[-1][0] == k:
            groups[-1][1].append(x)
        else:
            groups.append((k, [x]))
    for k, items in groups:
        yield k, iter(items)


def pairwise(iterable: Iterable[Any]) -> Iterator[Any]:
    items = list(iterable)
    for i in range(len(items) - 1):
        yield items[i], items[i + 1]


def _written_in_python(target: Any, function: Callable[..., Any]) -> None:
    """A rule for a function of itertools, which is compiled unless all is known."""

    def apply(cx: Any, *args: Value, **kwargs: Value) -> Value:
        static = not any(isinstance(a, Function | Generator | IteratorValue) for a in args)
        known, values = cx.try_all(args, kwargs) if static else (False, ([], {}))
        if known and target not in (itertools.groupby, itertools.starmap):
            found: Any = cx.run_python(lambda: tuple(target(*values[0], **values[1])))
            return cx.once(cx.iterator_of(found))  # type: ignore[no-any-return]
        return cx.call(Static(function), list(args), kwargs)  # type: ignore[no-any-return]

    apply.__name__ = function.__name__
    rule(target)(apply)


for _function in (
    *(chain, zip_longest, accumulate, product, combinations, permutations, starmap),
    *(takewhile, dropwhile, filterfalse, compress, groupby, pairwise),
):
    _written_in_python(getattr(itertools, _function.__name__), _function)
_written_in_python(itertools.chain.from_iterable, from_iterable)
