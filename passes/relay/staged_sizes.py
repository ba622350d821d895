"""Sizes that only the run knows are computed once.

Before each kernel of a staged size the VM computes the shape of its result, and from that its bytes,
by kernels of their own: some 3 µs. It runs where TVM has made all of that explicit:

* a shape is asked of no array for whose memory it was computed;
* what computes a shape that's known to be another one isn't called (``size_terms.py``): most operators
  give a shape that some array has already. What may raise is called still;
* one kernel multiplies the sizes, where TVM has two, and none where there are as many bytes already;
* an array that has a shape isn't reshaped to it.

>>> import tvm
>>> x = relay.var("x", shape=(relay.Any(), 3))
>>> a, b = relay.var("a"), relay.var("b")
>>> shape = relay.op.vm.shape_of(x)
>>> body = relay.Let(a, shape, relay.Let(b, shape, relay.Tuple([a, b])))
>>> mod = relay.transform.InferType()(tvm.IRModule.from_expr(relay.Function([x], body)))
>>> made = run(mod["main"], mod).body
>>> made.value.op.name, made.body.fields[1] == made.var
('vm.shape_of', True)
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import tvm
from tvm import relay, tir

from passes.relay.bindings import Scope, chain, operator, substitute, unchain, variables
from passes.relay.size_kernels import bytes_of
from passes.relay.size_terms import Terms, UnknownError, product, results

#: What nobody misses where its result isn't used.
_WITHOUT_EFFECT = ("memory.alloc_storage", "memory.alloc_tensor", "vm.shape_of")


def run(function: relay.Function, kernels: tvm.IRModule) -> relay.Function:
    """A function, with types, whose shape functions are among ``kernels``."""
    if not any(isinstance(d, tir.Any) for d in _dimensions(function)):
        return function
    if isinstance(function.body, relay.Function):  # A closure: what it captured, and a function.
        body: Any = run(function.body, kernels)
    else:
        body = _Sizes(kernels).chain(function.body)
    return relay.function.FunctionWithFields(function, body=body)


def _dimensions(function: relay.Function) -> Any:
    """The sizes of the arrays that are bound in a function."""
    found: list[Any] = []

    def look(expr: Any) -> None:
        if isinstance(expr, relay.Var) and isinstance(expr.checked_type, tvm.ir.TensorType):
            found.extend(expr.checked_type.shape)

    relay.analysis.post_order_visit(function, look)
    return found


class _Sizes:
    """Rewrites a function's chains, one within the other.

    ``shapes`` has the variables that hold a shape, by its terms, and ``bytes`` those that hold a
    number of bytes; both have what can be seen in a chain.
    """

    def __init__(self, kernels: tvm.IRModule) -> None:
        self.kernels = kernels
        self.numbers = itertools.count()
        self.names: dict[Any, Any] = {}
        """What stands in the place of a variable."""
        self.terms: dict[Any, Terms] = {}
        """What is in variables that hold shapes."""
        self.arrays: dict[Any, Terms] = {}
        """The shapes of arrays."""
        self.shapes: dict[Terms, Any] = {}
        self.bytes: dict[Any, Any] = {}

    def chain(self, expr: Any) -> Any:
        seen = self.shapes.copy(), self.bytes.copy()
        bindings, result = unchain(expr)
        made: Scope = []
        for var, value in bindings:
            value = self._renamed(value)
            inner = _inner(value)
            if isinstance(inner, relay.If):
                arms = [self.chain(arm) for arm in (inner.true_branch, inner.false_branch)]
                value = _in_place(value, relay.If(inner.cond, *arms, inner.span))
            elif isinstance(inner, relay.Function):
                value = run(inner, self.kernels)
            elif self._is_kept(var, inner):
                before, value = self._with_bytes(value)
                made += before
            else:
                continue
            made.append((var, value))
        result = self._renamed(result)
        self.shapes, self.bytes = seen
        return chain(_used(made, result), result)

    def _renamed(self, expr: Any) -> Any:
        found = {var: self.names[var] for var in variables(expr) if var in self.names}
        return substitute(expr, found)

    def _is_kept(self, var: Any, value: Any) -> bool:
        """Learn what a binding is; whether it's needed."""
        match operator(value):
            case "vm.shape_of":
                return self._is_shape_kept(var, self._shape_of(value.args[0]))
            case "memory.alloc_tensor":
                terms = self._in(value.args[2])
                if terms is not None:
                    self.arrays[var] = terms
            case "vm.reshape_tensor":
                return self._is_reshape_kept(var, value)
            case "vm.invoke_tvm_op":
                return self._is_call_kept(value)
        if isinstance(value, relay.Constant):
            terms = self._in(value)
            if terms is not None:
                self.terms[var] = terms
        elif isinstance(value, relay.Var) and value in self.arrays:
            self.arrays[var] = self.arrays[value]
        return True

    def _is_shape_kept(self, var: Any, terms: Terms) -> bool:
        """Whether a variable has to hold a shape: or else another one that does takes its place."""
        self.terms[var] = terms
        if terms in self.shapes:
            self.names[var] = self.shapes[terms]
            return False
        self.shapes[terms] = var
        return True

    def _is_reshape_kept(self, var: Any, value: Any) -> bool:
        array, shape = value.args[:2]
        terms = self._in(shape)
        if terms is None:
            return True
        if isinstance(array, relay.Var) and self._shape_of(array) == terms:
            self.names[var] = array
            return False
        self.arrays[var] = terms
        return True

    def _is_call_kept(self, call: Any) -> bool:
        """Whether a kernel has to run. A shape function hasn't where all that it gives is there."""
        kernel, given, made = call.args
        if not isinstance(kernel, tvm.ir.GlobalVar):
            return True
        inputs = [self._in(x) for x in given.fields]
        if None in inputs or not all(map(_is_shape, made.fields)):
            return True
        try:
            found = results(self.kernels[kernel], [x for x in inputs if x is not None])
        except UnknownError:
            found = []
        if found and all(terms in self.shapes for terms in found):
            self.names.update(zip(made.fields, (self.shapes[terms] for terms in found)))
            return False
        found = found or [self._new(x.checked_type.shape[0]) for x in made.fields]
        for var, terms in zip(made.fields, found):
            self.terms[var] = terms
            self.shapes.setdefault(terms, var)
        return True

    def _new(self, count: Any) -> Terms:
        return tuple(("size", next(self.numbers)) for _ in range(int(count)))

    def _shape_of(self, array: Any) -> Terms:
        """The shape of an array: sizes of which nothing is known are new ones."""
        if array not in self.arrays:
            sizes = array.checked_type.shape
            self.arrays[array] = tuple(
                int(n) if isinstance(n, tir.IntImm) else self._new(1)[0] for n in sizes
            )
        return self.arrays[array]

    def _in(self, expr: Any) -> Terms | None:
        """What an expression holds, if that's a shape."""
        expr = _inner(expr)
        if isinstance(expr, relay.Constant) and _is_shape(expr):
            return tuple(expr.data.numpy().tolist())
        return self.terms.get(expr) if isinstance(expr, relay.Var) else None

    def _with_bytes(self, value: Any) -> tuple[Scope, Any]:
        """An allocation of memory for an array of a staged shape, and how its bytes are computed."""
        allocation = _inner(value)
        if operator(allocation) != "memory.alloc_storage":
            return [], value
        given, *others = allocation.args
        size = _inner(given)
        is_product = operator(size) == "multiply" and operator(size.args[0]) == "prod"
        shape = _inner(size.args[0].args[0]) if is_product else None
        if not isinstance(shape, relay.Var) or not _is_shape(shape):
            return [], value
        dtype = tvm.DataType(allocation.attrs.dtype)
        item = -(-dtype.bits * dtype.lanes // 8)
        terms = self.terms.get(shape)
        key = (shape, item) if terms is None else functools.reduce(product, terms, item)
        before: Scope = []
        if key not in self.bytes:
            before = bytes_of(shape, item, given.attrs.virtual_device, self.kernels)
            self.bytes[key] = before[-2][0]
        allocation = relay.Call(
            allocation.op, [self.bytes[key], *others], allocation.attrs, allocation.type_args
        )
        return before, _in_place(value, allocation)


def _inner(expr: Any) -> Any:
    """An expression without the device that it's on."""
    while operator(expr) == "on_device":
        expr = expr.args[0]
    return expr


def _in_place(expr: Any, inner: Any) -> Any:
    """Another expression on the same device."""
    if operator(expr) != "on_device":
        return inner
    return relay.Call(expr.op, [_in_place(expr.args[0], inner)], expr.attrs)


def _is_shape(expr: Any) -> bool:
    if isinstance(expr, relay.Constant):  # it may be new, without a type
        return len(expr.data.shape) == 1 and expr.data.dtype == "int64"
    t = expr.checked_type
    is_vector = isinstance(t, tvm.ir.TensorType) and len(t.shape) == 1 and t.dtype == "int64"
    return is_vector and isinstance(t.shape[0], tir.IntImm)


def _used(bindings: Scope, result: Any) -> Scope:
    """The bindings without memory and shapes that nobody uses."""
    asked = set(variables(result))
    kept: Scope = []
    for var, value in reversed(bindings):
        if var not in asked and operator(_inner(value)) in _WITHOUT_EFFECT:
            continue
        asked |= variables(value)
        kept.append((var, value))
    return kept[::-1]
