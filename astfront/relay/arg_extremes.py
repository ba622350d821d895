"""``argmax`` and ``argmin`` as numpy has them: the first of equal elements, or the first NaN.

TVM's compare each element's place, too, as its reductions may take elements in any order. These take
them in order, so that the first stays by itself: in a row of the result, or along the last axis in
lanes, each of which keeps its first. Only what the lanes have found is compared by places.

Importing this module registers the kernels, for the whole process; ``relay/builder.py`` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tvm import te, tir, topi
from tvm.relay.op import op as registry

from astfront.relay.kernels import axes_of, is_float, register, unless_nan, worst

#: The last stage, the reductions before it, and those of them whose last axis is a vector.
TAG = "arg_extreme"
PART = "arg_extreme_part"
LANES = "arg_extreme_lanes"

#: A vector; and four, of rows that are long enough: a comparison waits for the one before it.
_FEWEST_LANES = 16
_MOST_LANES = 64
_LONG = 256

#: An element's place, counted along the axes, and the element.
Pair = Sequence[Any]


def _in_order(a: Pair, b: Pair, largest: bool) -> Pair:
    """The better one of two, of which ``a`` comes first."""
    better = b[1] > a[1] if largest else b[1] < a[1]
    if is_float(b[1]):
        # Neither equal nor worse is NaN too. TVM's simplifier would take the opposite comparison.
        equal_or_worse = b[1] <= a[1] if largest else b[1] >= a[1]
        better = tir.Cast("int8", equal_or_worse).equal(tir.const(0, "int8"))
        better = unless_nan(a[1], better, tir.const(False, "bool"))
    return tir.Select(better, b[0], a[0]), tir.Select(better, b[1], a[1])


def _by_place(a: Pair, b: Pair, largest: bool) -> Pair:
    """The better one of two in any order: the nearer one of equals, and of two NaN."""
    nearer = a[0] < b[0]
    keep = tir.any(a[1] > b[1] if largest else a[1] < b[1], tir.all(a[1].equal(b[1]), nearer))
    index, value = tir.Select(keep, a[0], b[0]), tir.Select(keep, a[1], b[1])
    first = unless_nan(b[1], a[0], tir.Select(nearer, a[0], b[0]))
    return unless_nan(a[1], index, first), unless_nan(a[1], value, a[1])


class _Kernel:
    """The places of the largest (or smallest) elements of ``x`` along axes."""

    def __init__(self, x: Any, axes: list[int], largest: bool) -> None:
        kept = [a for a in range(len(x.shape)) if a not in axes]
        if len(axes) > 1 and all(isinstance(d, tir.IntImm) for d in x.shape):
            # A place is divided where the array is read, which comes to nothing if that's an argument.
            size = math.prod(int(x.shape[a]) for a in axes)
            x = topi.reshape(topi.transpose(x, kept + axes), [*(x.shape[a] for a in kept), size])
            kept, axes = list(range(len(kept))), [len(kept)]
        self.x, self.kept, self.axes, self.largest = x, kept, axes, largest
        self.sizes = [x.shape[a] for a in axes]
        self.shape = [x.shape[a] for a in kept]

    def element(self, index: Sequence[Any], along: Sequence[Any]) -> Pair:
        places = {**dict(zip(self.kept, index)), **dict(zip(self.axes, along))}
        flat: Any = tir.const(0, "int32")
        for size, i in zip(self.sizes, along):
            flat = flat * tir.Cast("int32", size) + tir.Cast("int32", i)
        return flat, self.x(*(places[a] for a in range(len(places))))

    def reduced(
        self, shape: Any, source: Any, axis: Any, combine: Any = _by_place, tag: str = PART
    ) -> Any:
        """A reduction; where nothing is better than the worst that there is, the place is behind all."""
        reducer = te.comm_reducer(
            lambda a, b: combine(a, b, self.largest),
            lambda index, value: (te.max_value(index), worst(value, self.largest)),
            name="arg_extreme",
        )
        return te.compute(shape, lambda *i: reducer(source(*i), axis=axis), name=tag, tag=tag)

    def axes_along(self, last: Any) -> list[Any]:
        """The axes to reduce, with ``last`` in the place of the last one's size."""
        return [te.reduce_axis((0, n), name="k") for n in [*self.sizes[:-1], last]]

    def found(self) -> Callable[..., Pair]:
        """The best, of an index of the result."""
        size, last = self.sizes[-1], self.axes[-1] == len(self.x.shape) - 1
        if not last or (isinstance(size, tir.IntImm) and int(size) < _FEWEST_LANES):
            along = self.axes_along(size)
            best = self.reduced(self.shape, lambda *i: self.element(i, along), along, _in_order)
            return lambda *i: _items(best, i)
        if isinstance(size, tir.IntImm):
            return self.in_known_lanes(int(size))
        return self.in_staged_lanes(size)

    def lanes(self, lanes: int, size: Any) -> Any:
        """The best of each lane; what doesn't fill all lanes is left out."""
        *others, k = along = self.axes_along(tir.indexdiv(size, lanes))

        def source(*index: Any) -> Pair:
            return self.element(index[:-1], [*others, k * lanes + index[-1]])

        return self.reduced([*self.shape, lanes], source, along, _in_order, LANES)

    def in_known_lanes(self, size: int) -> Callable[..., Pair]:
        lanes = _MOST_LANES if size >= _LONG else _FEWEST_LANES
        ways = [self.lanes(lanes, size)]
        if size % lanes:
            # The last ones, of which some are seen twice: an element isn't better than itself.
            others = self.axes_along(1)[:-1]
            k = te.reduce_axis((0, 1), name="k")

            def source(*index: Any) -> Pair:
                return self.element(index[:-1], [*others, k + index[-1] + (size - lanes)])

            axes = [*others, k]
            ways.append(self.reduced([*self.shape, lanes], source, axes, _in_order, LANES))
        return self.of_lanes(lanes, *ways)

    def in_staged_lanes(self, size: Any) -> Callable[..., Pair]:
        main = self.of_lanes(_FEWEST_LANES, self.lanes(_FEWEST_LANES, size))
        left = tir.indexmod(size, _FEWEST_LANES)
        *others, k = along = self.axes_along(left)

        def source(*index: Any) -> Pair:
            return self.element(index, [*others, size - left + k])

        end = self.reduced(self.shape, source, along, _in_order)
        return lambda *i: _by_place(main(*i), _items(end, i), self.largest)

    def of_lanes(self, lanes: int, *ways: Any) -> Callable[..., Pair]:
        """The best of all lanes: of vectors first, then of those of one vector."""
        for width in (_FEWEST_LANES, 4):
            if width < lanes or len(ways) > 1:
                ways = (self.folded(lanes, width, ways),)
                lanes = width
        lane = te.reduce_axis((0, lanes), name="lane")
        best = self.reduced(self.shape, lambda *i: _items(ways[0], (*i, lane)), [lane])
        return lambda *i: _items(best, i)

    def folded(self, lanes: int, width: int, ways: Sequence[Any]) -> Any:
        """The best of the lanes, in fewer of them."""
        part = te.reduce_axis((0, lanes // width), name="part")

        def source(*index: Any) -> Pair:
            at = (*index[:-1], part * width + index[-1])
            first, *others = (_items(way, at) for way in ways)
            return _by_place(first, others[0], self.largest) if others else first

        return self.reduced([*self.shape, width], source, [part], tag=LANES)


def _items(pair: Any, index: Sequence[Any]) -> Pair:
    return [part(*index) for part in pair]


def _compute(largest: bool) -> Callable[..., Any]:
    def compute(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
        x = inputs[0]
        axes, keep = axes_of(attrs, len(x.shape)), bool(attrs.keepdims)
        if attrs.select_last_index:
            of_tvm = topi.argmax if largest else topi.argmin
            return [topi.cast(of_tvm(x, axes, keep, True), output_type.dtype)]
        found = _Kernel(x, axes, largest).found()
        kept = [a for a in range(len(x.shape)) if keep or a not in axes]
        shape = [tir.IntImm("int32", 1) if a in axes else x.shape[a] for a in kept]

        def place(*index: Any) -> Any:
            place, best = found(*(i for i, a in zip(index, kept) if a not in axes))
            # Where nothing is better than the worst that there is, it's the first.
            place = tir.Select(place.equal(te.max_value("int32")), tir.const(0, "int32"), place)
            # Both are read: TVM's scheduler writes a line to stderr about a result that nobody uses.
            return tir.Cast(output_type.dtype, tir.Select(best.equal(best), place, place))

        return [te.compute(shape, place, name=f"{x.op.name}_red", tag=TAG)]

    return compute


for _name, _largest in (("argmax", True), ("argmin", False)):
    register(_name, _compute(_largest), registry._schedule_reduce)
