"""Where two ways meet: the joined values of the arms of an ``if``, or of a loop's entry and its turn.

Joining happens in three steps, so that conversions are emitted on the way that they belong to:

1. :meth:`Join.of` compares two heap states and makes a *template*: the contents of the cells that
   differ, with a :class:`Leaf` for every staged part.
2. :meth:`Join.collect`, called in the scope of each way, gives the tensors for the leaves.
3. :meth:`Join.instantiate` puts the tensors that come out (of the If, or of the loop's parameters)
   in the place of the leaves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from astfront.builder import Builder
from astfront.contents import (
    Attributes,
    ByValue,
    Content,
    Entries,
    GrownList,
    ItemOf,
    Items,
    Names,
)
from astfront.descriptions import describe
from astfront.environment import UNKNOWN_STORAGE, Heap, State, values_of, walk
from astfront.joins.collector import Collector, buffer_leaves, is_ragged
from astfront.joins.contained import (
    Contained,
    JoinError,
    both_as_pairs,
    contained_tuple,
    is_long_tuple,
)
from astfront.joins.joined_items import JoinedItems
from astfront.joins.joined_options import JoinedOptions
from astfront.joins.joined_references import References
from astfront.joins.leaves import BOOL_LEAF, INT_LEAF, Leaf, leaf_type, number_type, with_leaf
from astfront.joins.options import alike
from astfront.joins.reachability import led_to, reached
from astfront.joins.sharing import Sharing, same_storages
from astfront.joins.templates import (
    content_leaves,
    exported,
    fill_content,
    joined_node,
    leaves_of,
    mapped,
    same_template,
    stand_in,
)
from astfront.sameness import same
from astfront.values import (
    POISON,
    SCALAR_DTYPES,
    TRUE,
    UNBOUND,
    BoundMethod,
    Deferred,
    Dict,
    DictView,
    EitherDtype,
    Function,
    List,
    Node,
    Object,
    Option,
    Partial,
    Poison,
    Slice,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
    is_staged,
)

_NOUNS = {"variable": "a Variable", "array": "an array", "generic": "a numpy scalar"}  # fmt: skip


@dataclass(frozen=True)
class Strict:
    """Differences that could be joined and aren't to be: another way of compiling may be better."""

    kinds: bool = False
    """A Variable and an array."""
    shapes: bool = False
    """Sizes that are known and differ."""
    types: bool = False
    """Values of different types, none of which is known while compiling."""


class Join(Sharing, Contained, References, JoinedOptions, JoinedItems):
    """The template of a join; make it with :meth:`of`."""

    def __init__(self, heap: Heap) -> None:
        self.heap = heap
        self.cells: dict[int, Content] = {}
        self.strict = Strict()
        self.made: dict[int, tuple[int, int]] = {}
        """Cells that this join made, and the two cells that each stands for."""
        self.aliases: dict[tuple[int, Any], tuple[int, Any]] = {}
        """Places that hold, on both ways, the array that another place holds."""
        self.views = {}
        self._pairs: dict[tuple[int, int], int] = {}
        self._force: Join | None = None
        self.taken: frozenset[int] = frozenset()
        """The cells that were taken by value, see ``Contained``."""
        self._taken: tuple[set[int], set[int]] = (set(), set())
        self._a: State = {}
        self._b: State = {}
        self._pre: State = {}
        self._takes: Literal["arms", "turn", "nothing"] = "turn"
        """Whose new lists may be where the other way has none."""
        self._apart: set[int] = set()
        """Lists and objects that have several names: each stands for itself."""
        self.items: dict[tuple[int, Any], int] = {}
        """Places that hold items of lists that grow, and the cells of these: see ``JoinedItems``."""
        self.parts: dict[int, Value] = {}
        """The cells that were taken as parts."""

    @classmethod
    def of(
        cls,
        heap: Heap,
        pre: State,
        a: State,
        b: State,
        live: Callable[[int, Any], bool] = lambda cell, name: True,
        force: Join | None = None,
        strict: Strict | None = None,
        branches: bool = False,
        items: bool = False,
    ) -> Join:
        """Compare the states ``a`` and ``b``, both come from ``pre``.

        ``live(cell, name)`` tells whether a name (of a frame) is used later; one that isn't becomes
        unbound instead of being joined. Places that are in ``force`` are joined even where equal.
        ``strict`` says which differences aren't joined but raise JoinError. With ``branches``, the
        states are those of two arms, each of which may hold lists and objects that it made.
        With ``items``, the names of items of lists that grow go on being that.
        """
        apart: set[int] = set()
        while True:
            join = cls(heap)
            join.strict = strict or Strict()
            join._takes = "arms" if branches else "turn"
            join._force, join._apart = force, apart
            base = heap.base
            join._a, join._b = {**base, **a}, {**base, **b}
            # A cell that a way has dropped is nobody's any more.
            before = {**base, **pre}
            join._pre = {c: before[c] for c in before if c in join._a and c in join._b}
            if items:
                join.find_items(live)
            join._compare(live)
            aliased = join._aliased(live)
            if not aliased:
                break
            if join.strict.types or aliased <= apart:
                raise JoinError("one name for a list that has another name too on one way only")
            apart = apart | aliased
        join.taken = join._taken_after()
        join.settle_storages()
        join.aliases = join.find_aliases()
        join.views = join.find_views()
        return join

    def _compare(self, live: Callable[[int, Any], bool]) -> None:
        a, b = self._a, self._b
        force = self._force.cells if self._force else {}
        for cell in [cell for cell in self._pre if a[cell] is not b[cell] or cell in force]:
            if cell != self.heap.taken:
                is_live = functools.partial(live, cell)
                self.cells[cell] = self._content(a[cell], b[cell], force.get(cell), is_live, cell)

    @classmethod
    def export(cls, heap: Heap, pre: State, state: State, live: Callable[[int, Any], bool]) -> Join:
        """The template of all that ``state`` changed since ``pre``, every staged part a leaf."""
        join = cls(heap)
        join._pre = {**heap.base, **pre}
        # What branches further in made, and left to nobody, is in terms of what only they know.
        kept = reached(state, [*pre, *heap.base], live)
        for cell, content in state.items():
            if cell not in kept or cell == heap.taken:
                continue
            old = pre.get(cell, heap.base.get(cell))
            if content is old:
                continue
            if isinstance(content, Items):
                join.cells[cell] = Items(tuple(map(exported, content.items)))
            elif isinstance(content, GrownList):
                leaves = tuple(exported(b) for b in content.buffers)
                join.cells[cell] = GrownList(content.element, leaves, INT_LEAF)  # type: ignore
            else:
                before: Any = getattr(old, "items", {})
                items = {}
                for key, value in content.items.items():
                    known = before.get(key)
                    if known is not None and same(known, value):
                        items[key] = value
                    else:
                        items[key] = exported(value) if live(cell, key) else UNBOUND
                join.cells[cell] = replace(content, items=items)
        taken = heap.taken_in(state)
        join.taken = frozenset(c for c in taken if max(c, ~c) in kept)
        join.parts = {c: taken[c] for c in join.taken if taken[c] is not TRUE}
        return join

    # --- step 1: the template ----------------------------------------------------------------

    def _content(
        self,
        a: Content,
        b: Content,
        forced: Content | None = None,
        live: Callable[[Any], bool] = lambda name: True,
        cell: int = -1,
    ) -> Content:
        a, b = both_as_pairs(a, b, forced)
        if isinstance(a, Items) and isinstance(b, Items) and len(a.items) == len(b.items):
            if isinstance(forced, GrownList):
                return self._grown(a, b, forced)
            olds = forced.items if isinstance(forced, Items) else [None] * len(a.items)
            return Items(
                tuple(
                    self.value(x, y, f"[{i}]", f)
                    for i, (x, y, f) in enumerate(zip(a.items, b.items, olds))
                )
            )
        if isinstance(a, Items | GrownList) and isinstance(b, Items | GrownList):
            return self._grown(a, b, forced)
        if isinstance(a, Entries | Attributes | Names) and type(a) is type(b):
            old: Any = forced.items if forced is not None else {}  # type: ignore[union-attr]
            keys = list(dict.fromkeys([*a.items, *b.items]))  # type: ignore[union-attr]
            if isinstance(a, Entries):
                a, keys = self._keys(a, b)  # type: ignore[arg-type]
            joined: dict[Any, Value] = {}
            for key in keys:
                x = a.items.get(key) or self._original(cell, key, self._a)
                y = b.items.get(key) or self._original(cell, key, self._b)  # type: ignore[union-attr]
                f = old.get(key)
                if f is UNBOUND or (not live(key) and not same(x, y)):
                    joined[key] = UNBOUND
                    continue
                joined[key] = self.value(x, y, str(key), f)
            return replace(a, items=joined)
        raise JoinError("a container changes its type")

    def _keys(self, a: Entries, b: Entries) -> tuple[Entries, list[Any]]:
        """The keys of either dict, in an order that's right for both, if there's one."""
        if self.strict.types and set(a.items) != set(b.items):
            raise JoinError("a dict gets other keys on one way than on the other")
        common = [k for k in a.items if k in b.items]
        is_same = common == [k for k in b.items if k in a.items]
        keys: list[Any] = []
        rest = list(b.items)
        for key in a.items:
            while is_same and key in b.items and rest[0] != key:
                keys.append(rest.pop(0))
            rest = [k for k in rest if k != key]
            keys.append(key)
        return replace(a, ordered=a.ordered and b.ordered and is_same), [*keys, *rest]

    def _grown(self, a: Content, b: Content, forced: Content | None) -> GrownList:
        self.note_shared(a, b)
        elements = [
            x
            for content, state in ((a, self._a), (b, self._b), (forced, {}))
            for x in (
                [self.by_value(item, state) for item in content.items]
                if isinstance(content, Items)
                else (_as_template(content.element, content.buffers),)
                if isinstance(content, GrownList) and content.element is not UNBOUND
                else ()
            )
        ]
        if not elements:
            return GrownList(UNBOUND, (), INT_LEAF)  # type: ignore[arg-type]
        element = elements[0]
        outer, self._takes = self._takes, "nothing"
        try:
            for other in elements[1:]:
                element = self.value(element, other, "element", whole=True)
            element = self.value(element, element, "element", whole=True)
        except JoinError as e:
            raise JoinError(f"elements of a list that grows differ: {e.message}") from e
        finally:
            self._takes = outer
        buffers = tuple(x for leaf in leaves_of(element) for x in buffer_leaves(leaf))
        return GrownList(element, buffers, INT_LEAF)  # type: ignore[arg-type]

    def value(
        self, a: Value, b: Value, place: str = "", forced: Value | None = None, whole: bool = False
    ) -> Value:
        """The template of one value that is ``a`` or ``b``.

        With ``whole`` every staged part becomes a leaf, even where both ways have the same one.
        """
        if isinstance(a, Poison) or isinstance(b, Poison):
            return POISON
        if not whole and same(a, b) and (forced is None or same(a, forced)):
            changes = isinstance(a, List | Dict | Object) and self._force is not None
            if not changes or a.cell not in self._force.made:  # type: ignore[union-attr, attr-defined]
                return a
        if isinstance(a, Unbound) and isinstance(b, Unbound):
            return UNBOUND
        if is_long_tuple(a) or is_long_tuple(b):
            a, b = contained_tuple(a), contained_tuple(b)
        try:
            return self._value(a, b, place, forced, whole)
        except JoinError as e:
            raise JoinError(e.message, place if not e.place else e.place) from None

    def _value(self, a: Value, b: Value, place: str, forced: Value | None, whole: bool) -> Value:
        if any(isinstance(v, Option) for v in (a, b, forced)) or not self._alike(a, b):
            return self._option(a, b, place, forced)
        if isinstance(a, ByValue):
            return self.contained(a, b, place)  # type: ignore[arg-type]
        if isinstance(a, EitherDtype) or isinstance(b, EitherDtype):
            return self._either_dtype(a, b, place)
        kind = number_type(a)
        if kind is not None:
            if same(a, b) and isinstance(a, Static) and not isinstance(forced, Leaf):
                return a
            return Leaf((), SCALAR_DTYPES[kind], scalar=kind, name=place or "n")
        if isinstance(a, Static) and same(a, b) and not isinstance(forced, Leaf):
            return a
        a, b = with_leaf(a), with_leaf(b)
        if isinstance(a, Tensor | Leaf):
            return self._leaf(a, b, place, forced)  # type: ignore[arg-type]
        if isinstance(a, Node):
            return joined_node(a, b, forced)  # type: ignore[arg-type]
        if isinstance(a, Tuple | Deferred | Slice):
            return self._parts(a, b, place, forced, whole)
        if isinstance(a, List | Dict | Object):
            return self._reference(a, b, whole)
        if isinstance(a, ItemOf):
            old = forced.index if isinstance(forced, ItemOf) else None
            return replace(a, index=self.value(a.index, b.index, place, old, whole))  # type: ignore
        if isinstance(a, Static | Unbound):
            return a
        if isinstance(a, Function | BoundMethod | Partial | DictView) and all(
            map(self._is_known, walk(a))
        ):
            return a
        raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")

    def _parts(
        self, a: Tuple | Deferred | Slice, b: Any, place: str, forced: Value | None, whole: bool
    ) -> Value:
        xs, ys = _parts(a), _parts(b)
        olds = _parts(forced) if isinstance(forced, type(a)) else ()
        if len(olds) != len(xs):
            olds = (None,) * len(xs)
        joined = tuple(
            self.value(x, y, f"{place}_{i}", f, whole)
            for i, (x, y, f) in enumerate(zip(xs, ys, olds))
        )
        if isinstance(a, Slice):
            return Slice(*joined)
        return replace(a, items=joined) if isinstance(a, Tuple) else replace(a, args=joined)

    def _alike(self, a: Value, b: Value) -> bool:
        """Whether two values can be joined to one; what can't becomes an option."""
        if isinstance(a, List | Dict | Object) and isinstance(b, List | Dict | Object):
            if a.cell == b.cell:
                return True
            if any(c in self.heap.base or c in self._apart for c in (a.cell, b.cell)):
                return False
            # One that stands for two isn't joined to a third.
            if a.cell not in self._a or b.cell not in self._b:
                return False
        return alike(a, b)

    def _is_known(self, part: Value) -> bool:
        """Whether a part of a function was there before the two ways."""
        if is_staged(part):
            before = (v for c in self._pre.values() for found in values_of(c) for v in walk(found))
            return any(same(part, v) for v in before)
        return all(cell in self._pre for cell in led_to(part))

    def _leaf(self, a: Tensor | Leaf, b: Tensor | Leaf, place: str, forced: Value | None) -> Leaf:
        x, y = leaf_type(a), leaf_type(b)
        shape = tuple(p if p == q else None for p, q in zip(x.shape, y.shape))
        if isinstance(forced, Leaf) and len(forced.shape) == len(shape):
            shape = tuple(p if p == q else None for p, q in zip(shape, forced.shape))
        storage = x.storage if x.storage == y.storage else UNKNOWN_STORAGE
        kind = x.kind if x.kind == y.kind else "either"
        if self.strict.shapes and any(p is not None and p != q for p, q in zip(x.shape, y.shape)):
            raise JoinError(f"shape {x.shape} on one way and {y.shape} on the other")
        if kind == "either" and self.strict.kinds:
            nouns = [_NOUNS.get(k, "a Variable or an array") for k in (x.kind, y.kind)]
            raise JoinError(f"{nouns[0]} on one way and {nouns[1]} on the other")
        return Leaf(shape, x.dtype, kind, None, storage, place or "x")

    def _either_dtype(self, a: Value, b: Value, place: str) -> Value:
        x, y = (v.array if isinstance(v, EitherDtype) else v for v in (a, b))
        array: Any = self.value(x, y, place, whole=True)
        dtype = next(v.dtype for v in (a, b) if isinstance(v, EitherDtype))
        return EitherDtype(array, dtype, BOOL_LEAF)  # type: ignore[arg-type]

    # --- the template, read ------------------------------------------------------------------

    def leaves(self) -> list[Leaf]:
        return [leaf for content in self.cells.values() for leaf in content_leaves(content)]

    def equals(self, other: Join) -> bool:
        """Whether two templates have the same places and types."""
        if list(self.cells) != list(other.cells) or self.aliases != other.aliases:
            return False
        if self.taken != other.taken or self.views != other.views:
            return False
        pairs = list(zip(self.cells.values(), other.cells.values()))
        return all(same_template(x, y) and same_storages(x, y) for x, y in pairs)

    # --- step 2: the tensors of one way ------------------------------------------------------

    def collect(self, builder: Builder, state: State, side: Literal["a", "b"]) -> list[Tensor]:
        """The tensors for the leaves, as they are in ``state``; conversions go to the scope."""
        collector = Collector(builder, self.heap)
        collector.made = self.made
        collector.state = state = self.with_items({**self.heap.base, **state})
        for cell, content in self.cells.items():
            source = self.made[cell][side == "b"] if cell in self.made else cell
            if source in state:
                collector.content(content, state[source], cell)
            else:  # The other arm made it.
                collector.tensors += [
                    builder.widen(stand_in(builder, leaf), leaf.shape)
                    for leaf in content_leaves(content)
                ]
        return collector.tensors

    def stand_ins(self, builder: Builder) -> list[Tensor]:
        """Values for the leaves on a way that has none; they are never looked at."""
        return [builder.widen(stand_in(builder, leaf), leaf.shape) for leaf in self.leaves()]

    # --- step 3: the joined contents ---------------------------------------------------------

    def put_fresh(self, builder: Builder) -> list[Tensor]:
        """Put new names in the place of the leaves; :meth:`put_views` is for who has a scope for it."""
        made = [builder.fresh(x.name, x.shape, x.dtype) for x in self.leaves()]
        self._put(made)
        return made

    def instantiate(self, tensors: Sequence[Tensor]) -> None:
        """Put the joined contents into the heap, with ``tensors`` for the leaves, in order."""
        self._put(tensors)
        self.put_views()

    def _put(self, tensors: Sequence[Tensor]) -> None:
        it = iter(tensors)
        for cell, content in self.cells.items():
            filled = fill_content(content, it)
            if self.heap.is_frozen(cell):
                self.heap.cells[cell] = filled  # What it was in the arm that made it.
            else:
                self.heap.put_back(cell, filled)
        for cell in self.cells.keys() - self._pre.keys():
            self.heap.parts.pop(cell, None)  # Its index may be known in one arm only.
        self.heap.take(self.taken - self.parts.keys())
        self.heap.take_as_parts(self.parts)
        for (cell, key), (first_cell, first_key) in self.aliases.items():
            first: Any = self.heap.lookup(first_cell, first_key)
            other: Any = self.heap.lookup(cell, key)
            self.heap.bind(cell, key, replace(other, expr=first.expr))


def _as_template(element: Value, buffers: Sequence[Tensor]) -> Value:
    """An element template whose leaves have the buffers' present types."""
    it = iter(buffers)

    def visit(leaf: Leaf) -> Value:
        first = next(it)
        if is_ragged(leaf):
            next(it)
        if leaf.kind == "either":
            next(it)
        return leaf if is_ragged(leaf) else replace(leaf, shape=first.shape[1:])

    return mapped(element, visit)  # type: ignore[no-any-return]


def _parts(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Slice):
        return value.parts
    found: tuple[Any, ...] = value.items if isinstance(value, Tuple) else value.args
    return found
