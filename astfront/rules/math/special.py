"""Special functions: Chainer's, and scipy's where a model calls them.

They are computed in float64, as scipy does it, and rounded to the dtype of the argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from chainer.functions.math import (
    digamma,
    erfc,
    erfcinv,
    erfcx,
    erfinv,
    lgamma,
    log_ndtr,
    ndtr,
    ndtri,
    polygamma,
    zeta,
)
from scipy import special

from astfront.rules.nodes import constant, require_floats, require_integers
from astfront.rules.numpy.support import as_array, as_result, check_broadcast, convert, numpy_rule
from astfront.rules.registry import node_rule
from astfront.values import Tensor

FLOAT64 = np.dtype("float64")

#: Node → operator.
NODES: dict[type, str] = {
    lgamma.LGamma: "lgamma",
    digamma.DiGamma: "digamma",
    erfc.Erfc: "erfc",
    erfcx.Erfcx: "erfcx",
    erfinv.ErfInv: "erfinv",
    erfcinv.ErfcInv: "erfcinv",
    ndtr.Ndtr: "ndtr",
    ndtri.Ndtri: "ndtri",
    log_ndtr.LogNdtr: "log_ndtr",
}

UFUNCS: dict[np.ufunc, str] = {
    special.gammaln: "lgamma",
    special.digamma: "digamma",
    special.erf: "erf",
    special.erfc: "erfc",
    special.erfcx: "erfcx",
    special.erfinv: "erfinv",
    special.erfcinv: "erfcinv",
    special.ndtr: "ndtr",
    special.ndtri: "ndtri",
    special.log_ndtr: "log_ndtr",
}


def apply(cx: Any, name: str, x: Tensor, dtype: Any) -> Tensor:
    """One of the operators, in a dtype; by way of float32 for float16, as scipy has no loop for it."""
    wide = cx.cast(x, np.float32) if x.dtype == np.float16 else x
    return convert(cx, cx.call_op(f"astfront.{name}", wide), dtype)


def _of_node(name: str) -> Callable[..., Tensor]:
    def rule(cx: Any, node: Any, x: Tensor) -> Tensor:
        require_floats(cx, x)
        return apply(cx, name, x, x.dtype)

    return rule


def _of_ufunc(ufunc: np.ufunc, name: str) -> Callable[..., Tensor]:
    def rule(cx: Any, x: Tensor) -> Tensor:
        dtype = ufunc(np.ones(1, x.dtype)).dtype
        return as_result(apply(cx, name, cx.cast(x, dtype), dtype).as_kind("array"))

    return rule


for _class, _name in NODES.items():
    node_rule(_class)(_of_node(_name))
for _ufunc, _name in UFUNCS.items():
    numpy_rule(_ufunc)(_of_ufunc(_ufunc, _name))


@numpy_rule(special.expit)
def expit(cx: Any, x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), with all digits of small results, which Chainer's sigmoid hasn't."""
    dtype = special.expit(np.ones(1, x.dtype)).dtype
    wide = cx.cast(x, np.float32 if dtype == np.float16 else dtype)
    one, power = constant(cx, 1, wide), cx.call_op("exp", cx.call_op("negative", wide))
    result = cx.call_op("divide", one, cx.call_op("add", one, power))
    return as_result(convert(cx, result, dtype).as_kind("array"))


@numpy_rule(special.logit)
def logit(cx: Any, x: Tensor) -> Tensor:
    """log(x / (1 - x))."""
    dtype = special.logit(np.ones(1, x.dtype)).dtype
    wide = cx.cast(x, np.float32 if dtype == np.float16 else dtype)
    odds = cx.call_op("divide", wide, cx.call_op("subtract", constant(cx, 1, wide), wide))
    return as_result(convert(cx, cx.call_op("log", odds), dtype).as_kind("array"))


def _together(cx: Any, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two operands in float64, in the shape that they broadcast to."""
    a, b = cx.cast(a, FLOAT64), cx.cast(b, FLOAT64)
    check_broadcast(cx, a, b)
    if a.shape == b.shape and a.is_static_shape:
        return a, b
    zero = constant(cx, 0, a)
    shape = cx.call_op("where", cx.call_op("equal", a, b), zero, zero)
    return cx.call_op("add", a, shape), cx.call_op("add", b, shape)


def hurwitz(cx: Any, x: Tensor, q: Tensor) -> Tensor:
    x, q = _together(cx, x, q)
    result: Tensor = cx.call_op("astfront.zeta", x, q)
    return result


@node_rule(zeta.Zeta)
def zeta_(cx: Any, node: Any, q: Tensor) -> Tensor:
    require_floats(cx, q)
    return convert(cx, hurwitz(cx, as_array(cx, node.value("_x")), q), q.dtype)


@node_rule(polygamma.PolyGamma)
def polygamma_(cx: Any, node: Any, n: Tensor, x: Tensor) -> Tensor:
    """(-1)^(n+1) n! zeta(n + 1, x), and digamma for n = 0."""
    require_floats(cx, x)
    require_integers(cx, n)
    wide = cx.cast(x, FLOAT64)
    one, two = constant(cx, 1, wide), constant(cx, 2, wide)
    order = cx.call_op("add", cx.cast(n, FLOAT64), one)
    odd = cx.call_op("mod", order, two)
    sign = cx.call_op("subtract", one, cx.call_op("multiply", two, odd))
    factor = cx.call_op("multiply", sign, cx.call_op("astfront.gamma", order))
    above = cx.call_op("multiply", factor, hurwitz(cx, order, wide))
    first = cx.call_op("astfront.digamma", wide)
    is_first = cx.call_op("equal", order, one)
    return convert(cx, cx.call_op("where", is_first, first, above), x.dtype)
