"""What a call does besides computing: printing, logging, reporting, and exceptions with staged texts.

The program itself does none of it. It notes each effect with the values that it is about, and the call
carries them out, in Python's order, when the program has run. What a program notes is in cells of
the heap like anything else, so that branches join it and kept loops carry it:

- outside of kept loops each effect has a cell of its own, which holds its entry or nothing;
- an effect in a kept loop has a list, which grows by an entry each time.

An entry has the error code at that time too: after an exception nothing more happens.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import gast
import numpy as np

from astfront.contents import GrownList, Items, Names
from astfront.descriptions import describe
from astfront.machine import Machine, Site
from astfront.rules.dataclass import is_representation, represented
from astfront.values import (
    NONE,
    SCALAR_DTYPES,
    UNBOUND,
    BoundMethod,
    Deferred,
    Dict,
    DictView,
    EitherDtype,
    List,
    Object,
    Option,
    Poison,
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

_ENTRY = "entry"


@dataclass(frozen=True)
class Later:
    """Calls its function not yet: it gives what can be called."""

    function: Callable[..., Any]

    def __call__(self, *args: Any) -> Call:
        return Call(self.function, args)


@dataclass(frozen=True)
class Call:
    """An effect, ready to be carried out."""

    function: Callable[..., Any]
    args: tuple[Any, ...]

    def run(self) -> Any:
        return self.function(*self.args)


@dataclass(frozen=True)
class Part:
    """A part of an entry whose numbers are in arrays."""

    kind: str
    what: Any
    parts: tuple[Any, ...] = ()

    def build(self, numbers: dict[type, Any], others: Sequence[Any]) -> Any:
        if self.kind == "static":
            return self.what
        if self.kind == "number":
            return self.what(numbers[float if self.what is float else int][self.parts[0]])
        if self.kind == "other":
            return others[self.parts[0]]
        parts = [part.build(numbers, others) for part in self.parts]
        if self.kind == "tuple" and self.what is tuple:
            return tuple(parts)
        return self.what(*parts)


@dataclass(frozen=True)
class Packed:
    """Makes an entry of its numbers and whatever else it has."""

    part: Part

    def __call__(self, columns: int, *args: Any) -> Any:
        # There are ints in any case: the time and the code.
        numbers = {int: args[0], float: args[columns - 1]}
        return self.part.build(numbers, args[columns:])


class Effects(Machine):
    def effect(self, function: Callable[..., Any], *args: Value) -> None:
        """``function(*args)`` is called where the program gets here, when it has run."""
        if self.effects_refused:
            self.fail("AF0106", "printing or logging after an exception that depends on data")
        if function is not _arguments and (span := self.span()) is not None:
            self.performed[span] = function
        code = self.heap.lookup(self.error_cell, "code")
        call = Deferred(Later(function), tuple(map(self.as_it_is, args)))
        if not self.loop_depth:
            # In one place, or under branches: it happens once or not at all.
            site = Site(self.heap.new_external(Names({_ENTRY: UNBOUND})), self.next_order(), False)
            self.sites.append(site)
            self.heap.bind(site.cell, _ENTRY, Tuple((Static(0), code, call)))
            return
        now = self.heap.lookup(self.clock_cell, "now")
        self.append(self._loop_site(), self._packed(Tuple((now, code, call))))
        self.heap.bind(self.clock_cell, "now", self.binary_op(operator.add, now, Static(1)))

    def next_order(self) -> int:
        self.order += 1
        return self.order

    def _loop_site(self) -> List:
        """The list of this place, by which way it was come to: the same each time it's compiled."""
        key = (self.loop_order, *(_place(frame.node) for frame in self.frames))
        if key not in self.loop_sites:
            site = Site(self.heap.new_external(Items()), self.loop_order, True)
            self.loop_sites[key] = site.cell
            self.sites.append(site)
        return List(self.loop_sites[key])

    def _packed(self, entry: Value) -> Value:
        """An entry with all of its numbers in two arrays: a list of it has less to carry."""
        numbers: dict[type, list[Value]] = {int: [], float: []}
        others: list[Value] = []

        def visit(value: Value) -> Any:
            match value:
                case Tuple(items=items, cls=cls):
                    return Part("tuple", cls, tuple(map(visit, items)))
                case Deferred(function=function, args=args):
                    return Part("call", function, tuple(map(visit, args)))
                case Static(obj=obj) if type(obj) not in SCALAR_DTYPES:
                    return Part("static", obj)
                case Static() | Scalar():
                    kind = value.type if isinstance(value, Scalar) else type(value.obj)
                    column = numbers[float if kind is float else int]
                    column.append(value)
                    return Part("number", kind, (len(column) - 1,))
            others.append(value)
            return Part("other", None, (len(others) - 1,))

        made = Packed(visit(entry))
        columns = [self._column(values, kind) for kind, values in numbers.items() if values]
        return Deferred(made, (Static(len(columns)), *columns, *others))

    def _column(self, values: Sequence[Value], kind: type) -> Tensor:
        """Numbers in an array; those that are known and side by side are one constant."""
        parts: list[Tensor] = []
        known: list[Any] = []
        for value in (*values, None):
            if isinstance(value, Static):
                known.append(value.obj)
                continue
            if known:
                parts.append(self.b.constant(np.array(known, SCALAR_DTYPES[kind])))
                known = []
            if value is not None:
                parts.append(self.b.call("expand_dims", self.as_scalar(value, kind), axis=0))
        return parts[0] if len(parts) == 1 else self.b.call("concatenate", parts, axis=0)

    def note_exception(self, code: int, exception: Deferred) -> None:
        """The arguments that an exception is raised with, if the program gets here."""
        self.effect(_arguments, Static(code), *exception.args)

    def noting_cells(self) -> list[int]:
        """The cells that hold what is noted, on ways that end in an exception too."""
        return [self.error_cell, self.clock_cell, *(site.cell for site in self.sites)]

    def as_it_is(self, value: Value) -> Value:
        """A value that stays what ``value`` is now, whatever the program changes later."""
        match value:
            case Static() | Tensor() | Scalar() | Deferred() | EitherDtype():
                return value
            case Tuple(items=items, cls=cls):
                return Tuple(tuple(map(self.as_it_is, items)), cls)
            case Option(absent=absent) if not isinstance(absent, Unbound):
                inner = self.as_it_is(value.value)
                return Option(value.present, inner, self.as_it_is(absent), value.why)
            case List(cell=cell):
                content = self.heap[cell]
                if isinstance(content, GrownList):
                    return List(self.heap.new(content))
                return Deferred(_list, tuple(map(self.as_it_is, self.items_of(value))))
            case Set():
                return Deferred(_set, tuple(map(Static, self.real_set(value))))
            case Dict():
                entries = self.entries_of(value)
                keys = Static(tuple(entries))
                return Deferred(_dict, (keys, *map(self.as_it_is, entries.values())))
            case DictView(of=of, kind=kind):
                return Deferred(getattr(dict, kind), (self.as_it_is(of),))
            case Range(start=start, stop=stop, step=step):
                return Deferred(range, (start, stop, step))
            case Slice(start=start, stop=stop, step=step):
                return Deferred(slice, (start, stop, step))
            case Object(instance=instance) if instance is not None:
                return value
            case BoundMethod(function=Static(obj=function)):
                return Static(function)
            case Poison():
                self.poisoned()
        self.fail(
            "AF0305",
            f"{describe(value)} is printed, logged or raised",
            help="print numbers, arrays, texts, or lists and tuples of them",
        )

    # --- texts -------------------------------------------------------------------------------

    def text(self, function: Callable[..., Any], *args: Value) -> Value:
        """What ``function`` makes of its arguments: now where they are static, or at the end."""
        converted = [self.shown(a) for a in args]
        known, values = self.try_all(converted, {})
        if known:
            return self.run_python(function, *values[0])
        return Deferred(function, tuple(map(self.as_it_is, converted)))

    def shown(self, value: Value) -> Value:
        """A value as it's formatted: an object with a method for that shows what the method says."""
        if isinstance(value, Tuple) and value.cls is tuple:
            return self.tuple([self.shown(v) for v in value.items])
        if not isinstance(value, Object) or value.instance is not None:
            return value
        texts = [self._shown_by(value, name) for name in ("__str__", "__repr__")]
        if texts == [NONE, NONE]:
            return value
        if all(isinstance(t, Static) for t in texts):
            return Static(_Shown(value.cls, *(t.obj for t in texts)))  # type: ignore[attr-defined]
        return Deferred(_Shown, (Static(value.cls), *texts))

    def _shown_by(self, value: Object, name: str) -> Value:
        method = getattr(value.cls, name)
        if method is getattr(object, name) or not isinstance(method, type(_list)):
            return NONE
        if is_representation(method):
            return represented(self, value)
        return self.call(self.get_attribute(value, name), [], {})  # type: ignore[no-any-return]


class _Shown:
    """An object of the program, as it's formatted."""

    def __init__(self, cls: type, text: str | None, representation: str | None) -> None:
        self.cls, self.text, self.representation = cls, text, representation

    def __str__(self) -> str:
        return repr(self) if self.text is None else self.text

    def __repr__(self) -> str:
        if self.representation is None:
            return f"<{self.cls.__module__}.{self.cls.__qualname__} object at {hex(id(self))}>"
        return self.representation


def _place(node: gast.AST | None) -> Any:
    """Which place in the source a node stands for."""
    if node is None:
        return None
    position = [getattr(node, a, None) for a in ("lineno", "col_offset", "end_col_offset")]
    return (*position, gast.dump(node))


def is_text(value: Value) -> bool:
    """Whether it's a str, known now or not."""
    if isinstance(value, Static):
        return isinstance(value.obj, str)
    return isinstance(value, Deferred) and value.cls is str


def grown_text(start: str, pieces: Iterable[str]) -> str:
    """A text to which a loop adds pieces."""
    return start + "".join(pieces)


def joined_text(*parts: str) -> str:
    return "".join(parts)


def formatted_text(text: str, names: tuple[str, ...], *values: Any) -> str:
    """``text.format(…)``, of which the last arguments have these names."""
    count = len(values) - len(names)
    return text.format(*values[:count], **dict(zip(names, values[count:])))


def is_grown_text(value: Value) -> bool:
    return isinstance(value, Deferred) and value.function is grown_text


def pieces_of(text: Value) -> tuple[Value, Value]:
    """A text as what it starts with and a tuple of pieces."""
    if isinstance(text, Deferred) and is_grown_text(text):
        start, pieces = text.args
        return start, pieces
    return text, Tuple(())


def is_exception(value: Value) -> bool:
    return (
        isinstance(value, Deferred)
        and isinstance(value.function, type)
        and issubclass(value.function, BaseException)
    )


def _arguments(code: int, *args: Any) -> None:
    """Marks what isn't an effect: the arguments of an exception."""


def _list(*items: Any) -> list[Any]:
    return list(items)


def _set(*items: Any) -> set[Any]:
    return set(items)


def _dict(keys: tuple[Any, ...], *values: Any) -> dict[Any, Any]:
    return dict(zip(keys, values))


# --- when the program has run ------------------------------------------------------------------


def in_order(built: Iterable[tuple[Site, Any]]) -> list[Call]:
    """What the program noted before the first exception, in order."""
    found = []
    for site, made in built:
        for now, code, call in made if site.in_loop else [made] if made is not None else []:
            if not code:
                found.append(((site.order, now), call))
    return [call for _, call in sorted(found, key=lambda entry: entry[0])]


def perform(calls: Iterable[Call]) -> None:
    for call in calls:
        if call.function is not _arguments:
            call.run()


def arguments_of(code: int, calls: Sequence[Call]) -> tuple[Any, ...]:
    """What the exception with this code was raised with: the last that was noted is the one."""
    return next(
        c.args[1:] for c in reversed(calls) if c.function is _arguments and c.args[0] == code
    )
