"""chainer/functions/rnn: the cells. The n-step functions are Python that calls them."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chainer.functions.rnn import lstm, slstm, tree_lstm
from chainer.utils import type_check

from astfront.rules.array.shape import reshape_to
from astfront.rules.nodes import (
    invalid_type,
    require_equal_dims,
    require_floats,
    require_same_shape,
)
from astfront.rules.registry import node_rule
from astfront.rules.sizes import dims_of, equal, guarded, slice_axis
from astfront.values import Scalar, Static, Tensor, Tuple, Value


def _sum_of_products(cx: Any, *pairs: tuple[Tensor, Tensor]) -> Tensor:
    first, *rest = (cx.call_op("multiply", a, b) for a, b in pairs)
    total: Tensor = first
    for product in rest:
        total = cx.call_op("add", total, product)
    return total


def _sigmoid(cx: Any, x: Tensor) -> Tensor:
    result: Tensor = cx.call_op("sigmoid", x)
    return result


def _tanh(cx: Any, x: Tensor) -> Tensor:
    result: Tensor = cx.call_op("tanh", x)
    return result


def _interleaved_gates(cx: Any, x: Tensor, c: Tensor) -> list[Tensor]:
    """a, i, f, o of chainer's LSTMs: channel 4 * unit + gate."""
    size, units = x.shape[1], c.shape[1]
    if size is None or units is None:
        return cx.items_of(_of_staged_units(cx, x, c, 4, _interleaved))  # type: ignore[no-any-return]
    if size != 4 * units:
        invalid_type(cx, "x.shape[1] == 4 * c.shape[1]", f"{size} != {4 * units}")
    if x.shape[0] is None:
        # Relay's strided_slice by axis wants known sizes, so the gates get an axis of their own.
        return list(_interleaved(cx, x, Static(units), 4))
    return [
        cx.call_op("strided_slice", x, begin=(k,), end=(size,), strides=(4,), axes=(1,))
        for k in range(4)
    ]


def _of_staged_units(
    cx: Any, x: Tensor, c: Tensor, gates: int, parts: Callable[..., Iterable[Tensor]]
) -> Tuple:
    """The gates of which ``x`` has so many for each unit of ``c``; InvalidType where it hasn't."""
    units = cx.dim_of(c, 1)
    wanted = cx.binary_op(operator.mul, units, Static(gates))
    fits = equal(cx, cx.dim_of(x, 1), wanted)
    error = type_check.InvalidType(f"x.shape[1] == {gates} * c.shape[1]", "it isn't")
    return guarded(cx, [fits], error, lambda: Tuple(tuple(parts(cx, x, units, gates))))


def _interleaved(cx: Any, x: Tensor, units: Value, gates: int) -> Iterator[Tensor]:
    batch, _, *rest = dims_of(cx, x)
    apart = reshape_to(cx, x, [batch, units, Static(gates), *rest])
    for k in range(gates):
        yield cx.call_op("take", apart, cx.as_tensor(Static(k)), axis=2, mode="clip")


def _one_after_another(cx: Any, x: Tensor, units: Value, gates: int) -> Iterator[Tensor]:
    places = [cx.binary_op(operator.mul, units, Static(k)) for k in range(gates + 1)]
    for start, stop in itertools.pairwise(places):
        yield slice_axis(cx, x, 1, start, stop)


def _require_rest(cx: Any, x: Tensor, c: Tensor) -> None:
    if x.ndim != c.ndim or x.ndim < 2:
        invalid_type(cx, "c.ndim == x.ndim >= 2", f"{c.ndim}, {x.ndim}")
    for axis in range(2, x.ndim):
        require_equal_dims(cx, x, axis, c, axis)


@node_rule(lstm.LSTM)
def lstm_(cx: Any, node: Any, c: Tensor, x: Tensor) -> Any:
    """The cell and the output; a shorter batch leaves the cells past its end as they are."""
    require_floats(cx, c, x)
    _require_rest(cx, x, c)
    gates = _interleaved_gates(cx, x, c)
    n, batch = c.shape[0], x.shape[0]
    if n is not None and n == batch:
        return _lstm_step(cx, c, gates)
    if n is not None and batch is not None:
        if batch > n:
            invalid_type(cx, "x.shape[0] <= c.shape[0]", f"{batch} > {n}")
        return _shorter_step(cx, c, gates, Static(n), Static(batch))
    total, size = (cx.as_scalar(cx.dim_of(v, 0), int) for v in (c, x))
    same = Scalar(cx.b.call("equal", size, total).expr, bool)

    def shorter() -> Value:
        return Tuple(_shorter_step(cx, c, gates, total, size))

    def not_same() -> Value:
        if not cx.checks:
            return shorter()
        fits = Scalar(cx.b.call("less_equal", size, total).expr, bool)
        wrong = type_check.InvalidType("x.shape[0] <= c.shape[0]", "it is greater")
        return cx.stage_if(fits, shorter, lambda: cx.diverge(wrong))  # type: ignore[no-any-return]

    return cx.stage_if(same, lambda: Tuple(_lstm_step(cx, c, gates)), not_same)


def _lstm_step(cx: Any, c: Tensor, gates: list[Tensor]) -> tuple[Tensor, Tensor]:
    a, i, f, o = gates
    update = (_tanh(cx, a), _sigmoid(cx, i))
    c_next = _sum_of_products(cx, update, (_sigmoid(cx, f), c))
    h: Tensor = cx.call_op("multiply", _sigmoid(cx, o), _tanh(cx, c_next))
    return c_next, h


def _shorter_step(
    cx: Any, c: Tensor, gates: list[Tensor], total: Value, batch: Value
) -> tuple[Tensor, Tensor]:
    head = slice_axis(cx, c, 0, Static(0), batch)
    tail = slice_axis(cx, c, 0, batch, total)
    c_head, h = _lstm_step(cx, head, gates)
    return cx.call_op("concatenate", [c_head, tail], axis=0), h


@node_rule(slstm.SLSTM)
def slstm_(cx: Any, node: Any, c1: Tensor, c2: Tensor, x1: Tensor, x2: Tensor) -> Any:
    require_floats(cx, c1, c2, x1, x2)
    for c, x in ((c1, x1), (c2, x2)):
        _require_rest(cx, x, c)
        require_equal_dims(cx, c, 0, x, 0)
    require_same_shape(cx, c1, c2)
    a1, i1, f1, o1 = _interleaved_gates(cx, x1, c1)
    a2, i2, f2, o2 = _interleaved_gates(cx, x2, c2)
    c_next = _sum_of_products(
        cx,
        (_tanh(cx, a1), _sigmoid(cx, i1)),
        (_tanh(cx, a2), _sigmoid(cx, i2)),
        (_sigmoid(cx, f1), c1),
        (_sigmoid(cx, f2), c2),
    )
    o = _sigmoid(cx, cx.call_op("add", o1, o2))
    return c_next, cx.call_op("multiply", o, _tanh(cx, c_next))


@node_rule(tree_lstm.TreeLSTM)
def tree_lstm_(cx: Any, node: Any, *inputs: Tensor) -> Any:
    """The gates stand one after another: a, i, o, and a forget gate for each child."""
    *cells, x = inputs
    require_floats(cx, *inputs)
    if not cells:
        invalid_type(cx, "in_types.size() >= 2", f"{len(inputs)} < 2")
    n = 3 + len(cells)
    for c in cells:
        _require_rest(cx, x, c)
        require_equal_dims(cx, c, 0, x, 0)
        sizes = x.shape[1], c.shape[1]
        if None not in sizes and x.shape[1] != n * (c.shape[1] or 0):
            invalid_type(cx, f"x.shape[1] == {n} * c.shape[1]", f"{x.shape[1]}, {c.shape[1]}")
    if None in (x.shape[1], *(c.shape[1] for c in cells)):
        parts = [_of_staged_units(cx, x, c, n, _one_after_another) for c in cells]
        a, i, o, *fs = cx.items_of(parts[0])
    else:
        a, i, o, *fs = cx.call_op("split", x, indices_or_sections=n, axis=1)
    pairs = [(_sigmoid(cx, f), c) for f, c in zip(fs, cells)]
    c_next = _sum_of_products(cx, (_tanh(cx, a), _sigmoid(cx, i)), *pairs)
    node.set("c", c_next)
    return c_next, cx.call_op("multiply", _sigmoid(cx, o), _tanh(cx, c_next))
