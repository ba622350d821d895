"""From a function to its source: the gast tree of a function, as it stands in its file.

The whole file is parsed (once), and the function's node is looked up in it, rather than the text of
one function cut out and dedented: so lines and columns are those of the file.  The file is then
compiled and its code compared with the function's, so that a file that changed since it was
imported is an error and not another program.
"""

from __future__ import annotations
import __future__

import ast
import copy
import functools
import linecache
import types
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import gast

from astfront.diagnostics import CompileError, Label, error
from astfront.spans import Span, position, short_path, span_of, text_lines
from passes.syntax import mangling

_FUTURE_FLAGS = 0
for _name in __future__.all_feature_names:
    _FUTURE_FLAGS |= getattr(__future__, _name).compiler_flag

_Node: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class FunctionSource:
    """A function with its tree.

    `node` has no decorators.  Its positions are gast's: absolute lines, columns in utf-8 bytes of
    the file's lines; `span_of` turns them into a Span.  All functions of one code object share the
    node, so whoever changes a tree deep-copies it first.  The values of default arguments are those
    of `func.__defaults__` and `func.__kwdefaults__`, not those in the node.
    """

    name: str
    qualname: str
    filename: str
    node: gast.FunctionDef | gast.AsyncFunctionDef | gast.Lambda
    func: types.FunctionType

    @property
    def span(self) -> Span:
        """The signature's first line, or the whole lambda."""
        whole = span_of(self.node, self.filename)
        if isinstance(self.node, gast.Lambda):
            return whole
        text = whole.first_line()
        end = whole.column + 1 if text is None else len(text.rstrip())
        return Span(self.filename, whole.line, whole.line, whole.column, end)


def get_source(func: Any) -> FunctionSource:
    """The source of a Python function or bound method, as given: `__wrapped__` isn't followed.

    Raises CompileError AF0001 (no Python function), AF0002 (no source, or source that has changed)
    or AF0003 (lambdas that can't be told apart).
    """
    if isinstance(func, (types.MethodType, staticmethod, classmethod)):
        func = func.__func__
    if not isinstance(func, types.FunctionType):
        raise _not_python(func)
    code = func.__code__
    # By identity: code objects of two files can be equal.  The entry keeps the code, hence its id.
    found = _nodes.get(id(code))
    if found is None:
        node = _find_node(func)
        if cls := _class_around(func.__qualname__):
            node = mangling.run(node, cls)
        found = _nodes[id(code)] = (code, node)
    return FunctionSource(code.co_name, func.__qualname__, code.co_filename, found[1], func)


def _class_around(qualname: str) -> str:
    """The class that a function is defined in, at whatever depth of functions; "" for none.

    >>> _class_around("Net.forward"), _class_around("make.<locals>.Net.forward.<locals>.inner")
    ('Net', 'Net')
    >>> _class_around("make.<locals>.inner")
    ''
    """
    parts = qualname.split(".")[:-1]
    while parts and parts[-1] == "<locals>":
        parts = parts[:-2]
    return parts[-1] if parts else ""


# --- files --------------------------------------------------------------------------------------


_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class _File:
    """A parsed file: its functions, by first line and name, and its code objects."""

    def __init__(self, filename: str, lines: list[str]) -> None:
        self.filename = filename
        self.lines = lines
        self.tree = self.parse()
        self._codes: dict[int, list[types.CodeType]] = {}

    def made_at(self, line: int, name: str) -> list[_Node]:
        """The functions, or lambdas, with this first line and name."""
        found = self._lambdas if name == "<lambda>" else self._functions
        return found.get((line, name), [])

    @functools.cached_property
    def _functions(self) -> dict[tuple[int, str], list[_Node]]:
        # Only statements hold statements: the many nodes of expressions aren't looked at.
        return _by_key(_statements(self.tree))

    @functools.cached_property
    def _lambdas(self) -> dict[tuple[int, str], list[_Node]]:
        return _by_key(node for node in ast.walk(self.tree) if isinstance(node, ast.Lambda))

    def parse(self) -> ast.Module:
        # Notebooks allow `await` at the top level of a cell.
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree: ast.Module = _compile("\n".join(self.lines) + "\n", self.filename, flags)
        return tree

    def codes(self, flags: int) -> list[types.CodeType]:
        """Every code object in the file, compiled with these `__future__` flags."""
        if flags not in self._codes:
            self._codes[flags] = self.compile(self.tree, flags)
        return self._codes[flags]

    def compile(self, tree: ast.Module, flags: int) -> list[types.CodeType]:
        return list(
            _all_codes(_compile(tree, self.filename, flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
        )


_nodes: dict[int, tuple[types.CodeType, Any]] = {}
_files: dict[str, _File] = {}


def _compile(source: str | ast.Module, filename: str, flags: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were given when the file was imported
        return compile(source, filename, "exec", flags, dont_inherit=True)


def _all_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _all_codes(const)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for block in _BLOCKS:
        for child in getattr(node, block, ()):
            yield child
            yield from _statements(child)


def _by_key(nodes: Iterable[ast.AST]) -> dict[tuple[int, str], list[_Node]]:
    found: dict[tuple[int, str], list[_Node]] = {}
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found.setdefault(_key(node), []).append(node)
    return found


def _key(node: _Node) -> tuple[int, str]:
    """What a code object made from `node` has as its first line and name."""
    if isinstance(node, ast.Lambda):
        return node.lineno, "<lambda>"
    return min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.name


def _find_node(func: types.FunctionType) -> Any:
    """The gast node of `func`, without its decorators."""
    code = func.__code__
    filename = code.co_filename
    linecache.checkcache(filename)
    lines = text_lines(filename, func.__globals__)
    if not lines:
        raise _not_found(func)
    file = _files.get(filename)
    try:
        if file is None or file.lines != lines:
            file = _files[filename] = _File(filename, lines)
        nodes = file.made_at(code.co_firstlineno, code.co_name)
        nodes = [node for node in nodes if _made_from(file, node, func, len(nodes) == 1)]
    except (SyntaxError, ValueError):  # ValueError: a null character in the text
        raise _changed(func, lines) from None
    if not nodes:
        raise _changed(func, lines)
    if len({ast.dump(node) for node in nodes}) > 1:
        raise _ambiguous(nodes, filename)
    node = copy.copy(nodes[0])
    if not isinstance(node, ast.Lambda):
        node.decorator_list = []
    return gast.ast_to_gast(node)


def _made_from(file: _File, node: _Node, func: types.FunctionType, alone: bool) -> bool:
    """Whether `node`, compiled, gives the code of `func`."""
    code = func.__code__
    flags = code.co_flags & _FUTURE_FLAGS
    if alone:
        if code in file.codes(flags):
            return True
        # pytest rewrites the asserts of test modules: the code differs, the source is right.
        if "@pytest_ar" in func.__globals__ and _has_assert(node):
            return _parameters(code) == _parameter_names(node)
        return False
    # Several lambdas on the line.  Code objects have no columns: give this one a line of its own.
    tree = file.parse()
    for twin in ast.walk(tree):
        if isinstance(twin, ast.Lambda) and position(twin) == position(node):
            break
    else:
        return False
    line = len(file.lines) + 1
    twin.lineno = twin.end_lineno = line
    made = (each for each in file.compile(tree, flags) if each.co_firstlineno == line)
    return any(each.replace(co_firstlineno=code.co_firstlineno) == code for each in made)


def _has_assert(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Assert) for each in ast.walk(node))


def _parameters(code: types.CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    return code.co_varnames[:count]


def _parameter_names(node: _Node) -> tuple[str, ...]:
    args = node.args
    return tuple(each.arg for each in [*args.posonlyargs, *args.args, *args.kwonlyargs])


# --- errors -------------------------------------------------------------------------------------


def _not_python(func: Any) -> CompileError:
    name = getattr(func, "__qualname__", None) or getattr(func, "__name__", None)
    module = getattr(func, "__module__", None) or type(func).__module__
    kind = type(func).__name__
    if not isinstance(name, str):
        what = f"an object of type `{kind}`"
    elif isinstance(module, str) and module != "builtins":
        what = f"`{module}.{name}`"
    else:
        what = f"`{name}`"
    return error(
        "AF0001",
        f"{what} has no Python source",
        notes=[f"its type is `{kind}`: it isn't a function written in Python"],
        help="write a rule for it with `astfront.rule`, or call a Python function instead",
    )


def _where(func: types.FunctionType) -> str:
    code = func.__code__
    return f"{short_path(code.co_filename)}:{code.co_firstlineno}"


def _not_found(func: types.FunctionType) -> CompileError:
    return error(
        "AF0002",
        f"the source of `{func.__qualname__}` can't be found",
        notes=[f"it was defined at {_where(func)}, and that text isn't kept anywhere"],
        help="define it in a file or in a notebook cell, not by `exec` or at the `>>>` prompt",
    )


def _changed(func: types.FunctionType, lines: list[str]) -> CompileError:
    code = func.__code__
    span = None
    if 0 < code.co_firstlineno <= len(lines):
        text = lines[code.co_firstlineno - 1]
        indent = len(text) - len(text.lstrip())
        line = code.co_firstlineno
        span = Span(code.co_filename, line, line, indent, len(text.rstrip()))
    return error(
        "AF0002",
        f"the source of `{func.__qualname__}` isn't what was imported",
        span,
        label="another program stands here now" if span is not None else "",
        notes=[
            f"it was defined at {_where(func)}; the file has changed since, "
            "or an import hook rewrote it"
        ],
        help="start Python again, or reload the module, and compile again",
    )


def _ambiguous(nodes: list[_Node], filename: str) -> CompileError:
    spans = sorted((span_of(node, filename) for node in nodes), key=lambda span: span.column)
    return error(
        "AF0003",
        "which lambda of this line is meant can't be told",
        spans[0],
        label="this one",
        related=[Label(span, "or this one") for span in spans[1:]],
        help="write them on lines of their own, or as functions with `def`",
    )
