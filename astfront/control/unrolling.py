"""Loops that run while compiling: all of their turns, or those that come before a kept loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from astfront.contents import Attributes, Content, GrownList, Items, Names
from astfront.control.endings import Diverged, PythonError
from astfront.control.generators import Abandoned
from astfront.control.plain_loops import PlainLoops
from astfront.control.turns import Live, Turns
from astfront.diagnostics import CompileError, Diagnostic
from astfront.environment import State, values_of
from astfront.sameness import same
from astfront.values import List, Option, Poison, Scalar, Static, Tensor, Value

#: A loop of at most so many turns is unrolled if that keeps the sizes of its tensors known.
FEW_TURNS = 32

#: More turns than this aren't unrolled (AF0502).
UNROLL_LIMIT = 4096

#: More turns than this aren't put one under the other, where each may break.
STAGED_TURNS = 64

#: An endless loop in which only lists got longer for so many turns isn't taken to end with one of them.
GROWING_TURNS = 8

#: After so many turns in which nothing staged was computed, Python may run the rest of them.
PLAIN_AFTER = 32

#: More turns than this aren't run while compiling, if the loop can be kept: it'd take seconds.
RUN_LIMIT = 10_000

#: More turns than this aren't, even if it can't.
RUN_ALL_LIMIT = 1_000_000


class Unrolling(PlainLoops):
    def run_now(
        self,
        loop: Turns,
        limit: int,
        run_rest: Callable[[int], bool] = lambda turns: False,
    ) -> bool | None:
        """Run the loop as Python does, as long as nothing staged is computed in it; None where it
        has more than ``limit`` turns. ``run_rest`` may run those after some turns at once."""
        turns = 0
        too_many = False
        mark = self.report.mark()
        faults = len(self.diagnostics)
        outer = self.b.scope
        with self.b.new_scope() as scope:
            try:
                while True:
                    more = loop.test()
                    if not isinstance(more, Static) or len(scope):
                        break
                    if not more.obj:
                        return True
                    loop.body()
                    if len(scope) or len(self.diagnostics) > faults:
                        break
                    turns += 1
                    if turns == PLAIN_AFTER and run_rest(turns):
                        return True
                    too_many = turns > limit
                    if too_many:
                        break
            except (Diverged, PythonError, Abandoned):
                outer.bindings.extend(scope.bindings)
                raise
            except CompileError as e:
                if e.diagnostics[0].code == "AF9001":
                    raise
        del self.diagnostics[faults:]
        self.report.rewind(mark)
        return None if too_many else False

    def _surely_runs(self, loop: Turns) -> bool:
        """Whether it's known that a loop has a turn."""
        try:
            with self.rehearsal():
                more = loop.test()
                return isinstance(more, Static) and bool(more.obj)
        except (CompileError, Diverged):
            return False

    def _ends_soon(self, loop: Turns) -> bool:
        """Whether a loop whose turns weren't counted turns out to have few: they're tried."""
        faults = len(self.diagnostics)
        try:
            with self.rehearsal():
                for _ in range(FEW_TURNS):
                    more = loop.test()
                    if not isinstance(more, Static) or len(self.diagnostics) > faults:
                        return False
                    if not more.obj:
                        return True
                    loop.body()
            return False
        except (CompileError, Diverged):
            return False

    def unroll(
        self,
        loop: Turns,
        live: Live,
        refusals: list[Diagnostic],
        span: Any,
    ) -> None:
        """Each turn a piece of program of its own, where the number of turns is known."""
        mark = self.report.mark()
        bindings = len(self.b.scope.bindings)
        faults = len(self.diagnostics)
        turns = 0
        while True:
            more = loop.test()
            if not isinstance(more, Static):
                left = 0 if loop.count is None else loop.count - turns
                fits = left + self.staged_depth <= STAGED_TURNS
                if turns and fits and self._unroll_staged(loop, more, live, refusals, span):
                    break
                self.b.scope.cut(bindings)
                self.give_up(refusals)
            if not more.obj:
                break
            loop.body()
            if len(self.diagnostics) > faults:
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
        loop: Turns,
        more: Value,
        live: Live,
        refusals: list[Diagnostic],
        span: Any,
    ) -> bool:
        """A turn that may break: the rest of the turns go under an If (bounded by the count)."""
        place = span, tuple(f.call_span for f in self.frames)
        if isinstance(more, Poison) or place in self.unending:
            return False

        before: list[State] = []
        growing = 0

        def rest() -> None:
            nonlocal growing
            before.append(self.heap.snapshot())
            if len(before) > 2 and _stands_still(before[-2], before[-1]):
                growing = GROWING_TURNS
            elif loop.endless and len(before) > 2 and _only_grows(before[-2], before[-1]):
                growing += 1
            else:
                growing = 0
            if growing >= GROWING_TURNS:
                self.unending.add(place)
                self.give_up(refusals)
            depth = 0
            loop.body()
            again = loop.test()
            if isinstance(again, Static):
                while again.obj:
                    loop.body()
                    depth += 1
                    again = loop.test()
                    if not isinstance(again, Static):
                        break
                else:
                    return
            if self.staged_depth > STAGED_TURNS:
                # Loops around it are compiled in several ways: each would find out in as many turns.
                self.unending.add(place)
                self.give_up(refusals)
            self.stage_if(again, rest, lambda: None, live)

        self.stage_if(more, rest, lambda: None, live)
        return True


def _stands_still(before: State, after: State) -> bool:
    """Whether only what is staged differs between two turns' beginnings: then so it goes on."""
    return all(_is_like(was, now, _alike) for was, now in _changes(before, after))


def _only_grows(before: State, after: State) -> bool:
    """Whether only what is staged differs, and what lists hold."""
    return all(
        _is_like(was, now, _alike_or_lists)
        or all(isinstance(c, Items | GrownList) for c in (was, now))
        for was, now in _changes(before, after)
    )


def _changes(before: State, after: State) -> Iterator[tuple[Content, Content]]:
    for cell, content in after.items():
        was = before.get(cell, content)
        if was is not content:
            yield was, content


def _is_like(was: Content, now: Content, alike: Callable[[Value, Value], bool]) -> bool:
    if type(was) is not type(now) or not isinstance(now, Names | Attributes):
        return False
    if list(was.items) != list(now.items):  # type: ignore[union-attr]
        return False
    return all(map(alike, values_of(was), values_of(now)))


def _alike_or_lists(a: Value, b: Value) -> bool:
    return (isinstance(a, List) and isinstance(b, List)) or _alike(a, b)


def _alike(a: Value, b: Value) -> bool:
    match a, b:
        case Scalar(), Scalar():
            return a.type is b.type
        case Tensor(const=None), Tensor(const=None):
            return (a.shape, a.dtype, a.kind) == (b.shape, b.dtype, b.kind)
        case Option(), Option():
            return _alike(a.value, b.value) and _alike(a.absent, b.absent)
    return same(a, b)
