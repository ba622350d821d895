"""Recursion that depends on data, kept as a recursive function of the program.

A call of a Python function is inlined. Where a function calls itself in a branch that data decides,
that would never end. So such a call stops the inlining (:class:`Recurs`), and the outermost call of the
function is compiled anew, as a function of the program.

As for a loop, what it takes and gives is found by running its body abstractly until nothing changes:

- its *entry*, a template of the arguments and of all else that differs from one call to the next, is
  widened by each call that's come to (:class:`Widened`);
- its *exit*, a template of the result and of all that a call changes, is at first what it gives where it
  doesn't call itself: a recursive call ends its way (:class:`Unreached`) until there's an exit.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

import gast

from astfront.builder import Scope
from astfront.calls.frames import Frame
from astfront.contents import Attributes, Content, Entries, GrownList, Items, Names
from astfront.control.attempts import Refused
from astfront.control.endings import Diverged, Unreached
from astfront.diagnostics import Diagnostic
from astfront.environment import UNKNOWN_STORAGE, Heap, State, storages_in, values_of, walk
from astfront.joins.join import Join, JoinError, Strict
from astfront.joins.templates import same_template
from astfront.machine import Machine, Recursion
from astfront.sameness import same
from astfront.spans import span_of
from astfront.values import (
    SCALAR_DTYPES,
    UNBOUND,
    Dict,
    Function,
    Generator,
    List,
    Node,
    Object,
    Option,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Value,
    new_storage,
)

#: Calls inside each other before the program raises RecursionError: Python's own limit.
DEPTH_LIMIT = 1000

#: A recursion whose static numbers differ from call to call is inlined so deep before it's kept.
INLINED = 12

#: How often keeping a function is tried, each time one call further in.
ATTEMPTS = 3

#: How often keeping a function is tried in vain, wherever it's called, before its calls are refused.
FRUITLESS = 12

#: How often a body is run before its types count as never settling.
ROUNDS = 24

_RESULT = "result"
_DEPTH = "depth"


class Recurs(BaseException):
    """A function calls itself, and data decides how often: its call ``frame`` is compiled anew."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame


class Widened(BaseException):
    """A call's arguments aren't of the types that the function takes: it's compiled for more."""

    def __init__(self, recursion: Recursion) -> None:
        self.recursion = recursion


class Recursions(Machine):
    def activate(self, frame: Frame) -> Value:
        """Run the body of a call, inline or as a function of the program."""
        if frame.is_library:
            return self.run_frame(frame)
        for recursion in reversed(self.recursions):
            if _is_of_one_function(frame, recursion.frame):
                return self._call_kept(recursion, frame)
        outer = self._recurring(frame)
        if outer is not None:
            raise Recurs(outer)
        frame.staged_depth = self.staged_depth
        checkpoint = self.checkpoint()
        try:
            return self.run_by_kinds(frame)
        except Recurs as found:
            if found.frame is not frame:
                raise
        self.rewind(checkpoint)
        in_vain = self.fruitless.setdefault(frame.prepared.node, [])
        if len(in_vain) >= FRUITLESS:
            self.give_up(in_vain[-1])
        try:
            value = self.attempted(lambda: self.where_fine(lambda: self._kept(frame)))
        except Refused as refused:
            in_vain.append(refused.diagnostics)
            value = self._inlined(frame, refused.diagnostics)
        if not self.diagnostics:
            in_vain.clear()
        return value

    def _inlined(self, frame: Frame, refusals: list[Diagnostic]) -> Value:
        """The call inline after all: a call further in may be kept, where types differ in this one."""
        frame.refusals = refusals
        tried = [f for f in self.frames if _is_of_one_function(frame, f) and f.refusals]
        if len(tried) + 1 >= ATTEMPTS:
            self.give_up(refusals)
        return self.run_by_kinds(frame)

    def _recurring(self, frame: Frame) -> Frame | None:
        """The outermost call of the function that's like this one, where it's better kept."""
        found, differing = None, 0
        for outer in reversed(self.frames):
            if not _is_of_one_function(frame, outer):
                continue
            if outer.refusals or outer.staged_depth >= self.staged_depth:
                break
            pairs = [(v, frame.arguments[k]) for k, v in outer.arguments.items()]
            likeness = min((_likeness(*pair) for pair in pairs), default=_Likeness.ALIKE)
            if likeness is _Likeness.UNLIKE:
                if min(self._likeness_inside(*pair) for pair in pairs) is _Likeness.ALIKE:
                    self._refuse_deeper(frame)
                break
            differing += likeness is _Likeness.OTHER_NUMBER
            if likeness is _Likeness.ALIKE or differing > INLINED:
                found = outer
        return found

    def _likeness_inside(
        self, a: Value, b: Value, inside: frozenset[tuple[int, int]] = frozenset()
    ) -> _Likeness:
        """As :func:`_likeness`, of lists, dicts and objects by what they hold."""
        match a, b:
            case Tuple(items=x), Tuple(items=y) if a.cls is b.cls and len(x) == len(y):
                pairs: list[tuple[Value, Value]] | None = list(zip(x, y))
            case (
                (List(cell=p), List(cell=q))
                | (Dict(cell=p), Dict(cell=q))
                | (Object(cell=p), Object(cell=q))
            ) if a.cls is b.cls and p != q and (p, q) not in inside:  # type: ignore[attr-defined]
                inside |= {(p, q)}
                pairs = _paired(self.heap[p], self.heap[q])
            case _:
                return _likeness(a, b)
        found = (self._likeness_inside(v, w, inside) for v, w in pairs or ())
        return _Likeness.UNLIKE if pairs is None else min(found, default=_Likeness.ALIKE)

    def _refuse_deeper(self, frame: Frame) -> NoReturn:
        """A call with new lists or objects like those of the call around it: inlined, it has no end."""
        message = f"{frame.name} calls itself with lists or objects of its own"
        help = "pass arrays, numbers and tuples of them, or write a loop"
        self.refuse_way(self.error("AF0304", message, help=help))

    # --- making the function -----------------------------------------------------------------

    def _kept(self, frame: Frame) -> Value:
        """The result of a call of a function that's made of it."""
        heap = self.heap
        heap[frame.cell] = Names(frame.arguments)
        result = heap.new(Names({_RESULT: UNBOUND}))
        depth = heap.new(Names({_DEPTH: Static(0)}))
        recursion = Recursion(frame, result, depth, heap.snapshot(), len(self.handlers))
        self.recursions.append(recursion)
        try:
            with self.repeated():
                scope, leave = self._settle_recursion(recursion)
        finally:
            self.recursions.pop()
        entry, exit = _made(recursion)
        with self.in_scope(scope):
            results = exit.collect(self.b, leave, "b")
        self.b.define(recursion.function, (scope, results))
        heap.restore(recursion.start)
        self.keeps_recursion = True
        defined = span_of(frame.prepared.node, frame.filename)
        self.report.add(defined, "kept", f"{frame.name} is a recursive function in Relay")
        return self._invoke(recursion, entry.collect(self.b, recursion.start, "a"))

    def _settle_recursion(self, recursion: Recursion) -> tuple[Scope, State]:
        """Run the body abstractly until its calls take and give what it takes and gives."""
        heap, frame = self.heap, recursion.frame
        exceptions = len(self.exceptions)
        for _ in range(ROUNDS):
            del self.exceptions[exceptions:]
            heap.restore(recursion.start)
            parameters = recursion.entry.put_fresh(self.b) if recursion.entry else []
            recursion.state = heap.snapshot()
            recursion.inside = new_storage()
            # Whoever calls the function still holds what it passes.
            heap.new(heap[frame.cell])
            results = recursion.exit.leaves() if recursion.exit else []
            types = [(leaf.shape, leaf.dtype) for leaf in results]
            recursion.function = self.b.declare(frame.name, parameters, types)
            changes = len(self.changed_arrays)
            self.at_raise = None
            try:
                with self.b.new_scope() as scope:
                    value = self.run_by_kinds(frame)
                    self.settle()
                    value = self.if_not_caught(value)
            except Widened as widened:
                if widened.recursion is not recursion:
                    raise
                continue
            except Diverged:
                self.fail("AF0304", f"{frame.name} calls itself without an end, or always raises")
            if self.diagnostics:
                break
            self._require_own(recursion, changes)
            heap.bind(recursion.result, _RESULT, value)
            known = {**heap.base, **recursion.state}
            leave = {c: v for c, v in heap.snapshot().items() if c in known}
            leave[frame.cell] = recursion.state[frame.cell]
            exit = self._exit(recursion, leave)
            if recursion.entry and recursion.exit and exit.equals(recursion.exit):
                self._require_uncaught(recursion, exceptions)
                return scope, leave
            recursion.exit = exit
        raise Refused(self.diagnostics or [self._unsettled(frame)])

    def _require_uncaught(self, recursion: Recursion, since: int) -> None:
        """What a call raises isn't caught by the call around it, of the same function."""
        for code in range(since + 1, len(self.exceptions) + 1):
            cls = self.class_of_code(code)
            taken = any(h.takes(cls) for h in recursion.around_calls)
            if taken and self.caught_by.get(code) not in recursion.around_calls:
                self.refuse_staged(cls)

    def _unsettled(self, frame: Frame) -> Diagnostic:
        message = f"the types of what {frame.name} takes and gives don't settle"
        return self.error("AF0304", message).diagnostics[0]

    def _exit(self, recursion: Recursion, leave: State) -> Join:
        """The template of the result and of what a call changes."""
        if recursion.exit is None:
            found = Join.export(self.heap, recursion.state, leave, lambda cell, name: True)
        else:
            self.heap.restore(recursion.state)
            recursion.exit.put_fresh(self.b)
            before = self.heap.snapshot()
            found = self._join(recursion, recursion.state, before, leave, recursion.exit)
        for content in found.cells.values():
            for value in values_of(content):
                self._require_known(recursion, value)
        return found

    def _join(
        self,
        recursion: Recursion,
        pre: State,
        a: State,
        b: State,
        force: Join | None,
        strict: Strict | None = None,
    ) -> Join:
        try:
            joined = Join.of(self.heap, pre, a, b, force=force, strict=strict)
        except JoinError as e:
            where = f"`{e.place}`" if e.place and e.place != _RESULT else "the result"
            self.fail(
                "AF0304",
                f"{where} of the recursive {recursion.frame.name} changes its type from one call "
                f"to the next: {e.message}",
                help="give each call the same types of arguments, and return one type",
            )
        if joined.made:
            self._not_shared(recursion)
        return joined

    def _require_known(self, recursion: Recursion, value: Value) -> None:
        """What comes out of a call can't refer to what the call made, but for arrays."""
        known = {**self.heap.base, **recursion.state}
        for inner in walk(value):
            match inner:
                case List(cell=cell) | Dict(cell=cell) | Object(cell=cell) | Generator(cell=cell):
                    if cell not in known:
                        self._not_shared(recursion)
                case Function(frame=frame):
                    if frame.cell not in known or frame.cell == recursion.frame.cell:
                        self._not_shared(recursion)

    def _not_shared(self, recursion: Recursion) -> NoReturn:
        name = recursion.frame.name
        self.fail(
            "AF0304",
            f"a list or object that a call of the recursive {name} makes goes to another call",
            help="pass and return arrays, numbers and tuples of them",
        )

    def _require_own(self, recursion: Recursion, since: int) -> None:
        """A call changes no array in place that isn't its own: its callers hold theirs."""
        if any(storage < recursion.inside for storage in self.changed_arrays[since:]):
            self.fail(
                "AF0209",
                f"the recursive {recursion.frame.name} changes an array in place that its caller "
                "may hold",
                help="make a new one, `x = x + y`, and return it",
            )

    # --- calling it --------------------------------------------------------------------------

    def _call_kept(self, recursion: Recursion, frame: Frame) -> Value:
        """A call of the function within itself, as long as nothing has been raised."""
        depth = self.heap.lookup(recursion.depth, _DEPTH)
        deep_enough = self.compare(gast.Lt(), depth, Static(DEPTH_LIMIT))
        self.check(deep_enough, RecursionError("maximum recursion depth exceeded"))
        inner = self.handlers[recursion.handlers :]
        recursion.around_calls.extend(h for h in inner if h not in recursion.around_calls)

        def call() -> Value:
            fine = self.fine_so_far()
            return self.stage_if(fine, lambda: self._call_again(recursion, frame), self._given_up)

        return self.where_fine(call)

    def _given_up(self) -> NoReturn:
        raise Diverged()

    def _call_again(self, recursion: Recursion, frame: Frame) -> Value:
        depth = self.heap.lookup(recursion.depth, _DEPTH)
        deeper = self.binary_op(operator.add, depth, Static(1))
        state = {
            **self.heap.snapshot(),
            recursion.frame.cell: Names(frame.arguments),
            recursion.depth: Names({_DEPTH: deeper}),
        }
        start = recursion.start
        # Where its arguments change their types, a call further in may be kept.
        strict = Strict(types=True)
        entry = self._join(recursion, start, recursion.state, state, recursion.entry, strict)
        if recursion.entry is None or not entry.equals(recursion.entry):
            recursion.entry = entry
            raise Widened(recursion)
        if recursion.exit is None:
            raise Unreached()
        return self._invoke(recursion, entry.collect(self.b, state, "b"))

    def _invoke(self, recursion: Recursion, arguments: Sequence[Tensor]) -> Value:
        """The result of a call, and what it changed put into the heap."""
        exit = _made(recursion)[1]
        exit.instantiate(self.b.invoke(recursion.function, arguments))
        storages = _Storages(recursion, self.heap)
        for cell in exit.cells:
            self.heap.cells[cell] = storages.of_call(self.heap.cells[cell])
        if storages.may_be_given:
            self.heap.copied.update(storages_in(self.heap.cells))
        value = self.heap.lookup(recursion.result, _RESULT)
        self.heap[recursion.result] = Names({_RESULT: UNBOUND})
        if self.is_uncertain:
            self.at_raise = self.heap.snapshot()
        return value


class _Storages:
    """The memory of the arrays that come out of a call: what a call makes, each makes anew."""

    def __init__(self, recursion: Recursion, heap: Heap) -> None:
        self.outside = {*storages_in(recursion.start), *heap.array_cells}
        self.given = set(storages_in(recursion.state))
        self.made: dict[int, int] = {}
        self.may_be_given = False
        """Whether a result may be an array that the call was given."""

    def of_call(self, content: Content) -> Content:
        match content:
            case Names(items=items) | Attributes(items=items) | Entries(items=items):
                return replace(content, items={k: self._value(v) for k, v in items.items()})
            case Items(items=items):
                return Items(tuple(map(self._value, items)))
        return content

    def _value(self, value: Value) -> Any:
        match value:
            case Tensor(storage=storage):
                return replace(value, storage=self._storage(storage))
            case Tuple(items=items):
                return replace(value, items=tuple(map(self._value, items)))
            case Option(value=inner, absent=absent):
                return replace(value, value=self._value(inner), absent=self._value(absent))
        return value

    def _storage(self, storage: int) -> int:
        if storage in self.outside:
            return storage
        if storage == UNKNOWN_STORAGE or storage in self.given:
            self.may_be_given = True
            return UNKNOWN_STORAGE
        return self.made.setdefault(storage, new_storage())


def _made(recursion: Recursion) -> tuple[Join, Join]:
    if recursion.entry is None or recursion.exit is None:
        raise TypeError(f"{recursion.frame.name} has no types yet")
    return recursion.entry, recursion.exit


def _is_of_one_function(a: Frame, b: Frame) -> bool:
    return a.prepared is b.prepared and a.parent is b.parent and a.function is b.function


class _Likeness(enum.IntEnum):
    """How a call's argument is like that of a call around it."""

    UNLIKE = 0
    OTHER_NUMBER = 1
    """A number that's known, and another one."""
    ALIKE = 2


def _likeness(a: Value, b: Value) -> _Likeness:
    if same(a, b):
        return _Likeness.ALIKE
    match a, b:
        case Tensor(), Tensor():
            alike = (a.kind, a.dtype, a.ndim) == (b.kind, b.dtype, b.ndim)
            return _Likeness.ALIKE if alike else _Likeness.UNLIKE
        case Tuple(items=x), Tuple(items=y) if a.cls is b.cls and len(x) == len(y):
            return min(map(_likeness, x, y), default=_Likeness.ALIKE)
        case Node(), Node():
            return _Likeness.ALIKE if a.forest is b.forest else _Likeness.UNLIKE
        case Option(), Option():
            return min(_likeness(a.value, b.value), _likeness(a.absent, b.absent))
    kind = _number_type(a)
    if kind is None or kind is not _number_type(b):
        return _Likeness.UNLIKE
    known = isinstance(a, Static) and isinstance(b, Static)
    return _Likeness.OTHER_NUMBER if known else _Likeness.ALIKE


def _paired(a: Content | None, b: Content | None) -> list[tuple[Value, Value]] | None:
    """What two lists, dicts or objects hold in the same places, if they have the same places."""
    match a, b:
        case Items(items=x), Items(items=y) if len(x) == len(y):
            return list(zip(x, y))
        case (Entries(items=xs), Entries(items=ys)) | (Attributes(items=xs), Attributes(items=ys)):
            return [(v, ys[k]) for k, v in xs.items()] if xs.keys() == ys.keys() else None
        case GrownList(), GrownList() if same_template(a.element, b.element):
            return [(a.length, b.length)]
    return None


def _number_type(value: Value) -> type | None:
    if isinstance(value, Scalar):
        return value.type
    kind = type(value.obj) if isinstance(value, Static) else None
    return kind if kind in SCALAR_DTYPES else None
