"""What a row of docs/language.md is made of: an example, and where it compiles."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = ("static", "staged", "kept")


@dataclass(frozen=True)
class Construct:
    """A construct of the language, with a function or a Chain that uses it.

    The example takes ``x``, a Variable of shape (4, 3); ``xs``, three arrays of shape (length, 3);
    and ``n``, an int from 0 to 3: whichever of these it names. ``n`` is known while compiling
    (*static*), known at run time only (*staged*), or the example is a call in a loop whose number
    of turns is known at run time only (*kept*). For each, None says that it compiles, and a code
    with what it's refused.
    """

    title: str
    example: Callable[..., Any] | type
    static: str | None = None
    staged: str | None = None
    kept: str | None = None
    raises: bool = False
    """Whether it raises an exception for some ``n``."""

    @property
    def name(self) -> str:
        return self.example.__name__

    @property
    def inputs(self) -> Sequence[str]:
        function = self.example
        if isinstance(function, type):
            function = function.forward  # type: ignore[attr-defined]
        return [p for p in inspect.signature(function).parameters if p != "self"]


class Section:
    """The constructs of one theme; as a decorator it adds an example."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.constructs: list[Construct] = []

    def __call__(self, title: str, **outcomes: Any) -> Callable[[Any], Any]:
        def add(example: Any) -> Any:
            self.constructs.append(Construct(title, example, **outcomes))
            return example

        return add
