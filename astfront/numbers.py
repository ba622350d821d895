"""Python numbers beside staged ones, and conversions between numbers and tensors."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gast
import numpy as np

from astfront.descriptions import describe
from astfront.powers import Powers
from astfront.values import EitherDtype, List, Object, Poison, Scalar, Static, Tensor, Tuple, Value

NUMBERS = (bool, int, float)

#: No loop has so many turns that terms below this make a sum that doesn't fit in 64 bits.
SMALL_TERM = 2**32

_FLOAT_DIVISION: dict[Any, np.ufunc] = {
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
}
_NO_INT = "cannot convert float {} to integer"


def is_generic(v: Value) -> bool:
    """Whether it's a scalar of numpy's."""
    if isinstance(v, Tensor):
        return v.kind == "generic"
    return isinstance(v, Static) and isinstance(v.obj, np.generic)


def is_numpy_number(*operands: Value) -> bool:
    """Whether one of two operands is a scalar of numpy's, and the other staged or a sequence."""
    others = any(isinstance(v, Scalar | List | Tuple) for v in operands)
    return others and any(is_generic(v) for v in operands)


class Numbers(Powers):
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
        made = Scalar(self.b.call("cast", v, dtype=dtype).expr, kind)
        return made if kind is bool else self.no_larger(made, self.magnitude(v))

    def truncated(self, x: Scalar) -> Scalar:
        """``int(x)``; of a float, if that's an int of 64 bits: a cast truncates towards zero, too."""
        if x.type is float and not self.magnitude(x) < 2**63:
            size = Scalar(self.b.call("abs", x).expr, float)
            self.check(self.compare(gast.Eq(), x, x), ValueError(_NO_INT.format("NaN")))
            finite = self.compare(gast.NotEq(), size, Static(math.inf))
            self.check(finite, OverflowError(_NO_INT.format("infinity")))
            self.require_to_fit(self.compare(gast.Lt(), size, Static(2.0**63)), "an int")
        return self.as_scalar(x, int)

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
            return self._checked(f, a, b, self._scalar_call(simple[f], a, b, kind))
        if f in (operator.truediv, operator.floordiv, operator.mod):
            return self._quotient(f, a, b, kind, float if float in kinds else int)
        if f is operator.pow and isinstance(b, Static) and isinstance(b.obj, int):
            if b.obj < 0:
                return self.float_power(a, b)
            if 0 <= b.obj <= 8 and kind is int:
                result: Value = Static(1)
                for _ in range(b.obj):
                    result = self.binary_op(operator.mul, result, a)
                return result
            if 8 < b.obj < 64 and kind is int:
                result = a
                for bit in format(b.obj, "b")[1:]:
                    result = self.binary_op(operator.mul, result, result)
                    result = self.binary_op(operator.mul, result, a) if bit == "1" else result
                return result
            if kind is float:
                return self.float_power(a, b)
        if f is operator.pow:
            power = self.staged_power(a, b)
            if power is not None:
                return power
        bits = {operator.and_: "bitwise_and", operator.or_: "bitwise_or"}
        bits[operator.xor] = "bitwise_xor"
        if f in bits and kind is int:
            return self._scalar_call(bits[f], a, b, int)
        if f is operator.lshift and isinstance(b, Static) and b.obj in range(63):
            made = self._scalar_call("left_shift", a, b, int)
            return self._checked(operator.mul, a, Static(1 << b.obj), made)
        if f is operator.rshift and isinstance(b, Static) and b.obj in range(63):
            return self._scalar_call("right_shift", a, b, int)
        if f in (operator.lshift, operator.rshift) and kind is int and isinstance(b, Scalar):
            return self.staged_shift(f, a, b)
        self.fail(
            "AF0207",
            f"`{f.__name__}` of {describe(a)} and {describe(b)} isn't supported",
            help="compute it before the call and pass the result",
        )

    def _quotient(
        self, f: Callable[..., Any], a: Value, b: Value, kind: type, given: type
    ) -> Scalar:
        """``a / b``, ``a // b`` or ``a % b``, of numbers of the type ``given``."""
        size = self.magnitude(a)
        if isinstance(b, Static) and b.obj:
            # What's left of a negative number may be larger than it: -1 % 5 is 4.
            size = size / abs(b.obj) if f is operator.truediv else abs(b.obj)
        else:
            b = self.nonzero(self.as_scalar(b, kind), _zero_division(f, given))
            size = math.inf
        if kind is float and f is not operator.truediv:
            return self._as_numpy(_FLOAT_DIVISION[f], a, b)
        if f is operator.truediv:
            return self.no_larger(self._scalar_call("divide", a, b, kind), size)
        if isinstance(b, Scalar) and not self.magnitude(a) < 2**63:
            b = self._untrapped(f, a, b)
        if f is operator.floordiv:
            return self.no_larger(self._scalar_call("floor_divide", a, b, kind), self.magnitude(a))
        return self.no_larger(self._scalar_call("floor_mod", a, b, kind), size)

    def _untrapped(self, f: Callable[..., Any], a: Value, b: Scalar) -> Scalar:
        """``b``, but for the quotient of the least int and -1, at which the CPU traps."""
        cases = ((a, -(2**63)), (b, -1))
        equal = [self.compare(gast.Eq(), v, Static(n)) for v, n in cases]
        trap = self.lazy(True, equal[0], lambda: equal[1])
        if f is operator.floordiv:
            self.require_to_fit(self.unary(gast.Not(), trap), "a quotient")
        one = self.as_scalar(Static(1), int)
        return Scalar(self.b.call("where", self.as_scalar(trap, bool), one, b).expr, int)

    def _checked(self, f: Callable[..., Any], a: Value, b: Value, made: Scalar) -> Scalar:
        """A sum, difference or product, of ints if it fits in 64 bits, and what is known of it."""
        x, y = self.magnitude(a), self.magnitude(b)
        size = x * y if f is operator.mul else x + y
        if size < 2**63 or made.type is float:
            made = self.no_larger(made, size)
        elif f is operator.mul:
            self.require_product_to_fit(a, b)
        elif min(x, y) >= SMALL_TERM:
            self.require_sum_to_fit(f, a, b, made)
        # ``n + 1`` and ``n - 1`` are known beside ``n``.
        for n, by in ((a, b), (b, a)):
            whole = isinstance(n, Scalar) and n.type is made.type is int and isinstance(by, Static)
            if whole and (f is operator.add or (f is operator.sub and n is a)):
                return self.shifted(made, n, int(by.obj) if f is operator.add else -int(by.obj))  # type: ignore
        return made

    def _scalar_call(self, op: str, a: Value, b: Value, kind: type) -> Scalar:
        return Scalar(self.b.call(op, self.as_scalar(a, kind), self.as_scalar(b, kind)).expr, kind)

    def _as_numpy(self, ufunc: np.ufunc, a: Value, b: Value) -> Scalar:
        """Of floats, where numpy's function computes what Python's operator does."""
        operands: list[Value] = [self.as_tensor(self.as_scalar(v, float)) for v in (a, b)]
        return Scalar(self.call(Static(ufunc), operands, {}).expr, float)  # type: ignore[attr-defined]

    def nonzero(self, divisor: Scalar, message: str) -> Scalar:
        """``divisor``, with a run-time ZeroDivisionError where it is 0 (the CPU would trap)."""
        zero = self.as_scalar(Static(0), divisor.type)
        ok = Scalar(self.b.call("not_equal", divisor, zero).expr, bool)
        self.check(ok, ZeroDivisionError(message))
        one = self.as_scalar(Static(1), divisor.type)
        return Scalar(self.b.call("where", ok, divisor, one).expr, divisor.type)

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
                if isinstance(made, Tensor | EitherDtype):
                    return self.as_tensor(made, dtype)
            case Object(cls=cls) if hasattr(cls, "__array__"):
                made = self.call(self.get_attribute(v, "__array__"), [], {})
                return self.as_tensor(made, dtype)
            case EitherDtype(array=array) if dtype is None:
                return self.of_one_dtype(v)  # type: ignore[no-any-return]
            case EitherDtype(array=array):
                return self.cast(array, dtype)
        if isinstance(v, Poison):
            self.poisoned()
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
        if x.dtype == np.float64 and dtype == np.float16:
            # LLVM's conversion from float64 is missing; TVM calls another with the wrong bits.
            x = self.cast(x, np.float32)
        if x.dtype.kind == "f" and dtype == np.uint32:
            # As numpy's: what's beyond uint32 wraps around.
            x = self.cast(x, np.int64)
        new = self.b.call("cast", x, dtype=dtype.name)
        return replace(new, kind=x.kind, is_variable=x.is_variable)

    def only_item(self, x: Tensor, exception: Exception) -> Tensor:
        """The one element of an array of staged sizes, or the exception."""
        count = self.get_attribute(x.as_kind("array"), "size")
        self.check(self.compare(gast.Eq(), count, Static(1)), exception)
        # Of no elements there's no first one.
        flat = self.b.call("reshape", x, newshape=(-1,))
        more = self.b.call("zeros", shape=(1,), dtype=x.dtype.name)
        padded = self.b.call("concatenate", [flat, more], axis=0)
        first = self.b.constant(np.array(0))
        return self.b.call("take", padded, first, axis=0, mode="clip")  # type: ignore[no-any-return]

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
        number = Scalar(flat.expr, kind)
        if kind is int and x.dtype.itemsize < 8:
            return self.no_larger(number, 256**x.dtype.itemsize)
        if x.dtype == np.uint64:
            fits = self.compare(gast.GtE(), number, Static(0))
            self.require_to_fit(fits, "an int")
        return number


def _zero_division(f: Callable[..., Any], kind: type) -> str:
    """What Python says where it divides by zero."""
    try:
        f(kind(1), kind(0))
    except ZeroDivisionError as e:
        return str(e)
    raise AssertionError(f)
