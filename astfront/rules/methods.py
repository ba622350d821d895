"""Methods of lists, dicts and sets."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import Any

import gast

from astfront.contents import GrownList, Items
from astfront.rules import folds
from astfront.rules.builtins import as_dict, copy_list, set_
from astfront.rules.ordering import sorted_
from astfront.rules.registry import pure, rule
from astfront.sameness import same
from astfront.values import (
    FALSE,
    NONE,
    TRUE,
    Dict,
    DictView,
    List,
    Scalar,
    Set,
    Static,
    Tuple,
    Value,
)

_PURE = "ascii bin bytes callable chr complex frozenset hash hex oct ord pow"
pure(*(getattr(builtins, n) for n in _PURE.split()))


# --- what lists and dicts have in common -------------------------------------------------------


@rule(list.__getitem__, dict.__getitem__)
def get_item(cx: Any, self: Value, key: Value) -> Value:
    return cx.get_item(self, key)  # type: ignore[no-any-return]


@rule(list.__contains__, dict.__contains__)
def contains(cx: Any, self: Value, item: Value) -> Value:
    return cx.contains(item, self)  # type: ignore[no-any-return]


@rule(list.__len__, dict.__len__)
def length(cx: Any, self: Value) -> Value:
    return cx.length(self)  # type: ignore[no-any-return]


# --- lists -----------------------------------------------------------------------------------


@rule(list.__iter__, dict.__iter__)
def iterate(cx: Any, self: Value) -> Value:
    return cx.call(Static(iter), [self], {})  # type: ignore[no-any-return]


@rule(list.append, splits=False)
def append(cx: Any, self: List, item: Value) -> Value:
    cx.append(self, item)
    return NONE


@rule(list.extend)
def extend(cx: Any, self: List, more: Value) -> Value:
    cx.extend_list(self, more)
    return NONE


@rule(list.insert, splits=False)
def insert(cx: Any, self: List, index: Value, item: Value) -> Value:
    items = cx.as_items(self)
    if items is None or not isinstance(index, Static):
        made = cx.call(Static(folds.inserted), [self, index, item], {})
        cx.heap[self.cell] = cx.heap[made.cell]
        return NONE
    items.insert(index.obj, item)
    cx.heap[self.cell] = Items(tuple(items))
    return NONE


@rule(list.pop)
def pop(cx: Any, self: List, index: Value = Static(-1)) -> Value:
    return popped(cx, self, index, "pop from empty list")


def popped(cx: Any, self: List, index: Value, when_empty: str) -> Value:
    length = cx.length(self)
    cx.check(cx.compare(gast.Gt(), length, Static(0)), IndexError(when_empty))
    place = cx.checked_index(index, length, "pop")
    item = cx.get_item(self, place)
    cx.heap[self.cell] = cx.without(self, place)
    return item  # type: ignore[no-any-return]


@rule(list.reverse)
def reverse(cx: Any, self: List) -> Value:
    content = cx.heap[self.cell]
    if isinstance(content, GrownList):
        cx.heap[self.cell] = cx.reversed_list(content)
    else:
        cx.heap[self.cell] = Items(tuple(reversed(content.items)))
    return NONE


@rule(list.clear)
def clear(cx: Any, self: List) -> Value:
    cx.heap[self.cell] = Items()
    return NONE


@rule(list.copy)
def copy(cx: Any, self: Value) -> Value:
    return copy_list(cx, self)


@rule(list.index, tuple.index)
def index(cx: Any, self: Value, item: Value) -> Value:
    fold = folds.index_in_tuple if cx.is_tuple(self) else folds.index
    in_loop: Value | None = cx.found_in_a_loop(fold, self, item)
    if in_loop is not None:
        return in_loop
    if cx.holds_ints(self) and cx.is_number(item):
        return cx.call(Static(fold), [self, item], {})
    for i, other in enumerate(cx.items_of(self)):
        equal = cx.truth(cx.compare(gast.Eq(), item, other)) if not same(item, other) else True
        if isinstance(equal, Scalar):
            return cx.call(Static(fold), [self, item], {})
        if equal:
            return Static(i)
    return cx.raise_python(ValueError("the item is not in the list"))


@rule(list.sort)
def sort(cx: Any, self: List, key: Value | None = None, reverse: Value = FALSE) -> Value:
    cx.heap[self.cell] = cx.heap[sorted_(cx, self, key, reverse).cell]
    return NONE


# --- dicts -----------------------------------------------------------------------------------


@rule(dict.get)
def get(cx: Any, self: Value, key: Value, default: Value = NONE) -> Value:
    known, found = cx.try_static(key)
    is_pair = isinstance(key, Tuple) and not known
    if cx.is_keyed(self) or (is_pair and cx.can_be_keyed(self, key)):
        return cx.keyed(self, "value_or", key, default)  # type: ignore[no-any-return]
    return cx.get_entry(self, found, default) if known else cx.staged_entry(self, key, default)


@rule(dict.keys)
def view_of_keys(cx: Any, self: Value) -> Value:
    return DictView(cx.as_dict(self), "keys")


@rule(dict.values)
def values(cx: Any, self: Value) -> Value:
    return DictView(cx.as_dict(self), "values")


@rule(dict.items)
def items(cx: Any, self: Value) -> Value:
    return DictView(cx.as_dict(self), "items")


@rule(dict.pop)
def dict_pop(cx: Any, self: Dict, key: Value, default: Value | None = None) -> Value:
    if cx.is_keyed(self):
        name, more = ("popped", ()) if default is None else ("popped_or", (default,))
        return cx.keyed(self, name, key, *more)  # type: ignore[no-any-return]
    key = cx.static(key, "a dict's key")
    # What isn't there isn't made here, whatever the class.
    found = cx.get_entry(replace(self, cls=dict, factory=None), key, default)
    there = cx.has_key(self, key)
    if not isinstance(there, Static) or there.obj:
        cx.heap.unbind(self.cell, key)
    return found


@rule(dict.update)
def update(cx: Any, self: Dict, *others: Value, **kwargs: Value) -> Value:
    others = tuple(as_dict(cx, other) for other in others)
    if any(map(cx.is_keyed, (self, *others))):
        cx.update_keyed(self, others, kwargs)
        return NONE
    for other in (*others, cx.heap.new_dict(kwargs)):
        cx.update_entries(self, cx.as_dict(other))
    return NONE


@rule(dict.setdefault)
def setdefault(cx: Any, self: Dict, key: Value, default: Value = NONE) -> Value:
    known, found = cx.try_static(key)
    if cx.is_keyed(self) or (not known and cx.can_be_keyed(self, key)):
        return cx.keyed(self, "value_set_by_default", key, default)  # type: ignore[no-any-return]
    key = cx.static(key, "a dict's key")
    value = cx.get_entry(self, key, default)
    cx.set_entry(self, key, value)
    return value


@rule(dict.copy)
def dict_copy(cx: Any, self: Value) -> Value:
    if isinstance(self, Dict):
        return cx.copy_of_dict(self)  # type: ignore[no-any-return]
    return cx.heap.new_dict(cx.entries_of(self))


@rule(dict.clear)
def dict_clear(cx: Any, self: Dict) -> Value:
    cx.heap[self.cell] = cx.heap[cx.heap.new_dict().cell]
    return NONE


# --- sets ------------------------------------------------------------------------------------


#: Methods of which ``keyed.py`` has one for staged items.
_OF_SETS = {
    *("union", "intersection", "difference", "symmetric_difference"),
    *("issubset", "issuperset", "isdisjoint"),
}


def _changed_by(method: str) -> None:
    """A rule for a method of sets that runs on the static items."""

    def changed(cx: Any, self: Set, *args: Value) -> Value:
        if method == "remove" and cx.is_keyed(self):
            return cx.keyed(self, "remove", *args)  # type: ignore[no-any-return]
        if method == "copy" and cx.has_staged_keys(self):
            return cx.copy_of_dict(self)  # type: ignore[no-any-return]
        if method == "update" and any(map(cx.has_staged_keys, (self, *args))):
            for arg in args:
                if isinstance(arg, Set):
                    cx.heap[self.cell] = cx.heap[cx.keyed_sets("union", self, arg).cell]
                else:
                    cx.keyed(self, "added", arg)
            return NONE
        if method in _OF_SETS and args and any(map(cx.has_staged_keys, (self, *args))):
            sets = [arg if isinstance(arg, Set) else set_(cx, arg) for arg in args]
            return cx.keyed_sets(method, self, *sets)  # type: ignore[no-any-return]
        args = tuple(cx.static(arg, f"what `{method}` takes") for arg in args)
        items = cx.real_set(self).copy()
        result = cx.run_python(getattr(items, method), *args)
        cx.heap[self.cell] = cx.heap[cx.heap.new_set(items).cell]
        cx.heap.note_set(self, items)
        return result

    rule(getattr(set, method))(changed)


@rule(set.add)
def set_add(cx: Any, self: Set, item: Value) -> Value:
    known, _ = cx.try_static(item)
    if cx.is_keyed(self) or (not known and cx.can_be_keyed(self, item)):
        cx.keyed(self, "put", item, TRUE)
    else:
        cx.change_set(self, set.add, cx.static(item, "`item`"))
    return NONE


@rule(set.discard)
def discard(cx: Any, self: Set, item: Value) -> Value:
    if cx.is_keyed(self):
        return cx.keyed(self, "discard", item)  # type: ignore[no-any-return]
    item = cx.static(item, "`item`")
    if cx.has_key(self, item) is not FALSE:
        cx.change_set(self, set.discard, item)
    return NONE


for _name in sorted(n for n in dir(set) if not n.startswith("_")):
    if _name not in ("add", "discard"):
        _changed_by(_name)
