"""One call of a Python function: its names, where it stands, and what encloses it."""

from __future__ import annotations

import builtins
import functools
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gast

from astfront.diagnostics import Diagnostic
from astfront.source import FunctionSource
from astfront.spans import Span, span_of
from astfront.values import Value
from passes.syntax import canonicalise, check, early_end, liveness, tree

_LIBRARIES = ("chainer", "numpy", "six", "astfront")
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
_FUNCTIONS = (gast.FunctionDef, gast.Lambda)
_CONSUMERS = frozenset(
    {"all", "any", "dict", "list", "max", "min", "set", "sorted", "sum", "tuple"}
)

#: The methods that change a list, dict, set or deque.
_CHANGING = frozenset(
    ["add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop"]
    + ["popitem", "popleft", "remove", "reverse", "setdefault", "sort", "update"]
)


@dataclass(frozen=True)
class Prepared:
    """A function's tree after the syntax passes, with what lowering wants to know about it."""

    node: gast.FunctionDef | gast.Lambda | gast.ClassDef
    liveness: liveness.Liveness | None
    locals: frozenset[str]
    problems: tuple[check.Problem, ...]
    original: Prepared | None = None
    """What it's made of, which does what's needed in most cases."""

    @functools.cached_property
    def has_closures(self) -> bool:
        """Whether a function in it may still see its names when it has returned."""
        inner = list(gast.walk(self.node))
        used_up = {id(arg) for n in inner if _takes_all(n) for arg in n.args}
        return any(
            isinstance(n, (*_FUNCTIONS, gast.GeneratorExp))
            and n is not self.node
            and id(n) not in used_up
            for n in inner
        )

    @functools.cached_property
    def is_generator(self) -> bool:
        return isinstance(self.node, gast.FunctionDef) and _yields(self.node.body)

    @functools.cached_property
    def ending_early(self) -> Prepared | None:
        """A generator that asks at each yield whether more is wanted; None where it can't end there."""
        node = early_end.run(self.node) if isinstance(self.node, gast.FunctionDef) else None
        if node is None or self.problems:
            return None
        return replace(prepare(canonicalise(node), canonical=True), original=self)

    @functools.cached_property
    def global_names(self) -> frozenset[str]:
        """The names that it declares `global`."""
        found = tree.own(self.body, into_loops=True)
        return frozenset(n for stmt in found if isinstance(stmt, gast.Global) for n in stmt.names)

    @functools.cached_property
    def changed_names(self) -> frozenset[str]:
        """The names of which it may change what they hold."""
        changed = [
            n.value
            for n in gast.walk(self.node)
            if isinstance(n, gast.Attribute | gast.Subscript) and _may_change(n)
        ]
        return frozenset(x.id for n in changed for x in gast.walk(n) if isinstance(x, gast.Name))

    @property
    def body(self) -> list[gast.stmt]:
        return self.node.body if isinstance(self.node, gast.FunctionDef) else []


def _may_change(node: gast.Attribute | gast.Subscript) -> bool:
    """Whether it's a target, or a method that isn't known to leave its object as it is."""
    if not isinstance(node.ctx, gast.Load):
        return True
    return isinstance(node, gast.Attribute) and node.attr in _CHANGING


def _yields(nodes: Iterable[gast.AST]) -> bool:
    for node in nodes:
        if isinstance(node, gast.Yield | gast.YieldFrom):
            return True
        if not isinstance(node, _FUNCTIONS) and _yields(gast.iter_child_nodes(node)):
            return True
    return False


def _takes_all(node: gast.AST) -> bool:
    """Whether it's a call of a builtin that leaves nothing of a generator."""
    return (
        isinstance(node, gast.Call)
        and isinstance(node.func, gast.Name)
        and node.func.id in _CONSUMERS
    )


_prepared: dict[int, tuple[Any, Prepared]] = {}


def prepare(node: gast.FunctionDef | gast.Lambda, *, canonical: bool = False) -> Prepared:
    """Run the syntax passes over a function, once a node."""
    if id(node) in _prepared:
        return _prepared[id(node)][1]
    names = frozenset(parameter_names(node.args))
    if isinstance(node, gast.Lambda):
        # Its constructs are checked with the function around it, or by the interpreter.
        made = Prepared(node, None, names, ())
    else:
        problems = () if canonical else tuple(check.run(node))
        plain = node if canonical or problems else canonicalise(node)
        flow = liveness.analyse(plain) if not problems else None
        made = Prepared(plain, flow, names | set(liveness.assigned(plain.body)), problems)
    _prepared[id(node)] = (node, made)
    return made


def parameter_names(args: gast.arguments) -> list[str]:
    plain = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    stars = [a for a in (args.vararg, args.kwarg) if a is not None]
    return [a.id for a in (*plain, *stars)]


@dataclass(eq=False)
class Frame:
    """A call in progress; ``cell`` is the heap cell of its names."""

    name: str
    prepared: Prepared
    filename: str
    cell: int
    globals: dict[str, Any]
    closure: dict[str, Any] = field(default_factory=dict)
    """Python's own closure cells, by name, of a function that isn't defined in compiled code."""
    parent: Frame | None = None
    """The frame of the function whose body defines this one."""
    function: Any = None
    owner: type | None = None
    """The class that the method was found in, for ``super()``."""
    first: str = ""
    nonlocals: set[str] = field(default_factory=set)
    call_span: Span | None = None
    arguments: dict[str, Value] = field(default_factory=dict)
    """What the call was made with."""
    staged_depth: int = 0
    """How many staged branches and loops enclosed the call."""
    refusals: list[Diagnostic] = field(default_factory=list)
    """Why it can't be a function of the program, where that was tried (``recursion.py``)."""
    node: gast.AST | None = None
    entered: int = 0
    """The heap's cells from here on were made in the call, those below it before ..."""
    statement_cell: int = 0
    """... and from here on in the present statement."""
    on_yield: Callable[[Any], Any] | None = None
    """Of a generator: what is done with the values that it yields."""

    def span(self) -> Span | None:
        return span_of(self.node, self.filename) if self.node is not None else None

    @property
    def qualified_name(self) -> str:
        if self.parent is not None:
            return f"{self.parent.qualified_name}.<locals>.{self.name}"
        return getattr(self.function, "__qualname__", self.name)

    @functools.cached_property
    def is_library(self) -> bool:
        """Whether the code is Chainer's, numpy's or Python's own and not the user's."""
        package = str(self.globals.get("__name__", "")).split(".")[0]
        return package in _LIBRARIES or _is_standard_library(self.filename)


@functools.cache
def _is_standard_library(filename: str) -> bool:
    path = Path(filename).resolve()
    is_under = path.is_relative_to(_STANDARD_LIBRARY)
    return is_under and not {"site-packages", "dist-packages"} & set(path.parts)


def closure_of(function: Callable[..., Any]) -> dict[str, Any]:
    cells = getattr(function, "__closure__", None) or ()
    return dict(zip(function.__code__.co_freevars, cells))


def is_builtin(name: str) -> bool:
    return hasattr(builtins, name)


__all__ = ["Frame", "FunctionSource", "Prepared", "closure_of", "is_builtin", "prepare"]
