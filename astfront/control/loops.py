"""Loops: run while compiling, kept as loops of the program, or unrolled."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import gast
import numpy as np

from astfront.builder import Scope
from astfront.control.attempts import Refused
from astfront.control.endings import Diverged, Unreached
from astfront.control.loop_exits import LoopExits, break_flag, without_break
from astfront.control.unrolling import FEW_TURNS, RUN_ALL_LIMIT, RUN_LIMIT, Unrolling
from astfront.diagnostics import CompileError, Diagnostic
from astfront.environment import State
from astfront.joins.join import Join, JoinError, Strict
from astfront.joins.merging import Merging
from astfront.joins.options import alike, alternatives, without
from astfront.values import (
    FALSE,
    POISON,
    UNBOUND,
    Attributes,
    Choice,
    Dict,
    EitherDtype,
    Generator,
    GrownList,
    Items,
    List,
    Names,
    Object,
    Option,
    Poison,
    Scalar,
    Static,
    Tensor,
    Unbound,
    Value,
)

#: Refusals of a kept loop after which unrolling may succeed: something in it has to be static.
UNROLLABLE = {
    "AF0101",
    "AF0106",
    "AF0203",
    "AF0204",
    "AF0205",
    "AF0206",
    "AF0207",
    "AF0208",
    "AF0209",
    "AF0306",
    "AF0504",
    "AF0601",
}

#: Refusals of a kept loop after which the first turn is put before it: a type changes in that turn.
PEELABLE = {"AF0202", "AF0204", "AF0206", "AF0207"}


@dataclass
class Settled:
    """A kept loop whose carried values have settled, ready to be built."""

    start: State
    entry: State
    state: list[Tensor]
    template: Join
    head: Scope
    more: Scalar
    turn: Scope
    leave: State
    joined: Join


class ConditionChanges(Refused):
    """The condition of a loop changes something: it has to be part of a turn."""


class AlwaysRaises(Refused):
    """No turn comes to its end; the first one may, or each may do something else."""


class Loops(Unrolling, LoopExits, Merging):
    # --- loops -------------------------------------------------------------------------------

    def for_statement(self, node: gast.For) -> None:
        self._for_each(node, self.visit(node.iter))

    def _for_each(self, node: gast.For, iterable: Value) -> None:
        if isinstance(iterable, EitherDtype):
            iterable = self.of_one_dtype(iterable)
        if isinstance(iterable, Choice):
            self.split(iterable, lambda v: self._for_each(node, v))
            return
        if isinstance(iterable, Poison):
            self._poisoned_if(lambda: self._poisoned_body(node), lambda: None)
            return
        if isinstance(iterable, Object) and hasattr(iterable.cls, "__iter__"):
            iterable = self.iter_of(iterable)
        if isinstance(iterable, Generator):
            self.for_each(node, iterable, break_flag(node.body), without_break(node.body))
            return
        iterator = self.iterator_of(iterable)
        sources = [v for v in iterator.sources if isinstance(v, List | Dict)]
        walked_over = [(v, self.heap[v.cell]) for v in sources]
        counter = self.heap.new(Names({"i": Static(0), "iterator": iterator}))

        def header() -> Value:
            i = self.heap.lookup(counter, "i")
            return self.compare(gast.Lt(), i, iterator.length)

        def body() -> None:
            i = self.heap.lookup(counter, "i")

            def turn() -> None:
                self.assign(node.target, iterator.item(self.below(i, iterator.length)))
                self.exec_block(without_break(node.body))

            with self.more_than(iterator.length, i):
                self.turn_unless_caught(turn)
            if not self.leaves_for_certain(node):
                for walked, content in walked_over:
                    self.require_same_length(content, walked)
            self.heap.bind(counter, "i", self.binary_op(operator.add, i, Static(1)))

        count = iterator.length.obj if isinstance(iterator.length, Static) else None
        try:
            with self.around(node):
                self.loop(node, header, body, count, counter, iterable)
        finally:
            self.heap[counter] = Names()
        self.at_raise = None
        if break_flag(node.body) is None:
            self.exhausted(iterable)

    def _poisoned_body(self, node: gast.For) -> None:
        self.assign(node.target, POISON)
        self.exec_block(without_break(node.body))

    def while_statement(self, node: gast.While) -> None:
        def body() -> None:
            self.turn_unless_caught(lambda: self.exec_block(without_break(node.body)))

        def header() -> Value:
            if not self.is_uncertain:
                return self.condition(node.test)
            return self.lazy(True, self.nothing_caught(), lambda: self.condition(node.test))

        with self.around(node):
            self.loop(node, header, body, None, None)
        self.at_raise = None

    def loop(
        self,
        node: gast.For | gast.While,
        header: Callable[[], Value],
        body: Callable[[], None],
        count: int | None,
        counter: int | None,
        walked: Value | None = None,
    ) -> None:
        """Run a loop now, keep it, or unroll it: the first of these that's right.

        ``count`` is the number of turns where it's known; ``counter`` is the cell of a for loop's
        counter, and ``walked`` what it walks over.
        """
        breaks = break_flag(node.body)

        def test() -> Value:
            """Whether there's another turn."""
            self.at_raise = None
            flag = self.load_name(breaks) if breaks else FALSE
            if isinstance(flag, Static) and flag.obj:
                return FALSE
            if isinstance(flag, Static):
                return header()
            going_on = self.unary(gast.Not(), flag)
            if counter is None:
                return self.lazy(True, going_on, header)
            more = header()
            is_last = isinstance(more, Static) and not more.obj
            return more if is_last else self.lazy(True, going_on, lambda: more)

        def run_rest(turns: int) -> bool:
            flag = self.load_name(breaks) if breaks else FALSE
            more = isinstance(flag, Static) and not flag.obj
            return more and self.run_plainly(node, walked, turns)

        start = self.heap.snapshot()
        ran = self.run_now(test, body, RUN_LIMIT, run_rest)
        if ran:
            return
        self.heap.restore(start)
        try:
            self._stage(node, test, body, count, counter, breaks, start)
        except CompileError:
            # It has many turns, and nothing staged in those that were run.
            self.heap.restore(start)
            if ran is not None or not self.run_now(test, body, RUN_ALL_LIMIT):
                raise

    def _stage(
        self,
        node: gast.For | gast.While,
        test: Callable[[], Value],
        body: Callable[[], None],
        count: int | None,
        counter: int | None,
        breaks: str | None,
        start: State,
    ) -> None:
        """Keep a loop, or unroll it."""
        span = self.span()
        if count == 1:
            self.report.add(span, "unrolled", "it runs once")
            body()
            return
        few = count is not None and count <= FEW_TURNS
        live = self.live_after(node, self._exposed(node, breaks))
        refusals: list[Diagnostic] = []
        peel = rotate = raises = loose = False
        while True:
            self.heap.restore(start)
            how = (peel, rotate, few, loose, None if breaks or rotate else count)
            keep = functools.partial(self._keep, test, body, live, counter, *how)
            try:
                with self._in_attempt(None if loose else count):
                    self.attempted(keep)
                self._report_kept(span, count, breaks is not None, peel)
                return
            except Refused as e:
                refusals = refusals or e.diagnostics
                codes = {d.code for d in e.diagnostics}
                raises = raises or isinstance(e, AlwaysRaises)
                if loose:
                    self.give_up(refusals)
                if (codes & PEELABLE or isinstance(e, AlwaysRaises)) and not peel:
                    peel = True
                    self.heap.restore(start)
                    few = few or (count is None and self._ends_soon(test, body))
                    continue
                if isinstance(e, ConditionChanges) and not rotate:
                    rotate = True
                    continue
            self.heap.restore(start)
            # What else was refused may only follow from that (read on a way that isn't taken then).
            if not raises and not any(d.code in UNROLLABLE for d in refusals):
                self.give_up(refusals)
            unroll = functools.partial(self.unroll, test, body, live, refusals, span)
            try:
                self.attempted(unroll)
                return
            except Refused as e:
                if not peel:
                    self.give_up(e.diagnostics)
                refusals = e.diagnostics
            # Values of several types are options then, of which each turn asks what they are.
            loose, few = True, False

    @contextmanager
    def _in_attempt(self, count: int | None) -> Iterator[None]:
        """A loop that can be unrolled isn't kept by choosing between arrays of differing sizes."""
        outer, self.exact_choices = self.exact_choices, self.exact_choices or count is not None
        try:
            yield
        finally:
            self.exact_choices = outer

    def _exposed(self, node: gast.For | gast.While, breaks: str | None) -> list[str]:
        flow = self.frame.prepared.liveness
        if flow is None:
            return []
        found = list(flow.exposed([node]))
        return [*found, breaks] if breaks else found

    def _report_kept(self, span: Any, count: int | None, breaks: bool, peel: bool) -> None:
        turns = f"{count} turns" if count is not None else "any number of turns"
        turns = f"at most {turns}" if breaks and count is not None else turns
        first = "; the first turn stands before it, its types differ" if peel else ""
        self.report.add(span, "kept", f"a loop in Relay, {turns}{first}")

    def _keep(
        self,
        test: Callable[[], Value],
        body: Callable[[], None],
        live: Callable[[int, Any], bool],
        counter: int | None,
        peel: bool,
        rotate: bool,
        few: bool,
        loose: bool,
        turns: int | None,
    ) -> None:
        """Build the loop; with ``peel`` its first turn stands before it, and with ``rotate`` the
        condition is computed at the end of a turn, so that it may change things. A loop of ``few``
        turns whose tensors change their sizes is left to be unrolled, and one whose values change
        their types is only built if ``loose``."""
        if rotate:
            ahead = self.heap.new(Names({"more": self.truth_value(test())}))
            plain_test, plain_body = test, body

            def test() -> Value:
                return self.heap.lookup(ahead, "more")

            def body() -> None:
                plain_body()
                self.heap.bind(ahead, "more", self.truth_value(plain_test()))

        if not peel:
            # A variable whose type changes in the first turn asks for another try, peeled.
            strict = Strict(kinds=True, shapes=True, types=True)
            self.kept_loop(test, body, live, counter, strict, turns)
            return

        def first_turn_and_loop() -> None:
            body()
            rest = None if turns is None else turns - 1
            strict = Strict(shapes=few, types=not loose)
            self.kept_loop(test, body, live, counter, strict, rest)

        self.stage_if(test(), first_turn_and_loop, lambda: None, live)

    def kept_loop(
        self,
        test: Callable[[], Value],
        body: Callable[[], None],
        live: Callable[[int, Any], bool],
        counter: int | None,
        strict: Strict,
        turns: int | None = None,
    ) -> None:
        """A loop in the program: its carried values are found by running the body until they agree."""
        runs = self._surely_runs(test)
        start = self.heap.snapshot()
        try:
            with self.repeated():
                loop = self._settle(test, body, live, counter, strict)
        except Unreached:
            if runs:
                raise
            self.heap.restore(start)  # For now: no turn comes to its end.
            return
        if turns is not None:
            self._require_items_of_one_kind(loop)
        with self.in_scope(loop.turn):
            following = loop.joined.collect(self.b, loop.leave, "b")
        initial = loop.template.collect(self.b, loop.start, "a")
        results = self.b.while_(loop.state, initial, (loop.head, loop.more), (loop.turn, following))
        self.heap.restore(loop.start)
        loop.template.instantiate(results)
        if runs:
            self._bind_for_certain(loop)
        self._count_items(loop, turns, 1 if runs else 0)

    def _require_items_of_one_kind(self, loop: Settled) -> None:
        """Refuse to fill ``ys = [None] * n`` one by one: no item would surely be what it's set to."""
        for cell, content in loop.template.cells.items():
            before = loop.start.get(cell)
            if not isinstance(content, Items) or not isinstance(before, Items):
                continue
            for old, new in zip(before.items, content.items):
                if isinstance(new, Option) and not isinstance(old, Option):
                    self.fail(
                        "AF0205", "which item of a list is set to something else must be known"
                    )

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """What is compiled inside runs any number of times: a loop's turn, a recursive function."""
        if not self.loop_depth:
            self.loop_order = self.next_order()
        self.staged_depth += 1
        self.loop_depth += 1
        try:
            yield
        finally:
            self.staged_depth -= 1
            self.loop_depth -= 1

    def _bind_for_certain(self, loop: Settled) -> None:
        """What each turn binds is bound after a loop that has a turn."""
        for cell, content in loop.template.cells.items():
            if not isinstance(content, Names | Attributes) or cell not in loop.leave:
                continue
            left: Any = loop.leave[cell].items  # type: ignore[union-attr]
            for name, template in content.items.items():
                value = self.heap.lookup(cell, name)
                if isinstance(template, Option) and isinstance(value, Option):
                    last = left.get(name, UNBOUND)
                    if not isinstance(last, Option | Unbound):
                        for other in list(alternatives(value)):
                            if not _may_be(other, last):
                                value = without(value, other)
                        self.heap.bind(cell, name, value)

    def _count_items(self, loop: Settled, turns: int | None, least: int) -> None:
        """The lengths of lists that grow by as many items at each turn of a counted loop.

        Where it isn't counted, it has ``least`` turns.
        """
        for cell in loop.template.cells:
            grown, start = self.heap[cell], loop.start.get(cell)
            entry, leave = loop.entry.get(cell), loop.leave.get(cell)
            if not all(isinstance(c, GrownList) for c in (grown, entry, leave)):
                continue
            before: Value | None = getattr(start, "length", None)
            if isinstance(start, Items):
                before = Static(len(start.items))
            base, count = leave.added or (None, 0)  # type: ignore[union-attr]
            if not isinstance(before, Static) or base is not entry.length:  # type: ignore[union-attr]
                continue
            made: Any = grown
            if turns is None:
                length = self.known_at_least(made.length, before.obj + least * count)
                self.heap[cell] = replace(made, length=length, added=None)
            else:
                counted = self.of_length(made, before.obj + turns * count)
                self.heap[cell] = replace(counted, added=None)

    def _settle(
        self,
        test: Callable[[], Value],
        body: Callable[[], None],
        live: Callable[[int, Any], bool],
        counter: int | None,
        strict: Strict,
    ) -> Settled:
        """Run the body abstractly until the types of what it carries are those that it leaves."""
        start, error = self.heap.snapshot(), None
        for merge in [False] if strict.types else [False, True]:
            self.heap.restore(start)
            try:
                return self._settled(test, body, live, counter, strict, merge)
            except JoinError as e:
                error = error or e
        where = f"`{error.place}`" if error and error.place else "a value"
        self.fail(
            "AF0206",
            f"{where} changes its type from one turn of the loop to the next: {error}",
            help="give it the type before the loop that it has after a turn",
        )

    def _settled(
        self,
        test: Callable[[], Value],
        body: Callable[[], None],
        live: Callable[[int, Any], bool],
        counter: int | None,
        strict: Strict,
        merge: bool,
    ) -> Settled:
        start = self.heap.snapshot()
        template: Join | None = None
        copied = False
        exceptions, faults = len(self.exceptions), len(self.diagnostics)
        for _ in range(12):
            del self.exceptions[exceptions:]
            del self.diagnostics[faults:]
            self.heap.restore(start)
            state = []
            if template is not None:
                state = template.put_fresh(self.b)
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
                fine = self.fine_so_far()
                if counter is None and isinstance(fine, Scalar):
                    # A while loop might never end: values are what they happen to be.
                    more = Scalar(self.b.call("logical_and", more, fine).expr, bool)
            after_test = self.heap.snapshot()
            if any(after_test[c] is not v for c, v in entry.items()):
                raise ConditionChanges([])
            with self.b.new_scope() as turn:
                try:
                    body()
                except Unreached:
                    raise
                except Diverged:
                    failed = self.error(
                        "AF0503",
                        "every turn of this loop raises an exception",
                        help="raise it before the loop, or under an `if` in it",
                    )
                    raise AlwaysRaises(list(failed.diagnostics)) from None
                places = self.merge_alternatives(entry, live) if merge else None
            if places and template is None and not copied:
                self.heap.restore(start)
                self.copy_places(places)
                start, copied = self.heap.snapshot(), True
                continue
            leave = self.heap.snapshot()
            if len(self.diagnostics) > faults:
                break
            base = entry
            if template is None and counter is not None:
                base = {**entry, counter: start[counter]}
            joined = Join.of(self.heap, start, base, leave, live, template, strict)
            if template is not None and joined.equals(template):
                return Settled(start, entry, state, template, head, more, turn, leave, joined)
            template = joined
        if len(self.diagnostics) > faults:
            raise CompileError(self.diagnostics[faults:])
        raise JoinError("it has another one after each turn")


def _may_be(value: Value, last: Value) -> bool:
    """Whether a loop's value may be what its last turn leaves."""
    if isinstance(last, List | Dict | Object):
        return type(value) is type(last)
    return alike(value, last)
