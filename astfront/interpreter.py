"""The abstract interpreter: walks a function's tree with abstract values and drives the builder.

One ``visit_`` or ``exec_`` method a node kind; a kind without one is an error. What several kinds
share is in the mixins: operators and subscripts (``operators.py``), attributes (``attributes.py``),
calls (``calls.py``), branches and loops (``branches.py``, ``loops.py``).
"""

from __future__ import annotations

import builtins
import collections
import importlib
import types
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import chainer
import gast
import numpy as np

from astfront import hints
from astfront.attributes import Attributes
from astfront.bounds import KnownBounds
from astfront.branches import Branches, Diverged, PythonError
from astfront.builder import Builder, OperatorError
from astfront.calls import Calls
from astfront.comparisons import Comparisons
from astfront.containers import Containers
from astfront.diagnostics import CompileError, Diagnostic, InternalError, error, internal_error
from astfront.effects import Effects, Noted, Site, is_exception
from astfront.environment import Heap
from astfront.exceptions import Exceptions, Handler
from astfront.frames import Frame
from astfront.function_nodes import FunctionNodes
from astfront.generators import Generators
from astfront.grown import GrownLists
from astfront.iterators import Iterators
from astfront.lifting import MISSING, TRUSTED_PACKAGES, Lifter, Location, is_static
from astfront.loops import Loops, Refused
from astfront.numbers import Numbers
from astfront.operators import Operators
from astfront.randomness import RandomKeys
from astfront.report import Report
from astfront.source import Span
from astfront.subscripts import Subscripts
from astfront.values import (
    FALSE,
    NONE,
    POISON,
    TRUE,
    UNBOUND,
    Deferred,
    Dict,
    Function,
    List,
    Names,
    Option,
    Poison,
    Set,
    Slice,
    Static,
    Tensor,
    Tuple,
    Unbound,
    Value,
    describe,
)
from passes.syntax import comprehension, liveness, names


class Interpreter(
    Operators,
    Comparisons,
    Numbers,
    KnownBounds,
    Containers,
    GrownLists,
    Subscripts,
    Attributes,
    Calls,
    FunctionNodes,
    Branches,
    Loops,
    Effects,
    Exceptions,
    Generators,
    Iterators,
):
    """Compiles one call of one function; ``program.py`` is what uses it.

    With ``checks=False`` the program has no run-time checks (indices in range, divisors not 0).
    """

    def __init__(self, builder: Builder, *, checks: bool = True) -> None:
        self.b = builder
        self.heap = Heap()
        self.lifter = Lifter(self.heap, builder, self.span)
        self.heap.original = self.original_attribute
        self.frames: list[Frame] = []
        self.diagnostics: list[Diagnostic] = []
        self.refused: list[Diagnostic] = []
        """All refusals, those of discarded attempts too."""
        self.report = Report()
        self.sites: list[Site] = []
        self.loop_sites: dict[Any, int] = {}
        self.order = self.loop_order = self.loop_depth = 0
        self.instances = self.heap.instances
        self.originals: dict[tuple[int, Any], Value] = {}
        """What attributes of real objects were when they were first read."""
        self.link_paths: dict[int, str] = {}
        self.array_changes = 0
        self.last_change: dict[int, int] = {}
        self.heap.place = self.span
        self.error_cell = self.heap.new_external(Names({"code": Static(0)}))
        self.draws_cell = self.heap.new_external(Names({"count": Static(0)}))
        self.random_keys = RandomKeys()
        self.random_key: Tensor | None = None
        self.clock_cell = self.heap.new_external(Names({"now": Static(0)}))
        self.exceptions: list[tuple[BaseException | Noted, Span | None]] = []
        """What the program may raise at run time; the error cell holds 1 + an index of this."""
        self.checks = checks
        self.handlers: list[Handler] = []
        self.handled: list[PythonError] = []
        self.effects_refused = False
        self.minima: dict[Any, int] = {}
        """Lower bounds that hold where the interpreter is: see ``bounds.py``."""
        self.staged_depth = 0
        """How many staged branches and loops enclose what is being compiled."""
        self.attempts = 0
        """How many attempts at keeping a loop are under way (their faults aren't final)."""

    # --- places and errors -------------------------------------------------------------------

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def span(self) -> Span | None:
        """The place being compiled: in the user's code, where a library was called from it."""
        for frame in reversed(self.frames):
            if not frame.is_library:
                return frame.span()
        return self.frames[-1].span() if self.frames else None

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
        if self.staged_depth and not self.is_caught_here(exception):
            self.diverge(exception)
        raise PythonError(exception, self.span())

    @contextmanager
    def at(self, node: gast.AST) -> Iterator[None]:
        """The one place where locations are attached."""
        frame = self.frame
        outer, frame.node = frame.node, node
        outer_span, self.b.span = self.b.span, self.span()
        try:
            yield
        except (CompileError, PythonError, Diverged, Refused):
            raise
        except OperatorError as e:
            raise self.error("AF0601", str(e)) from e
        except RecursionError:
            raise
        except Exception as e:
            raise internal_error(e, self.span()) from e
        finally:
            frame.node, self.b.span = outer, outer_span

    # --- statements --------------------------------------------------------------------------

    def exec_block(self, statements: Sequence[gast.stmt]) -> None:
        for statement in statements:
            self.exec(statement)

    def exec(self, statement: gast.stmt) -> None:
        """Run a statement; a refusal is kept for the report and what it binds is poisoned."""
        method = getattr(self, f"exec_{type(statement).__name__}", None)
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
        value = self.visit(node.value)
        for target in node.targets:
            self.assign(target, value)

    def exec_AnnAssign(self, node: gast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.visit(node.value))

    def exec_AugAssign(self, node: gast.AugAssign) -> None:
        target = node.target
        if isinstance(target, gast.Name):
            old = self.load_name(target.id)
            self.bind_name(target.id, self.augmented(node.op, old, self.visit(node.value)))
        elif isinstance(target, gast.Attribute):
            owner = self.visit(target.value)
            old = self.get_attribute(owner, target.attr)
            new = self.augmented(node.op, old, self.visit(node.value))
            variable = isinstance(owner, Tensor) and owner.kind == "variable"
            if not variable or target.attr not in ("array", "data"):
                self.set_attribute(owner, target.attr, new)
            elif not isinstance(new, Tensor) or new.kind != "array":
                self.set_attribute(owner, target.attr, new)  # another one; else it holds it still
        else:
            container, index = self.visit(target.value), self.visit(target.slice)
            old = self.get_item(container, index)
            part = isinstance(container, Tensor)
            new = self.augmented(node.op, old, self.visit(node.value), part)
            self.set_item(container, index, new)

    def exec_Delete(self, node: gast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, gast.Name):
                self.load_name(target.id)
                self.heap.unbind(self.frame.cell, target.id)
            elif isinstance(target, gast.Attribute):
                self.delete_attribute(self.visit(target.value), target.attr)
            elif isinstance(target, gast.Subscript):
                self.delete_item(self.visit(target.value), self.visit(target.slice))

    def exec_FunctionDef(self, node: gast.FunctionDef) -> None:
        function: Value = self.make_function(node)
        for decorator in reversed(node.decorator_list):
            function = self.call(self.visit(decorator), [function], {})
        self.bind_name(node.name, function)

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
        self.raise_value(self.visit(node.exc))

    def raise_value(self, value: Value) -> NoReturn:
        if isinstance(value, Poison):
            self.poisoned()
        if isinstance(value, Deferred) and is_exception(value):
            self.raise_python(value)
        exception = value.obj if isinstance(value, Static) else None
        if isinstance(exception, type) and issubclass(exception, BaseException):
            exception = exception()
        if not isinstance(exception, BaseException):
            self.fail("AF0108", "what is raised here isn't known while compiling")
        self.raise_python(exception)

    def exec_Global(self, node: gast.Global) -> None:
        pass

    def exec_Nonlocal(self, node: gast.Nonlocal) -> None:
        """The names are those of a function around it, and of one that's compiled."""
        for name in node.names:
            frame = self.frame.parent
            while frame is not None and name not in frame.prepared.locals:
                frame = frame.parent
            if frame is None:
                self.fail(
                    "AF0105",
                    f"assigning to `{name}` of a function around the model is not supported",
                    help="return the value, or keep it in an attribute of the model",
                )
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
        self.with_items(node.items, node.body)

    def exec_Try(self, node: gast.Try) -> None:
        self.try_statement(node)

    def exec_If(self, node: gast.If) -> None:
        self.if_statement(node)

    def exec_For(self, node: gast.For) -> None:
        self.for_statement(node)

    def exec_While(self, node: gast.While) -> None:
        self.while_statement(node)

    # --- targets -----------------------------------------------------------------------------

    def assign(self, target: gast.AST, value: Value) -> None:
        with self.at(target):
            if isinstance(target, gast.Name):
                self.bind_name(target.id, value)
            elif isinstance(target, gast.Attribute):
                self.set_attribute(self.visit(target.value), target.attr, value)
            elif isinstance(target, gast.Subscript):
                self.set_item(self.visit(target.value), self.visit(target.slice), value)
            elif isinstance(target, gast.Tuple | gast.List):
                self.unpack(target.elts, value)
            else:
                self.fail("AF0108", f"assignment to a {type(target).__name__} isn't supported")

    def unpack(self, targets: Sequence[gast.expr], value: Value) -> None:
        star = next((i for i, t in enumerate(targets) if isinstance(t, gast.Starred)), None)
        if isinstance(value, Poison):
            for target in targets:
                self.assign(target.value if isinstance(target, gast.Starred) else target, value)
            return
        items = self.items_of(value, None if star is not None else len(targets))
        wanted = len(targets)
        if star is None and len(items) != wanted:
            few = "not enough values" if len(items) < wanted else "too many values"
            detail = f", got {len(items)}" if len(items) < wanted else ""
            self.raise_python(ValueError(f"{few} to unpack (expected {wanted}{detail})"))
        if star is not None:
            if len(items) < wanted - 1:
                self.raise_python(ValueError("not enough values to unpack"))
            after = wanted - star - 1
            rest = items[star : len(items) - after]
            items = [*items[:star], self.heap.new_list(rest), *items[len(items) - after :]]
        for target, item in zip(targets, items):
            self.assign(target.value if isinstance(target, gast.Starred) else target, item)

    def bind_name(self, name: str, value: Value) -> None:
        frame = self.frame
        if name in frame.nonlocals:
            while frame.parent is not None and (
                name in frame.nonlocals or name not in frame.prepared.locals
            ):
                frame = frame.parent
        self.heap.bind(frame.cell, name, value)

    def load_name(self, name: str) -> Value:
        frame: Frame | None = self.frame
        while frame is not None:
            found = self.heap.lookup(frame.cell, name)
            if isinstance(found, Option) and isinstance(found.absent, Unbound):
                if names.is_generated(name):
                    return found.value
                self.maybe_unbound(name)
            if not isinstance(found, Unbound):
                return found
            if name in frame.prepared.locals and name not in frame.nonlocals:
                if self.staged_depth or name in self.heap.cells[frame.cell].items:  # type: ignore
                    self.maybe_unbound(name)
                self.raise_python(
                    UnboundLocalError(f"local variable '{name}' referenced before assignment")
                )
            if frame.parent is None:
                break
            frame = frame.parent
        if frame is not None:
            return self.load_outer(frame, name)
        raise AssertionError("a frame without end")

    def load_outer(self, frame: Frame, name: str) -> Value:
        """A name of the Python closure, of the module, or a builtin."""
        if name in frame.closure:
            location = Location(frame.closure[name], "attribute", "cell_contents", name)
            try:
                found = location.read()
                return self.heap.current(self.lifter.lift(found, location, name))
            except ValueError:
                self.raise_python(NameError(f"free variable '{name}' referenced before assignment"))
        if name in frame.globals:
            found = frame.globals[name]
            if self.is_trusted(frame.globals) and not isinstance(found, np.ndarray | list | dict):
                return self.constant_value(found)
            value = self.lifter.lift(found, Location(frame.globals, "item", name), name)
            return self.heap.current(value)
        if hasattr(builtins, name):
            if not self.is_trusted(frame.globals):
                self.lifter.guard(Location(frame.globals, "item", name), MISSING)
            return Static(getattr(builtins, name))
        self.raise_python(NameError(f"name '{name}' is not defined"))

    @staticmethod
    def is_trusted(module_globals: dict[str, Any]) -> bool:
        return str(module_globals.get("__name__", "")).split(".")[0] in TRUSTED_PACKAGES

    def maybe_unbound(self, name: str) -> NoReturn:
        node, frame = self.frame.prepared.node, self.frame
        self.fail(
            "AF0203",
            f"`{name}` may be undefined here",
            related=hints.bindings(node, name, frame.node, frame.filename),
            help=f"bind `{name}` before the `if` or the loop, or on every way through it",
        )

    # --- expressions -------------------------------------------------------------------------

    def visit(self, node: gast.AST) -> Value:
        method = getattr(self, f"visit_{type(node).__name__}", None)
        with self.at(node):
            if method is None:
                self.fail("AF0108", f"`{type(node).__name__}` isn't supported")
            return method(node)

    def visit_Constant(self, node: gast.Constant) -> Value:
        if node.value is None:
            return NONE
        if isinstance(node.value, bool):
            return TRUE if node.value else FALSE
        return Static(node.value)

    def visit_Name(self, node: gast.Name) -> Value:
        return self.load_name(node.id)

    def visit_Attribute(self, node: gast.Attribute) -> Value:
        return self.get_attribute(self.visit(node.value), node.attr)

    def visit_Subscript(self, node: gast.Subscript) -> Value:
        return self.get_item(self.visit(node.value), self.visit(node.slice))

    def visit_Slice(self, node: gast.Slice) -> Value:
        parts = [NONE if p is None else self.visit(p) for p in (node.lower, node.upper, node.step)]
        if all(isinstance(p, Static) for p in parts):
            return Static(slice(*(p.obj for p in parts)))  # type: ignore[attr-defined]
        return Slice(*parts)

    def visit_Tuple(self, node: gast.Tuple) -> Value:
        return self.tuple(self.starred(node.elts))

    def visit_List(self, node: gast.List) -> Value:
        return self.heap.new_list(self.starred(node.elts))

    def visit_Set(self, node: gast.Set) -> Value:
        items = self.starred(node.elts)
        return self.heap.new_set(self.static(v, "an item of a set") for v in items)

    def visit_Dict(self, node: gast.Dict) -> Value:
        items: dict[Any, Value] = {}
        for key, value in zip(node.keys, node.values):
            if key is None:
                items.update(self.entries_of(self.visit(value)))
            else:
                items[self.static(self.visit(key))] = self.visit(value)
        return self.heap.new_dict(items)

    def starred(self, nodes: Sequence[gast.expr]) -> list[Value]:
        values: list[Value] = []
        for node in nodes:
            if isinstance(node, gast.Starred):
                values.extend(self.items_of(self.visit(node.value)))
            else:
                values.append(self.visit(node))
        return values

    def tuple(self, items: Sequence[Value]) -> Value:
        """A tuple; a static one where all of its items are."""
        if all(isinstance(i, Static) for i in items):
            return Static(tuple(i.obj for i in items))  # type: ignore[attr-defined]
        return Tuple(tuple(items))

    def visit_BinOp(self, node: gast.BinOp) -> Value:
        left, changes = self.visit(node.left), self.array_changes
        right = self.visit(node.right)
        self.require_unchanged((left,), changes)
        return self.binary(node.op, left, right)

    def visit_UnaryOp(self, node: gast.UnaryOp) -> Value:
        return self.unary(node.op, self.visit(node.operand))

    def visit_BoolOp(self, node: gast.BoolOp) -> Value:
        return self.short_circuit(isinstance(node.op, gast.And), node.values)

    def visit_Compare(self, node: gast.Compare) -> Value:
        return self.comparison(node)

    def visit_IfExp(self, node: gast.IfExp) -> Value:
        return self.if_expression(node)

    def visit_NamedExpr(self, node: gast.NamedExpr) -> Value:
        value = self.visit(node.value)
        self.assign(node.target, value)
        return value

    def visit_Lambda(self, node: gast.Lambda) -> Value:
        return self.make_function(node)

    def visit_Call(self, node: gast.Call) -> Value:
        return self.call_expression(node)

    def visit_JoinedStr(self, node: gast.JoinedStr) -> Value:
        parts = [self.visit(v) for v in node.values]
        return self.text(_joined, *parts)

    def visit_FormattedValue(self, node: gast.FormattedValue) -> Value:
        value = self.visit(node.value)
        if node.conversion >= 0:
            conversions: dict[str, Any] = {"s": str, "r": repr, "a": ascii}
            value = self.text(conversions[chr(node.conversion)], value)
        spec = Static("") if node.format_spec is None else self.visit(node.format_spec)
        return self.text(format, value, spec)

    def _comprehension(self, node: Any) -> Value:
        function = comprehension.expand(node, f"<{type(node).__name__.lower()}>")
        first = self.visit(node.generators[0].iter)
        return self.call_function(Function(function, self.frame), [first], {})

    visit_ListComp = _comprehension

    def visit_SetComp(self, node: gast.SetComp) -> Value:
        items = gast.copy_location(gast.ListComp(node.elt, node.generators), node)
        found = self.items_of(self.visit(items))
        return self.heap.new_set(self.static(v, "an item of a set") for v in found)

    visit_DictComp = _comprehension
    visit_GeneratorExp = _comprehension

    def visit_Yield(self, node: gast.Yield) -> Value:
        return self.yield_value(NONE if node.value is None else self.visit(node.value))

    def visit_YieldFrom(self, node: gast.YieldFrom) -> Value:
        return self.yield_from(self.visit(node.value))

    # --- functions ---------------------------------------------------------------------------

    def make_function(self, node: gast.FunctionDef | gast.Lambda) -> Function:
        args = node.args
        defaults = tuple(self.visit(d) for d in args.defaults)
        kw_defaults = tuple(None if d is None else self.visit(d) for d in args.kw_defaults)
        return Function(node, self.frame, defaults, kw_defaults)

    # --- Python objects ----------------------------------------------------------------------

    def constant_value(self, obj: Any) -> Value:
        """The value of a Python object that nobody changes: a result of static computation."""
        if isinstance(obj, Value):
            return obj
        if isinstance(obj, np.ndarray) and obj.dtype != object:
            return Tensor(None, obj.shape, obj.dtype, "array", const=obj)
        if isinstance(obj, chainer.Variable) and obj.array is not None:
            return Tensor(None, obj.shape, obj.dtype, "variable", const=obj.array)
        if isinstance(obj, tuple):
            items = [self.constant_value(x) for x in obj]
            if all(isinstance(i, Static) for i in items):
                return Static(obj)
            return Tuple(tuple(items), type(obj))
        if isinstance(obj, list) and type(obj) is list:
            return self.heap.new_list([self.constant_value(x) for x in obj])
        if type(obj) is set:
            return self.heap.new_set(obj)
        if isinstance(obj, dict) and type(obj) is dict:
            return self.heap.new_dict({k: self.constant_value(x) for k, x in obj.items()})
        if is_static(obj) or (callable(obj) and not hasattr(obj, "__dict__")):
            return Static(obj)
        return self.heap.new_object(type(obj), obj)

    def static(self, value: Value, what: str = "this") -> Any:
        """The Python object of a value; AF0205 where it's staged."""
        match value:
            case Static(obj=obj):
                return obj
            case Tensor(const=const) if const is not None:
                array = const[()] if value.kind == "generic" else const
                return chainer.Variable(array) if value.kind == "variable" else array
            case Tuple(items=items):
                parts = [self.static(i, what) for i in items]
                return value.cls(*parts) if value.cls is not tuple else tuple(parts)
            case List(cls=cls):
                found = [self.static(i, what) for i in self.items_of(value)]
                return found if cls is list else cls(found, value.longest)
            case Set():
                return set(self.entries_of(value))
            case Dict(cls=cls):
                entries = {k: self.static(v, what) for k, v in self.entries_of(value).items()}
                return (
                    collections.OrderedDict(entries) if cls is collections.OrderedDict else entries
                )
            case Slice(start=start, stop=stop, step=step):
                return slice(*(self.static(p, what) for p in (start, stop, step)))
            case _ if hasattr(value, "instance") and value.instance is not None:
                if not self.heap[value.cell].items:  # type: ignore[attr-defined, union-attr]
                    return value.instance
        if isinstance(value, Poison):
            self.poisoned()
        self.fail(
            "AF0205",
            f"{what} must be known while compiling, but it is {describe(value)}",
            label="staged: depends on what the program gets when it runs",
            help="use an attribute, a literal or an argument that isn't an array here",
        )

    def try_static(self, value: Value) -> builtins.tuple[bool, Any]:
        """Whether a value is a Python object, and which."""
        try:
            return True, self.static(value)
        except CompileError:
            return False, None


def _joined(*parts: str) -> str:
    return "".join(parts)


__all__ = ["UNBOUND", "Interpreter", "PythonError"]
