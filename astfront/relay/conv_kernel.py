"""One kernel for convolutions of float32 whose batch, height or width may be staged.

TVM's tiles are divisors of the sizes; here no size but those of the weights need be known. Each channel
is copied with its padding, as a *plane* whose rows follow each other; with strides, as one for each
phase that the kernel meets. The result at all places of a plane, those behind the rows' ends too, is
then a sum of products of weights with parts of planes that are shifted by the kernel's taps: vectors go
along the plane, across rows. A tile of registers is a few output channels times a few vectors.

The weights are packed as ``[group and block, input channel, tap, output channel of the block]``, with
zeros up to a whole block. A *strip* of places is computed for some blocks by one thread: what it reads
of the planes stays in the second cache, and the weights of a block are read once for a strip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import te, tir

from astfront.relay.tiles import OUTER, Kernel, known_int, span, zero

#: Floats of the planes that a strip reads, and of the planes that are made at a time.
_STRIP, _ROUND = 1 << 16, 1 << 18

#: Tiles in a strip: so many that what's left over doesn't count, or that a row's sums stay near.
_FEWEST_TILES, _MOST_TILES = 2, 21

#: Output channels that a thread computes of a strip, so that small images are worth several threads.
_PART = 32


@dataclass(frozen=True)
class Convolution:
    """What is known while compiling. The padding at the end follows from the size of the result."""

    outputs: int
    inputs: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    begin: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def group_outputs(self) -> int:
        return self.outputs // self.groups

    @property
    def group_inputs(self) -> int:
        return self.inputs // self.groups

    def phases(self, axis: int) -> int:
        """How many phases of the input along an axis the kernel may meet."""
        step, count = self.strides[axis], self.kernel[axis]
        return 1 + max(i * self.dilation[axis] % step for i in range(count))

    def reach(self, axis: int) -> int:
        """How far the kernel's last tap is from its first, in a phase."""
        return (self.kernel[axis] - 1) * self.dilation[axis] // self.strides[axis]


def block_width(outputs: int, lanes: int) -> int:
    """How many output channels of a group are computed together."""
    return min(outputs, 8 if lanes == 16 else 4)


def packed_shape(conv: Convolution, lanes: int) -> tuple[int, int, int, int]:
    width = block_width(conv.group_outputs, lanes)
    blocks = -(-conv.group_outputs // width)
    return conv.groups * blocks, conv.group_inputs, conv.taps, width


def pack(weight: np.ndarray[Any, Any], conv: Convolution, lanes: int) -> np.ndarray[Any, Any]:
    """``OIHW`` as ``[group and block, input channel, tap, output channel]``."""
    blocks, inputs, taps, width = packed_shape(conv, lanes)
    each = blocks // conv.groups
    padded = np.zeros((conv.groups, each * width, inputs, taps), weight.dtype)
    padded[:, : conv.group_outputs] = weight.reshape(conv.groups, -1, inputs, taps)
    apart = padded.reshape(conv.groups * each, width, inputs, taps)
    return np.ascontiguousarray(apart.transpose(0, 2, 3, 1))


def convolution_kernel(x: Any, w: Any, out: Any, conv: Convolution, lanes: int) -> Any:
    """``w`` is packed, or ``OIHW`` and packed at each call."""
    return _Writer(x, w, out, conv, lanes).write()


class _Writer:
    """Writes out a convolution's loops. Sizes are ints where they're known, or expressions."""

    def __init__(self, x: Any, w: Any, out: Any, conv: Convolution, lanes: int) -> None:
        self.conv = conv
        self.kernel = Kernel(lanes)
        self.ib, self.named = self.kernel.ib, self.kernel.named
        self.x, self.w, self.out = (self.ib.buffer_ptr(t) for t in (x, w, out))
        shape = packed_shape(conv, lanes)
        self.is_packed = [int(d) for d in w.shape] == list(shape)
        self.lanes = lanes
        self.blocks, self.width = shape[0] // conv.groups, shape[3]
        self.vectors = 3 if self.width > 4 or lanes < 16 else 4
        self.tile = self.vectors * lanes
        reads = conv.group_inputs * min(conv.kernel[0], 3)
        tiles = min(_MOST_TILES, max(_FEWEST_TILES, _STRIP // (reads * self.tile)))
        self.strip = tiles * self.tile
        self.batch, _, self.height, self.columns = _sizes(x)
        _, _, self.out_height, self.out_columns = _sizes(out)

    def write(self) -> Any:
        conv, ib, named = self.conv, self.ib, self.named
        if not self.is_packed:
            self._pack()
        row, rows = self.out_columns + conv.reach(1), self.out_height + conv.reach(0)
        # Tiles read beyond the last place. The vectors of a plane are odd in number: those of planes
        # whose sizes are powers of two would meet in the caches' sets.
        phase = _ceil_div(rows * row + self.lanes, 2 * self.lanes) * (2 * self.lanes)
        plane = phase * (conv.phases(0) * conv.phases(1)) + self.lanes
        # So many images at a time. Variables aren't known yet where memory is asked for.
        images = te.max(1, te.min(self.batch, tir.truncdiv(_ROUND, plane * conv.inputs)))
        size = images * (plane * conv.inputs)
        self.planes = ib.allocate("float32", (size,), name="planes", scope="global")
        self.row, self.rows, self.phase = (
            named("row", row),
            named("rows", rows),
            named("phase", phase),
        )
        self.plane, images = named("plane", plane), named("images", images)
        self.places = named("places", (self.out_height - 1) * self.row + self.out_columns)
        self.strips = named("strips", _ceil_div(self.places, self.strip))
        with ib.for_range(0, tir.truncdiv(self.batch + images - 1, images), name="round") as r:
            first = named("first", r * images)
            self._round(first, named("count", te.min(images, self.batch - first)))
        return self.kernel.get()

    def _round(self, first: Any, count: Any) -> None:
        """So many images, from the first one on."""
        conv, named = self.conv, self.named
        blocks = min(self.blocks, max(1, _PART // self.width))
        parts = -(-self.blocks // blocks)

        def copy(number: Any) -> None:
            image = named("image", first + tir.truncdiv(number, conv.inputs))
            channel = named("channel", tir.truncmod(number, conv.inputs))
            self._copy(image, channel, named("to", number * self.plane))

        def compute(task: Any) -> None:
            strip = named("strip", tir.truncdiv(task, parts))
            start = named("start", tir.truncmod(strip, self.strips) * self.strip)
            group = named("group", tir.truncdiv(strip, self.strips))
            self._strip(first, group, start, tir.truncmod(task, parts) * blocks, blocks)

        self.kernel.loop(count * conv.inputs, copy, name="number", kind=OUTER)
        tasks = count * self.strips * (conv.groups * parts)
        self.kernel.loop(tasks, compute, name="task", kind=OUTER)

    # --- what is copied ------------------------------------------------------------------------

    def _pack(self) -> None:
        ib, conv, named = self.ib, self.conv, self.named
        shape = packed_shape(conv, self.lanes)
        weights, packed = self.w, ib.allocate("float32", shape, name="packed", scope="global")

        def pack_block(block: Any) -> None:
            group = named("group", tir.truncdiv(block, self.blocks))
            first = named("first", tir.truncmod(block, self.blocks) * self.width)
            with (
                ib.for_range(0, conv.group_inputs, name="c") as c,
                ib.for_range(0, conv.kernel[0], name="i") as i,
                ib.for_range(0, conv.kernel[1], name="j") as j,
                ib.for_range(0, self.width, name="o") as o,
            ):
                own = weights[group * conv.group_outputs + first + o, c, i, j]
                tap = i * conv.kernel[1] + j
                packed[block, c, tap, o] = tir.if_then_else(
                    first + o < conv.group_outputs, own, zero(1)
                )

        self.kernel.loop(shape[0], pack_block, name="block", kind=OUTER)
        self.w = packed

    def _copy(self, image: Any, channel: Any, to: Any) -> None:
        """Copy a channel of an image, phase by phase, with zeros around it."""
        ib, conv, named = self.ib, self.conv, self.named
        across, step = conv.phases(1), conv.strides[1]

        def copy_phase(phase: Any) -> None:
            down, right = (phase, 0) if across == 1 else _div_mod(phase, across)
            left = right - conv.begin[1]
            # The columns j of a row with 0 <= j * step + left < columns.
            first = named("first", te.min(self.row, te.max(0, _ceil_div(-left, step))))
            last = _ceil_div(self.columns - left, step)
            last = named("last", te.min(self.row, te.max(first, last)))
            with ib.for_range(0, self.rows, name="i") as i:
                at = named("at", to + phase * self.phase + i * self.row)
                y = named("y", i * conv.strides[0] + (down - conv.begin[0]))
                inside = tir.all(y >= 0, y < self.height)
                begin = named("begin", tir.if_then_else(inside, first, self.row))
                end = named("end", tir.if_then_else(inside, last, self.row))
                with ib.for_range(0, begin, name="j") as j:
                    self.planes[at + j] = zero(1)
                with ib.for_range(0, end - begin, name="j") as j:
                    value = self.x[image, channel, y, (begin + j) * step + left]
                    self.planes[at + begin + j] = value
                with ib.for_range(0, self.row - end, name="j") as j:
                    self.planes[at + end + j] = zero(1)

        self.kernel.loop(conv.phases(0) * across, copy_phase, name="phase")

    # --- what is computed ----------------------------------------------------------------------

    def _strip(self, first: Any, group: Any, start: Any, block: Any, blocks: int) -> None:
        """The places from ``start`` on, of some blocks of a group's output channels.

        Groups are counted through all images, of which the ``first`` is another one in the result.
        """
        ib, conv, named = self.ib, self.conv, self.named
        image = named("image", first + tir.truncdiv(group, conv.groups))
        group_blocks = named("blocks", tir.truncmod(group, conv.groups) * self.blocks)
        channels = named("channels", tir.truncmod(group, conv.groups) * conv.group_outputs)
        base = named("base", group * conv.group_inputs * self.plane + start)
        count = named("count", te.min(self.strip, self.places - start))
        whole = named("whole", tir.truncdiv(count, self.tile))
        rest = named("rest", whole * self.tile)
        shifts = self._shifts()
        made = ib.allocate("float32", (self.width * self.strip,), name="made", scope="global")

        def compute(number: Any, outputs: int) -> None:
            weights = named("weights", group_blocks + number)

            def tile(place: Any, vectors: int) -> None:
                sums = self._sums(base + place, weights, shifts, outputs, vectors)
                for r in range(outputs):
                    for v in range(vectors):
                        at = named("at", r * self.strip + place + v * self.lanes)
                        made[tir.Ramp(at, 1, self.lanes)] = sums[r][v]

            with ib.for_range(0, whole, name="tile") as t:
                tile(named("place", t * self.tile), self.vectors)
            with ib.for_range(0, _ceil_div(count - rest, self.lanes), name="tile") as t:
                tile(named("place", rest + t * self.lanes), 1)
            self._store(made, image, channels + number * self.width, start, count, outputs)

        full, left = divmod(conv.group_outputs, self.width)

        def compute_block(b: Any) -> None:
            number = named("number", block + b)
            with ib.if_scope(number < full):
                compute(number, self.width)
            if left:
                with ib.if_scope(number.equal(full)):
                    compute(number, left)

        self.kernel.loop(blocks, compute_block, name="b")

    def _shifts(self) -> Any:
        """By how much the part of a plane that a tap meets is shifted; None for a single tap."""
        conv = self.conv
        if conv.taps == 1:
            return None
        shifts = self.ib.allocate("int32", (conv.taps,), name="shifts", scope="global")
        for tap in range(conv.taps):
            (row, down), (column, right) = (
                divmod(i * d, s)
                for i, d, s in zip(divmod(tap, conv.kernel[1]), conv.dilation, conv.strides)
            )
            phase = down * conv.phases(1) + right
            shifts[tap] = tir.Cast("int32", phase * self.phase + row * self.row + column)
        return shifts

    def _sums(
        self, place: Any, weights: Any, shifts: Any, outputs: int, vectors: int
    ) -> list[list[Any]]:
        """A tile: some vectors of places, of the output channels of a block."""
        tile = self.kernel.tile(outputs, vectors)
        with self.ib.for_range(0, self.conv.group_inputs, name="c") as c:

            def add(tap: Any) -> None:
                shift = 0 if shifts is None else shifts[tap]
                start = self.named("at", place + c * self.plane + shift)
                tile.add(
                    lambda r: self.w[weights, c, tap, r],
                    lambda v: span(self.planes, [start + v * self.lanes], self.lanes),
                )

            self.kernel.loop(self.conv.taps, add, name="tap")
        return tile.sums()

    def _store(
        self, made: Any, image: Any, channel: Any, start: Any, count: Any, outputs: int
    ) -> None:
        """Put those places into the result that are in its rows."""
        ib, named = self.ib, self.named
        top = named("top", tir.truncdiv(start, self.row))
        rows = named("rows", tir.truncdiv(start + count - 1, self.row) - top + 1)
        with ib.for_range(0, outputs, name="r") as r, ib.for_range(0, rows, name="i") as i:
            at = named("at", (top + i) * self.row)
            begin = named("begin", te.max(start, at))
            length = te.min(start + count, at + self.out_columns) - begin
            with ib.for_range(0, te.max(length, 0), name="j") as j:
                value = made[r * self.strip + begin - start + j]
                self.out[image, channel + r, top + i, begin - at + j] = value


def _sizes(t: Any) -> list[Any]:
    return [d if known_int(d) is None else known_int(d) for d in t.shape]


# TVM's floored division may overflow where it doesn't know that there's nothing negative.


def _ceil_div(a: Any, b: int) -> Any:
    return -(-a // b) if isinstance(a, int) else tir.truncdiv(a + (b - 1), b)


def _div_mod(a: Any, b: int) -> tuple[Any, Any]:
    return tir.truncdiv(a, b), tir.truncmod(a, b)
