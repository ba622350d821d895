"""One program: from a function and example arguments to a Relay module, and the call of the result."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import chainer
import numpy as np

import astfront.rules  # noqa: F401  (registers the rules)
import passes.relay
from astfront.diagnostics import CompileError, internal_error
from astfront.environment import same
from astfront.interpreter import Interpreter, PythonError
from astfront.lifting import Guard, Input, is_static
from astfront.outputs import Known, Outcome, Results, Template
from astfront.relay_builder import RelayBuilder
from astfront.report import Report
from astfront.signature import ArgumentLifter, Leaf, argument_names
from astfront.source import Span
from astfront.values import UNBOUND, Attributes, Items, Static, Tensor, Value


@dataclass(frozen=True)
class Write:
    """A change that a call makes to a Python object: an attribute, or the contents of a container."""

    owner: Any
    name: str | None
    template: Template

    def __str__(self) -> str:
        kind = type(self.owner).__name__
        return f"the items of a {kind}" if self.name is None else f"{kind}.{self.name}"

    def apply(self, outcome: Outcome) -> None:
        value = self.template.build(outcome)
        if self.name is not None:
            if value is UNBOUND:
                delattr(self.owner, self.name)
            else:
                setattr(self.owner, self.name, value)
        elif isinstance(self.owner, list):
            self.owner[:] = value
        else:
            self.owner.clear()
            self.owner.update(value)


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
    guards: list[Guard]
    result: Template
    writes: list[Write]
    exceptions: list[tuple[BaseException, Span | None]]
    error_index: int | None
    report: Report
    outputs: int

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
        if self.error_index is not None:
            code = int(arrays[self.error_index])
            if code:
                raise_at(*self.exceptions[code - 1])
        outcome = Outcome(arrays, args, kwargs)
        result = self.result.build(outcome)
        for write in self.writes:
            write.apply(outcome)
        return result


def raise_at(exception: BaseException, span: Span | None) -> None:
    """Raise what the model's code raises, with the line as its cause."""
    place = f"raised at {span.location()}: {(span.first_line() or '').strip()}" if span else ""
    try:
        fresh = type(exception)(*exception.args)
    except Exception:
        fresh = exception
    raise fresh from (RaisedAt(place) if place else None)


class RaisedAt(Exception):
    """Says which line of the model raised; the cause of an exception out of a compiled program."""


def lower(
    function: Callable[..., Any] | chainer.Link,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    checks: bool = True,
) -> Program:
    """Compile one call to Relay.

    A number in an attribute that the call itself changes (a counter) becomes an input, where it can:
    as a static value it would ask for another program at each call.

    ``function`` is a link, a bound method or a function; arguments are examples or specs. Raises
    CompileError, or what the function itself raises for such arguments.
    """

    def attempt() -> Program:
        program = _lower(function, args, kwargs, checks, frozenset())
        counters = frozenset(_counters(program))
        if not counters:
            return program
        try:
            return _lower(function, args, kwargs, checks, counters)
        except CompileError:
            return program

    return _with_deep_stack(attempt)


def _counters(program: Program) -> Iterator[tuple[int, Any]]:
    read = {(id(g.location.container), g.location.key): g.expected for g in program.guards}
    for write in program.writes:
        key = (id(write.owner), write.name)
        if type(read.get(key)) in (int, float):
            yield key


def _lower(
    function: Any,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    checks: bool,
    volatile: frozenset[tuple[int, Any]],
) -> Program:
    builder = RelayBuilder()
    cx = Interpreter(builder, checks=checks)
    cx.lifter.volatile = volatile
    owner = getattr(function, "__self__", function)
    if isinstance(owner, chainer.Link):
        for path, link in owner.namedlinks():
            cx.link_paths.setdefault(id(link), path.strip("/").replace("/", "_"))
    lifter = ArgumentLifter(cx)
    entry = getattr(function, "forward", None) if isinstance(function, chainer.Link) else function
    names = argument_names(entry, args)
    positional = [lifter.lift(a, n, (i,)) for i, (a, n) in enumerate(zip(args, names))]
    named = {k: lifter.lift(v, k, (k,)) for k, v in kwargs.items()}
    try:
        target = callable_value(cx, function)
        result = cx.call(target, positional, named)
        if cx.diagnostics:
            raise CompileError(cx.diagnostics)
        return _finish(cx, builder, lifter, result)
    except PythonError as e:
        if cx.diagnostics:
            raise CompileError(cx.diagnostics) from e
        raise_at(e.exception, e.span)
        raise
    except CompileError as e:
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
    cx: Interpreter, builder: RelayBuilder, lifter: ArgumentLifter, result: Value
) -> Program:
    results = Results(cx, lifter.paths)
    template = results.template(result)
    writes = list(_writes(cx, results))
    _refuse_changed_arguments(cx, lifter)
    code = cx.heap.lookup(cx.error_cell, "code")
    error_index = None
    if not isinstance(code, Static):
        error_index = results.add(code)  # type: ignore[arg-type]
    elif code.obj:
        raise_at(*cx.exceptions[code.obj - 1])
    mod, parameters = builder.finish(results.tensors)
    used = set(parameters)
    return Program(
        mod=mod,
        parameters=parameters,
        leaves=lifter.leaves,
        inputs=[i for i in cx.lifter.inputs if i.name in used],
        constants=builder.constants,
        guards=[*cx.lifter.guards, *_shape_guards(cx, used)],
        result=template,
        writes=writes,
        exceptions=cx.exceptions,
        error_index=error_index,
        report=cx.report,
        outputs=len(results.tensors),
    )


def _shape_guards(cx: Interpreter, used: set[str]) -> Iterator[Guard]:
    """Inputs whose type was read but whose data isn't used are still taken for granted."""
    for entry in cx.lifter.inputs:
        if entry.name not in used:
            yield _TypeGuard(entry.location, entry)


@dataclass(frozen=True)
class _TypeGuard(Guard):
    def holds(self) -> bool:
        return self.expected.fetch() is not None


def _writes(cx: Interpreter, results: Results) -> Iterator[Write]:
    """What the program changed on real Python objects."""
    for cell, content in cx.heap.cells.items():
        if cell in cx.instances and isinstance(content, Attributes):
            for name, value in content.items.items():
                before = cx.original_attribute(cell, name)
                if same(before, value):
                    continue
                instance = cx.instances[cell]
                if isinstance(instance, type(chainer.config)):
                    cx.fail("AF0209", f"chainer.config.{name} is changed for good")
                unbound = value is UNBOUND
                made = Known(UNBOUND) if unbound else results.template(value)
                yield Write(instance, name, made)
        elif cell in cx.lifter.containers and content is not cx.heap.base.get(cell):
            real = cx.lifter.containers.pop(cell)
            from astfront.values import Dict, List

            reference = List(cell) if isinstance(real, list) else Dict(cell)
            made = results.template(reference)
            cx.lifter.containers[cell] = real
            yield Write(real, None, made)


def _refuse_changed_arguments(cx: Interpreter, lifter: ArgumentLifter) -> None:
    for cell, before in lifter.cells.items():
        after = cx.heap[cell]
        if after is before:
            continue
        if isinstance(before, Items) and isinstance(after, Items):
            if len(before.items) == len(after.items) and all(map(same, before.items, after.items)):
                continue
        cx.fail(
            "AF0209",
            "a list or dict that is an argument is changed",
            help="work on a copy: `xs = list(xs)`",
        )


def _with_deep_stack(work: Callable[[], Program]) -> Program:
    """Run in a thread with a large stack: inlining nests as deep as the model's calls do."""
    outcome: list[Any] = []
    # Chainer's configuration is by thread.
    config = {k: getattr(chainer.config, k) for k in vars(chainer.config._local)}

    def run() -> None:
        for name, value in config.items():
            setattr(chainer.config, name, value)
        try:
            outcome.append((True, work()))
        except BaseException as e:
            outcome.append((False, e))

    with _deep_recursion:
        with _starting:
            old = threading.stack_size(512 * 1024 * 1024)
            try:
                thread = threading.Thread(target=run, daemon=True)
                thread.start()
            finally:
                threading.stack_size(old)
        thread.join()
    good, value = outcome[0]
    if not good:
        raise value
    done: Program = value
    return done


class _DeepRecursion:
    """A high recursion limit while any thread compiles."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.before = 0

    def __enter__(self) -> None:
        with self.lock:
            if not self.users:
                self.before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self.before, 60_000))
            self.users += 1

    def __exit__(self, *args: Any) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                sys.setrecursionlimit(self.before)


_deep_recursion = _DeepRecursion()
_starting = threading.Lock()

__all__ = ["Program", "Tensor", "lower"]
