"""What a call has changed when an exception leaves it: of objects, lists, dicts and arrays from outside.

An exception that depends on data is only noted (``Checks.check``, ``Checks.diverge``); the program
goes on, and what it gives in the end isn't what was there when the exception was raised. So what has
changed by then is noted with its code. Where that's nothing, or what the program leaves in the end, the
call has no more to do than to raise. Where it's something else, another program is made, for calls that
raise alone: it ends in the state in which it raises (:meth:`Lasting.call_until_raised`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import chainer

from astfront.contents import Attributes, Content, GrownList, Items
from astfront.control.endings import Caught, Diverged, PythonError
from astfront.joins.reachability import led_to, reached
from astfront.machine import Machine
from astfront.sameness import same
from astfront.values import Deferred, Static, Value

#: What's changed: values by cells and names, and the contents of what these lead to.
Changes = dict[Any, Any]


class Lasting(Machine):
    def changes(self) -> Changes:
        """What the program has changed so far that is still there when the call has ended."""
        heap = self.heap
        own = {self.caught_cell, self.draws_cell, self.filters_cell, self.no_result, heap.taken}
        own.update(self.noting_cells())
        found: Changes = {}
        places = itertools.chain(heap.base.items(), self.argument_contents.items())
        for cell, before in places:
            now = heap.cells.get(cell, before)
            if now is before or cell in own:
                continue
            instance = self.instances.get(cell)
            if isinstance(instance, type(chainer.config)):
                continue  # It's as before when the `with` around the change has ended.
            old, new = _by_key(before), _by_key(now)
            if instance is not None and isinstance(now, Attributes):
                own_names = ((n, self.originals.get((cell, n))) for n in now.items)
                old = {n: v for n, v in own_names if v is not None}
            elif old is None or new is None or type(now) is not type(before) or [*old] != [*new]:
                found[cell, None] = now
                continue
            for name, value in (new or {}).items():
                known = old.get(name)
                if known is None or not same(known, value):
                    found[cell, name] = value
        values = (v for x in found.values() for v in _values_in(x))
        roots = sorted({c for v in values for c in led_to(v)})
        for cell in sorted(reached(heap.cells, roots, lambda cell, name: True)):
            if cell not in heap.base and cell not in self.argument_contents:
                found[cell, None] = heap.cells[cell]
        return found

    def note_changes(self, code: int) -> None:
        """An exception that leaves the call is raised here: what has changed by now lasts."""
        self.changed_by[code] = self.changes()

    def clean_up(self, exceptions: int, way: Callable[[], Any]) -> Any:
        """Do what's done where an exception is raised, too: what changes then was noted before."""
        if len(self.exceptions) == exceptions:
            return way()
        before = self.changes()
        try:
            return way()
        finally:
            if not same_changes(before, self.changes()):
                for code in range(exceptions + 1, len(self.exceptions) + 1):
                    if code in self.changed_by:
                        self.changed_by[code] = None

    def call_until_raised(
        self, target: Value, positional: Sequence[Value], named: dict[str, Value]
    ) -> None:
        """Make a call, and go back to the state in which it raises an exception, if it does."""
        with self.catching((BaseException,), stages=True):
            try:
                self.call(target, positional, named)
            except PythonError as e:
                exception = RuntimeError() if isinstance(e.exception, Deferred) else e.exception
                code = self._new_code(exception, e.span, None)
                self.heap.bind(self.error_cell, "code", Static(code))
            except Caught:
                self._leave()
            except Diverged:
                pass
            else:
                if self.is_uncertain:
                    self.branch_on_caught(lambda: None, self._leave)

    def _leave(self) -> None:
        code = self.heap.lookup(self.caught_cell, "code")
        self.heap.bind(self.caught_cell, "code", Static(0))
        self.heap.bind(self.error_cell, "code", code)


def same_changes(a: Changes, b: Changes) -> bool:
    return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, Value) and isinstance(b, Value):
        return same(a, b)
    old, new = _by_key(a), _by_key(b)
    if old is None or new is None or type(a) is not type(b) or [*old] != [*new]:
        return False
    return all(map(same, old.values(), new.values()))


def _by_key(content: Content | Value) -> dict[Any, Value] | None:
    if isinstance(content, Value | GrownList):
        return None
    if isinstance(content, Items):
        return dict(enumerate(content.items))
    return content.items  # type: ignore[no-any-return]


def _values_in(x: Content | Value) -> Sequence[Value]:
    if isinstance(x, Value):
        return [x]
    if isinstance(x, GrownList):
        return [x.element]
    return [*(_by_key(x) or {}).values()]
