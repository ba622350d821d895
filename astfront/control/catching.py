"""Handlers of exceptions that depend on data.

A check in the body of a ``try`` that takes its exception doesn't end the call: it notes the exception's
code in a cell of the heap, ``caught_cell``, and what follows in the body is compiled as if it had been
fine. What that changes mustn't show where it wasn't:

- the state in which the first exception is raised is kept (``at_raise``); where a branch begins or ends
  in the same statement, the two states are joined (:meth:`Catching.settle`);
- the statements after that one are compiled under an If (:meth:`Catching.unless_caught`), of which the
  other way goes on from the kept state: in the body of the ``try`` itself, with the handler that the
  code tells, and further in, up to there.
"""

from __future__ import annotations

import functools
import itertools
import operator
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import gast
from chainer.utils.type_check import InvalidType

from astfront.contents import Names
from astfront.control.branches import Arm
from astfront.control.endings import Caught, Handler, Noted, PythonError, Shortened, class_of
from astfront.control.generators import Abandoned
from astfront.environment import State
from astfront.machine import Machine
from astfront.source import get_source
from astfront.values import NONE, UNBOUND, BoundMethod, Deferred, Option, Scalar, Static, Value

_CODE = "code"


class Catching(Machine):
    def stager_of(self, cls: type) -> Handler | None:
        """The ``try`` that takes an exception which depends on data; None where it leaves the call."""
        handler = next((h for h in reversed(self.handlers) if h.takes(cls)), None)
        if handler is None:
            return None
        if not handler.stages or handler.classes is None:
            self.refuse_staged(cls)
        return handler

    @property
    def is_uncertain(self) -> bool:
        """Whether an exception that is caught further out may have been raised by now."""
        if not self.handlers:
            return False
        return isinstance(self.heap.lookup(self.caught_cell, _CODE), Scalar)

    def nothing_caught(self) -> Scalar:
        code = self.as_scalar(self.heap.lookup(self.caught_cell, _CODE), int)
        return Scalar(self.b.call("equal", code, self.as_scalar(Static(0), int)).expr, bool)

    def if_not_caught(self, value: Value) -> Value:
        """A value that isn't there where an exception was raised: nobody looks at it then."""
        is_missing = isinstance(value, Option) and value.absent is UNBOUND
        return value.value if is_missing and self.is_uncertain else value  # type: ignore[attr-defined, no-any-return]

    # --- the state in which an exception is raised -------------------------------------------

    def freeze(self) -> None:
        """An exception that's caught may be raised here: the state is as it is, if it's the first."""
        if self.is_uncertain and self.at_raise is not None:
            now = self.heap.snapshot()
            self.at_raise = self._joined_where_fine(now, self.at_raise)
            self.heap.restore({**self.heap.cells, **now})
        else:
            self.at_raise = self.heap.snapshot()

    def settle(self) -> None:
        """Where an exception was raised, the state is the one in which it was."""
        if not self.is_uncertain or self.at_raise is None:
            return
        now, frozen = self.heap.snapshot(), {**self.heap.base, **self.at_raise}
        if any(now.get(c) is not v for c, v in frozen.items() if c != self.caught_cell):
            now = self._joined_where_fine(now, self.at_raise)
        self.at_raise = now

    def _joined_where_fine(self, now: State, frozen: State) -> State:
        fine, self.at_raise = self.nothing_caught(), None
        with self.b.new_scope() as here, self.b.new_scope() as there:
            pass
        frozen = self._still_there(frozen, now)
        self._join_arms(
            fine, frozen, Arm(here, now, False), Arm(there, frozen, False), self.no_result
        )
        return self.heap.snapshot()

    def _still_there(self, state: State, now: State) -> State:
        """A state at a raise, without the names of calls that have come to their ends since."""
        running = {frame.cell for frame in self.frames}
        kept = {}
        for cell, content in state.items():
            later = now.get(cell)
            if later is None:
                continue
            ended = isinstance(later, Names) and not later.items and cell not in running
            ended = ended and cell != self.heap.taken
            kept[cell] = later if ended else content
        kept[self.caught_cell] = now[self.caught_cell]
        return kept

    def unless_caught(self, way: Callable[[], None]) -> None:
        """Do something where no exception was raised that is caught further out."""
        if not self.is_uncertain:
            way()
            return

        def raised() -> NoReturn:
            raise Caught()

        self.branch_on_caught(way, raised)

    def where_fine(self, way: Callable[[], Value]) -> Value:
        """The value of ``way()``, where no exception was raised that is caught further out."""
        if not self.is_uncertain:
            return way()

        def go_on() -> Value:
            self.heap.bind(self.caught_cell, _CODE, Static(0))
            return way()

        def raised() -> NoReturn:
            raise Caught()

        return self.stage_if(self.nothing_caught(), go_on, raised)

    def turn_unless_caught(self, turn: Callable[[], None]) -> None:
        """A loop's turn, where none before it raised."""
        self.at_raise = None  # What was known before the loop isn't known in it.
        self.unless_caught(turn)

    def branch_on_caught(
        self,
        fine: Callable[[], None],
        raised: Callable[[], None],
        live: Callable[[int, Any], bool] = lambda cell, name: True,
    ) -> None:
        """Go on from the state of the program as it is, or from the one in which it raised."""
        now = self.heap.snapshot()
        frozen = self._still_there(self.at_raise or now, now)
        self.at_raise = None

        def go_on() -> Value:
            self.heap.bind(self.caught_cell, _CODE, Static(0))
            fine()
            return NONE

        def go_back() -> Value:
            self.heap.restore({**self.heap.cells, **frozen})
            raised()
            return NONE

        self.stage_if(self.nothing_caught(), go_on, go_back, live)

    def exec_guarded(self, statements: Sequence[gast.stmt]) -> None:
        """What follows a statement in which an exception may have been raised that is caught."""
        if statements:
            self.unless_caught(lambda: self.exec_block(statements))
        elif self.at_raise is None:
            self.at_raise = self.heap.snapshot()

    @contextmanager
    def in_any_case(self) -> Iterator[None]:
        """What is run inside runs after an exception, too: the end of a ``with``, a ``finally``."""
        uncertain = self.is_uncertain
        self.settle()
        outer, self.handlers = self.handlers, [] if uncertain else self.handlers
        try:
            yield
        finally:
            self.handlers = outer
            if uncertain:
                self.at_raise = self.heap.snapshot()

    # --- try ---------------------------------------------------------------------------------

    def try_block(self, node: gast.Try, handler: Handler, statements: Sequence[gast.stmt]) -> None:
        """(The rest of) the body of a ``try``, and what comes after it: its ``else``, or a handler.

        Where a statement may have raised, what comes after it is compiled for either case.
        """
        for i, statement in enumerate(statements, 1):
            since = len(self.exceptions)
            try:
                self.exec(statement)
            except PythonError as e:
                with self._outside(handler):
                    self.handle_certain(node, e)
                return
            except Caught:
                self._handle_code(node, handler, since)
                return
            if self.is_uncertain:
                self.branch_on_caught(
                    lambda i=i: self.try_block(node, handler, statements[i:]),  # type: ignore[misc]
                    lambda since=since: self._handle_code(node, handler, since),  # type: ignore[misc]
                    self._live_after_handlers(node),
                )
                return
        with self._outside(handler):
            self.exec_block(node.orelse)

    @contextmanager
    def _outside(self, handler: Handler) -> Iterator[None]:
        inner = self.handlers
        self.handlers = inner[: inner.index(handler)]
        try:
            yield
        finally:
            self.handlers = inner

    def _handle_code(self, node: gast.Try, handler: Handler, since: int) -> None:
        """The handler that the code tells, of what was raised since there were so many exceptions."""
        code = self.heap.lookup(self.caught_cell, _CODE)
        codes = range(since + 1, len(self.exceptions) + 1)
        mine = [c for c in codes if self.caught_by.get(c) is handler]
        ways = [
            (found, functools.partial(self._run_handler, clause, found[0]))
            for clause in node.handlers
            for found in self._groups(clause, mine, node)
        ]
        goes_on = any(self.caught_by.get(c) not in (None, handler) for c in codes)

        def dispatch(rest: Sequence[Any]) -> None:
            if not rest:
                raise Caught()
            (found, way), *others = rest
            if not others and not goes_on:
                way()  # None of the others is it.
                return
            self.stage_if(
                self._is_one_of(code, found),
                way,
                lambda: dispatch(others),
                self._live_after_handlers(node),
            )

        self.at_raise = None
        with self._outside(handler):
            dispatch(ways)

    def _live_after_handlers(self, node: gast.Try) -> Callable[[int, Any], bool]:
        """What its ``finally``, too, may read."""
        flow = self.frame.prepared.liveness
        return self.live_after(node, flow.exposed(node.finalbody) if flow is not None else ())

    # --- with --------------------------------------------------------------------------------

    def with_exits(
        self, body: Callable[[], None], leave: Value, unbound: Sequence[str] = ()
    ) -> None:
        """The body of a ``with`` whose exceptions are caught, by it if ``leave`` says so.

        No name that's ``unbound`` before it may be needed then.
        """
        since = len(self.exceptions)
        nothing = [NONE, NONE, NONE]

        def leave_fine() -> None:
            with self._outside(handler):
                self.call(leave, nothing, {})

        def leave_raised() -> None:
            if unbound:
                self.fail(
                    "AF0203",
                    f"`{unbound[0]}` is read after a `with` that may end before binding it",
                    help=f"bind `{unbound[0]}` right before the `with`",
                )
            self._leave_by_code(handler, since, leave)

        with self.catching((BaseException,), stages=True) as handler:
            try:
                body()
            except PythonError as e:
                with self._outside(handler):
                    self._leave_by(leave, e.exception)
                return
            except Caught:
                leave_raised()
                return
            except Abandoned:
                leave_fine()
                raise
            if self.is_uncertain:
                self.branch_on_caught(leave_fine, leave_raised)
            else:
                leave_fine()

    def _leave_by_code(self, handler: Handler, since: int, leave: Value) -> None:
        code = self.heap.lookup(self.caught_cell, _CODE)
        codes = range(since + 1, len(self.exceptions) + 1)
        mine = [c for c in codes if self.caught_by.get(c) is handler]
        goes_on = any(self.caught_by.get(c) not in (None, handler) for c in codes)

        def leave_by(found: int) -> None:
            self.heap.bind(self.caught_cell, _CODE, Static(0))
            exception = self.exceptions[found - 1][0]
            if isinstance(exception, Noted) or _looks_at_exception(leave):
                self._require_text(exception, found)
            self._leave_by(leave, exception)

        def dispatch(rest: Sequence[int]) -> None:
            if not rest:
                raise Caught()
            first, *others = rest
            if not others and not goes_on:
                leave_by(first)
                return
            self.stage_if(
                self._is_one_of(code, [first]), lambda: leave_by(first), lambda: dispatch(others)
            )

        self.at_raise = None
        with self._outside(handler):
            dispatch(mine)

    def _leave_by(self, leave: Value, exception: Any) -> None:
        """``__exit__`` after an exception, which goes on unless that gives something true."""
        if isinstance(exception, Deferred):
            self.refuse_staged(class_of(exception))
        arguments = [Static(type(exception)), Static(exception), NONE]
        self.stage_if(
            self.truth_value(self.call(leave, arguments, {})),
            lambda: None,
            lambda: self.raise_python(exception),
        )

    def _is_one_of(self, code: Value, codes: Sequence[int]) -> Value:
        tests = [self.compare(gast.Eq(), code, Static(c)) for c in codes]
        return functools.reduce(lambda a, b: self.binary_op(operator.or_, a, b), tests)

    def _groups(
        self, clause: gast.ExceptHandler, mine: list[int], node: gast.Try
    ) -> Iterator[list[int]]:
        """The codes that a clause takes: together, or one by one where it looks at the exception."""
        classes = self.classes_of(clause)
        earlier = [self.classes_of(c) for c in node.handlers[: node.handlers.index(clause)]]
        taken = []
        for code in mine:
            cls = self.class_of_code(code)
            if issubclass(cls, classes) and not any(issubclass(cls, e) for e in earlier):
                taken.append(code)
        raised = any(isinstance(n, gast.Raise) and n.exc is None for n in gast.walk(clause))
        if (clause.name is None or not _reads(clause.body, clause.name.id)) and not raised:
            yield from [taken] * bool(taken)
            return
        texts: dict[Any, list[int]] = {}
        for code in taken:
            exception = self.exceptions[code - 1][0]
            self._require_text(exception, code)
            texts.setdefault((type(exception), str(exception)), []).append(code)
        yield from texts.values()

    def _require_text(self, exception: Any, code: int) -> None:
        shortened = any(isinstance(a, Shortened) for a in getattr(exception, "args", ()))
        if shortened or isinstance(exception, Noted | InvalidType):
            self.fail(
                "AF0106",
                f"the text of the {self.class_of_code(code).__name__} that is caught here "
                "depends on data",
                help="don't use the exception in its handler",
            )

    def class_of_code(self, code: int) -> type:
        exception = self.exceptions[code - 1][0]
        return exception.cls if isinstance(exception, Noted) else type(exception)

    def _run_handler(self, clause: gast.ExceptHandler, code: int) -> None:
        exception, span = self.exceptions[code - 1]
        self.heap.bind(self.caught_cell, _CODE, Static(0))
        if isinstance(exception, Noted):
            exception = exception.cls.__new__(exception.cls)  # nobody looks at it
        self.run_handler(clause, PythonError(exception, span))


def _looks_at_exception(leave: Value) -> bool:
    """Whether an ``__exit__`` may use the exception itself, not only its class."""
    function = leave.function if isinstance(leave, BoundMethod) else None
    if not isinstance(function, Static) or not isinstance(function.obj, types.FunctionType):
        return True
    node = get_source(function.obj).node
    if not isinstance(node, gast.FunctionDef) or len(node.args.args) != 4:
        return True
    return _reads(node.body, node.args.args[2].id)


def _reads(statements: Sequence[gast.stmt], name: str) -> bool:
    nodes = itertools.chain.from_iterable(map(gast.walk, statements))
    return any(isinstance(n, gast.Name) and n.id == name for n in nodes)
