"""One program: from a function and example arguments to a Relay module, and the call of the result."""

from __future__ import annotations

import contextlib
import copyreg
import functools
import logging
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import chainer
import numpy as np

import astfront.rules  # noqa: F401  (registers the rules)
import passes.relay
from astfront.contents import GrownList
from astfront.control.endings import Diverged, Noted, PythonError
from astfront.control.lasting import same_changes
from astfront.deep_stack import on_deep_stack
from astfront.diagnostics import CompileError, InternalError, error, internal_error
from astfront.eager_calls import EagerCall, pending
from astfront.effects import Call, arguments_of, in_order, perform
from astfront.environment import Heap
from astfront.identity import references_in, require_one_place
from astfront.interpreter import Interpreter
from astfront.lifting import Condition, Guard, Input, is_static
from astfront.locations import Location
from astfront.machine import Site
from astfront.output_templates import DictOut, Known, OptionOut, Outcome, Template
from astfront.outputs import Results
from astfront.randomness import RandomKeys
from astfront.relay.builder import RelayBuilder
from astfront.report import Report
from astfront.sameness import same_static
from astfront.signature import ArgumentLifter, Leaf, argument_names
from astfront.source import get_source
from astfront.spans import Span, span_of
from astfront.tree_arguments import Types, as_trees
from astfront.values import NONE, UNBOUND, Deferred, List, Option, Static, Tensor, Value
from astfront.writes import Write, changed_arrays, lasting_values, require_apart, writes_of

_log = logging.getLogger(__name__)


@dataclass
class Program:
    """A function lowered to Relay for one signature.

    ``parameters`` are the names of ``main``'s parameters in order; each is an argument (``leaves``),
    an input found elsewhere (``inputs``) or a constant.
    """

    mod: Any
    parameters: list[str]
    leaves: list[Leaf]
    inputs: list[Input]
    constants: dict[str, np.ndarray]
    guards: list[Condition]
    result: Template
    writes: list[Write]
    containers: list[Location]
    """Where the lists, dicts and sets are that the program found on objects."""
    exceptions: list[tuple[BaseException | Noted, Span | None]]
    error_index: int | None
    report: Report
    outputs: int
    effects: list[tuple[Site, Template]]
    performed: dict[Span, Any]
    """The functions of the effects, by the places of their calls."""
    eager_calls: list[EagerCall] = field(default_factory=list)
    """Of functions that run in Python."""
    keeps_recursion: bool = False
    """Whether it has a recursive function."""
    trees: Types = field(default_factory=dict)
    """The types of the arguments that are taken in the form of ``tree_arguments.Tree``."""
    whole: frozenset[str] = frozenset()
    """The parameters that are taken to be all of the memory behind them, in C order."""
    error_code: int = 0
    """Of the exception that every call raises."""
    raising: Mapping[int, Raising] = field(default_factory=dict)
    """What a call has changed that raises an exception, by its code."""

    @on_deep_stack
    def as_text(self) -> str:
        return passes.relay.text(self.mod)

    def params(self) -> dict[str, np.ndarray]:
        """The arrays of the inputs and constants, by name, as they are now."""
        found = {n: a for n, a in self.constants.items() if n in self.parameters}
        for entry in self.inputs:
            array = entry.fetch()
            if array is not None:
                found[entry.name] = array
        return found

    def finish(
        self, arrays: Sequence[np.ndarray], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """The Python result of a run; raises what the program raised, and writes what it changed."""
        outcome = Outcome(arrays, args, kwargs)
        if self.writes:
            require_apart(self, outcome)
        calls: list[Call] = []
        if self.effects:
            calls = in_order((site, template.build(outcome)) for site, template in self.effects)
            perform(calls)
        code = self.code_of(arrays)
        raised = pending.take()
        if not code:
            if raised is not None:
                raise raised
            result = self.result.build(outcome)
            self.write(outcome)
            return result
        exception, span = self.exceptions[code - 1]
        if isinstance(exception, Noted):
            exception = exception.cls(*arguments_of(code, calls))
        lasts = self.raising.get(code, "nothing")
        if lasts == "unknown":
            raise Unsettled(raised or exception, span)
        if lasts == "all":
            self.write(outcome)
        if raised is not None:
            raise raised
        raise_at(exception, span)

    def code_of(self, arrays: Sequence[np.ndarray]) -> int:
        """That of the exception that a run raised; 0 if none."""
        return self.error_code if self.error_index is None else int(arrays[self.error_index])

    def change(
        self, arrays: Sequence[np.ndarray], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> bool:
        """Write what a call has changed that raises an exception; False if this one raises none."""
        if not self.code_of(arrays):
            return False
        outcome = Outcome(arrays, args, kwargs)
        require_apart(self, outcome)
        self.write(outcome)
        return True

    def write(self, outcome: Outcome) -> None:
        """Write what a run changed to where it's from."""
        for change in [write.prepare(outcome) for write in self.writes]:
            change()


#: What of its changes a call has made when it raises an exception: those that it makes in the end, or
#: others, which it doesn't tell.
Raising = Literal["nothing", "all", "unknown"]


@dataclass
class Unsettled(Exception):
    """A call raised an exception after changes which its program doesn't tell."""

    exception: BaseException
    span: Span | None

    def refused(self) -> CompileError:
        name = type(self.exception).__name__
        return error(
            "AF0209",
            f"{name} is raised here, which depends on data, and what the call has changed before that "
            "isn't known",
            self.span,
            help="change attributes and arguments after what raises an exception",
        )


def raise_at(exception: BaseException, span: Span | None) -> NoReturn:
    """Raise what the model's code raises, with the line as its cause."""
    place = f"raised at {span.location()}: {(span.first_line() or '').strip()}" if span else ""
    raise _fresh(exception) from (RaisedAt(place) if place else None)


def _fresh(exception: BaseException) -> BaseException:
    """One of each call's own, as it's raised with a traceback, a cause and a context."""
    cls = type(exception)
    try:
        if not isinstance(cls.__init__, types.FunctionType):
            return cls(*exception.args)
        # What an `__init__` of its own was given needn't be its `args`.
        fresh = cls.__new__(cls, *exception.args)
    except Exception:
        return exception
    fresh.args = exception.args
    vars(fresh).update(vars(exception))
    for slot in copyreg._slotnames(cls):  # type: ignore[attr-defined]
        if hasattr(exception, slot):
            setattr(fresh, slot, getattr(exception, slot))
    return fresh


class RaisedAt(Exception):
    """Says which line of the model raised; the cause of an exception out of a compiled program."""


def lower(
    function: Callable[..., Any] | chainer.Link,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    checks: bool = True,
    random_keys: RandomKeys | None = None,
    trees: Types | None = None,
    fallback: str | None = None,
    for_changes: bool = False,
) -> Program:
    """Compile one call to Relay.

    With ``trees``, the types of trees that are known, arguments that are trees are compiled as such
    where a recursive function of the program takes them: it's a program for trees of every shape then.

    A number in an attribute that the call itself changes (a counter) becomes an input, where it can:
    as a static value it would ask for another program at each call.

    With ``for_changes`` the program is for a call that raises: it has no result, and leaves what the
    call has changed by then.

    ``function`` is a link, a bound method or a function; arguments are examples or specs. Raises
    CompileError, or what the function itself raises for such arguments.
    """

    make = functools.partial(
        _lower,
        function,
        checks=checks,
        random_keys=random_keys,
        fallback=fallback,
        for_changes=for_changes,
    )

    several: set[int] = set()
    unrolled: set[Span] = set()

    def settled(*args: Any, **options: Any) -> Program:
        """Compiled anew where an array is found in a second place after a join that didn't know, or
        short loops, had they been unrolled, would have left an array that can be changed in place."""
        while True:
            heaps: list[Heap] = []
            try:
                program = make(*args, several=several, unrolled=unrolled, heaps=heaps, **options)
            except Exception:
                blamed = set().union(*(heap.blamed for heap in heaps)) - unrolled
                if not blamed and not any(heap.sole & heap.several for heap in heaps):
                    raise
                unrolled.update(blamed)
            else:
                if not any(heap.sole & heap.several for heap in heaps):
                    return program

    def attempt(args: Sequence[Any], kwargs: dict[str, Any]) -> Program:
        program = settled(args, kwargs)
        counters = frozenset(_counters(program))
        if not counters:
            return program
        try:
            return settled(args, kwargs, volatile=counters)
        except CompileError:
            return program

    @on_deep_stack
    def lowered() -> Program:
        found = as_trees(args, kwargs, trees) if trees is not None else None
        if found is not None:
            positional, named, types = found
            # What's refused for trees, or raises for them, is compiled for this one.
            try:
                program = attempt(positional, named)
                if program.keeps_recursion:
                    program.trees = types
                    return program
            except Exception as e:
                known = isinstance(e, CompileError) or isinstance(e.__cause__, RaisedAt)
                if not known or isinstance(e, InternalError):
                    _log.info("failed for trees of any shape", exc_info=True)
        return attempt(args, kwargs)

    try:
        return lowered()
    except InternalError:
        raise
    except CompileError as e:
        # Which of the compiler's functions found it says nothing to its user.
        _log.debug("refused", exc_info=True)
        raise e.with_traceback(None) from e.__cause__


def _definition(function: Any) -> Span | None:
    try:
        source = get_source(getattr(function, "__func__", function))
    except CompileError:
        return None
    return span_of(source.node, source.filename)


def _counters(program: Program) -> Iterator[Any]:
    """Where numbers are that the call both reads and changes."""
    read = {g.location.identity: g.expected for g in program.guards if isinstance(g, Guard)}
    for write in program.writes:
        if write.location is None:
            continue
        places = [(write.location, write.template)]
        if write.kind == "contents":
            items = getattr(write.template, "items", ())
            pairs = items if isinstance(write.template, DictOut) else enumerate(items)
            places = [(write.location.item(key), template) for key, template in pairs]
        for place, template in places:
            before = read.get(place.identity)
            unchanged = isinstance(template, Known) and same_static(template.obj, before)
            if type(before) in (int, float) and not unchanged:
                yield place.identity


def _lower(
    function: Any,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    checks: bool,
    random_keys: RandomKeys | None,
    fallback: str | None,
    for_changes: bool,
    several: set[int],
    unrolled: set[Span],
    heaps: list[Heap],
    volatile: frozenset[Any] = frozenset(),
) -> Program:
    builder = RelayBuilder()
    cx = Interpreter(builder, checks=checks, fallback=fallback)
    heaps.append(cx.heap)
    cx.lifter.volatile = volatile
    cx.lifter.several = several
    cx.heap.unrolled = unrolled
    if random_keys is not None:
        cx.random_keys = random_keys
    owner = getattr(function, "__self__", function)
    if isinstance(owner, chainer.Link):
        for path, link in owner.namedlinks():
            cx.link_paths.setdefault(id(link), path.strip("/").replace("/", "_"))
    lifter = ArgumentLifter(cx)
    cx.argument_contents = lifter.cells
    entry = getattr(function, "forward", None) if isinstance(function, chainer.Link) else function
    names = argument_names(entry or function, args)
    positional = [lifter.lift(a, n, (i,)) for i, (a, n) in enumerate(zip(args, names))]
    named = {k: lifter.lift(v, k, (k,)) for k, v in kwargs.items()}
    try:
        target = callable_value(cx, function)
        try:
            result: Value = NONE
            if for_changes:
                cx.call_until_raised(target, positional, named)
            else:
                result = cx.call(target, positional, named)
        except Diverged:
            result = NONE  # The program raises on every way; the error cell holds what.
        except PythonError as e:
            code = cx.heap.lookup(cx.error_cell, "code")
            noted = cx.sites or isinstance(e.exception, Deferred) or not isinstance(code, Static)
            if cx.diagnostics or not (noted or cx.changes()):
                raise
            with contextlib.suppress(Diverged):  # What was noted before it happens before it.
                cx.diverge(e.exception, e.span)
            result = NONE
        if cx.diagnostics:
            raise CompileError(cx.diagnostics)
        return _finish(cx, builder, lifter, result, for_changes)
    except PythonError as e:
        if cx.diagnostics:
            raise CompileError(cx.diagnostics) from e
        if not isinstance(e.exception, Deferred):
            raise_at(e.exception, e.span)
        raise
    except CompileError as e:
        for diagnostic in e.diagnostics:
            diagnostic.span = diagnostic.span or _definition(entry)
        more = [d for d in cx.diagnostics if d not in e.diagnostics]
        raise (CompileError([*more, *e.diagnostics]) if more else e) from e.__cause__
    except RecursionError as e:
        raise internal_error(e, cx.span()) from e


def callable_value(cx: Interpreter, function: Any) -> Value:
    owner = getattr(function, "__self__", None)
    if (
        owner is not None
        and not isinstance(function, chainer.Link)
        and hasattr(function, "__func__")
    ):
        inner = function.__func__
        if is_static(owner):
            return Static(function)
        from astfront.values import BoundMethod

        return BoundMethod(cx.heap.new_object(type(owner), owner), Static(inner))
    if is_static(function):
        return Static(function)
    return cx.heap.new_object(type(function), function)


def _finish(
    cx: Interpreter,
    builder: RelayBuilder,
    lifter: ArgumentLifter,
    result: Value,
    for_changes: bool,
) -> Program:
    results = Results(cx, lifter.paths)
    results.changed = dict(changed_arrays(cx, lifter))
    lasting = references_in(cx.heap.cells, lasting_values(cx, lifter))
    require_one_place(cx.heap, lasting)
    results.handed = lasting | references_in(cx.heap.cells, [result])
    template = results.template(result)
    writes = list(writes_of(cx, lifter, results))
    effects = [] if for_changes else list(_effects(cx, results))
    raising = dict(_raising(cx))
    code = cx.heap.lookup(cx.error_cell, "code")
    error_index = None
    if not isinstance(code, Static):
        error_index = results.add(code)  # type: ignore[arg-type]
    elif code.obj and not effects and raising.get(code.obj, "nothing") == "nothing":
        exception, span = cx.exceptions[code.obj - 1]
        raise_at(exception, span)  # type: ignore[arg-type]
    mod, parameters = builder.finish(results.tensors)
    used = set(parameters)
    return Program(
        mod=mod,
        parameters=parameters,
        leaves=lifter.leaves,
        inputs=[i for i in cx.lifter.inputs if i.name in used],
        constants=builder.constants,
        guards=[*cx.lifter.conditions(), *_shape_guards(cx, used)],
        result=template,
        writes=writes,
        containers=list(cx.lifter.containers.values()),
        exceptions=cx.exceptions,
        error_index=error_index,
        report=cx.report,
        outputs=len(results.tensors),
        effects=effects,
        performed=cx.performed,
        keeps_recursion=cx.keeps_recursion,
        eager_calls=cx.eager_calls,
        whole=frozenset(cx.lifter.layouts.granted),
        error_code=code.obj if isinstance(code, Static) else 0,
        raising=raising,
    )


def _raising(cx: Interpreter) -> Iterator[tuple[int, Raising]]:
    changes = cx.changes()
    for code, changed in cx.changed_by.items():
        if changed == {}:
            yield code, "nothing"
        else:
            known = changed is not None and same_changes(changed, changes)
            yield code, "all" if known else "unknown"


def _effects(cx: Interpreter, results: Results) -> Iterator[tuple[Site, Template]]:
    for site in cx.sites:
        if site.in_loop:
            content: Any = cx.heap[site.cell]
            if getattr(content, "items", None) or isinstance(content, GrownList):
                yield site, results.contents(List(site.cell))
            continue
        entry = cx.heap.lookup(site.cell, "entry")
        if isinstance(entry, Option):
            present = results.add(entry.present)
            yield site, OptionOut(present, results.template(entry.value), Known(None))
        elif entry is not UNBOUND:
            yield site, results.template(entry)


def _shape_guards(cx: Interpreter, used: set[str]) -> Iterator[Condition]:
    """Inputs whose type was read but whose data isn't used are still taken for granted."""
    for entry in cx.lifter.inputs:
        if entry.name not in used:
            yield _Fits(entry)


@dataclass(frozen=True)
class _Fits(Condition):
    entry: Input

    def _holds(self) -> bool:
        return self.entry.fetch() is not None


__all__ = ["Program", "Tensor", "lower"]
