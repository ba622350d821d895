"""The passes over loops, in their order. Every result has a name when they run, as programs are made."""

from __future__ import annotations

import tvm

from passes.relay import (
    collected_rows,
    common_subexpressions,
    input_projections,
    loop_invariants,
    loop_variables,
    regathered_rows,
    table_projections,
)
from passes.relay.bindings import Note, ignore

PASSES = [
    regathered_rows,
    common_subexpressions,
    loop_variables,
    loop_invariants,
    # After them: a row is of something that doesn't change.
    input_projections,
    table_projections,
    collected_rows,
    # What lists were collected before isn't any more.
    loop_variables,
]


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module with better loops; ``note`` is told what was done, and to which operator."""
    for step in PASSES:
        mod = step.run(mod, note)
    return mod
