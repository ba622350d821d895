"""Compiling ahead of time, a stage at a time: a program as Relay, then one that's built."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import passes.relay
from astfront.build import prepare_for_target, prepare_module, to_params
from astfront.deep_stack import on_deep_stack
from astfront.diagnostics import error
from astfront.exporting import export
from astfront.loading import Loaded, Options, load, require_no_hooks, used_constants
from astfront.program import Program, Unsettled
from astfront.progress import shown
from astfront.relay.spans import span_of_relay
from astfront.signature import matched


class Lowered:
    """A program as Relay, not built yet."""

    def __init__(
        self, program: Program, args: Sequence[Any], kwargs: dict[str, Any], options: Options
    ) -> None:
        self._program = program
        self._args = tuple(args)
        self._kwargs = kwargs
        self._options = options

    @on_deep_stack
    def as_text(self) -> str:
        """Relay text; it parses again with ``tvm.relay.fromtext``."""
        return passes.relay.text(self.mod)

    @property
    def mod(self) -> Any:
        """The IRModule; ``main`` takes the arguments, then :attr:`params`, by name."""
        return prepare_module(self._program.mod)

    @property
    def params(self) -> dict[str, Any]:
        """The model's parameters and constants as TVM arrays, by the names in the module."""
        return to_params(self._program.params())

    def explain(self) -> str:
        """What was decided while compiling, by source line, and what the passes over loops do."""
        report = self._program.report.copy()
        constants = (
            self._program.params() if self._options.freeze else used_constants(self._program)
        )
        prepare_for_target(
            self._program.mod,
            to_params(constants),
            target=self._options.target,
            note=lambda span, what: report.add(span_of_relay(span), "optimised", what),
            long_loops=self._options.long_loops,
        )
        return report.render()

    def compile(self, target: Any = None) -> CompiledProgram:
        """Build it with TVM, for ``target`` or else what ``astfront.compile`` was given."""
        options = self._options_for(target)
        with shown("compiling") as watch:
            loaded = load(self._program, options, watch=watch)
        return CompiledProgram(loaded, self._args, self._kwargs)

    def export(self, path: str | Path, target: Any = None) -> None:
        """Write the program and the model's parameters, as they are now, into one shared library.

        It runs without the model, by :func:`astfront.load`, and without Python, by TVM's C runtime: see
        docs/deploying.md. Raises CompileError (AF0406) with all that needs Python, and OSError where the
        file can't be written or there's no C compiler.
        """
        options = self._options_for(target)
        with shown("exporting") as watch:
            export(self._program, self._args, self._kwargs, options, Path(path), watch)

    def _options_for(self, target: Any) -> Options:
        return (
            self._options if target is None else dataclasses.replace(self._options, target=target)
        )


class CompiledProgram:
    """One program, built. A call whose arguments don't fit it raises CompileError (AF0402)."""

    def __init__(self, loaded: Loaded, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self._loaded = loaded
        self._args = args
        self._kwargs = kwargs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves = matched(self._args, self._kwargs, args, kwargs)
        require_no_hooks()
        arrays = self._loaded.arguments(leaves)
        if arrays is None:
            raise error(
                "AF0402",
                "what the program takes for granted has changed since it was compiled "
                "(an attribute, a config entry or the shape of a parameter)",
                help="lower and compile it again",
            )
        try:
            return self._loaded.call(arrays, args, kwargs)
        except Unsettled as e:
            raise e.refused() from e.exception
