"""Powers and shifts of Python's numbers by a number that's staged."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import gast
import numpy as np

from astfront.joins.leaves import number_type
from astfront.machine import Machine
from astfront.values import Scalar, Static, Value

_LEAST, _MOST = -(2**63), 2**63 - 1
_NEGATIVE_POWER = "0.0 cannot be raised to a negative power"


class Powers(Machine):
    def staged_power(self, a: Value, n: Value) -> Value | None:
        """``a ** n``; None where its type depends on data."""
        base = a.obj if isinstance(a, Static) else None
        if number_type(n) is float:
            self._require_a_float(a, n)
            return self.float_power(a, n)
        if not isinstance(n, Scalar) or n.type is not int:
            return None
        if isinstance(a, Scalar) and a.type is not float:
            return None
        if isinstance(base, float) or base is None:
            return self.float_power(a, n)
        if _is_natural(n):
            return self._int_power(int(base), n)
        return self.stage_if(  # type: ignore[no-any-return]
            self._holds(gast.GtE, n, 0),
            lambda: self._int_power(int(base), n),
            lambda: self.float_power(Static(float(base)), n),
        )

    def _int_power(self, base: int, n: Scalar) -> Scalar:
        values = [1, base]
        if abs(base) > 1:
            while _LEAST <= values[-1] * base <= _MOST:
                values.append(values[-1] * base)
            fits = self._holds(gast.Lt, n, len(values))
            self.require_to_fit(fits, f"a power of {base}")
        elif base == -1:
            n = self.scalar_arithmetic(operator.and_, n, Static(1))
        row = self.b.call("take", self.b.constant(np.array(values)), n, axis=0, mode="clip")
        return Scalar(row.expr, int)

    def _require_a_float(self, a: Value, n: Value) -> None:
        """A negative number to a power that's no integer is complex: such a call is refused."""
        whole = isinstance(n, Static) and (not math.isfinite(n.obj) or n.obj == math.floor(n.obj))
        if whole or _is_natural(a):
            return
        x, y = self.as_scalar(a, float), self.as_scalar(n, float)
        floor = Scalar(self.b.call("floor", y).expr, float)
        fine = self._holds(gast.GtE, x, 0.0)
        others = [self.compare(gast.NotEq(), v, v) for v in (x, y)]
        others += [self._holds(gast.Eq, x, -math.inf), self.compare(gast.Eq(), y, floor)]
        for other in others:
            fine = self.lazy(False, fine, lambda other=other: other)  # type: ignore[misc]
        refusal = self.error("AF0207", "a negative number to a power that's no integer is complex")
        self.require(fine, refusal)

    def float_power(self, a: Value, n: Value) -> Scalar:
        """A power that is a float."""
        x, y = self.as_scalar(a, float), self.as_scalar(n, float)
        result = Scalar(self.b.call("power", x, y).expr, float)
        known = a.obj if isinstance(a, Static) else None
        if not known and not _is_natural(n):
            negative = self._holds(gast.Lt, y, 0.0)
            wrong = self.lazy(True, self._holds(gast.Eq, x, 0.0), lambda: negative)
            self.check(self.unary(gast.Not(), wrong), ZeroDivisionError(_NEGATIVE_POWER))
        if known is None or abs(known) > 1 or not _is_natural(n):
            sizes = [Scalar(self.b.call("abs", v).expr, float) for v in (result, x, y)]
            size, given, power = (self._holds(gast.Eq, v, np.inf) for v in sizes)
            fine = self.unary(gast.Not(), size)
            for other in (given, power, self._holds(gast.Eq, x, 0.0)):
                fine = self.lazy(False, fine, lambda other=other: other)  # type: ignore[misc]
            self.check(fine, OverflowError(34, "Numerical result out of range"))
        return result

    def require_to_fit(self, ok: Value, what: str) -> None:
        """Python's ints have any number of digits, and the program's have 64 bits."""
        self.require(ok, OverflowError(f"{what} doesn't fit in 64 bits"))

    def require_product_to_fit(self, a: Value, b: Value) -> None:
        """Whether a product has 64 bits, a float can tell, but for those next to the limit."""
        x, y = self.as_scalar(a, float), self.as_scalar(b, float)
        size = Scalar(self.b.call("abs", self.b.call("multiply", x, y)).expr, float)
        self.require_to_fit(self._holds(gast.Lt, size, float(_MOST - 2**12)), "a product")

    def require_sum_to_fit(self, f: Callable[..., Any], a: Value, b: Value, made: Scalar) -> None:
        """The sign of a sum is that of a term."""
        x, y = self.as_scalar(a, int), self.as_scalar(b, int)
        other = y if f is operator.add else self.b.call("bitwise_not", y)
        signs = [self.b.call("bitwise_xor", v, made) for v in (x, other)]
        wrong = Scalar(self.b.call("bitwise_and", *signs).expr, int)
        self.require_to_fit(self._holds(gast.GtE, wrong, 0), "a sum")

    def staged_shift(self, f: Callable[..., Any], a: Value, n: Scalar) -> Scalar:
        """``a << n`` or ``a >> n``"""
        natural = self._holds(gast.GtE, n, 0)
        self.check(natural, ValueError("negative shift count"))
        x = self.as_scalar(a, int)
        m: Any = self.call(
            Static(min), [self.call(Static(max), [n, Static(0)], {}), Static(63)], {}
        )
        if f is operator.rshift:
            return Scalar(self.b.call("right_shift", x, m).expr, int)
        for limit, op in ((_LEAST, gast.LtE), (_MOST, gast.GtE)):
            bound = self.b.call("right_shift", self.as_scalar(Static(limit), int), m)
            fine = self.compare(op(), Scalar(bound.expr, int), x)
            self.require_to_fit(fine, "a shifted int")
        small = self.lazy(False, self._holds(gast.LtE, n, 63), lambda: self._holds(gast.Eq, x, 0))
        self.require_to_fit(small, "a shifted int")
        return Scalar(self.b.call("left_shift", x, m).expr, int)

    def _holds(self, op: type[gast.AST], a: Value, b: float) -> Value:
        return self.compare(op(), a, Static(b))  # type: ignore[no-any-return]


def _is_natural(n: Value) -> bool:
    """Whether it's known not to be negative."""
    low = n.obj if isinstance(n, Static) else n.bounds and n.bounds.low  # type: ignore[attr-defined]
    return low is not None and low >= 0
