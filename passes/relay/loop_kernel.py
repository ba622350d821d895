"""The operator ``loop_kernel``: a loop whose turns all run in one kernel.

Its operands are a tuple: what the loop carries, as it is at first, and whatever else a turn reads. Its
attributes are ``turn``, a function of these that ends in an ``if`` of whether there's another turn,
whose first arm gives what's carried on and the rows that are collected; how many values are
``carried``; and how many ``turns`` there's place for, where rows are collected. The function is
optimised, in A-normal form, and its operators are in fused, primitive functions, each of which has its
lowered form as an attribute. The results are the carried values, as they are in the end; the collected
rows; how many turns there were; and whether the place came to an end, and not the loop.

Importing this module registers the operator.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import tvm
from tvm import relay, te, tir
from tvm.relay.backend import te_compiler
from tvm.relay.op import op as registry
from tvm.target import override_native_generic_func

from passes.relay.bindings import unchain

NAME = "loop_kernel"

_LOWERED = "lowered"


def make(turn: relay.Function, operands: Sequence[Any], carried: int, turns: int) -> relay.Call:
    attributes = tvm.ir.make_node("DictAttrs", turn=turn, carried=carried, turns=turns)
    return relay.Call(relay.op.get(NAME), [relay.Tuple(list(operands))], attributes)


def result_type(attrs: Any) -> relay.TupleType:
    """Of a call with these attributes."""
    parts = list(attrs["turn"].ret_type.fields)
    carried, turns = int(attrs["carried"]), int(attrs["turns"])
    rows = [relay.TensorType([turns, *row.shape], row.dtype) for row in parts[carried:]]
    count, more = relay.TensorType([], "int64"), relay.TensorType([], "bool")
    return relay.TupleType([*parts[:carried], *rows, count, more])


# --- the kernel ------------------------------------------------------------------------------


class _Array(NamedTuple):
    """A value's memory. ``flat`` sees it as TIR does in the end: without axes, bool as int8.

    What's only read, as an operand of operators, may have staged sizes; ``size`` is 0 then.
    """

    data: Any
    flat: Any
    size: int
    shape: Sequence[Any]

    @classmethod
    def of(cls, data: Any, shape: Sequence[Any], dtype: str) -> _Array:
        known = all(isinstance(d, int | tir.IntImm) for d in shape)
        size = math.prod(int(d) for d in shape) if known else 0
        stored = "int8" if dtype == "bool" else dtype
        return cls(data, tir.decl_buffer((size,), stored, data.name, data=data), size, shape)


class Writer:
    """Writes the statements of a loop."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        """Of variables: an array, a tuple of such, or a primitive function."""
        self.memory: list[tuple[Any, str, int]] = []
        self.first: list[Any] = []
        """What's done once, before the loop."""

    def loop(self, attrs: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """The loop, from buffers to buffers."""
        carried = int(attrs["carried"])
        given = [_Array.of(b.data, b.shape, b.dtype) for b in inputs]
        made = [_Array.of(b.data, b.shape, b.dtype) for b in outputs]
        state, lists, count, going_on = made[:carried], made[carried:-2], made[-2], made[-1]
        self.values.update(zip(attrs["turn"].params, [*state, *given[carried:]]))
        self.first += [_copied(start, end) for start, end in zip(given, state)]
        self.first += [_store(going_on, 1), _store(count, 0)]
        head, branch = last_branch(attrs["turn"])
        before = self._bindings(head)
        more = self._value(branch.cond)
        turn: list[Any] = []
        results = self._block(branch.true_branch, turn)
        for row, rows in zip(results[carried:], lists):
            turn.append(_copied(row, rows, count.flat[0].astype("int32") * row.size))
        turn += self._moved(results[:carried], state)
        turn.append(_store(count, count.flat[0] + 1))
        body = [*before, tir.IfThenElse(_truth(more), _sequence(turn), _store(going_on, 0))]
        again = _truth(going_on)
        if lists:
            again = tir.And(again, count.flat[0] < int(attrs["turns"]))
        whole = [*self.first, tir.While(again, _sequence(body))]
        return self._allocated(_sequence(whole))

    def _new(self, shape: Sequence[Any], dtype: str, name: str = "value") -> _Array:
        stored = "int8" if dtype == "bool" else dtype
        data = tir.Var(name, tvm.ir.PointerType(tvm.ir.PrimType(stored), "global"))
        array = _Array.of(data, shape, dtype)
        self.memory.append((data, stored, max(array.size, 1)))
        return array

    def _memory_of(self, t: Any) -> Any:
        if isinstance(t, relay.TupleType):
            return [self._memory_of(field) for field in t.fields]
        return self._new(t.shape, t.dtype)

    def _allocated(self, body: Any) -> Any:
        for data, dtype, size in reversed(self.memory):
            body = tir.Allocate(data, dtype, [size], tir.const(True, "bool"), body)
        return body

    # --- expressions -------------------------------------------------------------------------

    def _block(self, expr: Any, done: list[Any]) -> Any:
        """The value of a chain of lets; its statements are added to ``done``."""
        bindings, result = unchain(expr)
        done += self._bindings(bindings)
        return self._value(result)

    def _bindings(self, bindings: Sequence[tuple[Any, Any]]) -> list[Any]:
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
        return self._value(value)

    def _value(self, expr: Any) -> Any:
        if isinstance(expr, relay.Tuple):
            return [self._value(field) for field in expr.fields]
        if isinstance(expr, relay.TupleGetItem):
            return self._value(expr.tuple_value)[expr.index]
        if isinstance(expr, relay.Constant):
            array = self._new((), expr.data.dtype, "number")
            self.first.append(_store(array, expr.data.numpy().item()))
            return array
        return self.values[expr]

    def _called(self, expr: Any, done: list[Any]) -> Any:
        function = expr.op if isinstance(expr.op, relay.Function) else self.values[expr.op]
        arguments = _flattened([self._value(arg) for arg in expr.args])
        result = self._memory_of(expr.checked_type)
        lowered = tir.stmt_functor.renew_defs(function.attrs[_LOWERED])
        buffers = [lowered.buffer_map[param] for param in lowered.params]
        arrays = [*arguments, *_flattened([result])]
        places = {buffer.data: array for buffer, array in zip(buffers, arrays)}
        done.append(_in_place(lowered.body, places, _staged_sizes(buffers, arrays)))
        return result

    def _branch(self, expr: Any, done: list[Any]) -> Any:
        result = self._memory_of(expr.checked_type)
        arms = []
        for arm in (expr.true_branch, expr.false_branch):
            statements: list[Any] = []
            values = self._block(arm, statements)
            statements += [
                _copied(value, place)
                for value, place in zip(_flattened([values]), _flattened([result]))
            ]
            arms.append(_sequence(statements))
        done.append(tir.IfThenElse(_truth(self._value(expr.cond)), *arms))
        return result

    def _moved(self, values: Sequence[_Array], places: Sequence[_Array]) -> list[Any]:
        """Assignments that happen at once: what's read and written goes by way of other memory."""
        written = {place.data for place in places}
        done, later = [], []
        for value, place in zip(values, places):
            if value.data.same_as(place.data):
                continue
            if value.data in written:
                held = self._new((value.size,), value.flat.dtype, "held")
                done.append(_copied(value, held))
                value = held
            later.append(_copied(value, place))
        return done + later


def _staged_sizes(buffers: Sequence[Any], arrays: Sequence[_Array]) -> dict[Any, Any]:
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


def _in_place(body: Any, places: dict[Any, _Array], sizes: dict[Any, Any]) -> Any:
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


def _arrays_of_vectors(body: Any) -> dict[Any, _Array]:
    """For the arrays of vectors that a kernel sets aside, ones of numbers."""
    found = {}

    def look(node: Any) -> None:
        if isinstance(node, tir.Allocate) and tvm.DataType(node.dtype).lanes > 1:
            vector = tvm.DataType(node.dtype)
            dtype = node.dtype[: node.dtype.rindex("x")]
            scope = node.buffer_var.type_annotation.storage_scope
            pointer = tvm.ir.PointerType(tvm.ir.PrimType(dtype), scope)
            data = tir.Var(node.buffer_var.name, pointer)
            found[node.buffer_var] = _Array.of(data, [*node.extents, vector.lanes], dtype)

    tir.stmt_functor.post_order_visit(body, look)
    return found


def with_kernel(function: relay.Function, target: tvm.target.Target) -> relay.Function:
    """A primitive function with its kernel. Raises what TVM raises where it has none."""
    lowered = te_compiler.get().lower(function, target).funcs
    (name,) = lowered.get_global_vars()
    return function.with_attr(_LOWERED, lowered[name])


def last_branch(turn: relay.Function) -> tuple[list[tuple[Any, Any]], Any]:
    """The bindings of a function before what it ends in, to which A-normal form may have given names."""
    bindings, result = unchain(turn.body)
    values = dict(bindings)
    names = set()
    while isinstance(result, relay.Var) and result in values:
        names.add(result)
        result = values[result]
    return [(var, value) for var, value in bindings if var not in names], result


def _flattened(values: Sequence[Any]) -> list[_Array]:
    found: list[_Array] = []
    for value in values:
        found += [value] if isinstance(value, _Array) else _flattened(value)
    return found


def _copied(source: _Array, target: _Array, offset: Any = 0) -> Any:
    if source.size == 1:
        return tir.BufferStore(target.flat, source.flat[0], [offset])
    i = tir.Var("i", "int32")
    item = tir.BufferStore(target.flat, source.flat[i], [i + offset])
    return tir.For(i, 0, source.size, tir.ForKind.SERIAL, item)


def _store(array: _Array, value: Any) -> Any:
    if not isinstance(value, tir.PrimExpr):
        value = tir.const(value, array.flat.dtype)
    return tir.BufferStore(array.flat, value, [0])


def _truth(array: _Array) -> Any:
    return array.flat[0] != tir.const(0, array.flat.dtype)


def _sequence(statements: Sequence[Any]) -> Any:
    if not statements:
        return tir.Evaluate(0)
    return statements[0] if len(statements) == 1 else tir.SeqStmt(list(statements))


# --- registration ------------------------------------------------------------------------------


def _compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
    fields = output_type.fields
    made = te.extern(
        [list(field.shape) for field in fields],
        list(tensors),
        lambda inputs, outputs: Writer().loop(attrs, inputs, outputs),
        name=NAME,
        dtype=[field.dtype for field in fields],
        in_buffers=[tir.decl_buffer(t.shape, t.dtype, t.op.name) for t in tensors],
        out_buffers=[
            tir.decl_buffer(f.shape, f.dtype, f"{NAME}_{i}") for i, f in enumerate(fields)
        ],
    )
    return list(made)


def _schedule(attrs: Any, outputs: Any, target: Any) -> Any:
    return te.create_schedule([x.op for x in outputs])


@override_native_generic_func(NAME)
def _strategy(attrs: Any, tensors: Any, output_type: Any, target: Any) -> Any:
    chosen = registry.OpStrategy()
    chosen.add_implementation(_compute, _schedule, name=NAME)
    return chosen


def _register() -> None:
    tvm._ffi.get_global_func("ir.RegisterOp")(NAME, "A loop whose turns all run in one kernel.")
    op = relay.op.get(NAME)
    op.set_num_inputs(1)
    op.add_argument("operands", "Tuple", "What's carried, and what's read.")
    op.set_attr("TOpIsStateful", False)
    op.add_type_rel(NAME, lambda types, attrs: result_type(attrs))
    registry.register_pattern(NAME, registry.OpPattern.OPAQUE)
    registry.register_strategy(NAME, _strategy)


_register()
