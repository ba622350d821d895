"""chainer/functions/array: sequences of several lengths, and padding."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import chainer.functions as F
import gast
import numpy as np
from chainer.functions.array import pad, pad_sequence, transpose_sequence
from chainer.links.rnn.n_step_rnn import permutate_list
from chainer.utils.type_check import InvalidType

from astfront.calls.function_nodes import as_variables
from astfront.containers.grown import FEW_PARTS
from astfront.contents import GrownList, Items
from astfront.descriptions import describe
from astfront.joins.collector import is_ragged
from astfront.joins.leaves import Leaf
from astfront.rules.array.joining import concatenate, stack_arrays
from astfront.rules.registry import node_rule, rule
from astfront.rules.sizes import (
    constant,
    dims_of,
    guarded,
    needs_static,
    same_dim,
    shape_tensor,
    with_dims,
)
from astfront.values import List, Scalar, Static, Tensor, Tuple, Unbound, Value


@node_rule(pad.Pad)
def pad_node(cx: Any, node: Any, x: Tensor) -> Value:
    """Padding with a constant; other modes are compiled from numpy's own description of them."""
    mode, keywords = node.mode, dict(node.keywords)
    if mode != "constant" or set(keywords) - {"constant_values"}:
        return cx.call(Static(np.pad), [x, node.value("pad_width"), Static(mode)],
                       {k: Static(v) for k, v in keywords.items()})  # fmt: skip
    values = keywords.get("constant_values", 0)
    try:
        width = np.broadcast_to(np.asarray(node.pad_width), (x.ndim, 2)).astype(int)
        fill = np.broadcast_to(np.asarray(values), (x.ndim, 2))
    except ValueError as e:
        cx.raise_python(e)
    if (width < 0).any():
        cx.raise_python(ValueError("index can't contain negative values"))
    if not x.ndim:
        return x.copied()
    if (fill == fill.flat[0]).all():
        return pad_constant(cx, x, width, fill.flat[0]).copied()
    for axis in range(x.ndim):
        for side in (0, 1):
            one = np.zeros((x.ndim, 2), int)
            one[axis, side] = width[axis, side]
            x = pad_constant(cx, x, one, fill[axis, side])
    return x.copied()


def pad_constant(cx: Any, x: Tensor, width: np.ndarray, value: Any) -> Tensor:
    if not width.any():
        return x
    pairs = tuple((int(a), int(b)) for a, b in width)
    number = x.dtype.type(value)
    if x.dtype.kind != "f" or not np.isfinite(number):
        return _pad_by_joining(cx, x, pairs, constant(cx, number, x.dtype))
    return cx.call_op("nn.pad", x, pad_width=pairs, pad_value=float(number))  # type: ignore[no-any-return]


def _pad_by_joining(cx: Any, x: Tensor, pairs: Any, fill: Tensor) -> Tensor:
    """For what ``nn.pad``'s double can't say exactly: other dtypes, infinities."""
    for axis, (before, after) in enumerate(pairs):
        parts = [x]
        for width, at in ((before, 0), (after, len(parts) + 1)):
            if width:
                sizes = [Static(width) if i == axis else s for i, s in enumerate(dims_of(cx, x))]
                parts.insert(at, full(cx, sizes, fill))
        x = concatenate(cx, parts, axis)
    return x


def full(cx: Any, sizes: list[Value], fill: Tensor) -> Tensor:
    shape = [s.obj if isinstance(s, Static) else None for s in sizes]
    if None not in shape:
        return cx.call_op("broadcast_to", fill, shape=tuple(shape))  # type: ignore[no-any-return]
    wide = cx.b.call("broadcast_to", fill, shape_tensor(cx, sizes))
    return with_dims(cx, wide, shape)


@node_rule(pad_sequence.PadSequence)
def pad_sequence_node(cx: Any, node: Any, *xs: Tensor) -> Tensor:
    """Each sequence padded to the length of the longest, and all of them stacked."""
    lengths = [cx.dim_of(x, 0) for x in xs]
    length = node.value("length")
    fits = [same_dim(cx, x, d, xs[0], d) for x in xs[1:] for d in range(1, x.ndim)]
    if isinstance(length, Static) and length.obj is None:
        length = functools.reduce(lambda a, b: _maximum(cx, a, b), lengths)
    else:
        fits += [cx.compare(gast.LtE(), n, length) for n in lengths]
    fill = cx.cast(cx.as_tensor(node.value("padding")), xs[0].dtype)

    def compute() -> Tensor:
        return stack_arrays(cx, [_padded(cx, x, length, fill) for x in xs], 0)

    error = InvalidType("the sequences fit", "their sizes differ, or they are longer than length")
    return guarded(cx, fits, error, compute)


def _padded(cx: Any, x: Tensor, length: Value, fill: Tensor) -> Tensor:
    have = cx.dim_of(x, 0)
    if isinstance(have, Static) and isinstance(length, Static):
        missing: Value = Static(length.obj - have.obj)
        if missing.obj == 0:  # type: ignore[attr-defined]
            return x
    else:
        n = cx.b.call("subtract", cx.as_scalar(length, int), cx.as_scalar(have, int))
        missing = Scalar(n.expr, int)
    rest = full(cx, [missing, *dims_of(cx, x)[1:]], fill)
    joined = cx.call_op("concatenate", [x, rest], axis=0)
    size = length.obj if isinstance(length, Static) else None
    return with_dims(cx, joined, [size, *x.shape[1:]])


@rule(F.pad_sequence)
def pad_sequence_rule(
    cx: Any, xs: Value, length: Value = Static(None), padding: Value = Static(0)
) -> Value:
    """Of a number of sequences that is known at run time only."""
    content = cx.heap[xs.cell] if isinstance(xs, List) else None
    if isinstance(content, GrownList) and not isinstance(content.element, Unbound):
        return padded_rows(cx, _arrays(cx, content, "F.pad_sequence"), length, padding)
    return cx.call_python(F.pad_sequence, [xs, length, padding], {})  # type: ignore[no-any-return]


def padded_rows(cx: Any, content: GrownList, length: Value, padding: Value) -> Tensor:
    """One gather of all rows, and of one more that is the padding."""
    leaf: Any = content.element
    rows, lengths = rows_of(cx, content)
    cx.check(cx.is_filled(content), InvalidType("in_types.size() > 0", "0 > 0"))
    longest = cx.call(Static(_longest), [lengths], {})
    if isinstance(length, Static) and length.obj is None:
        length = longest
    else:
        error = InvalidType("in_type.shape[0] <= length", "a sequence is longer than length")
        cx.check(cx.compare(gast.LtE(), longest, length), error)
    fill = cx.cast(cx.as_tensor(padding), leaf.dtype)
    more = full(cx, [Static(1), *map(Static, leaf.shape[1:])], fill)
    rows = cx.b.call("concatenate", [rows, more], axis=0)
    places = cx.call(Static(_padding), [lengths, length], {})
    return cx.b.call("take", rows, places, axis=0, mode="clip")  # type: ignore[no-any-return]


def _longest(lengths: Any) -> Any:
    return int(np.concatenate((lengths, np.zeros(1, "int64"))).max())


def _padding(lengths: Any, length: int) -> Any:
    """For each sequence which row goes to which place; the row after the last is the padding."""
    t = np.arange(length)
    starts = (np.cumsum(lengths) - lengths)[:, np.newaxis]
    return np.where(t < lengths[:, np.newaxis], starts + t, lengths.sum())


def _maximum(cx: Any, a: Value, b: Value) -> Value:
    if isinstance(a, Static) and isinstance(b, Static):
        return Static(max(a.obj, b.obj))
    return Scalar(cx.b.call("maximum", cx.as_scalar(a, int), cx.as_scalar(b, int)).expr, int)


@rule(F.transpose_sequence)
def transpose_sequence_rule(cx: Any, xs: Value) -> Value:
    """Of a number of sequences, or of lengths, that are known at run time only."""
    if isinstance(xs, List | Tuple):
        content = cx.heap[xs.cell] if isinstance(xs, List) else Items(xs.items)
        if _needs_buffers(content):
            return _transposed(cx, _arrays(cx, content, "F.transpose_sequence"))
    return cx.call_python(F.transpose_sequence, [xs], {})  # type: ignore[no-any-return]


def _needs_buffers(content: Any) -> bool:
    if isinstance(content, GrownList):
        return not isinstance(content.element, Unbound)
    return any(isinstance(x, Tensor) and x.ndim > 0 and x.shape[0] is None for x in content.items)


def _arrays(cx: Any, content: Any, function: str) -> GrownList:
    if isinstance(content, Items):
        plain = [cx.as_tensor(x).as_kind("array") for x in content.items]
        content = cx.as_grown(Items(tuple(plain)))
    leaf = content.element
    if not isinstance(leaf, Leaf) or not leaf.shape or None in leaf.shape[1:]:
        cx.fail(
            "AF0306",
            f"{function} of a list of {describe(leaf)}",
            help="pad the sequences, and use F.separate",
        )
    return content  # type: ignore[no-any-return]


def rows_of(cx: Any, content: GrownList) -> tuple[Tensor, Value]:
    """The rows of all items, one after another, and how many each has."""
    leaf: Any = content.element
    rows = cx.b.call("reshape", content.buffers[0], newshape=(-1, *leaf.shape[1:]))
    if is_ragged(leaf):
        column = cx.tuple([Static(slice(None)), Static(1)])
        return rows, cx.get_item(content.buffers[1], column)
    size = cx.tuple([content.length])
    return rows, cx.call(Static(np.full), [size, Static(leaf.shape[0])], {})


def _transposed(cx: Any, content: GrownList) -> Value:
    """One gather of all rows, in the order of the result."""
    leaf: Any = content.element
    rest = leaf.shape[1:]
    data, lengths = rows_of(cx, content)
    known, found = cx.try_static(lengths)
    if known and len(found):
        return as_result(cx, _transposed_rows(cx, data, found.tolist()))
    ordered, places, counts = cx.items_of(cx.call(Static(_order), [lengths], {}))
    # Chainer asks for descending lengths; with others it gives uninitialised memory.
    error = InvalidType("xs[0].shape[0] >= xs[1].shape[0]", "the lengths don't descend")
    cx.check(ordered, error)
    rows = cx.b.call("take", data, places, axis=0, mode="clip")
    extents = cx.call(Static(extents_of), [counts, Static(rest)], {})
    buffers = cx.b.call("reshape", rows, newshape=(-1,)), extents
    element = Leaf((None, *rest), leaf.dtype, "variable")
    return cx.tuple_of_grown(GrownList(element, buffers, cx.dim_of(extents, 0)))  # type: ignore[no-any-return]


def _order(lengths: Any) -> Any:
    """Whether lengths descend, which row of all goes where, and how many go together."""
    longest = np.concatenate((lengths, np.zeros(1, "int64"))).max()
    t = np.arange(longest)[:, np.newaxis]
    there = t < lengths
    places = (np.cumsum(lengths) - lengths + t)[there]
    return bool((lengths[1:] <= lengths[:-1]).all()), places, there.sum(axis=1)


def extents_of(counts: Any, rest: tuple[int, ...]) -> Any:
    starts = (np.cumsum(counts) - counts) * int(np.prod(rest))
    return np.stack((starts, counts, *[np.full_like(counts, size) for size in rest]), axis=1)


@rule(permutate_list)
def permutate_list_rule(cx: Any, lst: Value, indices: Value, inv: Value) -> Value:
    """Of arrays whose number is known at run time only: in a list that's filled one by one, any
    item might be None."""
    content = cx.heap[lst.cell] if isinstance(lst, List) else None
    if not isinstance(content, GrownList) or not isinstance(content.element, Leaf):
        return cx.call_python(permutate_list, [lst, indices, inv], {})  # type: ignore[no-any-return]
    order = cx.call(Static(np.array), [indices], {})
    inverse, is_one = cx.items_of(cx.call(Static(_inverse), [order, content.length], {}))
    cx.check(is_one, ValueError("permutate_list of what isn't a permutation isn't supported"))
    places = inverse if cx.static(inv, "inv") else order
    return List(cx.heap.new(cx.items_at(content, places)))


def _inverse(indices: Any, length: int) -> Any:
    """The inverse of a permutation, and whether it is one, of so many."""
    inverse = np.argsort(indices)
    ordered = indices[inverse] == np.arange(len(indices))
    return inverse, len(indices) == length and bool(ordered.all())


@node_rule(transpose_sequence.TransposeSequence)
def transpose_sequence_node(cx: Any, node: Any, *xs: Tensor) -> tuple[Tensor, ...] | List:
    for x in xs:
        needs_static(cx, x, "F.transpose_sequence", help="pad the sequences, and use F.separate")
    lengths = [x.shape[0] for x in xs]
    return _transposed_rows(cx, concatenate(cx, xs, 0), lengths)  # type: ignore[arg-type]


def _transposed_rows(cx: Any, rows: Tensor, lengths: list[int]) -> tuple[Tensor, ...] | List:
    """``[x[t] for all x that are longer than t]`` for each t, of sequences one after another: one
    gather, and a split."""
    # Chainer asks for descending lengths; with others it gives uninitialised memory.
    if any(a < b for a, b in itertools.pairwise(lengths)):
        cx.raise_python(InvalidType("xs[0].shape[0] >= xs[1].shape[0]", f"lengths {lengths}"))
    if lengths[0] == 0:
        return ()
    _, places, counts = _order(np.array(lengths))
    if len(lengths) > 1:
        rows = cx.call_op("take", rows, constant(cx, places, "int64"), axis=0, mode="clip")
    return in_pieces(cx, rows, counts)


def in_pieces(cx: Any, rows: Tensor, counts: np.ndarray) -> tuple[Tensor, ...] | List:
    """So many rows each; the numbers are known."""
    if len(counts) == 1:
        return (rows,)
    if len(counts) <= FEW_PARTS:
        cuts = np.cumsum(counts)[:-1].tolist()
        return tuple(cx.call_op("split", rows, indices_or_sections=cuts, axis=0))
    return cx.tuple_of_grown(pieces(cx, rows, counts))  # type: ignore[no-any-return]


def as_result(cx: Any, parts: tuple[Tensor, ...] | List) -> Value:
    """What a function of Chainer's gives, whose node gives these."""
    return parts if isinstance(parts, List) else cx.tuple([*map(as_variables, parts)])  # type: ignore[no-any-return]


def pieces(cx: Any, rows: Tensor, counts: np.ndarray) -> GrownList:
    """A list of so many rows each, of what isn't empty; the numbers are known."""
    size: int | None = counts[0]
    rest: Any = rows.shape[1:]
    if (counts == size).all() and 0 not in rest:
        buffers = [cx.call_op("reshape", rows, newshape=(len(counts), size, *rest))]
    else:
        size = None
        flat = cx.call_op("reshape", rows, newshape=(-1,))
        buffers = [flat, constant(cx, extents_of(counts, rest), "int64")]
    element = Leaf((size, *rest), rows.dtype, "variable")
    return GrownList(element, tuple(buffers), Static(len(counts)))
