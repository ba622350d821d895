"""Kernels of Relay operators that TVM gets wrong at the edges, computed as numpy does.

As TVM has them, a maximum over nothing but -inf is -3.4e38 (which stands for "nothing yet"), and NaN
gets lost in ``max``, ``maximum``, ``clip``, ``nn.relu``, ``sign``, ``x - x`` and in comparisons whose
opposite is asked for.
The negative of 0.0 is 0.0.
A model that masks with -inf, or asks for ``isnan``, would compute something else than under Chainer.
Where sizes are staged, reshape can't be fused, and what's broadcast may be read beyond its end.

Importing this module registers the kernels, for the whole process; ``relay/builder.py`` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tvm import arith, ir, relay, te, tir, topi
from tvm.relay.op import op as registry
from tvm.relay.op import strategy
from tvm.target import override_native_generic_func

#: Above TVM's own registrations, whose level is 10.
_LEVEL = 15


def is_float(x: Any) -> bool:
    return str(x.dtype).startswith("float")


def unless_nan(a: Any, normally: Any, otherwise: Any) -> Any:
    """``otherwise`` where ``a`` is NaN.

    Everything else is >= -inf. ``tir.isnan`` isn't vectorised, and TVM's simplifier takes ``a != a``
    for false and the negation of ``>=`` for ``<``.
    """
    if not is_float(a):
        return normally
    return tir.Select(a >= tir.const(float("-inf"), a.dtype), normally, otherwise)


def _best(a: Any, b: Any, largest: bool) -> Any:
    """The larger (or smaller) one, or the first NaN: TVM's gives ``b`` where one is NaN."""
    return unless_nan(a, (te.max if largest else te.min)(a, b), a)


def worst(dtype: str, largest: bool) -> Any:
    if dtype.startswith("float"):
        return tir.const(float("-inf") if largest else float("inf"), dtype)
    return te.min_value(dtype) if largest else te.max_value(dtype)


def _extreme_of(largest: bool) -> Any:
    return te.comm_reducer(
        lambda a, b: _best(a, b, largest), lambda dtype: worst(dtype, largest), name="extreme"
    )


# --- reductions ------------------------------------------------------------------------------


def axes_of(attrs: Any, ndim: int) -> list[int]:
    given = [] if attrs.axis is None else [int(a) % ndim for a in attrs.axis]
    if bool(attrs.exclude):
        return [a for a in range(ndim) if a not in given]
    return sorted(given) or list(range(ndim))


def _reduction(attrs: Any, x: Any) -> tuple[list[int], list[Any], list[Any], Callable[..., Any]]:
    """The axes, the reduce axes, the result's shape, and the source index of a result's index."""
    axes = axes_of(attrs, len(x.shape))
    keep = bool(attrs.keepdims)
    reduced = [te.reduce_axis((0, x.shape[a]), name=f"k{a}") for a in axes]
    shape = [
        tir.IntImm("int32", 1) if a in axes else d
        for a, d in enumerate(x.shape)
        if keep or a not in axes
    ]

    def source(index: Sequence[Any]) -> list[Any]:
        rest = iter(i for n, i in enumerate(index) if not keep or n not in axes)
        walk = iter(reduced)
        return [next(walk) if a in axes else next(rest) for a in range(len(x.shape))]

    return axes, reduced, shape, source


def _extreme(largest: bool) -> Callable[..., Any]:
    def compute(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
        x = inputs[0]
        _, reduced, shape, source = _reduction(attrs, x)
        reducer = _extreme_of(largest)
        name = f"{x.op.name}_red"
        body = te.compute(
            shape,
            lambda *i: reducer(x(*source(i)), axis=reduced),
            name=name,
            tag="comm_reduce",
        )
        return [body]

    return compute


# --- element by element ----------------------------------------------------------------------

# Where sizes are staged, TVM reads every item of the result from every operand, and counts on strides
# of 0 where an operand's size is 1. Only what a kernel is given has such strides; what it computes
# itself, of an operator that's fused with this one, was read beyond its end: relu(x) + y, of one row
# and of two.


def _of_two(largest: bool) -> Callable[..., Any]:
    def compute(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
        shape = topi.add(*inputs).shape
        name = "maximum" if largest else "minimum"
        return _broadcast(lambda a, b: _best(a, b, largest), inputs, shape, name)

    return compute


def _of_items(name: str, f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` of the items, where TVM's own kernel is wrong: of staged sizes, and ``_OF_HIDDEN``."""
    usual = relay.op.get(name).get_attr("FTVMCompute")

    def compute(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
        made = usual(attrs, inputs, output_type)
        if name in _COMPARISONS and is_float(inputs[0]):
            return _broadcast(_COMPARISONS[name], inputs, made[0].shape, f"T_{name}")
        if name in _OF_HIDDEN and is_float(made[0]):
            return _broadcast(lambda a, b: f(a, _as_it_is(b)), inputs, made[0].shape, f"T_{name}")
        zeros = [_hidden_zero(x) if name in _OF_HIDDEN_ZEROS else None for x in inputs]
        if any(z is not None for z in zeros):

            def hidden(*v: Any) -> Any:
                return f(*(b if z is None else z for z, b in zip(zeros, v)))

            return _broadcast(hidden, inputs, made[0].shape, f"T_{name}")
        if all(isinstance(d, tir.IntImm) for x in inputs for d in x.shape):
            return list(made)
        return _broadcast(f, inputs, made[0].shape, f"T_{name}")

    return compute


def _hidden_zero(x: Any) -> Any:
    """Of a constant 0.0 or -0.0, what TVM's simplifier doesn't know for it; of others, None."""
    body = list(x.op.body) if isinstance(x.op, te.ComputeOp) and not x.shape else []
    if len(body) != 1 or not isinstance(body[0], tir.FloatImm) or body[0].value != 0:
        return None
    zero = _as_it_is(tir.const(0, x.dtype))
    return zero if math.copysign(1, body[0].value) > 0 else zero * tir.const(-1, x.dtype)


def _broadcast(f: Callable[..., Any], inputs: Any, shape: Any, name: str) -> list[Any]:
    def value(*index: Any) -> Any:
        return f(*(_broadcast_item(x, index, shape) for x in inputs))

    return [te.compute(shape, value, name=name, tag="broadcast")]


def _broadcast_item(x: Any, index: Sequence[Any], shape: Sequence[Any]) -> Any:
    """The item of ``x`` that goes into the one at ``index`` of a result of some shape."""
    has_strides = isinstance(x.op, te.PlaceholderOp)

    def own_index(i: Any, own: Any, size: Any) -> Any:
        zero = tir.const(0, i.dtype)
        if isinstance(own, tir.IntImm):
            return zero if int(own) == 1 else i
        if has_strides or ir.structural_equal(own, size):
            return i
        return tir.Select(own == 1, zero, i)

    skipped = len(index) - len(x.shape)
    return x(*map(own_index, index[skipped:], x.shape, shape[skipped:]))


def _elementwise(x: Any, f: Callable[[Any], Any], name: str) -> list[Any]:
    return [te.compute(x.shape, lambda *i: f(x(*i)), name=name, tag="elemwise")]


def _relu(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
    # TVM's max and min give their second operand where one is NaN.
    zero = tir.const(0, inputs[0].dtype)
    return _elementwise(inputs[0], lambda v: te.max(zero, v), "relu")


def _clip(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
    dtype = inputs[0].dtype
    low, high = tir.const(attrs.a_min, dtype), tir.const(attrs.a_max, dtype)
    return _elementwise(inputs[0], lambda v: te.min(high, te.max(low, v)), "clip")


#: Operators of floats whose second operand is hidden from TVM's simplifier. It makes 0 of ``x - x``, of
#: NaN too, and ``x * (1 / 49)`` of ``x / 49``, which is less than 1 where x is 49: int() sees it.
_OF_HIDDEN = ("subtract", "divide", "floor_divide", "mod", "floor_mod")

#: Those in which it doesn't know 0.0 and -0.0 apart: ``x + 0.0`` isn't x where that's -0.0.
_OF_HIDDEN_ZEROS = ("add", "where")


def _as_it_is(v: Any) -> Any:
    """A number whose origin TVM's simplifier doesn't see."""
    bits = f"int{str(v.dtype)[len('float') :]}"
    return tir.reinterpret(v.dtype, tir.reinterpret(bits, v))


def _hidden(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A comparison that TVM's simplifier doesn't see: it takes one of floats for the opposite of
    another, in ``not``, ``or`` and what's chosen by it, as if there were no NaN."""
    return lambda a, b: tir.Cast("bool", tir.Cast("int8", f(a, b)))


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "equal": _hidden(topi.equal),
    "not_equal": lambda a, b: tir.Not(_COMPARISONS["equal"](a, b)),
    **{n: _hidden(getattr(topi, n)) for n in ("less", "less_equal", "greater", "greater_equal")},
}


def _sign(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
    x = inputs[0]
    zero, one = tir.const(0, x.dtype), tir.const(1, x.dtype)
    if str(x.dtype).startswith("uint"):
        return _elementwise(x, lambda v: tir.Select(v > zero, one, zero), "sign")
    minus = tir.const(-1, x.dtype)
    return _elementwise(
        x,
        lambda v: tir.Select(
            v > zero, one, tir.Select(v < zero, minus, tir.Select(v.equal(zero), zero, v))
        ),
        "sign",
    )


# --- pooling ---------------------------------------------------------------------------------


def _max_pool(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
    """In any layout, padded by what is less than everything."""
    x = inputs[0]
    axes = [i for i, a in enumerate(filter(str.isalpha, str(attrs.layout))) if a in "DHW"]
    sizes, steps, dilation = (
        dict(zip(axes, map(int, v))) for v in (attrs.pool_size, attrs.strides, attrs.dilation)
    )
    padding = [int(p) for p in attrs.padding]
    before, after = (
        [dict(zip(axes, part)).get(a, 0) for a in range(len(x.shape))]
        for part in (padding[: len(axes)], padding[len(axes) :])
    )
    least = worst(x.dtype, True)
    padded = topi.nn.pad(x, before, after, least, name="pad_temp") if any(padding) else x
    shape = [
        tir.indexdiv(d - dilation[a] * (sizes[a] - 1) - 1, steps[a]) + 1 if a in sizes else d
        for a, d in enumerate(padded.shape)
    ]
    window = {a: te.reduce_axis((0, sizes[a]), name=f"k{a}") for a in axes}
    reducer = _extreme_of(True)

    def largest(*i: Any) -> Any:
        places = [
            v * steps[a] + window[a] * dilation[a] if a in window else v for a, v in enumerate(i)
        ]
        return reducer(padded(*places), axis=list(window.values()))

    return [te.compute(shape, largest, name="pool_max", tag="pool_max")]


# --- negative --------------------------------------------------------------------------------


def _negative(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
    """TVM's is ``0 - x``, which has another sign where ``x`` is 0."""
    x = inputs[0]
    if not is_float(x):
        return [topi.negative(x)]
    minus = tir.const(-1, x.dtype)
    return [te.compute(x.shape, lambda *i: x(*i) * minus, name="negative", tag="elemwise")]


# --- reshape ---------------------------------------------------------------------------------


_TVM_RESHAPE = relay.op.get("reshape").get_attr("FTVMCompute")


def _reshape(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
    """TVM's kernel takes staged sizes from its result, which fails where it's fused into another."""
    x = inputs[0]
    newshape = [int(n) for n in attrs.newshape]
    shape = _reshaped(newshape, list(x.shape))
    if all(isinstance(d, tir.IntImm) for d in output_type.shape) or shape is None:
        return list(_TVM_RESHAPE(attrs, inputs, output_type))
    if 0 in newshape and min(newshape) == 0 and len(newshape) == len(x.shape):
        # Sizes that are known besides (``refine``): TVM takes minutes to find that nothing moves.
        return [te.compute(shape, lambda *i: x(*i), name="refined", tag="injective")]
    return [topi.reshape(x, shape)]


def _reshaped(newshape: Sequence[int], shape: Sequence[Any]) -> list[Any] | None:
    """The sizes by Relay's rules: 0 keeps one, -3 multiplies two, -1 is what is left."""
    made: list[Any] = []
    left: list[Any] = []
    at = 0
    known = 1
    for n in newshape:
        if n in (0, -3):
            width = 1 if n == 0 else 2
            taken = shape[at : at + width]
            if len(taken) < width:
                return None
            made.append(taken[0] if n == 0 else taken[0] * taken[1])
        elif n < -1:
            return None
        else:
            width = 1
            made.append(tir.IntImm("int32", n))
            left += shape[at : at + 1]
            known *= max(n, 1)
        at += width
    total: Any = tir.IntImm("int32", 1)
    for d in [*left, *shape[at:]]:
        total = total * d
    rest = arith.Analyzer().simplify(tir.indexdiv(total, known))
    return [rest if n == -1 else d for n, d in zip(newshape, made)]


def register(name: str, compute: Callable[..., Any], schedule: Any) -> None:
    @override_native_generic_func(f"astfront.{name}")
    def choose(attrs: Any, inputs: Any, output_type: Any, target: Any) -> Any:
        chosen = registry.OpStrategy()
        chosen.add_implementation(compute, schedule, name=f"astfront.{name}")
        return chosen

    registry.register_compute(name, compute, level=_LEVEL)
    registry.register_strategy(name, choose, level=_LEVEL)


register("max", _extreme(True), registry._schedule_reduce)
register("min", _extreme(False), registry._schedule_reduce)
for _name in ("nn.max_pool2d", "nn.max_pool3d"):
    register(_name, _max_pool, strategy.schedule_pool)


for _name in [
    "add", "subtract", "multiply", "divide", "floor_divide", "mod", "floor_mod", "power",
    "left_shift", "right_shift", "logical_and", "logical_or", "logical_xor",
    "bitwise_and", "bitwise_or", "bitwise_xor",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
]:  # fmt: skip
    register(_name, _of_items(_name, getattr(topi, _name)), registry._schedule_injective)
register("where", _of_items("where", tir.Select), registry._schedule_injective)
register("maximum", _of_two(True), registry._schedule_injective)
register("minimum", _of_two(False), registry._schedule_injective)
register("nn.relu", _relu, registry._schedule_injective)
register("clip", _clip, registry._schedule_injective)
register("negative", _negative, registry._schedule_injective)
register("sign", _sign, registry._schedule_injective)
register("reshape", _reshape, registry._schedule_injective)
