"""What the numpy rules share: constant folding, operands, dtypes, axes, sizes and checks."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import gast
import numpy as np

from astfront.control.endings import Shortened
from astfront.descriptions import describe
from astfront.layouts import fills_buffer
from astfront.rules.registry import Rule, make_rule, rule
from astfront.rules.sizes import of_shape_of
from astfront.values import (
    NONE,
    TRUE,
    Dim,
    List,
    Object,
    Scalar,
    Shape,
    Static,
    Tensor,
    Tuple,
    Value,
)

INT64 = np.dtype("int64")
BOOL = np.dtype("bool")
FLOAT32 = np.dtype("float32")


def numpy_rule(*targets: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a rule for numpy functions and methods, for calls with something staged.

    Where every argument is known while compiling, numpy itself is called.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        inner = make_rule(function)
        for target in dict.fromkeys(targets):
            rule(target)(_folding(inner, target))
        return function

    return register


def _folding(inner: Rule, target: Any) -> Callable[..., Any]:
    def folded(cx: Any, *args: Value, **kwargs: Value) -> Any:
        kwargs = {name: v for name, v in kwargs.items() if not _is_left_out(v)}
        known, (positional, named) = cx.try_all(args, kwargs)
        if known:

            def again(source: Tensor, base: Tensor) -> Value:
                others = {name: base if v is source else v for name, v in kwargs.items()}
                return folded(cx, *(base if v is source else v for v in args), **others)

            sources = [*args, *kwargs.values()]
            return run_numpy(cx, target, sources, positional, named, again)
        return cx.apply_rule(inner, args, kwargs, target)

    folded.__name__ = inner.name
    return folded


def _is_left_out(v: Value) -> bool:
    """Whether it's what numpy's own functions pass for an argument that they weren't given."""
    instance = v.instance if isinstance(v, Object) else getattr(v, "obj", None)
    return instance is np._NoValue  # type: ignore[attr-defined]


def run_numpy(
    cx: Any,
    f: Callable[..., Any],
    sources: Sequence[Value],
    args: Any,
    kwargs: Any,
    again: Callable[[Tensor, Tensor], Value] | None = None,
) -> Value:
    """Call numpy now; what shares memory with an argument is a view of it.

    ``again`` makes the result with another array in the place of a source.
    """
    with np.errstate(all="ignore"):
        result = cx.run_python(f, *args, **kwargs)
    arrays = [s for s in sources if isinstance(s, Tensor) and s.const is not None]
    if not arrays:
        is_whole = isinstance(result, Tensor) and fills_buffer(result.const)
        return cx.lifter.layouts.made(result) if is_whole else result  # type: ignore[no-any-return]
    return _marked(cx, result, arrays, again)


def _marked(
    cx: Any,
    result: Value,
    sources: Sequence[Tensor],
    again: Callable[[Tensor, Tensor], Value] | None,
) -> Value:
    if isinstance(result, Tensor):
        for source in sources:
            if np.may_share_memory(result.const, source.const):  # type: ignore[arg-type]
                of: Any = None if again is None else functools.partial(again, source)
                return source.viewed_as(result, of, result.const.flags.writeable)  # type: ignore[union-attr]
        return result
    if not isinstance(result, Tuple | List):
        return result

    def item(i: int) -> Callable[[Tensor, Tensor], Value] | None:
        if again is None:
            return None
        return lambda source, base: cx.items_of(again(source, base))[i]

    items = cx.items_of(result)
    marked = [_marked(cx, x, sources, item(i)) for i, x in enumerate(items)]
    return (
        Tuple(tuple(marked), result.cls) if isinstance(result, Tuple) else cx.heap.new_list(marked)
    )


# --- operands ----------------------------------------------------------------------------------


def operand(cx: Any, v: Value) -> Tensor | Scalar | Static:
    """An operand of a numpy function: a tensor, or a number that is weakly typed."""
    if isinstance(v, Static) and isinstance(v.obj, bool | int | float | np.generic):
        return v
    if isinstance(v, Scalar):
        return v
    return as_array(cx, v)


def as_array(cx: Any, v: Value) -> Tensor:
    """Anything array-like as an array; a Variable is refused, as numpy can't take it."""
    if isinstance(v, Tensor) and v.kind in ("variable", "either"):
        cx.fail(
            "AF0207",
            f"numpy is given {describe(v)}",
            help="pass its array: `x.array`",
        )
    if isinstance(v, Static) and isinstance(v.obj, range):
        v = Static(tuple(v.obj))
    made: Tensor = cx.as_tensor(v)
    return made


def is_variable(v: Value) -> bool:
    return isinstance(v, Tensor) and v.kind == "variable"


def of_variable(cx: Any, v: Value, method: str, *args: Value) -> Value:
    """A method of a Variable: numpy's functions call it where an object has one of their name."""
    return cx.call(cx.get_attribute(v, method), list(args), {})  # type: ignore[no-any-return]


def rank(v: Tensor | Scalar | Static) -> int:
    return v.ndim if isinstance(v, Tensor) else 0


def shape_of(v: Tensor | Scalar | Static) -> Shape:
    return v.shape if isinstance(v, Tensor) else ()


def tensor_of(cx: Any, v: Tensor | Scalar | Static, dtype: Any) -> Tensor:
    """An operand as a tensor of a dtype, cast as numpy casts it."""
    dtype = np.dtype(dtype)
    if isinstance(v, Static):
        return constant(np.asarray(v.obj).astype(dtype))
    return convert(cx, cx.as_tensor(v), dtype)


def convert(cx: Any, x: Tensor, dtype: Any) -> Tensor:
    """``x.astype(dtype)`` where Relay's cast differs: NaN is true, and float64 to float16."""
    dtype = np.dtype(dtype)
    if x.const is None and dtype == BOOL and x.dtype != BOOL:
        return as_bool(cx, x)
    if x.const is None and x.dtype == np.float64 and dtype == np.float16:
        x = cx.cast(x, FLOAT32)
    made: Tensor = cx.cast(x, dtype)
    return made


def as_bool(cx: Any, x: Tensor) -> Tensor:
    """``x.astype(bool)``: NaN is true."""
    if x.dtype == BOOL:
        return x
    if x.const is not None:
        return constant(x.const.astype(bool))
    zero = constant(np.zeros((), x.dtype))
    made: Tensor = cx.b.call("not_equal", x, zero)
    return made


def constant(array: Any) -> Tensor:
    array = np.asarray(array)
    return Tensor(None, array.shape, array.dtype, "array", const=array)


def full(value: Any, dtype: Any) -> Tensor:
    """A constant of rank 0."""
    return constant(np.asarray(value, dtype))


def as_result(x: Tensor) -> Tensor:
    """numpy gives numpy scalars in place of arrays of rank 0."""
    return x.as_kind("array" if x.ndim else "generic")


def refuse_out(cx: Any, **given: Value) -> None:
    """AF0306 for arguments that only their default is supported of."""
    for name, value in given.items():
        if not (isinstance(value, Static) and value.obj is None):
            cx.fail("AF0306", f"the argument `{name}` isn't supported here")


def store_out(
    cx: Any, out: Value, result: Tensor, where: Value = TRUE, casting: str = "same_kind"
) -> Tensor:
    """``out=``: the result, or with ``where=`` parts of it, goes to an array, under all its names."""
    if isinstance(out, Tuple) and len(out.items) == 1:
        (out,) = out.items
    everywhere = isinstance(where, Static) and where.obj is True
    if isinstance(out, Static) and out.obj is None:
        if not everywhere:
            cx.fail("AF0306", "`where` without `out` leaves numbers undefined", help="np.where()")
        return result
    if not isinstance(out, Tensor) or out.kind != "array":
        raise cx.error("AF0306", f"`out` is {describe(out)}")
    if casting != "unsafe":
        cx.require_same_kind(result.dtype, out.dtype)
    new = convert(cx, result, out.dtype).as_kind("array")
    if not everywhere:
        mask = as_bool(cx, as_array(cx, where))
        check_broadcast(cx, out, new, mask)
        new = cx.b.call("where", mask, new, out)
    if new.shape != out.shape:
        what = f"`out` is {describe(out)}, and the result {describe(result)}"
        new = of_shape_of(cx, new, out, cx.error("AF0306", what))
    new = out.viewed_as(new)
    cx.replace_array(out, new)
    return new


# --- dtypes ------------------------------------------------------------------------------------


def dtype_of(cx: Any, v: Value, default: Any = None) -> np.dtype[Any]:
    """The dtype that an argument ``dtype=`` stands for."""
    obj = cx.static(v, "`dtype`")
    if obj is None:
        return np.dtype(default)
    try:
        dtype = np.dtype(obj)
    except TypeError as e:
        cx.raise_python(e)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        cx.fail("AF0307", f"the dtype {dtype} isn't supported")
    return dtype


# --- shapes, axes and sizes --------------------------------------------------------------------


def broadcast(cx: Any, *shapes: Shape) -> Shape:
    """The shape that operands of these shapes have together.

    Raises numpy's ValueError. Sizes that are staged are compared when the program runs: by TVM
    where all of them are, else see :func:`check_broadcast`.
    """
    ndim = max((len(s) for s in shapes), default=0)
    result: list[Dim] = []
    for axis in range(-ndim, 0):
        dims = [s[axis] for s in shapes if len(s) >= -axis]
        known = {d for d in dims if d not in (1, None)}
        if len(known) > 1:
            text = " ".join(str(s).replace(" ", "").replace("None", "?") for s in shapes)
            cx.raise_python(
                ValueError(f"operands could not be broadcast together with shapes {text} ")
            )
        result.append(known.pop() if known else None if None in dims else 1)
    return tuple(result)


def check_broadcast(
    cx: Any, *tensors: Tensor | Scalar | Static, error: Callable[[str], Exception] = ValueError
) -> Shape:
    """:func:`broadcast` of operands, with a run-time check of staged sizes against known ones.

    TVM has none, where the sizes of the result are known: it would read beyond the operand.
    """
    shapes = [shape_of(t) for t in tensors]
    shape = broadcast(cx, *shapes)
    for t in tensors:
        if not isinstance(t, Tensor):
            continue
        for axis in range(-t.ndim, 0):
            size = shape[axis]
            if t.shape[axis] is None and size is not None:
                n = cx.dim_of(t, axis)
                fits = cx.b.call(
                    "logical_or",
                    cx.compare(gast.Eq(), n, Static(size)),
                    cx.compare(gast.Eq(), n, Static(1)),
                )
                message = "operands could not be broadcast together: a size that is known only "
                message += f"when the program runs is neither {size} nor 1"
                cx.check(Scalar(fits.expr, bool), error(message))
    return shape


def axis_of(cx: Any, axis: Any, ndim: int) -> int:
    """An axis counted from the front; numpy's AxisError where there is none."""
    try:
        i = operator.index(axis)
    except TypeError as e:
        cx.raise_python(e)
    if not -ndim <= i < ndim:
        cx.raise_python(np.AxisError(i, ndim))
    return int(i % ndim)


def axes_of(cx: Any, axis: Any, ndim: int) -> tuple[int, ...]:
    """``None``, an int or a tuple as the axes that it means."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    found = tuple(axis_of(cx, a, ndim) for a in axes)
    if len(set(found)) != len(found):
        cx.raise_python(ValueError("duplicate value in 'axis'"))
    return found


def sizes_of(cx: Any, x: Tensor) -> list[Value]:
    return [cx.dim_of(x, i) for i in range(x.ndim)]


def product(cx: Any, sizes: Sequence[Value]) -> Value:
    total: Value = Static(1)
    for size in sizes:
        total = cx.binary_op(operator.mul, total, size)
    return total


def size_value(cx: Any, v: Value) -> Value:
    """One size: a Static int or a staged one."""
    if isinstance(v, Tensor) and v.ndim == 0 and v.dtype.kind in "iu":
        v = cx.tensor_to_scalar(v)
    if isinstance(v, Scalar) and v.type is int:
        return v
    if isinstance(v, Static) and isinstance(v.obj, int | np.integer):
        return Static(int(v.obj))
    cx.raise_python(TypeError(f"{describe(v)} cannot be interpreted as an integer"))
    return NONE


def shape_values(cx: Any, v: Value) -> list[Value]:
    """A shape argument: an int, or a sequence of ints, some of them staged perhaps."""
    if isinstance(v, Scalar) or (isinstance(v, Static) and not isinstance(v.obj, tuple)):
        return [size_value(cx, v)]
    if isinstance(v, Tensor) and v.ndim == 0:
        return [size_value(cx, v)]
    return [size_value(cx, item) for item in cx.items_of(v)]


def known_sizes(sizes: Sequence[Value]) -> Shape:
    return tuple(s.obj if isinstance(s, Static) else None for s in sizes)


def size_vector(cx: Any, sizes: Sequence[Value]) -> Tensor:
    """Sizes as a tensor of int64, for operators that take a shape at run time."""
    if all(isinstance(s, Static) for s in sizes):
        return constant(np.array([s.obj for s in sizes], INT64))  # type: ignore[attr-defined]
    scalars = [cx.as_tensor(cx.as_scalar(s, int)) for s in sizes]
    made: Tensor = cx.b.call("stack", scalars, axis=0)
    return made


def require_equal(cx: Any, a: Value, b: Value, message: str) -> None:
    """A ValueError, at run time where one of two sizes is staged, unless they are equal."""
    if a is b:
        return
    known = isinstance(a, Static) and isinstance(b, Static)
    cx.check(cx.compare(gast.Eq(), a, b), ValueError(message if known else Shortened(message)))


def broadcast_to(cx: Any, x: Tensor, sizes: Sequence[Value]) -> Tensor:
    """``x`` with these sizes; that they fit is the caller's affair."""
    shape = known_sizes(sizes)
    if x.shape == shape and None not in shape:
        return x
    if x.const is not None and None not in shape:
        return constant(np.broadcast_to(x.const, shape))  # type: ignore[arg-type]
    # Relay takes a size that's unknown for the result's, also where that is 1.
    ones = [wanted == 1 for wanted in shape[len(shape) - x.ndim :]]
    x = cx.b.refine(x, [1 if one else d for d, one in zip(x.shape, ones)])
    if None not in shape:
        made: Tensor = cx.b.call("broadcast_to", x, shape=shape)
        return made
    wide: Tensor = cx.b.call("broadcast_to", x, size_vector(cx, sizes))
    refined: Tensor = cx.b.refine(wide, shape)
    return refined
