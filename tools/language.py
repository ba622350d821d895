"""Writes docs/language.md from tests/language, which prove what it says."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from astfront.diagnostics import CODES
from tests.language.catalogue import SECTIONS
from tests.language.construct import COLUMNS, Construct, Section

PAGE = Path(__file__).parents[1] / "docs" / "language.md"

HEAD = """\
# The language

What astfront compiles of Python, with an example of each construct. This page is written by
`make docs` from the examples in `tests/language`, and each cell is proved by a test: the examples
give compiled what they give under Chainer, for several inputs, or are refused with the diagnostic
that is named.

- **static**: `n` is known while compiling, as a Python int among the arguments is;
- **staged**: `n` is known only when the program runs, as the `int()` of an array is;
- **in a kept loop**: the example stands in a loop whose number of turns is known only when the
  program runs, and `n` is the number of the turn.

`x` is a Variable of shape (4, 3), `xs` a list of three arrays of differing lengths.
"""


def render() -> str:
    parts = [HEAD, *map(_section, SECTIONS), _codes()]
    return "\n".join(parts)


def _section(section: Section) -> str:
    rows = [
        f"## {section.title}",
        "",
        "| | example | static | staged | in a kept loop |",
        "| --- | --- | --- | --- | --- |",
        *map(_row, section.constructs),
        "",
        "```python",
        _examples(section),
        "```",
        "",
    ]
    return "\n".join(rows)


def _examples(section: Section) -> str:
    """The source of a section's module, without its head and the decorators that add an example."""
    module = inspect.getmodule(section.constructs[0].example)
    source = inspect.getsource(module)  # type: ignore[arg-type]
    lines: list[str | None] = [*source.splitlines()]
    for node in ast.parse(source).body:
        first, last = node.lineno, node.end_lineno or node.lineno
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            ours = [d for d in node.decorator_list if ast.unparse(d).startswith("construct(")]
            for decorator in ours:
                first, last = decorator.lineno, decorator.end_lineno or decorator.lineno
                lines[first - 1 : last] = [None] * (last - first + 1)
        elif "Section(" in ast.unparse(node):
            lines[:last] = [None] * last
    return "\n".join(line for line in lines if line is not None).strip()


def _row(construct: Construct) -> str:
    cells = [_cell(getattr(construct, column)) for column in COLUMNS]
    title = construct.title.replace("|", "\\|")
    return f"| {title} | `{construct.name}` | {' | '.join(cells)} |"


def _cell(code: str | None) -> str:
    return "yes" if code is None else f"no: {code}"


def _codes() -> str:
    """What the codes mean that the page names."""
    outcomes = (getattr(c, column) for s in SECTIONS for c in s.constructs for column in COLUMNS)
    used = sorted({code for code in outcomes if code is not None})
    return "\n".join(["## The diagnostics", "", *(f"- {code}: {CODES[code]}" for code in used), ""])


if __name__ == "__main__":
    PAGE.write_text(render())
