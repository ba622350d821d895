"""The functions of ``operator`` that aren't an operator of two values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import gast

from astfront.comparisons import COMPARE
from astfront.rules.registry import rule
from astfront.values import NONE, Value

_UNARY: dict[Any, type[gast.AST]] = {
    operator.neg: gast.USub,
    operator.pos: gast.UAdd,
    operator.invert: gast.Invert,
    operator.not_: gast.Not,
}
_COMPARISONS: dict[Any, type] = {
    **{function: node for node, (function, *_) in COMPARE.items()},
    operator.is_: gast.Is,
    operator.is_not: gast.IsNot,
}


def _unary(function: Callable[..., Any], node: type[gast.AST]) -> None:
    @rule(function)
    def apply(cx: Any, a: Value) -> Value:
        return cx.unary(node(), a)


def _comparison(function: Callable[..., Any], node: type) -> None:
    @rule(function)
    def apply(cx: Any, a: Value, b: Value) -> Value:
        return cx.compare(node(), a, b)


for _function, _node in _UNARY.items():
    _unary(_function, _node)
for _function, _node in _COMPARISONS.items():
    _comparison(_function, _node)


@rule(operator.truth)
def truth(cx: Any, a: Value) -> Value:
    return cx.truth_value(a)


@rule(operator.contains)
def contains(cx: Any, a: Value, b: Value) -> Value:
    return cx.contains(b, a)


@rule(operator.concat)
def concat(cx: Any, a: Value, b: Value) -> Value:
    return cx.binary_op(operator.add, a, b)


@rule(operator.getitem)
def getitem(cx: Any, a: Value, b: Value) -> Value:
    return cx.get_item(a, b)


@rule(operator.setitem)
def setitem(cx: Any, a: Value, b: Value, c: Value) -> Value:
    cx.set_item(a, b, c)
    return NONE


@rule(operator.delitem)
def delitem(cx: Any, a: Value, b: Value) -> Value:
    cx.delete_item(a, b)
    return NONE
