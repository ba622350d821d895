"""Dicts and sets: of static keys, of which data may decide which there are, and of staged ones.

A key that is there on some ways only has an option for its value, which is unbound on the others. The
keys stand in the order in which they were inserted, as far as that doesn't depend on data.

Where a staged key is set, a dict becomes a list of pairs, keys and values (a set: keys and True), in its
cell, and a list it stays: ``rules/keyed.py`` has in Python how keys are found in it.
"""

from __future__ import annotations

import collections
import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gast

from astfront.contents import Entries
from astfront.descriptions import describe
from astfront.diagnostics import CompileError
from astfront.environment import as_pairs
from astfront.joins.options import is_optional
from astfront.joins.reachability import led_to
from astfront.machine import Machine
from astfront.rules import keyed
from astfront.sameness import same
from astfront.values import (
    FALSE,
    TRUE,
    UNBOUND,
    Dict,
    DictView,
    List,
    Object,
    Scalar,
    Set,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
    is_none,
)


class Dicts(Machine):
    def entries_of(self, v: Value) -> dict[Any, Value]:
        """All items of a dict; AF0205 where data decides which it has."""
        if isinstance(v, Dict):
            content = self._content(v)
            of_set = isinstance(v, Set)
            if not (content.ordered or of_set) or any(map(is_optional, content.items.values())):
                self.fail(
                    "AF0205",
                    f"the keys of {describe(v)} must be known here, and tensor data decides "
                    "which it has, or in which order",
                    help="set all of its keys before the `if` or the loop",
                )
            return content.items
        if isinstance(v, Static) and hasattr(v.obj, "keys"):
            return {k: self.constant_value(v.obj[k]) for k in v.obj}
        if isinstance(v, Object) and hasattr(v.cls, "keys"):
            keys = self.items_of(self.call(self.get_attribute(v, "keys"), [], {}))
            return {self.static(k, "a key"): self.get_item(v, k) for k in keys}
        self.fail("AF0208", f"a dict is wanted here, not {describe(v)}")

    def has_staged_keys(self, v: Value) -> bool:
        """Whether it's a dict of which data decides the keys, but not their order where that shows."""
        if not isinstance(v, Dict):
            return False
        content = self.heap[v.cell]
        if not isinstance(content, Entries):
            return True
        is_known = content.ordered or isinstance(v, Set)
        return is_known and any(map(is_optional, content.items.values()))

    def is_of_optional_keys(self, v: Value) -> bool:
        """Whether it's a dict or a view of one whose keys are known, but not which of them are there."""
        owner = v.of if isinstance(v, DictView) else v
        if not isinstance(owner, Dict) or isinstance(owner, Set) or self.is_keyed(owner):
            return False
        return self.has_staged_keys(owner)

    def view_of(self, v: Value) -> DictView:
        return v if isinstance(v, DictView) else DictView(v, "keys")  # type: ignore[arg-type]

    def present_pairs(self, v: Dict) -> List:
        """The items that a dict has, of which some are there on some ways only, as a list of pairs."""
        made = self.heap.new_list([])
        for key, value in self._content(v).items.items():

            def add(found: Value, key: Any = key) -> None:
                self.append(made, self.tuple([Static(key), found]))

            self.if_present(value, add)
        return made

    def if_present(self, value: Value, use: Callable[[Value], None]) -> None:
        """Use what a dict has for a key, if it has it."""
        if is_optional(value):
            self.stage_if(value.present, lambda: use(value.value), lambda: None)
        else:
            use(value)

    def as_dict(self, v: Value) -> Dict:
        """A dict, or one of the items of something like it, which doesn't change."""
        return v if isinstance(v, Dict) else self.heap.new_dict(self.entries_of(v))

    def looked_at(self, view: DictView) -> list[Value]:
        """What is in a view now."""
        if self.has_staged_keys(view.of):
            self.require_order(view.of)
            return [self.of_pair(view, pair) for pair in self.items_of(self.pairs_in(view.of))]
        if isinstance(view.of, Set):
            return [Static(item) for item in self.real_set(view.of)]
        entries = self.entries_of(view.of)
        if view.kind == "values":
            return list(entries.values())
        if view.kind == "items":
            return [self.tuple([Static(key), value]) for key, value in entries.items()]
        return [Static(key) for key in entries]

    def real_set(self, v: Set) -> set[Any]:
        """A set of known items, which are in Python's order."""
        entries = self.entries_of(v)
        content, real, _ = self.heap.sets.get(v.cell, (None, set(), False))
        return real if content is self.heap[v.cell] else set(entries)

    def change_set(self, v: Set, change: Callable[[Any, Any], None], item: Any) -> None:
        """Where its items are known, add or discard one in a real set, too."""
        noted = self.heap.sets.get(v.cell)
        is_noted = noted is not None and noted[0] is self.heap[v.cell]
        if change is set.add:
            self.set_entry(v, item, TRUE)
        else:
            self.heap.unbind(v.cell, item)
        if noted is not None and is_noted:
            real = noted[1] if noted[2] else noted[1].copy()
            change(real, item)
            self.heap.note_set(v, real, may_change=True)

    def require_order(self, v: Dict) -> None:
        """AF0205 where a set of staged items is walked over: Python's order depends on them."""
        if isinstance(v, Set):
            self.fail(
                "AF0205",
                "the items of a set must be known where their order shows, and data decides them",
                help="walk over `sorted(s)`",
            )

    def of_pair(self, view: DictView, pair: Value) -> Value:
        """What a view shows of a key and its value."""
        if view.kind == "items":
            return pair
        place = int(view.kind == "values")
        return pair.items[place] if isinstance(pair, Tuple) else self.get_item(pair, Static(place))  # type: ignore[no-any-return]

    def _content(self, v: Dict) -> Entries:
        content = self.heap[v.cell]
        if not isinstance(content, Entries):
            self.fail(
                "AF0205",
                f"the keys of {describe(v)} must be known here, and tensor data decides which it has",
                help="of such a dict or set, items are set, got, deleted, counted and walked over",
            )
        return content

    def is_keyed(self, v: Value) -> bool:
        """Whether a dict's keys are staged."""
        return isinstance(v, Dict) and not isinstance(self.heap[v.cell], Entries)

    def pairs_of(self, v: Dict) -> List:
        """The list of pairs that a dict is from here on."""
        content = self.heap[v.cell]
        if isinstance(content, Entries):
            self.heap[v.cell] = self.heap[self.pairs_in(v).cell]
        return List(v.cell)

    def can_be_keyed(self, container: Dict, key: Value) -> bool:
        """Whether a staged key may make a dict one of staged keys.

        A loop that can be unrolled isn't kept for that: its keys may be known then.
        """
        if isinstance(key, Tensor) and key.kind != "generic":
            return False
        if isinstance(key, Tuple):
            return all(isinstance(k, Static) or self.can_be_keyed(container, k) for k in key.items)
        if not isinstance(key, Scalar | Tensor):
            return False
        self.keys_refused += self.exact_choices
        return not self.exact_choices

    def keyed(self, container: Dict, name: str, *args: Value) -> Value:
        """What a function of ``rules/keyed.py`` does with a dict of staged keys."""
        function = getattr(keyed, name)
        return self.call(Static(function), [self.pairs_of(container), *args], {})  # type: ignore[no-any-return]

    def replace_pair(self, pairs: List, place: Value, pair: Value) -> None:
        """``pairs[place] = pair``, by value where the values are lists, dicts or objects."""
        if not isinstance(place, Static) and next(led_to(pair), None) is not None:
            start = self.checkpoint()
            try:
                self.put_item(pairs, place, pair)
                return
            except CompileError:
                self.rewind(start)
        self.set_item(pairs, place, pair)

    def pairs_in(self, v: Value) -> Any:
        """The pairs of a dict or set, which stays what it is; anything else is what it is."""
        if not isinstance(v, Dict):
            return v
        if self.is_keyed(v):
            return List(v.cell)
        if self.has_staged_keys(v):
            return self.present_pairs(v)
        self.entries_of(v)  # They have to be known.
        return List(self.heap.new(as_pairs(self._content(v))))

    def copy_of_dict(self, v: Dict) -> Dict:
        return replace(v, cell=self.heap.new(self.heap[v.cell]))

    def update_entries(self, v: Dict, other: Dict) -> None:
        """``v.update(other)``, where the keys of both are static."""
        more, mine = self._content(other), self._content(v)
        if not mine.items and v.cell != other.cell:
            self.heap[v.cell] = more
            return
        for key, value in more.items.items():
            self.if_present(value, functools.partial(self.set_entry, v, key))
        if not more.ordered:
            self.heap[v.cell] = replace(self._content(v), ordered=False)

    def update_keyed(self, v: Dict, others: Sequence[Value], named: dict[str, Value]) -> None:
        """``v.update(*others, **named)``"""
        for other in others:
            self.keyed(v, "updated", self.pairs_in(other))
        for key, value in named.items():
            self.keyed(v, "put", Static(key), value)

    def keyed_sets(self, name: str, a: Value, *others: Value) -> Value:
        """What a method of sets gives, of which one or another has staged items."""
        pairs, *more = (self.pairs_in(v.of if isinstance(v, DictView) else v) for v in (a, *others))
        for other in more:
            pairs = self.call(Static(getattr(keyed, name)), [pairs, other], {})
        return Set(pairs.cell) if isinstance(pairs, List) else pairs

    def compared_keyed(self, f: Callable[..., Any], a: Value, b: Value) -> Value | None:
        """What a comparison of dicts or sets gives, one of which has staged keys; None where there's no
        rule for it."""
        both = isinstance(a, Dict) and isinstance(b, Dict) and type(a) is type(b)
        plain = all(
            v.cls in (dict, set, collections.defaultdict, collections.OrderedDict)
            for v in (a, b)
            if isinstance(v, Dict)
        ) and not all(getattr(v, "cls", None) is collections.OrderedDict for v in (a, b))
        if not both or not plain or not any(map(self.has_staged_keys, (a, b))):
            return None
        if f in (operator.eq, operator.ne):
            equal: Value = self.call(Static(keyed.equal), [self.pairs_in(a), self.pairs_in(b)], {})
            return equal if f is operator.eq else self.unary(gast.Not(), equal)
        if not isinstance(a, Set):
            return None
        if f in (operator.gt, operator.ge):
            a, b = b, a
        inside = self.keyed_sets("issubset", a, b)
        if f in (operator.le, operator.ge):
            return inside
        smaller = self.compare(gast.Lt(), self.dict_length(a), self.dict_length(b))  # type: ignore[arg-type]
        return self.lazy(True, inside, lambda: smaller)

    def keyed_entry(self, container: Dict, key: Value) -> Value:
        """``d[key]``"""
        if container.cls is collections.Counter:
            return self.keyed(container, "value_or", key, Static(0))
        if container.factory is None or is_none(container.factory):
            return self.keyed(container, "value", key)
        return self.keyed(container, "made_value", key, container.factory)

    def entry(self, container: Value, key: Any) -> Value:
        """What a dict has for a key: unbound, or an option, where it hasn't it or may not have it."""
        self._require_hashable(key)
        if isinstance(container, Dict):
            return self._content(container).items.get(key, UNBOUND)
        return self.entries_of(container).get(key, UNBOUND)

    def _require_hashable(self, key: Any) -> None:
        try:
            hash(key)
        except TypeError as e:
            self.raise_python(e)

    def has_key(self, container: Value, key: Any) -> Value:
        found = self.entry(container, key)
        if is_optional(found):
            return found.present
        return FALSE if isinstance(found, Unbound) else TRUE

    def get_entry(self, container: Dict, key: Any, default: Value | None = None) -> Value:
        """``d[key]``, or with a default ``d.get(key, default)``."""
        found = self.entry(container, key)
        if isinstance(found, Unbound):
            return self._missing(container, key) if default is None else default
        if not is_optional(found):
            return found
        if default is not None:
            return self.stage_if(found.present, lambda: found.value, lambda: default)
        if container.factory is not None or container.cls is collections.Counter:
            return self.stage_if(
                found.present, lambda: found.value, lambda: self._missing(container, key)
            )
        self.check(found.present, KeyError(key))
        content = self._content(container)
        self.heap[container.cell] = replace(content, items={**content.items, key: found.value})
        return found.value

    def _missing(self, container: Dict, key: Any) -> Value:
        """What ``d[key]`` makes of a key that isn't there."""
        factory = container.factory
        if container.cls is collections.Counter:
            return Static(0)
        if factory is None or (isinstance(factory, Static) and factory.obj is None):
            self.raise_python(KeyError(key))
        made: Value = self.call(factory, [], {})
        self.set_entry(container, key, made)
        return made

    def set_entry(self, container: Dict, key: Any, value: Value) -> None:
        self._require_hashable(key)
        content = self._content(container)
        before = content.items.get(key)
        items = {**content.items, key: value}
        # One that wasn't there goes to the end.
        is_last = next(reversed(items)) == key
        ordered = content.ordered and (before is None or is_last or not is_optional(before))
        self.heap[container.cell] = replace(content, items=items, ordered=ordered)

    def delete_entry(self, container: Dict, key: Any) -> None:
        there = self.has_key(container, key)
        if container.cls is not collections.Counter:
            self.check(there, KeyError(key))
        if same(there, FALSE):
            return
        self.heap.unbind(container.cell, key)

    def dict_length(self, container: Dict) -> Value:
        if self.is_keyed(container):
            return self.length(List(container.cell))  # type: ignore[no-any-return]
        length: Value = Static(0)
        for key in self._content(container).items:
            there = self.has_key(container, key)
            one = there if isinstance(there, Static) else self.as_scalar(there, int)
            length = self.binary_op(operator.add, length, one)
        return length
