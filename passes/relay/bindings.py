"""Chains of ``let``, and the loops that they bind: what the passes over loops share.

A loop is what a front end makes of ``while``: a local function that calls itself, last of all, on one
arm of the ``if`` in which it ends::

    let %loop = fn (%params) { head; if (%more) { turn; %loop(%args) } else { %result } };
    let %end = %loop(%initial);
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import relay

PRODUCTS = frozenset(["nn.batch_matmul", "nn.dense", "nn.matmul"])
"""Products of matrices."""

Binding = tuple[Any, Any]
"""A variable and its value."""

Scope = list[Binding]

Note = Callable[[Any, str], None]
"""Takes what a pass did, and the span of the operator that it was done to."""


def ignore(span: Any, text: str) -> None:
    """The note of who doesn't want to know."""


def unchain(expr: Any) -> tuple[Scope, Any]:
    """The bindings of a chain of lets, and its result."""
    bindings = []
    while type(expr) is relay.Let:
        bindings.append((expr.var, expr.value))
        expr = expr.body
    return bindings, expr


def chain(bindings: Sequence[Binding], result: Any) -> Any:
    for var, value in reversed(bindings):
        result = relay.Let(var, value, result)
    return result


def _is_chain(expr: Any, bindings: Scope, result: Any) -> bool:
    """Whether an expression is the chain of these very bindings."""
    found, end = unchain(expr)
    return (
        len(found) == len(bindings)
        and end.same_as(result)
        and all(v.same_as(w) and x.same_as(y) for (v, x), (w, y) in zip(found, bindings))
    )


def operands(expr: Any) -> list[Any]:
    """The direct operands of a call, tuple or projection."""
    if isinstance(expr, relay.Call):
        return [expr.op, *expr.args]
    if isinstance(expr, relay.Tuple):
        return list(expr.fields)
    if isinstance(expr, relay.TupleGetItem):
        return [expr.tuple_value]
    return []


def inside(expr: Any) -> list[Any]:
    """All parts of an expression, those further in first."""
    found: list[Any] = []
    relay.analysis.post_order_visit(expr, found.append)
    return found


def is_named(expr: Any) -> bool:
    """Whether nothing is computed in an expression."""
    if isinstance(expr, relay.Tuple):
        return all(map(is_named, operands(expr)))
    return isinstance(expr, relay.Var | relay.Constant)


def rebuild(expr: Any, parts: Sequence[Any]) -> Any:
    """The same expression of other operands."""
    if all(new.same_as(old) for new, old in zip(parts, operands(expr))):
        return expr
    if isinstance(expr, relay.Call):
        return relay.Call(parts[0], parts[1:], expr.attrs, expr.type_args, expr.span)
    if isinstance(expr, relay.Tuple):
        return relay.Tuple(list(parts), expr.span)
    if isinstance(expr, relay.TupleGetItem):
        return relay.TupleGetItem(parts[0], expr.index)
    return expr


def substitute(expr: Any, values: dict[Any, Any]) -> Any:
    """An expression with these variables replaced."""
    if not values:
        return expr
    if isinstance(expr, relay.Function):
        # TVM's bind refuses a function that has fewer free variables then: two of them are one.
        body = relay.bind(expr.body, values)
        return relay.Function(
            expr.params, body, expr.ret_type, expr.type_params, expr.attrs, expr.span
        )
    return relay.bind(expr, values)


_OPERANDS = (relay.Var, relay.Constant, tvm.ir.Op)


#: The free variables of the expressions that were asked for; None where they aren't remembered.
_known_variables: dict[Any, frozenset[Any]] | None = None


@contextmanager
def _remembered_variables() -> Iterator[None]:
    """Inside, an expression's variables are found once: in a long chain each loop asks for all."""
    global _known_variables
    outer, _known_variables = _known_variables, {}
    try:
        yield
    finally:
        _known_variables = outer


def variables(expr: Any) -> frozenset[Any]:
    """The free variables of an expression."""
    if isinstance(expr, relay.Var):
        return frozenset((expr,))
    memory = _known_variables
    known = None if memory is None else memory.get(expr)
    if known is None:
        parts = operands(expr)
        if not (parts and all(isinstance(p, _OPERANDS) for p in parts)):
            parts = relay.analysis.free_vars(expr)
        known = frozenset(p for p in parts if isinstance(p, relay.Var))
        if memory is not None:
            memory[expr] = known
    return known


@dataclass
class Chain:
    """A chain of bindings, and its result."""

    bindings: Scope
    result: Any

    @functools.cached_property
    def users(self) -> dict[Any, list[int]]:
        """The places of the bindings that use a variable; that of the result is behind them."""
        found: dict[Any, list[int]] = {}
        for i, value in enumerate([*(value for _, value in self.bindings), self.result]):
            for var in variables(value):
                found.setdefault(var, []).append(i)
        return found

    def users_of(self, at: int) -> list[int]:
        """The places that use what a binding binds: not the binding, which may define it by itself."""
        return [i for i in self.users.get(self.bindings[at][0], []) if i != at]


def static_shape(t: Any) -> tuple[int, ...] | None:
    """The shape of a tensor type, if it's known."""
    if not isinstance(t, tvm.ir.TensorType):
        return None
    if not all(isinstance(d, tvm.tir.IntImm) for d in t.shape):
        return None
    return tuple(int(d) for d in t.shape)


def operator(expr: Any) -> str:
    """The name of the operator that's called, or nothing."""
    op = expr.op if isinstance(expr, relay.Call) else None
    return _name(op) if isinstance(op, tvm.ir.Op) else ""


@functools.cache
def _name(op: tvm.ir.Op) -> str:
    return str(op.name)


def scalar(expr: Any) -> int | None:
    """The value of an integer constant without axes."""
    if isinstance(expr, relay.Constant) and not expr.data.shape and "int" in expr.data.dtype:
        return int(expr.data.numpy())
    return None


#: What no rewriter looks into: most of what there is.
_LEAVES = (relay.Var, relay.GlobalVar, tvm.ir.Op)


class Rewriter(relay.ExprMutator):  # type: ignore[misc]
    """Rewrites every chain of bindings, those further in first."""

    def __init__(self, note: Note = ignore) -> None:
        super().__init__()
        self.note = note
        self.values: dict[Any, Any] = {}
        """What the variables that can be seen were bound to."""

    def visit(self, expr: Any) -> Any:
        return expr if isinstance(expr, _LEAVES) else super().visit(expr)

    def rewrite(self, bindings: Scope, result: Any) -> Any:
        """What stands in the place of a chain, whose values are rewritten."""
        return chain(bindings, result)

    def visit_let(self, let: relay.Let) -> relay.Expr:
        bindings, result = unchain(let)
        self.values.update(bindings)
        made = self.rewrite(
            [(var, self.visit(value)) for var, value in bindings], self.visit(result)
        )
        return let if _is_chain(made, bindings, result) else made

    def visit_function(self, function: relay.Function) -> relay.Function:
        body = self.visit(function.body)
        if body.same_as(function.body):
            return function
        return relay.Function(
            function.params, body, function.ret_type, function.type_params, function.attrs
        )

    def visit_if(self, branch: relay.If) -> relay.If:
        parts = branch.cond, branch.true_branch, branch.false_branch
        new = [self.visit(part) for part in parts]
        same = all(x.same_as(y) for x, y in zip(new, parts))
        return branch if same else relay.If(*new, span=branch.span)

    def visit_call(self, call: relay.Call) -> relay.Call:
        return rebuild(call, [self.visit(part) for part in operands(call)])

    def visit_tuple(self, tup: relay.Tuple) -> relay.Tuple:
        return rebuild(tup, [self.visit(part) for part in tup.fields])


def rewrite(mod: tvm.IRModule, rewriter: Callable[[], Rewriter]) -> tvm.IRModule:
    """A module whose functions are rewritten, with types before: the one that's given, where nothing
    is changed."""
    if not all(map(_is_typed, mod.functions.values())):
        mod = relay.transform.InferType()(mod)
    with _remembered_variables():
        return with_functions(mod, lambda function: rewriter().visit(function))


def with_functions(mod: tvm.IRModule, change: Callable[[Any], Any]) -> tvm.IRModule:
    """A module with other functions; the one that's given, where they are the same."""
    changed = changed_functions(mod, change)
    if not changed:
        return mod
    functions = {**dict(mod.functions.items()), **changed}
    return tvm.IRModule(functions, dict(mod.type_definitions.items()))


def changed_functions(mod: tvm.IRModule, change: Callable[[Any], Any]) -> dict[Any, Any]:
    """What is made of a module's functions, where that is another one."""
    functions = {var: f for var, f in mod.functions.items() if isinstance(f, relay.Function)}
    changed = {var: change(function) for var, function in functions.items()}
    return {var: new for var, new in changed.items() if not new.same_as(functions[var])}


@dataclass
class Loop:
    """See above. ``function`` is how it stood."""

    var: Any
    function: Any
    head: Scope
    more: Any
    turn: Scope
    args: list[Any]

    @classmethod
    def of(cls, var: Any, function: Any) -> Loop | None:
        """The loop that a binding defines, if it defines one."""
        if not isinstance(function, relay.Function):
            return None
        head, branch = unchain(function.body)
        if not isinstance(branch, relay.If):
            return None
        turn, again = unchain(branch.true_branch)
        if not (isinstance(again, relay.Call) and again.op == var):
            return None
        inner = [value for _, value in (*head, *turn)]
        if any(
            var in variables(x) for x in (*inner, branch.cond, branch.false_branch, *again.args)
        ):
            return None
        return cls(var, function, head, branch.cond, turn, list(again.args))

    @property
    def params(self) -> list[Any]:
        return list(self.function.params)

    @property
    def result(self) -> Any:
        return self.branch.false_branch

    @property
    def branch(self) -> Any:
        return unchain(self.function.body)[1]

    def defined(self) -> set[Any]:
        """The variables that may differ from turn to turn."""
        return {*self.params, *(var for var, _ in (*self.head, *self.turn))}

    def with_body(self, head: Scope, turn: Scope) -> relay.Function:
        """The function with other bindings, of the same parameters."""
        again = chain(turn, relay.Call(self.var, self.args))
        branch = relay.If(self.more, again, self.result, span=self.branch.span)
        return relay.Function(self.params, chain(head, branch), self.function.ret_type)


def is_loop(var: Any, value: Any) -> bool:
    """Whether a binding defines a loop."""
    return Loop.of(var, value) is not None


def is_recursion(var: Any, value: Any) -> bool:
    """Whether a binding defines a function that calls itself, and isn't a loop."""
    is_function = isinstance(value, relay.Function)
    return is_function and var in relay.analysis.free_vars(value) and not is_loop(var, value)


def _is_typed(function: Any) -> bool:
    """A function that's added to a module gets a type by itself, without what's in it."""
    is_relay = isinstance(function, relay.Function)
    return (function.body if is_relay else function)._checked_type_ is not None


def has_loops(mod: tvm.IRModule) -> bool:
    return _binds(mod, is_loop)


def has_recursions(mod: tvm.IRModule) -> bool:
    return _binds(mod, is_recursion)


def _binds(mod: tvm.IRModule, is_asked: Callable[[Any, Any], bool]) -> bool:
    """Whether any binding in the module is of some sort."""
    found = False

    def look(expr: Any) -> None:
        nonlocal found
        found = found or (isinstance(expr, relay.Let) and is_asked(expr.var, expr.value))

    for function in mod.functions.values():
        if isinstance(function, relay.Function):
            relay.analysis.post_order_visit(function, look)
    return found
