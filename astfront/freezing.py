"""Where a program's parameters are: constants of it, with ``freeze=True``, or in TVM's memory.

Both look at who else has a parameter's array: a constant's change must be noticed, and an array may
only move where nobody can tell.
"""

from __future__ import annotations

import collections
import functools
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import chainer
import numpy as np

from astfront.lifting import Input
from astfront.program import Program
from astfront.relay import memory as relay_memory


@dataclass
class Frozen:
    """A parameter that is a constant of a program."""

    source: Input
    array: np.ndarray
    was_writeable: bool
    contents: np.ndarray | None
    """A copy to compare with, where someone may have a view of the array to write through."""

    def holds(self) -> bool:
        array = self.array
        if self.source.fetch() is not array or array.flags.writeable:
            return False
        return self.contents is None or np.array_equal(_bytes(array), _bytes(self.contents))

    def thaw(self) -> None:
        if self.was_writeable:
            self.array.flags.writeable = True


def freeze(program: Program, others: Sequence[Frozen] = ()) -> dict[str, Frozen]:
    """Make a program's parameters, and the persistent arrays of its links, read-only.

    ``others`` are those of other programs: they hold the arrays, but nobody writes through them.
    """
    ours = collections.Counter(id(f.array) for f in others)
    frozen = {}
    written = {write.location.identity for write in program.writes if write.location is not None}
    for source in program.inputs:
        owner, name = source.location.container, source.location.key
        if not isinstance(owner, chainer.Link) or source.location.identity in written:
            continue
        if name not in owner._params and name not in owner._persistent:
            continue
        references = _references(owner, name)
        array = source.fetch()
        shared = references - ours[id(array)] > _references_of_one_owner()
        if array is not None:
            was_writeable = array.flags.writeable
            array.flags.writeable = False
            is_window = array.base is not None and relay_memory.holder_of(array) is None
            contents = array.copy() if shared or is_window else None
            frozen[source.name] = Frozen(source, array, was_writeable, contents)
    return frozen


#: Bytes from which a parameter is worth moving: below, each call copies it faster than it's found.
WORTH_MOVING = 16384


def settle(source: Input) -> None:
    """Move a parameter to TVM's memory, if nobody else has its array: calls then needn't copy it."""
    owner, name = source.location.container, source.location.key
    if not isinstance(owner, chainer.Link) or name not in owner._params:
        return
    parameter = getattr(owner, name)
    array = source.fetch()
    if array is None or array.nbytes < WORTH_MOVING or not array.flags.c_contiguous:
        return
    if not array.flags.owndata or not array.flags.writeable or type(array) is not np.ndarray:
        return
    # One reference more is ours.
    if _references(owner, name) - 1 > _references_of_one_owner():
        return
    moved = relay_memory.empty_like(array)
    moved[...] = array
    parameter.array = moved


def _references(link: chainer.Link, name: str) -> int:
    """How many references there are to a parameter's array: a view of it, for one, has one."""
    holder = getattr(link, name)
    if not isinstance(holder, chainer.Variable):
        return sys.getrefcount(holder)
    array = holder.array
    kept_for_backprop = holder.node.data is array
    return sys.getrefcount(array) - kept_for_backprop


@functools.cache
def _references_of_one_owner() -> int:
    link = chainer.Link()
    with link.init_scope():
        link.p = chainer.Parameter(0, (1,))
    return _references(link, "p")


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
