"""Random small models: what the compiled one gives, changes and raises is what Chainer does.

The programs are source text in a file of their own, as users' are. One that the compiler refuses is no
fault, as long as the code is one of :data:`TOLERATED`, and that most programs compile.
"""

from __future__ import annotations

import copy
import importlib.util
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import chainer
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import astfront
from tests.support import assert_same
from tests.syntax.compare import outcome, state_of

EXAMPLES = int(os.environ.get("ASTFRONT_EXAMPLES", "25"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="CI" in os.environ,
    suppress_health_check=list(HealthCheck),
)
TOLERATED = {"AF0203", "AF0204", "AF0205", "AF0206", "AF0207", "AF0208", "AF0209", "AF0210", "AF0405", "AF0503", "AF0504"}  # fmt: skip
HEADER = """import chainer
import chainer.functions as F


def helper(y, k, *, shift=0.25):
    if k % 2 == 0:
        return F.tanh(y) + shift
    return y * 0.5 - k * 0.1


def pair(y, k):
    return k + 1, y * 0.75


def checked(k):
    if k > 3:
        raise KeyError(k)
    return k + 1


def walk(y, k):
    if k <= 0:
        return y
    return walk(F.tanh(y), k - 2) + k * 0.1


class Box:
    def __init__(self, value):
        self.value = value

    def add(self, y):
        self.value = self.value + y
        return self


class Model(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.h = None
        self.count = 0
        self.log = []

    def forward(self, x, n, m):
        i, j, k = int(n), m, 2
        t, u = x, x * 0.5
        xs, ns = [], [1]
        g = None
        d, acc, box, rows = {"a": 1}, 0, Box(x), []
"""


class Writer:
    """Writes the rest of ``forward``; ``choose`` picks one of a sequence."""

    def __init__(self, choose: Callable[[Sequence[Any]], Any]) -> None:
        self.choose = choose
        self.numbers = itertools.count()
        self.size = 0

    def program(self) -> str:
        results = [
            "t, i, j, k",
            "t + u, len(xs)",
            "xs, i, g",
            "F.sum(t), ns, k",
            "t",
            "d, acc, t",
            "box.value, rows, acc",
        ]
        self.result = self.choose(results)
        body = [*self.block(3, loop=False, least=3), f"    return {self.result}"]
        return HEADER + "\n".join(f"    {line}" for line in body) + "\n"

    def block(self, depth: int, loop: bool, least: int = 1) -> list[str]:
        lines: list[str] = []
        for _ in range(self.choose([least, least + 1, least + 2])):
            lines += self.statement(depth if self.size < 14 else 0, loop)
        return ["    " + line for line in lines]

    def integer(self) -> str:
        a, b = self.choose("ijk"), self.choose("ijk")
        return self.choose(
            [
                a, "n0", "1", "3", f"{a} + 1", f"{a} - {b}", f"({a} * 3 + {b}) % 7", f"-{a} // 2",
                f"{a} % 3", "len(xs)", "len(ns)", "x.shape[0]", f"max({a}, {b})", f"abs({a})",
                f"({a} if {b} > 1 else {b} - 1)", f"({a} and {b})", f"({a} or 2)", "self.count % 5",
                f"ns[{b} % len(ns)]", "sum([i, j])", f"{a} // {b}", f"ns[{b}]",
            ]
        ).replace("n0", "int(n)")  # fmt: skip

    def tensor(self) -> str:
        a, b = self.choose("tu"), self.choose("tu")
        return self.choose(
            [
                a, f"{a} + {b} * 0.5", f"{a} - 0.3", f"{a} * {self.choose('ijk')} * 0.1", "x",
                f"F.tanh({a})", f"F.relu({a})", f"helper({a}, {self.integer()})", f"-{a} / 2",
                f"helper({a}, k=2, shift={self.choose('ijk')} * 0.1)", f"pair({a}, i)[1]",
                f"(F.sigmoid({a}) if {self.condition()} else {b})", f"(g if g is not None else {a})",
                f"(self.h if self.h is not None else {a})", f"{a}[:1] + {b}", f"{a}[0] + {b}",
            ]
        )  # fmt: skip

    def condition(self) -> str:
        a, b = self.choose("ijk"), self.choose("ijk")
        y = self.choose("tu")
        return self.choose(
            [
                f"float(F.sum({y}).array) > 0.37", f"F.sum({y}).array < 1.13", f"{a} < {b}", "i > 1",
                f"{a} % 2 == 0", f"0 <= {a} < 3", f"not {a} > {b}", f"{a} == {b} or i < 2", "m > 2",
                f"{a} > 0 and float(F.sum({y}).array) < 2.21", "xs", "len(ns) < 4", "g is None",
                f"{b} in (1, 3)", "self.count > 1", f"bool(({y}.array > 0.11).any())",
            ]
        )  # fmt: skip

    def statement(self, depth: int, loop: bool) -> list[str]:
        self.size += 1
        kinds = [
            "tensor",
            "tensor",
            "integer",
            "integer",
            "list",
            "list",
            "state",
            "swap",
            "option",
            "dict",
            "sum",
            "object",
            "row",
            "chosen",
            "in_place",
        ]
        if loop:
            kinds += ["jump", "jump"]
        if depth:
            kinds += ["try", "if", "if", "if", "for", "for", "for", "while", "while"]
        kind: str = self.choose(kinds)
        written: list[str] = getattr(self, f"_{kind}")(depth, loop)
        return written

    def _tensor(self, depth: int, loop: bool) -> list[str]:
        return [f"{self.choose('tu')} {self.choose(['=', '=', '+=', '-='])} {self.tensor()}"]

    def _integer(self, depth: int, loop: bool) -> list[str]:
        name = self.choose("ijk")
        return [f"{name} {self.choose(['=', '=', '+=', '-='])} {self.integer()}", f"{name} %= 11"]

    def _list(self, depth: int, loop: bool) -> list[str]:
        y = self.choose("tu")
        return self.choose(
            [
                [f"xs.append({y})"],
                [f"ns.append({self.integer()})"],
                ["if xs:", f"    {y} = xs[-1] + F.sum(F.stack(xs), axis=0) * 0.1"],
                ["for v in xs:", f"    {y} = {y} * 0.5 + v"],
                ["for a, v in enumerate(ns):", "    k += a * v", "k %= 9"],
                ["xs = [v * 0.5 for v in xs]"],
                ["ns = [a + 1 for a in ns if a != j]", "ns.append(i)"],
                ["if len(ns) > 2:", "    j += ns.pop()", "    j %= 6"],
            ]
        )

    def _state(self, depth: int, loop: bool) -> list[str]:
        return self.choose(
            [
                ["self.count += 1"],
                [f"self.h = {self.choose('tu')}"],
                ["self.h = t if self.h is None else self.h * 0.5 + t"],
                ["self.log.append(i)"] if not loop else ["self.count += i % 3"],
                ["self.count, k = k % 4, self.count"],
            ]
        )

    def _swap(self, depth: int, loop: bool) -> list[str]:
        return self.choose([["t, u = u, t"], ["i, j = j, i"], ["i, t = pair(t, i % 5)"]])

    def _option(self, depth: int, loop: bool) -> list[str]:
        return self.choose(
            [
                ["g = t"],
                ["g = None"],
                ["g = u if g is None else g + u"],
                ["if g is not None:", "    t = t + g"],
            ]
        )

    def _dict(self, depth: int, loop: bool) -> list[str]:
        a = self.choose("ijk")
        return self.choose(
            [
                [f'd["{self.choose("ab")}"] = {self.integer()}'],
                [f'd["a"] += {a}', 'd["a"] %= 13'],
                [f'if "b" in d and {self.condition()}:', f'    {a} = d["b"] % 5'],
                [f'{a} += d.get("b", 2)', f"{a} %= 7"],
                ['k += sum(d[key] for key in ("a",))', "k %= 9"],
            ]
        )

    def _sum(self, depth: int, loop: bool) -> list[str]:
        return self.choose(
            [
                [f"if {self.condition()}:", f"    acc = acc + F.sum({self.choose('tu')})"],
                [f"acc += {self.choose(['0.5', 'i', 'F.sum(t)', 'F.mean(u)'])}"],
                ["acc = acc * 0.5 if i > 1 else acc"],
                ["t = t + acc * 0.1"],
            ]
        )

    def _object(self, depth: int, loop: bool) -> list[str]:
        return self.choose(
            [
                [f"box.add({self.tensor()})"],
                [f"box = Box({self.tensor()})"],
                ["t = t * 0.5 + box.value"],
                [f"t = walk(t, {self.choose('ijk')} % 6)"],
            ]
        )

    def _row(self, depth: int, loop: bool) -> list[str]:
        return self.choose(
            [
                [f"rows.append([{self.choose('ijk')}, {self.choose('ijk')}])"],
                ["for row in rows:", "    k += row[0] - row[-1]", "k %= 8"],
                ["rows = sorted(rows, key=lambda row: row[0])[:3]"],
                ["if rows:", "    j = rows[-1][1] % 5"],
            ]
        )

    def _chosen(self, depth: int, loop: bool) -> list[str]:
        a = self.choose("ijk")
        return self.choose(
            [
                [f"t = (F.tanh, F.relu, F.sigmoid)[{a} % 3](t)"],
                [f"u = [t, u, x][{a} % 3]"],
                [f"{a} = (4, 2, 7)[{self.choose('ijk')} % 3]"],
                ["u = (x * 0.3)[:, ::-1] if m > 1 else x[::-1]"],
            ]
        )

    def _in_place(self, depth: int, loop: bool) -> list[str]:
        a = self.choose("ijk")
        return self.choose(
            [
                ["q = t.array.copy()", f"q[{a} % 2] = 0.25", "u = chainer.Variable(q)"],
                ["q = u.array * 0.5", f"q[:, {a} % 3] += 1", "t = t + q"],
                ["q = x.array + 1", "q[q > 0.7] = 0", "t = t * 0.5 + q"],
                ["q = x.array * 2", "r = q[0]", "r += 1", "t = t + q"],
            ]
        )

    def _try(self, depth: int, loop: bool) -> list[str]:
        a, b = self.choose("ijk"), self.choose("ijk")
        risky = [f"{a} = {b} // {self.choose('ijk')}", f"{a} = ns[{b}]", f"{a} = checked({b})"]
        lines = [
            "try:",
            *self.block(0, loop),
            f"    {self.choose(risky)}",
            *self.block(0, loop),
            f"except {self.choose(['ZeroDivisionError', 'LookupError', 'Exception', 'IndexError'])}:",
            *self.block(depth - 1, loop),
        ]
        if self.choose([False, False, True]):
            lines += ["finally:", "    k = (k + 1) % 9"]
        return lines

    def _jump(self, depth: int, loop: bool) -> list[str]:
        return [
            f"if {self.condition()}:",
            "    " + self.choose(["break", "break", "continue", f"return {self.result}"]),
        ]

    def _if(self, depth: int, loop: bool) -> list[str]:
        lines = [f"if {self.condition()}:", *self.block(depth - 1, loop)]
        if self.choose([False, False, True]):
            lines += [f"elif {self.condition()}:", *self.block(depth - 1, loop)]
        if self.choose([False, True]):
            lines += ["else:", *self.block(depth - 1, loop)]
        if self.choose([False] * 9 + [True]):
            lines += [f"if {self.condition()}:", '    raise ValueError("stop")']
        return lines

    def _else(self, lines: list[str], depth: int, loop: bool) -> list[str]:
        return (
            [*lines, "else:", *self.block(0, loop)] if self.choose([False] * 3 + [True]) else lines
        )

    def _for(self, depth: int, loop: bool) -> list[str]:
        name = f"a{next(self.numbers)}"
        over, use = self.choose(
            [
                (f"{name} in range(int(n) % 5)", f"k += {name}"),
                (
                    f"{name} in range({self.choose(['m', '3', 'i % 4', 'len(xs)', 'x.shape[0]'])})",
                    f"i += {name}",
                ),
                (f"{name} in range({self.choose('ijk')} % 6, -1, -2)", f"t = t + {name}"),
                (f"{name} in x", f"t = t + {name} * 0.1"),
                (f"{name}, {name}r in enumerate(u)", f"t = t * 0.5 + {name}r * {name}"),
                (f"{name}, {name}r in zip(ns, x)", f"u = u + {name}r * ({name} % 3)"),
                (f"{name} in (1, 2, 4)", f"k = (k + {name}) % 7"),
                (f"{name} in [t, u]", f"t = t * 0.5 + {name}"),
                (f"{name} in ns", f"j = (j + {name}) % 5"),
            ]
        )
        lines = [f"for {over}:", f"    {use}", *self.block(depth - 1, True)]
        return self._else(lines, depth, loop)

    def _while(self, depth: int, loop: bool) -> list[str]:
        name = f"w{next(self.numbers)}"
        limit = self.choose(["3", "m", "int(n) % 5", "j % 4"])
        more = self.choose(["", f" and {self.condition()}"])
        lines = [
            f"{name} = 0",
            f"while {name} < {limit}{more}:" if self.choose([True, True, False]) else "while True:",
            f"    {name} += 1",
            f"    if {name} > 4:",
            "        break",
            *self.block(depth - 1, True),
        ]
        return self._else(lines, depth, loop) if "while True:" not in lines[1] else lines


def load(text: str, folder: Path, number: int) -> Any:
    name = f"generated_model_{number}"
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run(text: str, folder: Path, number: int, m: int, long_loops: bool) -> bool:
    """Compare the program with Chainer over a few calls; False where it's refused."""
    module = load(text, folder, number)
    model = module.Model()
    reference = copy.deepcopy(model)
    compiled = astfront.compile(model, long_loops=long_loops)
    random = np.random.RandomState(number)
    try:
        for n, scale in ((2, 1.0), (0, -0.7), (5, 0.3), (3, 2.0)):
            x = chainer.Variable(
                random.uniform(-1, 1, (2, 3)).astype("float32") * scale + scale / 2
            )
            args = x, np.int64(n), m
            with chainer.no_backprop_mode(), np.errstate(all="ignore"):
                expected = outcome(reference, *args)
                try:
                    got = outcome(compiled, *args)
                except astfront.CompileError as e:
                    codes = {d.code for d in e.diagnostics}
                    assert codes, "an error without diagnostics"
                    assert codes <= TOLERATED, str(e)  # noqa: PT017
                    return False
            if isinstance(expected, Exception):
                assert type(got) is type(expected), f"{got!r} instead of {expected!r}"
                assert str(got) == str(expected)
                same(state_of(model), state_of(reference))
                continue
            if isinstance(got, Exception):
                raise got
            same(got, expected)
            same(state_of(model), state_of(reference))
    finally:
        del sys.modules[module.__name__]
    return True


def same(got: Any, expected: Any) -> None:
    """As assert_same, but numbers only by their values: an ``and`` may give a bool or an int."""
    if isinstance(expected, bool | int) and isinstance(got, bool | int):
        assert got == expected
    elif isinstance(expected, tuple | list) and type(got) is type(expected):
        assert len(got) == len(expected)
        for a, b in zip(got, expected):
            same(a, b)
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            same(got[key], expected[key])
    else:
        assert_same(got, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("part", range(2))
def test_generated_models(part: int, tmp_path: Path) -> None:
    numbers = itertools.count()
    compiled: list[bool] = []

    @SETTINGS
    @given(st.data())
    def check(data: Any) -> None:
        def choose(options: Sequence[Any]) -> Any:
            return options[data.draw(st.integers(0, len(options) - 1))]

        m = choose([0, 1, 3])
        text = Writer(choose).program()
        try:
            compiled.append(run(text, tmp_path, next(numbers), m, long_loops=part == 0))
        except BaseException:
            print(f"m = {m}", text, sep="\n")
            raise

    check()
    assert sum(compiled) * 3 > len(compiled) * 2, (
        f"{compiled.count(False)} of {len(compiled)} refused"
    )
