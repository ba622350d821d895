"""Calls of functions whose source is compiled: their frames, arguments and bodies."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import NoReturn

import gast

from astfront.calls.argument_errors import missing, too_many
from astfront.calls.classes import frame_around
from astfront.calls.frames import Frame, Prepared, closure_of, prepare
from astfront.calls.staged_arguments import StagedArguments
from astfront.contents import Names
from astfront.diagnostics import CompileError, Diagnostic
from astfront.locations import Location
from astfront.source import get_source
from astfront.spans import span_of
from astfront.values import NONE, Function, Unpacked, Value

#: Calls of one function inside each other, before it counts as endless recursion (AF0304).
RECURSION_LIMIT = 100

#: The same where an argument is a tree: the ways double with each call.
TREE_LIMIT = 3


class FunctionCalls(StagedArguments):
    def call_python(
        self,
        f: types.FunctionType,
        args: Sequence[Value],
        kwargs: dict[str, Value],
        owner: type | None = None,
    ) -> Value:
        """Inline a Python function from its source."""
        try:
            source = get_source(f)
        except CompileError as e:
            for d in e.diagnostics:
                d.span = d.span or self.span()
            raise
        if (
            owner is None and "__class__" in f.__code__.co_freevars
        ) or "__class__" in f.__code__.co_freevars:
            owner = closure_of(f)["__class__"].cell_contents
        defaults = [
            self.lifted(v, Location(f.__defaults__, "item", i), f.__name__)
            for i, v in enumerate(f.__defaults__ or ())
        ]
        kw = f.__kwdefaults__ or {}
        kw_defaults = {
            k: self.lifted(v, Location(f.__kwdefaults__, "item", k), k) for k, v in kw.items()
        }
        prepared = prepare(source.node)
        frame = Frame(
            f.__name__, prepared, source.filename, -1, f.__globals__, closure_of(f), function=f,
            owner=owner, parent=frame_around(f),
        )  # fmt: skip
        return self.enter(frame, args, kwargs, defaults, kw_defaults)

    def call_function(
        self,
        function: Function,
        args: Sequence[Value],
        kwargs: dict[str, Value],
    ) -> Value:
        """Call a function that is defined in compiled code."""
        node = function.node
        outer: Frame = function.frame
        # The passes have been over it with the function around it.
        prepared = prepare(node, canonical=True)
        name = getattr(node, "name", "<lambda>")
        frame = Frame(name, prepared, outer.filename, -1, outer.globals, parent=outer)
        kw_names = [a.id for a in node.args.kwonlyargs]
        kw_defaults = {k: v for k, v in zip(kw_names, function.kw_defaults) if v is not None}
        return self.enter(frame, args, kwargs, list(function.defaults), kw_defaults)

    def enter(
        self,
        frame: Frame,
        args: Sequence[Value],
        kwargs: dict[str, Value],
        defaults: Sequence[Value],
        kw_defaults: dict[str, Value],
    ) -> Value:
        prepared = frame.prepared
        if prepared.problems:
            self.refuse_syntax(frame, prepared)
        # What depends on a tree of any depth has no end here; where it can, it's kept at once.
        limit = TREE_LIMIT if self.forests else RECURSION_LIMIT
        inside = sum(prepared in (f.prepared, f.prepared.original) for f in self.frames)
        if inside and prepared.node in self.endless:
            # There may be several in each of those further out.
            self.give_up(self.endless[prepared.node])
        if inside > limit:
            endless = self.error(
                "AF0304",
                f"{frame.name} calls itself without an end that is known while compiling",
                help="let a condition end it",
            )
            self.endless[prepared.node] = [*endless.diagnostics]
            raise endless
        frame.cell = self.heap.new(Names())
        frame.call_span = self.frame.span() if self.frames else None
        bound = self.bind_arguments(frame, prepared.node.args, args, kwargs, defaults, kw_defaults)
        self.heap[frame.cell] = Names(bound)
        frame.first = next(iter(bound), "")
        if self.frames and not frame.is_library:
            where = span_of(prepared.node, frame.filename).location(column=False)
            self.report.add(self.span(), "inlined", f"{frame.name} ({where})")
        if prepared.is_generator:
            return self.make_generator(frame)
        frame.arguments = bound
        return self.activate(frame)

    def run_frame(self, frame: Frame) -> Value:
        """The result of a call whose arguments are bound, its body run inline."""
        self.begin(frame)
        try:
            result = self.run_body(frame.prepared)
            self.leave(frame)
            return result
        finally:
            self.frames.pop()

    def begin(self, frame: Frame) -> None:
        frame.entered = frame.statement_cell = self.heap.next_cell
        self.heap.changed_names[frame.cell] = frame.prepared.changed_names
        self.frames.append(frame)

    def leave(self, frame: Frame) -> None:
        """Forget the names of a call that has ended: what they hold would count as held."""
        if frame.prepared.is_generator:  # it's older than the way on which it ends
            self.heap[frame.cell] = Names()
        elif not frame.prepared.has_closures:
            self.heap.drop(frame.cell)

    def run_body(self, prepared: Prepared) -> Value:
        if isinstance(prepared.node, gast.Lambda):
            return self.visit(prepared.node.body)
        body = prepared.body
        if body and isinstance(body[-1], gast.Return):
            self.exec_block(body[:-1])
            last = body[-1].value
            return NONE if last is None else self.visit(last)
        self.exec_block(body)
        return NONE

    def refuse_syntax(self, frame: Frame, prepared: Prepared) -> NoReturn:
        if frame.is_library and self.frames:
            name = f"{frame.globals.get('__name__')}.{frame.name}"
            notes = [f"its source has what isn't supported: {prepared.problems[0].message}"]
            self.fail("AF0301", f"{name} isn't supported", notes=notes)
        found = []
        for problem in prepared.problems:
            span = span_of(problem.node, frame.filename)
            found.append(Diagnostic(problem.code, problem.message, span, help=problem.help))
            if frame.call_span is not None:
                place = frame.call_span.location(column=False)
                found[-1].notes.append(f"{frame.name} is called from {place}")
        raise CompileError(found)

    def bind_arguments(
        self,
        frame: Frame,
        spec: gast.arguments,
        args: Sequence[Value],
        kwargs: dict[str, Value],
        defaults: Sequence[Value],
        kw_defaults: dict[str, Value],
    ) -> dict[str, Value]:
        """Python's binding of arguments; raises the TypeError that Python raises."""
        bound: dict[str, Value] = {}
        positional = [a.id for a in (*spec.posonlyargs, *spec.args)]
        only = {a.id for a in spec.posonlyargs}
        kwargs = dict(kwargs)
        rest: Value | None = None
        if args and isinstance(args[-1], Unpacked):
            args, rest = self.bind_unpacked(frame.qualified_name, spec, args, kwargs, defaults)
        for name, value in zip(positional, args):
            bound[name] = value
            if name in kwargs and name not in only:
                self.argument_error(frame, f"got multiple values for argument '{name}'")
        extra = list(args[len(positional) :])
        if extra and spec.vararg is None:
            self.argument_error(frame, too_many(len(positional), len(defaults), len(args)))
        first_default = len(positional) - len(defaults)
        lacking = []
        for i, name in enumerate(positional):
            if name in bound:
                continue
            if name in kwargs and name not in only:
                bound[name] = kwargs.pop(name)
            elif i >= first_default:
                bound[name] = defaults[i - first_default]
            else:
                lacking.append(name)
        for argument in spec.kwonlyargs:
            name = argument.id
            if name in kwargs:
                bound[name] = kwargs.pop(name)
            elif name in kw_defaults:
                bound[name] = kw_defaults[name]
            else:
                lacking.append(name)
        if lacking:
            self.argument_error(frame, missing(lacking, {a.id for a in spec.kwonlyargs}))
        if spec.vararg is not None:
            bound[spec.vararg.id] = self.tuple(extra) if rest is None else rest
        if spec.kwarg is not None:
            bound[spec.kwarg.id] = self.heap.new_dict(kwargs)
        elif kwargs:
            self.argument_error(frame, f"got an unexpected keyword argument '{next(iter(kwargs))}'")
        return bound

    def argument_error(self, frame: Frame, message: str) -> NoReturn:
        self.raise_python(TypeError(f"{frame.qualified_name}() {message}"))
