"""Which classes of tuples are tuples to the compiler."""

from __future__ import annotations

import types

#: What a class defines that's called, or that looking it up calls.
METHODS = (types.FunctionType, property, staticmethod, classmethod)

_SHOWING = {"__repr__", "__str__", "__format__", "__getnewargs__", "__reduce__", "__hash__"}


def methods_of_its_own(cls: type) -> list[str]:
    """Special methods that a subclass of a tuple defines, besides those that say how it's shown.

    A tuple's items and operators are those of ``tuple`` here, of whatever class it is.
    """
    found = set()
    for c in cls.__mro__[: cls.__mro__.index(tuple)]:
        defined = {name for name, value in vars(c).items() if isinstance(value, METHODS)}
        found |= defined - _SHOWING - ({"__new__"} if "_fields" in vars(c) else set())
    return sorted(name for name in found if name.startswith("__") and name.endswith("__"))
