"""Places in the model, as Relay has them: columns are counted from 1."""

from __future__ import annotations

import functools

from tvm import relay

from astfront.spans import Span


@functools.lru_cache(maxsize=4096)
def span_in_relay(span: Span | None) -> relay.Span | None:
    """What a place in the model is in Relay."""
    if span is None:
        return None
    name = relay.SourceName(span.filename)
    return relay.Span(name, span.line, span.end_line, span.column + 1, span.end_column + 1)


def span_of_relay(span: relay.Span | None) -> Span | None:
    """The place in the model that a place in Relay stands for."""
    if span is None:
        return None
    name = span.source_name.name
    return Span(name, span.line, span.end_line, span.column - 1, span.end_column - 1)
