"""Random programs, before and after: the same result, and the same trace of everything on the way.

A program decides by reading a tape of booleans, and notes every step; a budget of steps ends what doesn't
end by itself, at the same step before and after. So a difference of one evaluated test, one element taken
from an iterator, or one statement run or left out is seen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import gast
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passes.syntax import PIPELINE, canonicalise, liveness, loop_else
from passes.syntax import tree as trees

EXAMPLES = int(os.environ.get("ASTFRONT_EXAMPLES", "60"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=list(HealthCheck),
)
NAMES = ["a", "b", "c", "d"]
BUDGET = 120


class OutOfSteps(Exception):
    pass


class Chosen(Exception):
    pass


# Programs


class Writer:
    """Writes a random program; `choose` picks one of a sequence."""

    def __init__(self, choose: Callable[[Sequence[Any]], Any]) -> None:
        self.choose = choose
        self.number = 0
        self.size = 0

    def program(self) -> str:
        body = self.block(self.choose([2, 3, 3, 4]), loop=False)
        return "\n".join(["def f(a, b, c, d):", *body]) + "\n"

    def block(self, depth: int, loop: bool) -> list[str]:
        lines: list[str] = []
        for _ in range(self.choose([1, 2, 2, 3])):
            lines += self.statement(depth if self.size < 30 else 0, loop)
        return ["    " + line for line in lines]

    def statement(self, depth: int, loop: bool) -> list[str]:
        self.number += 1
        self.size += 1
        number, name = self.number, self.choose(NAMES)
        kinds = ["step", "assign", "jump", "jump"]
        if depth:
            kinds = [*kinds, "if", "if", "if", "for", "for", "while", "while", "with", "def"]
        kind = self.choose(kinds)
        if kind == "step":
            return [f"step({number}, {name})"]
        if kind == "assign":
            return [f"{name} {self.choose(['=', '=', '+='])} {self.expression(number)}"]
        if kind == "jump":
            jumps = [f"return {number}, {name}", f"raise Chosen({number})"]
            jump = self.choose(
                ["break", "continue", jumps[0]] if loop else [*jumps[:1] * 4, *jumps]
            )
            # Most programs should get past their first few statements.
            return [jump] if self.choose(range(4)) == 0 else ["if tape():", "    " + jump]
        if kind == "if":
            lines = ["if tape():", *self.block(depth - 1, loop)]
            return [*lines, "else:", *self.block(depth - 1, loop)] if self.choose([0, 1]) else lines
        if kind == "with":
            return [f"with cm({number}) as {name}:", *self.block(depth - 1, loop)]
        if kind == "def":
            return [
                f"def g{number}({name}=1):",
                *self.block(depth - 1, False),
                f"step(g{number}())",
            ]
        if kind == "for":
            head = f"for {name} in it({self.choose([0, 1, 2, 2, 3])}):"
        else:
            head = self.choose(["while tape():", "while True:", f"while ({name} := tape()):"])
        # A step, or it may go on for ever.
        lines = [head, f"    step({number}, {name})", *self.block(depth - 1, True)]
        if self.choose(range(3)) == 0:
            lines += ["else:", *self.block(depth - 1, loop)]
        return lines

    def expression(self, number: int) -> str:
        x, y = self.choose([(x, y) for x in NAMES for y in NAMES if x != y])
        return self.choose(
            [
                f"{number}",
                f"{number}",
                f"step({x})",
                f"mix({x}, {y})",
                f"({x} if tape() else {y})",
                f"mix({y}, *[{x} for {x} in it(2)])",
                f"(lambda {x}=1: mix({x}, {y}))()",
                f"(tape() and ({x} := {number}), {x})[-1]",
                f"mix(*[({x} := {y}) for {y} in it(2)])",
            ]
        )


@st.composite
def programs(draw: Any) -> str:
    return Writer(lambda options: draw(st.sampled_from(options))).program()


# Running


def trace(source: str, tape: list[bool]) -> list[Any]:
    """All that the program does, and how it ends."""
    events: list[Any] = []
    answers = iter(tape)

    def step(*what: Any) -> Any:
        events.append(("step", repr(what)))
        if len(events) > BUDGET:
            raise OutOfSteps
        return what[-1]

    def decide() -> bool:
        answer = next(answers, len(events) % 3 == 0)
        step("tape", answer)
        return answer

    def it(n: int) -> Iterator[int]:
        for i in range(n):
            step("next", i)
            yield i
        step("exhausted")

    class cm:
        def __init__(self, label: int) -> None:
            self.label = label

        def __enter__(self) -> int:
            return step("enter", self.label)

        def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
            events.append(("exit", self.label, kind))

    def mix(*values: int) -> int:
        result = 7
        for value in values:
            result = (result * 31 + value) % 1009
        return result

    namespace = {"mix": mix, "step": step, "tape": decide, "it": it, "cm": cm, "Chosen": Chosen}
    exec(compile(source, "<program>", "exec"), namespace)
    try:
        events.append(("returned", repr(namespace["f"](10, 20, 30, 40))))
    except (OutOfSteps, Chosen) as error:
        events.append(("raised", repr(error)))
    except NameError as error:  # unbound; also in closures
        events.append(("unbound", type(error).__name__))
    return events


TAPES = st.lists(st.lists(st.booleans(), max_size=24), min_size=3, max_size=3)


# Liveness: what is said to be dead can be overwritten, and nobody sees it


def poisoned(fn: gast.FunctionDef) -> gast.FunctionDef:
    """Overwrites, before and after each compound statement, every variable that isn't live there."""
    every = [*trees.parameters(fn.args), *trees.local_names(fn)]
    live = liveness.analyse(fn)
    flows = (gast.If, gast.For, gast.While, gast.With)

    def poison(names: list[str], where: gast.stmt) -> list[gast.stmt]:
        return [trees.assign(name, trees.constant("POISON"), where) for name in names]

    def block(stmts: list[gast.stmt], at_jump: set[str]) -> list[gast.stmt]:
        out: list[gast.stmt] = []
        for stmt in stmts:
            if isinstance(stmt, flows):
                after = live.live_out(stmt)
                inside = at_jump
                if isinstance(stmt, (gast.For, gast.While)):  # after a break, or a continue
                    inside = {*after, *live.exposed(stmt)}
                needed = {*live.exposed(stmt), *after, *at_jump}
                out += poison([name for name in every if name not in needed], stmt)
                stmt.body = block(stmt.body, inside)
                if not isinstance(stmt, gast.With):
                    stmt.orelse = block(stmt.orelse, at_jump)
                # `if flag: break` and the like stay the last statement of their loop all the same:
                # what is added here runs only where the loop goes on.
                out += [stmt, *poison([name for name in every if name not in after], stmt)]
            else:
                out.append(stmt)
        return out

    fn.body = block(fn.body, set())
    return fn


def check(
    assert_canonical: Any, assert_locations: Any, source: str, tapes: list[list[bool]]
) -> None:
    """Everything that is to hold of a program."""
    fn = gast.parse(source).body[0]
    dump = gast.dump(fn, include_attributes=True)
    expected = [trace(source, tape) for tape in tapes]

    canonical = canonicalise(fn)
    assert gast.dump(fn, include_attributes=True) == dump, "the input was changed"
    assert_canonical(canonical)
    assert_locations(fn, canonical)
    assert gast.dump(canonicalise(canonical)) == gast.dump(canonical), "doing it twice changes it"

    without_else = loop_else.run(fn)
    versions = [canonical, without_else, *(run(without_else) for run in PIPELINE)]
    for text in map(gast.unparse, versions):
        assert [trace(text, tape) for tape in tapes] == expected, text

    for version in (fn, canonical):
        text = gast.unparse(poisoned(trees.clone(version)))
        for tape, events in zip(tapes, expected):
            if events[-1][0] != "unbound":  # poison binds what was unbound
                assert trace(text, tape) == events, text


@SETTINGS
@given(source=programs(), tapes=TAPES)
def test_the_same_before_and_after(
    assert_canonical: Any, assert_locations: Any, source: str, tapes: list[list[bool]]
) -> None:
    check(assert_canonical, assert_locations, source, tapes)


@pytest.mark.parametrize("part", range(4))
def test_the_same_for_fixed_seeds(assert_canonical: Any, assert_locations: Any, part: int) -> None:
    """Many more of them, and the same ones each time; hypothesis is there to find small ones."""
    for seed in range(part * EXAMPLES, (part + 1) * EXAMPLES):
        random = Random(seed)
        source = Writer(random.choice).program()
        tapes = [[random.random() < p for _ in range(40)] for p in (0.2, 0.4, 0.5, 0.7)]
        check(assert_canonical, assert_locations, source, tapes)
