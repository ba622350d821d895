"""Branches and loops: run now where they're known while compiling, kept in the program where not."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gast
import numpy as np

from astfront.builder import Scope
from astfront.diagnostics import CompileError, Diagnostic
from astfront.environment import State, same
from astfront.join import Join, JoinError
from astfront.values import (
    FALSE,
    NONE,
    POISON,
    UNBOUND,
    Names,
    Object,
    Option,
    Poison,
    Scalar,
    Static,
    Tensor,
    Value,
)
from passes.syntax import names

if TYPE_CHECKING:
    from astfront.interpreter import Interpreter as Base
else:
    Base = object

#: More turns than this aren't unrolled (AF0502).
UNROLL_LIMIT = 4096

#: Refusals of a kept loop after which unrolling may succeed: something in it has to be static.
UNROLLABLE = {"AF0204", "AF0205", "AF0206", "AF0207", "AF0208", "AF0306", "AF0504", "AF0601", "AF0203"}  # fmt: skip

#: More turns than this aren't run while compiling, even where nothing staged is computed.
RUN_LIMIT = 1_000_000

_RESULT = "result"


@dataclass
class Arm:
    """One way of a branch, run: its bindings, the heap after it, whether it ends in a raise."""

    scope: Scope
    state: State
    diverged: bool


class Diverged(Exception):
    """This way of a staged branch ends in an exception; the error cell holds which."""


@dataclass
class Settled:
    """A kept loop whose carried values have settled, ready to be built."""

    start: State
    state: list[Tensor]
    template: Join
    head: Scope
    more: Scalar
    turn: Scope
    leave: State
    joined: Join


@dataclass
class Refused(Exception):
    """An attempt at keeping a loop failed."""

    diagnostics: list[Diagnostic]


class ControlFlow(Base):
    # --- exceptions at run time --------------------------------------------------------------

    def check(self, ok: Value, exception: BaseException) -> None:
        """Raise ``exception`` when the program runs and ``ok`` is false.

        The program can't stop there: it notes the first failure in its error cell, goes on with
        values that do no harm, and the call raises when it comes back.
        """
        if isinstance(ok, Static):
            if not ok.obj:
                self.raise_python(exception)
            return
        if not self.checks:
            return
        code = len(self.exceptions) + 1
        self.exceptions.append((exception, self.span()))
        before = self.heap.lookup(self.error_cell, "code")
        fine = self.as_scalar(before, int)
        failed = self.as_scalar(Static(code), int)
        if isinstance(before, Scalar):
            zero = self.as_scalar(Static(0), int)
            first = self.b.call("equal", before, zero)
            failed = Scalar(self.b.call("where", first, failed, before).expr, int)
        chosen = self.b.call("where", ok, fine, failed)  # type: ignore[arg-type]
        self.heap.bind(self.error_cell, "code", Scalar(chosen.expr, int))

    def diverge(self, exception: BaseException) -> None:
        """Raise ``exception`` on this staged way, and end the way."""
        self.exceptions.append((exception, self.span()))
        before = self.heap.lookup(self.error_cell, "code")
        code: Value = Static(len(self.exceptions))
        if isinstance(before, Scalar):
            first = self.b.call("equal", before, self.as_scalar(Static(0), int))
            chosen = self.b.call("where", first, self.as_scalar(code, int), before)
            code = Scalar(chosen.expr, int)
        self.heap.bind(self.error_cell, "code", code)
        raise Diverged()

    # --- staged branches ---------------------------------------------------------------------

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
        result = self.heap.new(Names({_RESULT: UNBOUND}))
        pre = self.heap.snapshot()
        first = self._arm(then, result)
        self.heap.restore(pre)
        return self._merge(condition, pre, first, self._arm(orelse, result), result, live)

    def _arm(self, way: Callable[[], Value | None], result: int) -> Arm:
        diverged = False
        self.staged_depth += 1
        try:
            with self.b.new_scope() as scope:
                try:
                    self.heap.bind(result, _RESULT, way() or NONE)
                except Diverged:
                    diverged = True
        finally:
            self.staged_depth -= 1
        return Arm(scope, self.heap.snapshot(), diverged)

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
            return self._join_diverged(condition, pre, then, orelse, result, live)
        return self._join_arms(condition, pre, then, orelse, result, live)

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
        try:
            join = Join.of(self.heap, pre, then.state, orelse.state, live)
        except JoinError as e:
            where = f"`{e.place}`" if e.place and e.place != _RESULT else "the value"
            self.fail(
                "AF0204",
                f"{where} differs between two branches, and tensor data decides which is taken: "
                f"{e.message}",
                help="give it one type and one number of dimensions on both ways",
            )
        with self.in_scope(then.scope):
            a = join.collect(self.b, then.state, "a")
        with self.in_scope(orelse.scope):
            b = join.collect(self.b, orelse.state, "b")
        out = self.b.if_(condition, (then.scope, a), (orelse.scope, b)) if a else []  # type: ignore
        join.instantiate(out)
        return self.heap.lookup(result, _RESULT)

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
        codes = self.error_cell
        alive_error, dead_error = alive.state[codes], dead.state[codes]
        state = {**alive.state, codes: pre.get(codes, self.heap.base[codes])}
        join = Join.export(self.heap, pre, state, live)
        error = Join.of(self.heap, {codes: pre[codes]}, {codes: dead_error}, {codes: alive_error})
        with self.in_scope(alive.scope):
            xs = join.collect(self.b, state, "a")
            xs += error.collect(self.b, {codes: alive_error}, "b")
        with self.in_scope(dead.scope):
            ys = join.stand_ins(self.b)
            ys += error.collect(self.b, {codes: dead_error}, "a")
        arms = ((then.scope, ys), (orelse.scope, xs))
        if alive is then:
            arms = ((then.scope, xs), (orelse.scope, ys))
        out = self.b.if_(condition, *arms)  # type: ignore[arg-type]
        count = len(join.leaves())
        join.instantiate(out[:count])
        error.instantiate(out[count:])
        return self.heap.lookup(result, _RESULT)

    def _both_diverge(
        self, condition: Value, pre: State, then: Arm, orelse: Arm, result: int
    ) -> Value:
        arms = [
            Arm(arm.scope, {**pre, self.error_cell: arm.state[self.error_cell]}, False)
            for arm in (then, orelse)
        ]
        self._join_arms(condition, pre, arms[0], arms[1], result)
        raise Diverged()

    def _poisoned_if(self, then: Callable[[], Any], orelse: Callable[[], Any]) -> Value:
        """The condition was refused: both ways are read for what else they hold."""
        pre = self.heap.snapshot()
        touched: dict[tuple[int, Any], None] = {}
        for way in (then, orelse):
            self.heap.restore(pre)
            self.staged_depth += 1
            with self.b.new_scope():
                try:
                    way()
                except Diverged:
                    pass
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

    def split(self, option: Option, f: Callable[[Value], Value]) -> Value:
        """Apply ``f`` to each of the two values that an option may be."""
        if option.absent is UNBOUND:
            self.fail("AF0203", "a value that may be undefined is used here")
        return self.stage_if(option.present, lambda: f(option.value), lambda: f(option.absent))

    def lazy(self, conjunction: bool, first: Value, rest: Callable[[], Value]) -> Value:
        """``first and rest()``, or with ``conjunction`` false ``first or rest()``."""
        truth = self.truth(first)
        if not isinstance(truth, Scalar):
            return rest() if truth is conjunction else first
        result = self.heap.new(Names({_RESULT: UNBOUND}))
        pre = self.heap.snapshot()
        arm = self._arm(rest, result)
        value = self.heap.lookup(result, _RESULT)
        unchanged = all(self.heap.cells.get(c) is v for c, v in pre.items() if c != result)
        is_bool = isinstance(first, Scalar) and first.type is bool and not arm.diverged
        if is_bool and unchanged and _is_bool(value) and self.b.is_cheap(arm.scope):
            self.b.scope.bindings.extend(arm.scope.bindings)
            name = "logical_and" if conjunction else "logical_or"
            return Scalar(self.b.call(name, truth, self.as_scalar(value, bool)).expr, bool)
        self.heap.restore(pre)
        other = self._arm(lambda: first, result)
        arms = (arm, other) if conjunction else (other, arm)
        return self._merge(truth, pre, *arms, result)

    def short_circuit(self, conjunction: bool, nodes: Sequence[gast.expr]) -> Value:
        first = self.visit(nodes[0])
        if len(nodes) == 1:
            return first
        if isinstance(first, Poison):
            return POISON
        return self.lazy(conjunction, first, lambda: self.short_circuit(conjunction, nodes[1:]))

    def if_expression(self, node: gast.IfExp) -> Value:
        condition = self.condition(node.test)
        if isinstance(condition, Static):
            return self.visit(node.body if condition.obj else node.orelse)
        narrow = self.narrowing(node.test)
        return self.stage_if(
            condition,
            lambda: (narrow(True), self.visit(node.body))[1],
            lambda: (narrow(False), self.visit(node.orelse))[1],
        )

    def condition(self, test: gast.expr) -> Value:
        value = self.visit(test)
        return value if isinstance(value, Poison) else self.truth_value(value)

    def if_statement(self, node: gast.If) -> None:
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

    def narrowing(self, test: gast.expr) -> Callable[[bool], None]:
        """After ``x is None`` (or not), a name or attribute that is an option is what it is."""
        positive = True
        while isinstance(test, gast.UnaryOp) and isinstance(test.op, gast.Not):
            test, positive = test.operand, not positive
        if not (
            isinstance(test, gast.Compare)
            and len(test.ops) == 1
            and isinstance(test.ops[0], gast.Is | gast.IsNot)
            and isinstance(test.left, gast.Name | gast.Attribute)
            and isinstance(test.comparators[0], gast.Constant)
            and test.comparators[0].value is None
        ):
            return lambda taken: None
        place = test.left
        is_none = isinstance(test.ops[0], gast.Is) == positive

        def narrow(taken: bool) -> None:
            value = self.visit(place)
            if not isinstance(value, Option) or not same(value.absent, NONE):
                return
            known = value.absent if taken == is_none else value.value
            if isinstance(place, gast.Name):
                self.bind_name(place.id, known)
            else:
                owner = self.visit(place.value)
                if isinstance(owner, Object):
                    self.heap.bind(owner.cell, place.attr, known)

        return narrow

    # --- loops -------------------------------------------------------------------------------

    def for_statement(self, node: gast.For) -> None:
        iterable = self.visit(node.iter)
        if isinstance(iterable, Poison):
            self._poisoned_if(lambda: self._poisoned_body(node), lambda: None)
            return
        if isinstance(iterable, Option):
            self.fail("AF0503", "a loop over something that may be None")
        iterator = self.iterator_of(iterable)
        counter = self.heap.new(Names({"i": Static(0)}))

        def header() -> Value:
            i = self.heap.lookup(counter, "i")
            return self.compare(gast.Lt(), i, iterator.length)

        def body() -> None:
            i = self.heap.lookup(counter, "i")
            self.assign(node.target, iterator.item(i))
            self.exec_block(_without_break(node.body))
            self.heap.bind(counter, "i", self.binary_op(operator.add, i, Static(1)))

        count = iterator.length.obj if isinstance(iterator.length, Static) else None
        self.loop(node, header, body, count, counter)

    def _poisoned_body(self, node: gast.For) -> None:
        self.assign(node.target, POISON)
        self.exec_block(node.body)

    def while_statement(self, node: gast.While) -> None:
        def body() -> None:
            self.exec_block(_without_break(node.body))

        self.loop(node, lambda: self.condition(node.test), body, None, None)

    def loop(
        self,
        node: gast.For | gast.While,
        header: Callable[[], Value],
        body: Callable[[], None],
        count: int | None,
        counter: int | None,
    ) -> None:
        """Run a loop now, keep it, or unroll it: the first of these that's right.

        ``count`` is the number of turns where it's known; ``counter`` is the cell of a for loop's
        counter.
        """
        breaks = _break_flag(node.body)
        span = self.span()

        def test() -> Value:
            """Whether there's another turn."""
            flag = self.load_name(breaks) if breaks else FALSE
            if isinstance(flag, Static) and flag.obj:
                return FALSE
            more = header()
            if isinstance(flag, Static) or (isinstance(more, Static) and not more.obj):
                return more
            on = self.unary(gast.Not(), flag)
            return self.lazy(True, on, lambda: more)

        start = self.heap.snapshot()
        if self.run_now(test, body):
            return
        live = self.live_after(node, self._exposed(node, breaks))
        refusals: list[Diagnostic] = []
        peel = rotate = False
        while True:
            self.heap.restore(start)
            mark = self.report.mark()
            try:
                keep = functools.partial(self._keep, test, body, live, counter, peel, rotate)
                self._attempt(keep)
                self._report_kept(span, count, peel)
                return
            except Refused as e:
                self.report.rewind(mark)
                refusals = refusals or e.diagnostics
                codes = {d.code for d in e.diagnostics}
                if "AF0206" in codes and not peel:
                    peel = True
                elif "AF0501" in codes and not rotate:
                    rotate = True
                else:
                    break
        self.heap.restore(start)
        fixable = all(d.code in UNROLLABLE for d in refusals)
        if not fixable:
            self._give_up(refusals)
        self.unroll(test, body, refusals, span)

    def _exposed(self, node: gast.For | gast.While, breaks: str | None) -> list[str]:
        flow = self.frame.prepared.liveness
        if flow is None:
            return []
        found = list(flow.exposed([node]))
        return [*found, breaks] if breaks else found

    def _report_kept(self, span: Any, count: int | None, peel: bool) -> None:
        turns = f"{count} turns" if count is not None else "any number of turns"
        first = "; the first turn stands before it, its types differ" if peel else ""
        self.report.add(span, "kept", f"a loop in Relay, {turns}{first}")

    def run_now(self, test: Callable[[], Value], body: Callable[[], None]) -> bool:
        """Run the loop as Python does, as long as nothing staged is computed in it."""
        turns = 0
        mark = self.report.mark()
        faults = len(self.diagnostics)
        outer = self.b.scope
        with self.b.new_scope() as scope:
            try:
                while True:
                    more = test()
                    if not isinstance(more, Static) or len(scope):
                        break
                    if not more.obj:
                        return True
                    body()
                    if len(scope) or len(self.diagnostics) > faults:
                        break
                    turns += 1
                    if turns > RUN_LIMIT:
                        break
            except Diverged:
                outer.bindings.extend(scope.bindings)
                raise
            except CompileError as e:
                if e.diagnostics[0].code == "AF9001":
                    raise
        del self.diagnostics[faults:]
        self.report.rewind(mark)
        return False

    def _attempt(self, build: Callable[[], None]) -> None:
        """Run ``build``; what it refuses is raised as Refused instead of being reported."""
        outer, self.diagnostics = self.diagnostics, []
        self.attempts += 1
        depth, exceptions = self.staged_depth, len(self.exceptions)
        bindings = len(self.b.scope.bindings)
        try:
            build()
            if self.diagnostics:
                raise Refused(self.diagnostics)
        except CompileError as e:
            if not e.diagnostics or e.diagnostics[0].code == "AF9001":
                raise
            self._undo(depth, exceptions, bindings)
            raise Refused([*self.diagnostics, *e.diagnostics]) from e
        except Refused:
            self._undo(depth, exceptions, bindings)
            raise
        finally:
            self.diagnostics = outer
            self.attempts -= 1

    def _undo(self, depth: int, exceptions: int, bindings: int) -> None:
        self.staged_depth = depth
        del self.exceptions[exceptions:]
        del self.b.scope.bindings[bindings:]

    def _give_up(self, refusals: list[Diagnostic]) -> None:
        raise CompileError(refusals)

    def _keep(
        self,
        test: Callable[[], Value],
        body: Callable[[], None],
        live: Callable[[int, Any], bool],
        counter: int | None,
        peel: bool,
        rotate: bool,
    ) -> None:
        """Build the loop; with ``peel`` its first turn stands before it, and with ``rotate`` the
        condition is computed at the end of a turn, so that it may change things."""
        if rotate:
            ahead = self.heap.new(Names({"more": self.truth_value(test())}))
            plain_test, plain_body = test, body

            def test() -> Value:
                return self.heap.lookup(ahead, "more")

            def body() -> None:
                plain_body()
                self.heap.bind(ahead, "more", self.truth_value(plain_test()))

        if not peel:
            self.kept_loop(test, body, live, counter)
            return

        def first_turn_and_loop() -> None:
            body()
            self.kept_loop(test, body, live, counter)

        self.stage_if(test(), first_turn_and_loop, lambda: None, live)

    def kept_loop(
        self,
        test: Callable[[], Value],
        body: Callable[[], None],
        live: Callable[[int, Any], bool],
        counter: int | None,
    ) -> None:
        """A loop in the program: its carried values are found by running the body until they agree."""
        self.staged_depth += 1
        try:
            loop = self._settle(test, body, live, counter)
        finally:
            self.staged_depth -= 1
        with self.in_scope(loop.turn):
            following = loop.joined.collect(self.b, loop.leave, "b")
        initial = loop.template.collect(self.b, loop.start, "a")
        results = self.b.while_(loop.state, initial, (loop.head, loop.more), (loop.turn, following))
        self.heap.restore(loop.start)
        loop.template.instantiate(results)

    def _settle(
        self,
        test: Callable[[], Value],
        body: Callable[[], None],
        live: Callable[[int, Any], bool],
        counter: int | None,
    ) -> Settled:
        """Run the body abstractly until the types of what it carries are those that it leaves."""
        start = self.heap.snapshot()
        template: Join | None = None
        exceptions = len(self.exceptions)
        for _ in range(12):
            del self.exceptions[exceptions:]
            self.diagnostics.clear()
            self.heap.restore(start)
            state = []
            if template is not None:
                state = [self.b.fresh(x.name, x.shape, x.dtype) for x in template.leaves()]
                template.instantiate(state)
            elif counter is not None:
                # The counter is staged from the first: its first value decides no branch.
                fresh = self.b.fresh("i", (), np.dtype("int64"))
                self.heap.bind(counter, "i", Scalar(fresh.expr, int))
            entry = self.heap.snapshot()
            with self.b.new_scope() as head:
                tested = test()
                if isinstance(tested, Poison):
                    break
                more = self.as_scalar(tested, bool)
            after_test = self.heap.snapshot()
            if any(after_test[c] is not v for c, v in entry.items()):
                self.fail("AF0501", "the condition of a loop changes something")
            with self.b.new_scope() as turn:
                try:
                    body()
                except Diverged:
                    self.fail("AF0210", "every turn of this loop raises an exception")
            leave = self.heap.snapshot()
            if self.diagnostics:
                break
            base = entry
            if template is None and counter is not None:
                base = {**entry, counter: start[counter]}
            try:
                joined = Join.of(self.heap, start, base, leave, live, force=template)
            except JoinError as e:
                where = f"`{e.place}`" if e.place else "a value"
                self.fail(
                    "AF0206",
                    f"{where} changes its type from one turn of the loop to the next: {e.message}",
                    help="give it the type before the loop that it has after a turn",
                )
            if template is not None and joined.equals(template):
                return Settled(start, state, template, head, more, turn, leave, joined)
            template = joined
        if self.diagnostics:
            raise CompileError(self.diagnostics)
        self.fail("AF0206", "the types of this loop's variables don't settle")

    def unroll(
        self,
        test: Callable[[], Value],
        body: Callable[[], None],
        refusals: list[Diagnostic],
        span: Any,
    ) -> None:
        """Each turn a piece of program of its own, where the number of turns is known."""
        mark = self.report.mark()
        bindings = len(self.b.scope.bindings)
        faults = len(self.diagnostics)
        turns = 0
        while True:
            more = test()
            if not isinstance(more, Static):
                if turns and self._unroll_staged(test, body, more, refusals):
                    break
                del self.b.scope.bindings[bindings:]
                self._give_up(refusals)
            if not more.obj:
                break
            body()
            if len(self.diagnostics) > faults:
                if turns == 0 and all(d.code in UNROLLABLE for d in self.diagnostics[faults:]):
                    pass
                return
            turns += 1
            if turns > UNROLL_LIMIT:
                self.fail(
                    "AF0502",
                    f"this loop can't be kept, and it has more than {UNROLL_LIMIT} turns",
                    notes=[f"it can't be kept because: {d.message}" for d in refusals[:1]],
                )
        self.report.rewind(mark)
        why = refusals[0].message if refusals else "its turns are different programs"
        self.report.add(span, "unrolled", f"{turns} turns: {why}")

    def _unroll_staged(
        self,
        test: Callable[[], Value],
        body: Callable[[], None],
        more: Value,
        refusals: list[Diagnostic],
    ) -> bool:
        """A turn that may break: the rest of the turns go under an If (bounded by the count)."""
        if isinstance(more, Poison):
            return False

        def rest() -> None:
            depth = 0
            body()
            again = test()
            if isinstance(again, Static):
                while again.obj:
                    body()
                    depth += 1
                    again = test()
                    if not isinstance(again, Static):
                        break
                else:
                    return
            if self.staged_depth > 64:
                self._give_up(refusals)
            self.stage_if(again, rest, lambda: None)

        self.stage_if(more, rest, lambda: None)
        return True

    # --- with --------------------------------------------------------------------------------

    def with_items(self, items: Sequence[Any], body: Sequence[gast.stmt]) -> None:
        if not items:
            self.exec_block(body)
            return
        manager = self.visit(items[0].context_expr)
        if isinstance(manager, Poison):
            self.with_items(items[1:], body)
            return
        if not isinstance(manager, Object):
            self.fail(
                "AF0301",
                "this context manager isn't supported",
                help="chainer.using_config and classes with __enter__ and __exit__ are",
            )
        entered = self.call(self.get_attribute(manager, "__enter__"), [], {})
        if items[0].optional_vars is not None:
            self.assign(items[0].optional_vars, entered)
        self.with_items(items[1:], body)
        self.call(self.get_attribute(manager, "__exit__"), [NONE, NONE, NONE], {})


def _break_flag(body: Sequence[gast.stmt]) -> str | None:
    """The flag of the canonical ``if flag: break`` that ends a loop's body."""
    last = body[-1] if body else None
    if (
        isinstance(last, gast.If)
        and isinstance(last.test, gast.Name)
        and len(last.body) == 1
        and isinstance(last.body[0], gast.Break)
    ):
        return str(last.test.id)
    return None


def _without_break(body: Sequence[gast.stmt]) -> Sequence[gast.stmt]:
    return body[:-1] if _break_flag(body) else body


def _is_bool(v: Value) -> bool:
    kind = v.type if isinstance(v, Scalar) else type(v.obj) if isinstance(v, Static) else None
    return kind is bool
