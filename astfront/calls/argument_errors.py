"""What Python says of arguments that don't fit a function's parameters."""

from __future__ import annotations

from collections.abc import Sequence


def too_many(most: int, defaults: int, given: int) -> str:
    count = f"from {most - defaults} to {most}" if defaults else str(most)
    noun = "argument" if most == 1 and not defaults else "arguments"
    return f"takes {count} positional {noun} but {given} {'was' if given == 1 else 'were'} given"


def missing(names: Sequence[str], keyword_only: set[str]) -> str:
    """Of those without a value; the positional ones first, and the others only where none is missing."""
    positional = [n for n in names if n not in keyword_only]
    kind, found = ("positional", positional) if positional else ("keyword-only", list(names))
    quoted = [f"'{n}'" for n in found]
    listed = (
        " and ".join(quoted) if len(quoted) < 3 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
    )
    return f"missing {len(found)} required {kind} argument{'s' * (len(found) > 1)}: {listed}"
