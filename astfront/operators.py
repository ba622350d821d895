"""Arithmetic on abstract values, with Python's, numpy's and Chainer's meaning."""

from __future__ import annotations

import collections
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import chainer
import gast
import numpy as np

from astfront.contents import Items
from astfront.descriptions import describe
from astfront.diagnostics import CompileError
from astfront.effects import grown_text, is_grown_text, is_text, pieces_of
from astfront.environment import UNKNOWN_STORAGE
from astfront.joins.options import alternatives
from astfront.lifting import is_supported
from astfront.machine import Machine
from astfront.numbers import NUMBERS, is_generic, is_numpy_number
from astfront.rules import counters
from astfront.values import (
    FALSE,
    POISON,
    TRUE,
    Choice,
    Deferred,
    Dict,
    DictView,
    EitherDtype,
    List,
    Object,
    Poison,
    Scalar,
    Set,
    Static,
    Tensor,
    Tuple,
    Value,
)


def power(x: Any, y: Any) -> Any:
    """``x ** y``, whose dtype may be another than that of ``np.power``: numpy squares, for one."""
    return x**y


#: AST operator → (Python function, its in-place twin, the function for arrays).
BINARY: dict[type, tuple[Callable[..., Any], Callable[..., Any], Any]] = {
    gast.Add: (operator.add, operator.iadd, np.add),
    gast.Sub: (operator.sub, operator.isub, np.subtract),
    gast.Mult: (operator.mul, operator.imul, np.multiply),
    gast.Div: (operator.truediv, operator.itruediv, np.true_divide),
    gast.FloorDiv: (operator.floordiv, operator.ifloordiv, np.floor_divide),
    gast.Mod: (operator.mod, operator.imod, np.remainder),
    gast.Pow: (operator.pow, operator.ipow, power),
    gast.MatMult: (operator.matmul, operator.imatmul, np.matmul),
    gast.BitAnd: (operator.and_, operator.iand, np.bitwise_and),
    gast.BitOr: (operator.or_, operator.ior, np.bitwise_or),
    gast.BitXor: (operator.xor, operator.ixor, np.bitwise_xor),
    gast.LShift: (operator.lshift, operator.ilshift, np.left_shift),
    gast.RShift: (operator.rshift, operator.irshift, np.right_shift),
}
_UFUNCS = {f: u if isinstance(u, np.ufunc) else np.power for f, _, u in BINARY.values()}
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


#: The methods of sets that they are.
_SET_OPERATORS = {
    operator.and_: "intersection",
    operator.or_: "union",
    operator.sub: "difference",
    operator.xor: "symmetric_difference",
}

#: Operators by which a Variable and an array of one float dtype are computed alike.
_SAME_FOR_BOTH = {operator.add, operator.sub, operator.mul, operator.truediv}


class Operators(Machine):
    def binary(self, op: gast.AST, a: Value, b: Value) -> Value:
        return self.binary_op(BINARY[type(op)][0], a, b)

    def binary_op(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        """``f`` is one of the functions of Python's ``operator`` module."""
        if isinstance(a, Poison) or isinstance(b, Poison):
            return POISON
        longer = f is operator.add and self._adds_texts(a, b)
        if isinstance(a, Choice) and not (longer and not any(map(is_grown_text, alternatives(a)))):
            return self.split(a, lambda v: self.binary_op(f, v, b))
        if longer:
            return self._longer_text(a, b)
        if isinstance(b, Choice):
            return self.split(b, lambda v: self.binary_op(f, a, v))
        if f is operator.add and self._adds_tuples(a, b):
            new = self.listed_copy(a, tuple)
            self.extend_list(new, b)
            return new
        if isinstance(a, Static) and isinstance(b, Static):
            return self.run_python(f, a.obj, b.obj)
        if isinstance(a, Static) and isinstance(a.obj, str) and f is operator.mod:
            return self.text(f, a, b)
        if isinstance(a, Object) or isinstance(b, Object):
            return self.overloaded(f, DUNDER[f], a, b)
        tensors = [v for v in (a, b) if isinstance(v, Tensor)]
        if any(t.kind == "either" for t in tensors):
            return self.either_operator(f, a, b)
        if any(t.kind == "variable" for t in tensors):
            return self.variable_operator(f, a, b)
        if f is operator.mul:
            for sequence, times in ((a, b), (b, a)):
                is_sequence = self.is_tuple(sequence) or isinstance(sequence, List)
                if is_generic(times) and (is_sequence or is_text(sequence)):
                    return self.repeated_by_numpy(sequence, times)
        if tensors or is_numpy_number(a, b):
            self.require_operand(f, a, b)
            ufunc = next(u for g, _, u in BINARY.values() if g is f)
            return self.call(Static(ufunc), [a, b], {})
        if self.is_number(a) and self.is_number(b):
            return self.scalar_arithmetic(f, a, b)
        return self.sequence_operator(f, a, b)

    def _adds_texts(self, a: Value, b: Value) -> bool:
        """Whether it's ``a + b`` of texts that data chooses, in a loop that may make them longer."""
        if not self.loop_depth or self.frame.is_library or isinstance(a, Tensor | Scalar | List):
            return False
        if isinstance(a, Static) and isinstance(b, Static):
            return False
        if not all(is_text(v) for way in (a, b) for v in alternatives(way)):
            return False
        self.tuples_added += 1
        return self.long_tuples

    def _longer_text(self, a: Value, b: Value) -> Value:
        (start, pieces), (first, others) = pieces_of(a), pieces_of(b)
        for more in (Tuple((first,)), others):
            pieces = self.binary_op(operator.add, pieces, more)
        return Deferred(grown_text, (start, pieces))

    def _adds_tuples(self, a: Value, b: Value) -> bool:
        """Whether it's ``a + b`` of tuples, in a loop whose turns may make them ever longer."""
        if not self.loop_depth or self.frame.is_library:
            return False
        if not all(self.is_tuple(v) and _class_of(v) is tuple for v in (a, b)):
            return False
        self.tuples_added += 1
        return self.long_tuples

    def repeated_by_numpy(self, sequence: Value, times: Any) -> Value:
        """A sequence times a scalar of numpy's, which leaves that to the sequence."""
        dtype = times.dtype if isinstance(times, Tensor) else times.obj.dtype
        if dtype.kind not in "biu":
            self.raise_python(
                TypeError(f"can't multiply sequence by non-int of type 'numpy.{dtype.name}'")
            )
        number = self.tensor_to_scalar(times) if isinstance(times, Tensor) else times
        count = (
            Static(int(number.obj)) if isinstance(number, Static) else self.as_scalar(number, int)
        )
        return self.sequence_operator(operator.mul, sequence, count)

    def require_operand(self, f: Callable[..., Any], a: Value, b: Value) -> None:
        self.require_found(a, b)
        for v in (a, b):
            if not isinstance(v, Tensor | Scalar | List | Tuple) and not (
                isinstance(v, Static)
                and isinstance(v.obj, (*NUMBERS, complex, np.generic, tuple, range))
            ):
                self.raise_python(
                    TypeError(
                        f"unsupported operand type(s) for {f.__name__}: "
                        f"{describe(a)} and {describe(b)}"
                    )
                )

    def require_found(self, *operands: Value) -> None:
        """No operand is found by Python when the program has run."""
        for v in operands:
            if isinstance(v, Deferred):
                self.static(v, "an operand")

    def variable_operator(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        """Variable's operators are Python functions: compiled from their source."""
        self.require_found(a, b)
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
        plain = [
            v.as_kind("array") if isinstance(v, Tensor) and v.kind == "either" else v
            for v in (a, b)
        ]
        eithers = [v for v in (a, b) if isinstance(v, Tensor) and v.kind == "either"]
        dtypes = {v.dtype for v in plain if isinstance(v, Tensor) and v.kind == "array"}
        is_known = eithers[0].dtype.kind == "f" or (
            # Chainer multiplies no Variables of ints, but adds them.
            eithers[0].dtype.kind in "iu"
            and (f in (operator.add, operator.sub) or (f is operator.mul and self.is_number(other)))
        )
        if f in _SAME_FOR_BOTH and len(dtypes) == 1 and is_known:
            # Variables and arrays give the same numbers here; only the type of the result differs.
            made = self.binary_op(f, *plain)
            if isinstance(made, Tensor) and made.dtype == eithers[0].dtype:
                flags = [e.is_variable for e in eithers if e.is_variable is not None]
                flag = flags[0]
                for other_flag in flags[1:]:
                    flag = Scalar(self.b.call("logical_or", flag, other_flag).expr, bool)
                return replace(made, kind="either", is_variable=flag)
        self.fail(
            "AF0207",
            "an operand is a Variable on some ways through the program and an array on others",
            help="write `chainer.as_variable(x)` where the array is made",
        )

    def augmented(self, op: gast.AST, old: Value, value: Value, part: bool = False) -> Value:
        """``old op= value``: in place where Python does it in place.

        With ``part``, ``old`` is a part of an array that the result is assigned to.
        """
        f, inplace, _ = BINARY[type(op)]
        if self.is_tuple(old):
            return self.binary_op(f, old, value)
        if isinstance(old, Choice):
            return self.split(old, lambda v: self.augmented(op, v, value, part))
        if isinstance(old, List) and f is operator.add:
            if isinstance(value, Choice):
                return self.split(value, lambda v: self.augmented(op, old, v, part))
            if self._adds_itself(value):
                return self.binary_op(f, old, value)
            self.extend_list(old, value)
            return old
        if isinstance(old, List) and f is operator.mul:
            repeated = self.binary_op(f, old, value)
            if not isinstance(repeated, List):
                return repeated
            self.heap[old.cell] = self.heap[repeated.cell]
            return old
        if isinstance(old, Set) and isinstance(value, Set) and f in _SET_OPERATORS:
            result: Any = self._of_sets(f, old, value)
            self.heap[old.cell] = self.heap[result.cell]
            if self.has_staged_keys(old):
                return old
            self.heap.note_set(old, self.heap.sets[result.cell][1])
            return old
        if isinstance(old, Object) and hasattr(old.cls, f"__i{DUNDER[f]}__"):
            return self.call(self.get_attribute(old, f"__i{DUNDER[f]}__"), [value], {})
        if isinstance(old, Static) and isinstance(value, Static):
            return self.run_python(inplace, old.obj, value.obj)
        if isinstance(old, Tensor) and old.kind in ("array", "either"):
            if isinstance(value, Object):
                value = self.beside_object(old, value, f"__r{DUNDER[f]}__") or value
            return self.in_place(f, old, value, part)
        return self.binary_op(f, old, value)

    @staticmethod
    def _adds_itself(value: Value) -> bool:
        """Whether ``value`` says what a list plus it is: Python asks it before it extends the list."""
        if isinstance(value, Static):
            return isinstance(value.obj, np.generic) or hasattr(type(value.obj), "__radd__")
        if isinstance(value, Object):
            return hasattr(value.cls, "__radd__")
        return isinstance(value, Tensor | EitherDtype)

    def _of_sets(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        owners = [v.of if isinstance(v, DictView) else v for v in (a, b)]
        of_keys = not any(isinstance(v, DictView) and v.kind == "items" for v in (a, b))
        if of_keys and any(map(self.has_staged_keys, owners)):
            return self.keyed_sets(_SET_OPERATORS[f], a, b)
        return self.run_python(f, self.static(a), self.static(b))

    def in_place(self, f: Callable[..., Any], old: Tensor, value: Value, part: bool) -> Value:
        """ndarray's ``+=`` changes the array itself, under all of its names."""
        new: Any = self.binary_op(f, old, value)
        if isinstance(new, Tensor) and new.kind in ("array", "generic"):
            new = new.as_kind("array")
            if new.dtype != old.dtype:
                self.require_same_kind(new.dtype, old.dtype, _UFUNCS[f])
                new = self.cast(new, old.dtype)
            if new.shape != old.shape:
                self._require_same_sizes(old, new)
            if part:
                return new
            new = replace(new, storage=old.storage)
            if old.storage == UNKNOWN_STORAGE or self.heap.holders(old.storage):
                return self.replace_array(old, new)
        return new

    def _require_same_sizes(self, old: Tensor, new: Tensor) -> None:
        """ValueError where an array would have to get other sizes to be changed in place."""
        wrong = ValueError(f"non-broadcastable output operand with shape {old.shape}")
        if len(new.shape) != len(old.shape):
            self.raise_python(wrong)
        for axis, (size, made) in enumerate(zip(old.shape, new.shape)):
            if size == made:
                continue
            if made is None:
                self.fail("AF0209", "an array whose size may change is changed in place")
            if size is not None:
                self.raise_python(wrong)
            self.check(self.compare(gast.Eq(), self.dim_of(old, axis), Static(made)), wrong)

    def require_same_kind(
        self, made: np.dtype[Any], target: np.dtype[Any], ufunc: np.ufunc = np.add
    ) -> None:
        """numpy's exception where it doesn't cast what it computed to the array that it's to go into."""
        if np.can_cast(made, target, "same_kind"):
            return
        operands = [np.ones((1, 1), made)] * ufunc.nin
        self.run_python(ufunc, *operands, out=np.ones((1, 1), target))
        self.raise_python(TypeError(f"Cannot cast {made!r} to {target!r} with 'same_kind'"))

    def unary(self, op: gast.AST, a: Value) -> Value:
        if isinstance(a, Poison):
            return POISON
        if isinstance(op, gast.Not):
            truth = self.truth(a)
            if isinstance(truth, Scalar):
                return Scalar(self.b.call("logical_not", truth).expr, bool)
            return FALSE if truth else TRUE
        known: dict[Any, tuple[Any, np.ufunc]] = {
            gast.USub: (operator.neg, np.negative),
            gast.UAdd: (operator.pos, np.positive),
            gast.Invert: (operator.invert, np.invert),
        }
        f, ufunc = known[type(op)]
        if isinstance(a, Choice):
            return self.split(a, lambda v: self.unary(op, v))
        if isinstance(a, Static):
            return self.run_python(f, a.obj)
        if isinstance(a, Object):
            return self.call(self.get_attribute(a, f"__{f.__name__.strip('_')}__"), [], {})
        if isinstance(a, Tensor) and a.kind in ("variable", "either"):
            return self.call(Static(getattr(chainer.Variable, f"__{f.__name__}__")), [a], {})
        if isinstance(a, Tensor) and f is operator.pos and a.dtype == np.bool_:
            return self.call(Static(np.logical_or), [a, a], {})  # of which np.positive is an error
        if isinstance(a, Tensor):
            return self.call(Static(ufunc), [a], {})
        if isinstance(a, Scalar):
            if f is operator.invert:
                return self.scalar_arithmetic(operator.sub, self.unary(gast.USub(), a), Static(1))
            number = self.as_scalar(a, int if a.type is bool else a.type)
            if f is operator.pos:
                return number
            return Scalar(self.b.call("negative", number).expr, number.type)
        self.require_found(a)
        method = f"__{f.__name__.strip('_')}__"
        self.raise_lacking(a, method, f"bad operand type for unary {f.__name__}: {describe(a)}")

    def sequence_operator(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        if f is operator.add:
            sequences = all(self.is_tuple(v) or isinstance(v, List) for v in (a, b))
            if sequences and self.is_tuple(a) == self.is_tuple(b):
                new = self.listed_copy(a)
                self.extend_list(new, b)
                return self.like(a, new)
        if f in counters.OPERATORS and _is_counter(a) and _is_counter(b):
            return self.call(Static(counters.OPERATORS[f]), [a, b], {})
        if f in _SET_OPERATORS and any(map(_is_set, (a, b))):
            if isinstance(a, Static) and isinstance(a.obj, frozenset):
                known, values = self.try_all([a, b], {})
                if known:
                    return self.run_python(f, *values[0])
                self.fail("AF0207", "a frozenset and a set whose items aren't all known")
            a, b = map(self.as_set, (a, b))
        if f in _SET_OPERATORS and all(map(_is_set, (a, b))):
            return self._of_sets(f, a, b)
        if f is operator.mul:
            for seq, times in ((a, b), (b, a)):
                if is_text(seq) and self.is_number(times):
                    return self.text(f, seq, times)
                if (self.is_tuple(seq) or isinstance(seq, List)) and self.is_number(times):
                    return self.like(seq, self.repeated_list(self.listed_copy(seq), times))
        if f is operator.add and is_text(a) and is_text(b):
            return self.text(f, a, b)
        if isinstance(a, Static | Dict | Tuple | List) and isinstance(b, Static | Tuple | List):
            self.raise_python(
                TypeError(f"unsupported operand type(s): {describe(a)} and {describe(b)}")
            )
        self.fail("AF0207", f"`{f.__name__}` of {describe(a)} and {describe(b)} isn't supported")

    def run_python(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Value:
        """Call ordinary Python on static values; what it raises, the program raises."""
        try:
            result = f(*args, **kwargs)
        except CompileError:
            raise
        except Exception as e:
            self.raise_python(e)
        made = self.constant_value(result)
        if any(isinstance(x, np.ndarray) and not is_supported(x.dtype) for x in args):
            self._forbid_changes(made)
        return made

    def _forbid_changes(self, made: Value) -> None:
        """What is in an array that isn't the program's can only be read."""
        self.heap.note_copies(Items((made,)))
        if isinstance(made, List | Dict):
            self.heap.read_only.add(made.cell)
        if isinstance(made, List | Tuple):
            for item in self.items_of(made):
                self._forbid_changes(item)


def _class_of(v: Value) -> type:
    return (
        v.cls if isinstance(v, List | Tuple) else type(v.obj) if isinstance(v, Static) else object
    )


def _is_counter(v: Value) -> bool:
    return isinstance(v, Dict) and v.cls is collections.Counter


def _is_set(v: Value) -> bool:
    """Whether it's a set, or the keys or items of a dict."""
    return isinstance(v, Set) or (isinstance(v, DictView) and v.kind != "values")
