"""A mend of what TVM tells LLVM of arrays that are read or written as vectors.

TVM marks each access with the bytes that it may touch, so that LLVM knows which don't meet. Of a vector
whose place isn't known while compiling, TVM says that it's the first of the array or, where the place is
a sum that ends with a constant, that it's at the constant: what's written elsewhere is then lost on who
reads there. Here known places, and such sums, become sums that only LLVM sees through: TVM says that all
vectors of an array are its first, which may meet, and nothing of the numbers.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import tir

_ACCESSES = ["tir.BufferLoad", "tir.BufferStore"]


@tir.transform.prim_func_pass(opt_level=0, name="astfront.hide_known_places")
def hide_known_places(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR, after vectorisation."""
    mixed = _mixed_arrays(function.body)
    if not mixed:
        return function

    def hide(access: Any) -> Any:
        if access.buffer.data not in mixed or not _has_constant(access):
            return None
        # Zero, but not to TVM.
        zero = tir.call_intrin("int32", "tir.reinterpret", tir.const(0.0, "float32"))
        *others, last = access.indices
        if isinstance(last, tir.Ramp):
            last = tir.Ramp(_plus(last.base, zero), last.stride, last.lanes)
        else:
            last = _plus(last, zero)
        if isinstance(access, tir.BufferLoad):
            return tir.BufferLoad(access.buffer, [*others, last])
        return tir.BufferStore(access.buffer, access.value, [*others, last])

    return function.with_body(tir.stmt_functor.ir_transform(function.body, None, hide, _ACCESSES))


def _plus(index: Any, zero: Any) -> Any:
    return tir.Add(index, zero if index.dtype == "int32" else zero.astype(index.dtype))


def _mixed_arrays(body: Any) -> set[Any]:
    """The arrays with accesses that TVM places by a constant, and with vectors at unknown places."""
    placed, unknown = set(), set()

    def look(access: Any) -> None:
        if _has_constant(access):
            placed.add(access.buffer.data)
        if _is_vector(access) and not isinstance(_first(access), tir.IntImm):
            unknown.add(access.buffer.data)

    # TVM calls Python for the accesses alone: it'd be ten times as many nodes.
    tir.stmt_functor.ir_transform(body, None, look, _ACCESSES)
    return placed & unknown


def _has_constant(access: Any) -> bool:
    """Whether the place is a constant, or a vector's is a sum that ends with one."""
    first = _first(access)
    if isinstance(access.indices[-1], tir.Ramp) and isinstance(first, tir.Add | tir.Sub):
        return isinstance(first.b, tir.IntImm)
    return isinstance(first, tir.IntImm)


def _first(access: Any) -> Any:
    """The index of a number, or of the first one of a vector."""
    last = access.indices[-1]
    return last.base if isinstance(last, tir.Ramp) else last


def _is_vector(access: Any) -> bool:
    value = access.value if isinstance(access, tir.BufferStore) else access
    return bool(tvm.DataType(value.dtype).lanes > 1)
