"""What a shape function gives, as terms of the sizes that it's given.

A term is an int or a tuple: ``("size", number)`` is a size of which only the run knows how large it is,
``("*", factor, sizes)`` a product, the others are ``(operator, term, term)``. A shape function is a
kernel of few statements, which is run here on terms.

>>> n = ("size", 0)
>>> floor_divided(product(n, 600), 600) == n
True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tvm import tir

Term = Any
Terms = tuple[Term, ...]

#: Statements that are run before it's given up.
_MOST_STEPS = 400


class UnknownError(Exception):
    """What has no term, or may raise."""


def results(kernel: tir.PrimFunc, inputs: Sequence[Terms]) -> list[Terms]:
    """What a shape function stores in its outputs.

    Raises UnknownError where the terms don't tell, or where the function may raise.
    """
    buffers = [kernel.buffer_map[param] for param in kernel.params]
    if len(inputs) > len(buffers) or any(len(b.shape) != 1 for b in buffers):
        raise UnknownError
    run = _Run()
    for buffer, terms in zip(buffers, inputs):
        if len(terms) != int(buffer.shape[0]):
            raise UnknownError
        run.memory[buffer.data] = dict(enumerate(terms))
    for buffer in buffers[len(inputs) :]:
        run.memory[buffer.data] = {}
    run.statement(kernel.body)
    found = []
    for buffer in buffers[len(inputs) :]:
        places = run.memory[buffer.data]
        if len(places) != int(buffer.shape[0]):
            raise UnknownError
        found.append(tuple(places[i] for i in range(len(places))))
    return found


# --- terms -----------------------------------------------------------------------------------


def product(a: Term, b: Term) -> Term:
    (x, xs), (y, ys) = _factors(a), _factors(b)
    factor, sizes = x * y, tuple(sorted((*xs, *ys), key=repr))
    if not factor or not sizes:
        return factor
    return sizes[0] if factor == 1 and len(sizes) == 1 else ("*", factor, sizes)


def _factors(term: Term) -> tuple[int, tuple[Term, ...]]:
    if isinstance(term, int):
        return term, ()
    return (term[1], term[2]) if term[0] == "*" else (1, (term,))


def floor_divided(a: Term, b: Term) -> Term:
    if isinstance(b, int) and b > 0:
        factor, sizes = _factors(a)
        if isinstance(a, int):
            return a // b
        if factor % b == 0:
            return product(factor // b, ("*", 1, sizes))
    return "//", a, b


def _sum(a: Term, b: Term) -> Term:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if a == 0 or b == 0:
        return b if a == 0 else a
    return "+", a, b


def _is_size(term: Term) -> bool:
    """Whether a term is surely not negative."""
    if isinstance(term, int):
        return term >= 0
    if term[0] == "*":
        return term[1] >= 0 and all(map(_is_size, term[2]))
    if term[0] == "+":
        return _is_size(term[1]) and _is_size(term[2])
    return bool(term[0] == "size")


def _maximum(a: Term, b: Term) -> Term:
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    for one, other in ((a, b), (b, a)):
        if isinstance(other, int) and other <= 0 and _is_size(one):
            return one
    return "max", a, b


def _equal(a: Term, b: Term) -> Term:
    if a == b:
        return 1
    return 0 if isinstance(a, int) and isinstance(b, int) else ("==", a, b)


def _less(a: Term, b: Term) -> Term:
    if isinstance(a, int) and isinstance(b, int):
        return int(a < b)
    if isinstance(b, int) and b <= 0 and _is_size(a):
        return 0
    if isinstance(a, int) and a < 0 and _is_size(b):
        return 1
    return "<", a, b


def _not(a: Term) -> Term:
    return int(not a) if isinstance(a, int) else ("==", a, 0)


def _and(a: Term, b: Term) -> Term:
    if a == 0 or b == 0:
        return 0
    return int(bool(b)) if a == 1 and isinstance(b, int) else b if a == 1 else ("and", a, b)


def _or(a: Term, b: Term) -> Term:
    return _not(_and(_not(a), _not(b)))


def _where_equal(term: Term, a: Term, b: Term) -> Term:
    """A term where ``a`` is ``b``."""
    if term == a:
        return b
    if isinstance(term, int) or term[0] == "size":
        return term
    if term[0] == "*":
        made: Term = term[1]
        for size in term[2]:
            made = product(made, _where_equal(size, a, b))
        return made
    return term[0], *(_where_equal(part, a, b) for part in term[1:])


def _chosen(condition: Term, then: Term, other: Term) -> Term:
    """The term that's both, whichever the condition is."""
    if then == other:
        return then
    if not isinstance(condition, int) and condition[0] == "==":
        _, a, b = condition
        if _where_equal(then, a, b) == _where_equal(other, a, b):
            return other
    raise UnknownError


_BINARY: dict[type, Callable[[Term, Term], Term]] = {
    tir.Add: _sum,
    tir.Sub: lambda a, b: _sum(a, product(-1, b)),
    tir.Mul: product,
    tir.FloorDiv: floor_divided,
    tir.Max: _maximum,
    tir.EQ: _equal,
    tir.NE: lambda a, b: _not(_equal(a, b)),
    tir.LT: _less,
    tir.GT: lambda a, b: _less(b, a),
    tir.LE: lambda a, b: _not(_less(b, a)),
    tir.GE: lambda a, b: _not(_less(a, b)),
    tir.And: _and,
    tir.Or: _or,
}

#: Those of which nothing is known but that they give the same for the same.
_OTHERS: dict[type, str] = {tir.FloorMod: "%", tir.Min: "min", tir.Div: "div", tir.Mod: "mod"}


def _binary(node: Any, a: Term, b: Term) -> Term:
    known = _BINARY.get(type(node))
    if known is not None:
        return known(a, b)
    name = _OTHERS.get(type(node))
    if name is None:
        raise UnknownError
    if not isinstance(a, int) or not isinstance(b, int):
        return name, a, b
    if name == "min":
        return min(a, b)
    if a < 0 or b <= 0:  # C rounds in another direction
        raise UnknownError
    return a // b if name == "div" else a % b


# --- statements ------------------------------------------------------------------------------


class _Run:
    """Runs statements on terms."""

    def __init__(self) -> None:
        self.memory: dict[Any, dict[int, Term]] = {}
        self.names: dict[Any, Term] = {}
        self.steps = 0

    def statement(self, node: Any) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise UnknownError
        match node:
            case tir.SeqStmt():
                for part in node.seq:
                    self.statement(part)
            case tir.AttrStmt() | tir.DeclBuffer():
                self.statement(node.body)
            case tir.Allocate():
                self.memory[node.buffer_var] = {}
                self.statement(node.body)
            case tir.LetStmt():
                self.names[node.var] = self.term(node.value)
                self.statement(node.body)
            case tir.BufferStore():
                self._memory(node)[self._place(node)] = self.term(node.value)
            case tir.AssertStmt():
                if self.term(node.condition) != 1:
                    raise UnknownError
                self.statement(node.body)
            case tir.Evaluate(value=tir.IntImm()):
                pass
            case tir.IfThenElse():
                self._branch(node)
            case tir.For():
                first, count = self._known(node.min), self._known(node.extent)
                for i in range(first, first + count):
                    self.names[node.loop_var] = i
                    self.statement(node.body)
            case _:
                raise UnknownError

    def _branch(self, node: Any) -> None:
        condition = self.term(node.condition)
        arms = node.then_case, node.else_case
        if isinstance(condition, int):
            arm = arms[0] if condition else arms[1]
            if arm is not None:
                self.statement(arm)
            return
        before = {data: dict(places) for data, places in self.memory.items()}
        ends = []
        for arm in arms:
            self.memory = {data: dict(places) for data, places in before.items()}
            if arm is not None:
                self.statement(arm)
            ends.append(self.memory)
        then, other = ends
        self.memory = {}
        for data, places in then.items():
            if places.keys() != other.get(data, {}).keys():
                raise UnknownError
            self.memory[data] = {
                i: _chosen(condition, term, other[data][i]) for i, term in places.items()
            }

    def _known(self, node: Any) -> int:
        found = self.term(node)
        if not isinstance(found, int):
            raise UnknownError
        return found

    def _memory(self, node: Any) -> dict[int, Term]:
        found = self.memory.get(node.buffer.data)
        if found is None or "int" not in node.buffer.dtype:
            raise UnknownError
        return found

    def _place(self, node: Any) -> int:
        if len(node.indices) != 1:
            raise UnknownError
        return self._known(node.indices[0])

    def term(self, node: Any) -> Term:
        match node:
            case tir.IntImm():
                return int(node)
            case tir.Var() if node in self.names:
                return self.names[node]
            case tir.BufferLoad():
                found = self._memory(node).get(self._place(node))
                if found is None:
                    raise UnknownError
                return found
            case tir.Not():
                return _not(self.term(node.a))
            case tir.Select():
                condition = self.term(node.condition)
                then, other = self.term(node.true_value), self.term(node.false_value)
                if isinstance(condition, int):
                    return then if condition else other
                return _chosen(condition, then, other)
            case tir.Cast():
                found = self.term(node.value)
                if isinstance(found, int) or node.dtype in ("int64", "bool"):
                    return found
            case tir.expr.BinaryOpExpr() | tir.expr.CmpExpr() | tir.expr.LogicalExpr():
                return _binary(node, self.term(node.a), self.term(node.b))
        raise UnknownError
