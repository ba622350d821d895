"""One program for calls whose arrays differ in their sizes: the types that their arguments share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import chainer
import numpy as np

from astfront.lifting import is_supported
from astfront.signature import PLAIN_FIELDS, ListSpec, TensorSpec, flatten, matched


class Types(NamedTuple):
    """The arguments of a call, with a spec in the place of each array."""

    args: Sequence[Any]
    kwargs: dict[str, Any]

    @property
    def key(self) -> Any:
        """Equal for equal types."""
        return flatten(self.args, self.kwargs)[0]


class _DifferError(Exception):
    """No program would be for both."""


def types_of(args: Sequence[Any], kwargs: dict[str, Any]) -> Types | None:
    """The types of a call's arguments; None where one is passed in two places, which no spec says."""
    seen: set[int] = set()
    try:
        named = {k: _type(v, seen) for k, v in kwargs.items()}
        return Types(tuple(_type(a, seen) for a in args), named)
    except _DifferError:
        return None


def _type(x: Any, seen: set[int]) -> Any:
    kind = type(x)
    if isinstance(x, list | dict | np.ndarray | chainer.Variable):
        if id(x) in seen:
            raise _DifferError
        seen.add(id(x))
    if kind is np.ndarray and is_supported(x.dtype):
        return TensorSpec(x.shape, x.dtype)
    if kind is chainer.Variable and _is_plain(x):
        return TensorSpec(x.shape, x.dtype, variable=True)
    if kind is list or kind is tuple:
        return kind(_type(i, seen) for i in x)
    if kind is dict:
        return {k: _type(v, seen) for k, v in x.items()}
    return x


def _is_plain(x: chainer.Variable) -> bool:
    """Whether a Variable is as ``chainer.Variable(array)`` makes it."""
    if type(x.array) is not np.ndarray or not is_supported(x.dtype):
        return False
    return x.name is None and x.requires_grad and vars(x).keys() <= PLAIN_FIELDS


class Fitting(NamedTuple):
    """The programs for arrays of several sizes that take a call."""

    types: Types | None
    """The call's types, which hold the objects that its key knows by their addresses."""
    among: int
    """How many programs there were."""
    programs: list[tuple[Any, Types]]


#: Of how many calls it's known which programs take them.
_MOST_CALLS = 1024


class Sizes:
    """The types of calls, and of the programs for arrays of several sizes."""

    def __init__(self) -> None:
        self.met: dict[Any, Types] = {}
        """The types of calls that had programs of their own compiled, by their keys."""
        self.programs: dict[Any, Types] = {}
        """What there are programs for."""
        self.refused: set[Any] = set()
        """The keys of what there can't be programs for."""
        self._found: dict[Any, Fitting] = {}
        """What was found for calls, by their keys."""

    def fitting(
        self, call: Any, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Iterator[tuple[Any, list[Any]]]:
        """The keys of the programs that take the call of a key, with its staged arguments in order."""
        if not self.programs:
            return
        found = self._found.get(call)
        if found is None or found.among != len(self.programs):
            if len(self._found) >= _MOST_CALLS:
                self._found.clear()
            found = self._found[call] = self._fitting(args, kwargs)
        for key, wider in found.programs:
            yield key, matched(*wider, args, kwargs)

    def _fitting(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Fitting:
        programs, types = list(self.programs.items()), types_of(args, kwargs)
        fitting = []
        for key, wider in programs:
            found = None if types is None else common(wider, types)
            if found is not None and found.key == key:
                fitting.append((key, wider))
        return Fitting(types, len(programs), fitting)

    def wider(self, types: Types) -> Iterator[tuple[Any, Types]]:
        """What a program for a call of these types, and for others, would be for; with its key."""
        passed_over = {types.key, *self.refused}
        for other in [*self.programs.values(), *self.met.values()]:
            found = common(other, types)
            key = None if found is None else found.key
            if found is not None and key not in passed_over:
                yield key, found


def common(a: Types, b: Types) -> Types | None:
    """The types of both calls, the sizes that differ unknown; None where more than sizes differ.

    Lists of arrays of one type may differ in their lengths, too.
    """
    if len(a.args) != len(b.args) or list(a.kwargs) != list(b.kwargs):
        return None
    try:
        args = tuple(map(_joined, a.args, b.args))
        return Types(args, {k: _joined(v, b.kwargs[k]) for k, v in a.kwargs.items()})
    except _DifferError:
        return None


def _joined(a: Any, b: Any) -> Any:
    if isinstance(a, TensorSpec) and isinstance(b, TensorSpec):
        return _spec(a, b)
    lists = [x for x in (a, b) if type(x) is list or isinstance(x, ListSpec)]
    if len(lists) == 2 and not (type(a) is type(b) is list and len(a) == len(b)):
        return _any_number(a, b)
    if type(a) is not type(b):
        raise _DifferError
    if type(a) in (list, tuple):
        if len(a) != len(b):
            raise _DifferError
        return type(a)(map(_joined, a, b))
    if type(a) is dict:
        if list(a) != list(b):
            raise _DifferError
        return {k: _joined(v, b[k]) for k, v in a.items()}
    if flatten((a,), {})[0] != flatten((b,), {})[0]:
        raise _DifferError
    return a


def _spec(a: TensorSpec, b: TensorSpec) -> TensorSpec:
    alike = a.dtype == b.dtype and a.variable == b.variable
    if not alike or len(a.shape) != len(b.shape):
        raise _DifferError
    shape = [m if m == n else None for m, n in zip(a.shape, b.shape)]
    return TensorSpec(shape, a.dtype, variable=a.variable)


def _any_number(*lists: Any) -> ListSpec:
    """Lists of differing lengths."""
    items = [
        item for each in lists for item in ([each.item] if isinstance(each, ListSpec) else each)
    ]
    if not items or not all(isinstance(item, TensorSpec) for item in items):
        raise _DifferError
    found = items[0]
    for item in items[1:]:
        found = _spec(found, item)
    return ListSpec(found)
