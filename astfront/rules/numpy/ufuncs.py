"""numpy's ufuncs, with its value-based promotion; operators on arrays come here, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from astfront.operators import DUNDER, power
from astfront.rules import nodes
from astfront.rules.numpy import elementwise as e
from astfront.rules.numpy.promotion import resolve
from astfront.rules.numpy.support import (
    BOOL,
    as_array,
    as_result,
    check_broadcast,
    constant,
    convert,
    full,
    numpy_rule,
    operand,
    refuse_out,
    run_numpy,
    shape_of,
    store_out,
    tensor_of,
)
from astfront.values import FALSE, NONE, TRUE, Static, Tensor, Value, is_none

Operation = Callable[..., Tensor]

#: Computed in the dtype of the result.
ARITHMETIC: dict[np.ufunc, Operation] = {
    np.add: e.add,
    np.subtract: e.relay("subtract"),
    np.multiply: e.multiply,
    np.true_divide: e.relay("divide"),
    np.floor_divide: e.floor_divide,
    np.remainder: e.remainder,
    np.fmod: e.fmod,
    np.power: e.in_float32(e.power),
    np.float_power: e.power,
    np.maximum: e.relay("maximum"),
    np.minimum: e.relay("minimum"),
    np.fmax: e.fmax,
    np.fmin: e.fmin,
    np.arctan2: e.in_float32(e.arctan2),
    np.copysign: e.copysign,
    np.nextafter: e.nextafter,
    np.hypot: e.in_float32(e.hypot),
    np.heaviside: e.heaviside,
    np.logaddexp: e.in_float32(e.logaddexp),
    np.logaddexp2: e.in_float32(e.logaddexp2),
    np.bitwise_and: e.relay("bitwise_and"),
    np.bitwise_or: e.relay("bitwise_or"),
    np.bitwise_xor: e.relay("bitwise_xor"),
    np.left_shift: e.shift("left_shift"),
    np.right_shift: e.shift("right_shift"),
    np.negative: e.negative,
    np.positive: lambda cx, x: x,
    np.absolute: e.absolute,
    np.fabs: e.absolute,
    np.sign: e.relay("sign"),
    np.square: e.square,
    np.floor: e.relay("floor"),
    np.ceil: e.relay("ceil"),
    np.trunc: e.relay("trunc"),
    np.rint: e.rint,
    np.invert: e.relay("bitwise_not"),
    np.conjugate: lambda cx, x: x,
    np.sqrt: e.in_float32(e.relay("sqrt")),
    np.cbrt: e.in_float32(e.relay("astfront.cbrt")),
    np.exp: e.in_float32(e.relay("exp")),
    np.exp2: e.in_float32(lambda cx, x: cx.b.call("power", full(2, x.dtype), x)),
    np.log: e.in_float32(e.relay("log")),
    np.log2: e.in_float32(e.relay("log2")),
    np.log10: e.in_float32(e.relay("log10")),
    np.log1p: e.in_float32(nodes.log1p),
    np.expm1: e.in_float32(nodes.expm1),
    np.sin: e.in_float32(e.relay("sin")),
    np.cos: e.in_float32(e.relay("cos")),
    np.tan: e.in_float32(e.relay("tan")),
    np.sinh: e.in_float32(e.relay("sinh")),
    np.cosh: e.in_float32(e.relay("cosh")),
    np.tanh: e.in_float32(e.relay("tanh")),
    np.arcsin: e.in_float32(e.relay("asin")),
    np.arccos: e.in_float32(e.relay("acos")),
    np.arctan: e.in_float32(e.relay("atan")),
    np.arcsinh: e.in_float32(e.relay("asinh")),
    np.arccosh: e.in_float32(e.relay("acosh")),
    np.arctanh: e.in_float32(e.relay("atanh")),
    np.deg2rad: e.in_float32(lambda cx, x: cx.b.call("multiply", x, full(np.pi / 180, x.dtype))),
    np.rad2deg: e.in_float32(lambda cx, x: cx.b.call("multiply", x, full(180 / np.pi, x.dtype))),
}
ARITHMETIC[np.radians] = ARITHMETIC[np.deg2rad]
ARITHMETIC[np.degrees] = ARITHMETIC[np.rad2deg]

#: Computed in what the operands promote to; the result is a bool.
COMPARISONS: dict[np.ufunc, Operation] = {
    np.equal: e.relay("equal"),
    np.not_equal: e.relay("not_equal"),
    np.less: e.relay("less"),
    np.less_equal: e.relay("less_equal"),
    np.greater: e.relay("greater"),
    np.greater_equal: e.relay("greater_equal"),
}

#: Each operand as a bool first.
LOGICAL: dict[np.ufunc, Operation] = {
    np.logical_and: e.logical("logical_and"),
    np.logical_or: e.logical("logical_or"),
    np.logical_xor: e.logical("logical_xor"),
    np.logical_not: e.logical_not,
}

#: ``ufunc.outer`` of all with two operands.
OUTER = [u for table in (ARITHMETIC, COMPARISONS, LOGICAL) for u in table if u.nin == 2]

#: Tests of floats; an int is neither NaN nor infinite.
TESTS: dict[np.ufunc, tuple[str, bool]] = {
    np.isnan: ("isnan", False),
    np.isinf: ("isinf", False),
    np.isfinite: ("isfinite", True),
}


SAME_KIND = Static("same_kind")


def _register(ufunc: np.ufunc, apply: Callable[[Any, np.ufunc, list[Any], Any], Tensor]) -> None:
    if ufunc.nin == 1:

        @numpy_rule(ufunc)
        def unary(
            cx: Any, x: Value, out: Value = NONE, *, dtype: Value = NONE, where: Value = TRUE,
            casting: Value = SAME_KIND,
        ) -> Tensor:  # fmt: skip
            return _finished(cx, apply(cx, ufunc, [operand(cx, x)], dtype), out, where, casting)

    else:

        @numpy_rule(ufunc)
        def binary(
            cx: Any, x1: Value, x2: Value, out: Value = NONE, *, dtype: Value = NONE,
            where: Value = TRUE, casting: Value = SAME_KIND,
        ) -> Tensor:  # fmt: skip
            operands = [operand(cx, x1), operand(cx, x2)]
            check_broadcast(cx, *operands)
            return _finished(cx, apply(cx, ufunc, operands, dtype), out, where, casting)


def _finished(
    cx: Any, result: Tensor, out: Value, where: Value = TRUE, casting: Value = SAME_KIND
) -> Tensor:
    """numpy's scalars for rank 0, new memory, ``out=`` and ``where=``."""
    fresh = Tensor(result.expr, result.shape, result.dtype, "array", result.const)
    return store_out(cx, out, as_result(fresh), where, cx.static(casting, "`casting`"))


def _arithmetic(cx: Any, ufunc: np.ufunc, operands: list[Any], dtype: Value) -> Tensor:
    given = cx.static(dtype, "`dtype`")
    if isinstance(given, type) and issubclass(given, np.dtype):
        given = given.type
    call: Callable[..., Any] = ufunc if given is None else lambda *x: ufunc(*x, dtype=given)
    found = resolve(cx, call, operands)
    return ARITHMETIC[ufunc](cx, *(tensor_of(cx, v, found) for v in operands))


@numpy_rule(power)
def power_operator(cx: Any, x: Value, y: Value) -> Tensor:
    operands = [operand(cx, x), operand(cx, y)]
    check_broadcast(cx, *operands)
    dtype = resolve(cx, power, operands)
    is_array = isinstance(x, Tensor) and x.kind != "generic"
    computed = e.in_float32(e.array_power) if is_array else ARITHMETIC[np.power]
    return _finished(cx, computed(cx, *(tensor_of(cx, v, dtype) for v in operands)), NONE)


def _comparison(cx: Any, ufunc: np.ufunc, operands: list[Any], dtype: Value) -> Tensor:
    refuse_out(cx, dtype=dtype)
    common = resolve(cx, lambda *x: np.result_type(*x), operands)
    return COMPARISONS[ufunc](cx, *(tensor_of(cx, v, common) for v in operands))


def _logical(cx: Any, ufunc: np.ufunc, operands: list[Any], dtype: Value) -> Tensor:
    refuse_out(cx, dtype=dtype)
    return LOGICAL[ufunc](cx, *(tensor_of(cx, v, _own_dtype(v)) for v in operands))


def _test(cx: Any, ufunc: np.ufunc, operands: list[Any], dtype: Value) -> Tensor:
    refuse_out(cx, dtype=dtype)
    (x,) = operands
    name, of_int = TESTS[ufunc]
    x = tensor_of(cx, x, _own_dtype(x))
    if x.dtype.kind == "f":
        return cx.b.call(name, x)  # type: ignore[no-any-return]
    if None not in shape_of(x):
        return constant(np.full(x.shape, of_int))
    return cx.b.call("not_equal" if not of_int else "equal", x, x)  # type: ignore[no-any-return]


def _own_dtype(v: Any) -> np.dtype[Any]:
    return np.asarray(v.obj).dtype if isinstance(v, Static) else v.dtype


for _table, _apply in (
    (ARITHMETIC, _arithmetic),
    (COMPARISONS, _comparison),
    (LOGICAL, _logical),
    (TESTS, _test),
):
    for _ufunc in _table:
        _register(_ufunc, _apply)


def _outer_rule(ufunc: np.ufunc) -> Callable[..., Value]:
    def outer(cx: Any, a: Value, b: Value, **more: Value) -> Value:
        x, y = as_array(cx, a), as_array(cx, b)
        wide = x if not y.ndim else cx.b.call("expand_dims", x, axis=x.ndim, num_newaxis=y.ndim)
        return cx.call(Static(ufunc), [wide, y], more)  # type: ignore[no-any-return]

    return outer


def _method_rule(function: Callable[..., Any]) -> Callable[..., Value]:
    def apply(cx: Any, self: Value, other: Value) -> Value:
        return cx.binary_op(function, as_array(cx, self), other)  # type: ignore[no-any-return]

    return apply


for _function, _name in DUNDER.items():
    numpy_rule(getattr(np.ndarray, f"__{_name}__"))(_method_rule(_function))


@numpy_rule(np.ndarray.conj, np.ndarray.conjugate)
def conjugate(cx: Any, self: Value) -> Tensor:
    return as_array(cx, self)


for _ufunc in OUTER:
    numpy_rule(_ufunc.outer)(_outer_rule(_ufunc))


@numpy_rule(np.signbit)
def signbit(cx: Any, x: Value, out: Value = NONE) -> Tensor:
    v = operand(cx, x)
    return _finished(cx, e.signbit(cx, tensor_of(cx, v, _own_dtype(v))), out)


def _is_integer(cx: Any, self: Value) -> Value:
    def call(function: Any, *args: Value) -> Value:
        return cx.call(Static(function), list(args), {})  # type: ignore[no-any-return]

    whole = call(np.equal, self, call(np.floor, self))
    return call(bool, call(np.logical_and, whole, call(np.isfinite, self)))


for _number in (np.float16, np.float32, np.float64):
    numpy_rule(_number.is_integer)(_is_integer)


@numpy_rule(np.modf)
def modf(cx: Any, x: Value) -> tuple[Tensor, Tensor]:
    """The parts after the point and before it, each with the sign of the number."""
    v = operand(cx, x)
    number = tensor_of(cx, v, resolve(cx, lambda n: np.modf(n)[0], [v]))
    call, zero = cx.b.call, full(0, number.dtype)
    whole = call("trunc", number)
    rest = call("where", call("isinf", number), zero, call("subtract", number, whole))
    return tuple(_finished(cx, e.copysign(cx, p, number), NONE) for p in (rest, whole))  # type: ignore[return-value]


@numpy_rule(np.reciprocal)
def reciprocal(cx: Any, x: Value, out: Value = NONE) -> Tensor:
    v = operand(cx, x)
    dtype = resolve(cx, np.reciprocal, [v])
    if dtype.kind != "f":
        number = tensor_of(cx, v, dtype)
        with np.errstate(divide="ignore", invalid="ignore"):
            of_zero = full(np.reciprocal(np.zeros(1, dtype))[0], dtype)
        is_unit = cx.b.call("equal", cx.b.call("abs", number), full(1, dtype))
        made = cx.b.call("where", is_unit, number, full(0, dtype))
        is_zero = cx.b.call("equal", number, full(0, dtype))
        return _finished(cx, cx.b.call("where", is_zero, of_zero, made), out)
    return _finished(cx, cx.b.call("divide", full(1, dtype), tensor_of(cx, v, dtype)), out)


@numpy_rule(np.divmod)
def divmod_(cx: Any, x1: Value, x2: Value) -> tuple[Value, Value]:
    return (
        cx.call(Static(np.floor_divide), [x1, x2], {}),
        cx.call(Static(np.remainder), [x1, x2], {}),
    )


@numpy_rule(np.where)
def where(cx: Any, condition: Value, x: Value | None = None, y: Value | None = None) -> Value:
    if x is None or y is None:
        return cx.call(Static(np.nonzero), [condition], {})  # type: ignore[no-any-return]
    chosen = operand(cx, condition)
    test = tensor_of(cx, chosen, BOOL)
    operands = [operand(cx, x), operand(cx, y)]
    dtype = resolve(cx, lambda *v: np.where(True, *v), operands)
    check_broadcast(cx, test, *operands)
    a, b = (tensor_of(cx, v, dtype) for v in operands)
    return cx.b.call("where", test, a, b)  # type: ignore[no-any-return]


@numpy_rule(np.clip, np.ndarray.clip)
def clip(
    cx: Any,
    a: Value,
    a_min: Value = NONE,
    a_max: Value = NONE,
    out: Value = NONE,
    *,
    min: Value = NONE,
    max: Value = NONE,
) -> Tensor:
    low, high = (v if w is NONE else w for v, w in ((a_min, min), (a_max, max)))
    bounds = [None if is_none(v) else operand(cx, v) for v in (low, high)]
    if bounds == [None, None]:
        cx.raise_python(ValueError("One of max or min must be given"))
    x = operand(cx, a)
    operands = [x, *(b for b in bounds if b is not None)]
    check_broadcast(cx, *operands)
    dtype = resolve(cx, _clip_dtype(bounds), operands)
    result = tensor_of(cx, x, dtype)
    for bound, apply in zip(bounds, (e.maximum, e.minimum)):
        if bound is not None:
            result = apply(cx, result, tensor_of(cx, bound, dtype))
    # numpy warns that it will be an error one day.
    return _finished(cx, result, out, casting=Static("unsafe"))


def _clip_dtype(bounds: list[Any]) -> Callable[..., Any]:
    def apply(x: Any, *given: Any) -> Any:
        values = list(given)
        low, high = (None if b is None else values.pop(0) for b in bounds)
        return np.clip(x, low, high)

    return apply


@numpy_rule(np.around, np.round_, np.ndarray.round)
def around(cx: Any, a: Value, decimals: Value = Static(0), out: Value = NONE) -> Tensor:
    places = cx.static(decimals, "`decimals`")
    x = tensor_of(cx, v := operand(cx, a), _own_dtype(v))
    if x.dtype == BOOL:
        if places:
            run_numpy(cx, np.round, [], [np.ones(1, bool), places], {})  # which raises
        x = convert(cx, x, "float16")
    if x.dtype.kind != "f":
        if places < 0:
            refuse_out(cx, out=out)
            tens = around(cx, convert(cx, x, "float64"), decimals)
            return as_result(convert(cx, tens.as_kind("array"), x.dtype))
        if isinstance(a, Tensor) and a.dtype == x.dtype and a.ndim:
            return store_out(cx, out, as_array(cx, a))  # the array itself
        return _finished(cx, x, out)
    if places == 0:
        return _finished(cx, e.rint(cx, x), out)
    scale = full(10.0 ** abs(places), x.dtype)
    first, last = ("multiply", "divide") if places > 0 else ("divide", "multiply")
    return _finished(cx, cx.b.call(last, e.rint(cx, cx.b.call(first, x, scale)), scale), out)


@numpy_rule(np.fix)
def fix(cx: Any, x: Value, out: Value = NONE) -> Value:
    return cx.call(Static(np.trunc), [x, out], {})  # type: ignore[no-any-return]


@numpy_rule(np.isclose)
def isclose(
    cx: Any,
    a: Value,
    b: Value,
    rtol: Value = Static(1e-5),
    atol: Value = Static(1e-8),
    equal_nan: Value = FALSE,
) -> Value:
    """``|a − b| <= atol + rtol·|b|``, or both the same infinity, or with ``equal_nan`` both NaN."""

    def call(f: Any, *args: Value) -> Value:
        return cx.call(Static(f), list(args), {})  # type: ignore[no-any-return]

    other = operand(cx, b)
    b = tensor_of(cx, other, resolve(cx, lambda v: np.result_type(v, 1.0), [other]))
    gap = call(np.absolute, call(np.subtract, a, b))
    bound = call(np.add, atol, call(np.multiply, rtol, call(np.absolute, b)))
    close = call(np.logical_and, call(np.less_equal, gap, bound), call(np.isfinite, b))
    close = call(np.logical_or, close, call(np.equal, a, b))
    if cx.static(equal_nan, "`equal_nan`"):
        lost = call(np.logical_and, call(np.isnan, a), call(np.isnan, b))
        close = call(np.logical_or, close, lost)
    return close
