"""Loops of the program: what they carry from turn to turn, and their types, which settle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from astfront.builder import Scope
from astfront.contents import Attributes, GrownList, Items, Names
from astfront.control.attempts import Refused
from astfront.control.endings import Diverged, Unreached
from astfront.control.loop_exits import LoopExits
from astfront.control.turns import Live, Turns
from astfront.diagnostics import CompileError
from astfront.environment import State
from astfront.joins.join import Join, JoinError, Strict
from astfront.joins.merging import Merging
from astfront.joins.options import alike, alternatives, without
from astfront.sameness import same
from astfront.values import (
    UNBOUND,
    Dict,
    List,
    Object,
    Option,
    Poison,
    Scalar,
    Static,
    Tensor,
    Unbound,
    Value,
)


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


class KeptLoops(LoopExits, Merging):
    def kept_loop(self, turns: Turns, live: Live, strict: Strict) -> None:
        """A loop in the program: its carried values are found by running the body until they agree."""
        runs = self._surely_runs(turns)
        start = self.heap.snapshot()
        try:
            with self.repeated():
                loop = self._settle(turns, live, strict)
        except Unreached:
            if runs:
                raise
            self.heap.restore(start)  # For now: no turn comes to its end.
            return
        if turns.count is not None:
            self._require_items_of_one_kind(loop)
        with self.in_scope(loop.turn):
            following = loop.joined.collect(self.b, loop.leave, "b")
        initial = loop.template.collect(self.b, loop.start, "a")
        results = self.b.while_(loop.state, initial, (loop.head, loop.more), (loop.turn, following))
        self.heap.restore(loop.start)
        loop.template.instantiate(results)
        if runs:
            self._bind_for_certain(loop)
        self._count_items(loop, turns.count, 1 if runs else 0)
        self.read_items(loop.template.items)

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
            grown, start = self.heap.cells[cell], loop.start.get(cell)
            entry, leave = loop.entry.get(cell), loop.leave.get(cell)
            if not all(isinstance(c, GrownList) for c in (grown, entry, leave)):
                continue
            before: Value | None = getattr(start, "length", None)
            if isinstance(start, Items):
                before = Static(len(start.items))
            if before is not None and same(leave.length, entry.length):  # type: ignore[union-attr]
                kept: Any = grown
                if isinstance(before, Static):
                    kept = self.of_length(kept, before.obj)
                self.heap.cells[cell] = replace(kept, length=before)
            base, count = leave.added or (None, 0)  # type: ignore[union-attr]
            if not isinstance(before, Static) or base is not entry.length:  # type: ignore[union-attr]
                continue
            made: Any = grown
            if turns is None:
                length = self.known_at_least(made.length, before.obj + least * count)
                self.heap.cells[cell] = replace(made, length=length, added=None)
            else:
                counted = self.of_length(made, before.obj + turns * count)
                self.heap.cells[cell] = replace(counted, added=None)

    def _settle(self, turns: Turns, live: Live, strict: Strict) -> Settled:
        """Run the body abstractly until the types of what it carries are those that it leaves."""
        start, faults, error = self.heap.snapshot(), len(self.diagnostics), None
        for merge in [False] if strict.types else [False, True]:
            self.heap.restore(start)
            del self.diagnostics[faults:]
            try:
                return self._settled(turns, live, strict, merge)
            except JoinError as e:
                error = error or e
            except CompileError as e:
                if (
                    merge
                    or strict.types
                    or not {d.code for d in e.diagnostics} <= {"AF0204", "AF0206"}
                ):
                    raise
        where = f"`{error.place}`" if error and error.place else "a value"
        self.fail(
            "AF0206",
            f"{where} changes its type from one turn of the loop to the next: {error}",
            help="give it the type before the loop that it has after a turn",
        )

    def _settled(self, turns: Turns, live: Live, strict: Strict, merge: bool) -> Settled:
        start, counter = self.heap.snapshot(), turns.counter
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
            items = {} if template is None else template.items
            with self.b.new_scope() as head:
                if template is not None:
                    template.put_views()
                entry = self.heap.snapshot()
                self.read_items(items)
                before_test = self.heap.snapshot()
                tested = turns.test()
                if isinstance(tested, Poison):
                    break
                more = self.as_scalar(tested, bool)
                fine = self.fine_so_far()
                if counter is None and isinstance(fine, Scalar):
                    # A while loop might never end: values are what they happen to be.
                    more = Scalar(self.b.call("logical_and", more, fine).expr, bool)
            after_test = self.heap.snapshot()
            if any(after_test[c] is not v for c, v in before_test.items() if c != self.heap.taken):
                raise ConditionChanges([])
            self.heap.cells.update({cell: entry[cell] for cell, _ in items})
            with self.b.new_scope() as turn:
                try:
                    self.read_items(items)
                    turns.body()
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
            joined = Join.of(self.heap, start, base, leave, live, template, strict, items=True)
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
