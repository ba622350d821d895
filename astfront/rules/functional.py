"""``functools`` and ``contextlib`` in the code that's compiled: partial, lru_cache, contextmanager …"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace
from typing import Any

from astfront.calls.wrappers import call_once
from astfront.descriptions import describe
from astfront.rules.registry import StaticArg, rule
from astfront.values import Function, Partial, Static, Value


@rule(functools.partial)
def partial_(cx: Any, f: Value, *args: Value, **kwargs: Value) -> Value:
    return Partial(f, args, kwargs)


@rule(functools.update_wrapper)
def update_wrapper(cx: Any, wrapper: Value, wrapped: Value) -> Value:
    if not isinstance(wrapper, Function):
        raise cx.error("AF0301", f"functools.wraps on {describe(wrapper)} isn't supported")
    return replace(wrapper, wrapped=wrapped)


@rule(functools.wraps)
def wraps(cx: Any, wrapped: Value) -> Value:
    return Partial(Static(functools.update_wrapper), (), {"wrapped": wrapped})


@rule(contextlib.contextmanager)
def contextmanager(cx: Any, func: Value) -> Value:
    """The function itself: ``with`` takes the generator that a call of it gives."""
    return func


@rule(functools.lru_cache)
def lru_cache(cx: Any, maxsize: Value = Static(128), typed: StaticArg[bool] = False) -> Value:
    if isinstance(maxsize, Function):
        return _with_cache(cx, maxsize)
    return Static(_with_cache)


def _with_cache(cx: Any, function: Value) -> Value:
    return Partial(Static(_cached), (function,), {})


rule(_with_cache)(_with_cache)
rule(functools.cache)(_with_cache)


def _cached(cx: Any, function: Value, *args: Value, **kwargs: Value) -> Value:
    return call_once(cx, function, args, kwargs)


rule(_cached)(_cached)
