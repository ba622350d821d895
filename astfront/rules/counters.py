"""What ``&``, ``|``, ``+`` and ``-`` give of two Counters, in Python: it's compiled."""

from __future__ import annotations

import collections
import operator
from collections.abc import Callable
from typing import Any

Counts = collections.Counter[Any]


def _combined(a: Counts, b: Counts, count: Callable[[Any, Any], Any]) -> Counts:
    """The positive ones of the counts that two counts give; what isn't there counts as 0."""
    made: Counts = collections.Counter()
    for key, n in a.items():
        found = count(n, b[key])
        if found > 0:
            made[key] = found
    for key, n in b.items():
        if key not in a:
            found = count(0, n)
            if found > 0:
                made[key] = found
    return made


def least(a: Counts, b: Counts) -> Counts:
    return _combined(a, b, min)


def most(a: Counts, b: Counts) -> Counts:
    return _combined(a, b, max)


def added(a: Counts, b: Counts) -> Counts:
    return _combined(a, b, operator.add)


def subtracted(a: Counts, b: Counts) -> Counts:
    return _combined(a, b, operator.sub)


#: By the functions of Python's ``operator`` module.
OPERATORS: dict[Any, Any] = {
    operator.and_: least,
    operator.or_: most,
    operator.add: added,
    operator.sub: subtracted,
}
