"""Where Python objects are found while compiling, and at each call anew."""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import chainer

Access = Literal["attribute", "item", "class", "call", "argument"]


@dataclass(frozen=True)
class Location:
    """Where a Python object was found: an attribute, an item, the result of a method.

    ``container`` is the object that has it; of an item of a list, tuple or dict that was itself
    found somewhere, ``parent`` says where, as a later call may find another one there.
    """

    container: Any
    access: Access
    key: Any
    label: str = ""
    """The name of a closure's variable."""
    parent: Location | None = None

    def item(self, key: Any) -> Location:
        return Location(None, "item", key, parent=self)

    @property
    def identity(self) -> Any:
        owner = id(self.container) if self.parent is None else self.parent.identity
        return owner, self.access, self.key

    @functools.cached_property
    def read(self) -> Callable[[], Any]:
        """Gives what is there now. Raises one of READ_ERRORS where nothing is.

        It's made once: each call of a program reads all that it depends on.
        """
        if self.parent is not None:
            above, key = self.parent.read, self.key
            return lambda: above()[key]
        if self.access == "attribute":
            return functools.partial(getattr, self.container, self.key)
        if self.access == "item":
            return functools.partial(operator.getitem, self.container, self.key)
        if self.access == "class":
            return functools.partial(_in_class, self.container, self.key)
        return lambda: list(getattr(self.container, self.key)())

    def __str__(self) -> str:
        if self.parent is not None:
            return f"{self.parent}[{self.key!r}]"
        container = self.container
        owner = type(container).__name__
        if isinstance(container, type(chainer.config)):
            owner = "chainer.config"
        elif isinstance(container, types.CellType):
            return self.label
        elif isinstance(container, type | types.ModuleType):
            owner = container.__name__
        elif self.access == "item" and isinstance(container, dict):
            owner = container.get("__name__", owner)
        elif self.access == "item":
            return f"{owner}[{self.key!r}]"
        return f"{owner}.{self.key}" + ("()" if self.access == "call" else "")


def _in_class(cls: type, name: str) -> Any:
    """An attribute as a class has it: a property itself, and not its value."""
    for c in cls.__mro__:
        if name in c.__dict__:
            return c.__dict__[name]
    raise AttributeError(name)


#: What reading a location raises where nothing is there.
READ_ERRORS = (AttributeError, KeyError, IndexError, TypeError, ValueError)


class _Missing:
    def __repr__(self) -> str:
        return "<missing>"


#: In the place of what a location held, where nothing was there.
MISSING = _Missing()
