"""Classes that are defined in compiled functions.

The statement makes a real class, while compiling, whose methods are real functions: all that asks
what a class has finds it. A method is never run as it is, as its names are those of the frame that
the statement stands in (:data:`FRAME`); it's compiled when it's called.
"""

from __future__ import annotations

import abc
import enum
import types
from collections.abc import Iterator
from typing import Any, NoReturn

import gast

from astfront.calls import local_classes
from astfront.calls.frames import Frame, Prepared
from astfront.contents import Names
from astfront.machine import Machine
from astfront.values import Function, Object, Static, Value
from passes.syntax import mangling

#: The attribute of a method that holds the frame around its class.
FRAME = "__astfront_frame__"

_METACLASSES = (type, abc.ABCMeta, enum.EnumMeta)


class Classes(Machine):
    def class_statement(self, node: gast.ClassDef) -> None:
        bases = tuple(self.static(self.visit(base), "a base class") for base in node.bases)
        metaclasses = [type(base) for base in bases]
        hooked = any("__init_subclass__" in vars(c) for b in bases for c in b.__mro__[:-1])
        if node.keywords or hooked or not set(metaclasses) <= set(_METACLASSES):
            self._refuse("with a metaclass or `__init_subclass__`")
        values, annotations = self._run_class_body(node)
        known = {name: v for name, v in values.items() if _is_known(v)}
        namespace = {"__module__": self.frame.globals.get("__name__"), "__qualname__": node.name}
        if annotations:
            namespace["__annotations__"] = annotations
        namespace.update({name: self.static(value) for name, value in known.items()})
        if any(issubclass(base, BaseException) for base in bases):
            self._require_self_contained(namespace)
        cls = types.new_class(node.name, bases, {}, lambda made: _fill(made, namespace))
        local_classes.add(cls)
        for function in _functions(namespace):
            function.__qualname__ = f"{node.name}.{function.__name__}"
            for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
                if name == "__class__":
                    cell.cell_contents = cls
        for name, value in values.items():
            if isinstance(value, Function):
                self._refuse(f"whose attribute `{name}` is a function that isn't a method")
            if name not in known:
                self.bind_outside(cls, name, value)
        made: Value = Static(cls)
        for decorator in reversed(node.decorator_list):
            made = self.call(self.visit(decorator), [made], {})
        self.bind_name(node.name, made)

    def _refuse(self, what: str) -> NoReturn:
        self.fail(
            "AF0103",
            f"a class {what} is defined inside a function",
            help="define the class at module level and use it here",
        )

    def _run_class_body(self, node: gast.ClassDef) -> tuple[dict[str, Value], dict[str, Any]]:
        outer = self.frame
        cell = self.heap.new(Names())
        prepared = Prepared(node, None, frozenset(), ())
        frame = Frame(node.name, prepared, outer.filename, cell, outer.globals, parent=outer)
        annotations = {}
        self.begin(frame)
        try:
            for statement in node.body:
                if isinstance(statement, gast.AnnAssign) and isinstance(
                    statement.target, gast.Name
                ):
                    text = gast.unparse(statement.annotation)
                    known, found = self.try_static(self.visit(statement.annotation))
                    annotations[statement.target.id] = found if known else text
                self.exec(statement)
        finally:
            self.frames.pop()
        values: dict[str, Value] = self.heap[cell].items  # type: ignore[union-attr, assignment]
        return {mangling.mangled(n, node.name): v for n, v in values.items()}, annotations

    def make_method(self, node: gast.FunctionDef) -> Value:
        """A function in the body of a class."""
        around: Frame = self.frame.parent  # type: ignore[assignment]
        root = around
        while root.parent is not None:
            root = root.parent
        line = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        codes = list(_codes(root.function.__code__)) if root.function is not None else []
        found = [c for c in codes if (c.co_firstlineno, c.co_name) == (line, node.name)]
        if len(found) != 1:
            self._refuse(f"whose method `{node.name}` isn't found")
        (code,) = found
        cells = tuple(types.CellType() for _ in code.co_freevars)
        made = types.FunctionType(code, root.globals, node.name, None, cells)
        what = "a method's default value"
        made.__defaults__ = tuple(self.static(self.visit(d), what) for d in node.args.defaults)
        names = (a.id for a in node.args.kwonlyargs)
        pairs = zip(names, node.args.kw_defaults)
        made.__kwdefaults__ = {
            n: self.static(self.visit(d), what) for n, d in pairs if d is not None
        }
        made.__doc__ = code.co_consts[0] if isinstance(code.co_consts[0], str) else None
        setattr(made, FRAME, around)
        return Static(made)

    def _require_self_contained(self, namespace: dict[str, Any]) -> None:
        """Exceptions are made by Python itself."""
        for function in _functions(namespace):
            if set(function.__code__.co_freevars) - {"__class__"}:
                self._refuse("of exceptions whose methods use names of the function around it")


def frame_around(function: Any) -> Frame | None:
    """The frame that the names around a method belong to, where its class is a local one."""
    found: Frame | None = getattr(function, FRAME, None)
    return found


def _is_known(value: Value) -> bool:
    return isinstance(value, Static) or (isinstance(value, Object) and value.instance is not None)


def _fill(made: Any, namespace: dict[str, Any]) -> None:
    for name, value in namespace.items():
        made[name] = value


def _functions(namespace: dict[str, Any]) -> Iterator[types.FunctionType]:
    for value in namespace.values():
        inner = [
            getattr(value, name, None) for name in ("__func__", "fget", "fset", "fdel", "func")
        ]
        for function in (value, *inner):
            if isinstance(function, types.FunctionType) and frame_around(function) is not None:
                yield function


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield const
            yield from _codes(const)
