"""Relay → a runnable program: the host's target, the VM executable, and calls without copies."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from chainer.utils.type_check import InvalidType

os.environ.setdefault("TOPHUB_LOCATION", "NONE")  # no tuned schedules are fetched

import tvm
from tvm import relay

import astfront.relay.conv
import astfront.relay.deconv
import astfront.relay.dense
import astfront.relay.layouts
import astfront.relay.matmul  # noqa: F401  (they register their kernels)
from astfront.deep_stack import on_deep_stack
from astfront.diagnostics import CompileError, error
from astfront.progress import Watch, unwatched
from astfront.relay import cache as relay_cache
from astfront.relay import math as relay_math
from astfront.relay import memory as relay_memory
from astfront.relay.aliases import hide_known_places
from astfront.relay.alignment import unaligned_arrays
from astfront.relay.joined_loops import joined_loops
from astfront.relay.kernel_checks import TrustedTypes
from astfront.relay.memory import Argument
from astfront.relay.pipeline import NeededPasses
from astfront.relay.places import places_of_turns
from astfront.relay.quick_tvm import fields_of
from astfront.relay.strides import broadcast_places, known_strides
from astfront.relay.threads import serial_small_loops
from astfront.relay.turns import parts_of_turns
from passes.relay import (
    broadcast_operands,
    dataflow,
    fresh_results,
    loop_kernels,
    loops,
    many_operands,
    partial_unrolling,
    recursion_kernels,
    recursive_globals,
    recursive_projections,
    split_concatenations,
    straight_kernels,
    straight_products,
    strip_mining,
)
from passes.relay.bindings import Note, has_loops, has_recursions, ignore

_log = logging.getLogger(__name__)

#: TVM warns on stderr through this logger about schedules that nobody tuned.
logging.getLogger("autotvm").setLevel(logging.ERROR)
logging.getLogger("te_compiler").setLevel(logging.ERROR)
logging.getLogger("strategy").setLevel(logging.ERROR)


@functools.cache
def host_target() -> str:
    """This machine's CPU as a TVM target, with the widest vectors that it has."""
    flags = _cpu_flags()
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        cpu = "skylake-avx512"
    elif {"avx2", "fma"} <= flags:
        cpu = "x86-64-v3"
    else:
        cpu = "x86-64"
    return f"llvm -mtriple=x86_64-linux-gnu -mcpu={cpu}"


def complete_target(target: Any) -> Any:
    """The target to compile for: where ``llvm`` says no more, this machine's architecture.

    What LLVM takes for itself depends on how TVM was built: a vendor's build means its own chips.
    """
    if target is None:
        return host_target()
    if isinstance(target, str) and target.split()[0] == "llvm" and "-mtriple" not in target:
        return target.replace("llvm", "llvm -mtriple=x86_64-linux-gnu", 1)
    return target


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    line = next((x for x in text.splitlines() if x.startswith("flags")), "")
    return set(line.partition(":")[2].split())


class Executable:
    """A compiled module. Calls from several threads are right: each has a VM of its own.

    Results whose memory is ``fresh`` at each call are handed over where they are.
    """

    def __init__(self, executable: Any, fresh: Sequence[bool] = ()) -> None:
        self.executable = executable
        self.fresh = fresh
        self._local = threading.local()

    def _vm(self) -> Any:
        vm = getattr(self._local, "vm", None)
        if vm is None:
            vm = self._local.vm = tvm.runtime.vm.VirtualMachine(self.executable, tvm.cpu())
            self._local.arguments = []
            self._local.is_set = False
        return vm

    def run(self, arrays: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        """Run ``main`` on arrays in the order of its parameters; the results as numpy arrays."""
        vm = self._vm()
        arguments = self._local.arguments
        if len(arguments) != len(arrays):
            arguments[:] = [Argument() for _ in arrays]
        changed = False
        for argument, array in zip(arguments, arrays):
            changed |= argument.set(array)
        try:
            if changed or not self._local.is_set:
                self._local.is_set = False
                vm.set_input("main", *(argument.array for argument in arguments))
                self._local.is_set = True
            result = vm.invoke("main")
        except tvm.TVMError as e:
            if "Incompatible broadcast" in str(e):
                raise SizesDiffer from e
            raise _tvm_failed("runs", e) from e
        results = [result] if type(result) is tvm.nd.NDArray else fields_of(result)
        return relay_memory.handed_over(results, self.fresh, arguments)


@on_deep_stack
def prepare_module(
    mod: Any,
    params: Mapping[str, Any] | None = None,
    note: Note = ignore,
    *,
    in_blocks: bool = False,
    target: Any = None,
) -> Any:
    """The module in the form that TVM optimises best: see passes/relay.

    ``note`` is told what was done to loops, with the place of the operator in the model. For a
    ``target``, loops become kernels where they can. With ``in_blocks``, the others run as the VM needs
    it for many turns. Either is less easy to read.
    """
    mod = split_concatenations.run(mod, note)
    if has_loops(mod):
        mod = loops.run(mod, note)
        if target is not None:
            mod = loop_kernels.run(_with_constants(mod, params or {}), target, note)
    if has_recursions(mod):
        # A constant that's bound in main wouldn't be one in a global function.
        mod = _with_constants(recursive_projections.run(mod, note), params or {})
        if target is not None:
            # In either there may be the other.
            mod = loop_kernels.run(recursion_kernels.run(mod, target, note), target, note)
        mod = recursive_globals.run(mod)
    if in_blocks and has_loops(mod):
        mod = partial_unrolling.run(strip_mining.run(mod, note), note)
    if target is not None and straight_kernels.is_needed(mod):
        mod = straight_kernels.run(_with_constants(mod, params or {}), target)
    mod = many_operands.run(mod)
    if target is not None:
        mod = broadcast_operands.run(mod, set(params or {}), note)
        mod = straight_products.run(mod, set(params or {}))
    return relay.transform.InferType()(dataflow.run(mod))


@on_deep_stack
def prepare_for_target(
    mod: Any,
    params: Mapping[str, Any] | None = None,
    target: Any = None,
    note: Note = ignore,
    opt_level: int = 3,
    long_loops: bool = True,
) -> Any:
    """The module as TVM compiles it for a target; ``params`` are bound where that is needed."""
    with _context(opt_level), tvm.target.Target(complete_target(target)) as known:
        return prepare_module(mod, params, note, in_blocks=long_loops, target=known)


def _with_constants(mod: Any, params: Mapping[str, Any]) -> Any:
    """The module with these parameters of ``main`` bound, and their types known."""
    result = tvm.IRModule(dict(mod.functions.items()), dict(mod.type_definitions.items()))
    result["main"] = relay.build_module.bind_params_by_name(mod["main"], params)
    # What's around a constant has its type still, by which passes tell whether there's any to infer.
    return relay.transform.InferType()(result)


def to_params(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    return {name: tvm.nd.array(array) for name, array in arrays.items()}


@on_deep_stack
def build(
    mod: Any,
    params: Mapping[str, np.ndarray[Any, Any]] | None = None,
    target: Any = None,
    opt_level: int = 3,
    fast_math: bool = True,
    long_loops: bool = True,
    cache: bool = False,
    watch: Watch = unwatched,
    *,
    trusted: bool = False,
) -> Executable:
    """Compile a module; ``params`` become constants of the program, folded and packed.

    With ``long_loops``, its loops are put in blocks. With ``cache``, what was built before is read from
    disk. ``watch`` is told what's being done. Who calls a ``trusted`` one has checked the arguments'
    types. Raises CompileError (AF0601) where TVM fails.
    """
    arrays = params or {}
    target = complete_target(target)

    def built() -> Any:
        tvm.target.Target(target)  # raises where there's none of this name
        bound = to_params(arrays)
        watch("loops")
        with relay_math.fast_math(fast_math):
            try:
                prepared = prepare_for_target(
                    mod, bound, target, opt_level=opt_level, long_loops=long_loops
                )
                return _compiled(prepared, bound, target, opt_level, watch, trusted)
            except Exception as e:  # TVM raises what it likes
                _log.warning("kernels of several operators fail, there's one for each: %s", e)
                prepared = prepare_module(mod, bound, in_blocks=long_loops)
                return _compiled(prepared, bound, target, opt_level, watch, trusted)

    try:
        fresh = fresh_results.run(mod, arrays.keys())
        if cache:
            settings = (str(target), opt_level, fast_math, long_loops, trusted)
            return Executable(relay_cache.kept(built, mod, arrays, settings), fresh)
        return Executable(built(), fresh)
    except Exception as e:
        raise _tvm_failed("builds", e) from e


def _compiled(
    mod: Any, params: dict[str, Any], target: Any, opt_level: int, watch: Watch, trusted: bool
) -> Any:
    with _context(opt_level, NeededPasses(watch), *([TrustedTypes()] if trusted else [])):
        return relay.vm.compile(mod, target=target, params=params)


#: Our passes over kernels, each with TVM's phase that it comes after.
_LOWER_PASSES = [
    (0, broadcast_places),
    (1, known_strides),
    (1, serial_small_loops),
    (3, hide_known_places),
    (3, places_of_turns),
    (3, parts_of_turns),
    (3, joined_loops),
    (3, unaligned_arrays),
]


def _context(opt_level: int, *instruments: Any) -> Any:
    # EliminateCommonSubexpr shares an operator between a loop's body and the code around it, and
    # ToANormalForm then binds it where only one of them sees it ("contains free variables").
    #
    # SimplifyExpr infers all types anew for each of its patterns: half the time of compiling a large
    # model, for what the program hardly has (identities, reshapes of reshapes).
    #
    # ForwardFoldScaleAxis makes (x + y / s) * s of x * s + y before a product or a convolution, whatever
    # is in s: NaN where that has a zero. BackwardFoldScaleAxis multiplies the weights in place of the
    # result, in each call where they aren't constants: slower, and 0 where that is -0.0.
    disabled = [
        "EliminateCommonSubexpr",
        "ForwardFoldScaleAxis",
        "BackwardFoldScaleAxis",
        "SimplifyExpr",
        "SimplifyExprPostAlterOp",
    ]
    return tvm.transform.PassContext(
        opt_level=opt_level,
        config={"tir.add_lower_pass": _LOWER_PASSES},
        disabled_pass=disabled,
        instruments=instruments,
    )


class SizesDiffer(InvalidType, ValueError):
    """Staged sizes don't broadcast: numpy raises a ValueError then, Chainer an InvalidType."""

    def __init__(self) -> None:
        super().__init__("", "", "sizes that are known only at run time could not be broadcast")


def _tvm_failed(when: str, cause: Exception) -> CompileError:
    """What TVM raises says nothing of the model: its last line is all that helps."""
    lines = [line for line in str(cause).splitlines() if line.strip()]
    return error(
        "AF0601",
        f"TVM fails when it {when} this program",
        notes=[f"{type(cause).__name__}: {lines[-1].strip() if lines else ''}"],
        help="please report it, with the model",
    )
