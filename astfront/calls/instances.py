"""Objects that the program makes of the user's classes: ``C()``, ``object.__new__(C)``; their slots."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
from collections.abc import Sequence
from typing import Any

import chainer

from astfront.machine import Machine
from astfront.rules import dataclass
from astfront.values import Choice, Object, Static, Value

_HEAP_TYPE = 1 << 9

#: Their instances aren't objects with attributes alone.
_OF_OTHER_MEMORY = (BaseException, tuple, enum.Enum, chainer.Link)


class Instances(Machine):
    def plain_object(self, cls: type, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        """What calling a class gives that has no memory but its attributes."""
        python_made = (
            isinstance(cls.__init__, types.FunctionType)  # type: ignore[misc]
            or cls.__init__ is object.__init__  # type: ignore[misc]
        )
        plain_new = _is_plain(cls)
        if not python_made or not (plain_new or _is_written_in_python(cls)):
            self.unsupported(cls)
        if plain_new:
            return self._initialised(cls, self._bare(cls), args, kwargs)
        owner = next(c for c in cls.__mro__ if "__new__" in vars(c))
        new = vars(owner)["__new__"].__func__
        made = self.call_python(new, [Static(cls), *args], kwargs, owner=owner)

        def initialised(v: Value) -> Value:
            is_instance = isinstance(v, Object) and issubclass(v.cls, cls)
            return self._initialised(cls, v, args, kwargs) if is_instance else v

        if isinstance(made, Choice):
            return self.split(made, initialised)  # type: ignore[no-any-return]
        return initialised(made)

    def object_new(self, cls: type, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        """``object.__new__(cls, *args, **kwargs)``"""
        if issubclass(cls, _OF_OTHER_MEMORY) or not _is_written_in_python(cls):
            self.unsupported(cls)
        if (args or kwargs) and not _is_plain(cls):
            what = "object.__new__() takes exactly one argument (the type to instantiate)"
            self.raise_python(TypeError(what))
        if (args or kwargs) and cls.__init__ is object.__init__:  # type: ignore[misc]
            self.raise_python(TypeError(f"{cls.__name__}() takes no arguments"))
        return self._bare(cls)

    def _bare(self, cls: type) -> Value:
        if inspect.isabstract(cls):
            lacking = sorted(cls.__abstractmethods__)  # type: ignore[attr-defined]
            many = "s" if len(lacking) > 1 else ""
            self.raise_python(
                TypeError(
                    f"Can't instantiate abstract class {cls.__name__} "
                    f"with abstract method{many} {', '.join(lacking)}"
                )
            )
        return self.heap.new_object(cls)

    def _initialised(
        self, cls: type, made: Value, args: Sequence[Value], kwargs: dict[str, Value]
    ) -> Value:
        own = made.cls if isinstance(made, Object) else cls
        init: Any = own.__init__  # type: ignore[misc]
        if dataclasses.is_dataclass(own) and dataclass.is_generated(init):
            dataclass.initialise(self, made, list(args), kwargs)  # type: ignore[arg-type]
        elif init is not object.__init__:
            owner = next(c for c in own.__mro__ if "__init__" in vars(c))
            self.call_python(init, [made, *args], kwargs, owner=owner)
        elif (args or kwargs) and _is_plain(own):
            self.raise_python(TypeError(f"{own.__name__}() takes no arguments"))
        return made

    def require_place(self, cls: type, on_class: Any, name: str) -> None:
        """AttributeError where instances have neither a dict nor a slot for an attribute."""
        of_python = cls.__flags__ & _HEAP_TYPE
        if cls.__dictoffset__ or not of_python or isinstance(on_class, types.MemberDescriptorType):
            return
        what = f"'{cls.__name__}' object has no attribute '{name}'"
        if on_class is not None:
            what = f"'{cls.__name__}' object attribute '{name}' is read-only"
        self.raise_python(AttributeError(what))

    def refuse_empty_slot(self, cls: type, raw: Any) -> None:
        """AttributeError for a slot (``__slots__``) that nothing was put in."""
        if isinstance(raw, types.MemberDescriptorType) and not hasattr(cls, "__getattr__"):
            what = f"'{cls.__name__}' object has no attribute '{raw.__name__}'"
            self.raise_python(AttributeError(what))


def _is_plain(cls: Any) -> bool:
    return cls.__new__ is object.__new__


def _is_written_in_python(cls: type) -> bool:
    """Whether no class but `object` has a ``__new__`` that isn't a Python function."""
    return all(
        c is object
        or (c.__flags__ & _HEAP_TYPE and _is_python(vars(c).get("__new__", staticmethod(_bare))))
        for c in cls.__mro__
    )


def _bare(cls: type) -> object:
    return object.__new__(cls)


def _is_python(new: object) -> bool:
    return isinstance(new, staticmethod) and isinstance(new.__func__, types.FunctionType)
