"""Python's builtins that make texts, and the methods of texts, of values that are staged."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

import gast

from astfront.effects import formatted_text
from astfront.rules.registry import rule
from astfront.values import Generator, Iterator, Static, Value


@rule(str)
def str_(cx: Any, x: Value = Static("")) -> Value:
    return cx.text(str, x)


@rule(repr)
def repr_(cx: Any, x: Value) -> Value:
    return cx.text(repr, x)


@rule(chr)
def chr_(cx: Any, i: Value) -> Value:
    code = cx.call(Static(operator.index), [i], {})
    if isinstance(code, Static):
        return cx.run_python(chr, code.obj)  # type: ignore[no-any-return]
    within = cx.both(
        cx.compare(gast.GtE(), code, Static(0)),
        cx.compare(gast.LtE(), code, Static(sys.maxunicode)),
    )
    cx.check(within, ValueError("chr() arg not in range(0x110000)"))
    return cx.text(chr, code)  # type: ignore[no-any-return]


@rule(format)
def format_value(cx: Any, x: Value, spec: Value = Static("")) -> Value:
    return cx.text(format, x, spec)


@rule(str.format)
def format_(cx: Any, self: Value, *args: Value, **kwargs: Value) -> Value:
    return cx.text(formatted_text, self, Static(tuple(kwargs)), *args, *kwargs.values())


def _of_text(method: Callable[..., str]) -> None:
    """A rule for a method that makes another text of a text."""

    def made(cx: Any, self: Value, *args: Value) -> Value:
        return cx.text(method, self, *args)  # type: ignore[no-any-return]

    rule(method)(made)


for _method in (
    *(str.replace, str.strip, str.lstrip, str.rstrip, str.ljust, str.rjust, str.zfill),
    *(str.upper, str.lower, str.title, str.capitalize),
):
    _of_text(_method)


@rule(str.join)
def join(cx: Any, self: Value, items: Value) -> Value:
    if isinstance(items, Iterator | Generator):
        items = cx.call(Static(list), [items], {})
    if cx.has_grown(items):
        return cx.text(str.join, self, items)
    return cx.text(str.join, self, cx.tuple(cx.items_of(items)))
