"""The abstract interpreter: walks a function's tree with abstract values and drives the builder.

One method a node kind, ``exec_`` here for statements and ``visit_`` in ``expressions.py``; a kind
without one is an error. What several kinds share is in the mixins: names and targets
(``targets.py``), operators, subscripts, attributes, calls, branches, loops (files of these names).
"""

from __future__ import annotations

import importlib
import types
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

import gast

from astfront.attribute_changes import AttributeChanges
from astfront.builder import Builder, OperatorError
from astfront.calls.calls import Calls
from astfront.calls.classes import Classes
from astfront.calls.frames import Frame
from astfront.calls.function_nodes import FunctionNodes
from astfront.calls.instances import Instances
from astfront.comparisons import Comparisons
from astfront.containers.containers import Containers
from astfront.containers.dicts import Dicts
from astfront.containers.finding import Finding
from astfront.containers.forests import Forest
from astfront.containers.grown import GrownLists
from astfront.containers.iterators import Iterators
from astfront.containers.trees import Trees
from astfront.containers.windows import Windows
from astfront.contents import Content, Names
from astfront.control.attempts import Attempts, Refused
from astfront.control.bounds import KnownBounds
from astfront.control.branches import Branches
from astfront.control.catching import Catching
from astfront.control.checks import Checks
from astfront.control.endings import Diverged, Handler, Noted, PythonError
from astfront.control.exceptions import Exceptions
from astfront.control.generators import Generators
from astfront.control.lasting import Lasting
from astfront.control.loops import Loops
from astfront.control.narrowing import Narrowing
from astfront.control.recursion import Recursions
from astfront.descriptions import describe
from astfront.diagnostics import CompileError, Diagnostic, InternalError, error, internal_error
from astfront.eager_calls import EagerCall
from astfront.effects import Effects
from astfront.environment import Heap, State
from astfront.expressions import Expressions
from astfront.fallback import Fallbacks
from astfront.in_place import InPlace
from astfront.lifting import Lifter
from astfront.machine import LoopAround, Recursion, Site
from astfront.numbers import Numbers
from astfront.operators import Operators
from astfront.overloading import Overloading
from astfront.randomness import RandomKeys
from astfront.report import Report
from astfront.spans import Span
from astfront.staged_texts import StagedTexts
from astfront.static_values import StaticValues
from astfront.subscripts import Subscripts
from astfront.targets import Targets
from astfront.values import (
    POISON,
    UNBOUND,
    Deferred,
    Poison,
    Static,
    Tensor,
    Value,
)
from passes.syntax import liveness, names


class Interpreter(
    Attempts,
    StaticValues,
    StagedTexts,
    Operators,
    Overloading,
    Comparisons,
    Numbers,
    KnownBounds,
    Containers,
    Dicts,
    Finding,
    GrownLists,
    Subscripts,
    InPlace,
    AttributeChanges,
    Calls,
    Instances,
    Classes,
    Fallbacks,
    Recursions,
    FunctionNodes,
    Checks,
    Branches,
    Catching,
    Lasting,
    Loops,
    Effects,
    Exceptions,
    Generators,
    Iterators,
    Targets,
    Trees,
    Windows,
    Narrowing,
    Expressions,
):
    """Compiles one call of one function; ``program.py`` is what uses it.

    With ``checks=False`` the program has no run-time checks (indices in range, divisors not 0). With a
    ``fallback``, calls that are refused run in Python.
    """

    def __init__(
        self, builder: Builder, *, checks: bool = True, fallback: str | None = None
    ) -> None:
        self.b = builder
        self.heap = Heap()
        self.lifter = Lifter(self.heap, builder, self.span)
        self.heap.layouts, self.heap.original = self.lifter.layouts, self.original_attribute
        self.heap.may_change_part, self.heap.write_back = self.may_change_part, self.write_back
        self.frames: list[Frame] = []
        self.diagnostics: list[Diagnostic] = []
        self.refused: list[Diagnostic] = []
        """All refusals, those of discarded attempts too."""
        self.report = Report()
        self.sites: list[Site] = []
        self.performed: dict[Span, Any] = {}
        self.loop_sites: dict[Any, int] = {}
        self.order = self.loop_order = self.loop_depth = 0
        self.exact_choices = False
        self.keys_refused = self.tuples_added = 0
        self.long_tuples = False
        self.instances = self.heap.instances
        self.originals: dict[tuple[int, Any], Value] = {}
        self.link_paths: dict[int, str] = {}
        self.changed_arrays: list[int] = []
        self.heap.place = builder.place = self.span
        self.error_cell = self.heap.new_external(Names({"code": Static(0)}))
        self.caught_cell = self.heap.new_external(Names({"code": Static(0)}))
        self.caught_by: dict[int, Handler | None] = {}
        self.changed_by: dict[int, Any] = {}
        self.argument_contents: dict[int, Content] = {}
        self.at_raise: State | None = None
        self.no_result = self.heap.new_external(Names())
        self.draws_cell = self.heap.new_external(Names({"count": Static(0)}))
        self.random_keys = RandomKeys()
        self.random_key: Tensor | None = None
        self.clock_cell = self.heap.new_external(Names({"now": Static(0)}))
        self.filters_cell = self.heap.new_external(Names({"now": Static(None)}))
        self.exceptions: list[tuple[BaseException | Noted, Span | None]] = []
        self.checks = checks
        self.handlers: list[Handler] = []
        self.handled: list[PythonError] = []
        self.effects_refused = False
        self.minima: dict[Any, int] = {}
        self.counts: dict[Any, Value] = {}
        self.fallback = fallback
        self.eager_calls: list[EagerCall] = []
        self.forests: list[Forest] = []
        self.known_kinds: dict[Any, tuple[int, ...]] = {}
        self.known_items: dict[Any, Value] = {}
        self.zipped: dict[int, tuple[Value, int]] = {}
        self.keeps_recursion = False
        self.recursions: list[Recursion] = []
        self.fruitless: dict[Any, list[list[Diagnostic]]] = {}
        """Why recursive functions, by their code, weren't kept since they last compiled."""
        self.endless: dict[Any, list[Diagnostic]] = {}
        """The functions, by their code, whose calls inside each other came to no end."""
        self.unending: set[Any] = set()
        """The loops, by their places, that went on when they were unrolled."""
        self.not_kept: set[tuple[int, str]] = set()
        self.at_turn: dict[tuple[int, int], Content] = {}
        self.loops_around: list[LoopAround] = []
        self.staged_depth = 0
        """How many staged branches and loops enclose what is being compiled."""
        self.ways = 1

    # --- places and errors -------------------------------------------------------------------

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def span(self) -> Span | None:
        """The place being compiled: in the user's code, where a library was called from it."""
        started = [frame for frame in self.frames if frame.node is not None]
        own = (frame for frame in reversed(started) if not frame.is_library)
        shown = next(own, started[-1] if started else None)
        return shown.span() if shown is not None else None

    def error(self, code: str, message: str, **details: Any) -> CompileError:
        """A CompileError at the place being compiled, with how it came to be compiled."""
        notes = list(details.pop("notes", ()))
        shown = next((f for f in reversed(self.frames) if not f.is_library), None)
        if shown is not None and shown is not self.frames[-1]:
            inner = self.frames[-1]
            place = inner.span()
            where = f" ({place.location(column=False)})" if place else ""
            notes.append(f"raised inside {inner.name}{where}")
        index = self.frames.index(shown) if shown is not None else 0
        for frame in reversed(self.frames[1 : index + 1]):
            if frame.call_span is not None:
                notes.append(
                    f"{frame.name} is called from {frame.call_span.location(column=False)}"
                )
        notes = [
            text if times == 1 else f"{text} ({times} times)"
            for text, times in Counter(notes).items()
        ]
        return error(code, message, self.span(), notes=notes, **details)

    def fail(self, code: str, message: str, **details: Any) -> NoReturn:
        raise self.error(code, message, **details)

    def poisoned(self) -> NoReturn:
        """Something that was refused, and reported, is used: there's nothing new to say."""
        raise CompileError(self.refused[-1:])

    def raise_python(self, exception: BaseException | Deferred) -> NoReturn:
        """The program raises ``exception`` here, as Python would."""
        if self.diagnostics:
            # It may only follow from what was refused before.
            self.poisoned()
        if (self.staged_depth or self.is_uncertain) and not self.is_caught_here(exception):
            self.diverge(exception)
        raise PythonError(exception, self.span())

    def raise_lacking(self, v: Value, method: str, message: str) -> NoReturn:
        """TypeError, if the Python object has no such method; AF0207 if it has one."""
        if hasattr(self.static(self.call(Static(type), [v], {})), method):
            self.fail("AF0207", f"`{method}` of {describe(v)} isn't supported")
        self.raise_python(TypeError(message))

    def at(self, node: gast.AST) -> _At:
        """The one place where locations are attached."""
        return _At(self, node)

    # --- statements --------------------------------------------------------------------------

    def exec_block(self, statements: Sequence[gast.stmt]) -> None:
        for i, statement in enumerate(statements, 1):
            self.exec(statement)
            if self.is_uncertain:
                self.exec_guarded(statements[i:])
                return

    def exec(self, statement: gast.stmt) -> None:
        """Run a statement; a refusal is kept for the report and what it binds is poisoned."""
        method = getattr(self, f"exec_{type(statement).__name__}", None)
        self.frame.statement_cell = self.heap.next_cell
        try:
            with self.at(statement):
                if method is None:
                    self.fail("AF0108", f"`{type(statement).__name__}` isn't supported")
                method(statement)
        except InternalError:
            raise
        except CompileError as e:
            if self.frame.is_library:
                # The user's statement is what isn't supported; more from inside would be noise.
                raise
            new = [d for d in e.diagnostics if d not in self.diagnostics]
            self.diagnostics.extend(new)
            self.refused.extend(new)
            for name in liveness.assigned(statement):
                self.heap.bind(self.frame.cell, name, POISON)

    def exec_Expr(self, node: gast.Expr) -> None:
        self.visit(node.value)

    def exec_Pass(self, node: gast.Pass) -> None:
        pass

    def exec_Assign(self, node: gast.Assign) -> None:
        *others, last = node.targets
        before = self.heap.next_cell
        with self.held(self.visit(node.value)) as cell:
            for target in others:
                self.assign(target, self.heap.lookup(cell, 0))
            value = self.heap.lookup(cell, 0)
        self.assign(last, value)
        if isinstance(last, gast.Tuple | gast.List):
            self.heap.forget_views(value, before)

    def exec_AnnAssign(self, node: gast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.visit(node.value))

    def exec_AugAssign(self, node: gast.AugAssign) -> None:
        target = node.target
        if isinstance(target, gast.Name):
            old, value = self.operands([self.load_name(target.id), node.value])
            self.bind_name(target.id, self.augmented(node.op, old, value))
        elif isinstance(target, gast.Attribute):
            owner = self.visit(target.value)
            old, value = self.operands([self.get_attribute(owner, target.attr), node.value])
            new = self.augmented(node.op, old, value)
            variable = isinstance(owner, Tensor) and owner.kind == "variable"
            if not variable or target.attr not in ("array", "data"):
                self.set_attribute(owner, target.attr, new)
            elif not isinstance(new, Tensor) or new.kind != "array":
                self.set_attribute(owner, target.attr, new)  # another one; else it holds it still
        else:
            if self.change_chosen(target, node.value, node.op):
                return
            container, index = self.operands([target.value, target.slice])
            held = [container, index, self.get_item(container, index), node.value]
            container, index, old, value = self.operands(held)
            part = isinstance(container, Tensor)
            new = self.augmented(node.op, old, value, part)
            self.set_item(container, index, new)

    def exec_Delete(self, node: gast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, gast.Name):
                self.load_name(target.id)
                self.unbind_name(target.id)
            elif isinstance(target, gast.Attribute):
                self.delete_attribute(self.visit(target.value), target.attr)
            elif isinstance(target, gast.Subscript):
                self.delete_item(self.visit(target.value), self.visit(target.slice))

    def exec_FunctionDef(self, node: gast.FunctionDef) -> None:
        is_method = isinstance(self.frame.prepared.node, gast.ClassDef)
        function: Value = self.make_method(node) if is_method else self.make_function(node)
        for decorator in reversed(node.decorator_list):
            function = self.call(self.visit(decorator), [function], {})
        self.bind_name(node.name, function)

    def exec_ClassDef(self, node: gast.ClassDef) -> None:
        self.class_statement(node)

    def exec_Return(self, node: gast.Return) -> None:
        self.fail("AF0108", "a return in this place isn't supported")

    def exec_Assert(self, node: gast.Assert) -> None:
        value = self.condition(node.test)
        if isinstance(value, Poison) or (isinstance(value, Static) and value.obj):
            return
        if node.msg is None or isinstance(node.msg, gast.Constant):
            message = () if node.msg is None else (node.msg.value,)
            self.check(value, AssertionError(*message))
        elif isinstance(value, Static) or self.checks:
            self.stage_if(value, lambda: None, lambda: self._failed_assertion(node.msg))

    def _failed_assertion(self, message: gast.expr) -> NoReturn:
        self.raise_value(self.construct(AssertionError, [self.visit(message)], {}))

    def exec_Raise(self, node: gast.Raise) -> None:
        if node.exc is None:
            self.raise_again()
        exception = self.visit(node.exc)
        self.raise_value(exception, None if node.cause is None else self.visit(node.cause))

    def exec_Global(self, node: gast.Global) -> None:
        pass

    def exec_Nonlocal(self, node: gast.Nonlocal) -> None:
        self.frame.nonlocals.update(node.names)

    def exec_Import(self, node: gast.Import) -> None:
        for alias in node.names:
            module = self.import_module(alias.name)
            if not alias.asname:
                module = self.import_module(alias.name.partition(".")[0])
            self.bind_name(names.bound_by_alias(alias), Static(module))

    def import_module(self, name: str, package: str | None = None) -> types.ModuleType:
        try:
            return importlib.import_module(name, package)
        except ImportError as e:
            self.raise_python(e)

    def exec_ImportFrom(self, node: gast.ImportFrom) -> None:
        package = self.frame.globals.get("__package__") or None
        module = self.import_module("." * node.level + (node.module or ""), package)
        for alias in node.names:
            value = self.module_attribute(module, alias.name)
            self.bind_name(alias.asname or alias.name, value)

    def exec_With(self, node: gast.With) -> None:
        self.with_items(node.items, node)

    def exec_Try(self, node: gast.Try) -> None:
        self.try_statement(node)

    def exec_If(self, node: gast.If) -> None:
        self.if_statement(node)

    def exec_For(self, node: gast.For) -> None:
        self.for_statement(node)

    def exec_While(self, node: gast.While) -> None:
        self.while_statement(node)


class _At:
    """``with`` a node being compiled: what is raised meanwhile is raised at its place.

    A class, as it's entered for each expression: a generator takes three times as long.
    """

    __slots__ = ("frame", "interpreter", "node", "outer")

    def __init__(self, interpreter: Interpreter, node: gast.AST) -> None:
        self.interpreter, self.node = interpreter, node

    def __enter__(self) -> None:
        self.frame = self.interpreter.frames[-1]
        self.outer, self.frame.node = self.frame.node, self.node

    def __exit__(self, kind: Any, raised: BaseException | None, trace: Any) -> None:
        try:
            if isinstance(raised, OperatorError):
                raise self.interpreter.error("AF0601", str(raised)) from raised
            if isinstance(raised, Exception) and not isinstance(raised, _PASSED_ON):
                raise internal_error(raised, self.interpreter.span()) from raised
        finally:
            self.frame.node = self.outer


_PASSED_ON = (CompileError, PythonError, Diverged, Refused, RecursionError)


__all__ = ["UNBOUND", "Interpreter", "PythonError"]
