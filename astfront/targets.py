"""Assignment to targets, and what names mean: local, of the functions around, of the module, builtin."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gast
import numpy as np

from astfront.calls.frames import Frame
from astfront.joins.options import is_optional
from astfront.lifting import TRUSTED_PACKAGES
from astfront.locations import MISSING, Location
from astfront.machine import Machine
from astfront.tuple_classes import METHODS
from astfront.values import (
    UNBOUND,
    Node,
    Option,
    Poison,
    Static,
    Unbound,
    Value,
)
from passes.syntax import names


class Targets(Machine):
    def assign(self, target: gast.AST, value: Value) -> None:
        with self.at(target):
            if isinstance(target, gast.Name):
                self.bind_name(target.id, value)
            elif isinstance(target, gast.Attribute):
                value, owner = self.operands([value, target.value])
                self.set_attribute(owner, target.attr, value)
            elif isinstance(target, gast.Subscript):
                if isinstance(target.value, gast.Subscript) and self.change_chosen(
                    target, value, None
                ):
                    return
                value, *place = self.operands([value, target.value, target.slice])
                self.set_item(*place, value)
            elif isinstance(target, gast.Tuple | gast.List):
                self.unpack(target.elts, value)
            else:
                self.fail("AF0108", f"assignment to a {type(target).__name__} isn't supported")

    def unpack(self, targets: Sequence[gast.expr], value: Value) -> None:
        star = next((i for i, t in enumerate(targets) if isinstance(t, gast.Starred)), None)
        if isinstance(value, Poison):
            for target in targets:
                self.assign(target.value if isinstance(target, gast.Starred) else target, value)
            return
        if isinstance(value, Node | Option):
            self.split(value, lambda v: self.unpack(targets, v))
            return
        wanted = len(targets)
        if star is None:
            items = self.items_of(value, wanted)
            if len(items) != wanted:
                few = "not enough values" if len(items) < wanted else "too many values"
                detail = f", got {len(items)}" if len(items) < wanted else ""
                self.raise_python(ValueError(f"{few} to unpack (expected {wanted}{detail})"))
        else:
            items = self._items_around(value, star, wanted - star - 1)
        with self.held(*items) as waiting:
            for i, target in enumerate(targets):
                item = self.heap.lookup(waiting, i)
                self.heap.unbind(waiting, i)
                self.assign(target.value if isinstance(target, gast.Starred) else target, item)

    def _items_around(self, value: Value, before: int, after: int) -> list[Value]:
        """The first items and the last ones, and between them a list of the others."""
        if not self.has_grown(value):
            items = self.items_of(value)
            self.require_at_least(Static(len(items)), before + after)
            end = len(items) - after
            return [*items[:before], self.heap.new_list(items[before:end]), *items[end:]]
        self.require_at_least(self.length(value), before + after)
        first = [self.get_item(value, Static(i)) for i in range(before)]
        last = [self.get_item(value, Static(i - after)) for i in range(after)]
        rest: Any = self.get_item(value, Static(slice(before, -after or None)))
        return [*first, replace(rest, cls=list), *last]

    def cell_of(self, name: str) -> int | None:
        """The cell of the call whose local name it is, as far as it has a value."""
        frame: Frame | None = self.frame
        while frame is not None and isinstance(self.heap.lookup(frame.cell, name), Unbound):
            frame = frame.parent
        return None if frame is None else frame.cell

    def bind_name(self, name: str, value: Value) -> None:
        frame = self.owner_of(name)
        outer = self.outer_place(frame, name)
        if outer is None:
            self.heap.bind(frame.cell, name, value)
        else:
            self.bind_outside(*outer, value)

    def unbind_name(self, name: str) -> None:
        frame = self.owner_of(name)
        outer = self.outer_place(frame, name)
        if outer is None:
            self.heap.unbind(frame.cell, name)
        else:
            self.bind_outside(*outer, UNBOUND)

    def owner_of(self, name: str) -> Frame:
        """The frame that has the name which is bound in this one."""
        frame = self.frame
        if name in frame.nonlocals:
            while frame.parent is not None and (
                name in frame.nonlocals or name not in frame.prepared.locals
            ):
                frame = frame.parent
        return frame

    def outer_place(self, frame: Frame, name: str) -> tuple[Any, str] | None:
        """The object and its attribute that a name is which isn't one of compiled code."""
        if name in frame.prepared.global_names:
            module = module_of(frame)
            if module is None:
                self.fail(
                    "AF0105",
                    f"assigning to the global name `{name}` of a module that isn't imported",
                    help=f"return the value, or keep it in an attribute of the model "
                    f"(`self.{name} = …`)",
                )
            return module, name
        if name in frame.nonlocals and name in frame.closure:
            return frame.closure[name], "cell_contents"
        return None

    def bind_outside(self, owner: Any, name: str, value: Value) -> None:
        """Set an attribute of a module, a class, or a closure's variable, which is found outside."""
        self.heap.bind(self.heap.new_object(type(owner), owner).cell, name, value)

    def found_outside(self, owner: Any, name: str) -> Value | None:
        """What the program has bound there; None where it has not."""
        if not self.heap.is_known(owner):
            return None
        cell = self.heap.new_object(type(owner), owner).cell
        found: Value | None = self.heap[cell].items.get(name)  # type: ignore[union-attr]
        return found

    def load_name(self, name: str) -> Value:
        frame: Frame | None = self.frame
        while frame is not None:
            if name in frame.prepared.global_names:
                return self.load_global(frame, name)
            found = self.heap.lookup(frame.cell, name)
            if is_optional(found):
                if not names.is_generated(name):
                    self.check(found.present, self.unbound_error(frame, name))
                    self.heap.bind(frame.cell, name, found.value)
                return found.value
            if not isinstance(found, Unbound):
                return found
            if name in frame.prepared.locals and name not in frame.nonlocals:
                if name in self.heap.cells[frame.cell].items:  # type: ignore[union-attr]
                    self.fail(
                        "AF0203",
                        f"what `{name}` holds here is known only on some ways through an `if`",
                        help=f"bind `{name}` before the `if`",
                    )
                self.raise_python(self.unbound_error(frame, name))
            if frame.parent is None:
                break
            frame = frame.parent
        if frame is not None:
            return self.load_outer(frame, name)
        raise AssertionError("a frame without end")

    def load_outer(self, frame: Frame, name: str) -> Value:
        """A name of the Python closure, of the module, or a builtin."""
        if name not in frame.closure:
            return self.load_global(frame, name)
        cell = frame.closure[name]
        missing = NameError(f"free variable '{name}' referenced before assignment")
        bound = self.found_outside(cell, "cell_contents")
        if bound is not None:
            return self.if_bound(bound, missing)
        location = Location(cell, "attribute", "cell_contents", name)
        try:
            found = location.read()
        except ValueError:
            self.raise_python(missing)
        return self.lifted(found, location, name)

    def load_global(self, frame: Frame, name: str) -> Value:
        missing = NameError(f"name '{name}' is not defined")
        module = module_of(frame)
        bound = self.found_outside(module, name)
        if bound is not None and not isinstance(bound, Unbound):
            return self.if_bound(bound, missing)
        if name in frame.globals and bound is None:
            found = frame.globals[name]
            if self.is_trusted(frame.globals) and not isinstance(found, np.ndarray | list | dict):
                return self.constant_value(found)
            location = Location(frame.globals, "item", name)
            if module is not None:
                location = Location(module, "attribute", name)
            return self.lifted(found, location, name)
        if not self.is_trusted(frame.globals):
            self.lifter.guard(Location(frame.globals, "item", name), MISSING)
        if hasattr(builtins, name):
            return Static(getattr(builtins, name))
        self.raise_python(missing)

    def if_bound(self, value: Value, missing: Exception) -> Value:
        """What a place outside holds; the program raises an exception where it holds nothing."""
        if is_optional(value):
            self.check(value.present, missing)
            return value.value
        if isinstance(value, Unbound):
            self.raise_python(missing)
        return value

    @staticmethod
    def is_trusted(module_globals: dict[str, Any]) -> bool:
        return str(module_globals.get("__name__", "")).split(".")[0] in TRUSTED_PACKAGES

    def guard_method(self, cls: type, name: str, raw: Any) -> None:
        """The program holds for this method alone, should the class get another one."""
        if isinstance(raw, METHODS) and not self.is_trusted({"__name__": cls.__module__}):
            self.lifter.guard(Location(cls, "class", name), raw, identity=True)

    def guard_lack(self, cls: type, *names: str) -> None:
        """The program holds as long as the class has nothing of these names."""
        if not self.is_trusted({"__name__": cls.__module__}):
            for name in names:
                self.lifter.guard(Location(cls, "class", name), MISSING)

    def unbound_error(self, frame: Frame, name: str) -> NameError:
        if frame is self.frame:
            return UnboundLocalError(f"local variable '{name}' referenced before assignment")
        return NameError(f"free variable '{name}' referenced before assignment in enclosing scope")


def module_of(frame: Frame) -> types.ModuleType | None:
    """The module whose globals a function has."""
    module = sys.modules.get(str(frame.globals.get("__name__")))
    return module if module is not None and vars(module) is frame.globals else None
