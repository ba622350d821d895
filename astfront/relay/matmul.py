"""Products of float32 matrices that stand as they are multiplied, ``[m, k]`` and ``[k, n]``, on CPUs.

``nn.dense`` wants the right one turned, and to turn it takes longer than the product of a few rows.
Few rows are multiplied with some of its rows at a time, as they stand in memory; for more it's packed in
blocks of columns, also row by row, and a tile is a few rows times a block, as in ``relay/dense.py``.
The left one may be turned (``[k, m]``): it's read by single numbers.

For ``nn.matmul`` and ``nn.batch_matmul``, of any sizes, known or staged; what isn't float32, and what
isn't an x86, is left to TVM. Importing this module registers the kernels.
"""

from __future__ import annotations

from typing import Any

from tvm import arith, te, tir
from tvm.relay.op import op as registry
from tvm.relay.op.strategy import generic
from tvm.target import override_native_generic_func
from tvm.target.x86 import get_simd_32bit_lanes

from astfront.relay.dense import (
    LEVEL,
    Matrix,
    batched_strategy,
    is_float32_on_x86,
    matrix_at,
    schedule,
)
from astfront.relay.tiles import OUTER, Kernel, known_int, span, zero

#: So many rows are worth packing the right matrix: it's read once, row by row, and then from caches.
_ROWS = 8

#: Rows that few rows' products read at a time.
_STREAMS = 8


class _Product:
    """One product of matrices, ``a[row, k]`` (or ``a[k, row]``, where it's turned) and ``b[k, column]``,
    into ``c[row, column]``."""

    def __init__(self, kernel: Kernel, a: Any, b: Any, c: Any, turned: bool) -> None:
        self.kernel, self.a, self.b, self.c, self.turned = kernel, a, b, c, turned

    def left(self, row: Any, k: Any) -> Any:
        return self.a[k, row] if self.turned else self.a[row, k]

    def write(self, m: Any, n: Any, depth: Any) -> None:
        ib, known = self.kernel.ib, known_int(n)
        if self.turned or (known is not None and known > 1):
            self.of_columns(m, n, depth)
        elif known is None:
            with ib.if_scope(n.equal(1)):
                self.of_one_column(m, depth)
            with ib.if_scope(n > 1):
                self.of_columns(m, n, depth)
        else:
            self.of_one_column(m, depth)

    def of_one_column(self, m: Any, depth: Any) -> None:
        """Whose numbers stand side by side."""
        kernel = self.kernel

        def tile(row: Any, rows: int) -> None:
            sums = kernel.scalar_products(
                rows, 1, depth, lambda r, k, lanes: span(self.a, [row + r, k], lanes),
                lambda j, k, lanes: span(self.b, [k, 0], lanes),
            )  # fmt: skip
            for r in range(rows):
                self.c[row + r, 0] = sums[r][0]

        def of(row: Any, rows: int, times: Any) -> None:
            kernel.loop(times, lambda i: tile(row + i * rows, rows))

        kernel.rows(m, 4, of)

    def of_columns(self, m: Any, n: Any, depth: Any) -> None:
        ib, known = self.kernel.ib, known_int(m)
        if known is None:
            with ib.if_scope(m < _ROWS):
                self.of_few_rows(m, n, depth)
            with ib.if_scope(m >= _ROWS):
                self.packed(m, n, depth)
        elif known < _ROWS:
            self.of_few_rows(m, n, depth)
        else:
            self.packed(m, n, depth)

    # --- few rows: the right matrix is read once, some of its rows side by side ---

    def of_few_rows(self, m: Any, n: Any, depth: Any) -> None:
        kernel, lanes = self.kernel, self.kernel.lanes
        known = known_int(n)
        whole = tir.indexdiv(n, lanes) if known is None else known // lanes

        def of(row: Any, rows: int, times: Any) -> None:
            kernel.loop(times, lambda i: at(row + i * rows, rows))

        def at(row: Any, rows: int) -> None:
            with kernel.ib.for_range(0, rows, name="r") as r, kernel.ib.for_range(0, n) as j:
                self.c[row + r, j] = tir.const(0.0, "float32")
            streams = _STREAMS if rows < 3 else _STREAMS // 2
            size = known_int(depth)
            groups = tir.indexdiv(depth, streams) if size is None else size // streams
            kernel.loop(groups, lambda k: add(row, rows, k * streams, streams), name="k")
            rest = depth - groups * streams
            kernel.loop(rest, lambda k: add(row, rows, groups * streams + k, 1), name="k")

        def add(row: Any, rows: int, first: Any, count: int) -> None:
            cells = [(r, k) for r in range(rows) for k in range(count)]
            a = {(r, k): kernel.ib.let("a", self.left(row + r, first + k)) for r, k in cells}

            def along(column: Any, width: int) -> None:
                b = [
                    kernel.ib.let("b", span(self.b, [first + k, column], width))
                    for k in range(count)
                ]
                for r in range(rows):
                    index = [row + r, column]
                    total = span(self.c, index, width)
                    for k in range(count):
                        item = a[r, k] if width == 1 else tir.Broadcast(a[r, k], width)
                        total = total + item * b[k]
                    last = column if width == 1 else tir.Ramp(column, 1, width)
                    self.c[row + r, last] = total

            kernel.loop(whole, lambda i: along(i * lanes, lanes), name="column")
            kernel.loop(n - whole * lanes, lambda i: along(whole * lanes + i, 1), name="column")

        kernel.rows(m, 4, of)

    # --- many rows: the right matrix in blocks of columns ---

    def packed(self, m: Any, n: Any, depth: Any) -> None:
        kernel, ib, lanes = self.kernel, self.kernel.ib, self.kernel.lanes
        known = known_int(n)
        vectors = 1 if known is not None and known <= lanes else 2
        width = vectors * lanes
        whole = tir.indexdiv(n, width) if known is None else known // width
        rest = n - whole * width
        has_rest = known is None or rest > 0
        packed = ib.allocate(
            "float32", (whole + int(has_rest), depth, width), name="packed", scope="global"
        )

        def pack(k: Any) -> None:
            def block(i: Any) -> None:
                for v in range(0, width, lanes):
                    packed[i, k, tir.Ramp(v, 1, lanes)] = span(self.b, [k, i * width + v], lanes)

            kernel.loop(whole, block, name="block")
            if has_rest:
                for v in range(0, width, lanes):
                    packed[whole, k, tir.Ramp(v, 1, lanes)] = zero(lanes)
                with ib.for_range(0, rest, name="i") as i:
                    packed[whole, k, i] = self.b[k, whole * width + i]

        def sums(row: Any, rows: int, block: Any, first: Any, count: int) -> Any:
            return kernel.outer_product(
                rows, count, depth, lambda r, k: self.left(row + r, k),
                lambda v, k: span(packed, [block, k, first + v * lanes], lanes),
            )  # fmt: skip

        def tile(row: Any, rows: int, block: Any) -> None:
            found = sums(row, rows, block, 0, vectors)
            for r in range(rows):
                for v in range(vectors):
                    place = tir.Ramp(block * width + v * lanes, 1, lanes)
                    self.c[row + r, place] = found[r][v]

        def last_tile(row: Any, rows: int, first: Any) -> None:
            found = sums(row, rows, whole, first, 1)
            held = [kernel.local(lanes, f"spill{r}") for r in range(rows)]
            for r in range(rows):
                held[r][tir.Ramp(0, 1, lanes)] = found[r][0]
            with ib.for_range(0, te.min(lanes, rest - first), name="i") as i:
                for r in range(rows):
                    self.c[row + r, whole * width + first + i] = held[r][i]

        def of(row: Any, rows: int, times: Any) -> None:
            def at(block: Any) -> None:
                kernel.loop(times, lambda i: tile(row + i * rows, rows, block))

            def at_last(v: Any) -> None:
                kernel.loop(times, lambda i: last_tile(row + i * rows, rows, v * lanes))

            kernel.loop(whole, at, name="block", kind=OUTER)
            if has_rest:
                kernel.loop(tir.indexdiv(rest + lanes - 1, lanes), at_last, name="v")

        kernel.loop(depth, pack, name="k")
        kernel.rows(m, 8 if lanes == 16 else 4, of)


def _kernel(x: Any, w: Any, out: Any, lanes: int, turned: bool) -> Any:
    kernel = Kernel(lanes)
    m, n = out.shape[-2:]
    depth = w.shape[-2] if known_int(w.shape[-2]) is not None else x.shape[-2 if turned else -1]
    buffers = [kernel.ib.buffer_ptr(t) for t in (x, w, out)]

    def product(*place: Any) -> None:
        a, b, c = (
            Matrix(buffer, [matrix_at(i, t) for i in place])
            for buffer, t in zip(buffers, (x, w, out))
        )
        _Product(kernel, a, b, c, turned).write(m, n, depth)

    if len(out.shape) == 3:
        kernel.loop(out.shape[0], product)
    else:
        product()
    return kernel.get()


def _compute(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
    x, w = inputs
    turned = bool(attrs.transpose_a)
    count = tir.Select(x.shape[0] == 1, w.shape[0], x.shape[0])
    stack = [arith.Analyzer().simplify(count)] if len(x.shape) == 3 else []
    lanes = get_simd_32bit_lanes()
    body = te.extern(
        [(*stack, x.shape[-1 if turned else -2], w.shape[-1])], [x, w],
        lambda ins, outs: _kernel(ins[0], ins[1], outs[0], lanes, turned),
        name="matmul", dtype="float32",
    )  # fmt: skip
    return [body]


def _strategy(name: str, otherwise: Any) -> Any:
    @override_native_generic_func(f"astfront.{name}.straight.strategy")
    def choose(attrs: Any, inputs: Any, output_type: Any, target: Any) -> Any:
        if attrs.transpose_b or not is_float32_on_x86([*inputs, output_type], target):
            return otherwise(attrs, inputs, output_type, target)
        chosen = registry.OpStrategy()
        chosen.add_implementation(_compute, schedule, name=f"astfront.{name}")
        return chosen

    return choose


#: Above that of the kernels of what's turned on the right.
_ABOVE = LEVEL + 1

registry.register_strategy("nn.matmul", _strategy("matmul", generic.matmul_strategy), level=_ABOVE)
registry.register_strategy(
    "nn.batch_matmul", _strategy("batch_matmul", batched_strategy), level=_ABOVE
)
