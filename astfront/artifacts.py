"""Artifacts in Python: programs that were exported, without the models that they were made of."""

from __future__ import annotations

import base64
import builtins
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import chainer
import numpy as np

from astfront import manifests
from astfront.diagnostics import error
from astfront.layouts import fills_buffer
from astfront.output_templates import ArgumentOut, Outcome, Template
from astfront.program import RaisedAt
from astfront.randomness import RandomKeys
from astfront.relay import artifact as relay_artifact
from astfront.signature import matched
from astfront.writes import shared_memory


class Artifact:
    """An exported program. Calls take what it was lowered for, and give arrays for Variables.

    ``manifest`` is what it says of itself; ``state`` what calls change: arrays, numbers or what else
    the model kept, by the names in the manifest. Calls from several threads run one after another.
    """

    def __init__(self, path: Path, seed: int | None = None) -> None:
        try:
            manifest, self._executable = relay_artifact.read(path)
            self.manifest: dict[str, Any] = json.loads(manifest)
        except (OSError, ValueError) as e:
            raise ValueError(f"{path} is no artifact of astfront: {e}") from e
        if self.manifest["format"] != manifests.FORMAT:
            raise ValueError(f"{path} was exported by another version of astfront")
        self._keys = RandomKeys(seed)
        self._lock = threading.Lock()
        arguments = self.manifest["arguments"]
        self._specs = [manifests.to_argument(a) for a in arguments["positional"]]
        self._named = {k: manifests.to_argument(a) for k, a in arguments["named"].items()}
        self._result = manifests.to_result(self.manifest["result"])
        self._changes: list[tuple[Template, Template]] = [
            (ArgumentOut(tuple(c["argument"])), manifests.to_result(c["is"]))
            for c in self.manifest["changed_arguments"]
        ]
        self._state = {_state_name(s): manifests.to_result(s["is"]) for s in self.manifest["state"]}
        self._inputs = {i["name"]: i for i in self.manifest["inputs"]}
        self.state: dict[str, Any] = {
            s["input"]: self._initial(s) for s in self.manifest["state"] if "input" in s
        }

    def _initial(self, state: Mapping[str, Any]) -> np.ndarray:
        entry = self._inputs[state["input"]]
        data = base64.b64decode(state["initial"])
        return np.frombuffer(data, entry["dtype"]).reshape(entry["shape"]).copy()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it. Raises what the model raises; CompileError (AF0402) for arguments that don't fit."""
        args, kwargs = _as_arrays(args), _as_arrays(kwargs)
        with self._lock:
            arrays = self._executable.run(self._arrays(args, kwargs))
            self._raise(arrays)
            outcome = Outcome(arrays, args, kwargs)
            result = self._result.build(outcome)
            changed = [(to.build(outcome), what.build(outcome)) for to, what in self._changes]
            self.state |= {name: what.build(outcome) for name, what in self._state.items()}
        for array, contents in changed:
            np.copyto(array, contents)
        return result

    def _arrays(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[np.ndarray]:
        leaves = iter(matched(self._specs, self._named, args, kwargs))
        self._require_apart(args, kwargs)
        found = []
        # Arguments are in the order of the manifest, whatever else comes between them.
        given = {n: next(leaves) for n in self.manifest["leaves"]}
        for entry in self.manifest["inputs"]:
            name = entry["name"]
            if entry["source"] == "argument":
                found.append(np.asarray(given[name]))
                if entry["whole"] and not fills_buffer(found[-1]):
                    raise error(
                        "AF0402",
                        f"the argument `{name}` isn't all of its memory, in C order",
                        help="pass a copy of it",
                    )
            elif entry["source"] == "random_key":
                found.append(self._keys.key)
            else:
                found.append(self._state_array(name, entry))
        return found

    def _state_array(self, name: str, entry: Mapping[str, Any]) -> np.ndarray:
        value = self.state[name]
        fits = isinstance(value, np.ndarray | np.generic | int | float)
        array = np.asarray(value)
        if isinstance(value, int | float):
            array = array.astype(entry["dtype"])
        if not fits or array.dtype != entry["dtype"] or list(array.shape) != entry["shape"]:
            raise error(
                "AF0402",
                f"the state `{name}` is no longer of the type that the program was compiled for: "
                f"{entry['dtype']} of shape {tuple(entry['shape'])}",
                help="export the model when its state is of the type that it stays",
            )
        return array

    def _require_apart(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        outcome = Outcome((), args, kwargs)
        for target, _ in self._changes:
            array = target.build(outcome)
            others = _arrays_in([*args, *kwargs.values(), *self.state.values()])
            if sum(np.may_share_memory(array, other) for other in others) > 1:
                raise shared_memory()

    def _raise(self, arrays: Sequence[np.ndarray]) -> None:
        index = self.manifest["error_output"]
        code = int(arrays[index]) if index is not None else 0
        if not code:
            return
        found = self.manifest["exceptions"][code - 1]
        cls: Any = RuntimeError
        text = found["text"]
        if found["module"] == "builtins":
            cls = getattr(builtins, found["type"])
        else:
            text = f"{found['module']}.{found['type']}: {text}"
        raise cls(text) from RaisedAt(f"raised at {found['place']}")


def load(path: str | Path, seed: int | None = None) -> Artifact:
    """An artifact that ``Lowered.export`` wrote, to be called like the model.

    ``seed`` is where its random numbers start; without it they follow ``numpy.random``. Raises
    ValueError for a file that's no artifact, or of another version.
    """
    return Artifact(Path(path), seed)


def _state_name(state: Mapping[str, Any]) -> str:
    name: str = state.get("input") or state["place"]
    return name


def _as_arrays(x: Any) -> Any:
    if isinstance(x, chainer.Variable):
        return x.array
    if type(x) in (list, tuple):
        return type(x)(map(_as_arrays, x))
    if type(x) is dict:
        return {k: _as_arrays(v) for k, v in x.items()}
    return x


def _arrays_in(values: Sequence[Any]) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for value in values:
        if isinstance(value, np.ndarray):
            found.append(value)
        elif isinstance(value, list | tuple | dict):
            found += _arrays_in(list(value.values() if isinstance(value, dict) else value))
    return found
