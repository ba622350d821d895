"""chainer/functions/normalization. Layer and L2 normalisation are compiled from their source."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import chainer
import numpy as np
from chainer.functions.normalization import (
    batch_normalization,
    batch_renormalization,
    decorrelated_batch_normalization,
    group_normalization,
    local_response_normalization,
)
from chainer.utils.type_check import InvalidType

from astfront.rules import nodes
from astfront.rules.array.sequences import pad_constant
from astfront.rules.array.shape import reshape_to
from astfront.rules.registry import node_rule, rule
from astfront.rules.sizes import (
    constant,
    dims_of,
    equal,
    guarded,
    product,
    require_divisor,
    same_dim,
    slice_axis,
)
from astfront.values import Scalar, Static, Tensor, Tuple, Value


def _key_axes(x: Tensor, gamma: Tensor, axis: Sequence[int] | None) -> tuple[int, ...]:
    """The axes that gamma has, too: those that aren't averaged over."""
    found: tuple[int, ...] = batch_normalization._compute_key_axis(x.ndim, gamma.ndim, axis)
    return found


def _fits(cx: Any, x: Tensor, gamma: Tensor, key: Sequence[int]) -> list[Value]:
    return [same_dim(cx, x, k, gamma, i) for i, k in enumerate(key)]


def _spread(cx: Any, v: Tensor, ndim: int, key: Sequence[int]) -> Tensor:
    """``v[expander]``: with a size of 1 for each axis that it hasn't."""
    for axis in range(ndim):
        if axis not in key:
            v = cx.call_op("expand_dims", v, axis=axis)
    return v


_DIFFER = InvalidType("x.shape[key_axis] == gamma.shape", "they differ")


@node_rule(batch_normalization.FixedBatchNormalization)
def fixed_batch_normalization(
    cx: Any, node: Any, x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor
) -> Tensor:
    """As ``nn.batch_norm`` where it can be, which TVM folds into a convolution before it."""
    key = _key_axes(x, gamma, node.axis)
    dtype = np.promote_types(x.dtype, gamma.dtype)
    eps = float(node.eps)

    def compute() -> Tensor:
        values = [cx.cast(v, dtype) for v in (x, gamma, beta, mean, var)]
        if len(key) == 1 and dtype != np.float16:
            y = cx.call_op("nn.batch_norm", *values, axis=key[0], epsilon=eps)[0]
            return cx.cast(y, x.dtype)  # type: ignore[no-any-return]
        v = cx.call_op("add", values[4], constant(cx, eps, dtype))
        inv_std = cx.call_op("divide", constant(cx, 1, dtype), cx.call_op("sqrt", v))
        return _normalized(cx, x, values[3], inv_std, values[1], values[2], key)

    return guarded(cx, _fits(cx, x, gamma, key), _DIFFER, compute)


def _normalized(
    cx: Any, x: Tensor, mean: Tensor, inv_std: Tensor, gamma: Tensor, beta: Tensor, key: Any
) -> Tensor:
    m, s, g, b = (_spread(cx, v, x.ndim, key) for v in (mean, inv_std, gamma, beta))
    y = cx.call_op("multiply", cx.call_op("subtract", cx.cast(x, m.dtype), m), s)
    y = cx.call_op("add", cx.call_op("multiply", y, g), b)
    return cx.cast(y, x.dtype)  # type: ignore[no-any-return]


def _moments(
    cx: Any, x: Tensor, axes: Sequence[int], keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and variance, of nothing NaN."""

    def variance(v: Tensor) -> Tensor:
        centred = cx.call_op("subtract", v, nodes.mean(cx, v, axes, keepdims=True))
        return nodes.mean(cx, cx.call_op("multiply", centred, centred), axes, keepdims)

    return nodes.mean(cx, x, axes, keepdims), nodes.in_float32(cx, variance, x)


@node_rule(batch_normalization.BatchNormalization)
def batch_normalization_node(cx: Any, node: Any, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Training mode: by the statistics of the batch, which the running ones are updated with."""
    key = _key_axes(x, gamma, node.axis)
    dtype = np.promote_types(x.dtype, gamma.dtype)
    axes = [a for a in range(x.ndim) if a not in key]
    fits = _fits(cx, x, gamma, key)
    x = guarded(cx, fits, _DIFFER, lambda: x)
    wide = cx.cast(x, dtype)
    mean, var = _moments(cx, wide, axes)
    shifted = cx.call_op("add", var, constant(cx, float(node.eps), dtype))
    inv_std = cx.call_op("divide", constant(cx, 1, dtype), cx.call_op("sqrt", shifted))
    _update_running(cx, node, x, gamma, mean, var, ("running_mean", "running_var"))
    return _normalized(
        cx, x, mean, inv_std, cx.cast(gamma, dtype), cx.cast(beta, dtype), key
    )  # fmt: skip


def _update_running(
    cx: Any,
    node: Any,
    x: Tensor,
    gamma: Tensor,
    mean: Tensor,
    var: Tensor,
    names: tuple[str, str],
) -> None:
    running_mean, running_var = (node.value(name) for name in names)
    if not isinstance(running_mean, Tensor) or not isinstance(running_var, Tensor):
        return
    decay = node.value("decay")
    rest = cx.binary_op(operator.sub, Static(1), decay)
    size = product(cx, dims_of(cx, x))
    m = cx.binary_op(operator.floordiv, size, product(cx, dims_of(cx, gamma)))
    adjust = _adjustment(cx, m)
    scaled = cx.binary_op(operator.mul, rest, adjust)
    for old, new, factor in ((running_mean, mean, rest), (running_var, var, scaled)):
        kept = cx.call_op("multiply", old, cx.cast(cx.as_tensor(decay), old.dtype))
        change = cx.call_op("multiply", new, cx.cast(cx.as_tensor(factor), new.dtype))
        updated = cx.call_op("add", kept, cx.cast(change, old.dtype))
        cx.replace_array(old, old.viewed_as(updated))


def _adjustment(cx: Any, m: Value) -> Value:
    """m / max(m - 1, 1)"""
    if isinstance(m, Static):
        return Static(m.obj / max(m.obj - 1.0, 1.0))
    size = cx.as_scalar(m, float)
    one = cx.as_scalar(Static(1.0), float)
    less = cx.b.call("maximum", cx.b.call("subtract", size, one), one)
    return Scalar(cx.b.call("divide", size, less).expr, float)


@node_rule(batch_renormalization.BatchRenormalizationFunction)
def batch_renormalization_node(
    cx: Any, node: Any, x: Tensor, gamma: Tensor, beta: Tensor
) -> Tensor:
    """A rule because the source changes the running statistics in place."""
    config = cx.heap.new_object(type(chainer.config), chainer.config)
    if not cx.static(cx.get_attribute(config, "train")):
        cx.raise_python(AssertionError())
    key = (1,) if gamma.ndim == 1 else tuple(range(1, gamma.ndim + 1))
    dtype = gamma.dtype
    axes = [a for a in range(x.ndim) if a not in key]
    x = guarded(cx, _fits(cx, x, gamma, key), _DIFFER, lambda: x)
    wide = cx.cast(x, dtype)
    mean, var = _moments(cx, wide, axes)
    eps = constant(cx, float(node.eps), dtype)
    std = cx.call_op("sqrt", cx.call_op("add", var, eps))
    old_mean, old_var = (cx.cast(node.value(n), dtype) for n in ("_running_mean", "_running_var"))
    old_std = cx.call_op("sqrt", cx.call_op("add", old_var, eps))
    if np.ndim(node.rmax) or np.ndim(node.dmax):
        cx.fail(
            "AF0306", "rmax and dmax that are arrays", help="give batch_renormalization numbers"
        )
    rmax, dmax = float(node.rmax), float(node.dmax)
    r = cx.call_op("clip", cx.call_op("divide", std, old_std), a_min=1 / rmax, a_max=rmax)
    shift = cx.call_op("divide", cx.call_op("subtract", mean, old_mean), old_std)
    d = cx.call_op("clip", shift, a_min=-dmax, a_max=dmax)
    m, s, g, b, r, d = (_spread(cx, v, x.ndim, key) for v in (mean, std, gamma, beta, r, d))
    y = cx.call_op("divide", cx.call_op("subtract", wide, m), s)
    y = cx.call_op("add", cx.call_op("multiply", y, r), d)
    y = cx.call_op("add", cx.call_op("multiply", g, y), b)
    if node.update_statistics:
        names = ("_running_mean", "_running_var")
        _update_running(cx, node, x, gamma, mean, var, names)
    return cx.cast(y, x.dtype)  # type: ignore[no-any-return]


@rule(decorrelated_batch_normalization._eigh)
def eigenvalues_and_vectors(cx: Any, a: Tensor, xp: Value) -> Tuple:
    """What is left of decorrelated batch normalisation; the rest is compiled from its source.

    Whose result doesn't depend on the vectors' order and signs, which aren't LAPACK's.
    """
    if a.dtype == np.float16:
        cx.raise_python(TypeError("array type float16 is unsupported in linalg"))
    if cx.checks and a.shape[-1] not in (0, 1, 2):  # LAPACK gives NaN for matrices of 2 x 2
        numbers = cx.call_op("all", cx.call_op("equal", a, a))
        error = np.linalg.LinAlgError("Eigenvalues did not converge")
        cx.check(Scalar(numbers.expr, bool), error)
    vectors = cx.b.call("astfront.eigenvectors", a)
    turned = cx.call(Static(np.matmul), [a, vectors], {})
    values = cx.call_op("sum", cx.call_op("multiply", vectors, turned), axis=1)
    return Tuple((values.as_kind("array"), vectors.as_kind("array")))


@node_rule(group_normalization.GroupNormalization)
def group_normalization_node(cx: Any, node: Any, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """A rule because the source changes arrays in place with numpy's ``out=``."""
    groups = node.groups
    batch, channels, *rest = dims_of(cx, x)
    divides = equal(cx, cx.binary_op(operator.mod, channels, Static(groups)), Static(0))
    known = f"{channels.obj} " if isinstance(channels, Static) else ""
    message = f"The number of channels {known}is not divisible by 'groups' argument {groups}."
    if isinstance(divides, Static) and not cx.truth(divides):
        cx.raise_python(ValueError(message))
    if 0 in x.shape:
        cx.raise_python(ValueError("cannot reshape array of size 0"))
    require_divisor(cx, x, (0,))

    def compute() -> Tensor:
        dtype = np.promote_types(x.dtype, gamma.dtype)
        each = cx.binary_op(operator.floordiv, channels, Static(groups))
        flat = reshape_to(cx, x, [Static(-1), each, *rest])
        axes = list(range(1, flat.ndim))
        wide = cx.cast(flat, dtype)
        mean, var = _moments(cx, wide, axes, keepdims=True)
        centred = cx.call_op("subtract", wide, mean)
        var = cx.call_op("add", var, constant(cx, float(node.eps), dtype))
        inv_std = cx.call_op("divide", constant(cx, 1, dtype), cx.call_op("sqrt", var))
        y = reshape_to(cx, cx.call_op("multiply", centred, inv_std), [batch, channels, *rest])
        g, b = (_spread(cx, cx.cast(v, dtype), x.ndim, (1,)) for v in (gamma, beta))
        return cx.cast(cx.call_op("add", cx.call_op("multiply", y, g), b), x.dtype)  # type: ignore[no-any-return]

    def of_groups() -> Tensor:
        return guarded(cx, [divides], ValueError(message), compute)

    fits = [same_dim(cx, v, 0, x, 1) for v in (gamma, beta)]
    return guarded(cx, fits, InvalidType("x.shape[1] == gamma.shape[0]", "they differ"), of_groups)


@node_rule(local_response_normalization.LocalResponseNormalization)
def local_response_normalization_node(cx: Any, node: Any, x: Tensor) -> Tensor:
    """A rule because the source adds to parts of an array in place.

    Chainer's window reaches n // 2 channels to each side, and its alpha isn't divided by n.
    """
    half, channels = node.n // 2, cx.dim_of(x, 1)
    if x.is_static_shape and x.ndim == 4 and x.dtype == np.float32:
        window = 2 * half + 1
        return cx.call_op(  # type: ignore[no-any-return]
            "nn.lrn", x, size=window, axis=1, bias=node.k, alpha=node.alpha * window, beta=node.beta
        )
    squares = cx.call_op("multiply", x, x)
    width = np.zeros((x.ndim, 2), int)
    width[1] = half
    padded = pad_constant(cx, squares, width, 0)
    total = slice_axis(cx, padded, 1, Static(0), channels)
    for i in range(1, 2 * half + 1):
        end = cx.binary_op(operator.add, Static(i), channels)
        part = slice_axis(cx, padded, 1, Static(i), end)
        total = cx.call_op("add", total, part)
    scale = cx.call_op("multiply", total, constant(cx, node.alpha, x.dtype))
    scale = cx.call_op("add", scale, constant(cx, node.k, x.dtype))
    scale = cx.call_op("power", scale, constant(cx, -node.beta, x.dtype))
    return cx.call_op("multiply", x, scale)  # type: ignore[no-any-return]
