"""``try``, ``with`` and ``raise``: what an exception does before it leaves the program.

An exception is certain where the interpreter gets to it on the way that it's on; then it's raised
in the interpreter itself as :class:`PythonError`, and handlers run as in Python. One that depends on
data ends its way, and goes on to the caller, or to a handler (``catching.py``).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import gast

from astfront.control.endings import Diverged, Handler, PythonError, class_of
from astfront.control.generators import Abandoned
from astfront.diagnostics import CompileError
from astfront.effects import is_exception
from astfront.machine import Machine
from astfront.source import get_source
from astfront.values import NONE, UNBOUND, Deferred, Generator, Object, Poison, Static, Value
from passes.syntax import liveness, names


class Exceptions(Machine):
    # --- raising -----------------------------------------------------------------------------

    def raise_value(self, value: Value, cause: Value | None = None) -> NoReturn:
        """``raise value from cause``"""
        if isinstance(value, Poison):
            self.poisoned()
        if isinstance(value, Deferred) and is_exception(value):
            self.raise_python(value)
        exception = value.obj if isinstance(value, Static) else None
        if isinstance(exception, type) and issubclass(exception, BaseException):
            exception = exception()
        if not isinstance(exception, BaseException):
            self.fail("AF0108", "what is raised here isn't known while compiling")
        if isinstance(cause, Static):
            why = cause.obj
            exception.__cause__ = why() if isinstance(why, type) else why
        elif cause is not None:
            self.fail("AF0108", "the cause of what is raised here isn't known while compiling")
        self.raise_python(exception)

    def is_caught_here(self, exception: BaseException | Deferred) -> bool:
        """Whether a handler on this very way takes it, whatever the data are."""
        cls = class_of(exception)
        handler = next((h for h in reversed(self.handlers) if h.takes(cls)), None)
        if handler is None or self.is_uncertain:
            return False
        return handler.staged_depth == self.staged_depth

    def refuse_staged(self, cls: type) -> NoReturn:
        self.fail(
            "AF0106",
            f"whether the {cls.__name__} that is caught here is raised depends on data",
            help="test for the condition with an `if` beforehand",
        )

    @contextmanager
    def catching(self, classes: tuple[type, ...] | None, stages: bool = False) -> Iterator[Handler]:
        depth = len(self.handlers)
        made = Handler(classes, self.staged_depth, stages)
        self.handlers.append(made)
        try:
            yield made
        finally:
            del self.handlers[depth:]

    def attempt(self, way: Callable[[], Value], *classes: type) -> Value | None:
        """The value of ``way()``, or None where it raises one of these exceptions."""
        try:
            with self.catching(classes):
                return way()
        except PythonError as e:
            if not issubclass(class_of(e.exception), classes):
                raise
            return None

    # --- try ---------------------------------------------------------------------------------

    def try_statement(self, node: gast.Try) -> None:
        if not node.finalbody:
            self._try(node)
            return
        count = len(self.exceptions)
        try:
            self._try(node)
        except (PythonError, Diverged, Abandoned):
            self.cleaning_up(count, lambda: self.exec_block(node.finalbody))
            raise
        self.cleaning_up(count, lambda: self.exec_block(node.finalbody))

    def cleaning_up(self, exceptions: int, way: Callable[[], Any]) -> Any:
        """Run what is run after an exception too. Where one may have been raised when the program
        runs, effects in it can't be noted: they'd count as those after the exception."""
        outer = self.effects_refused
        new = range(exceptions + 1, len(self.exceptions) + 1)
        self.effects_refused = outer or any(self.caught_by.get(code) is None for code in new)
        try:
            with self.in_any_case():
                return self.clean_up(exceptions, way)
        finally:
            self.effects_refused = outer

    def _try(self, node: gast.Try) -> None:
        if not node.handlers:
            self.exec_block(node.body)
            return
        with self.catching(self._caught_classes(node), stages=True) as handler:
            self.try_block(node, handler, node.body)

    def _caught_classes(self, node: gast.Try) -> tuple[type, ...] | None:
        classes: list[type] = []
        for handler in node.handlers:
            try:
                classes.extend(self.classes_of(handler))
            except (CompileError, PythonError, Diverged):
                return None
        return tuple(classes)

    def classes_of(self, handler: gast.ExceptHandler) -> tuple[type, ...]:
        if handler.type is None:
            return (BaseException,)
        found = self.static(self.visit(handler.type), "what is caught")
        return found if isinstance(found, tuple) else (found,)

    def handle_certain(self, node: gast.Try, error: PythonError) -> None:
        cls = class_of(error.exception)
        for handler in node.handlers:
            if not issubclass(cls, self.classes_of(handler)):
                continue
            self.run_handler(handler, error)
            return
        raise error

    def run_handler(self, handler: gast.ExceptHandler, error: PythonError) -> None:
        if handler.name is not None:
            caught = error.exception
            value = caught if isinstance(caught, Deferred) else Static(caught)
            self.bind_name(handler.name.id, value)
        self.handled.append(error)
        try:
            self.exec_block(handler.body)
        finally:
            self.handled.pop()
        if handler.name is not None:
            self.unbind_name(handler.name.id)

    def raise_again(self) -> NoReturn:
        if not self.handled:
            self.fail("AF0108", "a bare `raise` isn't supported here")
        self.raise_python(self.handled[-1].exception)

    # --- with --------------------------------------------------------------------------------

    def with_items(self, items: Sequence[Any], node: gast.With) -> None:
        if not items:
            self.exec_block(node.body)
            return
        item, rest = items[0], items[1:]
        manager = self.visit(item.context_expr)
        if isinstance(manager, Poison):
            self.with_items(rest, node)
            return

        def entered(value: Value) -> None:
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
            self.with_items(rest, node)

        if isinstance(manager, Generator):
            self.with_generator(manager, entered)
            return
        if not isinstance(manager, Object):
            self.fail(
                "AF0301",
                "this context manager isn't supported",
                help="chainer.using_config, classes with __enter__ and __exit__, and functions "
                "decorated with contextlib.contextmanager are",
            )
        leave = self.get_attribute(manager, "__exit__")
        value = self.call(self.get_attribute(manager, "__enter__"), [], {})
        swallows = _may_swallow(manager.cls)
        is_own = not manager.cls.__module__.startswith("astfront.")
        if is_own and (swallows or self.handlers) and not self.is_uncertain:
            unbound = self._not_yet_bound(node) if swallows else []
            self.with_exits(lambda: entered(value), leave, unbound)
            return
        count = len(self.exceptions)
        try:
            entered(value)
        except (PythonError, Diverged) as e:
            exception = self._raised(e)
            arguments = [Static(type(exception)), Static(exception), NONE]
            self.cleaning_up(count, lambda: self.call(leave, arguments, {}))
            if swallows:
                self.refuse_staged(type(exception))
            raise
        except Abandoned:
            self.call(leave, [NONE, NONE, NONE], {})
            raise
        if self.is_uncertain and is_own:
            self.refuse_staged(Exception)
        self.cleaning_up(count, lambda: self.call(leave, [NONE, NONE, NONE], {}))

    def _raised(self, e: PythonError | Diverged) -> BaseException:
        exception = getattr(e, "exception", None)
        if isinstance(exception, BaseException):
            return exception
        cls = class_of(exception) if exception is not None else RuntimeError
        with suppress(TypeError):
            return cls()
        return RuntimeError()

    def _not_yet_bound(self, node: gast.With) -> list[str]:
        """The names that the body of a ``with`` may bind, which are read after it and unbound before:
        what they were isn't kept, as far as nothing else reads it.

        What follows a ``with`` whose body returns is taken to be out of reach.
        """
        found = liveness.assigned(node.body)
        if any(map(names.is_generated, found)):
            self.fail(
                "AF0301",
                "a jump out of a `with` whose context manager may stop exceptions isn't supported",
            )
        cell, live = self.frame.cell, self.live_after(node)
        return [n for n in found if live(cell, n) and self.heap.lookup(cell, n) is UNBOUND]


def _may_swallow(cls: type) -> bool:
    """Whether ``__exit__`` may give something true."""
    method = getattr(cls, "__exit__", None)
    if not isinstance(method, types.FunctionType):
        return True
    for node in gast.walk(get_source(method).node):
        value = node.value if isinstance(node, gast.Return) else None
        if value is not None and (not isinstance(value, gast.Constant) or value.value):
            return True
    return False
