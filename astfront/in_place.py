"""Changes of arrays in place: every place that holds the array, or a view of it, sees them."""

from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import gast
import numpy as np

from astfront.contents import Attributes, Entries, Items, Names
from astfront.environment import UNKNOWN_STORAGE, values_of, walk
from astfront.machine import Machine
from astfront.rules.registry import RULES
from astfront.sameness import same_array
from astfront.values import (
    NONE,
    Deferred,
    Dict,
    Flat,
    List,
    Object,
    Static,
    Tensor,
    Tuple,
    Value,
    View,
)

#: Of so many arrays at most, a staged index chooses the one that is changed in place.
MOST_PLACES = 16


class InPlace(Machine):
    def replace_array(self, old: Tensor, new: Tensor) -> Tensor:
        """Every place that holds ``old`` holds ``new``, and views of it are views of that.

        What ``old`` is then; AF0209 where what shares its memory isn't known.
        """
        if not old.writeable:
            self.raise_python(ValueError("output array is read-only"))
        new = replace(new, storage=old.storage, kind="array", origin=None, view=None)
        self.changed_arrays.append(old.storage)
        view = self._view_of(old)
        if view is not None and self._is_held_elsewhere(old):
            base = self.replace_array(view.base, self._written(view, new))
            return base.viewed_as(view.of(base), view.of, in_order=view.in_order)
        places = 0

        def put(held: Value) -> Value:
            nonlocal places
            if isinstance(held, Tensor) and held.kind != "generic":
                made = self._renewed(held, old, new)
                places += made is not None
                return held if made is None else made
            if isinstance(held, Tuple):
                items = tuple(map(put, held.items))
                if any(x is not y for x, y in zip(items, held.items)):
                    return replace(held, items=items)
            return held

        self.put_everywhere(put)
        if old.storage == UNKNOWN_STORAGE or old.storage in self.heap.copied:
            if old.storage in self.heap.copied_by:
                self.heap.blamed.add(self.heap.copied_by[old.storage])
            self.fail(
                "AF0209",
                "an array is changed in place that something else may hold, too: it went into a list "
                "that grows, or which array it is depends on a condition or an index",
                help="make a new one, `x = x + y`, or take a copy before: `x = x.copy()`",
            )
        if places != self.heap.holders(old.storage):
            self.fail(
                "AF0209",
                "an array is changed in place while a view of it is in use",
                help="take a copy of the part that is kept: `x[i].copy()`",
            )
        self.lifter.layouts.changed(old, new)
        return new

    def change_chosen(self, target: gast.Subscript, given: Any, op: gast.AST | None) -> bool:
        """``xs[k] += y``, or ``xs[k][i] = y`` (where there's no ``op``), if it's a list of arrays, or a
        dict of them by ints.

        For a staged ``k``, each of them is changed under an If, so that it's known which memory is.
        """
        nested = isinstance(target.value, gast.Subscript)
        place = target.value if nested else target
        if isinstance(place.slice, gast.Slice | gast.Tuple):
            return False
        owner = self._held_by(place.value)
        if not isinstance(owner, List | Dict) or not self._is_of_arrays(owner):
            return False
        before: Any = self.heap[owner.cell]
        keys = list(before.items) if isinstance(owner, Dict) else [*range(len(before.items))]
        chosen = self._chosen(owner, self.visit(place.slice), keys)
        inner, value = self.operands([target.slice if nested else NONE, given])
        if self.heap[owner.cell] is not before:
            self.fail(
                "AF0209",
                "arrays of a list or dict are changed while it's computed what is put in one of them",
                help="compute it before",
            )

        def change(i: Value) -> None:
            key = Static(keys[i.obj])  # type: ignore[attr-defined]
            container, index = (self.get_item(owner, key), inner) if nested else (owner, key)
            new = value
            if op is not None:
                new = self.augmented(op, self.get_item(container, index), value, nested)
            self.set_item(container, index, new)

        self._among(chosen, 0, len(keys), change)
        return True

    def _held_by(self, node: gast.expr) -> Value | None:
        """What a name holds, or an attribute that nothing computes."""
        if isinstance(node, gast.Name):
            return self.load_name(node.id)  # type: ignore[no-any-return]
        if isinstance(node, gast.Attribute) and isinstance(node.value, gast.Name):
            owner = self.load_name(node.value.id)
            if isinstance(owner, Object) and not hasattr(owner.cls, node.attr):
                return self.get_attribute(owner, node.attr)  # type: ignore[no-any-return]
        return None

    def _chosen(self, owner: List | Dict, k: Value, keys: list[Any]) -> Value:
        """Which of the places ``k`` is; raises what Python raises where it's none."""
        if isinstance(owner, List):
            if isinstance(k, Static) and not isinstance(k.obj, int | np.integer):
                self.get_item(owner, k)
            return self.checked_index(k, Static(len(keys)), "list")  # type: ignore[no-any-return]
        if isinstance(k, Static):
            if k.obj not in keys:
                self.raise_python(KeyError(k.obj))
            return Static(keys.index(k.obj))
        number = self.tensor_to_scalar(k) if isinstance(k, Tensor) else k
        if not self.is_number(number):
            self.static(k, "a dict's key")
        is_there, chosen = self.place_of_key(number, keys)
        self.raise_unless(is_there, Deferred(KeyError, (number,)))
        return chosen  # type: ignore[no-any-return]

    def _is_of_arrays(self, owner: List | Dict) -> bool:
        """Whether it's a list of a few arrays, or a dict of them by ints."""
        content = self.heap[owner.cell]
        values: Any = getattr(content, "items", ())
        if isinstance(content, Entries):
            plain = isinstance(owner, Dict) and owner.cls in (dict, collections.OrderedDict)
            if not plain or not all(type(key) is int for key in values):
                return False
            values = values.values()
        elif not isinstance(content, Items) or self.is_tuple(owner) or isinstance(owner, Dict):
            return False
        return 1 < len(values) <= MOST_PLACES and all(
            isinstance(v, Tensor) and v.kind == "array" and v.ndim for v in values
        )

    def _among(self, i: Value, first: int, count: int, way: Callable[[Value], None]) -> None:
        """Go the way of one of ``count`` places, of which the first has this index."""
        if isinstance(i, Static) or count == 1:
            way(i if isinstance(i, Static) else Static(first))
            return
        half = count // 2
        self.stage_if(
            self.compare(gast.Lt(), i, Static(first + half)),
            lambda: self._among(i, first, half, way),
            lambda: self._among(i, first + half, count - half, way),
        )

    def put_everywhere(self, put: Callable[[Value], Value]) -> None:
        """Each place holds what ``put`` makes of what it held."""
        # None is put in its place before all are known: views are looked at as they were.
        changes: list[Callable[[], None]] = []
        for cell, content in self.heap.cells.items():
            if isinstance(content, Items):
                values = tuple(map(put, content.items))
                if any(x is not y for x, y in zip(values, content.items)):
                    changes.append(partial(self.heap.__setitem__, cell, Items(values)))
            elif isinstance(content, Entries | Attributes | Names):
                for key, held in content.items.items():
                    value = put(held)
                    if value is not held:
                        changes.append(partial(self.heap.bind, cell, key, value))
        for change in changes:
            change()

    def _is_held_elsewhere(self, array: Tensor) -> bool:
        """Whether an array shares its memory with another one that some place holds."""
        held = (v for content in self.heap.cells.values() for v in values_of(content))
        inner = (x for v in held for x in walk(v) if isinstance(x, Tensor))
        shared = (x for x in inner if x.storage == array.storage and x.kind != "generic")
        return not all(same_array(x, array) for x in shared)

    def _written(self, view: View, new: Tensor) -> Tensor:
        """The array that ``view`` is a view of, when that has become ``new``."""
        base = view.base.as_kind("array")
        size = self.size_of(base)
        shape = self.get_attribute(base, "shape")
        numbers = self.call(Static(np.arange), [size], {})
        places: Any = view.of(self.call(Static(np.reshape), [numbers, shape], {}))  # type: ignore[arg-type]
        flat = self.call(Static(np.ndarray.flatten), [base], {})
        rule: Any = RULES[np.ndarray.__setitem__]
        places, part = (self.call(Static(np.ndarray.flatten), [x], {}) for x in (places, new))
        made = rule.function(self, flat, places, part)
        return self.call(Static(np.reshape), [made, shape], {})  # type: ignore[return-value]

    def _view_of(self, x: Tensor) -> View | None:
        """How ``x`` is made of an array that it's a view of, where that's known."""
        view = x.known_view
        if view is None or (
            view.in_order and not self.lifter.layouts.is_in_order(self.heap, view.base)
        ):
            return None
        return view if view.base.storage == x.storage else None

    def _renewed(self, held: Tensor, old: Tensor, new: Tensor) -> Tensor | None:
        """What ``held`` is when ``old`` has become ``new``; None where it doesn't follow from that."""
        if held is old or (held.storage == old.storage and same_array(held, old)):
            origin = held.origin if held.kind == "variable" else None
            made = replace(new, kind=held.kind, is_variable=held.is_variable, origin=origin)
            return Flat.of(made) if isinstance(held, Flat) else made
        if held.storage != old.storage:
            return None
        view = self._view_of(held)
        base = None if view is None else self._renewed(view.base.as_kind("array"), old, new)
        if view is None or base is None:
            return None
        made = replace(view.of(base), kind=held.kind, is_variable=held.is_variable)
        made = base.viewed_as(made, view.of, held.writeable, view.in_order)
        return Flat.of(made) if isinstance(held, Flat) else made
