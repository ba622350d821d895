"""How a way through the model's code ends before its end, and what catches it."""

from __future__ import annotations

from dataclasses import dataclass

from astfront.spans import Span
from astfront.values import Deferred


class Diverged(Exception):
    """This way of a staged branch ends in an exception; the error cell holds which."""


class Caught(Diverged):
    """This way ends in an exception that is caught further out; ``caught_cell`` holds which."""

    def __init__(self, exception: BaseException | Deferred | None = None) -> None:
        super().__init__()
        self.exception = exception


class Unreached(Diverged):
    """What a recursive call gives isn't known yet: the way ends here, for now (``recursion.py``)."""


class PythonError(Exception):
    """The program raises a Python exception here, whatever the staged values are."""

    def __init__(self, exception: BaseException | Deferred, span: Span | None) -> None:
        super().__init__(str(exception))
        self.exception = exception
        self.span = span


class Shortened(str):
    """The text of an exception without numbers that are in Python's, as only the program knows them."""


@dataclass(frozen=True)
class Noted:
    """An exception whose arguments are staged: a site has them, with the exception's code."""

    cls: type[BaseException]


@dataclass(frozen=True, eq=False)
class Handler:
    """What is caught around the place being compiled; ``classes`` is None where it isn't known.

    Only the handlers of a ``try`` (``stages``) take exceptions that depend on data.
    """

    classes: tuple[type, ...] | None
    staged_depth: int
    stages: bool = False

    def takes(self, cls: type) -> bool:
        return self.classes is None or issubclass(cls, self.classes)


def class_of(exception: BaseException | Deferred) -> type:
    if isinstance(exception, Deferred):
        return exception.function  # type: ignore[return-value]
    return type(exception)
