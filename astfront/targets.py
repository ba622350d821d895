"""Assignment to targets, and what names mean: local, of the functions around, of the module, builtin."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import gast
import numpy as np

from astfront.frames import Frame
from astfront.lifting import MISSING, TRUSTED_PACKAGES, Location
from astfront.machine import Machine
from astfront.values import (
    NONE,
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
        if isinstance(value, Node):
            self.split(value, lambda v: (self.unpack(targets, v), NONE)[1])  # type: ignore
            return
        items = self.items_of(value, None if star is not None else len(targets))
        wanted = len(targets)
        if star is None and len(items) != wanted:
            few = "not enough values" if len(items) < wanted else "too many values"
            detail = f", got {len(items)}" if len(items) < wanted else ""
            self.raise_python(ValueError(f"{few} to unpack (expected {wanted}{detail})"))
        if star is not None:
            if len(items) < wanted - 1:
                self.raise_python(ValueError("not enough values to unpack"))
            after = wanted - star - 1
            rest = items[star : len(items) - after]
            items = [*items[:star], self.heap.new_list(rest), *items[len(items) - after :]]
        with self.held(*items) as waiting:
            for i, target in enumerate(targets):
                item = self.heap.lookup(waiting, i)
                self.heap.unbind(waiting, i)
                self.assign(target.value if isinstance(target, gast.Starred) else target, item)

    def bind_name(self, name: str, value: Value) -> None:
        frame = self.frame
        if name in frame.nonlocals:
            while frame.parent is not None and (
                name in frame.nonlocals or name not in frame.prepared.locals
            ):
                frame = frame.parent
        self.heap.bind(frame.cell, name, value)

    def load_name(self, name: str) -> Value:
        frame: Frame | None = self.frame
        while frame is not None:
            found = self.heap.lookup(frame.cell, name)
            if isinstance(found, Option) and isinstance(found.absent, Unbound):
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
        if name in frame.closure:
            location = Location(frame.closure[name], "attribute", "cell_contents", name)
            try:
                found = location.read()
                return self.lifted(found, location, name)
            except ValueError:
                self.raise_python(NameError(f"free variable '{name}' referenced before assignment"))
        if name in frame.globals:
            found = frame.globals[name]
            if self.is_trusted(frame.globals) and not isinstance(found, np.ndarray | list | dict):
                return self.constant_value(found)
            return self.lifted(found, Location(frame.globals, "item", name), name)
        if hasattr(builtins, name):
            if not self.is_trusted(frame.globals):
                self.lifter.guard(Location(frame.globals, "item", name), MISSING)
            return Static(getattr(builtins, name))
        self.raise_python(NameError(f"name '{name}' is not defined"))

    @staticmethod
    def is_trusted(module_globals: dict[str, Any]) -> bool:
        return str(module_globals.get("__name__", "")).split(".")[0] in TRUSTED_PACKAGES

    def unbound_error(self, frame: Frame, name: str) -> NameError:
        if frame is self.frame:
            return UnboundLocalError(f"local variable '{name}' referenced before assignment")
        return NameError(f"free variable '{name}' referenced before assignment in enclosing scope")
