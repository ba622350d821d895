"""Arrays needn't be aligned: a kernel's arguments may be wherever numpy has them.

TVM takes it that each array starts at a multiple of 64 bytes, and reads it by instructions that fail
elsewhere; numpy's seldom does. The others are as fast where it does (`relay/memory.py` has what a call
takes as it stands).
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import tir

#: TVM's number for arrays of which axes of 1 are broadcast.
_BROADCAST = 2


@tir.transform.prim_func_pass(opt_level=0, name="astfront.unaligned_arrays")
def unaligned_arrays(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR: of arguments' places nothing is known but that they fit their items."""
    arrays = {handle: _unaligned(array) for handle, array in function.buffer_map.items()}
    return tir.PrimFunc(
        function.params, function.body, function.ret_type, arrays, function.attrs, function.span
    )


def _unaligned(array: Any) -> Any:
    return tir.decl_buffer(
        array.shape,
        array.dtype,
        array.name,
        array.data,
        array.strides,
        array.elem_offset,
        array.scope(),
        max(1, tvm.DataType(array.dtype).bits // 8),
        array.offset_factor,
        "auto_broadcast" if array.buffer_type == _BROADCAST else "",
        array.axis_separators,
    )
