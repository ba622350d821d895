"""A mend of what TVM tells LLVM of arrays that are read or written as vectors.

TVM marks each access with the bytes that it may touch, so that LLVM knows which don't meet. Of a vector
whose place isn't known while compiling, TVM says that it's the first of the array: what's written to the
others one by one, at known places, is then lost on who reads vectors. Here known places in such an array
become sums that only LLVM sees through: of these TVM says nothing.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import tir


@tir.transform.prim_func_pass(opt_level=0, name="astfront.hide_known_places")
def hide_known_places(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR, after vectorisation."""
    mixed = _mixed_arrays(function.body)
    if not mixed:
        return function

    def hide(access: Any) -> Any:
        if access.buffer.data not in mixed or not _is_known(access):
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

    nodes = ["tir.BufferLoad", "tir.BufferStore"]
    return function.with_body(tir.stmt_functor.ir_transform(function.body, None, hide, nodes))


def _plus(index: Any, zero: Any) -> Any:
    return tir.Add(index, zero if index.dtype == "int32" else zero.astype(index.dtype))


def _mixed_arrays(body: Any) -> set[Any]:
    """The arrays with accesses at known places, and with vectors at unknown ones."""
    known, unknown = set(), set()

    def look(node: Any) -> None:
        if isinstance(node, tir.BufferLoad | tir.BufferStore):
            if _is_known(node):
                known.add(node.buffer.data)
            elif _is_vector(node):
                unknown.add(node.buffer.data)

    tir.stmt_functor.post_order_visit(body, look)
    return known & unknown


def _is_known(access: Any) -> bool:
    last = access.indices[-1]
    return isinstance(last.base if isinstance(last, tir.Ramp) else last, tir.IntImm)


def _is_vector(access: Any) -> bool:
    value = access.value if isinstance(access, tir.BufferStore) else access
    return bool(tvm.DataType(value.dtype).lanes > 1)
