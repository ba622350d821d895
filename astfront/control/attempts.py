"""Attempts: compiling something in one way, and going back to compile it in another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from astfront.control.endings import Diverged, PythonError
from astfront.diagnostics import CompileError, Diagnostic, InternalError
from astfront.environment import State
from astfront.machine import Machine

T = TypeVar("T")


@dataclass
class Refused(Exception):
    """An attempt failed; another way may do."""

    diagnostics: list[Diagnostic]


@dataclass(frozen=True)
class Checkpoint:
    """How far compiling had come."""

    state: State
    report: int
    diagnostics: int
    exceptions: int
    bindings: int
    copied: frozenset[int]
    frozen: frozenset[int]
    endless: dict[Any, list[Diagnostic]]
    staged_depth: int
    at_raise: State | None


class Attempts(Machine):
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(
            self.heap.snapshot(),
            self.report.mark(),
            len(self.diagnostics),
            len(self.exceptions),
            len(self.b.scope.bindings),
            frozenset(self.heap.copied),
            frozenset(self.heap.frozen),
            dict(self.endless),
            self.staged_depth,
            self.at_raise,
        )

    def rewind(self, checkpoint: Checkpoint) -> None:
        """Forget all that was compiled since."""
        self.heap.restore(checkpoint.state)
        self.report.rewind(checkpoint.report)
        del self.diagnostics[checkpoint.diagnostics :]
        del self.exceptions[checkpoint.exceptions :]
        self.b.scope.cut(checkpoint.bindings)
        self.heap.copied = set(checkpoint.copied)
        self.heap.frozen = set(checkpoint.frozen)
        self.endless = dict(checkpoint.endless)
        self.staged_depth = checkpoint.staged_depth
        self.at_raise = checkpoint.at_raise

    def attempted(self, build: Callable[[], T]) -> T:
        """What ``build`` gives; what it refuses is raised as Refused, and nothing of it is left."""
        checkpoint = self.checkpoint()
        outer, self.diagnostics = self.diagnostics, []
        try:
            result = build()
            if self.diagnostics:
                raise Refused(self.diagnostics)
            return result
        except (CompileError, Refused, Diverged, PythonError) as e:
            found, more = self.diagnostics, getattr(e, "diagnostics", [])
            # What a refused statement was to make isn't there: no exception after it is to be trusted.
            if not found and isinstance(e, Diverged | PythonError):
                raise
            if more and more[0].code == "AF9001":
                raise
            self.diagnostics = outer
            self.rewind(checkpoint)
            if isinstance(e, Refused):
                raise
            raise Refused([*found, *more]) from e
        except BaseException:
            outer.extend(self.diagnostics)  # A generator is left: the program goes on.
            raise
        finally:
            self.diagnostics = outer

    def refusals_of(self, build: Callable[[], T]) -> tuple[T | None, list[Diagnostic]]:
        """What ``build`` gives, and what it refuses: one of the two."""
        outer, self.diagnostics = self.diagnostics, []
        try:
            return build(), self.diagnostics
        except CompileError as e:
            return None, [*self.diagnostics, *e.diagnostics]
        except (Diverged, PythonError):
            if not self.diagnostics:
                raise
            return None, self.diagnostics
        finally:
            self.diagnostics = outer

    @contextmanager
    def with_refusals_of(self, rest: Iterable[Callable[[], object]]) -> Iterator[None]:
        """What is refused inside is reported with what the rest of the expression refuses.

        So the report names all that's missing at once; in a library the user's call is what is refused.
        """
        try:
            yield
        except InternalError:
            raise
        except CompileError as e:
            inside = sum(f.prepared is self.frame.prepared for f in self.frames)
            if self.frame.is_library or inside > 1:
                raise  # of calls inside each other, all that each does is too much to read
            found = list(e.diagnostics)
            self.refused.extend(found)
            for way in rest:
                # What it raises may only follow from what was refused.
                with suppress(Diverged, PythonError):
                    found += self.refusals_of(way)[1]
            raise CompileError(found) from e.__cause__

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """What is run inside leaves nothing behind: it's run to see how it goes."""
        checkpoint = self.checkpoint()
        try:
            with self.b.new_scope():
                yield
        finally:
            self.rewind(checkpoint)

    def unaltered(self, way: Callable[[], T], what: str, *but: int | None) -> T:
        """What ``way`` gives, if it does nothing else; AF0305 where it changes or prints something.

        ``but`` are cells that may change.
        """
        but = (*but, self.error_cell, self.heap.taken)
        before, sites = self.heap.snapshot(), len(self.sites)
        result = way()
        cells = self.heap.cells
        changed = any(cells.get(c) is not v for c, v in before.items() if c not in but)
        if changed or len(self.sites) > sites:
            self.fail("AF0305", f"{what} does more than to give a result")
        return result

    def give_up(self, refusals: list[Diagnostic]) -> NoReturn:
        raise CompileError(refusals)
