"""Values that aren't alike on the two ways: an option, which is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from astfront.descriptions import describe
from astfront.joins.contained import JoinError
from astfront.joins.leaves import BOOL_LEAF, number_type
from astfront.joins.options import MOST_ALTERNATIVES, MOST_PARTS, alternatives, in_order
from astfront.joins.templates import leaves_of
from astfront.sameness import same
from astfront.values import Option, Static, Tuple, Unbound, Value


class JoinedOptions:
    """The part of a :class:`~astfront.joins.join.Join` that is about them."""

    strict: Any
    if TYPE_CHECKING:
        _takes: Literal["arms", "turn", "nothing"]

        def value(self, a: Value, b: Value, place: str = "", *, whole: bool = False) -> Value: ...

        def _alike(self, a: Value, b: Value) -> bool: ...

    def _option(self, a: Value, b: Value, place: str, forced: Value | None) -> Value:
        """One of several values that aren't alike."""
        groups: list[list[Value]] = []
        for value in (forced, a, b):
            self._put_into(groups, [] if value is None else list(alternatives(value)))
        if len(groups) > MOST_ALTERNATIVES:
            raise JoinError(f"it would be one of more than {MOST_ALTERNATIVES} values")
        lengths = {n for group in groups if (n := _tuple_length(group[0])) is not None}
        if len(lengths) > (3 if self._takes == "nothing" else 6):
            # They'd get more at each turn.
            raise JoinError(f"tuples of {' and '.join(map(str, sorted(lengths)))} items")
        found = [self._whole(group, place) for group in groups]
        found = in_order(found)
        if len(found) > 4 and sum(1 for v in found for _ in leaves_of(v)) > MOST_PARTS:
            raise JoinError(f"it would be one of {len(found)} values of more and more parts")
        if len(found) > 1:
            self._require_few(a, b, found)
        *others, made = found
        for absent in reversed(others):
            made = Option(BOOL_LEAF, made, absent)  # type: ignore[arg-type]
        return made

    def _put_into(self, groups: list[list[Value]], values: Sequence[Value]) -> None:
        """The alternatives of one value, each beside those of others that it's joined with.

        Two of them stay two, even where they're alike: a flag says which of them it is.
        """
        free = list(groups)
        new = []
        for value in values:
            group = next((g for g in groups if any(same(v, value) for v in g)), None)
            if group is None:
                new.append(value)
            else:
                free = [g for g in free if g is not group]
        for value in new:
            group = next((g for g in free if self._alike(g[0], value)), None)
            if group is None:
                groups.append([value])
            else:
                group.append(value)
                free = [g for g in free if g is not group]

    def _whole(self, values: Sequence[Value], place: str) -> Value:
        """The template, all leaves, of values that are alike."""
        first, *others = values
        made = first if others else self.value(first, first, place, whole=True)
        for other in others:
            made = self.value(made, other, place, whole=True)
        return made

    def _require_few(self, a: Value, b: Value, found: Sequence[Value]) -> None:
        """A loop whose values have different types had better be compiled another way."""
        if all(isinstance(v, Static) for v in found) and {
            len(list(alternatives(v))) for v in (a, b)
        } == {len(found)}:
            return  # One of the same known values at each turn.
        numbers = [v for v in found if number_type(v)]
        # Such as 0 before the first turn, and an array or 0 after it.
        stay = any(
            any(number_type(y) is number_type(x) for y in alternatives(b))
            for x in alternatives(a)
            if number_type(x)
        )
        if self.strict.kinds and (len(numbers) > 1 or (numbers and stay)):
            raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")
        known = [v for v in found if isinstance(v, Static | Unbound)]
        if self.strict.types and (len(found) > 2 or not known):
            raise JoinError(f"{describe(a)} on one way and {describe(b)} on the other")


def _tuple_length(v: Value) -> int | None:
    if isinstance(v, Tuple):
        return len(v.items)
    return len(v.obj) if isinstance(v, Static) and isinstance(v.obj, tuple) else None
