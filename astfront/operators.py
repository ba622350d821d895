"""Operators, comparisons, truth and subscripts on abstract values, with Python's meaning."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import chainer
import gast
import numpy as np

from astfront.diagnostics import CompileError
from astfront.environment import UNKNOWN_STORAGE, same
from astfront.join import Collector, Join, JoinError, element_at
from astfront.rules.registry import RULES
from astfront.values import (
    FALSE,
    NONE,
    POISON,
    TRUE,
    BoundMethod,
    Content,
    Dict,
    Entries,
    Function,
    GrownList,
    Items,
    Iterator,
    List,
    Object,
    Option,
    Partial,
    Poison,
    Range,
    Scalar,
    Shape,
    Slice,
    Static,
    Tensor,
    Tuple,
    Value,
    describe,
)

if TYPE_CHECKING:
    from astfront.interpreter import Interpreter as Base
else:
    Base = object

#: AST operator → (Python function, its in-place twin, numpy's ufunc).
BINARY: dict[type, tuple[Callable[..., Any], Callable[..., Any], Any]] = {
    gast.Add: (operator.add, operator.iadd, np.add),
    gast.Sub: (operator.sub, operator.isub, np.subtract),
    gast.Mult: (operator.mul, operator.imul, np.multiply),
    gast.Div: (operator.truediv, operator.itruediv, np.true_divide),
    gast.FloorDiv: (operator.floordiv, operator.ifloordiv, np.floor_divide),
    gast.Mod: (operator.mod, operator.imod, np.remainder),
    gast.Pow: (operator.pow, operator.ipow, np.power),
    gast.MatMult: (operator.matmul, operator.imatmul, np.matmul),
    gast.BitAnd: (operator.and_, operator.iand, np.bitwise_and),
    gast.BitOr: (operator.or_, operator.ior, np.bitwise_or),
    gast.BitXor: (operator.xor, operator.ixor, np.bitwise_xor),
    gast.LShift: (operator.lshift, operator.ilshift, np.left_shift),
    gast.RShift: (operator.rshift, operator.irshift, np.right_shift),
}
DUNDER = {
    operator.add: "add",
    operator.sub: "sub",
    operator.mul: "mul",
    operator.truediv: "truediv",
    operator.floordiv: "floordiv",
    operator.mod: "mod",
    operator.pow: "pow",
    operator.matmul: "matmul",
    operator.and_: "and",
    operator.or_: "or",
    operator.xor: "xor",
    operator.lshift: "lshift",
    operator.rshift: "rshift",
}
COMPARE: dict[type, tuple[Callable[..., Any], Any, str]] = {
    gast.Eq: (operator.eq, np.equal, "equal"),
    gast.NotEq: (operator.ne, np.not_equal, "not_equal"),
    gast.Lt: (operator.lt, np.less, "less"),
    gast.LtE: (operator.le, np.less_equal, "less_equal"),
    gast.Gt: (operator.gt, np.greater, "greater"),
    gast.GtE: (operator.ge, np.greater_equal, "greater_equal"),
}
COMPARE_DUNDER = {
    operator.eq: ("__eq__", "__eq__"),
    operator.ne: ("__ne__", "__ne__"),
    operator.lt: ("__lt__", "__gt__"),
    operator.le: ("__le__", "__ge__"),
    operator.gt: ("__gt__", "__lt__"),
    operator.ge: ("__ge__", "__le__"),
}
NUMBERS = (bool, int, float)


class Operators(Base):
    # --- arithmetic --------------------------------------------------------------------------

    def binary(self, op: gast.AST, a: Value, b: Value) -> Value:
        return self.binary_op(BINARY[type(op)][0], a, b)

    def binary_op(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        """``f`` is one of the functions of Python's ``operator`` module."""
        if isinstance(a, Poison) or isinstance(b, Poison):
            return POISON
        if isinstance(a, Option):
            return self.split(a, lambda v: self.binary_op(f, v, b))
        if isinstance(b, Option):
            return self.split(b, lambda v: self.binary_op(f, a, v))
        if isinstance(a, Static) and isinstance(b, Static):
            return self.run_python(f, a.obj, b.obj)
        if isinstance(a, Object) or isinstance(b, Object):
            return self.overloaded(DUNDER[f], a, b)
        tensors = [v for v in (a, b) if isinstance(v, Tensor)]
        if any(t.kind == "either" for t in tensors):
            return self.either_operator(f, a, b)
        if any(t.kind == "variable" for t in tensors):
            return self.variable_operator(f, a, b)
        if tensors:
            self.require_operand(f, a, b)
            ufunc = next(u for g, _, u in BINARY.values() if g is f)
            return self.call(Static(ufunc), [a, b], {})
        if self.is_number(a) and self.is_number(b):
            return self.scalar_arithmetic(f, a, b)
        return self.sequence_operator(f, a, b)

    def require_operand(self, f: Callable[..., Any], a: Value, b: Value) -> None:
        for v in (a, b):
            if not isinstance(v, Tensor | Scalar | List | Tuple) and not (
                isinstance(v, Static) and isinstance(v.obj, (*NUMBERS, complex, np.generic, tuple))
            ):
                self.raise_python(
                    TypeError(
                        f"unsupported operand type(s) for {f.__name__}: "
                        f"{describe(a)} and {describe(b)}"
                    )
                )

    def variable_operator(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        """Variable's operators are Python functions: compiled from their source."""
        name = DUNDER[f]
        if isinstance(a, Tensor) and a.kind == "variable":
            method, args = f"__{name}__", [a, b]
        else:
            # ndarray gives way to Variable, whose __array_priority__ is higher.
            method, args = f"__r{name}__", [b, a]
        found = getattr(chainer.Variable, method, None)
        if found is None:
            self.raise_python(
                TypeError(f"unsupported operand type(s) for {name}: {describe(a)}, {describe(b)}")
            )
        return self.call(Static(found), args, {})

    def either_operator(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        """One operand is a Variable on some ways and an array on the others."""
        other = b if isinstance(a, Tensor) and a.kind == "either" else a
        if isinstance(other, Tensor) and other.kind == "variable":
            fix = [
                v.as_kind("variable") if isinstance(v, Tensor) and v.kind == "either" else v
                for v in (a, b)
            ]
            return self.variable_operator(f, *fix)
        self.fail(
            "AF0207",
            "an operand is a Variable on some ways through the program and an array on others",
            help="write `chainer.as_variable(x)` where the array is made",
        )

    def overloaded(self, name: str, a: Value, b: Value) -> Value:
        for owner, other, method in ((a, b, f"__{name}__"), (b, a, f"__r{name}__")):
            if isinstance(owner, Object) and hasattr(owner.cls, method):
                result = self.call(self.get_attribute(owner, method), [other], {})
                if not (isinstance(result, Static) and result.obj is NotImplemented):
                    return result
        self.raise_python(
            TypeError(f"unsupported operand type(s) for {name}: {describe(a)} and {describe(b)}")
        )

    def augmented(self, op: gast.AST, old: Value, value: Value) -> Value:
        """``old op= value``: in place where Python does it in place."""
        f, inplace, _ = BINARY[type(op)]
        if isinstance(old, List) and f is operator.add:
            self.extend_list(old, value)
            return old
        if isinstance(old, Object) and hasattr(old.cls, f"__i{DUNDER[f]}__"):
            return self.call(self.get_attribute(old, f"__i{DUNDER[f]}__"), [value], {})
        if isinstance(old, Static) and isinstance(value, Static):
            return self.run_python(inplace, old.obj, value.obj)
        if isinstance(old, Tensor) and old.kind in ("array", "either"):
            return self.in_place(f, old, value)
        return self.binary_op(f, old, value)

    def in_place(self, f: Callable[..., Any], old: Tensor, value: Value) -> Value:
        """ndarray's ``+=`` changes the array itself: done only where nobody else sees it."""
        self.require_sole_owner(old)
        new = self.binary_op(f, old, value)
        if isinstance(new, Tensor) and new.kind == "array":
            if new.dtype != old.dtype:
                if not np.can_cast(new.dtype, old.dtype, "same_kind"):
                    self.raise_python(
                        TypeError(
                            f"Cannot cast ufunc '{f.__name__}' output from {new.dtype!r} to "
                            f"{old.dtype!r} with casting rule 'same_kind'"
                        )
                    )
                new = self.cast(new, old.dtype)
            if new.shape != old.shape:
                self.raise_python(
                    ValueError(f"non-broadcastable output operand with shape {old.shape}")
                )
            return replace(new, storage=old.storage)
        return new

    def require_sole_owner(self, array: Tensor) -> None:
        """AF0209 where an array that is about to be changed may be seen under another name."""
        if array.origin is not None or array.storage in self.argument_storages:
            self.fail(
                "AF0209",
                "an array that came from outside (an argument, an attribute) is changed in place",
                help="work on a copy: `x = x.copy()`, or write `x = x + y`",
            )
        if array.storage == UNKNOWN_STORAGE or self.heap.holders(array.storage) > 1:
            self.fail(
                "AF0209",
                "an array that may be seen under another name, too, is changed in place",
                help="work on a copy: `x = x.copy()`, or write `x = x + y`",
            )

    def unary(self, op: gast.AST, a: Value) -> Value:
        if isinstance(a, Poison):
            return POISON
        if isinstance(op, gast.Not):
            truth = self.truth(a)
            if isinstance(truth, Scalar):
                return Scalar(self.b.call("logical_not", truth).expr, bool)
            return FALSE if truth else TRUE
        f, ufunc = {
            gast.USub: (operator.neg, np.negative),
            gast.UAdd: (operator.pos, np.positive),
            gast.Invert: (operator.invert, np.invert),
        }[type(op)]
        if isinstance(a, Option):
            return self.split(a, lambda v: self.unary(op, v))
        if isinstance(a, Static):
            return self.run_python(f, a.obj)
        if isinstance(a, Object):
            return self.call(self.get_attribute(a, f"__{f.__name__.strip('_')}__"), [], {})
        if isinstance(a, Tensor) and a.kind in ("variable", "either"):
            return self.call(Static(getattr(chainer.Variable, f"__{f.__name__}__")), [a], {})
        if isinstance(a, Tensor):
            return self.call(Static(ufunc), [a], {})
        if isinstance(a, Scalar):
            if f is operator.invert:
                return self.scalar_arithmetic(operator.sub, self.unary(gast.USub(), a), Static(1))
            number = self.as_scalar(a, int if a.type is bool else a.type)
            if f is operator.pos:
                return number
            return Scalar(self.b.call("negative", number).expr, number.type)
        self.raise_python(TypeError(f"bad operand type for unary {f.__name__}: {describe(a)}"))

    # --- Python numbers ----------------------------------------------------------------------

    @staticmethod
    def is_number(v: Value) -> bool:
        return isinstance(v, Scalar) or (isinstance(v, Static) and isinstance(v.obj, NUMBERS))

    def as_scalar(self, v: Value, kind: type) -> Scalar:
        """A Python number as a staged one of type ``kind``."""
        if isinstance(v, Static):
            dtype = {bool: "bool", int: "int64", float: "float64"}[kind]
            if kind is int and not -(2**63) <= v.obj < 2**63:
                self.fail("AF0207", f"the int {v.obj} doesn't fit in 64 bits beside a staged one")
            return Scalar(self.b.constant(np.array(v.obj, dtype)).expr, kind)
        if not isinstance(v, Scalar):
            self.fail("AF0207", f"a number is wanted here, not {describe(v)}")
        if v.type is kind:
            return v
        dtype = {bool: "bool", int: "int64", float: "float64"}[kind]
        return Scalar(self.b.call("cast", v, dtype=dtype).expr, kind)

    def scalar_arithmetic(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        kinds = [v.type if isinstance(v, Scalar) else type(v.obj) for v in (a, b)]  # type: ignore
        if f in (operator.and_, operator.or_, operator.xor) and kinds == [bool, bool]:
            name = {operator.and_: "and", operator.or_: "or", operator.xor: "xor"}[f]
            call = self.b.call(f"logical_{name}", self.as_scalar(a, bool), self.as_scalar(b, bool))
            return Scalar(call.expr, bool)
        kind = float if float in kinds or f is operator.truediv else int
        for x, y in ((a, b), (b, a)):
            # n + 0, n - 0 and n * 1, as loops over ranges make them.
            plain = isinstance(x, Scalar) and x.type is int and isinstance(y, Static)
            if plain and type(y.obj) is int and (x is a or f is not operator.sub):  # type: ignore
                neutral = {operator.add: 0, operator.sub: 0, operator.mul: 1}.get(f)
                if neutral is not None and y.obj == neutral:  # type: ignore[attr-defined]
                    return x
        simple = {operator.add: "add", operator.sub: "subtract", operator.mul: "multiply"}
        if f in simple:
            return self._scalar_call(simple[f], a, b, kind)
        if f in (operator.truediv, operator.floordiv, operator.mod):
            word = "integer " if kind is int else "float "
            message = f"{word}division or modulo by zero".replace("float division or", "float")
            if f is operator.truediv:
                message = "division by zero" if int in kinds else "float division by zero"
            b = self.nonzero(self.as_scalar(b, kind), message) if not _nonzero(b) else b
            name = {operator.truediv: "divide", operator.floordiv: "floor_divide"}
            return self._scalar_call(name.get(f, "floor_mod"), a, b, kind)
        if f is operator.pow and isinstance(b, Static) and isinstance(b.obj, int):
            if 0 <= b.obj <= 8 and kind is int:
                result: Value = Static(1)
                for _ in range(b.obj):
                    result = self.binary_op(operator.mul, result, a)
                return result
            if kind is float:
                return self._scalar_call("power", a, b, float)
        bits = {operator.and_: "bitwise_and", operator.or_: "bitwise_or"}
        bits[operator.xor] = "bitwise_xor"
        if f in bits and kind is int:
            return self._scalar_call(bits[f], a, b, int)
        if f in (operator.lshift, operator.rshift) and isinstance(b, Static) and b.obj in range(63):
            name = {operator.lshift: "left_shift", operator.rshift: "right_shift"}
            return self._scalar_call(name[f], a, b, int)
        self.fail(
            "AF0207",
            f"`{f.__name__}` of {describe(a)} and {describe(b)} isn't supported",
            help="compute it before the call and pass the result",
        )

    def _scalar_call(self, op: str, a: Value, b: Value, kind: type) -> Scalar:
        return Scalar(self.b.call(op, self.as_scalar(a, kind), self.as_scalar(b, kind)).expr, kind)

    def nonzero(self, divisor: Scalar, message: str) -> Scalar:
        """``divisor``, with a run-time ZeroDivisionError where it is 0 (the CPU would trap)."""
        zero = self.as_scalar(Static(0), divisor.type)
        ok = Scalar(self.b.call("not_equal", divisor, zero).expr, bool)
        self.check(ok, ZeroDivisionError(message))
        one = self.as_scalar(Static(1), divisor.type)
        return Scalar(self.b.call("where", ok, divisor, one).expr, divisor.type)

    # --- sequences ---------------------------------------------------------------------------

    def sequence_operator(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        if f is operator.add:
            if self.is_tuple(a) and self.is_tuple(b):
                return self.tuple([*self.items_of(a), *self.items_of(b)])
            if isinstance(a, List) and isinstance(b, List):
                new = List(self.heap.new(self.heap[a.cell]))
                self.extend_list(new, b)
                return new
        if f is operator.mul:
            for seq, times in ((a, b), (b, a)):
                if isinstance(seq, Tuple | List) and self.is_number(times):
                    items = self.items_of(seq) * self.static(times, "the number of repetitions")
                    return self.heap.new_list(items) if isinstance(seq, List) else self.tuple(items)
        if f is operator.mod and isinstance(a, Static) and isinstance(a.obj, str):
            return self.run_python(f, a.obj, self.static(b, "what is formatted"))
        if isinstance(a, Static | Dict | Tuple | List) and isinstance(b, Static | Tuple | List):
            self.raise_python(
                TypeError(f"unsupported operand type(s): {describe(a)} and {describe(b)}")
            )
        self.fail("AF0207", f"`{f.__name__}` of {describe(a)} and {describe(b)} isn't supported")

    @staticmethod
    def is_tuple(v: Value) -> bool:
        return isinstance(v, Tuple) or (isinstance(v, Static) and isinstance(v.obj, tuple))

    def extend_list(self, target: List, more: Value) -> None:
        content = self.heap[target.cell]
        other = self.heap[more.cell] if isinstance(more, List) else None
        if isinstance(content, Items) and not isinstance(other, GrownList):
            self.heap[target.cell] = Items((*content.items, *self.items_of(more)))
            return
        if isinstance(content, Items) and not content.items and other is not None:
            self.heap[target.cell] = other
            return
        if isinstance(other, GrownList):
            self.heap[target.cell] = self.concatenated(content, other)
            return
        for item in self.items_of(more):
            self.append(target, item)

    def append(self, target: Value, item: Value) -> None:
        """``list.append``; a list that grew in a kept loop gets one more row in each buffer."""
        if not isinstance(target, List):
            self.fail("AF0208", f"append to {describe(target)}")
        content = self.heap[target.cell]
        if isinstance(content, Items):
            self.heap[target.cell] = Items((*content.items, item))
            return
        if isinstance(content, GrownList):
            self.heap[target.cell] = self.concatenated(content, Items((item,)))

    def concatenated(self, first: Content, second: Content) -> GrownList:
        """The rows of one list after those of another, at least one of them grown."""
        join = Join(self.heap)
        try:
            template = join._grown(first, second, None)
        except JoinError as e:
            self.fail("AF0504", f"the items of a list that grows differ: {e.message}")
        parts = []
        for content in (first, second):
            collector = Collector(self.b, self.heap)
            collector.widen = False
            collector.content(template, content, -1)
            parts.append(collector.tensors)
        *rows, length = zip(*parts)
        buffers = tuple(
            self._joined_rows(first, pair, leaf.shape) for pair, leaf in zip(rows, template.buffers)
        )
        total = self.b.call("add", *length)
        return GrownList(template.element, buffers, Scalar(total.expr, int))

    def _joined_rows(self, first: Content, pair: Sequence[Tensor], shape: Shape) -> Tensor:
        def rows() -> Tensor:
            return self.b.refine(self.b.call("concatenate", list(pair), axis=0), shape)

        if None not in shape[1:] or not isinstance(first, GrownList):
            return rows()
        # An empty buffer whose rows' sizes aren't known has the wrong ones: it's left out.
        empty = self.compare(gast.Eq(), first.length, Static(0))
        wide = (shape[0], *shape[1:])
        return self.stage_if(  # type: ignore[return-value]
            empty, lambda: self.b.widen(pair[1], wide), rows
        )

    # --- comparison --------------------------------------------------------------------------

    def comparison(self, node: gast.Compare) -> Value:
        """A chain: each operand once, the rest only while the comparisons before hold."""
        left = self.visit(node.left)
        return self._chain(left, list(zip(node.ops, node.comparators)))

    def _chain(self, left: Value, rest: Sequence[tuple[gast.AST, gast.expr]]) -> Value:
        (op, right_node), *more = rest
        right = self.visit(right_node)
        result = self.compare(op, left, right)
        if not more:
            return result
        return self.lazy(True, result, lambda: self._chain(right, more))

    def compare(self, op: gast.AST, a: Value, b: Value) -> Value:
        if isinstance(a, Poison) or isinstance(b, Poison):
            return POISON
        match op:
            case gast.Is():
                return self.identical(a, b)
            case gast.IsNot():
                return self.unary(gast.Not(), self.identical(a, b))
            case gast.In():
                return self.contains(a, b)
            case gast.NotIn():
                return self.unary(gast.Not(), self.contains(a, b))
        f, ufunc, name = COMPARE[type(op)]
        for i, v in enumerate((a, b)):
            if isinstance(v, Option):
                return self.split(
                    v, lambda w, i=i: self.compare(op, *((w, b) if i == 0 else (a, w)))
                )
        if isinstance(a, Static) and isinstance(b, Static):
            return self.run_python(f, a.obj, b.obj)
        if any(isinstance(v, Tensor) and v.kind in ("variable", "either") for v in (a, b)):
            self.raise_python(NotImplementedError())
        if isinstance(a, Tensor) or isinstance(b, Tensor):
            if NONE in (a, b) or any(isinstance(v, Static) and v.obj is None for v in (a, b)):
                self.fail("AF0207", "an array is compared with None", help="write `is None`")
            self.require_operand(f, a, b)
            return self.call(Static(ufunc), [a, b], {})
        if self.is_number(a) and self.is_number(b):
            kinds = {v.type if isinstance(v, Scalar) else type(v.obj) for v in (a, b)}  # type: ignore
            kind = float if float in kinds else int if int in kinds else bool
            pair = (self.as_scalar(a, kind), self.as_scalar(b, kind))
            if kind is bool and name not in ("equal", "not_equal"):
                pair = (self.as_scalar(a, int), self.as_scalar(b, int))
            return Scalar(self.b.call(name, *pair).expr, bool)
        return self.compare_containers(f, a, b)

    def compare_containers(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        if isinstance(a, Object) or isinstance(b, Object):
            names = COMPARE_DUNDER[f]
            for owner, other, name in ((a, b, names[0]), (b, a, names[1])):
                if isinstance(owner, Object) and getattr(owner.cls, name) is not getattr(
                    object, name
                ):
                    return self.call(self.get_attribute(owner, name), [other], {})
            if f in (operator.eq, operator.ne):
                return Static(same(a, b) == (f is operator.eq))
        equality = f in (operator.eq, operator.ne)
        sequences = all(self.is_tuple(v) or isinstance(v, List) for v in (a, b))
        if equality and sequences and self.is_tuple(a) == self.is_tuple(b):
            xs, ys = self.items_of(a), self.items_of(b)
            equal: Value = TRUE if len(xs) == len(ys) else FALSE
            for x, y in zip(xs, ys):
                equal = self.lazy(True, equal, lambda x=x, y=y: self.compare(gast.Eq(), x, y))
            return equal if f is operator.eq else self.unary(gast.Not(), equal)
        if equality and type(a) is not type(b):
            return Static(f is operator.ne)
        return self.run_python(f, self.static(a), self.static(b))

    def identical(self, a: Value, b: Value) -> Value:
        for x, y in ((a, b), (b, a)):
            if isinstance(x, Option) and isinstance(y, Static):
                if same(x.absent, y):
                    if isinstance(x.value, Static):
                        return self.unary(gast.Not(), x.present)
                    return self.unary(gast.Not(), x.present)
                return FALSE if not isinstance(x.value, Static) else self.split(
                    x, lambda v: self.identical(v, y)
                )
        if isinstance(a, Static) and isinstance(b, Static):
            plain = isinstance(a.obj, NUMBERS) and isinstance(b.obj, NUMBERS)
            return Static(same(a, b) if plain else a.obj is b.obj)
        if type(a) is not type(b):
            return FALSE
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            if same(a, b) or (a.origin is not None and a.origin is b.origin):
                return TRUE
            if a.storage != b.storage and UNKNOWN_STORAGE not in (a.storage, b.storage):
                return FALSE
            self.fail("AF0207", "whether these two are one array isn't known while compiling")
        return Static(same(a, b))

    def contains(self, item: Value, container: Value) -> Value:
        if isinstance(item, Static) and isinstance(container, Static):
            return self.run_python(operator.contains, container.obj, item.obj)
        if isinstance(container, Dict):
            return Static(self.static(item, "a dict's key") in self.entries_of(container))
        if isinstance(container, Object):
            return self.call(self.get_attribute(container, "__contains__"), [item], {})
        found: Value = FALSE
        for other in self.items_of(container):
            found = self.lazy(False, found, lambda other=other: self.compare(gast.Eq(), item, other))
        return found

    # --- truth -------------------------------------------------------------------------------

    def truth(self, v: Value) -> bool | Scalar:
        """``bool(v)``: a Python bool where it's known, else a staged one."""
        match v:
            case Static(obj=obj):
                return bool(self.run_python(bool, obj).obj)  # type: ignore[attr-defined]
            case Scalar():
                if v.type is bool:
                    return v
                zero = self.as_scalar(Static(0), v.type)
                return Scalar(self.b.call("not_equal", v, zero).expr, bool)
            case Tensor():
                return self._tensor_truth(v)
            case Tuple(items=items):
                return bool(items)
            case List() | Dict() | Range() | Iterator():
                return self.truth(self.length(v))
            case Option(present=present):
                whole = self.split(v, lambda x: self.truth_value(x))
                return self.truth(whole)
            case Object(cls=cls):
                for name in ("__bool__", "__len__"):
                    if hasattr(cls, name):
                        return self.truth(self.call(self.get_attribute(v, name), [], {}))
                return True
            case Function() | BoundMethod() | Partial():
                return True
        self.fail("AF0207", f"the truth of {describe(v)} isn't defined here")

    def truth_value(self, v: Value) -> Value:
        truth = self.truth(v)
        return truth if isinstance(truth, Scalar) else Static(truth)

    def _tensor_truth(self, v: Tensor) -> bool | Scalar:
        if v.kind in ("variable", "either"):
            self.raise_python(NotImplementedError())
        if v.const is not None:
            return bool(self.run_python(bool, v.const).obj)  # type: ignore[attr-defined]
        if any(d not in (1, None) for d in v.shape):
            self.raise_python(
                ValueError(
                    "The truth value of an array with more than one element is ambiguous. "
                    "Use a.any() or a.all()"
                )
            )
        if not v.is_static_shape:
            self.fail(
                "AF0207",
                "the truth of an array whose size isn't known while compiling",
                help="index one element, or use `.any()` or `.all()`",
            )
        x = v if v.ndim == 0 else self.b.call("reshape", v, newshape=())
        if v.dtype == bool:
            return Scalar(x.expr, bool)
        zero = self.b.constant(np.zeros((), v.dtype))
        return Scalar(self.b.call("not_equal", x, zero).expr, bool)

    # --- subscripts --------------------------------------------------------------------------

    def get_item(self, container: Value, index: Value) -> Value:
        if isinstance(container, Poison) or isinstance(index, Poison):
            return POISON
        if isinstance(container, Option):
            return self.split(container, lambda v: self.get_item(v, index))
        if isinstance(index, Option):
            return self.split(index, lambda v: self.get_item(container, v))
        if isinstance(container, Tensor):
            if container.kind == "variable":
                return self.call(Static(chainer.Variable.__getitem__), [container, index], {})
            return self.call(Static(np.ndarray.__getitem__), [container, index], {})
        if isinstance(container, Static) and isinstance(index, Static):
            return self.run_python(operator.getitem, container.obj, index.obj)
        if isinstance(container, Dict):
            key = self.static(index, "a dict's key")
            entries = self.entries_of(container)
            if key not in entries:
                self.raise_python(KeyError(key))
            return entries[key]
        if isinstance(container, Object):
            return self.call(self.get_attribute(container, "__getitem__"), [index], {})
        if isinstance(container, List) and isinstance(self.heap[container.cell], GrownList):
            return self.grown_item(container, index)
        if self.is_tuple(container) or isinstance(container, List | Range):
            return self._sequence_item(container, index)
        self.raise_python(TypeError(f"{describe(container)} isn't subscriptable"))

    def _sequence_item(self, container: Value, index: Value) -> Value:
        if isinstance(container, Range):
            iterator = self.iterator_of(container)
            return iterator.item(self.checked_index(index, iterator.length, "range object"))
        items = self.items_of(container)
        if isinstance(index, Tensor) and index.ndim == 0 and index.dtype.kind in "iu":
            index = self.tensor_to_scalar(index)
        if isinstance(index, Scalar) and index.type is not float:
            kind = "list" if isinstance(container, List) else "tuple"
            checked = self.checked_index(index, Static(len(items)), kind)
            return self.select(items, checked)
        key = self.static(index, "the index of a list or tuple")
        if isinstance(key, slice):
            part = items[key]
            return self.heap.new_list(part) if isinstance(container, List) else self.tuple(part)
        try:
            return items[key]
        except (IndexError, TypeError) as e:
            self.raise_python(e)

    def checked_index(self, index: Value, length: Value, what: str) -> Value:
        """A Python index, from the end where negative, as 0 … length-1; IndexError at run time."""
        if isinstance(index, Static) and isinstance(length, Static):
            i = operator.index(index.obj)
            if not -length.obj <= i < length.obj:
                self.raise_python(IndexError(f"{what} index out of range"))
            return Static(i % length.obj)
        if not self.is_number(index):
            self.fail("AF0208", f"{describe(index)} as an index isn't supported")
        if isinstance(index, Static):
            i = index if index.obj >= 0 else self.binary_op(operator.add, index, length)
        else:
            negative = self.compare(gast.Lt(), index, Static(0))
            shifted = self.as_scalar(self.binary_op(operator.add, index, length), int)
            plain = self.as_scalar(index, int)
            i = Scalar(self.b.call("where", negative, shifted, plain).expr, int)  # type: ignore
        low = self.compare(gast.GtE(), i, Static(0))
        high = self.compare(gast.Lt(), i, length)
        ok = self.both(low, high)
        self.check(ok, IndexError(f"{what} index out of range"))
        return i

    def both(self, a: Value, b: Value) -> Value:
        """``a and b`` of two bools that are computed already."""
        if isinstance(a, Static):
            return b if a.obj else FALSE
        if isinstance(b, Static):
            return a if b.obj else FALSE
        return Scalar(self.b.call("logical_and", a, b).expr, bool)  # type: ignore[arg-type]

    def grown_item(self, container: List, index: Value) -> Value:
        content = self.heap[container.cell]
        if not isinstance(content, GrownList):
            self.fail("AF0208", "a list is wanted here")
        if isinstance(index, Slice) or (isinstance(index, Static) and isinstance(index.obj, slice)):
            return self.grown_slice(content, index)
        i = self.checked_index(index, content.length, "list")
        if not content.buffers:
            self.raise_python(IndexError("list index out of range"))
        rows = [self.row(buffer, i) for buffer in content.buffers]
        return element_at(content.element, rows)

    def row(self, buffer: Tensor, index: Value) -> Tensor:
        """``buffer[index]`` for an index that is in range."""
        i = self.as_scalar(index, int)
        return self.b.call("take", buffer, i, axis=0, mode="clip")

    def grown_slice(self, content: GrownList, index: Value) -> Value:
        buffers = []
        for buffer in content.buffers:
            part = self.call(Static(np.ndarray.__getitem__), [buffer, index], {})
            buffers.append(part)
        if not buffers:
            return self.heap.new_list()
        length = self.b.dim(buffers[0], 0)
        return List(self.heap.new(GrownList(content.element, tuple(buffers), length)))

    def select(self, items: Sequence[Value], index: Value) -> Value:
        """``items[index]`` for a staged index that is in range."""
        if isinstance(index, Static):
            return items[index.obj]
        if items and all(self.is_number(i) or isinstance(i, Tensor) for i in items):
            return self._select_stacked(items, index)
        tuples = [i for i in items if self.is_tuple(i)]
        if items and len(tuples) == len(items):
            rows = [self.items_of(i) for i in items]
            if len({len(r) for r in rows}) == 1:
                return self.tuple([self.select(column, index) for column in zip(*rows)])
        if items and all(same(i, items[0]) for i in items):
            return items[0]
        self.fail(
            "AF0504",
            "a staged index chooses between values that aren't tensors of one type: "
            + ", ".join(dict.fromkeys(describe(i) for i in items[:4])),
            help="index with an int that is known while compiling",
        )

    def _select_stacked(self, items: Sequence[Value], index: Value) -> Value:
        numbers = [i for i in items if self.is_number(i)]
        if numbers and len(numbers) == len(items):
            kinds = {v.type if isinstance(v, Scalar) else type(v.obj) for v in items}  # type: ignore
            if len(kinds) > 1:
                self.fail("AF0504", "a staged index chooses between numbers of several types")
            (kind,) = kinds
            if all(isinstance(v, Static) for v in items):
                table = np.array([v.obj for v in items], self.as_scalar(items[0], kind).dtype)  # type: ignore
                stacked = self.b.constant(table)
            else:
                scalars = [self.as_tensor(self.as_scalar(v, kind)) for v in items]
                stacked = self.b.call("stack", scalars, axis=0)
            return Scalar(self.row(stacked, index).expr, kind)
        tensors = [i for i in items if isinstance(i, Tensor)]
        types = {(t.shape, t.dtype, t.kind) for t in tensors}
        if len(tensors) != len(items) or len(types) > 1 or not tensors[0].is_static_shape:
            self.fail(
                "AF0504",
                "a staged index chooses between tensors that differ in shape or dtype",
                help="index with an int that is known while compiling",
            )
        stacked = self.stacked(tensors)
        return replace(self.row(stacked, index), kind=tensors[0].kind)

    def stacked(self, tensors: Sequence[Tensor]) -> Tensor:
        """One tensor of several, made once for each list."""
        key = (id(self.b.scope), tuple(id(t.expr) for t in tensors))
        if None in key[1] or key not in self._stacks:
            made = self.b.call("stack", list(tensors), axis=0)
            self._stacks[key] = (made, tensors, self.b.scope)
        return self._stacks[key][0]

    def set_item(self, container: Value, index: Value, value: Value) -> None:
        if isinstance(container, Poison) or isinstance(index, Poison):
            return
        if isinstance(container, Tensor):
            self.update_array(container, index, value)
        elif isinstance(container, Dict):
            key = self.static(index, "a dict's key")
            self.heap.bind(container.cell, key, value)
        elif isinstance(container, List):
            self._set_list_item(container, index, value)
        elif isinstance(container, Object):
            self.call(self.get_attribute(container, "__setitem__"), [index, value], {})
        else:
            self.raise_python(
                TypeError(f"{describe(container)} object does not support item assignment")
            )

    def _set_list_item(self, container: List, index: Value, value: Value) -> None:
        content = self.heap[container.cell]
        if not isinstance(content, Items):
            self.fail("AF0208", "an item of a list that grew in a loop is assigned")
        items = list(content.items)
        if isinstance(index, Scalar):
            self._set_staged_item(container, items, index, value)
            return
        key = self.static(index, "the index of a list that is assigned to")
        try:
            items[key] = self.items_of(value) if isinstance(key, slice) else value  # type: ignore
        except (IndexError, ValueError, TypeError) as e:
            self.raise_python(e)
        self.heap[container.cell] = Items(tuple(items))

    def _set_staged_item(
        self, container: List, items: list[Value], index: Scalar, value: Value
    ) -> None:
        i = self.checked_index(index, Static(len(items)), "list assignment")
        new = []
        for n, old in enumerate(items):
            here = self.compare(gast.Eq(), i, Static(n))
            new.append(self.stage_if(here, lambda: value, lambda old=old: old))
        self.heap[container.cell] = Items(tuple(new))

    def delete_item(self, container: Value, index: Value) -> None:
        if isinstance(container, Dict):
            key = self.static(index, "a dict's key")
            if key not in self.entries_of(container):
                self.raise_python(KeyError(key))
            self.heap.unbind(container.cell, key)
        elif isinstance(container, List):
            items = self.items_of(container)
            try:
                del items[self.static(index, "the index of an item that is deleted")]
            except (IndexError, TypeError) as e:
                self.raise_python(e)
            self.heap[container.cell] = Items(tuple(items))
        else:
            self.fail("AF0208", f"an item of {describe(container)} can't be deleted")

    def update_array(self, array: Tensor, index: Value, value: Value) -> None:
        """``array[index] = value``: every name of the array gets the new contents."""
        rule = RULES.get(np.ndarray.__setitem__)
        if rule is None or array.kind != "array":
            self.fail("AF0209", f"an item of {describe(array)} is assigned")
        if array.origin is not None or array.storage in self.argument_storages:
            self.require_sole_owner(array)
        self.replace_array(array, rule.function(self, array, index, value))

    def replace_array(self, old: Tensor, new: Tensor) -> None:
        """Every place that holds ``old`` holds ``new``; AF0209 where a view of it lives, too."""
        new = replace(new, storage=old.storage, kind="array")
        places = 0
        for cell, content in list(self.heap.cells.items()):
            items = getattr(content, "items", None)
            pairs = items.items() if isinstance(items, dict) else ()
            for key, held in list(pairs):
                if held is old or (isinstance(held, Tensor) and same(held, old)):
                    self.heap.bind(cell, key, new)
                    places += 1
        if old.storage == UNKNOWN_STORAGE or places != self.heap.holders(old.storage):
            self.fail(
                "AF0209",
                "an array is changed in place while a view of it, or a list, holds it, too",
                help="take a copy of the part that is kept: `x[i].copy()`",
            )

    # --- containers --------------------------------------------------------------------------

    def entries_of(self, v: Value) -> dict[Any, Value]:
        if isinstance(v, Dict):
            content = self.heap[v.cell]
            return content.items if isinstance(content, Entries) else {}
        if isinstance(v, Static) and hasattr(v.obj, "keys"):
            return {k: self.constant_value(v.obj[k]) for k in v.obj}
        self.fail("AF0208", f"a dict is wanted here, not {describe(v)}")

    def length(self, v: Value) -> Value:
        """``len(v)``, static where it's known."""
        match v:
            case Static(obj=obj):
                return self.run_python(len, obj)
            case Tuple(items=items):
                return Static(len(items))
            case List(cell=cell):
                content = self.heap[cell]
                return Static(len(content.items)) if isinstance(content, Items) else content.length  # type: ignore
            case Dict():
                return Static(len(self.entries_of(v)))
            case Tensor(shape=shape):
                if not shape:
                    self.raise_python(TypeError("len() of unsized object"))
                return self.dim_of(v, 0)
            case Range() | Iterator():
                return self.iterator_of(v).length
            case Option():
                return self.split(v, self.length)
            case Object(cls=cls) if hasattr(cls, "__len__"):
                return self.call(self.get_attribute(v, "__len__"), [], {})
        self.raise_python(TypeError(f"{describe(v)} has no len()"))

    def dim_of(self, x: Tensor, axis: int) -> Value:
        """The size along an axis: static where it's known."""
        size = x.shape[axis]
        return Static(size) if size is not None else self.b.dim(x, axis % x.ndim)

    def items_of(self, v: Value, expected: int | None = None) -> list[Value]:
        """The items of something iterable whose length is known while compiling."""
        match v:
            case Static(obj=obj):
                try:
                    return [self.constant_value(x) for x in obj]
                except TypeError as e:
                    self.raise_python(e)
            case Tuple(items=items):
                return list(items)
            case Dict():
                return [Static(k) for k in self.entries_of(v)]
            case List(cell=cell) if isinstance(self.heap[cell], Items):
                return list(self.heap[cell].items)  # type: ignore[union-attr, arg-type]
        iterator = self.iterator_of(v)
        length = iterator.length
        if not isinstance(length, Static) and expected is not None:
            self.check(
                self.compare(gast.Eq(), length, Static(expected)),
                ValueError(f"the number of values to unpack isn't {expected}"),
            )
            length = Static(expected)
        count = self.static(length, "the number of items")
        return [iterator.item(Static(i)) for i in range(count)]

    def iterator_of(self, v: Value) -> Iterator:
        """How to walk over ``v`` by position."""
        match v:
            case Iterator():
                return v
            case Range(start=start, stop=stop, step=step):
                return self._range_iterator(start, stop, step)
            case Static(obj=obj) if isinstance(obj, range):
                if len(obj) == 0:
                    return Iterator(Static(0), lambda i: Static(0), "range")
                return self._range_iterator(
                    Static(obj.start), Static(obj.stop), obj.step, Static(len(obj))
                )
            case Tensor(ndim=0):
                self.raise_python(TypeError("iteration over a 0-d array"))
            case Tensor():
                # item() only sees indices in range: no bounds check.
                return Iterator(self.length(v), lambda i: self.tensor_row(v, i), "tensor")
            case List(cell=cell) if isinstance(self.heap[cell], GrownList):
                content = self.heap[cell]
                return Iterator(
                    content.length,  # type: ignore[union-attr]
                    lambda i: element_at(
                        content.element,  # type: ignore[union-attr]
                        [self.row(buffer, i) for buffer in content.buffers],  # type: ignore
                    ),
                    "list",
                )
            case Static() | Tuple() | List() | Dict():
                items = self.items_of(v)
                return Iterator(Static(len(items)), lambda i: self.select(items, i), "list")
            case Object(cls=cls):
                if hasattr(cls, "__iter__"):
                    return self.iterator_of(self.call(self.get_attribute(v, "__iter__"), [], {}))
                if hasattr(cls, "__getitem__") and hasattr(cls, "__len__"):
                    return Iterator(self.length(v), lambda i: self.get_item(v, i), cls.__name__)
        self.fail("AF0503", f"a loop over {describe(v)} isn't supported")

    def tensor_row(self, x: Tensor, i: Value) -> Value:
        """``x[i]`` for an index in range."""
        if x.const is not None and isinstance(i, Static):
            return self.get_item(x, i)
        row = self.row(x, i)
        kind = "generic" if x.ndim == 1 and x.kind == "array" else x.kind
        return x.viewed_as(replace(row, kind=kind, is_variable=x.is_variable))

    def _range_iterator(
        self, start: Value, stop: Value, step: int, length: Value | None = None
    ) -> Iterator:
        if length is None:
            span = self.binary_op(operator.sub, stop, start)
            if step < 0:
                span = self.unary(gast.USub(), span)
            size = abs(step)
            if size > 1:
                up = self.binary_op(operator.add, span, Static(size - 1))
                span = self.binary_op(operator.floordiv, up, Static(size))
            length = self.at_least_zero(span)

        def item(i: Value) -> Value:
            if isinstance(start, Static) and start.obj == 0 and step == 1:
                return i
            scaled = i if step == 1 else self.binary_op(operator.mul, i, Static(step))
            return self.binary_op(operator.add, start, scaled)

        return Iterator(length, item, "range")

    def at_least_zero(self, n: Value) -> Value:
        if isinstance(n, Static):
            return Static(max(n.obj, 0))
        return Scalar(
            self.b.call("maximum", self.as_scalar(n, int), self.as_scalar(Static(0), int)).expr, int
        )

    # --- tensors -----------------------------------------------------------------------------

    def as_tensor(self, v: Value, dtype: np.dtype[Any] | None = None) -> Tensor:
        """Any array-like value as a tensor; a number becomes a rank-0 one of numpy's dtype."""
        match v:
            case Tensor():
                return v if dtype is None else self.cast(v, dtype)
            case Scalar():
                made = Tensor(v.expr, (), v.dtype)
                return made if dtype is None else self.cast(made, dtype)
            case Static(obj=obj) if isinstance(obj, (*NUMBERS, np.generic, tuple, complex)):
                array = np.asarray(obj, dtype)
                if array.dtype != object:
                    return Tensor(None, array.shape, array.dtype, "array", const=array)
            case List() | Tuple():
                known, obj = self.try_static(v)
                if known:
                    array = np.asarray(obj, dtype)
                    if array.dtype != object:
                        return Tensor(None, array.shape, array.dtype, "array", const=array)
                made = self.call(Static(np.array), [v], {})
                if isinstance(made, Tensor):
                    return made if dtype is None else self.cast(made, dtype)
        self.fail("AF0207", f"an array is wanted here, not {describe(v)}")

    def cast(self, x: Tensor, dtype: Any) -> Tensor:
        dtype = np.dtype(dtype)
        if x.dtype == dtype:
            return x
        if x.const is not None:
            made = x.const.astype(dtype)
            return Tensor(None, x.shape, dtype, x.kind, const=made)
        if dtype.kind in "OSUcmMV":
            self.fail("AF0307", f"the dtype {dtype} isn't supported")
        new = self.b.call("cast", x, dtype=dtype.name)
        return replace(new, kind=x.kind, is_variable=x.is_variable)

    def tensor_to_scalar(self, x: Tensor) -> Value:
        """``int(x)``, ``float(x)`` or ``bool(x)`` of a one-element tensor, by its dtype."""
        if x.const is not None:
            return Static(x.const.item())
        if any(d not in (1, None) for d in x.shape):
            self.raise_python(TypeError("only size-1 arrays can be converted to Python scalars"))
        if not x.is_static_shape:
            self.fail("AF0207", "an array whose size isn't known is used as a number")
        flat = x if x.ndim == 0 else self.b.call("reshape", x, newshape=())
        kind = {"b": bool, "i": int, "u": int, "f": float}.get(x.dtype.kind)
        if kind is None:
            self.fail("AF0307", f"an array of {x.dtype} isn't supported")
        dtype = {bool: "bool", int: "int64", float: "float64"}[kind]
        if x.dtype.name != dtype:
            flat = self.b.call("cast", flat, dtype=dtype)
        return Scalar(flat.expr, kind)

    # --- Python, run now ---------------------------------------------------------------------

    def run_python(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Value:
        """Call ordinary Python on static values; what it raises, the program raises."""
        try:
            result = f(*args, **kwargs)
        except CompileError:
            raise
        except Exception as e:
            self.raise_python(e)
        return self.constant_value(result)


def _nonzero(v: Value) -> bool:
    return isinstance(v, Static) and v.obj != 0
