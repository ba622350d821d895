"""Where two ways meet: the joined values of the arms of an ``if``, or of a loop's entry and its turn.

Joining happens in three steps, so that conversions are emitted on the way that they belong to:

1. :meth:`Join.of` compares two heap states and makes a *template*: the contents of the cells that
   differ, with a :class:`Leaf` for every staged part.
2. :meth:`Join.collect`, called in the scope of each way, gives the tensors for the leaves.
3. :meth:`Join.instantiate` puts the tensors that come out (of the If, or of the loop's parameters)
   in the place of the leaves.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from astfront.builder import Builder
from astfront.environment import (
    UNKNOWN_STORAGE,
    Heap,
    State,
    same,
    walk,
)
from astfront.sharing import Sharing, same_storages
from astfront.templates import (
    BOOL_LEAF,
    INT_LEAF,
    Collector,
    Leaf,
    buffer_leaves,
    content_leaves,
    fill_content,
    is_ragged,
    leaf_type,
    leaves_of,
    same_template,
    scalar_type,
    stand_in,
)
from astfront.values import (
    POISON,
    SCALAR_DTYPES,
    UNBOUND,
    Attributes,
    BoundMethod,
    ByValue,
    Content,
    Deferred,
    Dict,
    EitherDtype,
    Entries,
    Function,
    GrownList,
    Items,
    List,
    Names,
    Node,
    Object,
    Option,
    Poison,
    Range,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
    describe,
)
from astfront.values import (
    Iterator as IteratorValue,
)

_NOUNS = {"variable": "a Variable", "array": "an array", "generic": "a numpy scalar"}  # fmt: skip


class JoinError(Exception):
    """Two values that can't become one; ``place`` is the name or attribute that holds them."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place


@dataclass(frozen=True)
class Strict:
    """Differences that could be joined and aren't to be: another way of compiling may be better."""

    kinds: bool = False
    """A Variable and an array."""
    shapes: bool = False
    """Sizes that are known and differ."""


class Join(Sharing):
    """The template of a join; make it with :meth:`of`."""

    def __init__(self, heap: Heap) -> None:
        self.heap = heap
        self.cells: dict[int, Content] = {}
        self.strict = Strict()
        self.made: dict[int, tuple[int, int]] = {}
        """Cells that this join made, and the two cells that each stands for."""
        self.aliases: dict[tuple[int, Any], tuple[int, Any]] = {}
        """Places that hold, on both ways, the array that another place holds."""
        self._pairs: dict[tuple[int, int], int] = {}
        self._force: Join | None = None
        self._a: State = {}
        self._b: State = {}
        self._pre: State = {}
        self._adopts = False

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
    ) -> Join:
        """Compare the states ``a`` and ``b``, both come from ``pre``.

        ``live(cell, name)`` tells whether a name (of a frame) is used later; one that isn't becomes
        unbound instead of being joined. Places that are in ``force`` are joined even where equal.
        ``strict`` says which differences aren't joined but raise JoinError. With ``branches``, the
        states are those of two arms, each of which may hold lists and objects that it made.
        """
        join = cls(heap)
        join.strict = strict or Strict()
        join._adopts = branches
        base = heap.base
        join._pre, join._force = {**base, **pre}, force
        join._a, join._b = {**base, **a}, {**base, **b}
        for cell in join._pre:
            forced = force.cells.get(cell) if force else None
            x, y = join._a[cell], join._b[cell]
            if x is not y or forced is not None:
                join.cells[cell] = join._content(x, y, forced, functools.partial(live, cell), cell)
        join._require_no_aliases(live)
        join.settle_storages()
        join.aliases = join.find_aliases()
        return join

    @classmethod
    def export(cls, heap: Heap, pre: State, state: State, live: Callable[[int, Any], bool]) -> Join:
        """The template of all that ``state`` changed since ``pre``, every staged part a leaf."""
        join = cls(heap)
        # What branches further in made, and left to nobody, is in terms of what only they know.
        reached = _reached(state, [*pre, *heap.base], live)
        for cell, content in state.items():
            if cell not in reached:
                continue
            old = pre.get(cell, heap.base.get(cell))
            if content is old:
                continue
            if isinstance(content, Items):
                join.cells[cell] = Items(tuple(map(_exported, content.items)))
            elif isinstance(content, GrownList):
                leaves = tuple(_exported(b) for b in content.buffers)
                join.cells[cell] = GrownList(content.element, leaves, INT_LEAF)  # type: ignore
            else:
                before: Any = old.items if old is not None else {}  # type: ignore[union-attr]
                items = {}
                for key, value in content.items.items():
                    known = before.get(key)
                    if known is not None and same(known, value):
                        items[key] = value
                    else:
                        items[key] = _exported(value) if live(cell, key) else UNBOUND
                join.cells[cell] = replace(content, items=items)
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
            if isinstance(a, Entries) and set(a.items) != set(b.items):  # type: ignore[union-attr]
                raise JoinError("a dict gets other keys on one way than on the other")
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

    def _grown(self, a: Content, b: Content, forced: Content | None) -> GrownList:
        elements = [
            x
            for content, state in ((a, self._a), (b, self._b), (forced, {}))
            for x in (
                [self._by_value(item, state) for item in content.items]
                if isinstance(content, Items)
                else (_as_template(content.element, content.buffers),)
                if isinstance(content, GrownList) and content.element is not UNBOUND
                else ()
            )
        ]
        if not elements:
            return GrownList(UNBOUND, (), INT_LEAF)  # type: ignore[arg-type]
        element = elements[0]
        outer, self._adopts = self._adopts, False
        try:
            for other in elements[1:]:
                element = self.value(element, other, "element", whole=True)
            element = self.value(element, element, "element", whole=True)
        except JoinError as e:
            raise JoinError(f"elements of a list that grows differ: {e.message}") from e
        finally:
            self._adopts = outer
        buffers = tuple(x for leaf in leaves_of(element) for x in buffer_leaves(leaf))
        return GrownList(element, buffers, INT_LEAF)  # type: ignore[arg-type]

    def _by_value(self, value: Value, state: State, inside: tuple[int, ...] = ()) -> Value:
        """An item of a list that grows: lists, dicts and objects in it by what they hold."""

        def inner(v: Value) -> Any:
            return self._by_value(v, state, inside)

        match value:
            case Object(instance=instance) if instance is not None:
                return value
            case List(cell=cell) | Dict(cell=cell) | Object(cell=cell):
                if cell in inside or cell in self.heap.base or not _is_plain(value):
                    raise JoinError(f"{describe(value)} inside a list that grows")
                inside = (*inside, cell)
                content = state.get(cell) or self.heap.cells[cell]
                self.heap.take_by_value(cell, content)
                if isinstance(content, Items):
                    content = Items(tuple(map(inner, content.items)))
                elif isinstance(content, Entries | Attributes):
                    items = {k: inner(v) for k, v in content.items.items()}
                    content = replace(content, items=items)
                return ByValue(value, content)
            case Tuple(items=items):
                return replace(value, items=tuple(map(inner, items)))
            case Option(value=present):
                return replace(value, value=inner(present))
        return value

    def _contained(self, a: ByValue, b: ByValue, place: str) -> Value:
        """The template of a list, dict or object in a list that grows."""
        x, y = a.content, b.content
        if a.reference.cls is not b.reference.cls:
            raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")
        if isinstance(x, Items) and isinstance(y, Items) and len(x.items) == len(y.items):
            pairs = zip(x.items, y.items)
            return replace(
                a, content=Items(tuple(self.value(v, w, place, whole=True) for v, w in pairs))
            )
        if isinstance(x, Items | GrownList):
            return replace(a, content=self._grown(x, y, None))
        keys: list[Any] = list(x.items)  # type: ignore[union-attr]
        others: Any = y.items  # type: ignore[union-attr]
        if keys != list(others):
            raise JoinError(f"{describe(a)} that holds other things on one way than on the other")
        triples = [(k, x.items[k], others[k]) for k in keys]  # type: ignore[index, union-attr]
        items = {k: self.value(v, w, str(k), whole=True) for k, v, w in triples}
        return replace(a, content=replace(x, items=items))  # type: ignore[arg-type]

    def value(
        self, a: Value, b: Value, place: str = "", forced: Value | None = None, whole: bool = False
    ) -> Value:
        """The template of one value that is ``a`` or ``b``.

        With ``whole`` every staged part becomes a leaf, even where both ways have the same one.
        """
        if isinstance(a, Poison) or isinstance(b, Poison):
            return POISON
        if not whole and same(a, b) and (forced is None or same(a, forced)):
            return a
        if isinstance(a, Unbound) and isinstance(b, Unbound):
            return UNBOUND
        try:
            return self._value(a, b, place, forced, whole)
        except JoinError as e:
            raise JoinError(e.message, place if not e.place else e.place) from None

    def _value(self, a: Value, b: Value, place: str, forced: Value | None, whole: bool) -> Value:
        if isinstance(forced, Option) and not (isinstance(a, Option) or isinstance(b, Option)):
            inner = [v for v in (a, b) if not same(v, forced.absent)]
            value = forced.value
            for v in inner:
                value = self.value(v, value, place, whole=True)
            return replace(forced, value=value)
        if isinstance(a, Node) and isinstance(b, Node) and a.forest is b.forest:
            return _node(a, b, forced)
        if isinstance(a, Option) or isinstance(b, Option):
            return self._option(a, b, place)
        if isinstance(a, ByValue) and isinstance(b, ByValue):
            return self._contained(a, b, place)
        if isinstance(a, EitherDtype) or isinstance(b, EitherDtype):
            return self._either_dtype(a, b, place)
        if isinstance(a, Tensor | Leaf | Scalar) and isinstance(b, Tensor | Leaf | Scalar):
            return self._leaf(a, b, place, forced, whole)
        if isinstance(a, Static) and isinstance(b, Static):
            if same(a, b) and not isinstance(forced, Leaf):
                return a
            kinds = {type(a.obj), type(b.obj)}
            if kinds <= {bool, int, float}:
                if len(kinds) == 1 or isinstance(forced, Leaf):
                    kind = float if float in kinds else int if int in kinds else bool
                    return Leaf((), SCALAR_DTYPES[kind], scalar=kind, name=place or "n")
                self._require_one_kind(a, b)
            return Option(BOOL_LEAF, b, a)  # type: ignore[arg-type]
        if isinstance(a, Static) and _is_number(a) and _is_number(b):
            return self._number(a, b, place)
        if isinstance(b, Static) and _is_number(a) and _is_number(b):
            return self._number(b, a, place)
        if isinstance(a, Tuple) and isinstance(b, Tuple) and a.cls is b.cls:
            if len(a.items) != len(b.items):
                raise JoinError(f"a tuple of {len(a.items)} and a tuple of {len(b.items)}")
            olds = forced.items if isinstance(forced, Tuple) else [None] * len(a.items)
            items = [
                self.value(x, y, f"{place}_{i}", f, whole)
                for i, (x, y, f) in enumerate(zip(a.items, b.items, olds))
            ]
            return Tuple(tuple(items), a.cls)
        if isinstance(a, Deferred) and isinstance(b, Deferred):
            if a.function != b.function or len(a.args) != len(b.args):
                raise JoinError(f"{describe(a)} on one way and another on the other")
            pairs = zip(a.args, b.args)
            args = [self.value(x, y, place, whole=whole) for x, y in pairs]
            return Deferred(a.function, tuple(args))
        if isinstance(a, List | Dict | Object) and type(a) is type(b):
            return self._reference(a, b, whole)
        if isinstance(a, Function | BoundMethod) and same(a, b):
            return a
        for present, absent in ((b, a), (a, b)):
            if isinstance(absent, Static | Unbound):
                if isinstance(absent, Static) and isinstance(present, Unbound):
                    continue
                value = self.value(present, present, place, whole=True)
                return Option(BOOL_LEAF, value, absent)  # type: ignore[arg-type]
        raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")

    def _leaf(
        self,
        a: Tensor | Leaf | Scalar,
        b: Tensor | Leaf | Scalar,
        place: str,
        forced: Value | None,
        whole: bool,
    ) -> Value:
        sa, sb = scalar_type(a), scalar_type(b)
        if (sa is None) != (sb is None):
            raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")
        if sa is not None and sb is not None:
            if sa is not sb:
                raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")
            return Leaf((), SCALAR_DTYPES[sa], scalar=sa, name=place or "n")
        x, y = leaf_type(a), leaf_type(b)
        if x.dtype != y.dtype:
            raise JoinError(f"dtype {x.dtype.name} on one way and {y.dtype.name} on the other")
        if len(x.shape) != len(y.shape):
            raise JoinError(f"{len(x.shape)} dimensions on one way and {len(y.shape)} on the other")
        shape = tuple(p if p == q else None for p, q in zip(x.shape, y.shape))
        if isinstance(forced, Leaf) and len(forced.shape) == len(shape):
            shape = tuple(p if p == q else None for p, q in zip(shape, forced.shape))
        storage = x.storage if x.storage == y.storage else UNKNOWN_STORAGE
        kind = x.kind if x.kind == y.kind else "either"
        if self.strict.shapes and any(p is not None and p != q for p, q in zip(x.shape, y.shape)):
            raise JoinError(f"shape {x.shape} on one way and {y.shape} on the other")
        if kind == "either" and (self.strict.kinds or "generic" in (x.kind, y.kind)):
            nouns = [_NOUNS.get(k, "a Variable or an array") for k in (x.kind, y.kind)]
            raise JoinError(f"{nouns[0]} on one way and {nouns[1]} on the other")
        return Leaf(shape, x.dtype, kind, None, storage, place or "x")

    def _number(self, static: Static, staged: Value, place: str) -> Value:
        other = scalar_type(staged)
        if other is None:
            raise JoinError(f"{describe(static)} on one way and {describe(staged)} on the other")
        if type(static.obj) is other:
            return Leaf((), SCALAR_DTYPES[other], scalar=other, name=place or "n")
        self._require_one_kind(static, staged)
        return Option(BOOL_LEAF, self.value(staged, staged, place, whole=True), static)  # type: ignore[arg-type]

    def _require_one_kind(self, a: Value, b: Value) -> None:
        """An int and a float stay what they are; a loop had better be compiled another way."""
        if self.strict.kinds:
            raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")

    def _option(self, a: Value, b: Value, place: str) -> Value:
        option = a if isinstance(a, Option) else b
        assert_absent = option.absent  # type: ignore[attr-defined]
        values = []
        for v in (a, b):
            if isinstance(v, Option):
                if not same(v.absent, assert_absent):
                    raise JoinError("more than two kinds of value come together")
                values.append(v.value)
            elif not same(v, assert_absent):
                values.append(v)
            elif _is_number(v):  # 0 before the first turn, and an array or 0 after it
                self._require_one_kind(v, option)
        value = values[0]
        for v in values[1:]:
            value = self.value(value, v, place, whole=True)
        value = self.value(value, value, place, whole=True)
        return Option(BOOL_LEAF, value, assert_absent)  # type: ignore[arg-type]

    def _either_dtype(self, a: Value, b: Value, place: str) -> Value:
        x, y = (v.array if isinstance(v, EitherDtype) else v for v in (a, b))
        array: Any = self.value(x, y, place, whole=True)
        dtypes = {v.dtype for v in (a, b) if isinstance(v, EitherDtype)}
        if len(dtypes) > 1 or not isinstance(array, Leaf):
            raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")
        return EitherDtype(array, dtypes.pop(), BOOL_LEAF)  # type: ignore[arg-type]

    def _reference(self, a: Value, b: Value, whole: bool) -> Value:
        ca, cb = a.cell, b.cell  # type: ignore[attr-defined]
        if ca == cb:
            if whole and ca not in self._pre:
                self._adopt(a)  # type: ignore[arg-type]
            return a
        if whole and not self._adopts:
            raise JoinError(f"{describe(a)} inside a list that grows, or that may be undefined")
        if not isinstance(a, Object) and a.cls is not b.cls:  # type: ignore[attr-defined]
            raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")
        if isinstance(a, Object) and (
            a.cls is not b.cls  # type: ignore[attr-defined]
            or a.instance is not None
            or b.instance is not None  # type: ignore[attr-defined]
        ):
            raise JoinError(f"{describe(a)} on one way and another {describe(b)} on the other")
        if (ca, cb) not in self._pairs:
            if ca in self.heap.base or cb in self.heap.base:
                raise JoinError("a list that came from outside on one way and another on the other")
            again = self._force is not None and ca in self._force.made
            cell = ca if again else self.heap.new(Items())
            if not self.heap.frozen.isdisjoint((ca, cb)):
                self.heap.frozen.add(cell)
            self._pairs[ca, cb] = cell
            self.made[cell] = (self._force.made[ca][0] if again else ca, cb)  # type: ignore[union-attr]
            forced = self._force.cells.get(cell) if again else None  # type: ignore[union-attr]
            self.cells[cell] = self._content(self._a[ca], self._b[cb], forced, cell=cell)
        return replace(a, cell=self._pairs[ca, cb])  # type: ignore[type-var]

    def _adopt(self, made: List | Dict | Object) -> None:
        """Take over a list or object that one of two arms made."""
        cell = made.cell
        if cell in self.cells:
            return
        if not self._adopts:
            raise JoinError(f"{describe(made)} inside a list that grows, or that may be undefined")
        content = self._a[cell] if cell in self._a else self._b[cell]
        self.cells[cell] = content  # It may refer to itself.
        if isinstance(content, Items):
            items = tuple(self.value(v, v, whole=True) for v in content.items)
            self.cells[cell] = Items(items)
        elif isinstance(content, GrownList):
            self.cells[cell] = self._grown(content, content, None)
        else:
            pairs = content.items.items()
            values = {k: self.value(v, v, str(k), whole=True) for k, v in pairs}
            self.cells[cell] = replace(content, items=values)  # type: ignore[arg-type]

    def _require_no_aliases(self, live: Callable[[int, Any], bool]) -> None:
        """A list that stands for two has no other name: on one way it would be the same list."""
        again = {a for a, _ in self._pairs if a in self.made}
        sources = [a for a, _ in self._pairs], [b for _, b in self._pairs]
        shared = any(len(set(side)) < len(side) for side in sources)
        gone = {*sources[0], *sources[1]} - again
        if shared or (gone and not gone.isdisjoint(self._reachable(live))):
            raise JoinError("one name for a list that has another name too on one way only")

    def _reachable(self, live: Callable[[int, Any], bool]) -> set[int]:
        """The cells that names in use, and objects from outside, lead to after the join."""
        state = {**self._a, **self._b, **self._pre, **self.cells}
        roots = [c for c, v in state.items() if isinstance(v, Names) or c in self.heap.base]
        return _reached(state, roots, live)

    # --- the template, read ------------------------------------------------------------------

    def leaves(self) -> list[Leaf]:
        return [leaf for content in self.cells.values() for leaf in content_leaves(content)]

    def equals(self, other: Join) -> bool:
        """Whether two templates have the same places and types."""
        if list(self.cells) != list(other.cells) or self.aliases != other.aliases:
            return False
        pairs = list(zip(self.cells.values(), other.cells.values()))
        return all(same_template(x, y) and same_storages(x, y) for x, y in pairs)

    # --- step 2: the tensors of one way ------------------------------------------------------

    def collect(self, builder: Builder, state: State, side: Literal["a", "b"]) -> list[Tensor]:
        """The tensors for the leaves, as they are in ``state``; conversions go to the scope."""
        collector = Collector(builder, self.heap)
        collector.state = state = {**self.heap.base, **state}
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
        """Put new names in the place of the leaves, as a loop or function takes them."""
        made = [builder.fresh(x.name, x.shape, x.dtype) for x in self.leaves()]
        self.instantiate(made)
        return made

    def instantiate(self, tensors: Sequence[Tensor]) -> None:
        """Put the joined contents into the heap, with ``tensors`` for the leaves, in order."""
        it = iter(tensors)
        for cell, content in self.cells.items():
            filled = fill_content(content, it)
            if cell in self.heap.frozen:
                self.heap.cells[cell] = filled  # What it was in the arm that made it.
            else:
                self.heap[cell] = filled
        for (cell, key), (first_cell, first_key) in self.aliases.items():
            first: Any = self.heap.lookup(first_cell, first_key)
            other: Any = self.heap.lookup(cell, key)
            self.heap.bind(cell, key, replace(other, expr=first.expr))


def _reached(state: State, roots: Iterable[int], live: Callable[[int, Any], bool]) -> set[int]:
    """The cells that some of them lead to."""
    work = [cell for cell in roots if cell in state]
    seen = set(work)
    while work:
        cell = work.pop()
        for name, value in _named(state[cell]):
            if isinstance(state[cell], Names) and not live(cell, name):
                continue
            for found in _led_to(value):
                if found in state and found not in seen:
                    seen.add(found)
                    work.append(found)
    return seen


def _led_to(value: Value) -> Iterator[int]:
    for inner in walk(value):
        match inner:
            case List(cell=cell) | Dict(cell=cell) | Object(cell=cell):
                yield cell
            case Function(frame=frame):
                while frame is not None:
                    yield frame.cell
                    frame = frame.parent


def _named(content: Content) -> Iterator[tuple[Any, Value]]:
    items = getattr(content, "items", ())
    pairs = items.items() if isinstance(items, dict) else enumerate(items)
    return iter(
        [*pairs, *([("element", content.element)] if isinstance(content, GrownList) else [])]
    )


def _node(a: Node, b: Node, forced: Value | None = None) -> Node:
    """A part of a tree that is one of two."""
    nodes = [a, b, *([forced] if isinstance(forced, Node) else [])]
    kinds = tuple(sorted({kind for node in nodes for kind in node.kinds}))
    kind = INT_LEAF if len(kinds) > 1 else Static(kinds[0])
    return replace(a, kinds=kinds, kind=kind, row=INT_LEAF, key=None)


def _exported(value: Value) -> Value:
    if isinstance(value, Node):
        return _node(value, value)
    if isinstance(value, Tensor) and value.const is None:
        return Leaf(value.shape, value.dtype, value.kind, None, value.storage)
    if isinstance(value, Scalar):
        return Leaf((), value.dtype, scalar=value.type, name="n")
    if isinstance(value, Tuple):
        return replace(value, items=tuple(map(_exported, value.items)))
    if isinstance(value, Deferred):
        return replace(value, args=tuple(map(_exported, value.args)))
    if isinstance(value, EitherDtype):
        array: Any = _exported(value.array)
        other: Any = _exported(value.other)
        return replace(value, array=array, other=other)
    if isinstance(value, Option):
        present: Any = _exported(value.present)
        return replace(value, present=present, value=_exported(value.value))
    return UNBOUND if isinstance(value, IteratorValue | Range) else value


def _as_template(element: Value, buffers: Sequence[Tensor]) -> Value:
    """An element template whose leaves have the buffers' present types."""
    it = iter(buffers)

    def visit(t: Value) -> Any:
        if isinstance(t, Leaf):
            first = next(it)
            if is_ragged(t):
                next(it)
            if t.kind == "either":
                next(it)
            return t if is_ragged(t) else replace(t, shape=first.shape[1:])
        if isinstance(t, Tuple):
            return Tuple(tuple(visit(x) for x in t.items), t.cls)
        if isinstance(t, Deferred):
            return replace(t, args=tuple(visit(x) for x in t.args))
        if isinstance(t, ByValue):
            return replace(t, content=visit_content(t.content))
        if isinstance(t, EitherDtype):
            return replace(t, array=visit(t.array), other=visit(t.other))
        if isinstance(t, Option):
            return replace(t, present=visit(t.present), value=visit(t.value))
        return t

    def visit_content(content: Content) -> Content:
        if isinstance(content, GrownList):
            leaves = tuple(visit(b) for b in content.buffers)
            return replace(content, buffers=leaves, length=visit(content.length))
        if isinstance(content, Items):
            return Items(tuple(visit(x) for x in content.items))
        return replace(content, items={k: visit(x) for k, x in content.items.items()})

    return visit(element)


def _is_plain(v: List | Dict | Object) -> bool:
    if isinstance(v, Object):
        return not issubclass(v.cls, list | dict | tuple)
    return v.cls in (list, tuple, dict, set, collections.OrderedDict)


def _is_number(v: Value) -> bool:
    if isinstance(v, Static):
        return type(v.obj) in SCALAR_DTYPES
    return isinstance(v, Scalar) or (isinstance(v, Leaf) and v.scalar is not None)
