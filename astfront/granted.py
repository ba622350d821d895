"""What a program takes for granted, in a form that each call looks at quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from astfront.lifting import Condition, Guard
from astfront.locations import MISSING, READ_ERRORS
from astfront.sameness import same_static


class Granted:
    """The conditions of a program.

    Most say what a place holds, or that a dict hasn't a key. They are looked at here: a method of each
    would take a third of the time of a small model's call.
    """

    def __init__(self, conditions: Iterable[Condition]) -> None:
        self._identical: list[tuple[Callable[[], Any], Any]] = []
        self._equal: list[tuple[Callable[[], Any], Any]] = []
        self._absent: list[tuple[dict[Any, Any], Any]] = []
        self._others: list[Condition] = []
        for condition in conditions:
            self._add(condition)

    def _add(self, condition: Condition) -> None:
        if not isinstance(condition, Guard) or condition.location.access == "call":
            self._others.append(condition)
            return
        location, expected = condition.location, condition.expected
        if expected is not MISSING:
            guards = self._identical if condition.identity else self._equal
            guards.append((location.read, expected))
        elif location.access == "item" and type(location.container) is dict:
            self._absent.append((location.container, location.key))
        else:
            self._others.append(condition)

    def holds(self) -> bool:
        try:
            for read, expected in self._identical:
                if read() is not expected:
                    return False
            for read, expected in self._equal:
                found = read()
                if found is not expected and not same_static(found, expected):
                    return False
        except READ_ERRORS:
            return False
        for absent_from, key in self._absent:
            if key in absent_from:
                return False
        return all(condition.holds() for condition in self._others)
