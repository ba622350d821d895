"""Functions that run in Python in the middle of a program: ``compile(fallback="chainer")``.

A call that the compiler refuses becomes an operator that calls the function itself, on arrays, when the
program gets there. What it gives has to be of the types that it gave once while compiling, on arrays
that were made up; of whatever sizes. It may compute and return, and nothing else: it gets copies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import chainer
import gast
import numpy as np

from astfront.control.attempts import Refused
from astfront.diagnostics import CompileError
from astfront.eager_calls import EagerCall, Result
from astfront.machine import Machine
from astfront.outputs import Results
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
