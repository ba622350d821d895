"""Loops over tiles of registers, for kernels that are written out loop by loop.

LLVM keeps a small array in registers whose places are all known. A kernel adds up a tile of its result
in such arrays, in vectors, and takes what its tiles leave over in smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import tir

OUTER = "parallel"
"""Whether a loop is worth several threads is left to relay/threads.py."""

Scalar = Callable[[Any, Any], Any]


def known_int(x: Any) -> int | None:
    return int(x) if isinstance(x, int | tir.IntImm) else None


def zero(lanes: int) -> Any:
    zero = tir.const(0.0, "float32")
    return zero if lanes == 1 else tir.Broadcast(zero, lanes)


def _add_up(vector: Any, lanes: int) -> Any:
    """The sum of a vector's lanes, by halves."""
    while lanes > 1:
        lanes //= 2
        half = "float32" if lanes == 1 else f"float32x{lanes}"
        low = tir.call_intrin(half, "tir.vectorlow", vector)
        high = tir.call_intrin(half, "tir.vectorhigh", vector)
        vector = low + high
    return vector


class Kernel:
    """Writes the loops of one kernel."""

    def __init__(self, lanes: int) -> None:
        self.ib = tir.ir_builder.create()
        self.lanes = lanes
        self.vector = f"float32x{lanes}"
        self.registers = 32 if lanes == 16 else 16

    def get(self) -> Any:
        return self.ib.get()

    def local(self, size: int, name: str) -> Any:
        """A small array, which LLVM keeps in registers: below 1 KiB, "global" is the stack."""
        return self.ib.allocate("float32", size, name=name, scope="global")

    def named(self, name: str, value: Any) -> Any:
        """A variable. TVM puts a value in the place of one, wherever it's used, but not what's read."""
        if isinstance(value, int):
            return value
        held = self.ib.allocate("int32", (1,), name=name, scope="global")
        held[0] = tir.Cast("int32", value)
        return self.ib.let(name, held[0])

    def loop(
        self, n: Any, body: Callable[[Any], None], name: str = "i", kind: str = "serial"
    ) -> None:
        if known_int(n) == 1:
            body(0)
        elif known_int(n) != 0:
            with self.ib.for_range(0, n, name=name, kind=kind) as i:
                body(i)

    def split(self, n: int, size: int, body: Callable[[Any, int], None]) -> None:
        """``body(start, count)`` for ``n`` in pieces of ``size``, and for the rest."""
        self.loop(n // size, lambda i: body(i * size, size), kind=OUTER)
        if n % size:
            body(n // size * size, n % size)

    def columns(self, n: Any, size: int, body: Callable[[Any, int], None]) -> None:
        """As :meth:`split`; where ``n`` is staged, the rest is taken one by one."""
        if known_int(n) is not None:
            self.split(int(n), size, body)
            return
        whole = tir.indexdiv(n, size)
        self.loop(whole, lambda i: body(i * size, size), kind=OUTER)
        self.loop(n - whole * size, lambda i: body(whole * size + i, 1))

    def rows(self, m: Any, size: int, body: Callable[[Any, int, Any], None]) -> None:
        """``body(start, count, times)``: ``m`` rows in pieces of ``size``, and the rest.

        Where ``m`` is staged, there's code for each rest that it may leave: in several smaller pieces it
        would read all weights for each of them.
        """
        known = known_int(m)
        if known is not None:
            if known >= size:
                body(0, size, known // size)
            if known % size:
                body(known // size * size, known % size, 1)
            return
        body(0, size, tir.indexdiv(m, size))
        rest = tir.indexmod(m, size)
        for count in range(1, size):
            with self.ib.if_scope(rest.equal(count)):
                body(m - rest, count, 1)

    def outer_product(
        self, rows: int, vectors: int, depth: Any, left: Scalar, right: Scalar
    ) -> list[list[Any]]:
        """The sums over ``k`` of ``left(row, k) * right(vector, k)``, as vectors."""
        tile = self.tile(rows, vectors)
        with self.ib.for_range(0, depth, name="k") as k:
            tile.add(lambda r: left(r, k), lambda v: right(v, k))
        return tile.sums()

    def tile(self, rows: int, vectors: int) -> Tile:
        return Tile(self, rows, vectors)

    def scalar_products(
        self, rows: int, columns: int, depth: Any, left: Callable[[int, Any, int], Any],
        right: Callable[[int, Any, int], Any],
    ) -> list[list[Any]]:  # fmt: skip
        """The sums over ``k`` of ``left(row, k) * right(column, k)``.

        ``left`` and ``right`` give as many items, from ``k`` on, as they are asked for.
        """
        ib, lanes = self.ib, self.lanes
        acc = [self.local(columns * lanes, f"acc{r}") for r in range(rows)]
        out = self.local(rows * columns, "dot")
        cells = [(r, c) for r in range(rows) for c in range(columns)]
        at = [tir.Ramp(c * lanes, 1, lanes) for c in range(columns)]
        for r, c in cells:
            acc[r][at[c]] = zero(lanes)
        size = known_int(depth)
        whole = tir.indexdiv(depth, lanes) if size is None else size // lanes
        with ib.for_range(0, whole, name="k") as k:
            a = [ib.let(f"a{r}", left(r, k * lanes, lanes)) for r in range(rows)]
            for c in range(columns):
                b = ib.let(f"b{c}", right(c, k * lanes, lanes))
                for r in range(rows):
                    acc[r][at[c]] = acc[r][at[c]] + a[r] * b
        for i, (r, c) in enumerate(cells):
            out[i] = _add_up(acc[r][at[c]], lanes)
        if size is None or size % lanes:
            with ib.for_range(0, depth - whole * lanes, name="k") as k:
                for i, (r, c) in enumerate(cells):
                    at_k = whole * lanes + k
                    out[i] = out[i] + left(r, at_k, 1) * right(c, at_k, 1)
        return [[out[r * columns + c] for c in range(columns)] for r in range(rows)]


class Tile:
    """Sums in registers, so many rows of so many vectors; 0 at first."""

    def __init__(self, kernel: Kernel, rows: int, vectors: int) -> None:
        self.ib, self.lanes = kernel.ib, kernel.lanes
        self.rows = [kernel.local(vectors * self.lanes, f"acc{r}") for r in range(rows)]
        self.at = [tir.Ramp(v * self.lanes, 1, self.lanes) for v in range(vectors)]
        for row in self.rows:
            for index in self.at:
                row[index] = zero(self.lanes)

    def add(self, left: Callable[[int], Any], right: Callable[[int], Any]) -> None:
        """Add to each sum the product of its row's number and its vector."""
        b = [self.ib.let(f"b{v}", right(v)) for v in range(len(self.at))]
        for r, row in enumerate(self.rows):
            a = self.ib.let(f"a{r}", tir.Broadcast(left(r), self.lanes))
            for index, vector in zip(self.at, b):
                row[index] = row[index] + a * vector

    def sums(self) -> list[list[Any]]:
        return [[row[index] for index in self.at] for row in self.rows]


def span(buffer: Any, index: list[Any], lanes: int) -> Any:
    last = index[-1] if lanes == 1 else tir.Ramp(index[-1], 1, lanes)
    return buffer[[*index[:-1], last]]
