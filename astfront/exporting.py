"""From a program to an artifact: one shared library that runs without Python.

It has the program's code, the model's parameters as they are now, and a *manifest* (``manifests.py``),
which says in JSON what goes in and what comes out. What a call changes on the model is the artifact's
*state*: arrays that go in and come out.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import chainer
import numpy as np

from astfront import manifests
from astfront.build import build, complete_target
from astfront.control.endings import Noted
from astfront.deep_stack import on_deep_stack
from astfront.diagnostics import CompileError, Diagnostic, error
from astfront.lifting import Guard, Input
from astfront.loading import Options, used_constants
from astfront.output_templates import ArgumentOut
from astfront.program import Program
from astfront.progress import Watch, unwatched
from astfront.randomness import RandomKeys
from astfront.relay import artifact as relay_artifact
from astfront.signature import flatten
from astfront.spans import Span, short_path


@on_deep_stack
def export(
    program: Program,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    options: Options,
    path: Path,
    watch: Watch = unwatched,
) -> None:
    """Build a program, its parameters constants of it, and write it to ``path``.

    Raises CompileError (AF0406), with everything in the program that needs Python, and OSError where
    there's no C compiler or the file can't be written.
    """
    refused = list(_refusals(program, args, kwargs))
    if refused:
        raise CompileError(refused)
    state = {i.name for i in program.inputs if i.location.identity in _written(program)}
    outside = state | {leaf.name for leaf in program.leaves}
    outside |= {i.name for i in program.inputs if _is_key(i)}
    constants = used_constants(program)
    for entry in program.inputs:
        if entry.name not in outside:
            constants[entry.name] = np.array(_fetched(entry), order="C")
    executable = build(
        program.mod,
        constants,
        options.target,
        options.opt_level,
        options.fast_math,
        options.long_loops,
        options.cache,
        watch,
    )
    watch("linking")
    manifest = _manifest(program, args, kwargs, state, constants)
    manifest["target"] = str(complete_target(options.target))
    try:
        relay_artifact.write(executable, json.dumps(manifest, indent=1), path)
    except (RuntimeError, subprocess.CalledProcessError) as e:
        raise OSError(f"{path} can't be written: {e}") from e


def _manifest(
    program: Program,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    state: set[str],
    constants: dict[str, np.ndarray],
) -> dict[str, Any]:
    inputs = {i.name: i for i in program.inputs}
    leaves = {leaf.name: leaf for leaf in program.leaves}
    taken = []
    for name in program.parameters:
        if name in leaves:
            spec = leaves[name].spec
            shape, dtype = getattr(spec, "shape", ()), _dtype(spec)
            whole = name in program.whole
            taken.append(_array("argument", name, shape, dtype) | {"whole": whole})
        elif name not in constants:
            entry = inputs[name]
            source = "state" if name in state else "random_key"
            taken.append(_array(source, name, entry.shape, entry.dtype))
    return {
        "format": manifests.FORMAT,
        "arguments": {
            "positional": list(map(manifests.of_argument, args)),
            "named": {k: manifests.of_argument(v) for k, v in kwargs.items()},
        },
        "leaves": [leaf.name for leaf in program.leaves],
        "inputs": taken,
        "outputs": [
            {"shape": shape, "dtype": dtype.name}
            for shape, dtype in relay_artifact.output_types(program.mod)
        ],
        "result": manifests.of_result(program.result),
        "state": list(_state(program)),
        "changed_arguments": [
            {"argument": list(write.target.path), "is": manifests.of_result(write.template)}
            for write in program.writes
            if isinstance(write.target, ArgumentOut)
        ],
        "error_output": program.error_index,
        "exceptions": [_exception(e, span) for e, span in program.exceptions],
    }


def _array(source: str, name: str, shape: Any, dtype: np.dtype[Any]) -> dict[str, Any]:
    return {"source": source, "name": name, "shape": list(shape), "dtype": dtype.name}


def _dtype(spec: Any) -> np.dtype[Any]:
    found: np.dtype[Any] = np.dtype(spec.type if hasattr(spec, "type") else spec.dtype)
    return found


def _state(program: Program) -> Iterator[dict[str, Any]]:
    """What calls change on the model; ``input`` is the name of what it's read from, if it's read."""
    read = {i.location.identity: i for i in program.inputs}
    for write in program.writes:
        if write.location is None:
            continue
        entry = read.get(write.location.identity)
        made: dict[str, Any] = {
            "place": str(write.location),
            "is": manifests.of_result(write.template),
        }
        if entry is not None:
            array = np.ascontiguousarray(_fetched(entry))
            initial = base64.b64encode(array.tobytes()).decode()
            made |= {"input": entry.name, "initial": initial}
        yield made


def _exception(exception: BaseException | Noted, span: Span | None) -> dict[str, Any]:
    cls = exception.cls if isinstance(exception, Noted) else type(exception)
    # What a text with staged numbers says is made by Python.
    text = "" if isinstance(exception, Noted) else str(exception)
    place = f"{short_path(span.filename)}:{span.line}" if span else ""
    return {"module": cls.__module__, "type": cls.__name__, "text": text, "place": place}


def _fetched(entry: Input) -> np.ndarray:
    array = entry.fetch()
    if array is None:
        raise error(
            "AF0402",
            f"`{entry.location}` has changed since the program was lowered",
            help="lower it again",
        )
    return array


def _is_key(entry: Input) -> bool:
    return isinstance(entry.location.container, RandomKeys)


def _written(program: Program) -> set[Any]:
    return {w.location.identity for w in program.writes if w.location is not None}


# --- what needs Python -------------------------------------------------------------------------


def _refusals(
    program: Program, args: Sequence[Any], kwargs: dict[str, Any]
) -> Iterator[Diagnostic]:
    def refused(message: str, span: Span | None = None, help: str = "") -> Diagnostic:
        return Diagnostic("AF0406", message, span, help=help)

    if not program.outputs:
        yield refused("the program computes nothing: what it gives is known while compiling")
    if program.trees:
        yield refused("Python takes apart an argument that is a tree")
    for call in program.eager_calls:
        yield refused(f"{call.name} runs in Python", call.span)
    for span, function in program.performed.items():
        yield refused(
            f"{_what(function, span)} needs Python", span, "take it out, or do it outside"
        )
    for i, x in [*enumerate(args), *kwargs.items()]:
        try:
            manifests.of_argument(x)
        except manifests.Unsupported as e:
            yield refused(f"the argument {i!r} is or holds {e}", help="pass arrays and numbers")
    _, leaves = flatten(args, kwargs)
    arrays = [id(x) for x in leaves if isinstance(x, np.ndarray | chainer.Variable)]
    if len(set(arrays)) < len(arrays):
        yield refused("one array is passed twice", help="lower it with arrays of their own")
    try:
        manifests.of_result(program.result)
    except manifests.Unsupported as e:
        yield refused(
            f"the function gives back {e}",
            help="give back arrays, numbers, or tuples, lists and dicts of them",
        )
    yield from _refused_changes(program, refused)


def _refused_changes(program: Program, refused: Any) -> Iterator[Diagnostic]:
    read = {g.location.identity: g for g in program.guards if isinstance(g, Guard)}
    for write in program.writes:
        if write.kind == "contents":
            yield refused(f"the call changes {write}", help="keep it in an array")
            continue
        if write.kind == "variable" and (write.name != "array" or write.location is None):
            yield refused(f"the call sets {write}", help="give it back")
            continue
        try:
            manifests.of_result(write.template)
        except manifests.Unsupported as e:
            yield refused(f"the call sets {write} to {e}", help="keep it in an array")
        guard = read.get(write.location.identity) if write.location is not None else None
        if guard is not None:
            yield refused(
                f"the call changes {write}, which was {guard.expected!r} when it was compiled",
                guard.span,
                "call the model once and lower it then: what the call leaves is an array",
            )


def _what(function: Any, span: Span) -> str:
    """What a call is in the source; a call in Chainer itself by the function's name."""
    name = (span.first_line() or "")[span.column :].partition("(")[0].strip()
    return f"`{name}`" if name else str(getattr(function, "__qualname__", function))
