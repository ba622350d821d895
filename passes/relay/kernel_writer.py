"""Several kernels as one: the statements of a function of operators, for the operators that run one.

The function is optimised, in A-normal form, and its operators are in primitive functions, each of which
has its lowered form as an attribute (`kernel_bodies.py`). Each intermediate result has memory that's set
aside once; a branch is an ``if`` in TIR.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tvm
from tvm import relay, te, tir
from tvm.relay.backend import te_compiler
from tvm.relay.op import op as registry
from tvm.target import override_native_generic_func

from passes.relay.bindings import unchain

#: The operators whose kernels are written here.
OPERATORS: set[str] = set()

LOWERED = "lowered"
"""The attribute of a primitive function that is its kernel."""


class Array(NamedTuple):
    """A value's memory. ``flat`` sees it as TIR does in the end: without axes, bool as int8.

    What's only read, as an operand of operators, may have staged sizes; ``size`` is 0 then.
    """

    data: Any
    flat: Any
    size: int
    shape: Sequence[Any]

    @classmethod
    def of(cls, data: Any, shape: Sequence[Any], dtype: str) -> Array:
        known = all(isinstance(d, int | tir.IntImm) for d in shape)
        size = math.prod(int(d) for d in shape) if known else 0
        stored = "int8" if dtype == "bool" else dtype
        return cls(data, tir.decl_buffer((size,), stored, data.name, data=data), size, shape)


class Writer:
    """Writes the statements."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        """Of variables: an array, a tuple of such, or a primitive function."""
        self.memory: list[tuple[Any, str, int]] = []
        self.first: list[Any] = []
        """What's done once, before anything else."""

    def define(self, params: Sequence[Any], arrays: Sequence[Array]) -> None:
        if len(params) != len(arrays):
            raise ValueError(f"{len(arrays)} operands for {len(params)} parameters")
        self.values.update(zip(params, arrays))

    def new(self, shape: Sequence[Any], dtype: str, name: str = "value") -> Array:
        stored = "int8" if dtype == "bool" else dtype
        data = tir.Var(name, tvm.ir.PointerType(tvm.ir.PrimType(stored), "global"))
        array = Array.of(data, shape, dtype)
        self.memory.append((data, stored, max(array.size, 1)))
        return array

    def memory_of(self, t: Any) -> Any:
        if isinstance(t, relay.TupleType):
            return [self.memory_of(field) for field in t.fields]
        return self.new(t.shape, t.dtype)

    def allocated(self, body: Any) -> Any:
        for data, dtype, size in reversed(self.memory):
            body = tir.Allocate(data, dtype, [size], tir.const(True, "bool"), body)
        return body

    # --- expressions -------------------------------------------------------------------------

    def block(self, expr: Any, done: list[Any]) -> Any:
        """The value of a chain of lets; its statements are added to ``done``."""
        bindings, result = unchain(expr)
        done += self.bindings(bindings)
        return self.value(result)

    def bindings(self, bindings: Sequence[tuple[Any, Any]]) -> list[Any]:
        done: list[Any] = []
        for var, value in bindings:
            self.values[var] = self._bound(value, done)
        return done

    def _bound(self, value: Any, done: list[Any]) -> Any:
        if isinstance(value, relay.Function):
            return value
        if isinstance(value, relay.Call):
            return self._called(value, done)
        if isinstance(value, relay.If):
            return self._branch(value, done)
        return self.value(value)

    def value(self, expr: Any) -> Any:
        if isinstance(expr, relay.Tuple):
            return [self.value(field) for field in expr.fields]
        if isinstance(expr, relay.TupleGetItem):
            return self.value(expr.tuple_value)[expr.index]
        if isinstance(expr, relay.Constant):
            array = self.new((), expr.data.dtype, "number")
            self.first.append(store(array, expr.data.numpy().item()))
            return array
        return self.values[expr]

    def _called(self, expr: Any, done: list[Any]) -> Any:
        function = expr.op if isinstance(expr.op, relay.Function) else self.values[expr.op]
        arguments = flattened([self.value(arg) for arg in expr.args])
        result = self.memory_of(expr.checked_type)
        done.append(computed(function.attrs[LOWERED], [*arguments, *flattened([result])]))
        return result

    def _branch(self, expr: Any, done: list[Any]) -> Any:
        result = self.memory_of(expr.checked_type)
        arms = []
        for arm in (expr.true_branch, expr.false_branch):
            statements: list[Any] = []
            values = self.block(arm, statements)
            statements += [
                copied(value, place)
                for value, place in zip(flattened([values]), flattened([result]))
            ]
            arms.append(sequence(statements))
        done.append(tir.IfThenElse(truth(self.value(expr.cond)), *arms))
        return result


def computed(kernel: tir.PrimFunc, arrays: Sequence[Array]) -> Any:
    """A primitive function's kernel on arrays: its operands, and what it writes."""
    lowered = tir.stmt_functor.renew_defs(kernel)
    buffers = [lowered.buffer_map[param] for param in lowered.params]
    if len(arrays) != len(buffers):
        raise ValueError(f"{len(arrays)} arrays for {len(buffers)} buffers")
    places = {buffer.data: array for buffer, array in zip(buffers, arrays)}
    return _in_place(lowered.body, places, _staged_sizes(buffers, arrays))


def _staged_sizes(buffers: Sequence[Any], arrays: Sequence[Array]) -> dict[Any, Any]:
    """What a kernel's own names for sizes stand for, and for steps from one item to the next."""
    found: dict[Any, Any] = {}
    for buffer, array in zip(buffers, arrays):
        for own, given in zip(buffer.shape, array.shape):
            if isinstance(own, tir.Var):
                found[own] = given
        for axis, stride in enumerate(buffer.strides):
            if isinstance(stride, tir.Var):
                step = functools.reduce(operator.mul, array.shape[axis + 1 :], 1)
                # An axis of one item is broadcast: every index means that one.
                one = tvm.runtime.convert(array.shape[axis]).equal(1)
                found[stride] = tir.Select(one, *(tir.Cast(stride.dtype, n) for n in (0, step)))
        if isinstance(buffer.elem_offset, tir.Var):
            found[buffer.elem_offset] = tir.const(0, buffer.elem_offset.dtype)
    return found


def _in_place(body: Any, places: dict[Any, Array], sizes: dict[Any, Any]) -> Any:
    """A kernel's body on other memory.

    In the end TVM makes arrays of vectors of those that are read and written as vectors. What becomes
    part of a larger kernel has to have arrays of numbers, as TVM's passes expect them.
    """
    places = {**places, **_arrays_of_vectors(body)}
    memory = {old: new.data for old, new in places.items()}
    body = tir.stmt_functor.substitute(body, {**memory, **sizes})
    arrays = {array.data: array for array in places.values()}

    def numbers(node: Any) -> Any:
        if isinstance(node, tir.Allocate):
            array = places.get(node.buffer_var)
            if array is None:
                return None
            dtype = array.flat.dtype
            return tir.Allocate(array.data, dtype, [array.size], node.condition, node.body)
        lanes = tvm.DataType(node.buffer.dtype).lanes
        array = arrays.get(node.buffer.data)
        if lanes == 1 or array is None:
            return None
        index = tir.Ramp(node.indices[0] * lanes, 1, lanes)
        if isinstance(node, tir.BufferLoad):
            return tir.BufferLoad(array.flat, [index])
        return tir.BufferStore(array.flat, node.value, [index])

    nodes = ["tir.BufferLoad", "tir.BufferStore", "tir.Allocate"]
    return tir.stmt_functor.ir_transform(body, None, numbers, nodes)


def _arrays_of_vectors(body: Any) -> dict[Any, Array]:
    """For the arrays of vectors that a kernel sets aside, ones of numbers."""
    found = {}

    def look(node: Any) -> None:
        if isinstance(node, tir.Allocate) and tvm.DataType(node.dtype).lanes > 1:
            vector = tvm.DataType(node.dtype)
            dtype = node.dtype[: node.dtype.rindex("x")]
            scope = node.buffer_var.type_annotation.storage_scope
            pointer = tvm.ir.PointerType(tvm.ir.PrimType(dtype), scope)
            data = tir.Var(node.buffer_var.name, pointer)
            found[node.buffer_var] = Array.of(data, [*node.extents, vector.lanes], dtype)

    tir.stmt_functor.post_order_visit(body, look)
    return found


def with_kernel(function: relay.Function, target: tvm.target.Target) -> relay.Function:
    """A primitive function with its kernel. Raises what TVM raises where it has none."""
    lowered = te_compiler.get().lower(function, target).funcs
    (name,) = lowered.get_global_vars()
    return function.with_attr(LOWERED, lowered[name])


def flattened(values: Sequence[Any]) -> list[Array]:
    found: list[Array] = []
    for value in values:
        found += [value] if isinstance(value, Array) else flattened(value)
    return found


def copied(source: Array, target: Array, offset: Any = 0) -> Any:
    return each(source.size, lambda i: tir.BufferStore(target.flat, source.flat[i], [i + offset]))


def each(size: int, item: Callable[[Any], Any]) -> Any:
    """A statement for each of so many items."""
    if size == 1:
        return item(0)
    i = tir.Var("i", "int32")
    return tir.For(i, 0, size, tir.ForKind.SERIAL, item(i))


def moved(writer: Writer, values: Sequence[Array], places: Sequence[Array]) -> list[Any]:
    """Assignments that happen at once: what's read and written goes by way of other memory."""
    written = {place.data for place in places}
    done, later = [], []
    for value, place in zip(values, places):
        if value.data.same_as(place.data):
            continue
        if value.data in written:
            held = writer.new((value.size,), value.flat.dtype, "held")
            done.append(copied(value, held))
            value = held
        later.append(copied(value, place))
    return done + later


def store(array: Array, value: Any) -> Any:
    if not isinstance(value, tir.PrimExpr):
        value = tir.const(value, array.flat.dtype)
    return tir.BufferStore(array.flat, value, [0])


def truth(array: Array) -> Any:
    return array.flat[0] != tir.const(0, array.flat.dtype)


def serial(statement: Any) -> Any:
    """A statement whose loops are all done by one thread."""

    def visit(loop: Any) -> Any:
        if loop.kind != tir.ForKind.PARALLEL:
            return None
        return tir.For(loop.loop_var, loop.min, loop.extent, tir.ForKind.SERIAL, loop.body)

    return tir.stmt_functor.ir_transform(statement, None, visit, ["tir.For"])


def sequence(statements: Sequence[Any]) -> Any:
    if not statements:
        return tir.Evaluate(0)
    return statements[0] if len(statements) == 1 else tir.SeqStmt(list(statements))


# --- operators ---------------------------------------------------------------------------------


def register(
    name: str, result_type: Callable[[Any], Any], write: Callable[[Any, Any, Any], Any]
) -> None:
    """Make an operator known to Relay whose kernel ``write`` gives, from its attributes and buffers.

    It takes a tuple, and gives one whose type depends on the attributes alone.
    """

    def compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        fields = output_type.fields
        made = te.extern(
            [list(field.shape) for field in fields],
            list(tensors),
            lambda inputs, outputs: write(attrs, inputs, outputs),
            name=name,
            dtype=[field.dtype for field in fields],
            in_buffers=[tir.decl_buffer(t.shape, t.dtype, t.op.name) for t in tensors],
            out_buffers=[
                tir.decl_buffer(f.shape, f.dtype, f"{name}_{i}") for i, f in enumerate(fields)
            ],
        )
        return list(made) if len(fields) > 1 else [made]

    @override_native_generic_func(name)
    def strategy(attrs: Any, tensors: Any, output_type: Any, target: Any) -> Any:
        chosen = registry.OpStrategy()
        chosen.add_implementation(compute, _schedule, name=name)
        return chosen

    tvm._ffi.get_global_func("ir.RegisterOp")(name, "Several kernels as one.")
    op = relay.op.get(name)
    op.set_num_inputs(1)
    op.add_argument("operands", "Tuple", "What's computed with.")
    op.set_attr("TOpIsStateful", False)
    op.add_type_rel(name, lambda types, attrs: result_type(attrs))
    registry.register_pattern(name, registry.OpPattern.OPAQUE)
    registry.register_strategy(name, strategy)
    OPERATORS.add(name)


def _schedule(attrs: Any, outputs: Any, target: Any) -> Any:
    return te.create_schedule([x.op for x in outputs])
