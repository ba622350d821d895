"""Which cells of the heap lead to which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from astfront.contents import Content, GrownList, Names, found_once
from astfront.environment import State, walk
from astfront.values import Dict, Function, List, Object, Static, Tensor, Value


def reached(state: State, roots: Iterable[int], live: Callable[[int, Any], bool]) -> set[int]:
    """The cells that some of them lead to."""
    work = [cell for cell in roots if cell in state]
    seen = set(work)
    while work:
        cell = work.pop()
        content = state[cell]
        for name, found in _references(content):
            if found not in seen and found in state:
                if isinstance(content, Names) and not live(cell, name):
                    continue
                seen.add(found)
                work.append(found)
    return seen


@found_once
def _references(content: Content) -> tuple[tuple[Any, int], ...]:
    """The cells that a content leads to, with the names that do."""
    return tuple((name, cell) for name, value in _named(content) for cell in led_to(value))


def led_to(value: Value) -> Iterator[int]:
    if type(value) in (Static, Tensor):  # most
        return
    for inner in walk(value):
        match inner:
            case List(cell=cell) | Dict(cell=cell) | Object(cell=cell):
                yield cell
            case Function(frame=frame):
                while frame is not None:
                    yield frame.cell
                    frame = frame.parent


def _named(content: Content) -> Iterator[tuple[Any, Value]]:
    items = getattr(content, "items", ())
    pairs = items.items() if isinstance(items, dict) else enumerate(items)
    return iter(
        [*pairs, *([("element", content.element)] if isinstance(content, GrownList) else [])]
    )
