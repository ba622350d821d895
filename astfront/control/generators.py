"""Generator functions: what walks over one is put where it yields.

A generator doesn't run when it's called; it runs when something takes its values. ``for x in g():``
runs the generator's body, and at each ``yield`` the body of the loop, so that a loop in the
generator may be a kept one, and both sides see each other's changes in Python's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import gast

from astfront.calls.frames import Frame
from astfront.contents import Items, Names
from astfront.control.attempts import Refused
from astfront.machine import Machine
from astfront.rules import folds
from astfront.sameness import same
from astfront.values import (
    FALSE,
    NONE,
    POISON,
    Generator,
    List,
    Poison,
    Range,
    Scalar,
    Static,
    Tensor,
    Value,
)

OnYield = Callable[[Value], Value | None]


class Abandoned(BaseException):
    """Whoever walks over a generator wants nothing more of it."""


class Generators(Machine):
    def make_generator(self, frame: Frame) -> Value:
        """The generator of a call, whose arguments are bound already."""

        def run(on_yield: OnYield, early: bool) -> Value:
            frame.on_yield = on_yield
            if early:
                ending = frame.prepared.ending_early
                if ending is None:
                    self.fail(
                        "AF0101",
                        f"a loop over the generator {frame.name} ends early, which depends on data",
                        help="append the values to a list and return the list",
                    )
                frame.prepared = ending
            self.begin(frame)
            try:
                return self.run_body(frame.prepared)
            finally:
                self.frames.pop()
                self.leave(frame)
                frame.prepared = frame.prepared.original or frame.prepared

        return self.generator(run, {frame.cell}, frame.name)

    def generator(
        self,
        run: Callable[[OnYield, bool], Value | None],
        cells: Iterable[int],
        name: str = "generator",
    ) -> Generator:
        made = self.heap.new(Names({"taken": Static(False), "left": FALSE}))
        return Generator(run, made, frozenset(cells), name)

    def run_generator(self, generator: Generator, on_yield: OnYield, early: bool = False) -> Value:
        """Give all values of a generator to ``on_yield``; one that has run gives nothing more.

        What it returns is the value of ``yield from``. Where it may end ``early``, ``on_yield`` gives
        whether it does, which is noted.
        """
        taken = self.heap.lookup(generator.cell, "taken")
        if not isinstance(taken, Static) or taken.obj is None:
            self.refuse_generator(generator, "it goes on in another place")
        if taken.obj:
            return NONE
        self.heap.bind(generator.cell, "taken", Static(True))
        consumers = self.frames[:]

        def resumed(value: Value) -> Value | None:
            # The consumer's code runs in its own frames.
            frames, self.frames = self.frames, [*consumers]
            try:
                left = on_yield(value)
            finally:
                self.frames = frames
            if early:
                self.heap.bind(generator.cell, "left", left or FALSE)
            return left

        try:
            result = generator.run(resumed, early) or NONE
        except Abandoned:
            self.heap.bind(generator.cell, "taken", NONE)
            raise
        if not same(self.heap.lookup(generator.cell, "left"), FALSE):
            self.heap.bind(generator.cell, "taken", NONE)
        return result

    def yield_value(self, value: Value) -> Value:
        on_yield = self.frame.on_yield
        if on_yield is None:
            self.fail("AF0101", "`yield` outside of a generator function")
        if isinstance(value, Poison):
            return FALSE
        left = on_yield(value)
        return left or FALSE if self.frame.prepared.original is not None else NONE

    def yield_from(self, value: Value) -> Value:
        early = self.frame.prepared.original is not None
        if isinstance(value, Poison):
            return FALSE if early else POISON
        if isinstance(value, Generator):
            result = self.run_generator(value, lambda item: self.frame.on_yield(item), early)  # type: ignore
            return self.heap.lookup(value.cell, "left") if early else result
        is_staged = isinstance(value, List | Tensor | Range)
        if early or (is_staged and not isinstance(self.length(value), Static)):
            value = self.call(Static(folds.given_on), [value], {})
            return self.yield_from(value)
        for item in self.items_of(value):
            self.yield_value(item)
        return NONE

    @contextmanager
    def _left_by(self, stop: Abandoned) -> Iterator[None]:
        """Where ``stop`` is raised inside, what's walked over there isn't used further."""
        try:
            yield
        except Abandoned as e:
            if e is not stop:
                raise

    def for_each(self, node: gast.For, generator: Generator, breaks: str | None, body: Any) -> None:
        """``for node.target in generator:``"""
        depth = self.staged_depth
        loops = self.loop_depth
        stop = Abandoned()
        asks = False  # whether each yield has to ask if more is wanted

        def turn(value: Value) -> Value:
            self.assign(node.target, value)
            self.exec_block(body)
            return self.load_name(breaks) if breaks else FALSE

        def last_turn(value: Value) -> None:
            nonlocal asks
            flag = turn(value)
            if isinstance(flag, Static) and not flag.obj:
                return
            if isinstance(flag, Scalar) or (self.staged_depth, self.loop_depth) != (depth, loops):
                asks = True
                self.refuse_generator(generator, "a loop over it ends early, which depends on data")
            raise stop

        def as_long_as_wanted() -> None:
            with self._left_by(stop):
                self.run_generator(generator, last_turn)

        if breaks is None:
            self.run_generator(generator, turn)
            return
        try:
            self.attempted(as_long_as_wanted)
            return
        except Refused as e:
            if not asks:
                self.give_up(e.diagnostics)
        self.run_generator(generator, turn, early=True)

    def refuse_generator(self, generator: Generator, why: str) -> NoReturn:
        self.fail(
            "AF0101",
            f"the generator {generator.name} isn't supported here: {why}",
            help="append the values to a list and return the list",
        )

    def searched(
        self, generator: Generator, how: str, usual: Callable[[], Value], default: Value = NONE
    ) -> Value:
        """What ``any``, ``all`` or ``next`` gives: ``usual``, or where it's refused, and the generator
        is an expression, a loop that ends as soon as that is known."""
        search = generator.search
        if search is None:
            return usual()
        try:
            return self.attempted(usual)  # type: ignore[no-any-return]
        except Refused as e:
            taken = self.heap.lookup(generator.cell, "taken")
            is_fresh = isinstance(taken, Static) and taken.obj is False
            if not is_fresh or any(d.code != "AF0101" for d in e.diagnostics):
                self.give_up(e.diagnostics)
        self.heap.bind(generator.cell, "taken", NONE)
        for cell in generator.cells:
            self.heap[cell] = Names()
        return search(how, default)

    def next_of(self, generator: Generator) -> Value | None:
        """The first value, or None where there is none; the generator isn't used further."""
        depth, stop = self.staged_depth, Abandoned()
        found: list[Value] = []

        def take(value: Value) -> None:
            if self.staged_depth != depth:
                self.refuse_generator(generator, "which value is the next depends on data")
            found.append(value)
            raise stop

        with self._left_by(stop):
            self.run_generator(generator, take)
        return found[0] if found else None

    def listed(self, generator: Generator) -> List:
        """All values of a generator in a list."""
        made = List(self.heap.new(Items()))
        self.run_generator(generator, lambda value: self.append(made, value))
        return made

    def until(self, generator: Generator, decisive: bool) -> List:
        """The truths of a generator's values, up to the first that is known to be ``decisive``.

        Where data decides, Python may take fewer values: those after it must do nothing else.
        """
        made = List(self.heap.new(Items()))
        depth, stop = self.staged_depth, Abandoned()
        before, sites, exceptions = self.heap.snapshot(), len(self.sites), len(self.exceptions)
        staged = False

        def take(value: Value) -> None:
            nonlocal staged
            truth = self.truth_value(value)
            self.append(made, truth)
            staged = staged or not isinstance(truth, Static) or self.staged_depth != depth
            if isinstance(truth, Static) and truth.obj is decisive and self.staged_depth == depth:
                raise stop

        with self._left_by(stop):
            self.run_generator(generator, take)
        own = {generator.cell, *generator.cells, made.cell}
        changed = [c for c, v in before.items() if c not in own and self.heap[c] is not v]
        if staged and (changed or len(self.sites) > sites or len(self.exceptions) > exceptions):
            self.refuse_generator(generator, "how much of it is used depends on data")
        return made

    def mapped(
        self, generator: Generator, change: Callable[[Value], Value], *cells: int
    ) -> Generator:
        """A generator of changed values."""

        def run(on_yield: OnYield, early: bool) -> None:
            self.run_generator(generator, lambda value: on_yield(change(value)), early)

        own = {generator.cell, *generator.cells, *cells}
        return self.generator(run, own, generator.name)

    @contextmanager
    def pure_generator(self, generator: Generator) -> Iterator[None]:
        """AF0101 where running a generator ahead of its turn changes what others may see."""
        before = self.heap.snapshot()
        sites = len(self.sites)
        yield
        own = {generator.cell, *generator.cells}
        own |= {self.error_cell, self.caught_cell, self.heap.taken}
        for cell, content in before.items():
            now = self.heap[cell]
            if now is not content and cell not in own:
                self.refuse_generator(generator, "it changes things while others walk over it")
        if len(self.sites) > sites:
            self.refuse_generator(generator, "it prints or logs while others walk over it")

    # --- contextlib.contextmanager -----------------------------------------------------------

    def with_generator(self, manager: Generator, entered: Callable[[Value], None]) -> None:
        """The body of a ``with`` runs where the function yields."""
        depth, times = self.staged_depth, 0

        def body(value: Value) -> None:
            nonlocal times
            times += 1
            if self.staged_depth != depth or times > 1:
                self.refuse_generator(manager, "it doesn't yield just once")
            entered(value)

        self.run_generator(manager, body)
        if not times:
            self.raise_python(RuntimeError("generator didn't yield"))
