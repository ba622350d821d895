"""The walk over a tree of a type that's known, in C: ``native/tree_walk.c``.

It's what ``tree_arguments._Encoder`` does, some twenty times faster. Where it meets anything that isn't
as the type says, and where there's no C compiler, the encoder walks.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import logging
import subprocess
import sys
import sysconfig
import types
from pathlib import Path
from typing import Any

import chainer
import numpy as np

from astfront.c_compiler import native_part
from astfront.tree_types import Column, Kind, TreeType
from astfront.values import SCALAR_DTYPES

_log = logging.getLogger(__name__)

_NAME = "tree_walk"

#: What nodes of a kind are, and what is in a column, in the order that the C has for them.
_SEQUENCE, _DICT, _OBJECT, _ARRAY, _GENERIC, _VARIABLE, _BOOL, _INT, _FLOAT, _STATIC = range(10)
_NUMBERS = {bool: _BOOL, int: _INT, float: _FLOAT}
_COLUMNS = ("leaf", "row", "kind")


class Walker:
    """Walks over trees of one type."""

    def __init__(self, tree_type: TreeType) -> None:
        self.type = tree_type
        self.renew()

    def renew(self) -> None:
        """Look at the classes anew: the walk takes for granted that they don't change."""
        native = _native()
        is_usual = native is not None and all(_is_usual(k.cls) for k in self.type.kinds)
        self._plan = _plan(native, self.type) if is_usual else None

    def columns(self, x: Any) -> tuple[np.ndarray[Any, Any], ...] | None:
        """The columns of a tree; None where they have to be made in Python."""
        if self._plan is None:
            return None
        found: tuple[np.ndarray[Any, Any], ...] | None = _native().walk(self._plan, x)
        return found


def _is_usual(cls: type) -> bool:
    """Whether the parts of an instance are what Python's own classes have for them."""
    if issubclass(cls, tuple):
        made: Any = cls
        return made.__iter__ is tuple.__iter__ and made.__len__ is tuple.__len__
    dicts = [vars(c)["__dict__"] for c in cls.__mro__ if "__dict__" in vars(c)]
    return all(type(found) is types.GetSetDescriptorType for found in dicts)


def _plan(native: Any, made: TreeType) -> Any:
    kinds = tuple(_kind(kind, sets) for kind, sets in zip(made.kinds, made.parts))
    return native.plan(kinds, tuple(_column(made, c) for c in made.columns), made.root)


def _kind(kind: Kind, sets: tuple[tuple[int, ...], ...]) -> tuple[Any, ...]:
    getattr(kind.cls, "__doc__", None)  # CPython numbers a class's version when it's looked at
    lengths = tuple(-1 if n is None else n for n in kind.lengths)
    possible = tuple(sum(1 << number for number in found) for found in sets)
    dtype: np.dtype[Any] = SCALAR_DTYPES.get(kind.cls, np.dtype("bool"))
    shape: tuple[int, ...] = ()
    value, requires_grad = None, False
    if kind.is_static:
        (value,) = kind.leaf
    elif kind.leaf:
        dtype, shape = np.dtype(kind.leaf[0]), kind.leaf[1]
        value, requires_grad = kind.leaf[2:] or (None, False)
    what = _what(kind)
    return kind.cls, what, kind.keys, lengths, possible, value, requires_grad, dtype, shape


def _what(kind: Kind) -> int:
    if kind.keys is not None:
        if kind.cls is dict:
            return _DICT
        return _SEQUENCE if issubclass(kind.cls, tuple | list) else _OBJECT
    if kind.is_static:
        return _STATIC
    if kind.cls is chainer.Variable:
        return _VARIABLE
    if kind.cls is np.ndarray:
        return _ARRAY
    return _NUMBERS.get(kind.cls, _GENERIC)


def _column(made: TreeType, column: Column) -> tuple[int, int, int]:
    keys: Any = made.kinds[column.kind].keys
    key = 0 if column.what == "leaf" else keys.index(column.key)
    return column.kind, key, _COLUMNS.index(column.what)


@functools.cache
def _native() -> Any:
    """The module in C; None where it can't be made."""
    made_for = f"{sys.implementation.cache_tag} numpy {np.__version__}"
    folders = (sysconfig.get_path("include"), np.get_include())
    flags = [f"-I{folder}" for folder in folders]
    try:
        return native_part(_NAME, _imported, *flags, made_for=made_for)
    except (OSError, subprocess.SubprocessError, ImportError) as e:
        _log.warning("trees are walked over in Python: %s.c can't be compiled (%s)", _NAME, e)
        return None


def _imported(path: Path) -> Any:
    loader = importlib.machinery.ExtensionFileLoader(_NAME, str(path))
    spec: Any = importlib.util.spec_from_loader(_NAME, loader)
    return importlib.util.module_from_spec(spec)
