"""Strides that follow from known sizes.

Of an array with a staged size TVM asks for all strides when the kernel runs: an axis that turns out to
be 1 is broadcast. But VMs' arrays are compact, so along axes of known sizes strides are known, too; rows
can be vectors then, and LLVM needn't look whether their elements follow each other.
"""

from __future__ import annotations

from typing import Any

from tvm import tir


@tir.transform.prim_func_pass(opt_level=0, name="astfront.known_strides")
def known_strides(function: Any, mod: Any, context: Any) -> Any:
    """A pass over TIR, before vectorisation."""
    strides: dict[Any, Any] = {}
    for buffer in function.buffer_map.values():
        strides.update(_strides(buffer))
    if not strides:
        return function
    return function.with_body(tir.stmt_functor.substitute(function.body, strides))


def _strides(buffer: Any) -> dict[Any, Any]:
    """The strides of an array that are known from the sizes of its last axes."""
    found = {}
    step = 1
    for size, stride in reversed(list(zip(buffer.shape, buffer.strides))):
        if not isinstance(size, tir.IntImm):
            break
        if isinstance(stride, tir.Var):
            found[stride] = tir.IntImm(stride.dtype, step if int(size) != 1 else 0)
        step *= int(size)
    return found
