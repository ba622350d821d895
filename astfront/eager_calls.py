"""Calls that a program makes in Python: what they take, what they give, and making them.

A call has to give what it gave once while compiling (:meth:`EagerCall.learn`), on arrays that were made
up; of whatever sizes. It may compute and return, and nothing else: it gets copies.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import chainer
import numpy as np

from astfront.lifting import is_supported
from astfront.output_templates import Outcome, Template
from astfront.spans import Span
from astfront.values import SCALAR_DTYPES


@dataclass(frozen=True)
class Result:
    """The type of an array that comes out of a call, and what it is in Python."""

    kind: str
    """``variable``, ``array``, ``generic``, or the name of a Python number's type."""
    dtype: np.dtype[Any]
    ndim: int

    @classmethod
    def of(cls, x: Any) -> Result | None:
        if type(x) in SCALAR_DTYPES:
            return cls(type(x).__name__, SCALAR_DTYPES[type(x)], 0)
        kinds = {chainer.Variable: "variable", np.ndarray: "array"}
        kind = kinds.get(type(x), "generic")
        array = x.array if kind == "variable" else x
        if not isinstance(array, np.ndarray | np.generic) or not is_supported(array.dtype):
            return None
        return cls(kind, array.dtype, array.ndim)


#: The calls of all programs, by their numbers: an operator's attribute can't be a Python object.
CALLS: weakref.WeakValueDictionary[int, EagerCall] = weakref.WeakValueDictionary()
_numbers = itertools.count(1)


class _Pending(threading.local):
    """The exception that a call of this thread raised, which the program's call raises at its end."""

    exception: BaseException | None = None

    def take(self) -> BaseException | None:
        found, self.exception = self.exception, None
        return found


pending = _Pending()


class EagerCall:
    """A call in Python: the function, what its arguments are made of, and what it gives."""

    def __init__(
        self, function: Callable[..., Any], args: Template, kwargs: Template, span: Span | None
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.span = span
        self.results: tuple[Result, ...] = ()
        self.structure: Any = None
        self.number = next(_numbers)
        CALLS[self.number] = self

    @property
    def name(self) -> str:
        module = getattr(self.function, "__module__", None)
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"{module}.{name}" if module else str(name)

    def learn(self, arrays: Sequence[np.ndarray[Any, Any]]) -> bool:
        """Whether the function runs on arrays and gives arrays and numbers; notes of which types."""
        try:
            given = self._run(arrays)
        except Exception:
            return False
        leaves: list[Any] = []
        self.structure = _structure(given, leaves)
        found = [Result.of(x) for x in leaves]
        self.results = tuple(r for r in found if r is not None)
        return bool(found) and None not in found

    def run(self, arrays: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        """What the function gives for arrays; RuntimeError where that is of other types."""
        leaves: list[Any] = []
        structure = _structure(self._run(arrays), leaves)
        found = tuple(Result.of(x) for x in leaves)
        if structure != self.structure or found != self.results:
            place = f" ({self.span.location()})" if self.span else ""
            raise RuntimeError(
                f"{self.name}{place} gives {_listed(found)}, and gave {_listed(self.results)} while "
                "the program was compiled"
            )
        return [np.asarray(x.array if isinstance(x, chainer.Variable) else x) for x in leaves]

    def _run(self, arrays: Sequence[np.ndarray[Any, Any]]) -> Any:
        outcome = Outcome([np.array(a) for a in arrays])
        args, kwargs = self.args.build(outcome), self.kwargs.build(outcome)
        with chainer.no_backprop_mode():
            given = self.function(*args, **kwargs)
        if not all(map(_same_bits, arrays, outcome.arrays)):
            raise RuntimeError(f"{self.name} changes an array that it's given")
        leaves: list[Any] = []
        _structure(given, leaves)
        if any(_shares(x, a) for x in leaves for a in outcome.arrays):
            raise RuntimeError(f"{self.name} gives back an array that it's given, or a view of it")
        return given


def _same_bits(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def _shares(x: Any, array: np.ndarray[Any, Any]) -> bool:
    found = x.array if isinstance(x, chainer.Variable) else x
    return isinstance(found, np.ndarray) and bool(np.may_share_memory(found, array))


def _structure(x: Any, leaves: list[Any]) -> Any:
    """The tuples and lists around arrays; the arrays are collected."""
    if type(x) in (tuple, list):
        return type(x), tuple(_structure(item, leaves) for item in x)
    leaves.append(x)
    return None


def _listed(results: Sequence[Result | None]) -> str:
    shown = [f"{r.kind} of {r.dtype.name} and {r.ndim} axes" if r else "something" for r in results]
    return ", ".join(shown)
