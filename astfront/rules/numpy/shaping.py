"""Other shapes of the same elements: reshape, transpose, repeat, pad …"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import gast
import numpy as np

from astfront.control.endings import Shortened
from astfront.descriptions import describe
from astfront.rules.array.shape import axes_of_ones, without_ones
from astfront.rules.numpy.support import (
    INT64,
    as_array,
    axes_of,
    axis_of,
    broadcast,
    check_broadcast,
    constant,
    convert,
    full,
    is_variable,
    known_sizes,
    numpy_rule,
    of_variable,
    product,
    require_equal,
    shape_values,
    size_vector,
    sizes_of,
)
from astfront.rules.numpy.support import (
    broadcast_to as broadcast_tensor,
)
from astfront.rules.sizes import equal, guarded, known_parts
from astfront.values import NONE, Scalar, Static, Tensor, Tuple, Value

_EQ = gast.Eq()


def reshaped(cx: Any, x: Tensor, sizes: Sequence[Value]) -> Tensor:
    """``x.reshape(sizes)``, one of which may be −1; a view."""
    order = [i for i, s in enumerate(sizes) if isinstance(s, Static) and s.obj < 0]
    if len(order) > 1:
        cx.raise_python(ValueError("can only specify one unknown dimension"))
    sizes = list(sizes)
    if order:
        sizes[order[0]] = _missing_size(cx, x, sizes, order[0])
    shape = known_sizes(sizes)
    total, wanted = product(cx, sizes_of(cx, x)), product(cx, sizes)
    shown = "?" if isinstance(total, Scalar) else total.obj  # type: ignore[attr-defined]
    text = ", ".join("?" if d is None else str(d) for d in shape) + ("," if len(shape) == 1 else "")
    message = f"cannot reshape array of size {shown} into shape ({text})"
    error = ValueError(Shortened(message))
    items, known = known_parts(cx, x, sizes) or (0, 1)
    if items != known and (not order or isinstance(wanted, Static) or isinstance(total, Static)):
        require_equal(cx, total, wanted, message)
    if x.shape == shape and None not in shape:
        return x

    def of(base: Tensor) -> Tensor:
        if None not in shape:
            return cx.b.call("reshape", base, newshape=shape, allowzero=True)  # type: ignore[no-any-return]
        if shape.count(None) == 1 and 0 not in shape:
            new = tuple(-1 if d is None else d for d in shape)
            return cx.b.call("reshape", base, newshape=new)  # type: ignore[no-any-return]
        # TVM fails where they don't fit, also where that's been checked.
        fits = [] if items == known else [equal(cx, product(cx, sizes_of(cx, base)), wanted)]
        made = guarded(cx, fits, error, lambda: cx.b.call("reshape", base, size_vector(cx, sizes)))
        return cx.b.refine(made, shape)  # type: ignore[no-any-return]

    return x.viewed_as(_like(x, of(x)), of, in_order=True)


def _missing_size(cx: Any, x: Tensor, sizes: Sequence[Value], place: int) -> Value:
    """What −1 stands for."""
    others = [s for i, s in enumerate(sizes) if i != place]
    rest = product(cx, others)
    total = product(cx, sizes_of(cx, x))
    if isinstance(rest, Static) and isinstance(total, Static):
        if rest.obj == 0 or total.obj % rest.obj:
            text = ",".join(str(d) for d in known_sizes(sizes))
            cx.raise_python(
                ValueError(f"cannot reshape array of size {total.obj} into shape ({text})")
            )
        return Static(total.obj // rest.obj)
    if isinstance(rest, Static) and rest.obj == 1:
        return total
    shown = ",".join("?" if d is None else str(d) for d in known_sizes(sizes))
    error = ValueError(Shortened(f"cannot reshape array of size 0 into shape ({shown})"))
    cx.check(cx.compare(gast.Gt(), rest, Static(0)), error)
    items, known = known_parts(cx, x, others) or (0, 0)
    if items and known and items % known == 0:
        return Static(items // known)
    remainder = cx.binary_op(operator.mod, total, rest)
    require_equal(cx, remainder, Static(0), "cannot reshape: the sizes don't divide the array's")
    return cx.binary_op(operator.floordiv, total, rest)  # type: ignore[no-any-return]


def _like(x: Tensor, made: Tensor) -> Tensor:
    return made.as_kind("array" if x.kind == "generic" else x.kind)


@numpy_rule(np.reshape)
def reshape(cx: Any, a: Value, newshape: Value, order: Value = Static("C")) -> Tensor:
    _refuse_memory_order(cx, order)
    return _reshaped_in(cx, as_array(cx, a), shape_values(cx, newshape), order)


def _refuse_memory_order(cx: Any, order: Value) -> None:
    """numpy's exception for an order that only ``ravel`` and copies have."""
    if isinstance(order, Static) and order.obj == "K":
        cx.raise_python(ValueError("order 'K' is not permitted for reshaping"))


@numpy_rule(np.ndarray.reshape)
def reshape_method(cx: Any, self: Value, *shape: Value, order: Value = Static("C")) -> Tensor:
    _refuse_memory_order(cx, order)
    given = shape[0] if len(shape) == 1 else Tuple(shape)
    return _reshaped_in(cx, as_array(cx, self), shape_values(cx, given), order)


def _reshaped_in(cx: Any, x: Tensor, sizes: Sequence[Value], order: Value) -> Tensor:
    """``x.reshape(sizes, order=order)``."""
    wanted = cx.static(order, "`order`")
    if wanted == "F":
        backwards = reshaped(cx, transposed(cx, x, range(x.ndim)[::-1]), sizes[::-1])
        return transposed(cx, backwards, range(len(sizes))[::-1])
    if wanted not in ("A", "C", "K"):
        cx.fail("AF0306", f"order={wanted!r} isn't supported", help="write order='C' or order='F'")
    if wanted != "C" and x.ndim > 1 and not cx.lifter.layouts.is_in_order(cx.heap, x):
        cx.fail(
            "AF0306",
            f"order={wanted!r} looks at how an array lies in memory",
            help="write order='C' or order='F'",
        )
    return reshaped(cx, x, sizes)


@numpy_rule(np.ravel, np.ndarray.ravel)
def ravel(cx: Any, a: Value, order: Value = Static("C")) -> Tensor:
    x = as_array(cx, a)
    flat = _reshaped_in(cx, x, [Static(-1)], order)
    return x.viewed_in_order() if flat is x else flat


@numpy_rule(np.ndarray.flatten)
def flatten(cx: Any, self: Value, order: Value = Static("C")) -> Tensor:
    flat = ravel(cx, self, order)
    return Tensor(flat.expr, flat.shape, flat.dtype, "array", flat.const)


# --- axes --------------------------------------------------------------------------------------


def _view(x: Tensor, of: Callable[[Tensor], Tensor], writeable: bool = True) -> Tensor:
    return x.viewed_as(_like(x, of(x)), of, writeable)


def transposed(cx: Any, x: Tensor, order: Sequence[int]) -> Tensor:
    if list(order) == list(range(x.ndim)):
        return _like(x, x)
    return _view(x, lambda base: cx.b.call("transpose", base, axes=list(order)))


def _permuted(cx: Any, x: Tensor, axes: Any) -> Tensor:
    if axes is None and x.kind == "generic":
        return x
    if axes is None:
        return transposed(cx, x, list(range(x.ndim))[::-1])
    axes = axes if isinstance(axes, tuple | list) else (axes,)
    if len(axes) != x.ndim:
        cx.raise_python(ValueError("axes don't match array"))
    order = [axis_of(cx, a, x.ndim) for a in axes]
    if len(set(order)) != len(order):
        cx.raise_python(ValueError("repeated axis in transpose"))
    return transposed(cx, x, order)


@numpy_rule(np.transpose)
def transpose(cx: Any, a: Value, axes: Value = NONE) -> Value:
    if is_variable(a):
        return of_variable(cx, a, "transpose", axes)
    return _permuted(cx, as_array(cx, a), cx.static(axes, "`axes`"))


@numpy_rule(np.ndarray.transpose)
def transpose_method(cx: Any, self: Value, *axes: Value) -> Tensor:
    given = [cx.static(a, "`axes`") for a in axes]
    if len(given) == 1 and (given[0] is None or isinstance(given[0], tuple | list)):
        return _permuted(cx, as_array(cx, self), given[0])
    return _permuted(cx, as_array(cx, self), given or None)


@numpy_rule(np.swapaxes, np.ndarray.swapaxes)
def swapaxes(cx: Any, a: Value, axis1: Value, axis2: Value) -> Tensor:
    x = as_array(cx, a)
    i, j = (axis_of(cx, cx.static(v, "an axis"), x.ndim) for v in (axis1, axis2))
    order = list(range(x.ndim))
    order[i], order[j] = j, i
    return transposed(cx, x, order)


@numpy_rule(np.moveaxis)
def moveaxis(cx: Any, a: Value, source: Value, destination: Value) -> Value:
    x = cx.as_tensor(a) if is_variable(a) else as_array(cx, a)
    sources = axes_of(cx, cx.static(source, "`source`"), x.ndim)
    targets = axes_of(cx, cx.static(destination, "`destination`"), x.ndim)
    if len(sources) != len(targets):
        cx.raise_python(
            ValueError("`source` and `destination` arguments must have the same number of elements")
        )
    order = [i for i in range(x.ndim) if i not in sources]
    for target, source_axis in sorted(zip(targets, sources)):
        order.insert(target, source_axis)
    if is_variable(a):
        return of_variable(cx, a, "transpose", Static(tuple(order)))
    return transposed(cx, x, order)


@numpy_rule(np.rollaxis)
def rollaxis(cx: Any, a: Value, axis: Value, start: Value = Static(0)) -> Tensor:
    x = as_array(cx, a)
    numbered = np.empty(range(2, 2 + x.ndim))
    dummy = cx.run_python(np.rollaxis, numbered, cx.static(axis), cx.static(start))
    return transposed(cx, x, [d - 2 for d in dummy.shape])


@numpy_rule(np.expand_dims)
def expand_dims(cx: Any, a: Value, axis: Value) -> Tensor:
    x = as_array(cx, a)
    given = cx.static(axis, "`axis`")
    axes = axes_of(cx, given, x.ndim + (len(given) if isinstance(given, tuple | list) else 1))

    def of(made: Tensor) -> Tensor:
        for place in sorted(axes):
            made = cx.b.call("expand_dims", made, axis=place)
        return made

    return _view(x, of)


def _at_least(ndim: int) -> Callable[..., Any]:
    def apply(cx: Any, *arys: Value) -> Any:
        results = []
        for v in arys:
            x = as_array(cx, v)
            shape = np.empty((2,) * x.ndim)
            wide = {1: np.atleast_1d, 2: np.atleast_2d, 3: np.atleast_3d}[ndim](shape).shape
            sizes = iter(sizes_of(cx, x))
            results.append(reshaped(cx, x, [Static(1) if d == 1 else next(sizes) for d in wide]))
        return results[0] if len(results) == 1 else results

    return apply


numpy_rule(np.atleast_1d)(_at_least(1))
numpy_rule(np.atleast_2d)(_at_least(2))
numpy_rule(np.atleast_3d)(_at_least(3))


@numpy_rule(np.squeeze, np.ndarray.squeeze)
def squeeze(cx: Any, a: Value, axis: Value = NONE) -> Value:
    x = as_array(cx, a)
    given = cx.static(axis, "`axis`")
    message = "cannot select an axis to squeeze out which has size not equal to one"
    if given is None:
        if not x.is_static_shape:
            ones = Static(axes_of_ones(x))
            return cx.call_function_object(without_ones, x, ones, Static(np.squeeze))  # type: ignore[no-any-return]
        axes: Sequence[int] = [i for i, d in enumerate(x.shape) if d == 1]
    else:
        axes = axes_of(cx, given, x.ndim)
    if not axes:
        return x

    def squeezed(base: Tensor) -> Tensor:
        made: Tensor = cx.b.call("squeeze", base, axis=list(axes))
        return made

    fits = [equal(cx, cx.dim_of(x, i), Static(1)) for i in axes]
    made = guarded(cx, fits, ValueError(message), lambda: squeezed(x))
    return x.viewed_as(_like(x, made), squeezed)


# --- more of the same --------------------------------------------------------------------------


@numpy_rule(np.broadcast_to)
def broadcast_to(cx: Any, array: Value, shape: Value) -> Tensor:
    x = as_array(cx, array)
    sizes = shape_values(cx, shape)
    target = known_sizes(sizes)
    if x.ndim > len(sizes):
        cx.raise_python(
            ValueError("input operand has more dimensions than allowed by the axis remapping")
        )
    for axis in range(-x.ndim, 0):
        size, wanted = x.shape[axis], target[axis]
        if size == 1:
            continue
        if size is not None and wanted is not None and size != wanted:
            cx.raise_python(
                ValueError(
                    "operands could not be broadcast together with remapped shapes "
                    f"[original->remapped]: {x.shape} and requested shape {target}"
                )
            )
        if size is None or wanted is None:
            same = cx.b.call(
                "logical_or",
                cx.compare(_EQ, cx.dim_of(x, axis), sizes[axis]),
                cx.compare(_EQ, cx.dim_of(x, axis), Static(1)),
            ) if size is None else cx.compare(_EQ, sizes[axis], Static(size))  # fmt: skip
            ok = same if isinstance(same, Scalar) else Scalar(same.expr, bool)
            cx.check(ok, ValueError("operands could not be broadcast together"))
    return _view(x, lambda base: broadcast_tensor(cx, base, sizes), writeable=False)


@numpy_rule(np.broadcast_arrays)
def broadcast_arrays(cx: Any, *args: Value) -> list[Tensor]:
    arrays = [as_array(cx, a) for a in args]
    shape = check_broadcast(cx, *arrays)
    sizes: list[Value] = [Static(d) for d in shape]
    if None in shape:
        shapes = [cx.get_attribute(x, "shape") for x in arrays]
        sizes = cx.items_of(cx.call(Static(_common_shape), shapes, {}))
    return [x.viewed_as(broadcast_tensor(cx, x, sizes)) for x in arrays]


def _common_shape(*shapes: Any) -> Any:
    """What these shapes are broadcast to."""
    ndim = max(len(s) for s in shapes)
    sizes = []
    for axis in range(-ndim, 0):
        size = 1
        for shape in shapes:
            if len(shape) >= -axis:
                if size != 1 and shape[axis] != 1 and shape[axis] != size:
                    raise ValueError(
                        "shape mismatch: objects cannot be broadcast to a single shape"
                    )
                size = shape[axis] if size == 1 else size
        sizes.append(size)
    return tuple(sizes)


@numpy_rule(np.repeat, np.ndarray.repeat)
def repeat(cx: Any, a: Value, repeats: Value, axis: Value = NONE) -> Tensor:
    x = as_array(cx, a)
    given = cx.static(axis, "`axis`")
    if given is None or not x.ndim:
        x = reshaped(cx, x, [Static(-1)])
    along = 0 if given is None else axis_of(cx, given, x.ndim)
    known, times = cx.try_static(repeats)
    if not known:
        if isinstance(repeats, Scalar) or (isinstance(repeats, Tensor) and repeats.ndim == 0):
            return _repeat_staged(cx, x, shape_values(cx, repeats)[0], along)
        staged = as_array(cx, repeats)
        if staged.ndim != 1 or not np.can_cast(staged.dtype, np.int64):
            cx.fail("AF0306", f"repeat by {describe(repeats)} isn't supported")
        return cx.call(Static(_repeat_each), [x, staged, Static(along)], {})  # type: ignore[no-any-return]
    counts = np.asarray(times)
    if counts.size != 1:
        size = x.shape[along]
        if size is None:
            return cx.call(Static(_repeat_each), [x, Static(counts), Static(along)], {})  # type: ignore[no-any-return]
        if counts.shape != (size,):
            cx.raise_python(
                ValueError(
                    f"operands could not be broadcast together with shape ({size},) {counts.shape}"
                )
            )
        places = np.repeat(np.arange(size), counts)
        return cx.b.call("take", x, constant(places), axis=along, mode="clip")  # type: ignore[no-any-return]
    count = int(counts.item())
    if count < 0:
        cx.raise_python(ValueError("repeats may not contain negative values."))
    if count == 0 or x.shape[along] == 0:
        shape: Any = [0 if i == along else d for i, d in enumerate(x.shape)]
        if None in shape:
            none = Static((slice(None),) * along + (slice(0, 0),))
            return cx.call(Static(np.copy), [cx.get_item(x, none)], {})  # type: ignore[no-any-return]
        return constant(np.zeros(shape, x.dtype))
    return cx.b.call("repeat", x, repeats=count, axis=along)  # type: ignore[no-any-return]


def _repeat_each(x: Any, counts: Any, axis: int) -> Any:
    """``np.repeat`` by counts: each item of the result is taken from its place."""
    if len(counts) == 1:
        return np.repeat(x, counts[0], axis)
    size = x.shape[axis]
    if len(counts) != size:
        raise ValueError(
            f"operands could not be broadcast together with shape ({size},) ({len(counts)},)"
        )
    if np.any(counts < 0):
        raise ValueError("repeats may not contain negative values.")
    ends = np.cumsum(counts)
    places = np.searchsorted(ends, np.arange(np.sum(counts)), side="right")
    return np.take(x, places, axis=axis)


def _repeat_staged(cx: Any, x: Tensor, times: Value, axis: int) -> Tensor:
    """Through an axis of its own that is broadcast."""
    wide = cx.b.call("expand_dims", x, axis=axis + 1)
    sizes = sizes_of(cx, x)
    wide = broadcast_tensor(cx, wide, [*sizes[: axis + 1], times, *sizes[axis + 1 :]])
    merged = cx.binary_op(operator.mul, sizes[axis], times)
    return reshaped(cx, wide, [*sizes[:axis], merged, *sizes[axis + 1 :]])


@numpy_rule(np.tile)
def tile(cx: Any, A: Value, reps: Value) -> Tensor:
    x = as_array(cx, A)
    times = shape_values(cx, reps)
    missing = x.ndim - len(times)
    times = [Static(1)] * missing + times
    if missing < 0:
        x = cx.b.call("expand_dims", x, axis=0, num_newaxis=-missing)
    for axis, count in enumerate(times):
        if isinstance(count, Static) and count.obj == 1:
            continue
        wide = cx.b.call("expand_dims", x, axis=axis)
        sizes = sizes_of(cx, x)
        wide = broadcast_tensor(cx, wide, [*sizes[:axis], count, *sizes[axis:]])
        merged = cx.binary_op(operator.mul, sizes[axis], count)
        x = reshaped(cx, wide, [*sizes[:axis], merged, *sizes[axis + 1 :]])
    return Tensor(x.expr, x.shape, x.dtype, "array", x.const)


# --- order along axes --------------------------------------------------------------------------


@numpy_rule(np.flip)
def flip(cx: Any, m: Value, axis: Value = NONE) -> Value:
    x = as_array(cx, m)
    axes = axes_of(cx, cx.static(axis, "`axis`"), x.ndim)
    index = tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))
    return cx.get_item(x, Static(index))  # type: ignore[no-any-return]


@numpy_rule(np.flipud)
def flipud(cx: Any, m: Value) -> Value:
    return flip(cx, m, Static(0))


@numpy_rule(np.fliplr)
def fliplr(cx: Any, m: Value) -> Value:
    return flip(cx, m, Static(1))


@numpy_rule(np.roll)
def roll(cx: Any, a: Value, shift: Value, axis: Value = NONE) -> Tensor:
    x = as_array(cx, a)
    given = cx.static(axis, "`axis`")
    if given is None:
        flat = roll(cx, reshaped(cx, x, [Static(-1)]), shift, Static(0))
        return reshaped(cx, flat, sizes_of(cx, x))
    axes = given if isinstance(given, tuple | list) else (given,)
    shifts = shape_values(cx, shift)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    for one, by in zip(axes, shifts):
        along = axis_of(cx, one, x.ndim)
        size = x.shape[along]
        if size is None or not isinstance(by, Static):
            x = _roll_staged(cx, x, by, along)
        elif size and by.obj % size:
            places = np.roll(np.arange(size), by.obj)
            x = cx.b.call("take", x, constant(places), axis=along, mode="clip")
    return Tensor(x.expr, x.shape, x.dtype, "array", x.const)


def _roll_staged(cx: Any, x: Tensor, by: Value, axis: int) -> Tensor:
    size = cx.dim_of(x, axis)
    places = cx.call(Static(np.arange), [size], {})
    moved = cx.call(Static(np.subtract), [places, by], {})
    wrapped = cx.call(Static(np.remainder), [moved, size], {})
    return cx.b.call("take", x, wrapped, axis=axis, mode="clip")  # type: ignore[no-any-return]


__all__ = ["INT64", "broadcast", "convert", "full", "reshaped", "transposed"]


def array_and_axis(cx: Any, a: Value, axis: Value) -> tuple[Tensor, int]:
    """The array and the axis; for ``axis=None`` the flat array."""
    x = as_array(cx, a)
    given = cx.static(axis, "`axis`")
    if given is None:
        return reshaped(cx, x, [Static(-1)]), 0
    return x, axis_of(cx, given, x.ndim)
