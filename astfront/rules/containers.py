"""The containers of ``collections``: deques are lists, the dicts are dicts, with their own methods."""

from __future__ import annotations

import collections
import operator
from dataclasses import replace
from typing import Any

from astfront.attributes import fields_as_dict, replace_fields
from astfront.contents import Entries, GrownList, Items
from astfront.rules import folds, keyed
from astfront.rules.builtins import copy_list, dict_, known_items
from astfront.rules.methods import append, clear, index, popped, reverse
from astfront.rules.registry import StaticArg, rule
from astfront.sameness import same
from astfront.values import NONE, TRUE, Dict, List, Static, Tuple, Value

# --- deque -----------------------------------------------------------------------------------


@rule(collections.deque)
def deque(cx: Any, iterable: Value = Static(()), maxlen: StaticArg[int | None] = None) -> Value:
    items: Any = copy_list(cx, iterable)
    return shortened(cx, replace(items, cls=collections.deque, longest=maxlen))


def shortened(cx: Any, queue: List, at_end: bool = False) -> List:
    """A deque gives up items at its other end where it would get longer than it may."""
    if queue.longest is None:
        return queue
    content = cx.heap[queue.cell]
    items = cx.as_items(queue)
    if items is not None:
        start = max(len(items) - queue.longest, 0)
        kept = items[: queue.longest] if at_end else items[start:]
        if len(kept) < len(items):
            cx.heap[queue.cell] = Items(tuple(kept))
    elif not queue.longest:
        cx.fail("AF0208", "a deque that holds nothing gets the items of a list that grew")
    else:
        kept = slice(None, queue.longest) if at_end else slice(-queue.longest, None)
        part = cx.grown_slice(content, Static(kept))
        cx.heap[queue.cell] = part if isinstance(part, Items | GrownList) else cx.heap[part.cell]
    return queue


@rule(collections.deque.append, splits=False)
def deque_append(cx: Any, self: List, item: Value) -> Value:
    append(cx, self, item)
    shortened(cx, self)
    return NONE


@rule(collections.deque.extend)
def deque_extend(cx: Any, self: List, items: Value) -> Value:
    cx.extend_list(self, items)
    shortened(cx, self)
    return NONE


@rule(collections.deque.appendleft, splits=False)
def appendleft(cx: Any, self: List, item: Value) -> Value:
    _put_first(cx, self, [item])
    return NONE


@rule(collections.deque.extendleft)
def extendleft(cx: Any, self: List, items: Value) -> Value:
    _put_first(cx, self, cx.items_of(items)[::-1])
    return NONE


def _put_first(cx: Any, queue: List, items: list[Value]) -> None:
    new = cx.heap.new_list(items)
    cx.extend_list(new, List(queue.cell))
    cx.heap[queue.cell] = cx.heap[new.cell]
    shortened(cx, queue, at_end=True)


@rule(collections.deque.pop)
def deque_pop(cx: Any, self: List) -> Value:
    return popped(cx, self, Static(-1), "pop from an empty deque")


@rule(collections.deque.popleft)
def popleft(cx: Any, self: List) -> Value:
    return popped(cx, self, Static(0), "pop from an empty deque")


@rule(collections.deque.rotate)
def rotate(cx: Any, self: List, n: Value = Static(1)) -> Value:
    items = cx.as_items(self)
    is_known, by = cx.try_static(n)
    if items is None or not is_known:
        return cx.call(Static(_turned), [self, n], {})  # type: ignore[no-any-return]
    turned: collections.deque[Value] = collections.deque(items)
    turned.rotate(by)
    cx.heap[self.cell] = Items(tuple(turned))
    return NONE


def _turned(items: collections.deque[Any], n: int) -> None:
    if len(items) > 0:
        for _ in range(n % len(items)):
            items.appendleft(items.pop())


@rule(collections.deque.copy)
def deque_copy(cx: Any, self: List) -> Value:
    items: Any = copy_list(cx, self)
    return replace(items, cls=self.cls, longest=self.longest)


rule(collections.deque.clear)(clear)
rule(collections.deque.reverse)(reverse)
rule(collections.deque.index)(index)


# --- named tuples ------------------------------------------------------------------------------


@rule(replace_fields)
def replaced(cx: Any, self: Tuple, **changes: Value) -> Value:
    fields: Any = self.cls
    unknown = [name for name in changes if name not in fields._fields]
    if unknown:
        cx.raise_python(ValueError(f"Got unexpected field names: {unknown!r}"))
    items = [changes.get(name, item) for name, item in zip(fields._fields, self.items)]
    return Tuple(tuple(items), self.cls)


@rule(fields_as_dict)
def as_dict(cx: Any, self: Tuple) -> Value:
    fields: Any = self.cls
    return cx.heap.new_dict(dict(zip(fields._fields, self.items)))  # type: ignore[no-any-return]


# --- lists -----------------------------------------------------------------------------------


@rule(list.count, tuple.count, collections.deque.count)
def count(cx: Any, self: Value, item: Value) -> Value:
    in_loop: Value | None = cx.found_in_a_loop(folds.count, self, item)
    if in_loop is not None:
        return in_loop
    total: Value = Static(0)
    for other in cx.items_of(self):
        equal = cx.equal_items(item, other)
        if isinstance(equal, Static):
            more: Value = Static(int(bool(equal.obj)))
        else:
            more = cx.as_scalar(equal, int)
        total = cx.binary_op(operator.add, total, more)
    return total


@rule(list.remove, collections.deque.remove)
def remove(cx: Any, self: List, item: Value) -> Value:
    if not cx.has_grown(self) and cx.holds_ints(self) and cx.is_number(item):
        place = cx.call(Static(folds.place_to_remove), [self, item], {})
    else:
        place = cx.found_in_a_loop(folds.place_to_remove, self, item)
    if place is not None:
        cx.heap[self.cell] = cx.without(self, place)
        return NONE
    items = cx.as_items(self)
    if items is None:
        cx.fail("AF0208", "`remove` on a list that grew in a kept loop isn't supported")
    for i, other in enumerate(items):
        equal = TRUE if same(item, other) else cx.equal_items(item, other)
        if not isinstance(equal, Static):
            cx.fail("AF0205", "remove() of a staged value")
        if equal.obj:
            cx.heap[self.cell] = Items((*items[:i], *items[i + 1 :]))
            return NONE
    return cx.raise_python(ValueError("list.remove(x): x not in list"))  # type: ignore


@rule(collections.namedtuple)
def namedtuple(
    cx: Any,
    typename: StaticArg[str],
    field_names: StaticArg[Any],
    *,
    rename: StaticArg[bool] = False,
    defaults: StaticArg[Any] = None,
    module: StaticArg[str | None] = None,
) -> Value:
    module = module or cx.frame.globals.get("__name__")
    return cx.run_python(  # type: ignore[no-any-return]
        collections.namedtuple,
        typename,
        field_names,
        rename=rename,
        defaults=defaults,
        module=module,
    )


# --- dicts -----------------------------------------------------------------------------------


@rule(collections.OrderedDict)
def ordered_dict(cx: Any, *args: Value, **kwargs: Value) -> Value:
    return replace(dict_(cx, *args, **kwargs), cls=collections.OrderedDict)


@rule(collections.defaultdict)
def defaultdict(cx: Any, factory: Value = NONE, *args: Value, **kwargs: Value) -> Value:
    made = dict_(cx, *args, **kwargs)
    return replace(made, cls=collections.defaultdict, factory=factory)


@rule(collections.OrderedDict.move_to_end)
def move_to_end(cx: Any, self: Dict, key: StaticArg[Any], last: StaticArg[bool] = True) -> Value:
    entries = dict(cx.entries_of(self))
    if key not in entries:
        cx.raise_python(KeyError(key))
    value = entries.pop(key)
    cx.heap[self.cell] = Entries({**entries, key: value} if last else {key: value, **entries})
    return NONE


@rule(keyed.replace)
def replace_pair(cx: Any, pairs: List, i: Value, pair: Value) -> Value:
    cx.replace_pair(pairs, i, pair)
    return NONE


@rule(dict.popitem)
def popitem(cx: Any, self: Dict) -> Value:
    return _popitem(cx, self, True)


@rule(collections.OrderedDict.popitem)
def ordered_popitem(cx: Any, self: Dict, last: StaticArg[bool] = True) -> Value:
    return _popitem(cx, self, last)


def _popitem(cx: Any, self: Dict, last: bool) -> Value:
    entries = cx.entries_of(self)
    if not entries:
        cx.raise_python(KeyError("popitem(): dictionary is empty"))
    key = list(entries)[-1 if last else 0]
    value = entries[key]
    cx.heap.unbind(self.cell, key)
    return cx.tuple([Static(key), value])  # type: ignore[no-any-return]


@rule(dict.fromkeys)
def fromkeys(cx: Any, keys: Value, value: Value = NONE) -> Value:
    return cx.heap.new_dict(  # type: ignore[no-any-return]
        {cx.static(k, "a dict's key"): value for k in cx.items_of(keys)}
    )


# --- Counter -----------------------------------------------------------------------------------


@rule(collections.Counter)
def counter(cx: Any, items: Value = NONE, **counts: Value) -> Value:
    made = replace(cx.heap.new_dict(), cls=collections.Counter)
    counter_update(cx, made, items, **counts)
    return made  # type: ignore[no-any-return]


@rule(collections.Counter.update)
def counter_update(cx: Any, self: Dict, items: Value = NONE, **counts: Value) -> Value:
    return _count(cx, operator.add, self, items, counts)


@rule(collections.Counter.subtract)
def counter_subtract(cx: Any, self: Dict, items: Value = NONE, **counts: Value) -> Value:
    return _count(cx, operator.sub, self, items, counts)


def _count(cx: Any, op: Any, counter: Dict, items: Value, named: dict[str, Value]) -> Value:
    if op is operator.add and not isinstance(items, Dict) and items is not NONE and not named:
        items, known = known_items(cx, items)
        is_known = known is not None and all(cx.try_static(item)[0] for item in known)
        if cx.is_keyed(counter) or not is_known:
            return cx.keyed(counter, "counted", items)  # type: ignore[no-any-return]
    if isinstance(items, Dict):
        changes = list(cx.entries_of(items).items())
    elif items is NONE:
        changes = []
    else:
        keys = (cx.static(item, "what is counted") for item in cx.items_of(items))
        changes = [(key, Static(1)) for key in keys]
    cx.entries_of(counter)  # They have to be known.
    for key, change in (*changes, *named.items()):
        before = cx.get_item(counter, Static(key))
        cx.heap.bind(counter.cell, key, cx.binary_op(op, before, change))
    return NONE


@rule(collections.Counter.most_common)
def most_common(cx: Any, self: Dict, n: StaticArg[int | None] = None) -> Value:
    if cx.is_keyed(self) or not all(cx.try_static(v)[0] for v in cx.entries_of(self).values()):
        most = None if n is None else max(n, 0)
        return cx.keyed(cx.copy_of_dict(self), "most_common", Static(most))  # type: ignore[no-any-return]
    return cx.run_python(collections.Counter.most_common, _known_counts(cx, self), n)  # type: ignore


@rule(collections.Counter.elements)
def elements(cx: Any, self: Dict) -> Value:
    found = tuple(_known_counts(cx, self).elements())
    return cx.once(cx.iterator_of(Static(found)))  # type: ignore[no-any-return]


def _known_counts(cx: Any, counter: Dict) -> collections.Counter[Any]:
    entries = cx.entries_of(counter).items()
    return collections.Counter({k: cx.static(v, "a count") for k, v in entries})


@rule(collections.Counter.copy)
def counter_copy(cx: Any, self: Dict) -> Value:
    if cx.is_keyed(self):
        return cx.copy_of_dict(self)  # type: ignore[no-any-return]
    return replace(cx.heap.new_dict(cx.entries_of(self)), cls=collections.Counter)  # type: ignore


def _inherit(cls: type, base: type, names: str) -> None:
    """Methods of a class that are those of its base, though Python writes them anew."""
    from astfront.rules.registry import RULES

    for name in names.split():
        method, original = getattr(cls, name), getattr(base, name)
        if method is not original and method not in RULES and original in RULES:
            RULES[method] = RULES[original]


_OF_DICTS = "__iter__ keys values items update pop setdefault clear copy get"
_inherit(collections.OrderedDict, dict, _OF_DICTS)
_inherit(collections.defaultdict, dict, "copy")
