"""What is known of staged ints while compiling: differences, signs and upper bounds.

``xs[t]`` and ``xs[t:t + 1]`` in a loop over ``range(xs.shape[0])`` are in range and have a known size;
knowing it saves the run-time checks, and keeps sizes known that would otherwise be staged.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from astfront.machine import Machine
from astfront.values import Scalar, Static, Value

#: No array has as many items, and no loop as many turns.
LARGEST_SIZE = 2**30


@dataclass(frozen=True)
class Bounds:
    """A staged int is ``term + offset``; ``low <= it``, and ``it < high[0] + high[1]``.

    ``term`` stands for some int at run time (the size of a tensor along an axis, a counter); a
    ``high`` without a term is a plain int. Its absolute value is at most ``magnitude``: all that may
    be known of a float.
    """

    term: Hashable
    offset: int = 0
    low: int | None = None
    high: tuple[Hashable | None, int] | None = None
    magnitude: int | None = None

    def plus(self, n: int) -> Bounds:
        low = None if self.low is None else self.low + n
        high = None if self.high is None else (self.high[0], self.high[1] + n)
        magnitude = None if self.magnitude is None else self.magnitude + abs(n)
        return Bounds(self.term, self.offset + n, low, high, magnitude)


def _bounds_of(v: Scalar) -> Bounds:
    bounds: Bounds | None = v.bounds
    return bounds or Bounds(("value", v.expr))


class KnownBounds(Machine):
    def affine(self, v: Value) -> tuple[Hashable | None, int] | None:
        """``v`` as a term and an offset; None where it isn't an int."""
        if isinstance(v, Static):
            return (None, v.obj) if type(v.obj) is int else None
        if not isinstance(v, Scalar) or v.type is not int:
            return None
        if v.bounds is not None:
            return v.bounds.term, v.bounds.offset
        return ("value", v.expr), 0

    @staticmethod
    def with_bounds(v: Scalar, **parts: Any) -> Scalar:
        """``v``, with more of its :class:`Bounds` known."""
        return replace(v, bounds=replace(_bounds_of(v), **parts))

    def shifted(self, v: Scalar, by: Scalar, n: int) -> Scalar:
        """``v``, known to be ``by + n``."""
        return replace(v, bounds=_bounds_of(by).plus(n))

    def known_at_least(self, v: Scalar, n: int) -> Scalar:
        """``v``, known to be ``n`` or more."""
        return self.with_bounds(v, low=n)

    def no_larger(self, v: Scalar, limit: float) -> Scalar:
        """``v``, whose absolute value is known to be ``limit`` at most."""
        if not limit < 2**63:
            return v
        return self.with_bounds(v, magnitude=min(math.ceil(limit), self.magnitude(v)))

    def magnitude(self, v: Value) -> float:
        """What the absolute value of a number is at most."""
        if isinstance(v, Static):
            return math.inf if math.isnan(v.obj) else abs(v.obj)  # type: ignore[no-any-return]
        if not isinstance(v, Scalar) or v.type is bool:
            return 1
        if v.bounds is not None and v.bounds.magnitude is not None:
            return v.bounds.magnitude  # type: ignore[no-any-return]
        return 2**63 if v.type is int else math.inf

    def is_at_least(self, v: Value, n: int) -> bool:
        """Whether ``v >= n`` is certain."""
        if isinstance(v, Static):
            return bool(v.obj >= n)
        found = self.affine(v)
        if found is None or not isinstance(v, Scalar):
            return False
        if v.bounds is not None and v.bounds.low is not None and v.bounds.low >= n:
            return True
        term, offset = found
        minimum = self.minima.get(term)
        return minimum is not None and minimum + offset >= n

    def is_at_most(self, v: Value, limit: Value, by: int = 0) -> bool:
        """Whether ``v + by <= limit`` is certain."""
        a, b = self.affine(v), self.affine(limit)
        if a is None or b is None:
            return False
        if a[0] == b[0] and a[1] + by <= b[1]:
            return True
        if isinstance(v, Static) and self.is_at_least(limit, v.obj + by):
            return True
        high = v.bounds.high if isinstance(v, Scalar) and v.bounds is not None else None
        return high is not None and high[0] == b[0] and high[1] - 1 + by <= b[1]

    def is_index(self, i: Value, size: Value) -> bool:
        """Whether ``0 <= i < size`` is certain."""
        return self.is_at_least(i, 0) and self.is_at_most(i, size, 1)

    def difference(self, a: Value, b: Value) -> int | None:
        """``a - b`` where that's known."""
        x, y = self.affine(a), self.affine(b)
        if x is None or y is None or x[0] != y[0]:
            return None
        return x[1] - y[1]

    def below(self, i: Value, length: Value) -> Value:
        """A counter with what is known of it in a loop of ``length`` turns."""
        limit = self.affine(length)
        if not isinstance(i, Scalar) or limit is None:
            return i
        counter = self.no_larger(i, min(LARGEST_SIZE, self.magnitude(length)))
        return self.with_bounds(counter, low=0, high=limit)

    @contextmanager
    def more_than(self, length: Value, i: Value) -> Iterator[None]:
        """Inside, ``length > i`` holds, for a static ``i``."""
        found = self.affine(length)
        if found is None or found[0] is None or not isinstance(i, Static):
            yield
            return
        term, offset = found
        before = self.minima.get(term)
        self.minima[term] = max(i.obj + 1 - offset, before or 0)
        try:
            yield
        finally:
            del self.minima[term]
            if before is not None:
                self.minima[term] = before
