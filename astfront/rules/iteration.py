"""itertools. What walks over things without end is an iterator of a huge length; the rest is Python,
which is compiled, or where all is known while compiling, run."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from astfront.lifting import is_by_equality
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
    before = cx.position(iterable)
    inner = cx.iterator_of(iterable)
    if isinstance(iterable, IteratorValue) and iterable.cell is not None:
        return _staged_part(cx, inner, (iterable, before), *bounds)
    if not cx.try_all(bounds, {})[0]:
        return _staged_part(cx, inner, None, *bounds)
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


def _staged_part(
    cx: Any, inner: IteratorValue, taken: tuple[IteratorValue, Value] | None, *bounds: Value
) -> Value:
    """``islice`` by staged bounds, or of what was taken from an iterator, which was at a position."""
    known = (Static(None), *bounds) if len(bounds) == 1 else bounds
    start, stop, step = (*known, Static(None))[:3]
    found = cx.call(Static(_within), [inner.length, start, stop, step], {})
    first, count, by, all_taken = cx.items_of(found)

    def ended() -> None:
        if taken is not None:
            walked, before = taken
            at = cx.binary_op(operator.add, before, all_taken)
            cx.heap.bind(walked.cell, "next", at)

    def item(i: Value) -> Value:
        return inner.item(cx.binary_op(operator.add, first, cx.binary_op(operator.mul, i, by)))  # type: ignore

    made = IteratorValue(count, item, "islice", inner.sources, ended=ended)
    return cx.once(made)  # type: ignore[no-any-return]


def _within(
    length: int, start: int | None, stop: int | None, step: int | None
) -> tuple[int, int, int, int]:
    """Of a slice of something that's walked over once: its start, length, step, and what it takes."""
    first = 0 if start is None else start
    last = length if stop is None else stop
    by = 1 if step is None else step
    if stop is not None and last < 0:
        raise ValueError(
            "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize."
        )
    if first < 0:
        raise ValueError("Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.")
    if by < 1:
        raise ValueError("Step for islice() must be a positive integer or None.")
    count = max(0, (min(last, length) - first + by - 1) // by)
    return first, count, by, min(max(first, last), length)


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
    for indices in _positions(len(items), r, 1):
        yield tuple([items[i] for i in indices])


def combinations_with_replacement(iterable: Iterable[Any], r: int) -> Iterator[Any]:
    items = tuple(iterable)
    for indices in _positions(len(items), r, 0):
        yield tuple([items[i] for i in indices])


def _positions(n: int, r: int, step: int) -> list[tuple[int, ...]]:
    """Tuples of ``r`` of the first ``n`` numbers, each by ``step`` more than that before, or further."""
    if r < 0:
        raise ValueError("r must be non-negative")
    if r == 0:
        return [()]
    rows: list[tuple[int, ...]] = [(i,) for i in range(n)]
    for _ in range(r - 1):
        rows = [(*row, i) for row in rows for i in range(row[-1] + step, n)]
    return rows


def permutations(iterable: Iterable[Any], r: int | None = None) -> Iterator[Any]:
    items = tuple(iterable)
    n = len(items)
    size = n if r is None else r
    if size < 0:
        raise ValueError("r must be non-negative")
    rows: list[tuple[int, ...]] = [(i,) for i in range(n)] if size else [()]
    for _ in range(size - 1):
        rows = [(*row, i) for row in rows for i in range(n) if i not in row]
    for indices in rows:
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
    items = list(iterable)
    keys = items if key is None else [key(x) for x in items]
    start = 0
    while start < len(items):
        end = start + 1
        while end < len(items) and keys[end] == keys[start]:
            end += 1
        group = _Group(items[start:end])
        yield keys[start], group
        group.at = end - start
        start = end


class _Group:
    """What ``groupby`` gives beside a key; it has nothing left once the next one is asked for."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.at = 0

    def __iter__(self) -> Iterator[Any]:
        while self.at < len(self.items):
            self.at += 1
            yield self.items[self.at - 1]

    def __next__(self) -> Any:
        if self.at >= len(self.items):
            raise StopIteration
        self.at += 1
        return self.items[self.at - 1]


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
            found: list[Any] = []
            cx.run_python(lambda: found.extend(target(*values[0], **values[1])))
            if all(map(is_by_equality, found)):
                return cx.once(cx.iterator_of(Static(tuple(found))))  # type: ignore[no-any-return]
        return cx.call(Static(function), list(args), kwargs)  # type: ignore[no-any-return]

    apply.__name__ = function.__name__
    rule(target)(apply)


for _function in (
    *(chain, zip_longest, accumulate, product, starmap),
    *(combinations, combinations_with_replacement, permutations),
    *(takewhile, dropwhile, filterfalse, compress, groupby, pairwise),
):
    _written_in_python(getattr(itertools, _function.__name__), _function)
_written_in_python(itertools.chain.from_iterable, from_iterable)
