"""Spans: pieces of a file, for messages, and the text that they stand for."""

from __future__ import annotations

import ast
import linecache
import os
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any


@dataclass(frozen=True)
class Span:
    """A piece of a file: lines 1-based, columns 0-based and in characters, the end exclusive.

    Line 0 means that the file is known and the line isn't.
    """

    filename: str
    line: int
    end_line: int
    column: int
    end_column: int

    def first_line(self) -> str | None:
        """The text of the first line without its newline; None where there is no source."""
        lines = text_lines(self.filename)
        return lines[self.line - 1] if 0 < self.line <= len(lines) else None

    def lines(self) -> list[str]:
        """The text of the lines that the span touches, whole, without their newlines."""
        return text_lines(self.filename)[max(self.line - 1, 0) : self.end_line]

    def text_between(self, line: int, end_line: int) -> str:
        """The text of this file's lines strictly between two lines."""
        return "\n".join(text_lines(self.filename)[line : end_line - 1])

    def location(self, *, column: bool = True) -> str:
        """`path:line:column`, the column 1-based, as editors show it."""
        path = short_path(self.filename)
        if self.line <= 0:
            return path
        return f"{path}:{self.line}:{self.column + 1}" if column else f"{path}:{self.line}"


def span_of(node: ast.AST, filename: str) -> Span:
    """The span of a gast (or ast) node in `filename`.

    A node without a position of its own (`arguments`, `comprehension`) gets that of its children.
    """
    own = position(node)
    if own is None:
        places = [place for child in ast.walk(node) if (place := position(child)) is not None]
        if not places:
            return Span(filename, 0, 0, 0, 0)
        line, column = min(place[:2] for place in places)
        end_line, end_column = max(place[2:] for place in places)
    else:
        line, column, end_line, end_column = own
    lines = text_lines(filename)
    return Span(
        filename,
        line,
        end_line,
        _characters(lines, line, column),
        _characters(lines, end_line, end_column),
    )


def short_path(filename: str) -> str:
    """`filename` for people: from `site-packages/` on, or relative to the working folder where it
    is below it, or the file's name alone."""
    if filename.startswith("<"):
        return filename
    parts = PurePath(filename).parts
    if "site-packages" in parts:
        last = len(parts) - 1 - parts[::-1].index("site-packages")
        return "/".join(parts[last:])
    try:
        relative = os.path.relpath(filename)
    except (ValueError, OSError):  # another drive; a working folder that is gone
        return os.path.basename(filename)
    if relative.split(os.sep)[0] == os.pardir:
        return os.path.basename(filename)
    return relative.replace(os.sep, "/")


def position(node: ast.AST) -> tuple[int, int, int, int] | None:
    """Line, column, end line and end column as the tree has them, columns in bytes."""
    line = getattr(node, "lineno", None)
    if line is None:
        return None
    column = getattr(node, "col_offset", None) or 0
    end_line = getattr(node, "end_lineno", None) or line
    end_column = getattr(node, "end_col_offset", None)
    return line, column, end_line, column + 1 if end_column is None else end_column


def _characters(lines: list[str], line: int, offset: int) -> int:
    """An offset in utf-8 bytes as one in characters."""
    if not 0 < line <= len(lines) or lines[line - 1].isascii():
        return offset
    return len(lines[line - 1].encode("utf-8")[:offset].decode("utf-8", "replace"))


_lines: dict[str, tuple[list[str], list[str]]] = {}


def text_lines(filename: str, module_globals: dict[str, Any] | None = None) -> list[str]:
    """The lines of a file without newlines, split as Python's parser does; [] if there are none."""
    given = linecache.getlines(filename, module_globals)
    cached = _lines.get(filename)
    if cached is not None and cached[0] is given:
        return cached[1]
    # Some fill linecache with str.splitlines, which splits at form feeds and others too.
    lines = "".join(given).replace("\r\n", "\n").replace("\r", "\n").split("\n") if given else []
    if lines and not lines[-1]:
        lines.pop()
    _lines[filename] = (given, lines)
    return lines
