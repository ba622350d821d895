"""Comparisons, identity, membership and truth, with Python's meaning."""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import chainer
import gast
import numpy as np

from astfront.descriptions import describe
from astfront.environment import UNKNOWN_STORAGE
from astfront.machine import Machine
from astfront.numbers import NUMBERS, is_numpy_number
from astfront.rules import dataclass, folds
from astfront.rules.numpy.complex_arrays import is_complex
from astfront.sameness import same
from astfront.values import (
    FALSE,
    POISON,
    TRUE,
    Argument,
    BoundMethod,
    Choice,
    Copied,
    Deferred,
    Dict,
    DictView,
    Function,
    Generator,
    Iterator,
    List,
    Node,
    Object,
    Option,
    Partial,
    Poison,
    Range,
    Scalar,
    Set,
    Static,
    Tensor,
    Tuple,
    Value,
)

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


def _is_infinite(v: Value) -> bool:
    """Whether it's a known float that isn't finite: no rounding decides how an int compares with it."""
    return isinstance(v, Static) and isinstance(v.obj, float) and not math.isfinite(v.obj)


def _as_infinite(v: Value) -> Value:
    """A float that no int of 64 bits reaches as infinity, which compares with such ints as it does."""
    if isinstance(v, Static) and isinstance(v.obj, float) and not -(2.0**63) <= v.obj < 2.0**63:
        return v if math.isnan(v.obj) else Static(math.copysign(math.inf, v.obj))
    return v


def _instance_like(v: Value) -> Any:
    """A Python object of the type of a value."""
    match v:
        case Static(obj=obj):
            return obj
        case Scalar(type=cls) | List(cls=cls) | Dict(cls=cls):
            return cls()
    return () if isinstance(v, Tuple) else v


class Comparisons(Machine):
    def comparison(self, node: gast.Compare) -> Value:
        """A chain: each operand once, the rest only while the comparisons before hold."""
        return self._chain(node.left, list(zip(node.ops, node.comparators)))

    def _chain(self, first: gast.expr | Value, rest: Sequence[tuple[gast.AST, gast.expr]]) -> Value:
        (op, second), *more = rest
        with self.with_refusals_of(functools.partial(self.visit, n) for _, n in more):
            left, right = self.operands([first, second])
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
            if isinstance(v, Choice):
                return self.split(
                    v, lambda w, i=i: self.compare(op, *((w, b) if i == 0 else (a, w)))
                )
        if isinstance(a, Static) and isinstance(b, Static):
            return self.run_python(f, a.obj, b.obj)
        if isinstance(a, Object) or isinstance(b, Object):
            found = (
                None
                if is_complex(a) or is_complex(b)
                else self.compared_object(f, COMPARE_DUNDER[f], a, b)
            )
            return self.compare_containers(f, a, b) if found is None else found
        for owner, other, method in zip((a, b), (b, a), COMPARE_DUNDER[f]):
            if isinstance(owner, Tensor) and owner.kind in ("variable", "either"):
                # Variable has these methods to raise an exception.
                return self.call(Static(getattr(chainer.Variable, method)), [owner, other], {})
        if is_complex(a) or is_complex(b):
            return self.compare_containers(f, a, b)
        if isinstance(a, Tensor) or isinstance(b, Tensor):
            array, other = (a, b) if isinstance(a, Tensor) else (b, a)
            if isinstance(other, Static) and other.obj is None:
                one = np.ones((), array.dtype)  # type: ignore[attr-defined]
                operands = [one if v is array else None for v in (a, b)]
                return self._compared_with_none(f, array, operands)  # type: ignore[arg-type]
            texts = self._compared_texts(f, a, b)
            if texts is not None:
                return texts
            self.require_operand(f, a, b)
            return self.call(Static(ufunc), [a, b], {})
        if is_numpy_number(a, b):
            return self.call(Static(ufunc), [a, b], {})
        if self.is_number(a) and self.is_number(b):
            kinds = {v.type if isinstance(v, Scalar) else type(v.obj) for v in (a, b)}  # type: ignore
            kind = float if float in kinds else int if int in kinds else bool
            if kinds == {int, float}:
                a, b = _as_infinite(a), _as_infinite(b)
                is_small = min(self.magnitude(a), self.magnitude(b)) < 2**53
            if kinds == {int, float} and not (is_small or _is_infinite(a) or _is_infinite(b)):
                return self._compared_exactly(name, a, b)
            pair = (self.as_scalar(a, kind), self.as_scalar(b, kind))
            if kind is bool and name not in ("equal", "not_equal"):
                pair = (self.as_scalar(a, int), self.as_scalar(b, int))
            return Scalar(self.b.call(name, *pair).expr, bool)
        return self.compare_containers(f, a, b)

    def _compared_exactly(self, name: str, a: Value, b: Value) -> Scalar:
        """An int and a float, of which a float needn't be able to hold the int.

        Where the float nearest to the int is the other one, their difference decides.
        """
        call = self.b.call
        x, y = self.as_scalar(a, float), self.as_scalar(b, float)
        most = self.as_scalar(Static(2.0**63 - 1024), float)
        parts = []
        for v in (a, b):
            if isinstance(v, Scalar) and v.type is float:
                near = call("minimum", v, most)  # so that it can be an int of 64 bits
                ints = [call("cast", f, dtype="int64") for f in (near, call("subtract", v, near))]
                parts.append(ints)
            else:
                parts.append([self.as_scalar(v, int), self.as_scalar(Static(0), int)])
        (first, more), (second, rest) = parts
        whole, left = call("subtract", first, second), call("subtract", rest, more)
        by_ints = call(name, whole, left)
        same = call("equal", x, y)
        return Scalar(call("where", same, by_ints, call(name, x, y)).expr, bool)

    def _compared_with_none(
        self, f: Callable[..., Any], array: Tensor, operands: Sequence[Any]
    ) -> Value:
        """numpy compares each item with None, as one of them in ``operands``."""
        if f not in (operator.eq, operator.ne):
            if not all(array.shape):
                self.fail("AF0207", "the order of an array and None", help="write `is None`")
            # A TypeError, where there's something to compare.
            return self.run_python(f, *operands)
        differs = Static(f is operator.ne)
        if array.kind == "generic":
            return differs
        made: Any = self.call(Static(np.full), [self.get_attribute(array, "shape"), differs], {})
        return made if array.ndim else made.as_kind("generic")  # type: ignore[no-any-return]

    def _compared_texts(self, f: Callable[..., Any], a: Value, b: Value) -> Value | None:
        """A comparison with an array of texts, or of an array with a text; None where it's neither."""
        operands = [v.const if isinstance(v, Tensor) else getattr(v, "obj", None) for v in (a, b)]
        if not any(isinstance(x, str | bytes) or _is_of_texts(x) for x in operands):
            return None
        if not any(x is None for x in operands):
            return self.run_python(f, *operands)
        if any(map(_is_of_texts, operands)):
            self.fail("AF0207", "an array of texts is compared with what only the run knows")
        # numpy compares no number with a text: what comes of it doesn't depend on the numbers.
        operands = [
            np.zeros((2,) * v.ndim, v.dtype) if isinstance(v, Tensor) else x
            for v, x in zip((a, b), operands)
        ]
        return self.run_python(f, *operands)

    def compare_containers(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        if isinstance(a, Object) or isinstance(b, Object):
            names = COMPARE_DUNDER[f]
            for owner, other, name in ((a, b, names[0]), (b, a, names[1])):
                if not isinstance(owner, Object):
                    continue
                overloads = getattr(owner.cls, name) is not getattr(object, name)
                equality: Any = owner.cls.__eq__
                opposite = name == "__ne__" and equality is not object.__eq__
                if not overloads and not opposite:
                    continue
                method = name if overloads else "__eq__"
                if dataclasses.is_dataclass(owner.cls) and dataclass.is_generated(
                    getattr(owner.cls, method)
                ):
                    if isinstance(other, Object) and other.cls is owner.cls:
                        pair = dataclass.compared(self, a), dataclass.compared(self, b)  # type: ignore
                        return self.compare_containers(f, *pair)
                    continue
                result = self.call(self.get_attribute(owner, method), [other], {})
                if not (isinstance(result, Static) and result.obj is NotImplemented):
                    return result if overloads else self.unary(gast.Not(), result)
            if f in (operator.eq, operator.ne):
                self._require_identities(a, b)
                return Static(same(a, b) == (f is operator.eq))
        for v, other in ((a, b), (b, a)):
            if isinstance(v, Deferred):
                text = self.text_of_ints(v) if f in (operator.eq, operator.ne) else None
                if text is None or not isinstance(other, Static):
                    self.static(v, "what is compared")
                known: Any = other.obj  # type: ignore[attr-defined]
                is_same = self.is_text(text, known) if type(known) is str else FALSE
                return is_same if f is operator.eq else self.unary(gast.Not(), is_same)
        equality = f in (operator.eq, operator.ne)
        sequences = all(self.is_tuple(v) or isinstance(v, List) for v in (a, b))
        if equality and sequences and self.is_tuple(a) == self.is_tuple(b):
            lengths = [self.length(v) for v in (a, b)]
            if any(isinstance(n, Static) and n.obj == 0 for n in lengths):
                return self.compare(gast.Eq() if f is operator.eq else gast.NotEq(), *lengths)
        if sequences and self.is_tuple(a) == self.is_tuple(b) and self._of_staged_length(a, b):
            return self._compared_in_a_loop(f, a, b)
        if equality and sequences and self.is_tuple(a) == self.is_tuple(b):
            xs, ys = self.items_of(a), self.items_of(b)
            equal: Value = TRUE if len(xs) == len(ys) else FALSE
            for x, y in zip(xs, ys):
                equal = self.lazy(True, equal, lambda x=x, y=y: self.equal_items(x, y))
            return equal if f is operator.eq else self.unary(gast.Not(), equal)
        if sequences and self.is_tuple(a) == self.is_tuple(b) and not equality:
            return self._in_order(f, self.items_of(a), self.items_of(b))
        if isinstance(a, Set) or isinstance(b, Set):
            a, b = map(self.as_set, (a, b))
        found = self.compared_keyed(f, a, b)
        if found is not None:
            return found
        if any(isinstance(v, Set | DictView) for v in (a, b)):
            return self.run_python(f, self.static(a), self.static(b))
        if isinstance(a, Dict) and isinstance(b, Dict) and a.cls is b.cls is collections.Counter:
            self.fail("AF0207", "a Counter is compared with another one")
        if equality and type(a) is not type(b):
            return Static(f is operator.ne)
        if isinstance(a, Scalar) or isinstance(b, Scalar):
            # A number and something else: a TypeError, whatever they are.
            return self.run_python(f, *map(_instance_like, (a, b)))
        return self.run_python(f, self.static(a), self.static(b))

    def as_set(self, v: Value) -> Value:
        known = isinstance(v, Static) and isinstance(v.obj, set | frozenset)
        return self.heap.new_set(v.obj) if known else v  # type: ignore[attr-defined, no-any-return]

    def _of_staged_length(self, a: Value, b: Value) -> bool:
        """Whether these are lists of ints, at least one of which has a staged length."""
        return (
            (self.has_grown(a) or self.has_grown(b)) and self.holds_ints(a) and self.holds_ints(b)
        )

    def _compared_in_a_loop(self, f: Callable[..., Any], a: Value, b: Value) -> Value:
        if f in (operator.eq, operator.ne):
            equal = self.call(Static(folds.are_equal), [a, b], {})
            return equal if f is operator.eq else self.unary(gast.Not(), equal)
        pair = [a, b] if f in (operator.lt, operator.le) else [b, a]
        or_equal = Static(f in (operator.le, operator.ge))
        return self.call(Static(folds.precedes), [*pair, or_equal], {})

    def _in_order(self, f: Callable[..., Any], xs: Sequence[Value], ys: Sequence[Value]) -> Value:
        """Sequences are ordered as their first items that differ are."""
        if not xs or not ys:
            return Static(f(len(xs), len(ys)))
        op = next(kind for kind, (function, _, _) in COMPARE.items() if function is f)()
        return self.stage_if(
            self.equal_items(xs[0], ys[0]),
            lambda: self._in_order(f, xs[1:], ys[1:]),
            lambda: self.compare(op, xs[0], ys[0]),
        )

    def identical(self, a: Value, b: Value) -> Value:
        for x, y in ((a, b), (b, a)):
            if isinstance(x, Node):
                return self.split(x, lambda v, y=y: self.identical(v, y))
            if not isinstance(y, Static):
                self._require_identities(x)
        for x, y in ((a, b), (b, a)):
            if isinstance(x, Option):
                return self._one_is(x, y)
        if isinstance(a, Static) and isinstance(b, Static):
            plain = isinstance(a.obj, NUMBERS) and isinstance(b.obj, NUMBERS)
            return Static(same(a, b) if plain else a.obj is b.obj)
        if self.is_number(a) and self.is_number(b):
            kinds = [v.type if isinstance(v, Scalar) else type(v.obj) for v in (a, b)]  # type: ignore
            if kinds == [bool, bool]:
                return self.compare(gast.Eq(), a, b)
            if kinds[0] is kinds[1]:
                self.fail("AF0207", "`is` between staged numbers", help="write `==`")
        if type(a) is not type(b):
            return FALSE
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            if a.origin is not b.origin and any(isinstance(v.origin, Copied) for v in (a, b)):
                return FALSE
            if same(a, b) or (a.origin is not None and a.origin is b.origin):
                return TRUE
            apart = a.storage != b.storage and UNKNOWN_STORAGE not in (a.storage, b.storage)
            if apart and not self._may_be_passed_as_one(a, b):
                return FALSE
            self.fail("AF0207", "whether these two are one array isn't known while compiling")
        return Static(same(a, b))

    def _may_be_passed_as_one(self, a: Tensor, b: Tensor) -> bool:
        """Whether a caller may give one array for both, though the program has two inputs for them."""
        passed = [x.origin for x in (a, b) if isinstance(x.origin, Argument)]
        if len(passed) == 2:
            return all(origin.is_by_type for origin in passed)
        cells = [self.heap.array_cells.get(x.storage) for x in (a, b)]
        return len(passed) == 1 and any(cell in self.lifter.arrays for cell in cells)

    def _require_identities(self, *values: Value) -> None:
        """AF0207 for copies, of a part of a tree or an item of a list that grew."""
        for v in values:
            if isinstance(v, List | Dict | Object) and self.heap.is_frozen(v.cell):
                self.fail(
                    "AF0207",
                    f"whether {describe(v)} of a tree or a list that grew is another one isn't known",
                    help="compare what's in them",
                )

    def _one_is(self, option: Option, other: Value) -> Value:
        """Whether what an option is, is ``other``."""
        if not isinstance(other, Static):
            return self.split(option, lambda v: self.identical(v, other))
        is_absent = self.identical(option.absent, other)
        is_value = self.identical(option.value, other)
        if same(is_value, FALSE):
            return self.both(is_absent, self.unary(gast.Not(), option.present))
        if same(is_absent, FALSE):
            return self.both(is_value, option.present)
        return self.stage_if(option.present, lambda: is_value, lambda: is_absent)

    def contains(self, item: Value, container: Value) -> Value:
        if isinstance(container, Choice):
            return self.split(container, lambda v: self.contains(item, v))
        if isinstance(item, Choice):
            return self.split(item, lambda v: self.contains(v, container))
        if isinstance(item, Static) and isinstance(container, Static):
            return self.run_python(operator.contains, container.obj, item.obj)
        if isinstance(container, DictView) and container.kind == "keys":
            return self.contains(item, container.of)
        pair = isinstance(item, Tuple) and isinstance(container, Dict)
        if self.is_keyed(container) or (pair and self.can_be_keyed(container, item)):
            return self.keyed(container, "has", item)  # type: ignore[no-any-return]
        if isinstance(container, Dict) and isinstance(item, Scalar | Tensor):
            # Keys that are equal have one hash, whatever their types.
            keys = [k for k in self.entries_of(container) if isinstance(k, (*NUMBERS, np.generic))]
            container = self.tuple([Static(k) for k in keys])
        text = self.text_of_ints(item) if isinstance(container, Dict) else None
        if text is not None:
            names = [k for k in self.entries_of(container) if type(k) is str]
            return self.place_among(text, names)[1]
        if isinstance(container, Dict):
            return self.has_key(container, self.static(item, "a dict's key"))
        if isinstance(container, Object) and not hasattr(container.cls, "__contains__"):
            return self.call(Static(folds.is_found), [item, container], {})
        if isinstance(container, Object):
            return self.call(self.get_attribute(container, "__contains__"), [item], {})
        if isinstance(container, Tensor) and container.kind == "array":
            equal = self.compare(gast.Eq(), container, item)
            return self.call(Static(bool), [self.call(Static(np.any), [equal], {})], {})
        in_loop = self.found_in_a_loop(folds.contains, container, item)
        if in_loop is not None:
            return in_loop
        found: Value = FALSE
        for other in self.items_of(container):
            found = self.lazy(False, found, lambda other=other: self.equal_items(item, other))
        return found

    def equal_items(self, a: Value, b: Value) -> Value:
        """``a is b or bool(a == b)``: how containers compare what they hold."""
        if isinstance(a, Scalar) and same(a, b):
            return TRUE
        if (
            isinstance(a, Tensor)
            and isinstance(b, Tensor)
            and a.storage == b.storage
            and same(a, b)
        ):
            return TRUE
        if isinstance(a, List | Dict | Object) and type(a) is type(b) and same(a, b):
            return TRUE
        truth = self.truth(self.compare(gast.Eq(), a, b))
        return truth if isinstance(truth, Scalar) else Static(truth)

    def truth(self, v: Value) -> bool | Scalar:
        """``bool(v)``: a Python bool where it's known, else a staged one."""
        match v:
            case Poison():
                self.poisoned()
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
            case Iterator():
                return True
            case List() | Dict() | DictView() | Range():
                return self.truth(self.length(v))
            case Choice():
                whole = self.split(v, lambda x: self.truth_value(x))
                return self.truth(whole)
            case Object(cls=cls):
                for name in ("__bool__", "__len__"):
                    if hasattr(cls, name):
                        return self.truth(self.call(self.get_attribute(v, name), [], {}))
                return True
            case Function() | BoundMethod() | Partial() | Generator():
                return True
        self.fail("AF0207", f"the truth of {describe(v)} isn't defined here")

    def truth_value(self, v: Value) -> Value:
        truth = self.truth(v)
        return truth if isinstance(truth, Scalar) else Static(truth)

    def _tensor_truth(self, v: Tensor) -> bool | Scalar:
        if v.kind in ("variable", "either"):
            return self.truth(self.call(Static(chainer.Variable.__bool__), [v], {}))
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


def _is_of_texts(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "US"
