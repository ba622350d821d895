"""``heapq``, from the Python that the standard library has beside its C code: it's compiled."""

from __future__ import annotations

import heapq
import importlib.util
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from astfront.rules.registry import rule
from astfront.values import Static, Value


def _in_python() -> ModuleType:
    """``heapq`` as it is where there's no ``_heapq``."""
    spec: Any = importlib.util.find_spec("heapq")
    module = importlib.util.module_from_spec(spec)
    modules: dict[str, Any] = sys.modules
    in_c = modules.pop("_heapq")
    modules["_heapq"] = None
    try:
        spec.loader.exec_module(module)
    finally:
        modules["_heapq"] = in_c
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


_source = _in_python()
for _name in ("heappush", "heappop", "heapify", "heapreplace", "heappushpop"):
    _compiled_from(getattr(heapq, _name), getattr(_source, _name))
for _function in (nlargest, nsmallest):
    _compiled_from(getattr(heapq, _function.__name__), _function)
