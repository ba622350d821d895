"""Loops over plain Python values, run by Python itself.

A turn takes the interpreter some 80 µs and Python 0.1 µs, so that compiling doesn't wait for a loop
that counts, fills a list with numbers or looks for one, however many turns it has. Such a loop has
numbers, texts, tuples and flat lists of them, operators, and functions that only compute. It works
on copies: where anything else turns up, nothing has happened.
"""

from __future__ import annotations

import ast
import copy
import itertools
import types
from typing import Any

import gast

from astfront.contents import Items
from astfront.control.endings import PythonError
from astfront.diagnostics import CompileError
from astfront.machine import Machine
from astfront.values import List, Static, Unbound, Value
from passes.syntax import liveness

#: More turns than this, those of loops in it too, aren't run: it may have no end.
TURNS_LIMIT = 2_000_000

_PLAIN = (bool, int, float, complex, str, bytes, range, type(None))

_NODES = (
    gast.Assign, gast.AugAssign, gast.Break, gast.Expr, gast.For, gast.If, gast.Pass, gast.While,
    gast.Attribute, gast.BinOp, gast.BoolOp, gast.Call, gast.Compare, gast.Constant, gast.IfExp,
    gast.List, gast.Name, gast.Slice, gast.Subscript, gast.Tuple, gast.UnaryOp, gast.keyword,
    gast.boolop, gast.cmpop, gast.expr_context, gast.operator, gast.unaryop,
)  # fmt: skip

_FUNCTIONS = (
    abs, all, any, bool, chr, complex, divmod, enumerate, float, int, len, list, max, min, ord, pow,
    range, reversed, round, sorted, str, sum, tuple, zip,
)  # fmt: skip


class _NotPlain(Exception):
    """A loop that Python doesn't run by itself."""


class PlainLoops(Machine):
    def run_plainly(self, node: gast.For | gast.While, walked: Value | None, start: int) -> bool:
        """Run what is left of a loop (over ``walked``, from item ``start`` on), if it's plain."""
        assigned = liveness.assigned(node)
        prepared = self.frame.prepared
        own = prepared.locals - prepared.global_names - self.frame.nonlocals
        if not own.issuperset(assigned):
            return False
        try:
            copies = _Copies(self)
            loop = _Loop(self, copies)
            result = loop.run(node, walked, start)
            made = {name: copies.value(result[name]) for name in assigned if name in result}
            lists = copies.changed()
        except _NotPlain:
            return False
        for cell, content in lists.items():
            self.heap[cell] = content
        for name, value in made.items():
            self.heap.bind(self.frame.cell, name, value)
        return True


class _Copies:
    """Values as Python objects and back; a list that goes by two names stays one."""

    def __init__(self, machine: Machine) -> None:
        self.heap = machine.heap
        self.lists: dict[int, list[Any]] = {}
        self.values: dict[int, List] = {}

    def of(self, value: Value) -> Any:
        if isinstance(value, Static):
            return _plain(value.obj)
        if not isinstance(value, List) or value.cls is not list or not self._is_own(value.cell):
            raise _NotPlain
        if value.cell not in self.lists:
            made = [self._item(item) for item in self._items(value.cell)]
            self.lists[value.cell] = made
            self.values[id(made)] = value
        return self.lists[value.cell]

    def value(self, obj: Any) -> Value:
        if type(obj) is not list:
            return Static(_plain(obj))
        if id(obj) not in self.values:
            self.values[id(obj)] = self.heap.new_list([Static(_plain(item)) for item in obj])
        return self.values[id(obj)]

    def changed(self) -> dict[int, Items]:
        """The contents of the lists that aren't what they were."""
        found = {}
        for cell, now in self.lists.items():
            before = [self._item(item) for item in self._items(cell)]
            if len(now) != len(before) or any(a is not b for a, b in zip(now, before)):
                found[cell] = Items(tuple(Static(_plain(item)) for item in now))
        return found

    def _is_own(self, cell: int) -> bool:
        heap = self.heap
        return cell not in heap.base and not heap.is_frozen(cell) and cell not in heap.read_only

    def _items(self, cell: int) -> tuple[Value, ...]:
        content = self.heap[cell]
        if not isinstance(content, Items):
            raise _NotPlain
        return content.items

    def _item(self, value: Value) -> Any:
        if not isinstance(value, Static):
            raise _NotPlain
        return _plain(value.obj)


def _plain(obj: Any) -> Any:
    if type(obj) is tuple:
        for item in obj:
            _plain(item)
    elif type(obj) not in _PLAIN:
        raise _NotPlain
    return obj


class _Loop(gast.NodeTransformer):  # type: ignore[misc]
    """A loop as a Python function, of the names that it's ``given``."""

    def __init__(self, machine: Machine, copies: _Copies) -> None:
        self.machine = machine
        self.copies = copies
        self.given: dict[str, Any] = {
            "_af_plain_tick": iter(range(TURNS_LIMIT)).__next__,
            "_af_plain_locals": locals,
        }

    def run(self, node: gast.For | gast.While, walked: Value | None, start: int) -> dict[str, Any]:
        """The local variables after the loop."""
        node = copy.deepcopy(node)
        if walked is not None:
            self.given["_af_plain_items"] = itertools.islice(self.copies.of(walked), start, None)
            node.iter = gast.Name("_af_plain_items", gast.Load(), None, None)
        module = ast.parse("def loop(): return _af_plain_locals()")
        function: Any = module.body[0]
        function.body.insert(0, gast.gast_to_ast(self.visit(node)))
        function.args.args = [ast.arg(name) for name in self.given]
        namespace: dict[str, Any] = {"__builtins__": {}}
        try:
            exec(compile(ast.fix_missing_locations(module), "<loop>", "exec"), namespace)
            result: dict[str, Any] = namespace["loop"](**self.given)
        except (
            Exception
        ) as e:  # whatever the user's code raises is raised again where it's interpreted
            raise _NotPlain from e
        return result

    def visit(self, node: gast.AST) -> Any:
        if not isinstance(node, _NODES):
            raise _NotPlain
        return super().visit(node)

    def visit_For(self, node: gast.For | gast.While) -> gast.AST:
        if node.orelse:
            raise _NotPlain
        self.generic_visit(node)
        node.body.insert(0, gast.parse("_af_plain_tick()").body[0])
        return node

    visit_While = visit_For

    def visit_Name(self, node: gast.Name) -> gast.AST:
        if node.id not in self.given:
            value = self._found(node)
            if not isinstance(value, Unbound):
                self.given[node.id] = self._object(value)
        return node

    def visit_Attribute(self, node: gast.Attribute) -> gast.AST:
        """Something in a module, or a method of a plain value."""
        root = node.value
        while isinstance(root, gast.Attribute):
            root = root.value
        value = self._found(root) if isinstance(root, gast.Name) else None
        if not isinstance(value, Static) or not isinstance(value.obj, types.ModuleType):
            if node.attr.startswith("_"):
                raise _NotPlain
            return self.generic_visit(node)
        name = f"_af_plain_{len(self.given)}"
        self.given[name] = self._object(self.machine.visit(node))
        return gast.Name(name, gast.Load(), None, None)

    def _found(self, name: gast.Name) -> Value:
        frame = self.machine.frame
        found = self.machine.heap.lookup(frame.cell, name.id)
        if not isinstance(found, Unbound) or name.id in frame.prepared.locals:
            return found
        try:
            value: Value = self.machine.load_name(name.id)
        except (PythonError, CompileError) as e:
            raise _NotPlain from e
        return value

    def _object(self, value: Value) -> Any:
        if isinstance(value, Static) and _only_computes(value.obj):
            return value.obj
        return self.copies.of(value)


def _only_computes(f: Any) -> bool:
    if isinstance(f, types.BuiltinFunctionType):
        return f.__module__ in ("math", "cmath") or f in _FUNCTIONS
    return isinstance(f, type) and f in _FUNCTIONS
