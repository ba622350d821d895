"""astfront: Chainer models to TVM Relay, from their Python source, loops and branches kept."""

from astfront import home, threads  # noqa: F401  (first: they have to come before TVM)
from astfront.api import (
    CacheInfo,
    Compiled,
    compile,
    explain,
    from_chainer,
)
from astfront.artifacts import Artifact, load
from astfront.diagnostics import CompileError, Diagnostic, InternalError
from astfront.rules.registry import StaticArg, node_rule, rule
from astfront.signature import ListSpec, ScalarSpec, TensorSpec
from astfront.stages import CompiledProgram, Lowered

__version__ = "0.1.0"

__all__ = [
    "Artifact",
    "CacheInfo",
    "CompileError",
    "Compiled",
    "CompiledProgram",
    "Diagnostic",
    "InternalError",
    "ListSpec",
    "Lowered",
    "ScalarSpec",
    "StaticArg",
    "TensorSpec",
    "compile",
    "explain",
    "from_chainer",
    "load",
    "node_rule",
    "rule",
]
