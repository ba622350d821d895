"""Writes docs/operators.md: which functions and links of Chainer the tests' cases cover, and how.

The calls are read from the source of the case groups (tests/functions/cases.py). Nothing is compiled
here: that the cases pass is what the tests prove.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import operator
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chainer.functions as F
import chainer.links as L

from tests.functions.cases import GROUPS, Group

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "operators.md"

HEADER = """\
# Functions and links

Written by `make docs` from the cases in `tests/functions` and `tests/links`, which compare each call
with Chainer. *Arguments* are those that the cases give, with the values where these are written out.
*Sizes* are `staged` where a program that knows them only at run time is tested, too. *Modes* say `train`
where `chainer.config.train` is set, `statistics` where random numbers are tested by their distribution,
and `lowered` where a model is compiled to Relay and not run, for its size.

What isn't listed isn't refused for that: functions and links are compiled from their source, with
arguments that no case gives, too.
"""


@dataclass
class Entry:
    """What the cases say of one function or link."""

    arguments: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    dtypes: set[str] = field(default_factory=set)
    staged: bool = False
    modes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Refusal:
    name: str
    call: str
    sizes: str
    code: str


def public(module: Any) -> list[str]:
    """The functions, or the classes, that a module of Chainer offers."""
    return [n for n in sorted(vars(module)) if n[0] != "_" and callable(getattr(module, n))]


def groups() -> list[Group]:
    """All groups, file by file; it imports the test files to have them registered."""
    for path in sorted(ROOT.glob("tests/*/test_*.py")):
        if path.parent.name in ("functions", "links"):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return sorted(GROUPS, key=lambda group: group.function.__module__)


def calls(group: Group, alias: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls `F.name(…)` (or `np.linalg.name(…)`, for `np`) in the source of a group."""
    for node in ast.walk(tree_of(group)):
        if isinstance(node, ast.Call):
            root, _, name = ast.unparse(node.func).partition(".")
            if root == alias and name.replace(".", "").isidentifier():
                yield name, node


def tree_of(group: Group) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(group.function)))


def entries(found: Iterable[Group], module: Any, alias: str) -> dict[str, Entry]:
    """What is covered, by name."""
    table: dict[str, Entry] = {}
    for group in found:
        if group.code is not None:
            continue
        for name, call in calls(group, alias):
            entry = table.setdefault(name, Entry())
            entry.dtypes.update(group.dtypes)
            entry.staged |= bool(group.staged)
            entry.modes.add(group.mode)
            function = operator.attrgetter(name)(module)
            for parameter, value in arguments(function, call):
                entry.arguments[parameter].update(dict.fromkeys(value))
    return table


def arguments(function: Any, call: ast.Call) -> Iterator[tuple[str, list[str]]]:
    """Parameters by name, each with the value if that's written out."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # written in C: its parameters have no names to look up
        parameters = []
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY
    names = [p.name for p in parameters if p.kind in positional]
    rest = next(("*" + p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "*")
    for i, value in enumerate(call.args):
        yield (names[i] if i < len(names) else rest), _written_out(value)
    for keyword in call.keywords:
        if keyword.arg is not None:
            yield keyword.arg, _written_out(keyword.value)


def _written_out(node: ast.expr) -> list[str]:
    try:
        ast.literal_eval(node)
    except ValueError:
        return []
    return [ast.unparse(node)]


def refusals(found: Iterable[Group], alias: str) -> list[Refusal]:
    return [
        Refusal(name, ast.unparse(call), "staged" if group.staged else "known", group.code)
        for group in found
        if group.code is not None
        for name, call in calls(group, alias)
    ]


def render() -> str:
    """The text of docs/operators.md."""
    found = groups()
    return "\n".join([HEADER, *_chapter(found, F, "F"), *_chapter(found, L, "L")])


def _chapter(found: list[Group], module: Any, alias: str) -> Iterator[str]:
    table = entries(found, module, alias)
    names = public(module)
    yield f"## {module.__name__}: {sum(n in table for n in names)} of {len(names)}\n"
    parts: dict[str, list[str]] = defaultdict(list)
    for name in names:
        parts[_part(getattr(module, name))].append(name)
    for part in sorted(parts):
        yield f"### {part}\n\n| name | arguments | dtypes | sizes | modes |\n|---|---|---|---|---|"
        yield from (row(name, table.get(name)) for name in parts[part])
        yield ""
    refused = refusals(found, alias)
    if refused:
        yield f"### Refused\n\n| {module.__name__} | sizes | code |\n|---|---|---|"
        yield from sorted(f"| `{r.call}` | {r.sizes} | {r.code} |" for r in refused)
        yield ""


def _part(item: Any) -> str:
    """The package that it stands in: `array`, `connection`, …"""
    return str(item.__module__.split(".")[2])


def row(name: str, entry: Entry | None) -> str:
    if entry is None:
        return f"| `{name}` | no case | | | |"
    shown = [
        f"`{parameter}" + (f"={', '.join(sorted(values))}`" if values else "`")
        for parameter, values in entry.arguments.items()
    ]
    sizes = "known, staged" if entry.staged else "known"
    dtypes = ", ".join(sorted(entry.dtypes, key=lambda d: (d.rstrip("0123456789"), len(d), d)))
    return (
        f"| `{name}` | {'; '.join(shown)} | {dtypes} | {sizes} | {', '.join(sorted(entry.modes))} |"
    )


if __name__ == "__main__":
    PAGE.write_text(render())
