"""Random programs, before and after: the same result, and the same trace of everything on the way.

A program decides by reading a tape of booleans, and notes every step; a budget of steps ends what doesn't
end by itself, at the same step before and after. So a difference of one evaluated test, one element taken
from an iterator, or one statement run or left out is seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import gast
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passes.syntax import PIPELINE, canonicalise, liveness, loop_else
from passes.syntax import tree as trees

SETTINGS = settings(
    max_examples=int(os.environ.get("ASTFRONT_EXAMPLES", "120")),
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


@st.composite
def blocks(draw: Any, depth: int, loop: bool, label: list[int]) -> list[str]:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4 if depth > 1 else 3))):
        lines += draw(statements(depth, loop, label))
    return lines


@st.composite
def expressions(draw: Any, label: list[int]) -> str:
    label[0] += 1
    name, other = draw(st.sampled_from([(x, y) for x in NAMES for y in NAMES if x != y]))
    return draw(
        st.sampled_from(
            [
                f"{label[0]}",
                f"step({name})",
                f"mix({name}, {other})",
                f"({name} if tape() else {other})",
                f"mix({other}, *[{name} for {name} in it(2)])",
                f"(lambda {name}=1: mix({name}, {other}))()",
                f"(tape() and ({name} := {label[0]}), {name})[-1]",
                f"mix(*[({name} := {other}) for {other} in it(2)])",
            ]
        )
    )


@st.composite
def statements(draw: Any, depth: int, loop: bool, label: list[int]) -> list[str]:
    jumps = ["return", "return", "raise", *(["break", "break", "continue", "continue"] * loop)]
    kinds = ["step", "assign", "augment", "jump"]
    if depth:
        kinds += ["if", "if", "if", "for", "for", "while", "with", "def"]
    kind = draw(st.sampled_from(kinds))
    label[0] += 1
    number, name = label[0], draw(st.sampled_from(NAMES))

    def indented(loop: bool) -> list[str]:
        return ["    " + line for line in draw(blocks(depth - 1, loop, label))]

    if kind == "step":
        return [f"step({number}, {name})"]
    if kind == "assign":
        return [f"{name} = {draw(expressions(label))}"]
    if kind == "augment":
        return [f"{name} += {draw(expressions(label))}"]
    if kind == "jump":
        jump = draw(st.sampled_from(jumps))
        jump = {"return": f"return {number}, {name}", "raise": f"raise Chosen({number})"}.get(
            jump, jump
        )
        if draw(st.booleans()):  # most programs should get past their first few statements
            return ["if tape():", "    " + jump]
        return [jump]
    if kind == "if":
        lines = ["if tape():", *indented(loop)]
        if draw(st.booleans()):
            lines += ["else:", *indented(loop)]
        return lines
    if kind == "with":
        return [f"with cm({number}) as {name}:", *indented(loop)]
    if kind == "def":
        lines = [f"def g{number}({name}=1):", *indented(False)]
        return [*lines, f"step(g{number}())"]
    if kind == "for":
        head = f"for {name} in it({draw(st.integers(0, 3))}):"
    else:
        head = draw(st.sampled_from(["while tape():", "while True:", f"while ({name} := tape()):"]))
    lines = [head, f"    step({number})", *indented(True)]  # a step, or it may go on for ever
    if draw(st.integers(0, 2)) == 0:
        lines += ["else:", *indented(loop)]
    return lines


@st.composite
def programs(draw: Any) -> str:
    body = draw(blocks(draw(st.integers(2, 4)), False, [0]))
    return "\n".join(["def f(a, b, c, d):", *("    " + line for line in body)]) + "\n"


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


@SETTINGS
@given(programs(), TAPES)
def test_the_same_before_and_after(
    assert_canonical: Any, assert_locations: Any, source: str, tapes: list[list[bool]]
) -> None:
    fn = gast.parse(source).body[0]
    dump = gast.dump(fn, include_attributes=True)
    expected = [trace(source, tape) for tape in tapes]

    canonical = canonicalise(fn)
    assert gast.dump(fn, include_attributes=True) == dump, "the input was changed"
    assert_canonical(canonical)
    assert_locations(fn, canonical)
    assert gast.dump(canonicalise(canonical)) == gast.dump(canonical), "doing it twice changes it"

    without_else = loop_else.run(fn)
    versions = [canonical, without_else, *(run(without_else) for run in PIPELINE[1:])]
    for text in map(gast.unparse, versions):
        assert [trace(text, tape) for tape in tapes] == expected, text

    for version in (fn, canonical):
        text = gast.unparse(poisoned(trees.clone(version)))
        for tape, events in zip(tapes, expected):
            if events[-1][0] != "unbound":  # poison binds what was unbound
                assert trace(text, tape) == events, text
