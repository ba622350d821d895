"""Texts in which staged ints are written (``"conv%d" % i``), where they name one of several things."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gast

from astfront.effects import formatted_text, grown_text, joined_text
from astfront.joins.leaves import number_type
from astfront.joins.options import is_optional
from astfront.machine import Machine
from astfront.rules.copying import own_attributes
from astfront.values import (
    FALSE,
    TRUE,
    Deferred,
    Object,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Value,
)

#: What writes an int into a text in one way, whatever the int is.
_WRITING = (str, repr, format, operator.mod, operator.add, joined_text, formatted_text, grown_text)

#: What shows how ints are written: each is looked for in the text, and all of them have to be right.
_LARGE = tuple(1_234_567_890_123 + 7 * k for k in range(8))
_PROBES = (0, 1, 9, 10, 99, 100, 1000, 123_456, -1, -10, -123)
_WIDEST = 12


@dataclass(frozen=True)
class TextOfInts:
    """A text with ``numbers`` between known ``parts``, each with zeros before it up to its width."""

    numbers: tuple[Value, ...]
    parts: tuple[str, ...]
    widths: tuple[int, ...]

    def written(self, ints: Sequence[int]) -> str:
        numbers = [str(i).zfill(width) for i, width in zip(ints, self.widths)]
        return "".join(itertools.chain(*zip(self.parts, numbers), self.parts[-1:]))

    def read(self, text: str) -> tuple[int, ...] | None:
        """The numbers with which it would be this text."""
        pattern = r"(-?\d+)".join(map(re.escape, self.parts))
        found = re.fullmatch(pattern, text, re.ASCII)
        if found is None:
            return None
        ints = tuple(map(int, found.groups()))
        fits = all(-(2**63) <= i < 2**63 for i in ints)
        return ints if fits and self.written(ints) == text else None

    @property
    def is_unique(self) -> bool:
        """Whether no two rows of numbers make one text: something is between any two of them."""
        inner = self.parts[1:-1]
        return all(p and not p[0].isdigit() and p[-1] not in "-0123456789" for p in inner)


class StagedTexts(Machine):
    def text_of_ints(self, value: Value) -> TextOfInts | None:
        """How a staged text is made of ints, if it's made of nothing else that is staged."""
        if not isinstance(value, Deferred) or value.cls is not str:
            return None
        numbers: list[Value] = []
        if not _are_ints(value, numbers) or not 0 < len(numbers) <= len(_LARGE):
            return None

        def made(ints: Sequence[int]) -> str:
            return str(_built(value, iter(ints)))

        try:
            found = _analysed(made, tuple(numbers))
        except (TypeError, ValueError, IndexError, KeyError):
            return None
        if found is None:
            return None
        scalars = [self.tensor_to_scalar(n) if isinstance(n, Tensor) else n for n in numbers]
        return replace(found, numbers=tuple(scalars))

    def place_among(self, text: TextOfInts, names: Iterable[str]) -> tuple[list[str], Value, Value]:
        """The names that the text may be, whether it's one of them, and its place among them."""
        found = {name: ints for name in names if (ints := text.read(name)) is not None}
        if found and len(text.numbers) == 1:
            keys = [ints[0] for ints in found.values()]
            is_there, place = self.place_of_key(text.numbers[0], keys)
            return list(found), is_there, place
        is_there, place = FALSE, Static(0)
        for k, ints in enumerate(found.values()):
            equal = self._equal_ints(text, ints)
            step = self.binary_op(operator.mul, self.as_scalar(equal, int), Static(k))
            place = self.binary_op(operator.add, place, step)
            is_there = self.lazy(False, is_there, lambda equal=equal: equal)  # type: ignore[misc]
        return list(found), is_there, place

    def is_text(self, text: TextOfInts, name: str) -> Value:
        """Whether it's this text."""
        ints = text.read(name)
        return FALSE if ints is None else self._equal_ints(text, ints)

    def _equal_ints(self, text: TextOfInts, ints: Sequence[int]) -> Value:
        equal: Value = TRUE
        for number, i in zip(text.numbers, ints):
            one = self.compare(gast.Eq(), number, Static(i))
            equal = self.lazy(True, equal, lambda one=one: one)  # type: ignore[misc]
        return equal

    def named_attribute(self, owner: Value, name: Value, default: Value | None) -> Value | None:
        """``getattr(owner, name, default)`` of an object, for a text of ints; None for other names."""
        text = self.text_of_ints(name)
        attributes = None if text is None else self._attributes(owner, text)
        if text is None or attributes is None:
            return None
        possible, is_there, place = self.place_among(text, attributes)
        values = [attributes[n] for n in possible]
        if default is not None:
            if not values:
                return default
            return self.stage_if(is_there, lambda: self.select(values, place), lambda: default)  # type: ignore
        what = self.text(operator.mod, Static(_missing(owner)), name)
        error = Deferred(AttributeError, (what,))
        if not values:
            self.raise_python(error)
        self.raise_unless(is_there, error)
        return self.select(values, place)  # type: ignore[no-any-return]

    def has_named_attribute(self, owner: Value, name: Value) -> Value | None:
        """``hasattr(owner, name)`` of an object, for a text of ints; None for other names."""
        text = self.text_of_ints(name)
        attributes = None if text is None else self._attributes(owner, text)
        return None if attributes is None else self.place_among(text, attributes)[1]  # type: ignore

    def _attributes(self, owner: Value, text: TextOfInts) -> dict[str, Value] | None:
        """The attributes of an object itself that this text may name; None where others may be."""
        if not isinstance(owner, Object) or hasattr(owner.cls, "__getattr__"):
            return None
        if any(text.read(name) is not None for name in dir(owner.cls)):
            return None
        found = {n: v for n, v in own_attributes(self, owner) if text.read(n) is not None}
        return None if any(map(is_optional, found.values())) else found


def _missing(owner: Any) -> str:
    return f"'{owner.cls.__name__}' object has no attribute '%s'"


def _are_ints(value: Value, numbers: list[Value]) -> bool:
    """Whether all that's staged in a text is ints, which are collected in their order."""
    match value:
        case Static():
            return True
        case Deferred(function=function, args=args):
            return function in _WRITING and all(_are_ints(a, numbers) for a in args)
        case Tuple(items=items, cls=cls) if cls is tuple:
            return all(_are_ints(i, numbers) for i in items)
        case Scalar() if number_type(value) is int:
            numbers.append(value)
            return True
        case Tensor(kind="generic") if value.ndim == 0 and value.dtype.kind in "iu":
            numbers.append(value)
            return True
    return False


def _built(value: Value, ints: Any) -> Any:
    """A text, with these ints in the place of the staged ones."""
    match value:
        case Static(obj=obj):
            return obj
        case Deferred(function=function, args=args):
            return function(*[_built(a, ints) for a in args])
        case Tuple(items=items):
            return tuple([_built(i, ints) for i in items])
    return next(ints)


def _analysed(
    made: Callable[[Sequence[int]], str], numbers: tuple[Value, ...]
) -> TextOfInts | None:
    count = len(numbers)
    large = list(_LARGE[:count])
    shown = made(large)
    if any(shown.count(str(i)) != 1 for i in large):
        return None
    parts, rest = [], shown
    for i in large:
        part, number, rest = rest.partition(str(i))
        if not number:
            return None
        parts.append(part)
    text = TextOfInts(numbers, (*parts, rest), (0,) * count)
    for k in range(count):
        one = [*large[:k], 1, *large[k + 1 :]]
        for width in range(_WIDEST):
            widths = (*text.widths[:k], width, *text.widths[k + 1 :])
            if replace(text, widths=widths).written(one) == made(one):
                text = replace(text, widths=widths)
                break
    for k in range(count):
        for probe in _PROBES:
            ints = [*large[:k], probe, *large[k + 1 :]]
            if text.written(ints) != made(ints):
                return None
    return text if text.is_unique else None
