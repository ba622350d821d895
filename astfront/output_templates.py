"""Templates of results: what makes Python objects of the arrays that a run gave."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from chainer.utils import cache

from astfront.gradients import variable
from astfront.identity import at
from astfront.locations import Location
from astfront.rules.numpy import complex_arrays
from astfront.values import UNBOUND


@dataclass
class Outcome:
    """The arrays that a run gave, the arguments of the call, and the objects made so far."""

    arrays: Sequence[np.ndarray]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    made: dict[Any, Any] = field(default_factory=dict)


class Template:
    """Makes a Python object of the outcome of a run."""

    def build(self, run: Outcome) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Known(Template):
    obj: Any

    def build(self, run: Outcome) -> Any:
        return self.obj


@dataclass(frozen=True)
class ArrayOut(Template):
    index: int
    kind: str
    flag: int = -1

    def build(self, run: Outcome) -> Any:
        if self.kind == "generic":
            return run.arrays[self.index][()]
        is_variable = self.kind == "variable"
        if self.kind == "either":
            is_variable = bool(run.arrays[self.flag])
        key = self.index, is_variable
        if key not in run.made:
            array = run.arrays[self.index]
            run.made[key] = variable(array) if is_variable else array
        return run.made[key]


@dataclass(frozen=True)
class NumberOut(Template):
    index: int
    type: type

    def build(self, run: Outcome) -> Any:
        return self.type(run.arrays[self.index])


@dataclass(frozen=True)
class TupleOut(Template):
    items: tuple[Template, ...]
    cls: type

    def build(self, run: Outcome) -> Any:
        items = [i.build(run) for i in self.items]
        return tuple(items) if self.cls is tuple else self.cls(*items)


@dataclass(frozen=True)
class ListOut(Template):
    cell: int
    items: tuple[Template, ...]
    make: Callable[..., Any] = list

    def build(self, run: Outcome) -> Any:
        if self.make is tuple:
            return tuple(i.build(run) for i in self.items)
        if self.cell not in run.made:
            result: Any = self.make()
            run.made[self.cell] = result
            result.extend(i.build(run) for i in self.items)
        return run.made[self.cell]


@dataclass(frozen=True)
class GrownOut(Template):
    """A list that grew in the program: for each leaf of its elements, the buffers with the rows."""

    cell: int
    element: Template
    buffers: tuple[tuple[int, ...], ...]
    length: int
    make: Callable[[list[Any]], Any] = list

    def build(self, run: Outcome) -> Any:
        if self.cell not in run.made:
            leaves = [[run.arrays[i] for i in group] for group in self.buffers]
            run.made[self.cell] = self.make(
                [
                    self.element.build(Outcome([_row(i, *buffers) for buffers in leaves]))
                    for i in range(int(run.arrays[self.length]))
                ]
            )
        return run.made[self.cell]


def _row(i: int, rows: np.ndarray, extents: np.ndarray | None = None) -> np.ndarray:
    if extents is None:
        return rows[i, ...]  # type: ignore[no-any-return]
    start, *sizes = extents[i]
    return rows[start : start + math.prod(sizes)].reshape(sizes)


@dataclass(frozen=True)
class DictOut(Template):
    cell: int
    items: tuple[tuple[Any, Template], ...]
    is_set: bool = False
    make: Callable[[], Any] = dict

    def build(self, run: Outcome) -> Any:
        if self.cell not in run.made:
            if self.is_set:
                found = [k for k, v in self.items if v.build(run) is not UNBOUND]
                run.made[self.cell] = set(found)
            else:
                result: Any = self.make()
                run.made[self.cell] = result
                for k, v in self.items:
                    value = v.build(run)
                    if value is not UNBOUND:
                        result[k] = value
        return run.made[self.cell]


@dataclass(frozen=True)
class ObjectOut(Template):
    cell: int
    cls: type
    items: tuple[tuple[str, Template], ...]

    def build(self, run: Outcome) -> Any:
        if self.cell not in run.made:
            is_namespace = self.cls is types.SimpleNamespace
            result: Any = types.SimpleNamespace() if is_namespace else object.__new__(self.cls)
            run.made[self.cell] = result
            for name, template in self.items:
                value = template.build(run)
                if value is UNBOUND:
                    continue
                # A cached property keeps what it gave under its own name, and refuses to be set.
                if isinstance(getattr(type(result), name, None), cache.cached_property):
                    vars(result)[name] = value
                else:
                    object.__setattr__(result, name, value)
        return run.made[self.cell]


@dataclass(frozen=True)
class ComplexOut(Template):
    """An array of complex numbers, of its parts."""

    cell: int
    parts: tuple[Template, ...]

    def build(self, run: Outcome) -> Any:
        if self.cell not in run.made:
            run.made[self.cell] = complex_arrays.put_together(*(p.build(run) for p in self.parts))
        return run.made[self.cell]


@dataclass(frozen=True)
class CallOut(Template):
    """What a Python function makes of other results."""

    function: Callable[..., Any]
    args: tuple[Template, ...]

    def build(self, run: Outcome) -> Any:
        return self.function(*(a.build(run) for a in self.args))


@dataclass(frozen=True)
class OptionOut(Template):
    present: int
    value: Template
    absent: Template

    def build(self, run: Outcome) -> Any:
        chosen = self.value if bool(run.arrays[self.present]) else self.absent
        return chosen.build(run)


@dataclass(frozen=True)
class ItemOut(Template):
    """What is an item of another list that's handed over, or something in one."""

    owner: Template
    index: Template
    path: tuple[Any, ...]

    def build(self, run: Outcome) -> Any:
        owner, index = self.owner.build(run), self.index.build(run)
        pairs = list(owner.items()) if isinstance(owner, dict) else owner
        return at(pairs[index], self.path)


@dataclass(frozen=True)
class MadeOut(Template):
    """The list, dict or object that this is in."""

    cell: int

    def build(self, run: Outcome) -> Any:
        return run.made[self.cell]


@dataclass(frozen=True)
class ArgumentOut(Template):
    """An argument, or something in one, that is handed back."""

    path: tuple[Any, ...]

    def build(self, run: Outcome) -> Any:
        first, *rest = self.path
        found = run.kwargs[first] if isinstance(first, str) else run.args[first]
        for key in rest:
            found = found[key]
        return found


@dataclass(frozen=True)
class LocationOut(Template):
    """What is found in a place of the model when the program runs: a parameter, a list."""

    location: Location

    def build(self, run: Outcome) -> Any:
        return self.location.read()
