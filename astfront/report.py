"""What the compiler did, line by line, for :func:`astfront.explain`."""

from __future__ import annotations

from dataclasses import dataclass, field

from astfront.spans import Span


@dataclass(frozen=True)
class Event:
    """``what`` is one of: kept, unrolled, static, staged, inlined, state, optimised."""

    span: Span | None
    what: str
    text: str


@dataclass
class Report:
    events: dict[Event, None] = field(default_factory=dict)

    def add(self, span: Span | None, what: str, text: str) -> None:
        self.events.setdefault(Event(span, what, text))

    def copy(self) -> Report:
        return Report(dict(self.events))

    def mark(self) -> int:
        return len(self.events)

    def rewind(self, mark: int) -> None:
        """Forget what a discarded attempt reported."""
        self.events = dict(list(self.events.items())[:mark])

    def remove(self, span: Span | None, what: str) -> None:
        self.events = {e: None for e in self.events if not (e.span == span and e.what == what)}

    def render(self) -> str:
        """The events grouped by source line, each line of source quoted once."""
        out: list[str] = []
        by_line: dict[tuple[str, int], list[Event]] = {}
        for event in self.events:
            if event.span is not None:
                by_line.setdefault((event.span.filename, event.span.line), []).append(event)
        file = ""
        for (filename, line), events in sorted(by_line.items()):
            span = events[0].span
            if span is None:
                continue
            if filename != file:
                file = filename
                out.append(span.location().rsplit(":", 2)[0])
            out.append(f"{line:5} | {(span.first_line() or '').rstrip()}")
            out.extend(f"      |   {event.what}: {event.text}" for event in events)
        return "\n".join(out)
