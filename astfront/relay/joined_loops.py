"""Nested loops over staged sizes as one, where what they go through lies in a row.

Of ``y[i * n + j] = f(x[i * n + j])`` it's one loop over all ``m * n``: LLVM makes vectors of the inner
loop alone, whose start and end cost as much as fifty of its items.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tvm import tir

#: A sum of products: the factors of each, by their hashes in order, and how often it's there.
Polynomial = Counter[tuple[int, ...]]

_ACCESSES = ["tir.BufferLoad", "tir.BufferStore"]


@tir.transform.prim_func_pass(opt_level=0, name="astfront.joined_loops")
def joined_loops(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR, where arrays are flat."""
    body = tir.stmt_functor.ir_transform(function.body, None, _joined, ["tir.For"])
    return function.with_body(body)


def _joined(outer: Any) -> Any:
    """A loop with a loop in it as one, if that's possible."""
    inner = outer.body
    if not isinstance(inner, tir.For) or isinstance(inner.extent, tir.IntImm):
        return None
    if not all(_is_simple(loop) for loop in (outer, inner)):
        return None
    sizes = _Sums()
    size = sizes.of(inner.extent)
    if size is None or _factor(size, outer.loop_var) != Polynomial():
        return None
    turn = tir.Var("turn", inner.loop_var.dtype)
    failed = False

    def join(access: Any) -> Any:
        nonlocal failed
        index = _index(access, outer.loop_var, inner.loop_var, turn, size, sizes)
        if index is None:
            failed = True
            return None
        if isinstance(access, tir.BufferLoad):
            return tir.BufferLoad(access.buffer, [index])
        return tir.BufferStore(access.buffer, access.value, [index])

    body = tir.stmt_functor.ir_transform(inner.body, None, join, _ACCESSES)
    if failed or _reads(body, outer.loop_var, inner.loop_var):
        return None
    extent = outer.extent * inner.extent
    return tir.For(turn, inner.min, extent, inner.kind, body, None, inner.annotations, inner.span)


def _is_simple(loop: Any) -> bool:
    return loop.kind == tir.ForKind.SERIAL and _is_zero(loop.min) and not loop.annotations


def _is_zero(x: Any) -> bool:
    return isinstance(x, tir.IntImm) and int(x) == 0


def _index(access: Any, outer: Any, inner: Any, turn: Any, size: Polynomial, sums: _Sums) -> Any:
    """Where an access is in a turn of the joined loop; None where its places aren't in a row."""
    if len(access.indices) != 1:
        return None
    (index,) = access.indices
    total = sums.of(index)
    if total is None or index.dtype != turn.dtype:
        return None
    step = _factor(total, inner)
    if step is None or _factor(total, outer) != _product(step, size):
        return None
    # The places of both loops' first turns, and one step further for each turn.
    first = tir.stmt_functor.substitute(
        index, {outer: tir.const(0, turn.dtype), inner: tir.const(0, turn.dtype)}
    )
    if step == {(): 1}:
        return first + turn
    return first if not step else None


def _reads(body: Any, *variables: Any) -> bool:
    found = False

    def visit(node: Any) -> None:
        nonlocal found
        if isinstance(node, tir.Var):
            found = found or any(node.same_as(v) for v in variables)

    tir.stmt_functor.post_order_visit(body, visit)
    return found


class _Sums:
    """Expressions of ints as polynomials. Variables are known by their hashes, so they're held."""

    def __init__(self) -> None:
        self._held: list[Any] = []

    def of(self, x: Any) -> Polynomial | None:
        """None for what isn't made of sums and products."""
        if isinstance(x, tir.IntImm):
            return _without_zeros(Counter({(): int(x)}))
        if isinstance(x, tir.Var):
            self._held.append(x)
            return Counter({(hash(x),): 1})
        if not isinstance(x, tir.Add | tir.Sub | tir.Mul):
            return None
        a, b = self.of(x.a), self.of(x.b)
        if a is None or b is None:
            return None
        if isinstance(x, tir.Mul):
            return _product(a, b)
        total = a.copy()
        for factors, count in b.items():
            total[factors] += count if isinstance(x, tir.Add) else -count
        return _without_zeros(total)


def _factor(total: Polynomial, variable: Any) -> Polynomial | None:
    """What a variable is multiplied with; None where that's the variable itself, too."""
    place, found = hash(variable), Polynomial()
    for factors, count in total.items():
        if factors.count(place) > 1:
            return None
        if place in factors:
            found[tuple(f for f in factors if f != place)] += count
    return found


def _product(a: Polynomial, b: Polynomial) -> Polynomial:
    total = Polynomial()
    for some, m in a.items():
        for others, n in b.items():
            total[tuple(sorted(some + others))] += m * n
    return _without_zeros(total)


def _without_zeros(total: Polynomial) -> Polynomial:
    return Counter({factors: count for factors, count in total.items() if count})
