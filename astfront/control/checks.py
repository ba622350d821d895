"""Checks: exceptions that data decides on, which the program notes and the call raises at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from astfront.control.endings import Caught, Diverged, Noted, class_of
from astfront.diagnostics import CompileError
from astfront.machine import Machine
from astfront.spans import Span
from astfront.values import TRUE, Deferred, Scalar, Static, Value

if TYPE_CHECKING:
    from astfront.control.endings import Handler


class Checks(Machine):
    def check(self, ok: Value, exception: BaseException) -> None:
        """Raise ``exception`` when the program runs and ``ok`` is false.

        The program can't stop there: it notes the first failure in its error cell, goes on with
        values that do no harm, and the call raises when it comes back.
        """
        if isinstance(ok, Static):
            if not ok.obj:
                self.raise_python(exception)
            return
        handler = self.stager_of(type(exception))
        if handler is not None:
            self.freeze()
            self._note_unless(ok, self.caught_cell, exception, handler)
        elif self.checks:
            self.note_changes(self._note_unless(ok, self.error_cell, exception, None))

    def raise_unless(self, ok: Value, exception: Deferred) -> None:
        """The same, of an exception that is made of staged values."""
        self.stage_if(ok, lambda: None, lambda: self.raise_python(exception))

    def require(self, ok: Value, refusal: CompileError | OverflowError) -> None:
        """Refuse a call in which ``ok`` turns out to be false: no handler of the model's takes that."""
        if isinstance(ok, Static) and not ok.obj:
            raise refusal
        if not isinstance(ok, Static) and self.checks:
            self._note_unless(ok, self.error_cell, refusal, None)

    def _note_unless(
        self, ok: Value, cell: int, exception: BaseException, handler: Handler | None
    ) -> int:
        code = self._new_code(exception, self.span(), handler)
        before = self.heap.lookup(cell, "code")
        if isinstance(before, Scalar):
            # Each check uses the code so far three times: fused into one kernel, and written out
            # there, a chain of n checks would take 3**n operators (and as long to compile).
            before = Scalar(self.b.call("annotation.stop_fusion", before).expr, int)
        fine = self.as_scalar(before, int)
        failed = self.as_scalar(Static(code), int)
        if isinstance(before, Scalar):
            zero = self.as_scalar(Static(0), int)
            first = self.b.call("equal", before, zero)
            failed = Scalar(self.b.call("where", first, failed, before).expr, int)
        chosen = self.b.call("where", ok, fine, failed)  # type: ignore[arg-type]
        self.heap.bind(cell, "code", Scalar(chosen.expr, int))
        return code

    def _new_code(
        self, exception: BaseException | Noted, span: Span | None, handler: Handler | None
    ) -> int:
        self.exceptions.append((exception, span))
        code = len(self.exceptions)
        self.caught_by[code] = handler
        self.changed_by.pop(code, None)
        return code

    def diverge(self, exception: BaseException | Deferred, span: Span | None = None) -> NoReturn:
        """Raise ``exception`` on this staged way, and end the way."""
        handler = self.stager_of(class_of(exception))
        noted: BaseException | Noted
        if isinstance(exception, Deferred):
            noted = Noted(exception.function)  # type: ignore[arg-type]
        else:
            noted = exception
        if handler is not None:
            self.settle()
        elif self.is_uncertain:
            self.fail(
                "AF0106",
                f"whether the {class_of(exception).__name__} here leaves the call, or an exception "
                "before it is caught, depends on data",
                help="make two statements of this one",
            )
        number = self._new_code(noted, span or self.span(), handler)
        if isinstance(exception, Deferred) and handler is None:
            self.note_exception(number, exception)
        if handler is None:
            self.note_changes(number)
        self._bind_code(self.error_cell if handler is None else self.caught_cell, number)
        raise Diverged() if handler is None else Caught(exception)

    def refuse_way(self, refusal: CompileError) -> NoReturn:
        """End this staged way: a call that gets here is refused, whatever the model's handlers take."""
        if self.is_uncertain or self.fallback is not None:
            raise refusal
        self._bind_code(self.error_cell, self._new_code(refusal, self.span(), None))
        raise Diverged()

    def _bind_code(self, cell: int, number: int) -> None:
        before = self.heap.lookup(cell, "code")
        code: Value = Static(number)
        if isinstance(before, Scalar):
            first = self.b.call("equal", before, self.as_scalar(Static(0), int))
            chosen = self.b.call("where", first, self.as_scalar(code, int), before)
            code = Scalar(chosen.expr, int)
        self.heap.bind(cell, "code", code)

    def fine_so_far(self) -> Value:
        """Whether no exception has been noted yet."""
        code = self.heap.lookup(self.error_cell, "code")
        if not isinstance(code, Scalar):
            return TRUE
        return Scalar(self.b.call("equal", code, self.as_scalar(Static(0), int)).expr, bool)
