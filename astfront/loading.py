"""From a program to one that runs: what becomes a constant of it, and what each call hands it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import chainer
import numpy as np

from astfront.build import Executable, build
from astfront.deep_stack import on_deep_stack
from astfront.diagnostics import error
from astfront.freezing import Frozen, freeze, settle
from astfront.granted import Granted
from astfront.layouts import fills_buffer
from astfront.lifting import Input
from astfront.program import Program
from astfront.progress import Watch, unwatched
from astfront.randomness import RandomKeys
from passes.relay import gathered_parameters


@dataclass(frozen=True)
class Options:
    """How to compile; see :func:`compile`."""

    target: Any = None
    freeze: bool = False
    checks: bool = True
    opt_level: int = 3
    seed: int | None = None
    fast_math: bool = True
    fallback: str | None = None
    long_loops: bool = True
    cache: bool = True
    dynamic: bool = False


class Loaded:
    """A program that TVM has built, with where its inputs come from.

    Where all that it gives is known, there's nothing to run: ``executable`` is None.
    """

    def __init__(
        self,
        program: Program,
        executable: Executable | None,
        frozen: dict[str, Frozen],
        gathered: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.program = program
        self.executable = executable
        self.frozen = frozen
        self._granted = Granted(program.guards)
        self._frozen = list(frozen.values())
        places = {leaf.name: i for i, leaf in enumerate(program.leaves)}
        inputs = {i.name: i for i in program.inputs}
        bound = set(used_constants(program)) | set(frozen)
        self.sources: dict[str, int | Input | list[int]] = {
            n: places[n] if n in places else inputs[n] for n in program.parameters if n not in bound
        }
        if gathered:
            self._gather(gathered)

    def _gather(self, gathered: Mapping[str, Sequence[str]]) -> None:
        """Stack those arguments that the executable takes as one: in the place of the first."""
        new = {group[0]: name for name, group in gathered.items()}
        gone = {name for group in gathered.values() for name in group}
        sources: dict[str, int | Input | list[int]] = {}
        for name, source in self.sources.items():
            if name in new:
                group: Any = [self.sources[n] for n in gathered[new[name]]]
                sources[new[name]] = group
            elif name not in gone:
                sources[name] = source
        self.sources = sources

    def arguments(
        self, leaves: Sequence[Any], random_key: np.ndarray | None = None
    ) -> list[np.ndarray] | None:
        """The arrays to run with, or None where what the program takes for granted changed.

        Random numbers are made of ``random_key``, if it's given.
        """
        if not self._granted.holds() or not all(f.holds() for f in self._frozen):
            return None
        arrays = []
        for name, source in self.sources.items():
            if isinstance(source, int):
                array = _array_of(leaves[source])
            elif isinstance(source, list):
                array = np.stack([_array_of(leaves[i]) for i in source])
            elif random_key is not None and _is_random_key(source):
                array = random_key
            else:
                found = source.fetch()
                if found is None:
                    return None
                array = found
            if name in self.program.whole and not fills_buffer(array):
                return None
            arrays.append(array)
        return arrays

    def random_key(self, arrays: Sequence[np.ndarray]) -> np.ndarray | None:
        """What a run's random numbers are made of, if it has any."""
        pairs = zip(self.sources.values(), arrays)
        return next((array for source, array in pairs if _is_random_key(source)), None)

    def call(
        self, arrays: Sequence[np.ndarray], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        outputs = self.executable.run(arrays) if self.executable is not None else []
        return self.program.finish(outputs, args, kwargs)

    def change(
        self, arrays: Sequence[np.ndarray], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> bool:
        """Change what a call has changed that raises an exception; False if this one raises none."""
        outputs = self.executable.run(arrays) if self.executable is not None else []
        return self.program.change(outputs, args, kwargs)


@on_deep_stack
def load(
    program: Program,
    options: Options,
    others: Sequence[Frozen] = (),
    watch: Watch = unwatched,
) -> Loaded:
    """Build a program with TVM. ``others`` are the parameters that other programs froze."""
    frozen = freeze(program, others) if options.freeze else {}
    params = {**used_constants(program), **{n: f.array for n, f in frozen.items()}}
    executable = None
    arguments = {leaf.name for leaf in program.leaves} - set(program.whole)
    mod, gathered = gathered_parameters.run(program.mod, arguments)
    if program.outputs:
        executable = build(
            mod,
            params,
            options.target,
            options.opt_level,
            options.fast_math,
            options.long_loops,
            # A function that runs in Python is known by its number in this process alone.
            options.cache and not program.eager_calls,
            watch,
            trusted=True,
        )
    if executable is not None:
        for source in program.inputs:
            if source.name not in frozen and source.name not in program.whole:
                settle(source)
    return Loaded(program, executable, frozen, gathered)


def _is_random_key(source: Any) -> bool:
    return isinstance(source, Input) and isinstance(source.location.container, RandomKeys)


def _array_of(leaf: Any) -> np.ndarray:
    if type(leaf) is np.ndarray:
        return leaf
    return leaf.array if isinstance(leaf, chainer.Variable) else np.asarray(leaf)


def used_constants(program: Program) -> dict[str, np.ndarray]:
    return {n: a for n, a in program.constants.items() if n in program.parameters}


def require_no_hooks() -> None:
    if chainer._get_link_hooks() or chainer.get_function_hooks():
        raise error(
            "AF0301",
            "hooks aren't supported: a compiled program runs no Chainer links or functions",
            help="call `model.forward(…)`, which runs Chainer, inside of `with hook:`",
        )
