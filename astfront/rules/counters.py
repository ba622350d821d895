"""What ``&``, ``|``, ``+`` and ``-`` give of two Counters, in Python: it's compiled."""

from __future__ import annotations

import collections
import operator
from typing import Any

Counts = collections.Counter[Any]


def least(a: Counts, b: Counts) -> Counts:
    made: Counts = collections.Counter()
    for key, count in a.items():
        other = b[key]
        if other < count:
            count = other
        if count > 0:
            made[key] = count
    return made


def most(a: Counts, b: Counts) -> Counts:
    made: Counts = collections.Counter()
    for key, count in a.items():
        other = b[key]
        if count < other:
            count = other
        if count > 0:
            made[key] = count
    for key, count in b.items():
        if key not in a and count > 0:
            made[key] = count
    return made


def added(a: Counts, b: Counts) -> Counts:
    made: Counts = collections.Counter()
    for key, count in a.items():
        total = count + b[key]
        if total > 0:
            made[key] = total
    for key, count in b.items():
        if key not in a and count > 0:
            made[key] = count
    return made


def subtracted(a: Counts, b: Counts) -> Counts:
    made: Counts = collections.Counter()
    for key, count in a.items():
        rest = count - b[key]
        if rest > 0:
            made[key] = rest
    for key, count in b.items():
        if key not in a and count < 0:
            made[key] = 0 - count
    return made


#: By the functions of Python's ``operator`` module.
OPERATORS: dict[Any, Any] = {
    operator.and_: least,
    operator.or_: most,
    operator.add: added,
    operator.sub: subtracted,
}
