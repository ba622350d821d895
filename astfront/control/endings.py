"""How a way through the model's code ends before its end: what the interpreter raises for it."""

from __future__ import annotations

from astfront.source import Span
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


def class_of(exception: BaseException | Deferred) -> type:
    if isinstance(exception, Deferred):
        return exception.function  # type: ignore[return-value]
    return type(exception)
