"""Dicts and sets of staged keys, as lists of pairs, keys and values, in Python: it's compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def place(pairs: list[Any], key: Any) -> int:
    """Where a key stands, or -1."""
    for i, pair in enumerate(pairs):
        if pair[0] == key:
            return i
    return -1


def has(pairs: list[Any], key: Any) -> bool:
    return place(pairs, key) >= 0


def value(pairs: list[Any], key: Any) -> Any:
    i = place(pairs, key)
    if i < 0:
        raise KeyError(key)
    return pairs[i][1]


def value_or(pairs: list[Any], key: Any, default: Any) -> Any:
    i = place(pairs, key)
    return default if i < 0 else pairs[i][1]


def made_value(pairs: list[Any], key: Any, make: Callable[[], Any]) -> Any:
    i = place(pairs, key)
    if i < 0:
        i = len(pairs)
        pairs.append((key, make()))
    return pairs[i][1]


def value_set_by_default(pairs: list[Any], key: Any, default: Any) -> Any:
    return made_value(pairs, key, lambda: default)


def put(pairs: list[Any], key: Any, value: Any) -> None:
    i = place(pairs, key)
    if i < 0:
        pairs.append((key, value))
    else:
        replace(pairs, i, (pairs[i][0], value))


def replace(pairs: list[Any], i: int, pair: Any) -> None:
    pairs[i] = pair


def remove(pairs: list[Any], key: Any) -> None:
    popped(pairs, key)


def discard(pairs: list[Any], key: Any) -> None:
    i = place(pairs, key)
    if i >= 0:
        del pairs[i]


def popped(pairs: list[Any], key: Any) -> Any:
    i = place(pairs, key)
    if i < 0:
        raise KeyError(key)
    found = pairs[i][1]
    del pairs[i]
    return found


def popped_or(pairs: list[Any], key: Any, default: Any) -> Any:
    found = value_or(pairs, key, default)
    discard(pairs, key)
    return found


def counted(pairs: list[Any], items: Any) -> None:
    for item in items:
        put(pairs, item, value_or(pairs, item, 0) + 1)


def added(pairs: list[Any], items: Any) -> None:
    for item in items:
        put(pairs, item, True)


def keys(pairs: list[Any]) -> list[Any]:
    return [key for key, _ in pairs]


def updated(pairs: list[Any], more: Any) -> None:
    for key, value in more:
        put(pairs, key, value)


def equal(a: list[Any], b: list[Any]) -> bool:
    if len(a) != len(b):
        return False
    for key, value in a:
        i = place(b, key)
        if i < 0 or b[i][1] != value:
            return False
    return True


def most_common(pairs: list[Any], n: int | None) -> list[Any]:
    found = sorted(pairs, key=lambda pair: -pair[1])
    return found if n is None else found[:n]


# --- sets ------------------------------------------------------------------------------------


def union(a: list[Any], b: list[Any]) -> list[Any]:
    return [(pair[0], True) for pair in a] + difference(b, a)


def intersection(a: list[Any], b: list[Any]) -> list[Any]:
    return [(pair[0], True) for pair in a if has(b, pair[0])]


def difference(a: list[Any], b: list[Any]) -> list[Any]:
    return [(pair[0], True) for pair in a if not has(b, pair[0])]


def symmetric_difference(a: list[Any], b: list[Any]) -> list[Any]:
    return difference(a, b) + difference(b, a)


def issubset(a: list[Any], b: list[Any]) -> bool:
    return len(difference(a, b)) == 0


def issuperset(a: list[Any], b: list[Any]) -> bool:
    return issubset(b, a)


def isdisjoint(a: list[Any], b: list[Any]) -> bool:
    return len(intersection(a, b)) == 0
