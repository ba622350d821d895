"""Abstract values: what the interpreter computes with in place of Python objects.

A value is either *static* (a Python object known while compiling, see :class:`Static`) or *staged*
(known only when the compiled program runs: :class:`Tensor`, :class:`Scalar`); containers hold values
of either kind. Values are immutable: what Python lets a program change (lists, dicts, attributes,
local names) lives in cells of the :class:`~astfront.environment.Heap`, and a value such as
:class:`List` is only a reference to its cell, so two names for one list stay two names for one list.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias

import gast
import numpy as np

#: One dimension of a staged tensor: a size known while compiling, or ``None``.
Dim: TypeAlias = "int | None"
Shape: TypeAlias = "tuple[Dim, ...]"

#: What a staged tensor is in Python: a ``chainer.Variable``, a ``numpy.ndarray``, a numpy scalar, or
#: a Variable on some ways and an ndarray on the others (``Tensor.is_variable`` tells at run time).
TensorKind: TypeAlias = Literal["variable", "array", "generic", "either"]

#: An expression of the builder's target language; opaque to everything but the builder.
Expr: TypeAlias = Any

_storage_ids = itertools.count()


def new_storage() -> int:
    """The token of memory that nothing else has."""
    return next(_storage_ids)


class Value:
    """Base of all abstract values."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class Static(Value):
    """A Python object known while compiling; ordinary Python is run on it."""

    obj: Any

    def __repr__(self) -> str:
        return f"Static({self.obj!r})"


NONE = Static(None)
TRUE = Static(True)
FALSE = Static(False)


@dataclass(frozen=True, eq=False)
class Tensor(Value):
    """An array whose elements are known at run time (or, with ``const``, a constant one).

    ``expr`` is ``None`` for a constant that no staged operation has used yet: the builder makes the
    expression when it is needed. ``storage`` tells arrays apart that may share memory: views keep the
    token of what they were taken from; some of them aren't ``writeable``. ``origin`` is the Python
    object that the tensor was lifted from (a parameter, an attribute), or an :class:`Argument`, where
    the tensor came from outside; of a copy of such a Variable, :class:`Copied`.
    """

    expr: Expr
    shape: Shape
    dtype: np.dtype[Any]
    kind: TensorKind = "array"
    const: np.ndarray[Any, Any] | None = None
    origin: Any = None
    storage: int = field(default_factory=new_storage)
    is_variable: Scalar | None = None
    view: View | None = None
    writeable: bool = True

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def is_static_shape(self) -> bool:
        return None not in self.shape

    @property
    def contents(self) -> Any:
        """What tells its elements from those that the same memory has at another time."""
        return self.expr if self.const is None else self.const

    @property
    def known_view(self) -> View | None:
        """How it's made of another array, unless its contents are others by now."""
        view = self.view
        return view if view is not None and view.contents is self.contents else None

    def as_kind(self, kind: TensorKind) -> Tensor:
        """The same data as another Python type (``x.array``, ``chainer.as_variable(x)``)."""
        if kind == self.kind:
            return self
        return replace(self, kind=kind, is_variable=None, origin=None)

    def viewed_as(
        self,
        other: Tensor,
        of: Callable[[Tensor], Tensor] | None = None,
        writeable: bool = True,
        in_order: bool = False,
    ) -> Tensor:
        """``other``, marked as sharing this tensor's memory (reshape, basic slices, transpose).

        ``of`` makes such a view of another tensor, where what numpy gives is certainly a view: of any
        array, or with ``in_order`` of one that lies in C order.
        """
        view = None if of is None else View(self, other.contents, of, in_order)
        writeable = writeable and self.writeable
        return replace(other, storage=self.storage, view=view, writeable=writeable)

    def viewed_in_order(self) -> Tensor:
        """What numpy copies where its elements don't lie in C order: itself, or that copy."""
        return self.viewed_as(self, lambda base: base, in_order=True)

    def copied(self) -> Tensor:
        """The same data in memory of its own."""
        return replace(self, storage=new_storage(), view=None, writeable=True)

    def __repr__(self) -> str:
        dims = ", ".join("?" if d is None else str(d) for d in self.shape)
        return f"Tensor[({dims}), {self.dtype.name}, {self.kind}]"


@dataclass(frozen=True, eq=False)
class Flat(Tensor):
    """``x.flat``: what's assigned to its items is put into ``x``, but parts of it are copies."""

    @staticmethod
    def of(items: Tensor) -> Flat:
        return Flat(**{f.name: getattr(items, f.name) for f in fields(items)})

    @property
    def items(self) -> Tensor:
        return Tensor(**{f.name: getattr(self, f.name) for f in fields(self)})


@dataclass(frozen=True, eq=False)
class View:
    """How an array that's a view of ``base`` is made of it; it holds as long as it has ``contents``."""

    base: Tensor
    contents: Any
    of: Callable[[Tensor], Tensor]
    in_order: bool = False
    """Whether it's a view where the elements of ``base`` lie in C order, in which it has them, too."""


@dataclass(frozen=True)
class Argument:
    """The origin of a tensor that is an argument: where in the arguments it is.

    A call's signature includes the class of a Variable, its name and whether it requires gradients.
    """

    path: tuple[Any, ...]
    cls: type
    name: str | None = None
    requires_grad: bool = True
    is_by_type: bool = False
    """Whether only its type is known: another such argument may be the same array."""


@dataclass(frozen=True)
class Copied:
    """The origin of a Variable that the program made, if more than its array is known of it: what a
    copy has of what it's a copy of, a name."""

    cls: type
    name: str | None
    requires_grad: bool
    own: int | None = None
    """The cell of the attributes that the program has set on it."""


@dataclass(frozen=True, eq=False)
class Scalar(Value):
    """A staged Python ``int``, ``float`` or ``bool``: weakly typed beside arrays.

    ``expr`` is a rank-0 tensor expression of dtype int64, float64 or bool.
    """

    expr: Expr
    type: type
    bounds: Any = None
    """What is known of a staged int: see ``bounds.py``."""

    @property
    def dtype(self) -> np.dtype[Any]:
        return SCALAR_DTYPES[self.type]

    def __repr__(self) -> str:
        return f"Scalar[{self.type.__name__}]"


SCALAR_DTYPES: dict[type, np.dtype[Any]] = {
    bool: np.dtype("bool"),
    int: np.dtype("int64"),
    float: np.dtype("float64"),
}


@dataclass(frozen=True, eq=False)
class Tuple(Value):
    """A tuple, or with ``cls`` a named tuple."""

    items: tuple[Value, ...]
    cls: type = tuple


@dataclass(frozen=True, eq=False)
class Memory(Value):
    """``array.data`` of an ndarray: a memoryview, which has the array's shape."""

    array: Tensor


@dataclass(frozen=True, eq=False)
class Slice(Value):
    """``slice`` with at least one staged part (a wholly static one is ``Static(slice(...))``)."""

    start: Value = NONE
    stop: Value = NONE
    step: Value = NONE

    @property
    def parts(self) -> tuple[Value, Value, Value]:
        return self.start, self.stop, self.step


@dataclass(frozen=True, eq=False)
class Range(Value):
    """``range`` with at least one staged part (a wholly static one is ``Static(range(...))``)."""

    start: Value
    stop: Value
    step: Value


@dataclass(frozen=True)
class List(Value):
    """A reference to a list's cell, whose content is :class:`Items` or :class:`GrownList`.

    A deque is one too; ``longest`` is its ``maxlen``. So is a tuple whose length is staged: its cell
    never changes.
    """

    cell: int
    cls: type = field(default=list, compare=False)
    longest: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Dict(Value):
    """A reference to a dict's cell, whose content is :class:`Entries`.

    ``cls`` tells an OrderedDict or defaultdict; ``factory`` is the latter's.
    """

    cell: int
    cls: type = field(default=dict, compare=False)
    factory: Value | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Set(Dict):
    """A reference to a set's cell: its static items are the keys of :class:`Entries`."""


@dataclass(frozen=True)
class DictView(Value):
    """``d.keys()``, ``d.values()`` or ``d.items()``: what the dict has whenever it's looked at."""

    of: Dict
    kind: Literal["keys", "values", "items"]

    @property
    def cls(self) -> type:
        return type(getattr({}, self.kind)())


@dataclass(frozen=True)
class Object(Value):
    """A reference to an instance's cell, whose content is :class:`Attributes`.

    ``instance`` is the real Python object behind it, or ``None`` for an object that the compiled
    program itself makes.
    """

    cell: int
    cls: type = field(compare=False)
    instance: Any = field(default=None, compare=False)


@dataclass(frozen=True, eq=False)
class Function(Value):
    """A function or lambda defined in the code being compiled; closes over ``frame``."""

    node: gast.FunctionDef | gast.Lambda
    frame: Any
    defaults: tuple[Value, ...] = ()
    kw_defaults: tuple[Value | None, ...] = ()
    wrapped: Value | None = None
    """The function whose name it has (``functools.wraps``)."""


@dataclass(frozen=True, eq=False)
class BoundMethod(Value):
    """``function`` with its first argument bound to ``self``."""

    self: Value
    function: Value


@dataclass(frozen=True, eq=False)
class Partial(Value):
    """``functools.partial``."""

    function: Value
    args: tuple[Value, ...]
    keywords: dict[str, Value]


@dataclass(frozen=True, eq=False)
class Deferred(Value):
    """``function(*args)``, called when the program has run: text with staged numbers in it, or a
    number rounded to some digits, as only Python does it.

    Nothing in the program depends on it: it's printed, raised or handed back. ``function`` is one
    object for all that's made in one way, so that two of them can be joined.
    """

    function: Callable[..., Any]
    args: tuple[Value, ...]

    @property
    def cls(self) -> type:
        """What ``function`` gives: a number, what a class makes, or text."""
        made = _DEFERRED_NUMBERS.get(self.function, self.function)
        return made if isinstance(made, type) else str


#: What functions that don't give text give.
_DEFERRED_NUMBERS: dict[Any, type] = {round: float, len: int}


@dataclass(frozen=True, eq=False)
class Super(Value):
    """``super()`` in a method of ``cls``, bound to ``self``."""

    cls: type
    self: Value


@dataclass(frozen=True, eq=False)
class Generator(Value):
    """A generator: ``run`` gives its values to a function, and what it returns. Its cell says whether it
    has run.

    Where ``run`` is told so, that function gives whether no more of them are wanted.
    """

    run: Callable[[Callable[[Value], Value | None], bool], Value | None]
    cell: int
    cells: frozenset[int] = frozenset()
    """Of its own names."""
    name: str = "generator"
    search: Callable[[str, Value], Value] | None = None
    """Of an expression: what ``any``, ``all`` or ``next`` gives, found by a function that returns
    early (``comprehension.search``)."""


@dataclass(frozen=True, eq=False)
class Iterator(Value):
    """Something to loop over by position: ``enumerate``, ``zip``, ``reversed``, items of a dict …

    ``length`` is static or a staged int. ``item`` takes a static index or a staged one.
    """

    length: Value
    item: Callable[[Value], Value]
    name: str = "iterator"
    sources: tuple[Value, ...] = ()
    """The lists and arrays walked over."""
    cell: int | None = None
    """Where the next index is, of what Python calls an iterator: it's walked over only once."""
    arrays: tuple[Walked, ...] = ()
    """The arrays among what's walked over, if each turn of a loop can see what they are then."""
    ended: Callable[[], None] | None = None
    """What a walk to its end does to the iterators that it takes from."""


@dataclass(frozen=True, eq=False)
class Unpacked(Value):
    """The last arguments of a call: the items of a tuple of staged length."""

    items: List


@dataclass(eq=False)
class Walked:
    """An array that something walks over by position."""

    array: Tensor
    cell: int | None = None
    """Where it is while a loop walks over it: what the loop writes to it, later turns see."""


class Unbound(Value):
    """A name or attribute that has no value."""


UNBOUND = Unbound()


class Poison(Value):
    """The result of something that was refused; using it reports nothing more."""


POISON = Poison()


class Choice(Value):
    """One of several values, and the program tells which: see ``Branches.split``."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class Option(Choice):
    """A value on some ways and another, not like it, on the others: see ``options.py``.

    ``present`` is a staged bool; ``value`` holds a stand-in where it is false, and ``absent`` where it
    is true.
    """

    present: Scalar
    value: Value
    absent: Value
    """Most often ``NONE`` or ``UNBOUND``."""
    why: Any = None
    """The span of the branch or loop that binds it, for the message where it is used."""


@dataclass(frozen=True, eq=False)
class EitherDtype(Choice):
    """An array whose dtype is ``dtype`` where ``other`` holds, and that of ``array`` where not.

    numpy makes float64 of an empty list, whatever its items would have been.
    """

    array: Tensor
    dtype: np.dtype[Any]
    other: Scalar


@dataclass(frozen=True, eq=False)
class Node(Choice):
    """A part of a tree that is an argument: see ``trees.py``.

    ``kind`` is the number of its kind, one of ``kinds``, and ``row`` its place among the nodes of that
    kind. ``key`` is the same for all that's known to be this node.
    """

    forest: Any
    kinds: tuple[int, ...]
    kind: Value
    row: Value
    key: Any


def is_staged(value: Value) -> bool:
    """Whether ``value`` itself is known only at run time."""
    if isinstance(value, Tensor):
        return value.const is None
    return isinstance(value, Scalar | Option | EitherDtype)


def is_none(value: Value | None) -> bool:
    """Whether an argument isn't given, or is None."""
    return value is None or (isinstance(value, Static) and value.obj is None)


def tuple_of(values: Sequence[Value]) -> Value:
    return Tuple(tuple(values))
