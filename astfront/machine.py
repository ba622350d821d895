"""What the parts of the interpreter share: its state, the records in it, and the ways of refusing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from astfront.builder import Builder
from astfront.calls.frames import Frame
from astfront.containers.forests import Forest
from astfront.contents import Content
from astfront.control.endings import Handler, Noted, PythonError
from astfront.diagnostics import CompileError, Diagnostic
from astfront.eager_calls import EagerCall
from astfront.environment import Heap, State
from astfront.joins.join import Join
from astfront.lifting import Lifter
from astfront.randomness import RandomKeys
from astfront.report import Report
from astfront.spans import Span
from astfront.values import Deferred, Tensor, Value


@dataclass(frozen=True)
class LoopAround:
    """A loop that ``break`` leaves: the flag that says so, and the names that are read after it."""

    cell: int
    flag: str
    live_after: frozenset[str]


@dataclass(frozen=True)
class Site:
    """Where effects are noted: ``order`` is that of the sites, or of the loops that they're in."""

    cell: int
    order: int
    in_loop: bool


@dataclass(eq=False)
class Recursion:
    """A recursive function of the program, being made from the call ``frame``."""

    frame: Frame
    result: int
    depth: int
    start: State
    handlers: int
    """How many handlers there are around its first call."""
    around_calls: list[Handler] = field(default_factory=list)
    """Those that its body has around calls of itself."""
    state: State = field(default_factory=dict)
    """The heap where the function begins, in terms of its parameters."""
    entry: Join | None = None
    exit: Join | None = None
    function: Any = None
    """The builder's."""
    inside: int = 0
    """Storages from here on are of arrays that the body made."""


class Machine:
    """The state of one compilation; the parts are mixed together in ``interpreter.Interpreter``."""

    b: Builder
    heap: Heap
    lifter: Lifter
    frames: list[Frame]
    report: Report
    diagnostics: list[Diagnostic]
    """Refusals of the present attempt."""
    refused: list[Diagnostic]
    """All refusals, those of discarded attempts too."""
    instances: dict[int, Any]
    """The real Python objects, by the cells of their attributes."""
    originals: dict[tuple[int, Any], Value]
    """What attributes of real objects were when they were first read."""
    link_paths: dict[int, str]
    changed_arrays: list[int]
    """The storages of the arrays that were changed in place, one after another."""
    error_cell: int
    caught_cell: int
    """Which exception was raised that is caught further out: see ``catching.py``."""
    caught_by: dict[int, Handler | None]
    """The ``try`` that takes an exception, by its code; None where it leaves the call."""
    changed_by: dict[int, dict[Any, Any] | None]
    """What has changed when an exception is raised that leaves the call, by its code, or None where that
    isn't known: see ``lasting.py``."""
    argument_contents: dict[int, Content]
    """What the lists and dicts that are arguments held at first, by their cells."""
    at_raise: State | None
    """The state in which such an exception was raised; None where it's the present one."""
    no_result: int
    """The cell of the result of what has none."""
    exceptions: list[tuple[BaseException | Noted, Span | None]]
    """What the program may raise at run time; the error cell holds 1 + an index of this."""
    checks: bool
    minima: dict[Any, int]
    """Lower bounds that hold where the interpreter is: see ``bounds.py``."""
    counts: dict[Any, Value]
    """What the numbers in arrays of 0, 1, 2 … are less than, by the arrays' expressions."""
    sites: list[Site]
    """Where effects are noted, in the order in which they were come to: see ``effects.py``."""
    performed: dict[Span, Any]
    """The functions of the effects, by the places of their calls."""
    loop_sites: dict[Any, int]
    draws_cell: int
    """How often random numbers were drawn."""
    random_keys: RandomKeys
    random_key: Tensor | None
    """The program's input that its random numbers are made of, where there are any."""
    clock_cell: int
    filters_cell: int
    """The filters of warnings that ``rules/warnings.py`` keeps track of."""
    order: int
    loop_order: int
    loop_depth: int
    """How many kept loops enclose what is being compiled."""
    exact_choices: bool
    """Whether a staged index may only choose between values of one type and known sizes."""
    long_tuples: bool
    """Whether a tuple that's made of two, in a loop, is one of staged length."""
    tuples_added: int
    """How often a loop's turns made a tuple of two."""
    keys_refused: int
    """How often a dict got no staged key, as the loop may be unrolled."""
    staged_depth: int
    """How many staged branches and loops enclose what is being compiled."""
    at_turn: dict[tuple[int, int], Content]
    """What a list or dict that's walked over is when a turn begins, by its cell and what it was before.

    It's as long, as the end of each turn requires.
    """
    windows: dict[int, Any] | None = None
    """Slices of lists that grew, by their cells, where loops take their items from those lists."""
    loops_around: list[LoopAround]
    """The loops that a ``break`` may leave, innermost last."""
    ways: int
    """How many times what is being compiled is compiled, for values that are one of several."""
    handlers: list[Handler]
    """What catches exceptions around the place being compiled, innermost last."""
    handled: list[PythonError]
    """The exceptions whose handlers are being compiled."""
    fallback: str | None
    """Where calls that are refused run, if anywhere."""
    eager_calls: list[EagerCall]
    """The calls that run in Python."""
    keeps_recursion: bool
    """Whether the program has a recursive function."""
    forests: list[Forest]
    """The arguments that are trees."""
    known_kinds: dict[Any, tuple[int, ...]]
    """What is known of the kinds of their nodes where the interpreter is, by the nodes' keys."""
    known_items: dict[Any, Value]
    """What's known there of items of lists and dicts, by what's in these and the staged indices."""
    recursions: list[Recursion]
    """The recursive functions of the program that are being made, innermost last."""
    fruitless: dict[Any, list[list[Diagnostic]]]
    """What was refused of functions that couldn't be recursive ones, by their source."""
    endless: dict[Any, list[Diagnostic]]
    unending: set[Any]
    """The loops, by their places, that went on when they were unrolled: that isn't tried again."""
    not_kept: set[tuple[int, str]]
    """Attributes of function nodes, by their cells, that a rule doesn't set and ``forward`` does."""
    effects_refused: bool
    zipped: dict[int, tuple[Value, int]]
    """The rows that ``zip(*rows)`` walks over, and their width, by the cells of generators."""

    if TYPE_CHECKING:

        @property
        def frame(self) -> Frame: ...

        def span(self) -> Span | None: ...

        def error(self, code: str, message: str, **details: Any) -> CompileError: ...

        def fail(self, code: str, message: str, **details: Any) -> NoReturn: ...

        def refuse_way(self, refusal: CompileError) -> NoReturn: ...

        def raise_python(self, exception: BaseException | Deferred) -> NoReturn: ...

        def raise_lacking(self, v: Value, method: str, message: str) -> NoReturn: ...

        def poisoned(self) -> NoReturn: ...

        def give_up(self, refusals: list[Diagnostic]) -> NoReturn: ...

        def __getattr__(self, name: str) -> Any:
            """The methods of the other parts."""
