"""Slices of lists that grew, walked over: ``for b in boxes[i + 1:]: b.keep = False``.

A slice has copies of the items (``parts.py``): which of them changes with the list isn't known, and so
none can. A loop over a slice that is refused for that reads its items from the list that was sliced,
where they can change. Inside of it that list doesn't get other items, nor do they change places
(``Heap.settled``).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gast

from astfront.contents import Content, GrownList
from astfront.control.attempts import Refused
from astfront.diagnostics import CompileError
from astfront.identity import sources_of_item
from astfront.machine import Machine
from astfront.rules import folds
from astfront.values import Iterator as IteratorValue
from astfront.values import List, Slice, Static, Value, is_none


@dataclass(frozen=True)
class Window:
    """A slice of a list that grew."""

    of: List
    before: Content
    """What the list was."""
    made: Content
    """What the slice is."""
    start: Value
    step: int


class Windows(Machine):
    def through_windows(self, walked: gast.expr, loop: Callable[[], None]) -> None:
        """A loop; where it changes items of a slice and is refused for that, they're the list's."""
        if self.windows is not None or not any(map(_is_slice, gast.walk(walked))):
            loop()
            return
        checkpoint = self.checkpoint()
        try:
            loop()
            refused: Any = None
            found = self.diagnostics[checkpoint.diagnostics :]
        except CompileError as e:
            refused, found = e, list(e.diagnostics)
        if all(d.code != "AF0209" for d in found):
            if refused is not None:
                raise refused
            return
        self.rewind(checkpoint)
        try:
            with self._windows():
                self.attempted(loop)
        except Refused:
            raise refused or CompileError(found) from None

    @contextmanager
    def _windows(self) -> Iterator[None]:
        settled = self.heap.settled
        self.windows, self.heap.settled = {}, set(settled)
        try:
            yield
        finally:
            self.windows, self.heap.settled = None, settled

    def note_window(self, of: List, index: Value, made: List) -> None:
        """A slice of a list that grew was made."""
        before: Any = self.heap[of.cell]
        if self.windows is None or of.cls is not list or not sources_of_item(before.element):
            return
        parts = index.parts if isinstance(index, Slice) else _parts_of(index)
        start, _, step = parts
        if not isinstance(step, Static) or step.obj not in (None, 1, -1):
            return
        if step.obj == -1:
            if not is_none(start):
                return
            start = self.binary_op(operator.sub, before.length, Static(1))
        elif is_none(start):
            start = Static(0)
        else:
            start = self.call(Static(folds.slice_start), [before.length, start], {})
        content = self.heap[made.cell]
        self.windows[made.cell] = Window(of, before, content, start, step.obj or 1)

    def window_iterator(self, v: List) -> IteratorValue | None:
        """What walks over a slice by way of the list, if that's wanted and both are what they were."""
        window = None if self.windows is None else self.windows.get(v.cell)
        if window is None or self.heap[v.cell] is not window.made:
            return None
        if self.heap[window.of.cell] is not window.before:
            return None
        length = self.length(v)
        self.heap.settled.add(window.of.cell)
        self.heap.drop(v.cell)  # It would count as another list of these items.

        def item(i: Value) -> Value:
            op = operator.add if window.step == 1 else operator.sub
            content: Any = self.heap[window.of.cell]
            place = self.binary_op(op, window.start, i)
            if isinstance(content, GrownList):
                return self.grown_element(content, place, window.of)  # type: ignore[no-any-return]
            return self.select(content.items, place)  # type: ignore[no-any-return]

        return IteratorValue(length, item, "list", (window.of,))


def _is_slice(node: gast.AST) -> bool:
    return isinstance(node, gast.Subscript) and isinstance(node.slice, gast.Slice)


def _parts_of(index: Value) -> tuple[Value, Value, Value]:
    found: Any = index
    return Static(found.obj.start), Static(found.obj.stop), Static(found.obj.step)
