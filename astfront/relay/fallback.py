"""Operators that call a function in Python: ``astfront.eager_n`` of an error code and n tensors.

How large the results are, only the function knows. So it's called where TVM asks for their sizes, and
the kernel copies what came of it. Where the program has noted an exception, nothing is called: its
values are what they happen to be.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
import tvm
from tvm import relay, te, tir
from tvm.relay.op import op as registry

from astfront.eager_calls import CALLS, pending
from astfront.relay.special import make_operator, set_opaque

_SIZES = "astfront.eager_sizes"
_COPY = "astfront.eager_copy"


class _Waiting(threading.local):
    """What this thread computed and didn't copy yet."""

    def __init__(self) -> None:
        self.results: dict[int, list[Any]] = {}


_waiting = _Waiting()


@functools.cache
def register(inputs: int) -> str:
    """The operator for ``inputs`` tensors."""
    full = make_operator(f"eager_{inputs}", inputs + 1, _type, stateful=True)
    set_opaque(full, _compute)
    registry.register_shape_func(full, True, _sizes)
    return full


def _results(attrs: Any) -> list[tuple[str, int]]:
    """The dtypes and ranks: of whether it failed, and of what it gives."""
    found = [(str(r).split()[0], int(str(r).split()[1])) for r in attrs.results]
    return [("int64", 0), *found]


def _type(types: Any, attrs: Any) -> Any:
    # A result without axes has one of size 1: TVM has no sizes of nothing.
    fields = [
        relay.TensorType([relay.Any()] * ndim if ndim else [1], dtype)
        for dtype, ndim in _results(attrs)
    ]
    return relay.TupleType(fields)


def _compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
    fields = output_type.fields
    shapes = [tuple(field.shape) for field in fields]
    return _extern(_COPY, attrs, tensors, shapes, [field.dtype for field in fields])


def _sizes(attrs: Any, inputs: Any, ndims: Any) -> list[Any]:
    shapes = [(max(ndim, 1),) for _, ndim in _results(attrs)]
    return _extern(_SIZES, attrs, inputs, shapes, ["int64"] * len(shapes))


def _extern(name: str, attrs: Any, inputs: Any, shapes: Any, dtypes: Any) -> list[Any]:
    """A kernel that hands its inputs and outputs to a function in Python."""

    def kernel(ins: Any, outs: Any) -> Any:
        return tir.call_packed(name, int(attrs.call), len(ins), *ins, *outs)

    made: list[Any] = te.extern(shapes, list(inputs), kernel, dtype=dtypes, name="eager")
    return made


def _results_of(number: int, arrays: Any) -> list[np.ndarray[Any, Any]]:
    """Whether a call failed, and what it gives; nothing is called once an exception was noted."""
    code, *inputs = (a.numpy() for a in arrays)
    call = CALLS[number]
    if code == 0:
        try:
            return [np.zeros(1, "int64"), *call.run(inputs)]
        except BaseException as e:
            pending.exception = e  # TVM would lose it, and trip over it later.
    return [np.ones(1, "int64"), *(np.zeros((1,) * r.ndim, r.dtype) for r in call.results)]


@tvm.register_func(_SIZES, override=True)
def _compute_sizes(number: int, count: int, *arrays: Any) -> None:
    results = _waiting.results[number] = _results_of(number, arrays[:count])
    for array, sizes in zip(results, arrays[count:]):
        sizes.copyfrom(np.array(array.shape or (1,), "int64"))


@tvm.register_func(_COPY, override=True)
def _copy(number: int, count: int, *arrays: Any) -> None:
    results = _waiting.results.pop(number, None)
    if results is None:  # All sizes are known: nobody asked for them.
        results = _results_of(number, arrays[:count])
    for array, out in zip(results, arrays[count:]):
        out.copyfrom(np.ascontiguousarray(array).reshape(out.shape))
