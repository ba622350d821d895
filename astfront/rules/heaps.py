"""``heapq`` and ``bisect``: what the standard library has in Python beside its C code is compiled."""

from __future__ import annotations

import bisect
import heapq
import importlib.util
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from astfront.rules.numpy.composed import composed
from astfront.rules.registry import rule
from astfront.values import Static, Value


def _in_python(name: str) -> ModuleType:
    """A module as it is where there's none in C."""
    spec: Any = importlib.util.find_spec(name)
    module = importlib.util.module_from_spec(spec)
    modules: dict[str, Any] = sys.modules
    in_c = modules.pop(f"_{name}")
    modules[f"_{name}"] = None
    try:
        spec.loader.exec_module(module)
    finally:
        modules[f"_{name}"] = in_c
    return module


def nlargest(n: int, iterable: Iterable[Any], key: Any = None) -> list[Any]:
    return sorted(iterable, key=key, reverse=True)[: max(n, 0)]


def nsmallest(n: int, iterable: Iterable[Any], key: Any = None) -> list[Any]:
    return sorted(iterable, key=key)[: max(n, 0)]


def _compiled_from(function: Callable[..., Any], source: Callable[..., Any]) -> None:
    def apply(cx: Any, *args: Value, **kwargs: Value) -> Value:
        return cx.call(Static(source), list(args), kwargs)  # type: ignore[no-any-return]

    apply.__name__ = source.__name__
    rule(function)(apply)


_source = _in_python("heapq")
for _name in ("heappush", "heappop", "heapify", "heapreplace", "heappushpop"):
    _compiled_from(getattr(heapq, _name), getattr(_source, _name))
for _function in (nlargest, nsmallest):
    _compiled_from(getattr(heapq, _function.__name__), _function)

_source = _in_python("bisect")
for _name in ("insort_left", "insort_right"):
    _compiled_from(getattr(bisect, _name), getattr(_source, _name))
for _name in ("bisect_left", "bisect_right"):
    composed(getattr(bisect, _name), getattr(_source, _name))
