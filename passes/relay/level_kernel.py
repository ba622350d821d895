"""The calls of a recursive function, level by level: statements for ``recursion_kernel``.

First the *walk*: the part of the function that finds the calls. Each call has a number, larger than
that of the call that makes it, and a place in a column of memory for each record, each call that it
makes and each result. A call's level is one more than the highest of those it makes. Then the *paths*,
from the lowest level on, for up to eight calls of a level at a time: what isn't a shared product for
one call after the other, and a product for all of them at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tvm
from tvm import relay, tir

from passes.relay.bindings import Scope, chain, inside, operator, unchain, variables
from passes.relay.call_slices import RECORD
from passes.relay.kernel_writer import (
    Array,
    Writer,
    computed,
    copied,
    each,
    flattened,
    sequence,
    serial,
    store,
    truth,
)
from passes.relay.recursion_machine import Machine, bytes_of, with_memory

SHARED = "shared"
"""The attribute of a function that's a product, for one call, which has its kernels for more of them."""

#: Calls for which there is a kernel of a product. For another number the next larger one is taken: what
#: it computes of the other rows isn't read.
ROWS_OF_KERNELS = (1, 2, 4, 8)

_ROWS = ROWS_OF_KERNELS[-1]

_CALLS = 4
"""The calls that there's place for, for each that may be inside another."""

_MOST_BYTES = 1 << 26
"""Of all columns; with more, calls are computed one by one."""


class _Column(NamedTuple):
    """Some numbers for each call."""

    buffer: Any
    size: int

    @classmethod
    def of(cls, dtype: str, size: int) -> _Column:
        stored = "int8" if dtype == "bool" else dtype
        data = tir.Var("column", tvm.ir.PointerType(tvm.ir.PrimType(stored), "global"))
        return cls(
            tir.decl_buffer((tir.Var("length", "int64"),), stored, "column", data=data), size
        )

    def at(self, call: Any) -> Any:
        """The only number of a call."""
        return self.buffer[call]

    def put(self, call: Any, value: Any) -> Any:
        if not isinstance(value, tir.PrimExpr):
            value = tir.const(value, self.buffer.dtype)
        return tir.BufferStore(self.buffer, value, [call])

    def store(self, call: Any, array: Array) -> Any:
        return each(
            self.size,
            lambda i: tir.BufferStore(self.buffer, array.flat[i], [call * self.size + i]),
        )

    def load(self, call: Any, array: Array) -> Any:
        return each(
            self.size,
            lambda i: tir.BufferStore(array.flat, self.buffer[call * self.size + i], [i]),
        )


def statements(
    attrs: Any, writer: Writer, given: Sequence[Array], results: Sequence[Array], done: Array
) -> list[Any]:
    """All calls, unless ``done`` is 0 then: where there are too many of them."""
    walk = attrs["walk"]
    ((var, function),), call = unchain(walk.body)
    known = [int(field) for field in attrs["known"]]
    writer.define(walk.params, given)
    walked = [writer.memory_of(t) for t in function.ret_type.fields]
    walker = _Walker(writer, var, function, walked, done)
    others = [array for i, array in enumerate(results) if i not in known]
    walker.levels = _Levels(attrs, walker, given[len(function.params) :], others)
    first = walker.statement([writer.value(arg) for arg in call.args])
    found = [copied(array, results[i]) for i, array in zip(known, walked)]
    return [store(done, 1), first, *found]


class _Walker(Machine):
    """Finds the calls, and then has their levels computed."""

    levels: _Levels

    def __init__(
        self, writer: Writer, var: Any, function: Any, results: Sequence[Array], done: Array
    ) -> None:
        super().__init__(writer, var, function, results)
        self.done = done
        self.count, self.call = (writer.new((), "int64", name) for name in ("count", "call"))
        self.own = [self.call]
        self.records: dict[int, _Column] = {}
        self.children = [_Column.of("int64", 1) for _ in range(_calls_in(function.body, var))]
        """For each place of a call, which one it is, or -1."""
        self.places = iter(self.children)

    def bound(self, var: Any, value: Any) -> list[Any]:
        if operator(value) != RECORD:
            return super().bound(var, value)
        array = self.writer.value(value.args[0])
        column = _Column.of(array.flat.dtype, array.size)
        self.records[int(value.attrs["number"])] = column
        return [column.store(self.call.flat[0], array)]

    def has_place(self) -> Any:
        return tir.And(super().has_place(), self.count.flat[0] < self.capacity.flat[0] * _CALLS)

    def begun(self) -> list[Any]:
        return [store(self.count, 1), store(self.call, 0), *self._without_children()]

    def entered(self) -> list[Any]:
        count = self.count.flat[0]
        return [
            next(self.places).put(self.call.flat[0], count),
            store(self.call, count),
            store(self.count, count + 1),
            *self._without_children(),
        ]

    def _without_children(self) -> list[Any]:
        return [child.put(self.call.flat[0], -1) for child in self.children]

    def ended(self) -> list[Any]:
        columns = [*self.records.values(), *self.children, *self.levels.columns]
        bytes_of_call = sum(c.size * bytes_of(c.buffer.dtype) for c in columns)
        most = max(_MOST_BYTES // (_CALLS * bytes_of_call), 1)
        give_up = sequence([store(self.is_full, 0), store(self.done, 0)])
        full = tir.IfThenElse(self.capacity.flat[0] >= most, give_up, None)
        return [tir.IfThenElse(truth(self.is_full), full, sequence(self.levels.statements()))]

    def allocated(self, capacity: Any, body: Any) -> Any:
        body = super().allocated(capacity, body)
        for column in (*self.records.values(), *self.children, *self.levels.columns):
            (length,) = column.buffer.shape
            size = length * bytes_of(column.buffer.dtype)
            body = with_memory(column.buffer.data, size, body)
            body = tir.LetStmt(length, capacity * (_CALLS * column.size), body)
        return body


def _calls_in(expr: Any, var: Any) -> int:
    return sum(isinstance(part, relay.Call) and part.op == var for part in inside(expr))


class _Levels:
    """Computes what calls give, when all of them are known."""

    def __init__(
        self, attrs: Any, walker: _Walker, given: Sequence[Array], outputs: Sequence[Array]
    ) -> None:
        self.walker = walker
        self.writer = walker.writer
        self.given = given
        self.outputs = outputs
        self.records = int(attrs["records"])
        self.paths = list(attrs["paths"])
        self.conditions = [[tuple(map(int, c)) for c in path] for path in attrs["conditions"]]
        self.results = [_Column.of(array.flat.dtype, array.size) for array in outputs]
        self.level, self.following = (_Column.of("int64", 1) for _ in range(2))
        self.first = _Column.of("int64", len(self.paths))
        """For each level and path a call, from which ``following`` leads to the others."""
        self.columns = [*self.results, self.level, self.following, self.first]

    def statements(self) -> list[Any]:
        new = self.writer.new
        top, key, at, rows = (new((), "int64", name) for name in ("top", "key", "at", "rows"))
        calls = new((_ROWS,), "int64", "calls")
        count = self.walker.count.flat[0]

        def some(path: int, level: Any) -> Any:
            taken = sequence(
                [
                    tir.BufferStore(calls.flat, at.flat[0], [rows.flat[0]]),
                    store(at, self.following.at(at.flat[0])),
                    store(rows, rows.flat[0] + 1),
                ]
            )
            more = tir.And(rows.flat[0] < _ROWS, at.flat[0] >= 0)
            these = _Path(self, self.paths[path], calls).statement(rows.flat[0])
            body = sequence([store(rows, 0), tir.While(more, taken), these])
            begin = store(at, self.first.at(level * len(self.paths) + path))
            return sequence([begin, tir.While(at.flat[0] >= 0, body)])

        def of_level(level: Any) -> Any:
            return sequence([some(path, level) for path in range(len(self.paths))])

        return [
            _for(count * len(self.paths), lambda i: self.first.put(i, -1)),
            store(top, 0),
            _for(count, lambda i: sequence(self._placed(count - 1 - i, top, key))),
            _for(top.flat[0] + 1, of_level),
            *(c.load(tir.const(0, "int64"), out) for c, out in zip(self.results, self.outputs)),
        ]

    def _placed(self, call: Any, top: Array, key: Array) -> list[Any]:
        """A call among those of its level and path; those that it makes have been before."""
        level = tir.const(0, "int64")
        done = [self.level.put(call, level)]
        for child in self.walker.children:
            above = self.level.at(child.at(call)) + 1
            higher = self.level.put(call, tir.Max(self.level.at(call), above))
            done.append(tir.IfThenElse(child.at(call) >= 0, higher, None))
        level = self.level.at(call)
        return [
            *done,
            store(top, tir.Max(top.flat[0], level)),
            store(key, level * len(self.paths) + self._path_of(call)),
            self.following.put(call, self.first.at(key.flat[0])),
            self.first.put(key.flat[0], call),
        ]

    def _path_of(self, call: Any) -> Any:
        *others, last = range(len(self.paths))
        found: Any = tir.const(last, "int64")
        for path in reversed(others):
            fits = tir.const(True, "bool")
            for record, way in self.conditions[path]:
                is_true = self.walker.records[record].at(call) != tir.const(0, "int8")
                fits = tir.And(fits, is_true if way else tir.Not(is_true))
            found = tir.Select(fits, tir.const(path, "int64"), found)
        return found


class _Path:
    """What's computed of some calls that take one path.

    Each value has memory for one call, and those that are needed in another stage have more, for a
    row of each call.
    """

    def __init__(self, levels: _Levels, function: relay.Function, calls: Array) -> None:
        self.levels = levels
        self.writer = levels.writer
        self.calls = calls
        bindings, self.results = unchain(function.body)
        self.stages = _stages(bindings)
        children = [(child, r) for child in levels.walker.children for r in levels.results]
        own = function.params[: levels.records + len(children)]
        self.records = {v: i for i, v in enumerate(own[: levels.records])}
        self.children = dict(zip(own[levels.records :], children))
        for v in own:
            self.writer.values[v] = self.writer.memory_of(v.checked_type)
        self.writer.define(function.params[len(own) :], levels.given)
        self.held: dict[Any, Array] = {}

    def statement(self, rows: Any) -> Any:
        count = tir.Var("rows", "int64")
        done = []
        for i, (run, products) in enumerate(self.stages):
            done.append(self._run(i, run, products, count))
            done += [self._product(var, call, count) for var, call in products]
        return tir.LetStmt(count, rows, sequence(done))

    def _run(self, stage: int, run: Scope, products: Scope, count: Any) -> Any:
        """What's no product, for one call after the other."""
        is_last = stage == len(self.stages) - 1
        result = self.results if is_last else relay.Tuple([])
        now = variables(chain(run, relay.Tuple([result, *(c.args[0] for _, c in products)])))
        later = set().union(*(_used(*s) for s in self.stages[stage + 1 :]), variables(self.results))
        later |= {call.args[0] for _, call in products}
        own = [v for v in (*self.records, *self.children) if v in now]
        held = {v: a for v, a in self.held.items() if v in now}
        for v in held:
            self.writer.values[v] = self.writer.memory_of(v.checked_type)
        row, call = tir.Var("row", "int64"), tir.Var("call", "int64")
        done = [self._given(v, call) for v in own]
        done += [_row(self.writer.values[v], array, row, load=True) for v, array in held.items()]
        done += self.writer.bindings(run)
        for v in (v for v in (*own, *(v for v, _ in run)) if v in later and not is_last):
            array = self.writer.values[v]
            self.held[v] = self.writer.new((_ROWS * array.size,), v.checked_type.dtype, "held")
            done.append(_row(array, self.held[v], row, load=False))
        if is_last:
            arrays = flattened([self.writer.value(self.results)])
            done += [c.store(call, array) for c, array in zip(self.levels.results, arrays)]
        body = tir.LetStmt(call, self.calls.flat[row], sequence(done))
        return tir.For(row, tir.const(0, "int64"), count, tir.ForKind.SERIAL, body)

    def _given(self, v: Any, call: Any) -> Any:
        """What a call has for a parameter."""
        array = self.writer.values[v]
        if v not in self.children:
            return self.levels.walker.records[self.records[v]].load(call, array)
        child, result = self.children[v]
        there = child.at(call) >= 0
        return tir.IfThenElse(there, result.load(child.at(call), array), None)

    def _product(self, var: Any, call: Any, count: Any) -> Any:
        given, *weights = call.args
        out = self.writer.new((_ROWS * _size(var),), var.checked_type.dtype, "product")
        self.held[var] = out
        arrays = [self.held[given], *map(self.writer.value, weights), out]
        *kernels, last = call.op.attrs[SHARED]
        statement = serial(computed(last, arrays))
        for i, kernel in reversed(list(enumerate(kernels))):
            few = serial(computed(kernel, arrays))
            statement = tir.IfThenElse(count <= ROWS_OF_KERNELS[i], few, statement)
        return statement


def _stages(bindings: Scope) -> list[tuple[Scope, Scope]]:
    """Bindings in runs, each with the products after it; the last has none."""
    found: list[tuple[Scope, Scope]] = [([], [])]
    for var, value in bindings:
        is_product = isinstance(value, relay.Call) and _is_shared(value.op)
        if not is_product and found[-1][1]:
            found.append(([], []))
        found[-1][is_product].append((var, value))
    return [*found, ([], [])] if found[-1][1] else found


def _is_shared(function: Any) -> bool:
    return (
        isinstance(function, relay.Function)
        and bool(function.attrs)
        and SHARED in function.attrs.keys()  # noqa: SIM118
    )


def _used(run: Scope, products: Scope) -> set[Any]:
    return set().union(*(variables(value) for _, value in (*run, *products)))


def _size(v: Any) -> int:
    return math.prod(map(int, v.checked_type.shape))


def _row(one: Array, rows: Array, row: Any, load: bool) -> Any:
    """A call's row of memory for several is copied from, or to."""
    at = row * one.size
    source, target, i, j = (rows, one, at, 0) if load else (one, rows, 0, at)
    return each(one.size, lambda k: tir.BufferStore(target.flat, source.flat[i + k], [j + k]))


def _for(count: Any, body: Callable[[Any], Any]) -> Any:
    i = tir.Var("i", "int64")
    return tir.For(i, tir.const(0, "int64"), count, tir.ForKind.SERIAL, body(i))
