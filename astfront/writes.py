"""What a compiled call changes on Python objects: attributes, containers, the contents of arrays."""

from __future__ import annotations

import collections
import functools
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import chainer
import numpy as np

from astfront.calls.local_classes import is_local
from astfront.contents import Attributes, Content, Entries, Items, Names
from astfront.diagnostics import error
from astfront.locations import Location
from astfront.output_templates import ArgumentOut, ArrayOut, ListOut, LocationOut, Outcome, Template
from astfront.outputs import Results
from astfront.sameness import same
from astfront.signature import ArgumentLifter, flatten
from astfront.values import UNBOUND, Argument, Tensor, Value


@dataclass(frozen=True)
class Write:
    """A change that a call makes: it sets an attribute (or deletes it), fills the list, dict or set
    that ``target`` is with other contents, or the array that it is (or that a Variable has)."""

    target: LocationOut | ArgumentOut
    template: Template
    kind: Literal["attribute", "contents", "array", "variable"] = "attribute"
    name: str = ""
    """The attribute that is set on the Variable that ``target`` is."""

    @property
    def location(self) -> Location | None:
        return self.target.location if isinstance(self.target, LocationOut) else None

    def __str__(self) -> str:
        place = self.target
        where = str(place.location) if isinstance(place, LocationOut) else f"argument {place.path}"
        if self.kind == "variable":
            return f"{where}.{self.name}"
        return where if self.kind == "attribute" else f"the contents of {where}"

    def prepare(self, outcome: Outcome) -> Callable[[], None]:
        """What is to be done, once all that the call gives has been read."""
        value = self.template.build(outcome)
        if self.kind == "array":
            return functools.partial(np.copyto, _array(self.target.build(outcome)), value)
        if self.kind == "variable":
            if value is UNBOUND:
                return lambda: None
            return functools.partial(setattr, self.target.build(outcome), self.name, value)
        if self.kind == "contents":
            return functools.partial(_refill, self.target.build(outcome), value)
        location: Any = self.location
        owner, name = location.container, location.key
        if value is UNBOUND and isinstance(owner, types.CellType):
            return functools.partial(delattr, owner, name)
        if value is UNBOUND:
            return lambda: vars(owner).pop(name, None)
        return functools.partial(setattr, owner, name, value)


def _array(x: Any) -> np.ndarray:
    return x.array if isinstance(x, chainer.Variable) else x  # type: ignore[no-any-return]


def _refill(container: Any, value: Any) -> None:
    if isinstance(container, list):
        container[:] = value
    elif isinstance(container, collections.deque):
        container.clear()
        container.extend(value)
    else:
        container.clear()
        container.update(value)


def lasting_values(cx: Any, lifter: ArgumentLifter) -> Iterator[Value]:
    """What outlives the call: attributes of real objects, lists and dicts of the model and arguments.

    A list that was in an attribute, and isn't any more, is nobody's as far as the program knows.
    """
    held: dict[tuple[int, Any], Value] = {}
    for cell, content in cx.heap.cells.items():
        if cell in cx.instances and isinstance(content, Attributes):
            yield from content.items.values()
            held |= {(id(cx.instances[cell]), k): v for k, v in content.items.items()}
    for cell, place in cx.lifter.containers.items():
        now: Any = held.get((id(place.container), place.key))
        if now is None or getattr(now, "cell", None) == cell:
            yield cx.lifter.reference(cell)
    yield from lifter.references.values()


def writes_of(cx: Any, lifter: ArgumentLifter, results: Results) -> Iterator[Write]:
    """What the program changed on real Python objects."""
    for cell, content in cx.heap.cells.items():
        if cell in cx.instances and isinstance(content, Attributes):
            if isinstance(cx.instances[cell], type) and is_local(cx.instances[cell]):
                continue
            yield from _attribute_writes(cx, cell, content, results)
        elif cell in cx.lifter.containers and content is not cx.heap.base.get(cell):
            made = results.contents(cx.lifter.reference(cell))
            found = LocationOut(cx.lifter.containers[cell])
            if not _is_itself(made, found, cx.heap.base.get(cell), content):
                yield Write(found, made, "contents")
    for cell, before in lifter.cells.items():
        now = cx.heap[cell]
        if not _unchanged(before, now):
            made = results.contents(lifter.references[cell])
            place = ArgumentOut(lifter.paths[cell])
            if not _is_itself(made, place, before, now):
                yield Write(place, made, "contents")
    yield from _variable_writes(cx, results)
    for array, _, target in results.changed.values():
        out = ArrayOut(results.add(array), "array")
        yield Write(target, out, "array")  # type: ignore[arg-type]


def _variable_writes(cx: Any, results: Results) -> Iterator[Write]:
    """The attributes of Variables from outside: the array that one holds, its name, other ones."""
    for cell, variable in cx.heap.variables.items():
        before, now = cx.heap.base[cell].items, cx.heap.cells.get(cell, cx.heap.base[cell]).items
        origin = variable.origin
        if isinstance(origin, Argument):
            place: LocationOut | ArgumentOut = ArgumentOut(origin.path)
        else:
            place = LocationOut(cx.lifter.places[id(origin)])
        for name, value in now.items():
            if name != "array" or before[name].storage != value.storage:
                yield Write(place, results.attribute(value), "variable", name)


def _attribute_writes(cx: Any, cell: int, content: Attributes, results: Results) -> Iterator[Write]:
    instance = cx.instances[cell]
    for name, value in content.items.items():
        before = cx.originals.get((cell, name))
        if before is not None and same(before, value):
            continue
        if isinstance(instance, type(chainer.config)):
            if value is UNBOUND:
                continue
            raise error(
                "AF0209",
                f"chainer.config.{name} is changed for good",
                cx.heap.changed_at.get(cell),
                help=f"write `with chainer.using_config('{name}', …):`",
            )
        made = results.attribute(value)
        yield Write(LocationOut(Location(instance, "attribute", name)), made)


def changed_arrays(
    cx: Any, lifter: ArgumentLifter
) -> Iterator[tuple[int, tuple[Tensor, str, Template]]]:
    """The arrays from outside whose contents the program changes."""
    targets: dict[int, tuple[Template, str]] = {
        cell: (LocationOut(place), kind) for cell, (place, kind) in cx.lifter.arrays.items()
    }
    targets |= {cell: (ArgumentOut(path), kind) for cell, (path, kind) in lifter.arrays.items()}
    for cell, (target, kind) in targets.items():
        before, now = (_contents(state[cell]) for state in (cx.heap.base, cx.heap.cells))
        if not same(before, now):
            yield before.storage, (now, kind, target)


def _contents(content: Content) -> Tensor:
    if not isinstance(content, Names):
        raise TypeError(f"no array: {content!r}")
    return content.items["array"]  # type: ignore[return-value]


def _unchanged(before: Content, now: Content) -> bool:
    old, new = _by_key(before), _by_key(now)
    if now is before or old is None or new is None or type(now) is not type(before):
        return now is before
    return list(old) == list(new) and all(map(same, old.values(), new.values()))


def _is_itself(
    made: Template, place: LocationOut | ArgumentOut, before: Content | None, now: Content
) -> bool:
    """Whether a list or dict holds what it held: its arrays may have changed, in place."""
    old, new = _by_key(before), _by_key(now)
    if old is None or new is None or list(old) != list(new) or type(before) is not type(now):
        return False
    templates = made.items if isinstance(made, ListOut) else [t for _, t in made.items]  # type: ignore[attr-defined]
    return all(same(old[k], new[k]) or _is_item(t, place, k) for k, t in zip(old, templates))


def _by_key(content: Content | None) -> dict[Any, Value] | None:
    if isinstance(content, Items):
        return dict(enumerate(content.items))
    return content.items if isinstance(content, Entries) else None


def _is_item(template: Template, place: LocationOut | ArgumentOut, key: Any) -> bool:
    if isinstance(place, ArgumentOut):
        return template == ArgumentOut((*place.path, key))
    found = isinstance(template, LocationOut) and template.location.identity
    return found == place.location.item(key).identity


def require_apart(program: Any, outcome: Outcome) -> None:
    """AF0209 where what is changed in place is, or shares memory with, something else that's read.

    A program takes its inputs for separate ones.
    """
    changed = [w.target for w in program.writes if w.kind == "array"]
    refilled = [w.target for w in program.writes if w.kind == "contents"]
    if changed:
        _, leaves = flatten(outcome.args, dict(outcome.kwargs))
        passed = [_array(x) for x in leaves if isinstance(x, np.ndarray | chainer.Variable)]
        if not any(leaf.is_by_type for leaf in program.leaves):
            # One that's passed in two places is one in the program.
            passed = _once(passed)
        targets = [(target, _array(target.build(outcome))) for target in changed]
        fetched = [entry.fetch() for entry in program.inputs if entry.number is None]
        own = [array for target, array in targets if isinstance(target, LocationOut)]
        own += [x for x in fetched if x is not None]
        arrays = [*passed, *_once(own)]
        for _, array in targets:
            if sum(bool(np.may_share_memory(x, array)) for x in arrays) > 1:
                raise shared_memory()
    if refilled:
        containers = set(_containers([*outcome.args, *outcome.kwargs.values()]))
        both = containers & {id(place.read()) for place in program.containers}
        if any(id(target.build(outcome)) in both for target in refilled):
            raise _shared("a list or dict that is changed is an argument and in an attribute")


def _once(arrays: Iterable[np.ndarray]) -> list[np.ndarray]:
    return list({id(x): x for x in arrays}.values())


def _containers(values: Iterable[Any]) -> Iterator[int]:
    for value in values:
        if isinstance(value, list | dict | set | collections.deque):
            yield id(value)
        if isinstance(value, list | tuple | dict):
            yield from _containers(value.values() if isinstance(value, dict) else value)


def shared_memory() -> Exception:
    return _shared("an array that is changed in place shares memory with another one")


def _shared(message: str) -> Exception:
    return error("AF0209", message, help="pass a copy of one of the two")
