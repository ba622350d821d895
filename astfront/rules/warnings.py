"""Warnings, and the filters that say which are shown.

A warning is an effect (see ``effects.py``). The filters of a ``catch_warnings`` end with it, so they go
with the warnings that are given under them; outside of one, setting a filter is an effect of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from astfront.rules.registry import StaticArg, rule
from astfront.values import NONE, TRUE, Object, Static, Value


@rule(warnings.warn)
def warn(
    cx: Any,
    message: StaticArg[str],
    category: StaticArg[Any] = UserWarning,
    stacklevel: Value = NONE,
) -> Value:
    filters = _filters(cx)
    if filters is None:
        cx.effect(warnings.warn, Static(message), Static(category))
    elif filters[-1:] != (_IGNORE_ALL,):
        cx.effect(_warn_under, Static(filters), Static(message), Static(category))
    return NONE


def _warn_under(filters: tuple[Any, ...], message: str, category: Any) -> None:
    with warnings.catch_warnings():
        for function, args in filters:
            function(*args)
        warnings.warn(message, category, stacklevel=2)


@rule(warnings.catch_warnings.__enter__)
def enter(cx: Any, self: Object) -> Value:
    if cx.static(cx.get_attribute(self, "_record"), "`record`"):
        cx.fail("AF0301", "catch_warnings(record=True) isn't supported")
    if cx.static(cx.get_attribute(self, "_entered"), "whether it's entered"):
        cx.raise_python(RuntimeError("Cannot enter a catch_warnings twice"))
    outer = _filters(cx)
    cx.set_attribute(self, "_entered", TRUE)
    cx.set_attribute(self, "_filters", Static(outer))
    cx.heap.bind(cx.filters_cell, "now", Static(() if outer is None else outer))
    return NONE


@rule(warnings.catch_warnings.__exit__)
def leave(cx: Any, self: Object, *exc_info: Value) -> Value:
    if not cx.static(cx.get_attribute(self, "_entered"), "whether it's entered"):
        cx.raise_python(RuntimeError("Cannot exit a catch_warnings without entering first"))
    cx.heap.bind(cx.filters_cell, "now", cx.get_attribute(self, "_filters"))
    return NONE


@rule(warnings.simplefilter)
def simplefilter(
    cx: Any,
    action: StaticArg[str],
    category: StaticArg[Any] = Warning,
    lineno: StaticArg[int] = 0,
    append: StaticArg[bool] = False,
) -> Value:
    return _set_filter(cx, warnings.simplefilter, action, category, lineno, append)


@rule(warnings.filterwarnings)
def filterwarnings(
    cx: Any,
    action: StaticArg[str],
    message: StaticArg[str] = "",
    category: StaticArg[Any] = Warning,
    module: StaticArg[str] = "",
    lineno: StaticArg[int] = 0,
    append: StaticArg[bool] = False,
) -> Value:
    if module:
        cx.fail("AF0301", "a filter for the warnings of one module isn't supported")
    args = (action, message, category, module, lineno, append)
    return _set_filter(cx, warnings.filterwarnings, *args)


@rule(warnings.resetwarnings)
def resetwarnings(cx: Any) -> Value:
    return _set_filter(cx, warnings.resetwarnings)


_IGNORE_ALL = (warnings.simplefilter, ("ignore", Warning, 0, False))


def _set_filter(cx: Any, function: Callable[..., None], *args: Any) -> Value:
    """Handlers can't see what a filter makes of warnings: these are given when all has run."""
    if args[:1] == ("error",):
        cx.fail("AF0301", "a filter that turns warnings into exceptions isn't supported")
    filters = _filters(cx)
    if filters is None:
        cx.effect(function, *map(Static, args))
    else:
        cx.heap.bind(cx.filters_cell, "now", Static((*filters, (function, args))))
    return NONE


def _filters(cx: Any) -> tuple[Any, ...] | None:
    """What set the filters since the outermost ``catch_warnings``; None outside of one."""
    return cx.static(cx.heap.lookup(cx.filters_cell, "now"), "which warnings are shown")  # type: ignore[no-any-return]
