"""Kernels that trust the program around them.

TVM has each kernel look at how many arrays it's given, and at the dtype and the number of axes of each,
several times: half of what LLVM compiles of a program of many small kernels. A program's own arrays are
of the types that Relay found for them, and what it's called with has been checked by then. Sizes are
still looked at, as is whether an array has gaps.
"""

from __future__ import annotations

import re
from typing import Any

import tvm
from tvm import tir

#: What TVM says where such a check fails: nothing else tells them apart.
_OF_TYPES = re.compile(
    r": num_args should be \d+$|: Expect arg\[\d+\] to be "
    r"|\.ndim is expected to equal \d+$|\.dtype is expected to be \w+$"
)


@tvm.instrument.pass_instrument
class TrustedTypes:
    """A pass instrument that takes these checks out of the kernels that they have been put into."""

    def run_after_pass(self, mod: Any, info: Any) -> None:
        if info.name == "tir.MakePackedAPI":
            kernels = {
                var: without_checks(function)
                for var, function in mod.functions.items()
                if isinstance(function, tir.PrimFunc)
            }
            mod.update(tvm.IRModule(kernels))


def without_checks(function: tir.PrimFunc) -> tir.PrimFunc:
    """The kernel without assertions of its arguments' number, dtypes and numbers of axes."""

    def visit(check: Any) -> Any:
        message = check.message
        is_of_types = isinstance(message, tir.StringImm) and _OF_TYPES.search(message.value)
        return check.body if is_of_types else None

    body = tir.stmt_functor.ir_transform(function.body, None, visit, ["tir.AssertStmt"])
    return function.with_body(body)


__all__ = ["TrustedTypes", "without_checks"]
