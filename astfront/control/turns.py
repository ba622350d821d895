"""A loop's turns, as the interpreter compiles them: now, as a loop of the program, or one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from astfront.values import Value

#: Whether what a name of a cell holds may be read after the loop.
Live: TypeAlias = Callable[[int, Any], bool]


@dataclass(frozen=True)
class Turns:
    """``test`` gives whether there's another turn, and ``body`` is one."""

    test: Callable[[], Value]
    body: Callable[[], None]
    counter: int | None = None
    """The cell of a for loop's counter."""
    count: int | None = None
    """How many turns there are, where it's known."""
    endless: bool = False
    """Whether only a ``break`` ends it."""
