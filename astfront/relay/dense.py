"""Matrix products of float32 on CPUs: kernels for every size, known or staged, of either side.

TVM's own schedules divide the sizes into equal tiles. Where a size has no good divisor (1000 columns
on vectors of 16) they lose a factor of ten, and as much where the batch size is staged. Weights that
aren't constants they lay out anew in each call. The kernels here are written out loop by loop, with
tiles of registers and the rests that are left over:

* **packed**: the weights are constants, laid out while compiling as ``[block, k, lane]``, with zeros up
  to a whole block. A tile is a few rows times one or two vectors of a block; each turn multiplies a
  column of the rows with a row of the block (an outer product, as in GotoBLAS: Goto and van de Geijn,
  "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008).
* **dot**: few rows, weights as they are (``[n, k]``). A tile is a few rows times a few columns of scalar
  products, vectorised over ``k``; weights are read once.
* **turned**: many rows, weights as they are. The *rows* are packed, in blocks, and multiplied as in
  *packed* with the sides changed; the result is turned when it's stored.

``nn.batch_matmul`` has *dot* and *turned*, too. What isn't float32, and
what isn't an x86, is left to TVM. Importing this module registers the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tvm
from tvm import arith, relay, te, tir
from tvm.relay.op import op as registry
from tvm.relay.op.nn import _nn
from tvm.relay.op.strategy import generic
from tvm.relay.transform.infer_layout_utils import InferCorrectLayoutOutput
from tvm.target import override_native_generic_func
from tvm.target.x86 import get_simd_32bit_lanes

from astfront.relay.injective import in_vectors
from astfront.relay.strides import note_without_strides
from astfront.relay.tiles import OUTER, Kernel, known_int, span

#: Above TVM's own registrations, whose level is 10.
LEVEL = 15

_DOT_ROWS, _DOT_COLUMNS = 24, 48
"""As many rows or more, times as many columns, are worth packing."""

# --- packed ----------------------------------------------------------------------------------


def block_width(n: int, lanes: int) -> int:
    """How many columns a block of packed weights has: a vector or two."""
    two = 2 * lanes
    return two if -(-n // two) * two <= 1.15 * (-(-n // lanes) * lanes) else lanes


def pack(weight: np.ndarray[Any, Any], width: int) -> np.ndarray[Any, Any]:
    """``[n, k]`` as ``[block, k, column]``."""
    n, k = weight.shape
    blocks = -(-n // width)
    padded = np.zeros((blocks * width, k), weight.dtype)
    padded[:n] = weight
    return np.ascontiguousarray(padded.reshape(blocks, width, k).transpose(0, 2, 1))


def _packed_kernel(x: Any, w: Any, out: Any, lanes: int) -> Any:
    m = x.shape[0]
    n = int(out.shape[1])
    blocks, depth, width = (int(d) for d in w.shape)
    per_block = width // lanes
    kernel = Kernel(lanes)
    a, b, c = (kernel.ib.buffer_ptr(t) for t in (x, w, out))
    tallest = 8 if lanes == 16 else 4
    rest_of_block = n - (blocks - 1) * width

    def tile(row: Any, rows: int, block: Any, count: int, whole: bool) -> None:
        sums = kernel.outer_product(
            rows, count * per_block, depth, lambda r, k: a[row + r, k],
            lambda v, k: span(b, [block + v // per_block, k, v % per_block * lanes], lanes),
        )  # fmt: skip
        for r in range(rows):
            for v in range(count * per_block):
                first = v * lanes
                column = block * width + first
                left = lanes
                if not whole:
                    left = min(lanes, rest_of_block + (count - 1) * width - first)
                if left == lanes:
                    c[row + r, tir.Ramp(column, 1, lanes)] = sums[r][v]
                elif left > 0:
                    spill = kernel.local(lanes, "spill")
                    spill[tir.Ramp(0, 1, lanes)] = sums[r][v]
                    for i in range(left):
                        c[row + r, column + i] = spill[i]

    def rows_of(row: Any, rows: int, times: Any) -> None:
        """``times`` times ``rows`` rows, from ``row`` on, for all blocks."""
        together = max(1, 8 // (rows * per_block))
        full = blocks if rest_of_block == width else blocks - 1

        def at(block: Any, count: int, whole: bool = True) -> None:
            kernel.loop(times, lambda i: tile(row + i * rows, rows, block, count, whole))

        kernel.split(full, together, at)
        if full < blocks:
            at(full, 1, False)

    kernel.rows(m, tallest, rows_of)
    return kernel.get()


# --- weights as they are ---------------------------------------------------------------------


def _dot(kernel: Kernel, a: Any, b: Any, c: Any, sizes: tuple[Any, Any, Any]) -> None:
    m, n, depth = sizes
    shapes = {1: 8, 2: 8, 3: 4, 4: 4} if kernel.registers == 32 else {1: 8, 2: 4, 3: 3, 4: 2}
    tallest = 4

    def tile(row: Any, rows: int, column: Any, columns: int) -> None:
        sums = kernel.scalar_products(
            rows, columns, depth, lambda r, k, lanes: span(a, [row + r, k], lanes),
            lambda j, k, lanes: span(b, [column + j, k], lanes),
        )  # fmt: skip
        for r in range(rows):
            for j in range(columns):
                c[row + r, column + j] = sums[r][j]

    def rows_of(row: Any, rows: int, times: Any) -> None:
        def at(column: Any, columns: int) -> None:
            kernel.loop(times, lambda i: tile(row + i * rows, rows, column, columns))

        kernel.columns(n, shapes[rows], at)

    kernel.rows(m, tallest, rows_of)


def _turned(kernel: Kernel, a: Any, b: Any, c: Any, sizes: tuple[Any, Any, Any]) -> None:
    m, n, depth = sizes
    ib, lanes = kernel.ib, kernel.lanes
    width = 2 * lanes
    tallest = 8 if lanes == 16 else 4
    count = known_int(m)
    blocks = tir.indexdiv(m + width - 1, width) if count is None else -(-count // width)
    packed = ib.allocate("float32", (blocks, depth, width), name="packed", scope="global")

    def pack_block(block: Any) -> None:
        with ib.for_range(0, width, name="i") as i, ib.for_range(0, depth, name="k") as k:
            row = block * width + i
            packed[block, k, i] = tir.if_then_else(row < m, a[row, k], tir.const(0.0, "float32"))

    kernel.loop(blocks, pack_block, kind=OUTER)

    def tile(block: Any, column: Any, columns: int) -> None:
        sums = kernel.outer_product(
            columns, 2, depth, lambda j, k: b[column + j, k],
            lambda v, k: span(packed, [block, k, v * lanes], lanes),
        )  # fmt: skip
        spill = [kernel.local(width, f"spill{j}") for j in range(columns)]
        for j in range(columns):
            for v in range(2):
                spill[j][tir.Ramp(v * lanes, 1, lanes)] = sums[j][v]
        with ib.for_range(0, te.min(width, m - block * width), name="i") as i:
            for j in range(columns):
                c[block * width + i, column + j] = spill[j][i]

    def at(column: Any, columns: int) -> None:
        kernel.loop(blocks, lambda block: tile(block, column, columns))

    kernel.columns(n, tallest, at)


class Matrix:
    """A matrix, or one of a stack of them."""

    def __init__(self, buffer: Any, place: Sequence[Any]) -> None:
        self.buffer = buffer
        self.place = place

    def __getitem__(self, index: Sequence[Any]) -> Any:
        return self.buffer[[*self.place, *index]]

    def __setitem__(self, index: Sequence[Any], value: Any) -> None:
        self.buffer[[*self.place, *index]] = value


def matrix_at(i: Any, t: Any) -> Any:
    """Which one of a stack's matrices goes into the ``i``-th product; a single one into each."""
    count = known_int(t.shape[0])
    return te.min(i, t.shape[0] - 1) if count is None else 0 if count == 1 else i


def _plain_kernel(x: Any, w: Any, out: Any, lanes: int) -> Any:
    m, n = x.shape[-2], w.shape[-2]
    depth = next((d for d in (x.shape[-1], w.shape[-1]) if known_int(d) is not None), x.shape[-1])
    kernel = Kernel(lanes)
    known = 0 if (known_int(n) or _DOT_COLUMNS) < _DOT_COLUMNS else known_int(m)
    buffers = [kernel.ib.buffer_ptr(t) for t in (x, w, out)]

    def product(*place: Any) -> None:
        a, b, c = (
            Matrix(buffer, [matrix_at(i, t) for i in place])
            for buffer, t in zip(buffers, (x, w, out))
        )
        if known is None:
            with kernel.ib.if_scope(m < _DOT_ROWS):
                _dot(kernel, a, b, c, (m, n, depth))
            with kernel.ib.if_scope(m >= _DOT_ROWS):
                _turned(kernel, a, b, c, (m, n, depth))
        elif known < _DOT_ROWS:
            _dot(kernel, a, b, c, (m, n, depth))
        else:
            _turned(kernel, a, b, c, (m, n, depth))

    if len(out.shape) == 3:
        kernel.loop(out.shape[0], product)
    else:
        product()
    return kernel.get()


# --- operators -------------------------------------------------------------------------------

PACKED = "astfront.dense_packed"
"""``nn.dense`` whose weights are packed: ``units`` of the columns are real."""


def _compute(kernel: Callable[..., Any]) -> Callable[..., Any]:
    def compute(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
        x, w = inputs
        units = int(attrs["units"]) if kernel is _packed_kernel else w.shape[-2]
        count = tir.Select(x.shape[0] == 1, w.shape[0], x.shape[0])
        stack = [arith.Analyzer().simplify(count)] if len(x.shape) == 3 else []
        lanes = get_simd_32bit_lanes()
        body = te.extern(
            [(*stack, x.shape[-2], units)], [x, w],
            lambda ins, outs: kernel(ins[0], ins[1], outs[0], lanes),
            name="dense", dtype="float32",
        )  # fmt: skip
        return [body]

    return compute


def schedule(attrs: Any, outs: Any, target: Any) -> Any:
    """What is fused behind a kernel that's written out is one more loop, over its result."""
    with target:
        out = outs[0]
        note_without_strides(outs)
        made = te.create_schedule([x.op for x in outs])
        te.schedule.AutoInlineInjective(made)
        if not isinstance(out.op, te.ExternOp):
            in_vectors(made[out])
        return made


def is_float32_on_x86(types: Any, target: Any) -> bool:
    """Whether what has these types, and is computed there, may use our kernels."""
    floats = all(str(t.dtype) == "float32" for t in types)
    return (
        floats and target.kind.name == "llvm" and "x86_64" in str(target.attrs.get("mtriple", ""))
    )


def _define_packed() -> None:
    def relation(types: Any, attrs: Any) -> Any:
        return relay.TensorType([types[0].shape[0], int(attrs["units"])], "float32")

    registry.register(PACKED, "nn.dense with packed weights")
    op = relay.op.get(PACKED)
    op.set_num_inputs(2)
    op.add_argument("data", "Tensor", "The rows.")
    op.add_argument("weight", "Tensor", "The packed weights.")
    op.set_attrs_type_key("DictAttrs")
    op.set_support_level(10)
    registry.register_pattern(PACKED, registry.OpPattern.OUT_ELEMWISE_FUSABLE)
    registry.register_stateful(PACKED, False)

    @override_native_generic_func("astfront.dense_packed.strategy")
    def strategy(attrs: Any, inputs: Any, output_type: Any, target: Any) -> Any:
        chosen = registry.OpStrategy()
        chosen.add_implementation(_compute(_packed_kernel), schedule, name=PACKED)
        return chosen

    registry.register_strategy(PACKED, strategy)
    registry.register_shape_func(PACKED, False, _packed_shape)
    tvm.ir.register_op_attr(PACKED, "FInferCorrectLayout", packed_layouts("NC", "NC"))
    op.add_type_rel("AstfrontDensePacked", relation)


@te.hybrid.script
def _rows_and_units(shape, units):  # type: ignore[no-untyped-def]
    out = output_tensor((2,), "int64")  # type: ignore[name-defined]  # noqa: F821
    out[0] = shape[0]
    out[1] = int64(units)  # type: ignore[name-defined]  # noqa: F821
    return out


def _packed_shape(attrs: Any, inputs: Any, ndims: Any) -> list[Any]:
    return [_rows_and_units(inputs[0], tvm.runtime.convert(int(attrs["units"])))]


def packed_layouts(rows: str, weights: str) -> Callable[..., Any]:
    """AlterOpLayout has nothing to convert: ``_alter`` did."""
    data, kernel = tir.layout(rows), tir.layout(weights)

    def infer(attrs: Any, new_in: Any, old_in: Any, types: Any) -> Any:
        return InferCorrectLayoutOutput([data, kernel], [data], attrs)

    return infer


_tvm_strategy = generic.dense_strategy
_tvm_alter = _nn.alter_op_layout_dense


@override_native_generic_func("astfront.dense.strategy")
def _dense_strategy(attrs: Any, inputs: Any, output_type: Any, target: Any) -> Any:
    if not is_float32_on_x86([*inputs, output_type], target):
        return _tvm_strategy(attrs, inputs, output_type, target)
    chosen = registry.OpStrategy()
    chosen.add_implementation(_compute(_plain_kernel), schedule, name="astfront.dense")
    return chosen


def _alter(attrs: Any, inputs: Any, types: Any, output_type: Any) -> Any:
    target = tvm.target.Target.current(allow_none=False)
    if not is_float32_on_x86([*types, output_type], target):
        return _tvm_alter(attrs, inputs, types, output_type)
    x, w = inputs
    if not isinstance(w, relay.Constant):
        return None
    weight = w.data.numpy()
    width = block_width(weight.shape[0], get_simd_32bit_lanes())
    packed = relay.const(pack(weight, width))
    made = tvm.ir.make_node("DictAttrs", units=weight.shape[0])
    return relay.Call(relay.op.get(PACKED), [x, packed], made)


_tvm_batched = generic.batch_matmul_strategy


@override_native_generic_func("astfront.batch_matmul.strategy")
def batched_strategy(attrs: Any, inputs: Any, output_type: Any, target: Any) -> Any:
    x, w = inputs
    is_turned = not attrs.transpose_a and attrs.transpose_b
    if not is_turned or not is_float32_on_x86([*inputs, output_type], target):
        return _tvm_batched(attrs, inputs, output_type, target)
    chosen = registry.OpStrategy()
    chosen.add_implementation(_compute(_plain_kernel), schedule, name="astfront.batch_matmul")
    return chosen


_define_packed()
registry.register_strategy("nn.batch_matmul", batched_strategy, level=LEVEL)
registry.register_strategy("nn.dense", _dense_strategy, level=LEVEL)
registry.register_alter_op_layout("nn.dense", _alter, level=LEVEL)
