"""Where a ``break`` leads: out of a loop, where less is read than in its next turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import gast

from astfront.contents import Names
from astfront.environment import State
from astfront.joins.options import alike
from astfront.machine import LoopAround, Machine
from astfront.sameness import same
from astfront.values import FALSE, TRUE, UNBOUND, Static, Value


class LoopExits(Machine):
    @contextmanager
    def around(self, node: gast.For | gast.While) -> Iterator[None]:
        """Inside, a ``break`` leads out of this loop; a ``finally`` might read more names."""
        flag, flow = break_flag(node.body), self.frame.prepared.liveness
        if flag is None or flow is None or any(isinstance(n, gast.Try) for n in gast.walk(node)):
            yield
            return
        live_after = frozenset([*flow.live_out(node), flag])
        self.loops_around.append(LoopAround(self.frame.cell, flag, live_after))
        try:
            yield
        finally:
            self.loops_around.pop()

    def leaves_for_certain(self, node: gast.For) -> bool:
        """Whether there's no other turn, as a ``break`` was certainly reached."""
        breaks = break_flag(node.body)
        flag = self.load_name(breaks) if breaks else FALSE
        return isinstance(flag, Static) and bool(flag.obj)

    def as_left(self, state: State, other: State) -> State:
        """A way that ends in a ``break`` without what only the loop's next turn would read, and is of
        another type on the other way."""
        for loop in self.loops_around:
            mine, theirs = state.get(loop.cell), other.get(loop.cell)
            if not isinstance(mine, Names) or not isinstance(theirs, Names):
                continue
            if not same(mine.items.get(loop.flag, FALSE), TRUE):
                continue
            differing: dict[Any, Value] = {
                name: UNBOUND
                for name, value in mine.items.items()
                if name not in loop.live_after and not alike(value, theirs.items.get(name, value))
            }
            state = {**state, loop.cell: replace(mine, items={**mine.items, **differing})}
        return state


def break_flag(body: Sequence[gast.stmt]) -> str | None:
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


def without_break(body: Sequence[gast.stmt]) -> Sequence[gast.stmt]:
    return body[:-1] if break_flag(body) else body
