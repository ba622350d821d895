"""Branches: taken while compiling where the condition is known, an If in the program where not."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import gast

from astfront.builder import Scope
from astfront.contents import GrownList, Names
from astfront.control.attempts import Refused
from astfront.control.endings import Caught, Diverged
from astfront.environment import State
from astfront.joins.join import Join, JoinError
from astfront.joins.options import MOST_WAYS, alternatives, choice_in, with_part
from astfront.machine import Machine
from astfront.sameness import same
from astfront.values import (
    FALSE,
    NONE,
    POISON,
    TRUE,
    UNBOUND,
    Choice,
    EitherDtype,
    Node,
    Option,
    Poison,
    Scalar,
    Static,
    Tensor,
    Value,
)
from passes.syntax import names

_RESULT = "result"


@dataclass
class Arm:
    """One way of a branch, run: its bindings, the heap after it, whether it ends in a raise."""

    scope: Scope
    state: State
    diverged: bool
    caught: bool = False
    """Whether it ends in an exception that is caught further out."""


class Branches(Machine):
    @contextmanager
    def in_scope(self, scope: Scope) -> Iterator[None]:
        outer, self.b.scope = self.b.scope, scope
        try:
            yield
        finally:
            self.b.scope = outer

    def stage_if(
        self,
        condition: Value,
        then: Callable[[], Value | None],
        orelse: Callable[[], Value | None],
        live: Callable[[int, Any], bool] = lambda cell, name: True,
    ) -> Value:
        """Run one of two ways; the value of the one taken, and everything that they change joined."""
        if isinstance(condition, Static):
            return (then() if condition.obj else orelse()) or NONE
        if isinstance(condition, Poison):
            return self._poisoned_if(then, orelse)
        self.settle()
        result = self.heap.new(Names({_RESULT: UNBOUND}))
        pre = self.heap.snapshot()
        first = self._arm(then, result)
        self.heap.restore(pre)
        return self._merge(condition, pre, first, self._arm(orelse, result), result, live)

    def _arm(self, way: Callable[[], Value | None], result: int) -> Arm:
        diverged = caught = False
        known_kinds, known_items, at_raise = self.known_kinds, self.known_items, self.at_raise
        self.staged_depth += 1
        try:
            with self.b.new_scope() as scope:
                try:
                    value = way() or NONE
                    self.settle()
                    self.heap.bind(result, _RESULT, value)
                except Caught:
                    caught = True
                except Diverged:
                    diverged = True
        finally:
            self.staged_depth -= 1
            self.known_kinds, self.known_items, self.at_raise = known_kinds, known_items, at_raise
        return Arm(scope, self.heap.snapshot(), diverged, caught)

    def _merge(
        self,
        condition: Value,
        pre: State,
        then: Arm,
        orelse: Arm,
        result: int,
        live: Callable[[int, Any], bool] = lambda cell, name: True,
    ) -> Value:
        if then.diverged and orelse.diverged:
            return self._both_diverge(condition, pre, then, orelse, result)
        if then.diverged or orelse.diverged:
            value = self._join_diverged(condition, pre, then, orelse, result, live)
        else:
            value = self._join_arms(condition, pre, then, orelse, result, live)
        if self.handlers:
            self.at_raise = self.heap.snapshot()
        if all(arm.diverged or arm.caught for arm in (then, orelse)):
            raise Caught()
        if (then.caught or orelse.caught) and isinstance(value, Option):
            return value.value  # where the exception is raised, nobody looks at it
        return value

    def _join_arms(
        self,
        condition: Value,
        pre: State,
        then: Arm,
        orelse: Arm,
        result: int,
        live: Callable[[int, Any], bool] = lambda cell, name: True,
    ) -> Value:
        self.heap.restore({**then.state, **orelse.state, **pre})
        one, other = self.as_left(then.state, orelse.state), self.as_left(orelse.state, then.state)
        try:
            join = Join.of(self.heap, pre, one, other, live, branches=True, items=True)
        except JoinError as e:
            where = f"`{e.place}`" if e.place and e.place != _RESULT else "the value"
            self.fail(
                "AF0204",
                f"{where} differs between two branches, and tensor data decides which is taken: "
                f"{e.message}",
                help="make it one kind of thing on both ways",
            )
        with self.in_scope(then.scope):
            a = join.collect(self.b, one, "a")
        with self.in_scope(orelse.scope):
            b = join.collect(self.b, other, "b")
        out = self.b.if_(condition, (then.scope, a), (orelse.scope, b)) if a else []  # type: ignore
        join.instantiate(out)
        for cell in join.cells:
            self._keep_length(cell, one, other)
        self.read_items(join.items)
        return self._take(result)

    def _keep_length(self, cell: int, one: State, other: State) -> None:
        """A list that is as long after either way has that length."""
        a, b, made = one.get(cell), other.get(cell), self.heap.cells[cell]
        if not (isinstance(a, GrownList) and isinstance(b, GrownList) and same(a.length, b.length)):
            return
        if isinstance(made, GrownList):
            self.heap.cells[cell] = replace(made, length=a.length)

    def _take(self, result: int) -> Value:
        """The value in a result's cell, which is no more."""
        value = self.heap.lookup(result, _RESULT)
        self.heap.drop(result)
        return value

    def _join_diverged(
        self,
        condition: Value,
        pre: State,
        then: Arm,
        orelse: Arm,
        result: int,
        live: Callable[[int, Any], bool],
    ) -> Value:
        """One way raises: what follows sees the other way's values, and the error.

        Where the raising way is taken these are stand-ins, which nobody looks at.
        """
        dead, alive = (then, orelse) if then.diverged else (orelse, then)
        self.heap.restore({**pre, **alive.state})
        before, alive_notes, dead_notes = map(self._notes, (pre, alive.state, dead.state))
        state = {**alive.state, **before}
        join = Join.export(self.heap, pre, state, live)
        error = Join.of(self.heap, before, dead_notes, alive_notes, branches=True)
        with self.in_scope(alive.scope):
            xs = join.collect(self.b, state, "a")
            xs += error.collect(self.b, alive_notes, "b")
        with self.in_scope(dead.scope):
            ys = join.stand_ins(self.b)
            ys += error.collect(self.b, dead_notes, "a")
        arms = ((then.scope, ys), (orelse.scope, xs))
        if alive is then:
            arms = ((then.scope, xs), (orelse.scope, ys))
        out = self.b.if_(condition, *arms)  # type: ignore[arg-type]
        count = len(join.leaves())
        join.instantiate(out[:count])
        error.instantiate(out[count:])
        return self._take(result)

    def _notes(self, state: State) -> State:
        """What a way noted: the exception that it raised, what it did before that."""
        return {c: state.get(c, self.heap.base[c]) for c in self.noting_cells()}

    def _both_diverge(
        self, condition: Value, pre: State, then: Arm, orelse: Arm, result: int
    ) -> Value:
        arms = [Arm(arm.scope, {**pre, **self._notes(arm.state)}, False) for arm in (then, orelse)]
        self._join_arms(condition, pre, arms[0], arms[1], result)
        raise Diverged()

    def _poisoned_if(self, then: Callable[[], Any], orelse: Callable[[], Any]) -> Value:
        """The condition was refused: both ways are read for what else they hold."""
        if self.frame.is_library:
            self.poisoned()  # The user's statement is what isn't supported.
        pre = self.heap.snapshot()
        touched: dict[tuple[int, Any], None] = {}
        for way in (then, orelse):
            self.heap.restore(pre)
            self.staged_depth += 1
            with self.b.new_scope(), suppress(Diverged):
                way()
            self.staged_depth -= 1
            for cell, content in self.heap.cells.items():
                old = pre.get(cell)
                if content is not old and isinstance(content, Names) and isinstance(old, Names):
                    for name, value in content.items.items():
                        if old.items.get(name) is not value:
                            touched[cell, name] = None
        self.heap.restore(pre)
        for cell, name in touched:
            self.heap.bind(cell, name, POISON)
        return POISON

    def split(self, option: Choice, f: Callable[[Value], Value | None]) -> Value:
        """Apply ``f`` to each of the values that one may be."""
        if isinstance(option, Node):
            return self.split_node(option, f)
        if isinstance(option, EitherDtype):
            return self._split_dtypes(option, f)
        if not isinstance(option, Option):
            raise TypeError(f"a choice of another kind: {option!r}")
        if option.absent is UNBOUND:
            self.fail("AF0203", "a value that may be undefined is used here")
        count = len(list(alternatives(option)))

        def of(value: Value) -> Value | None:
            with self._one_way_of(1 if isinstance(value, Option) else count):
                return f(value)

        return self.stage_if(option.present, lambda: of(option.value), lambda: of(option.absent))

    @contextmanager
    def _one_way_of(self, count: int) -> Iterator[None]:
        """What is compiled inside is compiled so many times, as a value is one of so many."""
        outer, self.ways = self.ways, self.ways * count
        try:
            if self.ways > MOST_WAYS:
                self.fail(
                    "AF0204",
                    "what is computed here depends on several values, each of which is one of "
                    f"several, and that makes more than {MOST_WAYS} ways",
                    help="compute what depends on one of them first, and give it a name",
                )
            yield
        finally:
            self.ways = outer

    def _split_dtypes(self, either: EitherDtype, f: Callable[[Value], Value | None]) -> Value:
        other = functools.partial(self.cast, either.array, either.dtype)
        try:
            return self.attempted(  # type: ignore[no-any-return]
                lambda: self.stage_if(either.other, lambda: f(other()), lambda: f(either.array))
            )
        except Refused:
            return f(self.of_one_dtype(either)) or NONE

    def of_one_dtype(self, either: EitherDtype) -> Tensor:
        """The array, where what's done with it isn't compiled for both dtypes."""
        message = f"an array of an empty list, which is {either.dtype.name}, isn't supported here"
        self.require(self.unary(gast.Not(), either.other), self.error("AF0207", message))
        return either.array

    def split_in(self, value: Value, f: Callable[[Value], Value | None]) -> Value:
        """Apply ``f`` to each of the values that one, or a part of it, may be."""
        part = choice_in(value)
        if part is None:
            return f(value) or NONE
        return self.split(part, lambda known: self.split_in(with_part(value, part, known), f))

    def lazy(self, conjunction: bool, first: Value, rest: Callable[[], Value]) -> Value:
        """``first and rest()``, or with ``conjunction`` false ``first or rest()``."""
        truth = self.truth(first)
        if not isinstance(truth, Scalar):
            return rest() if truth is conjunction else first
        self.settle()
        result = self.heap.new(Names({_RESULT: UNBOUND}))
        pre = self.heap.snapshot()
        arm = self._arm(rest, result)
        value = self.heap.lookup(result, _RESULT)
        before = {**self.heap.base, **pre}
        unchanged = all(self.heap.cells.get(c) is v for c, v in before.items() if c != result)
        is_bool = isinstance(first, Scalar) and first.type is bool
        is_bool = is_bool and not (arm.diverged or arm.caught)
        if is_bool and unchanged and same(value, FALSE if conjunction else TRUE):
            self.heap.restore(pre)
            self.heap.drop(result)
            return value  # whatever comes first
        if is_bool and unchanged and _is_bool(value) and self.b.is_cheap(arm.scope):
            self.heap.drop(result)
            self.b.scope.bindings.extend(arm.scope.bindings)
            name = "logical_and" if conjunction else "logical_or"
            return Scalar(self.b.call(name, truth, self.as_scalar(value, bool)).expr, bool)
        self.heap.restore(pre)
        other = self._arm(lambda: first, result)
        arms = (arm, other) if conjunction else (other, arm)
        return self._merge(truth, pre, *arms, result)

    def short_circuit(self, conjunction: bool, nodes: Sequence[gast.expr]) -> Value:
        with self.with_refusals_of(functools.partial(self.visit, n) for n in nodes[1:]):
            first = self.visit(nodes[0])
        if len(nodes) == 1:
            return first
        if isinstance(first, Poison):
            return POISON
        return self.lazy(conjunction, first, lambda: self.short_circuit(conjunction, nodes[1:]))

    def if_expression(self, node: gast.IfExp) -> Value:
        with self.looking_at_items(node.test):
            return self._if_expression(node)

    def _if_expression(self, node: gast.IfExp) -> Value:
        then, orelse = (functools.partial(self.visit, n) for n in (node.body, node.orelse))
        with self.with_refusals_of([then, orelse]):
            condition = self.condition(node.test)
        if isinstance(condition, Static):
            return then() if condition.obj else orelse()
        narrow = self.narrowing(node.test)

        def way(holds: bool) -> Value:
            narrow(holds)
            return then() if holds else orelse()

        def first_way() -> Value:
            with self.with_refusals_of([lambda: way(False)]):
                return way(True)

        return self.stage_if(condition, first_way, lambda: way(False))

    def condition(self, test: gast.expr) -> Value:
        """The truth of an expression; of ``and`` and ``or`` only the operands' truth matters here."""
        if isinstance(test, gast.BoolOp):
            first, *rest = test.values
            for operand in rest[:-1]:
                first = gast.copy_location(gast.BoolOp(test.op, [first, operand]), test)
            truth = self.condition(first)
            if isinstance(truth, Poison):
                return truth
            conjunction = isinstance(test.op, gast.And)
            return self.lazy(conjunction, truth, lambda: self.condition(rest[-1]))
        value = self.visit(test)
        return value if isinstance(value, Poison) else self.truth_value(value)

    def if_statement(self, node: gast.If) -> None:
        with self.looking_at_items(node.test):
            self._if_statement(node)

    def _if_statement(self, node: gast.If) -> None:
        ways = [functools.partial(self.exec_block, b) for b in (node.body, node.orelse)]
        with self.with_refusals_of([lambda: self._poisoned_if(*ways)]):
            condition = self.condition(node.test)
        generated = isinstance(node.test, gast.Name) and names.is_generated(node.test.id)
        if isinstance(condition, Static):
            if not generated and not self.frame.is_library:
                self.report.add(self.span(), "static", f"the condition is {bool(condition.obj)}")
            self.exec_block(node.body if condition.obj else node.orelse)
            return
        self.report.add(self.span(), "staged", "an If: the condition is known at run time")
        narrow = self.narrowing(node.test)
        self.stage_if(
            condition,
            lambda: (narrow(True), self.exec_block(node.body))[1],
            lambda: (narrow(False), self.exec_block(node.orelse))[1],
            self.live_after(node),
        )

    def live_after(self, node: gast.stmt, also: Sequence[str] = ()) -> Callable[[int, Any], bool]:
        """Which names of this frame are read after ``node``; those of other cells always may be."""
        flow = self.frame.prepared.liveness
        cell = self.frame.cell
        live = {*flow.live_out(node), *also} if flow is not None else None
        return lambda c, name: c != cell or live is None or name in live


def _is_bool(v: Value) -> bool:
    kind = v.type if isinstance(v, Scalar) else type(v.obj) if isinstance(v, Static) else None
    return kind is bool
