"""Functions that run in Python in the middle of a program: ``compile(fallback="chainer")``.

A call that the compiler refuses becomes an operator that calls the function itself, on arrays, when the
program gets there. What it gives has to be of the types that it gave once while compiling, on arrays
that were made up; of whatever sizes. It may compute and return, and nothing else: it gets copies.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import chainer
import gast
import numpy as np

from astfront.control.attempts import Refused
from astfront.diagnostics import CompileError
from astfront.lifting import is_supported
from astfront.machine import Machine
from astfront.outputs import Outcome, Results, Template
from astfront.source import Span
from astfront.values import (
    SCALAR_DTYPES,
    BoundMethod,
    Option,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Value,
)


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


class Fallbacks(Machine):
    def call_or_fall_back(
        self, function: Value, args: Sequence[Value], kwargs: dict[str, Value]
    ) -> Value:
        """A call in the user's code; one that is refused runs in Python, where that's asked for."""
        if self.fallback is None or self.frame.is_library:
            return self.call(function, args, kwargs)
        try:
            return self.attempted(lambda: self.call(function, args, kwargs))
        except Refused as refused:
            try:
                found = self.attempted(lambda: self._eagerly(function, args, kwargs))
            except Refused:
                found = None
            if found is None:
                self.give_up(refused.diagnostics)
            return found

    def _eagerly(
        self, function: Value, args: Sequence[Value], kwargs: Mapping[str, Value]
    ) -> Value | None:
        """The result of a call in Python; None where it can't be made there."""
        if isinstance(function, BoundMethod) and isinstance(function.self, Tensor):
            return self._eagerly(function.function, [function.self, *args], kwargs)
        python = _callable(function)
        if python is None:
            return None
        results = Results(self, {})
        try:
            positional = results.template(Tuple(tuple(map(_passed, args))))
            named = results.template(self.heap.new_dict({k: _passed(v) for k, v in kwargs.items()}))
        except CompileError:
            return None
        made = EagerCall(python, positional, named, self.span())
        tensors = results.tensors
        if not tensors or not made.learn([_made_up(t) for t in tensors]):
            return None
        self.eager_calls.append(made)
        self.report.add(self.span(), "fallback", f"{made.name} runs in Python")
        code = self.as_tensor(self.heap.lookup(self.error_cell, "code"))
        types = [f"{r.dtype.name} {r.ndim}" for r in made.results]
        outputs = self.b.call(
            f"astfront.eager_{len(tensors)}", code, *tensors, call=made.number, results=types
        )
        failed, *given = outputs
        failed = Scalar(self.b.call("reshape", failed, newshape=()).expr, int)
        self.check(self.compare(gast.Eq(), failed, Static(0)), RuntimeError(f"{made.name} failed"))
        leaves = iter([self._result(t, r) for t, r in zip(given, made.results)])
        return self._structured(made.structure, leaves)

    def _result(self, tensor: Tensor, result: Result) -> Value:
        if result.ndim == 0:
            tensor = self.b.call("reshape", tensor, newshape=())
        for kind in SCALAR_DTYPES:
            if result.kind == kind.__name__:
                return Scalar(tensor.expr, kind)
        return replace(tensor, kind=result.kind)  # type: ignore[arg-type]

    def _structured(self, structure: Any, leaves: Any) -> Value:
        if structure is None:
            value: Value = next(leaves)
            return value
        cls, parts = structure
        items = [self._structured(part, leaves) for part in parts]
        return self.tuple(items) if cls is tuple else self.heap.new_list(items)  # type: ignore


def _callable(function: Value) -> Callable[..., Any] | None:
    """The function to call in Python. A link isn't one: what its call changes isn't known."""
    found = function.obj if isinstance(function, Static) else getattr(function, "instance", None)
    return found if callable(found) and not isinstance(found, chainer.Link) else None


def _passed(value: Value) -> Value:
    """An argument as a call in Python gets it: an array of its own, wherever it came from."""
    match value:
        case Tensor():
            return replace(value, origin=None)
        case Tuple(items=items):
            return replace(value, items=tuple(map(_passed, items)))
        case Option(value=inner, absent=absent):
            return replace(value, value=_passed(inner), absent=_passed(absent))
    return value


def _made_up(tensor: Tensor) -> np.ndarray[Any, Any]:
    """An array of a tensor's type, as ordinary as can be."""
    if tensor.const is not None:
        return tensor.const
    shape = tuple(2 if d is None else d for d in tensor.shape)
    if tensor.dtype.kind == "f":
        numbers = np.random.RandomState(0).uniform(0.1, 0.9, shape)
        return np.asarray(numbers, tensor.dtype)
    return np.ones(shape, tensor.dtype)
