"""TVM's own passes, run only where they have something to do.

Relay's compiler infers all types anew before and after each of its passes, and fuses and lowers the
whole module three times: two thirds of its time, for a module that's the same as before.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay

from astfront.progress import Watch, unwatched

#: What comes between two memory passes, and does nothing where no operator is left to lower.
_LOWERING = {"FuseOps", "LabelOps", "RelayToTIRTargetHook", "LowerTE", "LowerTensorExpr"}

#: Operators that the VM's code generator takes as they are.
_INSTRUCTIONS = ("vm.", "memory.", "on_device", "device_copy")


@tvm.instrument.pass_instrument
class NeededPasses:
    """A pass instrument, for one ``relay.vm.compile``, that leaves out what can't change the module.

    - types are inferred only where a function isn't the very one that was typed last;
    - once no operator is left to lower, the module is neither lowered nor given memory again;
    - the constants in the sizes of buffers aren't folded: each would be compiled by itself, where
      they're part of a kernel that's there anyhow.

    ``watch`` is told which pass or kernel is at work.
    """

    def __init__(self, watch: Watch = unwatched) -> None:
        self._watch = watch
        self._typed: dict[str, Any] = {}
        self._allocated = 0
        self._is_lowered = False

    def should_run(self, mod: Any, info: Any) -> bool:
        name = info.name
        if name == "InferType":
            return not self._is_typed(mod)
        if not self._allocated:
            return True
        if name == "FoldConstant":
            return self._allocated > 1
        if name == "FuseOps" and not self._is_lowered:
            self._is_lowered = not _has_operators(mod)
        return not (self._is_lowered and (name in _LOWERING or name == "ManifestAlloc"))

    def run_before_pass(self, mod: Any, info: Any) -> None:
        if self._watch is unwatched:
            return
        if info.name.startswith("tir."):
            names = [var.name_hint for var in mod.get_global_vars()]
            self._watch(names[0] if len(names) == 1 else "machine code")
        else:
            self._watch(info.name)

    def run_after_pass(self, mod: Any, info: Any) -> None:
        if info.name == "InferType":
            # Held, so that none of them is changed in place, and no other takes its address.
            self._typed = {var.name_hint: function for var, function in mod.functions.items()}
        elif info.name == "ManifestAlloc":
            self._allocated += 1

    def _is_typed(self, mod: Any) -> bool:
        functions = mod.functions
        return len(functions) == len(self._typed) and all(
            var.name_hint in self._typed and self._typed[var.name_hint].same_as(function)
            for var, function in functions.items()
        )


def _has_operators(mod: Any) -> bool:
    found = False

    def visit(node: Any) -> None:
        nonlocal found
        if type(node) is relay.Call and not found:
            op = node.op
            if isinstance(op, tvm.ir.Op):
                found = not op.name.startswith(_INSTRUCTIONS)
            else:
                found = isinstance(op, relay.Function)

    for function in mod.functions.values():
        if isinstance(function, relay.Function):
            relay.analysis.post_order_visit(function, visit)
    return found
