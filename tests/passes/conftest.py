"""What the tests of the syntax passes share: running a function before and after, and its invariants."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import gast
import pytest

from passes.syntax import tree as trees
from passes.syntax.names import is_generated

Pass = Callable[[gast.FunctionDef], gast.FunctionDef]


class Log:
    """What a program under test can see of the world; it notes all that is done to it."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def note(self, *what: Any) -> Any:
        self.events.append(what)
        return what[-1]

    def iterate(self, values: Any) -> Iterator[Any]:
        """An iterator that notes each element it is asked for."""
        for value in values:
            self.note("next", value)
            yield value
        self.note("exhausted")

    def manager(self, label: Any) -> Any:
        return Manager(self, label)


class Manager:
    def __init__(self, log: Log, label: Any) -> None:
        self.log, self.label = log, label

    def __enter__(self) -> Any:
        self.log.note("enter", self.label)
        return self.label

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.log.note("exit", self.label, kind and kind.__name__)


def parse(source: str) -> gast.FunctionDef:
    return gast.parse(textwrap.dedent(source)).body[0]


def execute(fn: gast.FunctionDef, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The result, or the exception, and everything that happened on the way."""
    log = Log()
    namespace = {
        "note": log.note,
        "iterate": log.iterate,
        "manager": log.manager,
        "somewhere": "global",
    }
    exec(compile(gast.unparse(fn), "<program>", "exec"), namespace)
    try:
        outcome = ("returned", repr(namespace[fn.name](*args)))
    except Exception as error:
        text = "" if isinstance(error, (UnboundLocalError, NameError)) else str(error)
        outcome = ("raised", type(error).__name__, text)
    return (*outcome, log.events)


def check_locations(before: gast.AST, after: gast.AST) -> None:
    places = {
        (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        for node in gast.walk(before)
        if isinstance(node, (gast.stmt, gast.expr))
    }
    for node in gast.walk(after):
        if isinstance(node, (gast.stmt, gast.expr)):
            place = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
            assert place in places, gast.dump(node)


def check_canonical(fn: gast.FunctionDef) -> None:
    """One return at the end; break only as `if flag: break` at the end of a loop; no loop else."""
    for nested in trees.nested_functions(fn):
        check_canonical(nested)
    statements = list(trees.own(fn.body, into_loops=True))
    returns = [stmt for stmt in statements if isinstance(stmt, gast.Return)]
    assert len(returns) == 1
    assert returns[0] is fn.body[-1]
    assert returns[0].value is not None
    assert not any(isinstance(stmt, gast.Continue) for stmt in statements)
    in_place = set()
    for loop in statements:
        if isinstance(loop, (gast.For, gast.While)):
            assert not loop.orelse
            last = loop.body[-1]
            if isinstance(last, gast.If) and isinstance(last.body[0], gast.Break):
                assert isinstance(last.test, gast.Name)
                assert is_generated(last.test.id)
                assert len(last.body) == 1
                assert not last.orelse
                in_place.add(id(last.body[0]))
    breaks = [stmt for stmt in statements if isinstance(stmt, gast.Break)]
    assert {id(stmt) for stmt in breaks} == in_place
    ids = [id(node) for node in gast.walk(fn) if isinstance(node, (gast.stmt, gast.expr))]
    assert len(ids) == len(set(ids)), "a node stands in two places"


@pytest.fixture(scope="session")
def parsed() -> Callable[[str], gast.FunctionDef]:
    return parse


@pytest.fixture(scope="session")
def run_program() -> Callable[..., tuple[Any, ...]]:
    return execute


@pytest.fixture(scope="session")
def assert_canonical() -> Callable[[gast.FunctionDef], None]:
    return check_canonical


@pytest.fixture(scope="session")
def assert_locations() -> Callable[[gast.AST, gast.AST], None]:
    return check_locations


@pytest.fixture(scope="session")
def same() -> Callable[..., gast.FunctionDef]:
    """Rewrite a source, run both versions on each of the argument tuples, give the rewritten one."""

    def check(rewrite: Pass, source: str, inputs: list[tuple[Any, ...]]) -> gast.FunctionDef:
        before = parse(source)
        text = gast.dump(before, include_attributes=True)
        after = rewrite(before)
        assert gast.dump(before, include_attributes=True) == text, "the input was changed"
        check_locations(before, after)
        for args in inputs:
            assert execute(after, args) == execute(before, args), gast.unparse(after)
        return after

    return check
