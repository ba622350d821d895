"""Compiles constructs, many in one program, and compares them with Chainer."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Callable, Sequence
from typing import Any

import chainer
import numpy as np
from chainer.utils.type_check import InvalidType

import astfront
from tests.language.construct import Construct
from tests.syntax.compare import assert_same, outcome, state_of

#: The values of ``n``.
NUMBERS = (0, 1, 2, 3)
#: How many turns the loop has that ``kept`` puts around an example.
TURNS = (len(NUMBERS), 0, 1)


class Group(chainer.Chain):
    """Constructs that are compiled in one program: a method a column of the table."""

    def __init__(self, constructs: Sequence[Construct]) -> None:
        super().__init__()
        members = []
        for construct in constructs:
            function = construct.example
            if isinstance(function, type):
                with self.init_scope():
                    setattr(self, construct.name, function())
                function = getattr(self, construct.name)
            members.append((function, tuple(construct.inputs)))
        self.members = tuple(members)

    def each(self, use):
        return list(map(use, self.members))

    def static(self, x, xs, numbers):
        return [self.each(lambda member: call(member, x, xs, n)) for n in numbers]

    def staged(self, x, xs, n):
        return self.each(lambda member: call(member, x, xs, int(n)))

    def kept(self, x, xs, turns):
        return self.each(lambda member: in_loop(member, x, xs, int(turns)))


def call(member, x, xs, n):
    function, names = member
    given = {"x": x, "xs": xs, "n": n}
    return function(*[given[name] for name in names])


def in_loop(member, x, xs, turns):
    result = None
    for i in range(turns):
        result = call(member, x - i, xs, i)
    return result


def arguments(column: str, one_by_one: bool = False) -> list[tuple[Any, ...]]:
    """The calls that prove a column."""
    random = np.random.RandomState(0)
    x = chainer.Variable(random.uniform(-1, 1, (4, 3)).astype("float32"))
    xs = [random.uniform(-1, 1, (length, 3)).astype("float32") for length in (2, 3, 1)]
    if column == "static":
        calls = [(n,) for n in NUMBERS] if one_by_one else [(0, NUMBERS[-1])]
        return [(x, xs, numbers) for numbers in calls]
    return [(x, xs, np.int64(n)) for n in (TURNS if column == "kept" else NUMBERS)]


def compare(constructs: Sequence[Construct], column: str) -> None:
    """The constructs give compiled what they give under Chainer."""
    group = Group(constructs)
    reference = copy.deepcopy(group)
    # In blocks, loops take twice as long to compile; tests/syntax has them so.
    compiled = astfront.compile(getattr(group, column), long_loops=False)
    for args in arguments(column, one_by_one=any(c.raises for c in constructs)):
        with chainer.no_backprop_mode(), np.errstate(all="ignore"):
            expected, expected_text = _printed(getattr(reference, column), args)
            got, text = _printed(compiled, args)
        _require_same(got, expected, constructs, args[-1])
        assert text == expected_text
        assert_same(state_of(group), state_of(reference))


def _printed(function: Callable[..., Any], args: Sequence[Any]) -> tuple[Any, str]:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        result = outcome(function, *copy.deepcopy(args))
    return result, text.getvalue()


def _require_same(got: Any, expected: Any, constructs: Sequence[Construct], numbers: Any) -> None:
    if isinstance(got, Exception) or isinstance(expected, Exception):
        for error in (expected, got):
            if isinstance(error, Exception) and not any(c.raises for c in constructs):
                raise error
        assert type(got) is type(expected), numbers
        # At run time the sizes aren't in the text of InvalidType.
        assert isinstance(got, InvalidType) or str(got) == str(expected), numbers
        return
    for i, construct in enumerate(constructs):
        a, b = (
            [results[i] for results in made] if isinstance(numbers, tuple) else made[i]
            for made in (got, expected)
        )
        try:
            assert_same(a, b)
        except AssertionError as e:
            raise AssertionError(f"{construct.name}, {numbers}: {a} instead of {b}") from e


def refusal(construct: Construct, column: str) -> str | None:
    """The code with which a construct is refused."""
    group = Group([construct])
    try:
        with chainer.no_backprop_mode():
            astfront.compile(getattr(group, column)).lower(*arguments(column)[0])
    except astfront.CompileError as e:
        return e.diagnostics[0].code
    return None
