"""chainer/functions/rnn: what the n-step functions do with sequences that are in one array.

Chainer's loop takes, of its state, the rows of those sequences that are as long, so that all sizes
change from turn to turn. Here each turn takes all rows, and what has ended keeps its state.
"""

from __future__ import annotations

from typing import Any

import chainer.functions as F
import numpy as np
from chainer.functions.rnn import n_step_gru, n_step_lstm, n_step_rnn
from chainer.functions.rnn.n_step_rnn import n_step_rnn_impl

from astfront.contents import GrownList, Items
from astfront.joins.leaves import Leaf
from astfront.rules.array.sequences import (
    as_result,
    extents_of,
    in_pieces,
    padded_rows,
    pieces,
    rows_of,
)
from astfront.rules.registry import rule
from astfront.values import NONE, List, Static, Tensor, Tuple, Value


@rule(n_step_gru._combine_inputs, n_step_lstm._combine_inputs, n_step_rnn._combine_inputs)
def combine_inputs(cx: Any, *arguments: Value) -> Value:
    """Only ChainerX looks at all the arrays in one list."""
    return cx.heap.new_list()  # type: ignore[no-any-return]


@rule(n_step_gru._seperate_inputs, n_step_rnn._seperate_inputs)
def separate_inputs(cx: Any, *arguments: Value) -> Value:
    return cx.tuple([NONE] * 4)  # type: ignore[no-any-return]


@rule(n_step_lstm._seperate_inputs)
def separate_lstm_inputs(cx: Any, *arguments: Value) -> Value:
    return cx.tuple([NONE] * 5)  # type: ignore[no-any-return]


@rule(n_step_rnn_impl)
def n_step_rnn_impl_rule(
    cx: Any, f: Value, n_layers: Value, dropout_ratio: Value, hx: Value, cells: Value,
    ws: Value, bs: Value, xs: Value, use_bi_direction: Value,
) -> Value:  # fmt: skip
    """Of the rows of all sequences at each time."""
    content = _in_buffers(cx, xs)
    arguments = [f, n_layers, dropout_ratio, hx, cells, ws, bs]
    if content is None or not isinstance(hx, Tensor) or _is_broadcast(cx, hx, content):
        return cx.call_python(n_step_rnn_impl, [*arguments, xs, use_bi_direction], {})  # type: ignore[no-any-return]
    batch = cx.dim_of(hx, 1)
    leaf: Any = content.element
    _, counts = rows_of(cx, content)
    if isinstance(batch, Static) and batch.obj == leaf.shape[0]:
        rows, here = content.buffers[0], NONE
    else:
        rows = padded_rows(cx, content, batch, Static(0))
        here = cx.call(Static(_are_there), [counts, batch], {})
    rows = rows.as_kind("variable")
    made = cx.call(Static(_n_step), [*arguments, rows, here, use_bi_direction], {})
    hy, cy, ys = cx.items_of(made)
    return cx.tuple([hy, cy, _apart(cx, ys, here, counts)])  # type: ignore[no-any-return]


def _in_buffers(cx: Any, xs: Value) -> GrownList | None:
    """The rows at each time, where they're in one array, or their numbers differ."""
    content = cx.heap[xs.cell] if isinstance(xs, List) else xs
    if isinstance(content, Items | Tuple):
        arrays = [x for x in content.items if isinstance(x, Tensor) and x.is_static_shape]
        shapes = {x.shape for x in arrays}
        if len(arrays) < len(content.items) or len(shapes) < 2 or len({s[1:] for s in shapes}) > 1:
            return None
        counts = np.array([x.shape[0] for x in arrays])
        return pieces(cx, cx.call_op("concatenate", arrays, axis=0), counts)
    leaf: Any = content.element if isinstance(content, GrownList) else None
    is_rows = isinstance(leaf, Leaf) and len(leaf.shape) == 2 and leaf.shape[1] is not None
    return content if is_rows else None  # type: ignore[return-value]


def _is_broadcast(cx: Any, hx: Tensor, content: GrownList) -> bool:
    """Whether there are fewer states than sequences: some cells take one for all of them."""
    known, counts = cx.try_static(rows_of(cx, content)[1])
    return known and hx.shape[1] is not None and hx.shape[1] < counts.max()


def _are_there(counts: Any, batch: int) -> Any:
    """Which sequences have a row at each time; a column, to stand beside the rows."""
    return (np.arange(batch) < counts[:, np.newaxis])[:, :, np.newaxis]


def _apart(cx: Any, ys: Tensor, here: Value, counts: Value) -> Value:
    """The rows at each time, of those sequences that have one."""
    rows = cx.call_op("reshape", ys, newshape=(-3, 0))
    if here is not NONE:
        places = cx.call(Static(_places), [here], {})
        rows = cx.b.call("take", rows, cx.as_tensor(places), axis=0, mode="clip")
    known, found = cx.try_static(counts)
    if known:
        return as_result(cx, in_pieces(cx, rows, found))
    extents = cx.call(Static(extents_of), [counts, Static(ys.shape[2:])], {})
    flat = cx.b.call("reshape", rows, newshape=(-1,))
    element = Leaf((None, *ys.shape[2:]), ys.dtype, "variable")
    return cx.tuple_of_grown(GrownList(element, (flat, extents), cx.dim_of(extents, 0)))  # type: ignore[no-any-return]


def _places(here: Any) -> Any:
    return np.flatnonzero(here)


def _n_step(
    f: Any, n_layers: int, dropout_ratio: float, hx: Any, cx: Any, ws: Any, bs: Any,
    rows: Any, here: Any, use_bi_direction: bool,
) -> Any:  # fmt: skip
    """``n_step_rnn_impl``, for the rows of all sequences at each time."""
    directions = 2 if use_bi_direction else 1
    hy, cy = [], []
    for layer in range(n_layers):
        ways = []
        for k in range(directions * layer, directions * (layer + 1)):
            xs = rows if layer == 0 else F.dropout(rows, dropout_ratio)
            c = None if cx is None else cx[k]
            backward = k % directions == 1
            h, c, ys = _one_way(f, xs, here, backward, hx[k], c, ws[k], bs[k])
            hy.append(h)
            cy.append(c)
            ways.append(ys)
        rows = F.concat(ways, axis=2)
    return F.stack(hy), None if cx is None else F.stack(cy), rows


def _one_way(f: Any, xs: Any, here: Any, backward: bool, h: Any, c: Any, w: Any, b: Any) -> Any:
    if backward:
        xs = F.flip(xs, 0)
        here = None if here is None else here[::-1]
    ys = []
    for t in range(len(xs)):
        h_next, c_next = f(xs[t], h, c, w, b)
        if here is None:
            h, c = h_next, c_next
        else:
            h = F.where(here[t], h_next, h)
            c = None if c is None else F.where(here[t], c_next, c)
        ys.append(h)
    rows = F.stack(ys)
    return h, c, F.flip(rows, 0) if backward else rows
