"""TVM's own passes, run only where they have something to do.

Relay's compiler infers all types anew before and after each of its passes, and fuses and lowers the
whole module three times: most of its time, for a module that's the same as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tvm
from tvm import relay

from astfront.progress import Watch, unwatched
from passes.relay import empty_constants, folded_constants, known_shapes, lifetimes, staged_sizes
from passes.relay.bindings import changed_functions

#: What runs between the allocation of memory and the end, and does nothing where all is lowered.
_LOWERING = {
    "DeadCodeElimination",
    "FoldConstant",
    "FuseOps",
    "InferType",
    "LowerTE",
    "LowerTensorExpr",
    "ManifestAlloc",
    "RelayToTIRTargetHook",
}

#: Passes after which no pass looks at types before they're inferred again.
_UNTYPED = {"FuseOps", "LowerTensorExpr"}

#: Operators that the VM's code generator takes as they are.
_INSTRUCTIONS = ("vm.", "memory.", "on_device", "device_copy")


@tvm.instrument.pass_instrument
class NeededPasses:
    """A pass instrument, for one ``relay.vm.compile``, that leaves out what can't change the module.

    - types are inferred only where a function isn't the very one that was typed last, and not after
      fusion and lowering: no pass that comes next looks at them before they're inferred again;
    - functions get no hashes, by which only TVM's profilers and debuggers know them;
    - once no operator is left to lower, the module is neither lowered nor given memory again;
    - the constants in the sizes of buffers aren't folded: each would be compiled by itself, where
      they're part of a kernel that's there anyhow. Only shapes are.

    Before ``FoldConstant``, and in the place of ``ManifestLifetimes``, there are faster passes.
    ``watch`` is told which pass or kernel is at work.
    """

    def __init__(self, watch: Watch = unwatched) -> None:
        self._watch = watch
        self._running = [""]
        self._typed: dict[str, Any] = {}
        self._is_allocated = False
        self._is_lowered = False

    def should_run(self, mod: Any, info: Any) -> bool:
        name, within = info.name, self._running[-1]
        if name == "ManifestLifetimes":
            _change(mod, lambda function: lifetimes.run(empty_constants.run(function)))
            return False
        if name == "FoldConstant":
            return self._leaves_to_fold(mod)
        if name == "InferType" and within == "ManifestAllocImpl":
            self._is_lowered = self._is_allocated and not _has_operators(mod)
            self._is_allocated = True
        if name == "LabelOps" or (self._is_lowered and name in _LOWERING):
            return False
        return name != "InferType" or (within not in _UNTYPED and not self._is_typed(mod))

    def _leaves_to_fold(self, mod: Any) -> bool:
        """Fold what there are faster passes for; whether TVM's own has to look for more."""
        if not self._is_allocated:
            _change(mod, folded_constants.run)
            return True
        if not self._is_lowered:
            _change(mod, known_shapes.run)
            _change(mod, lambda function: staged_sizes.run(function, mod))
            self._is_lowered = not _has_operators(mod)
        return False

    def run_before_pass(self, mod: Any, info: Any) -> None:
        self._running.append(info.name)
        if self._watch is unwatched:
            return
        if info.name.startswith("tir."):
            names = [var.name_hint for var in mod.get_global_vars()]
            self._watch(names[0] if len(names) == 1 else "machine code")
        else:
            self._watch(info.name)

    def run_after_pass(self, mod: Any, info: Any) -> None:
        self._running.pop()
        if info.name == "InferType":
            # Held, so that none of them is changed in place, and no other takes its address.
            self._typed = _relay_functions(mod)

    def _is_typed(self, mod: Any) -> bool:
        functions = _relay_functions(mod)
        return functions.keys() == self._typed.keys() and all(
            self._typed[name].same_as(function) for name, function in functions.items()
        )


def _change(mod: Any, change: Callable[[Any], Any]) -> None:
    """Put other functions in the place of a module's: what a pass that's left out would have done."""
    mod.update(tvm.IRModule(changed_functions(mod, change)))


def _relay_functions(mod: Any) -> dict[str, Any]:
    """All functions but kernels, by name: a kernel's type is its signature."""
    functions = mod.functions.items()
    return {var.name_hint: f for var, f in functions if isinstance(f, relay.Function)}


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

    for function in _relay_functions(mod).values():
        relay.analysis.post_order_visit(function, visit)
    return found
