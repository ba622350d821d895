"""The heap: everything that a Python program can change, in cells that snapshots can bring back.

A cell holds an immutable content (:data:`~astfront.contents.Content`); changing it replaces the content.
A snapshot is therefore one shallow copy, and what a branch or a loop body changed is the set of cells
whose content is another object than before.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from astfront.contents import (
    Attributes,
    Content,
    Entries,
    GrownList,
    ItemOf,
    Items,
    Names,
    found_once,
)
from astfront.diagnostics import error
from astfront.sameness import same_array
from astfront.spans import Span
from astfront.values import (
    TRUE,
    UNBOUND,
    Argument,
    BoundMethod,
    Deferred,
    Dict,
    DictView,
    EitherDtype,
    Function,
    List,
    Object,
    Option,
    Partial,
    Range,
    Scalar,
    Set,
    Slice,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
)
from astfront.values import (
    Iterator as IteratorValue,
)

#: The token of an array that may or may not share memory with another.
UNKNOWN_STORAGE = -1

State = dict[int, Content]


class Heap:
    def __init__(self) -> None:
        self.cells: State = {}
        self.base: State = {}
        """Cells of real Python objects as they were found: there before any branch was taken."""
        self.original: Callable[[int, Any], Value] = lambda cell, name: UNBOUND
        """What a real object's attribute is where the program hasn't written it."""
        self.place: Callable[[], Any] = lambda: None
        self.changed_at: dict[int, Any] = {}
        """Where cells that are watched were changed first."""
        self.watched: set[int] = set()
        self.frozen: set[int] = set()
        """Cells that can't change: parts of tree arguments, and items of lists that grew."""
        self.arguments: set[int] = set()
        """Those of them that are of arguments."""
        self.settled: set[int] = set()
        """Cells of lists that don't get other items, as a loop walks over them: see ``windows.py``."""
        self.parts: dict[int, Any] = {}
        """Those that are of items of lists that grew, which change with them: see ``parts.py``."""
        self.changed_names: dict[int, frozenset[str]] = {}
        """The names of which a function changes what they hold, by the cells of its calls."""
        self.shared: set[int] = set()
        """Cells of which a list that grew may hold two copies."""
        self.sources: dict[int, frozenset[int]] = {}
        """The cells that others are copies of, or stand for."""
        self.may_change_part: Callable[[int], bool] = lambda cell: False
        self.write_back: Callable[[int], None] = lambda cell: None
        self.sets: dict[int, tuple[Content, set[Any], bool]] = {}
        """What cells held, and the real sets of it: the order of their items is Python's."""
        self._is_any_outdated = False
        self.read_only: set[int] = set()
        """Cells that the program can't change: those of items of subclasses of list and dict."""
        self.copied: set[int] = set()
        """Storages of arrays of which some place holds what they were, not what they'll become."""
        self.copied_by: dict[int, Span] = {}
        """Of those, the short loops that put them into a list that grows; unrolled, they wouldn't."""
        self.blamed: set[Span] = set()
        """Such loops, where a change in place was refused that came after them."""
        self.unrolled: set[Span] = set()
        """Loops that were blamed when the program was compiled before: they're unrolled first."""
        self.several: set[int] = set()
        """Storages of arrays that more than one place outside the program holds."""
        self.layouts: Any = None
        """What's known of the layout of the program's arrays, :class:`~astfront.layouts.Layouts`."""
        self.sole: set[int] = set()
        """Those of which a join took it for granted that only one place does."""
        self.array_cells: dict[int, int] = {}
        """The cells of the contents of arrays from outside, by their storages."""
        self.variable_cells: dict[Any, int] = {}
        """The cells of what Variables from outside hold, where the program sets that; see
        :meth:`variable_cell`."""
        self.variables: dict[int, Tensor] = {}
        """Those Variables, by these cells."""
        self.named: set[str] = set()
        """The names of the attributes that are set on Variables."""
        self.rebound: set[int] = set()
        """The storages of the arrays that Variables from outside had before they were given others."""
        self._next = 0
        self._instances: dict[int, Object] = {}
        self.instances: dict[int, Any] = {}
        """The real Python objects, by the cells of their attributes."""
        self._keep: list[Any] = []
        self.taken = self.new_external(Names())
        """The cell that says which cells were taken by value, on the way that is compiled."""

    # --- cells -------------------------------------------------------------------------------

    def new(self, content: Content) -> int:
        cell = self._next
        self._next += 1
        self.cells[cell] = content
        return cell

    def new_external(self, content: Content) -> int:
        """A cell for a real Python object; it exists on every way, wherever it's first met."""
        cell = self.new(content)
        self.base[cell] = content
        return cell

    def new_array(self, array: Tensor) -> int:
        """A cell for the contents of an array (or a Variable's) that the program didn't make."""
        cell = self.new_external(Names({"array": array.as_kind("array")}))
        self.array_cells[array.storage] = cell
        return cell

    def variable_cell(self, x: Tensor, make: bool = True) -> int | None:
        """The cell of a Variable from outside: its array, and the attributes that the program set."""
        key = x.origin.path if isinstance(x.origin, Argument) else id(x.origin)
        if key not in self.variable_cells and make:
            contents: Any = self.base[self.array_cells[x.storage]]
            cell = self.new_external(Attributes({"array": contents.items["array"]}))
            self.variable_cells[key] = cell
            self.variables[cell] = x
        return self.variable_cells.get(key)

    def current(self, value: Value, state: State | None = None) -> Value:
        """An array from outside, or a tuple of them, as the program has left it by now."""
        if isinstance(value, Tuple):
            items = tuple(self.current(item, state) for item in value.items)
            return (
                value if all(map(operator.is_, items, value.items)) else replace(value, items=items)
            )
        cells = self.cells if state is None else state
        if isinstance(value, Tensor) and value.kind == "variable" and self.variable_cells:
            held = self.variable_cell(value, make=False)
            if held is not None:
                its: Any = cells.get(held, self.base[held])
                array = its.items["array"]
                if array.storage != value.storage:
                    return replace(array, kind="variable", origin=value.origin)
        if isinstance(value, Tensor) and value.storage in self.array_cells:
            cell = self.array_cells[value.storage]
            now: Any = cells.get(cell, self.base[cell])  # It may be read for the first time here.
            array = now.items["array"]
            if not same_array(array, value):
                origin = value.origin if value.kind == "variable" else None
                return replace(array, kind=value.kind, origin=origin)
        return value

    def new_list(self, items: tuple[Value, ...] | list[Value] = ()) -> List:
        return List(self.new(Items(tuple(items))))

    def new_dict(self, items: dict[Any, Value] | None = None) -> Dict:
        return Dict(self.new(Entries(dict(items or {}))))

    def new_set(self, items: Iterable[Any]) -> Set:
        is_set = isinstance(items, set)
        found = items if isinstance(items, set) else set(items)
        made = Set(self.new(Entries({item: Static(True) for item in found})))
        self.note_set(made, found, may_change=not is_set)
        return made

    def note_set(self, v: Set, real: set[Any], may_change: bool = False) -> None:
        """A cell's content is that of a real set, which may be changed with it, or never is."""
        self.sets[v.cell] = (self.cells[v.cell], real, may_change)

    def new_object(self, cls: type, instance: Any = None) -> Object:
        """The object for a real instance is one and the same each time that it's asked for."""
        if instance is not None:
            if id(instance) in self._instances:
                return self._instances[id(instance)]
            self._keep.append(instance)
            made = Object(self.new_external(Attributes()), cls, instance)
            self.watch(made.cell)
            self._instances[id(instance)] = made
            self.instances[made.cell] = instance
            return made
        return Object(self.new(Attributes()), cls, None)

    def is_known(self, instance: Any) -> bool:
        """Whether there's an object for a real instance."""
        return id(instance) in self._instances

    @property
    def next_cell(self) -> int:
        """The cell that is made next: those that were made before are below it."""
        return self._next

    def __getitem__(self, cell: int) -> Content:
        if self._is_any_outdated:
            self.require_known(cell)
        return self.cells[cell]

    def watch(self, cell: int) -> None:
        self.watched.add(cell)

    def _changing(self, cell: int) -> None:
        if self.is_frozen(cell) and not self.may_change_part(cell):
            raise error(
                "AF0209",
                "a part of a tree argument, or of a list that grew in a loop, is changed, "
                "and which other names it has isn't known",
                self.place(),
                help="change it where it is (`xs[i].append(x)`), or put a new one in its place",
            )
        if cell in self.read_only:
            raise error(
                "AF0209",
                "an item of an instance of a subclass of list or dict is changed",
                self.place(),
                help="keep what changes in an attribute, or in a plain list or dict",
            )
        if cell in self.watched:
            self.changed_at.setdefault(cell, self.place())

    def __setitem__(self, cell: int, content: Content) -> None:
        if cell in self.settled:
            raise error(
                "AF0209",
                "a list gets other items while a loop changes those of a slice of it",
                self.place(),
                help="change the items by their places: `for i in range(…): xs[i].a = …`",
            )
        self.put_back(cell, content)

    def put_back(self, cell: int, content: Content) -> None:
        """Change a cell: of a list that grew, what its items hold, but not which ones there are."""
        self._changing(cell)
        self._put(cell, content)

    def _put(self, cell: int, content: Content) -> None:
        self.cells[cell] = content
        if cell in self.parts and self.is_frozen(cell):
            self.write_back(cell)

    def is_frozen(self, cell: int) -> bool:
        return cell in self.frozen or cell in self.taken_in(self.cells)

    def taken_now(self) -> dict[Any, Value]:
        return self.taken_in(self.cells)

    def taken_in(self, state: State) -> dict[Any, Value]:
        """The cells that were taken by value on the way to a state, as keys.

        Of those that are outdated there, see :meth:`outdate`, the complements are, too.
        """
        return state.get(self.taken, self.base[self.taken]).items  # type: ignore[union-attr, return-value]

    def take_by_value(self, cell: int, content: Content) -> None:
        """Some place holds a copy of a cell: neither it nor the arrays in it can change any more."""
        self.take([cell])
        self.note_copies(content)

    def take(self, cells: Iterable[int]) -> None:
        taken = self.taken_in(self.cells)
        new = {cell: TRUE for cell in cells if taken.get(cell) is not TRUE}
        if new:
            self.cells[self.taken] = Names({**taken, **new})

    def take_as_parts(self, parts: dict[int, Value]) -> None:
        """As :meth:`take`, of what one list took that grows, and that changes with it.

        ``parts`` has, as a Static, the part that each cell is in.
        """
        if parts:
            self.cells[self.taken] = Names({**self.taken_in(self.cells), **parts})

    def part_of(self, cell: int, state: State) -> Any:
        """Of which list a cell is an item, as ``parts.Part``; None where nothing is known of that, or
        where anything else has a copy of it, too."""
        taken = self.taken_in(state)
        mark = taken.get(cell)
        part: Any = None
        if isinstance(mark, Static) and mark is not TRUE:
            part = mark.obj
        elif mark is None and cell in self.frozen:
            part = self.parts.get(cell)
        if part is None or ~cell in taken:
            return None
        owner = part.owner.cell
        now = state.get(owner, self.base.get(owner))
        return part if any(now is content for content in part.contents) else None

    def sources_of(self, *cells: int) -> frozenset[int]:
        """The cells, and those that they are copies of or stand for."""
        return frozenset(cells).union(*(self.sources.get(cell, ()) for cell in cells))

    def outdate(self, cells: Iterable[int]) -> None:
        """What these hold isn't known any more: what they are copies of was changed."""
        self._is_any_outdated = True
        self.take(~cell for cell in cells)

    def require_known(self, cell: int, state: State | None = None) -> None:
        """AF0209 where a cell is outdated."""
        if ~cell in self.taken_in(state or self.cells):
            raise error(
                "AF0209",
                "what is read here may be an item of a list that grew, and such an item was changed "
                "since under another name",
                self.place(),
                help="read it from the list again (`xs[i]`) after the change",
            )

    def note_copies(self, content: Content) -> None:
        self.copied.update(storages_held(content))

    # --- mappings in cells -------------------------------------------------------------------

    def lookup(self, cell: int, name: Any) -> Value:
        if self._is_any_outdated:
            self.require_known(cell)
        return self.cells[cell].items.get(name, UNBOUND)  # type: ignore[union-attr]

    def bind(self, cell: int, name: Any, value: Value) -> None:
        content: Any = self.cells[cell]
        self._changing(cell)
        self._put(cell, content.with_items({**content.items, name: value}))

    def drop(self, cell: int) -> None:
        """Forget a cell that nothing leads to any more: each state has all cells, each join asks all."""
        self.cells.pop(cell, None)

    def forget_views(self, unpacked: Value, since: int) -> None:
        """The views in a list that was unpacked aren't in the way of changes in place, where it was
        made since then and no place leads to it."""
        if not isinstance(unpacked, List):
            return
        content = self.cells.get(unpacked.cell)
        is_own = unpacked.cell >= since and unpacked.cell not in self.base
        if not is_own or not isinstance(content, Items):
            return
        views = any(isinstance(v, Tensor) and v.view is not None for v in content.items)
        if views and not self.references(unpacked.cell):
            self[unpacked.cell] = replace(content, items=())

    def unbind(self, cell: int, name: Any) -> None:
        content: Any = self.cells[cell]
        self._changing(cell)
        items = {k: v for k, v in content.items.items() if k != name}
        self._put(cell, content.with_items(items))

    # --- snapshots ---------------------------------------------------------------------------

    def snapshot(self) -> State:
        return dict(self.cells)

    def restore(self, state: State) -> None:
        self.cells = {**self.base, **state}

    # --- aliasing ----------------------------------------------------------------------------

    def holders(self, storage: int) -> int:
        """How many places hold an array that shares memory with ``storage``."""
        return sum(found == storage for found in storages_in(self.cells))

    def references(self, cell: int) -> int:
        """How many places hold a reference to ``cell``."""
        return sum(
            1
            for content in self.cells.values()
            for value in values_of(content)
            for inner in walk(value)
            if isinstance(inner, List | Dict | Object) and inner.cell == cell
        )


def storages_of(values: Iterable[Value]) -> Iterator[int]:
    """The storages of the arrays that a program could change in place, once for each place."""
    for value in values:
        for inner in (value,) if type(value) in _SIMPLE else walk(value):
            if isinstance(inner, Tensor) and inner.kind != "generic":
                yield inner.storage


@found_once
def storages_held(content: Content) -> tuple[int, ...]:
    """The storages of the arrays in a content, once for each place."""
    return tuple(storages_of(values_of(content)))


def storages_in(state: State) -> Iterator[int]:
    """The storages of the arrays that a state's cells hold, once for each place."""
    return itertools.chain.from_iterable(map(storages_held, state.values()))


def values_of(content: Content) -> Iterable[Value]:
    if isinstance(content, GrownList):
        return (content.element, *content.buffers)
    items = content.items
    return items.values() if isinstance(items, dict) else items


def as_pairs(content: Entries) -> Items:
    """The items of a dict as a list."""
    return Items(tuple(Tuple((Static(key), value)) for key, value in content.items.items()))


#: Values that have none inside, which most are: each join asks all.
_SIMPLE = frozenset({Static, Tensor, Scalar, List, Dict, Set, Object, Range, Unbound})


def walk(value: Value) -> Iterator[Value]:
    """``value`` and the values inside it (not through references)."""
    yield value
    if type(value) in _SIMPLE:
        return
    match value:
        case Tuple(items=items):
            for item in items:
                yield from walk(item)
        case Deferred(args=args):
            for item in args:
                yield from walk(item)
        case Slice():
            for item in value.parts:
                yield from walk(item)
        case Option(value=inner, absent=absent):
            yield from walk(inner)
            yield from walk(absent)
        case EitherDtype(array=array):
            yield array
        case DictView(of=owner):
            yield owner
        case ItemOf(of=owner, index=index):
            yield owner
            yield index
        case BoundMethod(self=owner, function=function):
            yield from walk(owner)
            yield from walk(function)
        case Partial(function=function, args=args, keywords=keywords):
            for item in (function, *args, *keywords.values()):
                yield from walk(item)
        case IteratorValue(sources=sources):
            for item in sources:
                yield from walk(item)
        case Function(defaults=defaults, kw_defaults=kw_defaults):
            for default in (*defaults, *kw_defaults):
                if default is not None:
                    yield from walk(default)
