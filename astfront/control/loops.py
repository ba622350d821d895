"""Loops: run while compiling, kept as loops of the program, or unrolled."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import gast

from astfront.contents import Content, Names
from astfront.control.attempts import Refused
from astfront.control.kept_loops import AlwaysRaises, ConditionChanges, KeptLoops
from astfront.control.loop_exits import break_flag, without_break
from astfront.control.turns import Live, Turns
from astfront.control.unrolling import FEW_TURNS, RUN_ALL_LIMIT, RUN_LIMIT, Unrolling
from astfront.diagnostics import CompileError, Diagnostic
from astfront.environment import State, storages_of
from astfront.joins.join import Strict
from astfront.values import (
    FALSE,
    POISON,
    Choice,
    Dict,
    DictView,
    EitherDtype,
    Generator,
    List,
    Poison,
    Static,
    Value,
    new_storage,
)
from astfront.values import Iterator as ForIterator
from passes.syntax import tree

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

#: Refusals of a kept loop after which the first turn is put before it: a type changes in that turn, or
#: what's a view of an array that turns change is none any more.
PEELABLE = {"AF0202", "AF0204", "AF0206", "AF0207", "AF0209"}


@dataclass
class _Way:
    """In which way a loop is kept."""

    peel: bool = False
    """Its first turn stands before it."""
    rotate: bool = False
    """Its condition, which changes something, is computed at the end of a turn."""
    few: bool = False
    """It's left to be unrolled where its tensors change their sizes, as it has few turns."""
    loose: bool = False
    """Values whose types differ from turn to turn are options, of which each turn asks what they are."""
    tuples: bool = False
    """The tuples that its turns make of others are of staged lengths."""
    keyed: bool = False
    """Its turns put staged keys into dicts, which unrolling it doesn't change."""


class Loops(Unrolling, KeptLoops):
    # --- loops -------------------------------------------------------------------------------

    def for_statement(self, node: gast.For) -> None:
        def loop() -> None:
            with self.with_refusals_of([lambda: self._for_each(node, POISON)]):
                iterable = self.visit(node.iter)
            self._for_each(node, iterable)

        self.through_windows(node.iter, loop)

    def _for_each(self, node: gast.For, iterable: Value) -> None:
        if isinstance(iterable, EitherDtype):
            iterable = self.of_one_dtype(iterable)
        if isinstance(iterable, Choice):
            self.split(iterable, lambda v: self._for_each(node, v))
            return
        if isinstance(iterable, Poison):
            self._poisoned_if(lambda: self._poisoned_body(node), lambda: None)
            return
        iterable = self.iter_of(iterable)
        if isinstance(iterable, Generator):
            self.for_each(node, iterable, break_flag(node.body), without_break(node.body))
            return
        if self.is_of_optional_keys(iterable):
            self._for_each_present(node, self.view_of(iterable))
            return
        iterator = self.iterator_of(iterable)
        sources = [v for v in iterator.sources if isinstance(v, List | Dict)]
        walked_over = [(v, self.heap[v.cell]) for v in sources]
        others = tuple(v for v in iterator.sources if not self._is_walked(v, iterator))
        counter = self.heap.new(
            Names({"i": Static(0), "iterator": replace(iterator, sources=others)})
        )

        def header() -> Value:
            i = self.heap.lookup(counter, "i")
            return self.compare(gast.Lt(), i, iterator.length)

        def body() -> None:
            i = self.heap.lookup(counter, "i")

            def turn() -> None:
                self.assign(node.target, iterator.item(self.below(i, iterator.length)))
                self.exec_block(without_break(node.body))

            with self.more_than(iterator.length, i), self._walking(walked_over):
                self.turn_unless_caught(turn)
                if not self.leaves_for_certain(node):
                    for walked, content in walked_over:
                        self.require_same_length(content, walked)
            self.heap.bind(counter, "i", self.binary_op(operator.add, i, Static(1)))

        count = iterator.length.obj if isinstance(iterator.length, Static) else None
        try:
            with self.around(node), self._seen_at_each_turn(iterator):
                self.loop(node, Turns(header, body, counter, count), iterable)
        finally:
            self.heap[counter] = Names()
        self._forget_last_item(node)
        self.at_raise = None
        if break_flag(node.body) is None:
            self.exhausted(iterable)

    def _for_each_present(self, node: gast.For, view: DictView) -> None:
        """A loop over a dict of known keys, of which data decides whether they're there."""
        keys = list(self.heap[view.of.cell].items)  # type: ignore[union-attr]
        length = self.dict_length(view.of)
        counter = self.heap.new(Names({"i": Static(0)}))

        def place() -> int:
            i: Any = self.heap.lookup(counter, "i")
            return i.obj  # type: ignore[no-any-return]

        def turn(key: Any, value: Value) -> None:
            self.assign(node.target, self.of_pair(view, self.tuple([Static(key), value])))
            self.exec_block(without_break(node.body))

        def body() -> None:
            key, i = keys[place()], place()
            self.turn_unless_caught(
                lambda: self.if_present(self.entry(view.of, key), lambda value: turn(key, value))
            )
            if not self.leaves_for_certain(node):
                self.require_same_keys(view.of, keys, length)
            self.heap.bind(counter, "i", Static(i + 1))

        breaks = break_flag(node.body)
        turns = Turns(lambda: Static(place() < len(keys)), body, counter, len(keys))
        live = self.live_after(node, self._exposed(node, breaks))
        why = self.error("AF0205", "data decides which keys the dict has").diagnostics
        with self.around(node):
            self.unroll(self._ending(turns, breaks), live, list(why), self.span())
        self._forget_last_item(node)
        self.at_raise = None

    def _is_walked(self, v: Value, iterator: ForIterator) -> bool:
        return any(v is walked.array for walked in iterator.arrays)

    @contextmanager
    def _seen_at_each_turn(self, iterator: ForIterator) -> Iterator[None]:
        """Inside is a loop, each turn of which sees the arrays that it walks over as they are then."""
        arrays = [walked for walked in iterator.arrays if walked.cell is None]
        for walked in arrays:
            walked.cell = self.heap.new(Names({"array": walked.array}))
        try:
            yield
        finally:
            for walked in arrays:
                if walked.cell is not None:
                    self.heap[walked.cell] = Names()
                    walked.cell = None

    def _forget_last_item(self, node: gast.For) -> None:
        """A row that the loop took last, and nothing reads, isn't in the way of changes in place."""
        names = tree.bound_names([node.target])
        self._forget(names, lambda cell, name: self.live_after(node)(cell, name))

    def _forgetting(self, node: gast.For | gast.While, turns: Turns, live: Live) -> Turns:
        """Nor are the arrays of a turn that neither the next one reads nor what's after the loop."""
        names = tree.bound_names([node])

        def body() -> None:
            turns.body()
            self._forget(names, live)

        return replace(turns, body=body)

    def _forget(self, names: Sequence[str], live: Live) -> None:
        """Unbind the names that hold arrays and aren't read any more."""
        cell = self.frame.cell
        for name in names:
            held = self.heap.lookup(cell, name)
            if next(storages_of([held]), None) is not None and not live(cell, name):
                self.heap.unbind(cell, name)

    @contextmanager
    def _walking(self, over: Sequence[tuple[List | Dict, Content]]) -> Iterator[None]:
        """Inside is a turn of a loop over lists and dicts that were these before it."""
        outer = self.at_turn
        found = {(v.cell, id(before)): self.heap[v.cell] for v, before in over}
        self.at_turn = {**outer, **found}
        try:
            yield
        finally:
            self.at_turn = outer

    def _poisoned_body(self, node: gast.For) -> None:
        self.assign(node.target, POISON)
        self.exec_block(without_break(node.body))

    def while_statement(self, node: gast.While) -> None:
        def turn() -> None:
            self.exec_block(without_break(node.body))

        def body() -> None:
            self.turn_unless_caught(turn)

        def condition() -> Value:
            with self.with_refusals_of([lambda: self._poisoned_if(turn, lambda: None)]):
                return self.condition(node.test)

        def header() -> Value:
            if not self.is_uncertain:
                return condition()
            return self.lazy(True, self.nothing_caught(), condition)

        endless = isinstance(node.test, gast.Constant) and bool(node.test.value)
        with self.around(node):
            self.loop(node, Turns(header, body, endless=endless))
        self.at_raise = None

    def loop(self, node: gast.For | gast.While, turns: Turns, walked: Value | None = None) -> None:
        """Run a loop now, keep it, or unroll it: the first of these that's right.

        Its ``turns`` don't know of ``break``; ``walked`` is what a for loop walks over.
        """
        breaks = break_flag(node.body)

        def run_rest(done: int) -> bool:
            flag = self.load_name(breaks) if breaks else FALSE
            more = isinstance(flag, Static) and not flag.obj
            return more and self.run_plainly(node, walked, done)

        breaking = self._ending(turns, breaks)
        start = self.heap.snapshot()
        ran = self.run_now(breaking, RUN_LIMIT, run_rest)
        if ran:
            return
        self.heap.restore(start)
        try:
            self._stage(node, breaking, breaks, start)
        except CompileError:
            # It has many turns, and nothing staged in those that were run.
            self.heap.restore(start)
            if ran is not None or not self.run_now(breaking, RUN_ALL_LIMIT):
                raise

    def _ending(self, turns: Turns, breaks: str | None) -> Turns:
        """Turns that end where their ``break`` was reached."""

        def test() -> Value:
            """Whether there's another turn."""
            self.at_raise = None
            flag = self.load_name(breaks) if breaks else FALSE
            if isinstance(flag, Static) and flag.obj:
                return FALSE
            if isinstance(flag, Static):
                return turns.test()
            going_on = self.unary(gast.Not(), flag)
            if turns.counter is None:
                return self.lazy(True, going_on, turns.test)
            more = turns.test()
            is_last = isinstance(more, Static) and not more.obj
            return more if is_last else self.lazy(True, going_on, lambda: more)

        return replace(turns, test=test)

    def _stage(
        self, node: gast.For | gast.While, turns: Turns, breaks: str | None, start: State
    ) -> None:
        """Keep a loop, or unroll it."""
        span, count = self.span(), turns.count
        if count == 1:
            self.report.add(span, "unrolled", "it runs once")
            turns.body()
            return
        live = self.live_after(node, self._exposed(node, breaks))
        turns = self._forgetting(node, turns, live)
        way = _Way(few=count is not None and count <= FEW_TURNS)
        refusals: list[Diagnostic] = []
        if way.few and span in self.heap.unrolled:
            try:
                self.attempted(functools.partial(self.unroll, turns, live, refusals, span))
                return
            except Refused:
                pass
        first, copied = new_storage(), frozenset(self.heap.copied)
        with_tuples = False
        raises, keys_refused, tuples_added = False, self.keys_refused, self.tuples_added
        while True:
            self.heap.restore(start)
            kept = replace(turns, count=None) if breaks or way.rotate else turns
            try:
                counted = None if way.loose or way.keyed else count
                with self._in_attempt(counted, way.tuples):
                    self.attempted(functools.partial(self._keep, kept, live, replace(way)))
                if way.few:
                    self._note_copied(first, copied, span)
                self._report_kept(span, count, breaks is not None, way.peel)
                return
            except Refused as e:
                refusals = refusals or e.diagnostics
                codes = {d.code for d in e.diagnostics}
                raises = raises or isinstance(e, AlwaysRaises)
                # A loop that can't be unrolled is first tried so.
                tries_tuples = way.loose or (count is None and not with_tuples)
                if self.tuples_added > tuples_added and tries_tuples and not way.tuples:
                    way.tuples = with_tuples = True
                    continue
                if way.loose:
                    self.give_up(_clearest(refusals, e.diagnostics))
                with_tuples_now, way.tuples = way.tuples, False
                if (codes & PEELABLE or isinstance(e, AlwaysRaises)) and not way.peel:
                    way.peel = True
                    self.heap.restore(start)
                    way.few = way.few or (count is None and self._ends_soon(turns))
                    continue
                if isinstance(e, ConditionChanges) and not way.rotate:
                    way.rotate, way.tuples = True, with_tuples_now
                    continue
            self.heap.restore(start)
            # What else was refused may only follow from that (read on a way that isn't taken then).
            if not raises and not any(d.code in UNROLLABLE for d in refusals):
                self.give_up(refusals)
            unroll = functools.partial(self.unroll, turns, live, refusals, span)
            if self.keys_refused > keys_refused and not way.keyed:
                with self._in_attempt(count):
                    if self._unrolls_with_known_keys(unroll):
                        return
                way = _Way(few=way.few, keyed=True)
                continue
            try:
                self.attempted(unroll)
                return
            except Refused as e:
                # A text that gets longer is one of ever more only where the loop isn't kept.
                if not way.peel and not any(d.code == "AF0204" for d in e.diagnostics):
                    self.give_up(e.diagnostics)
                refusals = e.diagnostics
            way.loose, way.few = True, False

    def _note_copied(self, first: int, before: frozenset[int], span: Any) -> None:
        """A loop of few turns put arrays into a list that grows which were there before it."""
        copied = (s for s in self.heap.copied - before if s < first)
        self.heap.copied_by.update(dict.fromkeys(copied, span))

    def _unrolls_with_known_keys(self, unroll: Callable[[], None]) -> bool:
        """Whether a loop can be unrolled, and no dict gets a staged key then."""
        try:
            self.attempted(unroll)
        except Refused:
            return False
        return True

    @contextmanager
    def _in_attempt(self, count: int | None, tuples: bool = False) -> Iterator[None]:
        """A loop that can be unrolled isn't kept by choosing between arrays of differing sizes."""
        outer = self.exact_choices, self.long_tuples
        self.exact_choices = self.exact_choices or count is not None
        self.long_tuples = self.long_tuples or tuples
        try:
            yield
        finally:
            self.exact_choices, self.long_tuples = outer

    def _exposed(self, node: gast.For | gast.While, breaks: str | None) -> list[str]:
        flow = self.frame.prepared.liveness
        if flow is None:
            return []
        found = list(flow.exposed([node]))
        if isinstance(node, gast.While):
            # Where the condition is computed at the end of a turn, the next one reads what it binds.
            walked = gast.walk(node.test)
            found += [n.target.id for n in walked if isinstance(n, gast.NamedExpr)]
        return [*found, breaks] if breaks else found

    def _report_kept(self, span: Any, count: int | None, breaks: bool, peel: bool) -> None:
        turns = f"{count} turns" if count is not None else "any number of turns"
        turns = f"at most {turns}" if breaks and count is not None else turns
        first = "; the first turn stands before it, its types differ" if peel else ""
        self.report.add(span, "kept", f"a loop in Relay, {turns}{first}")

    def _keep(self, turns: Turns, live: Live, way: _Way) -> None:
        """Build the loop in this way."""
        if way.rotate:
            turns = self._rotated(turns)
        if not way.peel:
            # A variable whose type changes in the first turn asks for another try, peeled.
            strict = Strict(kinds=True, shapes=True, types=not way.tuples)
            self.kept_loop(turns, live, strict)
            return

        def first_turn_and_loop() -> None:
            turns.body()
            rest = None if turns.count is None else turns.count - 1
            strict = Strict(shapes=way.few, types=not (way.loose or way.tuples))
            self.kept_loop(replace(turns, count=rest), live, strict)
            self.at_raise = None  # The state in a turn isn't one of the program after the loop.

        self.stage_if(turns.test(), first_turn_and_loop, lambda: None, live)

    def _rotated(self, turns: Turns) -> Turns:
        """The turns with the condition computed at the end of each, and before the first."""
        ahead = self.heap.new(Names({"more": self.truth_value(turns.test())}))

        def test() -> Value:
            return self.heap.lookup(ahead, "more")

        def body() -> None:
            turns.body()
            self.heap.bind(ahead, "more", self.truth_value(turns.test()))

        return replace(turns, test=test, body=body)


def _clearest(first: list[Diagnostic], last: list[Diagnostic]) -> list[Diagnostic]:
    """What to report of a loop that can't be compiled in any way.

    The last way takes most; but that a variable's type changes says less than a place in the loop.
    """
    return first if all(d.code == "AF0206" for d in last) else last
