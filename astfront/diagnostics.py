"""Errors that point at the line: the table of codes, `Diagnostic`, `CompileError`, the renderer.

There is one exception type, `CompileError`, which holds one or more `Diagnostic`s; one renderer,
`Diagnostic.render`; and codes that stay the same from release to release, in `CODES`.  To refuse
something, write ::

    raise error("AF0203", "`h` may be undefined here", span,
                related=[Label(branch, "bound only in this branch")],
                help="bind `h` before the `if`, or add an `else`")
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from astfront.spans import Span

__all__ = [
    "CODES",
    "CompileError",
    "Diagnostic",
    "InternalError",
    "Label",
    "error",
    "internal_error",
]

CODES: dict[str, str] = {
    # AF00xx: finding the source of a function
    "AF0001": "no Python source",
    "AF0002": "source not found",
    "AF0003": "ambiguous lambda",
    # AF01xx: constructs outside the subset
    "AF0101": "generator",
    "AF0102": "asynchronous code",
    "AF0103": "class inside a function",
    "AF0104": "match statement",
    "AF0105": "write to a global or nonlocal name",
    "AF0106": "try statement",
    "AF0107": "import of *",
    "AF0108": "unknown construct",
    # AF02xx: names and values
    "AF0202": "attribute not found",
    "AF0203": "name that may be undefined",
    "AF0204": "values of two branches that can't be joined",
    "AF0205": "staged value where a static one is needed",
    "AF0206": "value that changes type in a loop",
    "AF0207": "unsupported operand types",
    "AF0208": "unsupported or wrong index or key",
    "AF0209": "mutation of an argument or of an aliased array",
    # AF03xx: calls
    "AF0301": "no rule for this function",
    "AF0302": "wrong arguments of a call",
    "AF0304": "recursion",
    "AF0305": "impure function while compiling",
    "AF0306": "unsupported argument or mode of an operator",
    "AF0307": "unsupported dtype",
    # AF04xx: the call of the compiled program
    "AF0401": "unsupported argument type",
    "AF0402": "argument that doesn't fit the spec",
    "AF0403": "uninitialised parameter",
    "AF0405": "unsupported return value",
    "AF0406": "program that can't be exported",
    # AF05xx: control flow
    "AF0502": "loop unrolled too many times",
    "AF0503": "loop of an unsupported kind",
    "AF0504": "loop over a list whose elements differ",
    # AF06xx: Relay and TVM
    "AF0601": "operator refused by TVM",
    # AF90xx: astfront's own faults
    "AF9001": "fault of astfront itself",
}

_TAB = 4
"""Columns between tab stops in a rendered line."""


@dataclass
class Label:
    """A second place that a diagnostic speaks of, underlined with dashes."""

    span: Span
    text: str


@dataclass
class Diagnostic:
    """One problem: what, where, why, and what to write instead."""

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    """Text beside the carets; the message says enough in most cases."""
    related: list[Label] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    help: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"unknown diagnostic code {self.code!r}: add it to CODES")

    def render(self) -> str:
        """The diagnostic as text, without a newline at its end."""
        marks = [_Mark(label.span, label.text, "-") for label in self.related]
        if self.span is not None:
            marks.insert(0, _Mark(self.span, self.label, "^"))
        width = max((len(str(mark.span.line)) for mark in marks), default=1)
        gutter = " " * (width + 1)

        rows = [f"error[{self.code}]: {self.message}"]
        for number, filename in enumerate(dict.fromkeys(mark.span.filename for mark in marks)):
            here = [mark for mark in marks if mark.span.filename == filename]
            arrow = "-->" if number == 0 else ":::"
            rows.append(f"{' ' * width}{arrow} {here[0].span.location()}")
            if any(mark.span.line > 0 for mark in here):
                rows.append(f"{gutter}|")
                rows.extend(_excerpt(here, width))
        rows.extend(_remark(gutter, "note", note) for note in self.notes)
        if self.help:
            rows.append(_remark(gutter, "help", self.help))
        return "\n".join(rows)


@dataclass(frozen=True)
class _Mark:
    span: Span
    text: str
    stroke: str


def _excerpt(marks: Sequence[_Mark], width: int) -> Iterable[str]:
    """The lines of one file that have marks, each with its marks under it.

    `...` stands for lines left out, unless all of them are blank.
    """
    previous: int | None = None
    for line in sorted({mark.span.line for mark in marks if mark.span.line > 0}):
        here = [mark for mark in marks if mark.span.line == line]
        here.sort(key=lambda mark: (mark.span.column, mark.span.end_column))
        if previous is not None and here[0].span.text_between(previous, line).strip():
            yield "..."
        previous = line
        text = here[0].span.first_line()
        if text is None:
            yield f"{line:>{width}} | (source not available)"
        else:
            yield f"{line:>{width}} | {_printable(text).rstrip()}"
        for mark in here:
            yield f"{' ' * width} | {_underline(mark, text)}".rstrip()


def _underline(mark: _Mark, text: str | None) -> str:
    if text is None:
        return f"{mark.stroke} {mark.text}"
    text = text.rstrip()
    start = min(mark.span.column, len(text))
    end = len(text) if mark.span.end_line > mark.span.line else min(mark.span.end_column, len(text))
    before = _width(_printable(text[:start]))
    length = _width(_printable(text[: max(start, end)])) - before
    return f"{' ' * before}{mark.stroke * max(length, 1)} {mark.text}"


def _printable(text: str) -> str:
    """`text` with tabs expanded to tab stops and control characters made visible."""
    result: list[str] = []
    column = 0
    for char in text:
        if char == "\t":
            shown = " " * (_TAB - column % _TAB)
        elif unicodedata.category(char) == "Cc":
            shown = "\N{REPLACEMENT CHARACTER}"
        else:
            shown = char
        result.append(shown)
        column += _width(shown)
    return "".join(result)


def _width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    columns = 0
    for char in text:
        if unicodedata.category(char) in ("Mn", "Me", "Cf"):
            continue
        columns += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return columns


def _remark(gutter: str, kind: str, text: str) -> str:
    head = f"{gutter}= {kind}: "
    return head + text.replace("\n", "\n" + " " * len(head))


class CompileError(Exception):
    """The program can't be compiled.  `diagnostics` says why: in source order, no duplicates."""

    diagnostics: tuple[Diagnostic, ...]

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        given = [diagnostics] if isinstance(diagnostics, Diagnostic) else list(diagnostics)
        if not given:
            raise ValueError("a CompileError needs a diagnostic")
        self.diagnostics = _in_source_order(given)
        super().__init__(self.diagnostics)

    def inlined_from(self, qualname: str, call: Span | None) -> None:
        """Note on each diagnostic that the code stands in a function that `qualname` calls."""
        where = "" if call is None else f" ({call.location(column=False)})"
        for diagnostic in self.diagnostics:
            diagnostic.notes.append(f"inlined from {qualname}{where}")

    def __str__(self) -> str:
        rendered = list(dict.fromkeys(diagnostic.render() for diagnostic in self.diagnostics))
        if len(rendered) > 1:
            rendered.append(f"{len(rendered)} errors")
        return "\n\n".join(rendered)


class InternalError(CompileError):
    """A fault of astfront itself; the original exception is `__cause__`."""


def _in_source_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by file (in the order first met), line and column; those without a place last.

    What is refused at one place is said once, however it came to be compiled.
    """
    unique: dict[tuple[str, str, Span | None], Diagnostic] = {}
    files: dict[str, int] = {}
    for diagnostic in diagnostics:
        unique.setdefault((diagnostic.code, diagnostic.message, diagnostic.span), diagnostic)
        if diagnostic.span is not None:
            files.setdefault(diagnostic.span.filename, len(files))

    def place(diagnostic: Diagnostic) -> tuple[int, int, int]:
        span = diagnostic.span
        if span is None:
            return (len(files), 0, 0)
        return (files[span.filename], span.line, span.column)

    return tuple(sorted(unique.values(), key=place))


def error(
    code: str,
    message: str,
    span: Span | None = None,
    *,
    label: str = "",
    related: Iterable[Label] = (),
    notes: Iterable[str] = (),
    help: str = "",
) -> CompileError:
    """A `CompileError` of one diagnostic, to be raised.  An unknown code is a ValueError."""
    return CompileError(Diagnostic(code, message, span, label, list(related), list(notes), help))


def internal_error(cause: BaseException, span: Span | None = None) -> InternalError:
    """`cause`, which isn't a CompileError, as astfront's own fault at the line being compiled."""
    what = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    result = InternalError(
        Diagnostic(
            "AF9001",
            "astfront failed; this is a fault of astfront, not of your model",
            span,
            label="while compiling this" if span is not None else "",
            notes=[what],
            help="please report it with this text and the traceback above it",
        )
    )
    result.__cause__ = cause
    return result
