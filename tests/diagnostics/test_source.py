"""Finding the source of a function, and the errors where there is none."""

from __future__ import annotations
import __future__

import importlib
import importlib.util
import linecache
import math
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gast
import numpy as np
import pytest

from astfront.diagnostics import CompileError
from astfront.source import FunctionSource, get_source
from astfront.spans import Span, short_path, span_of

if TYPE_CHECKING:
    from tests.conftest import Golden

HERE = Path(__file__).parent
FUNCTIONS = HERE / "samples" / "functions.py"


@pytest.fixture(autouse=True)
def in_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def m() -> Any:
    return load(FUNCTIONS)


def text_of(span: Span) -> str:
    lines = span.lines()
    lines[-1] = lines[-1][: span.end_column]
    lines[0] = lines[0][span.column :]
    return "\n".join(lines)


def whole(source: FunctionSource) -> str:
    return text_of(span_of(source.node, source.filename))


CASES: list[tuple[Callable[[Any], Any], str, str]] = [
    (lambda m: m.plain, "plain", "def plain(x):\n    return x"),
    (lambda m: m.decorated, "decorated", "def decorated(x):\n    return x"),
    (lambda m: m.wrapped.__wrapped__, "wrapped", "def wrapped(x):\n    return x"),
    (lambda m: m.Net.forward, "Net.forward", 'def forward(self, x, *, s="漢字"): return x'),
    (lambda m: m.Net().forward, "Net.forward", 'def forward(self, x, *, s="漢字"): return x'),
    (
        lambda m: m.Net._Net__private,
        "Net.__private",
        "def __private(self):\n        return super().__repr__()",
    ),
    (lambda m: m.Net.static, "Net.static", "def static(x):\n        return x"),
    (lambda m: vars(m.Net)["static"], "Net.static", "def static(x):\n        return x"),
    (lambda m: m.Net.of_class, "Net.of_class", "def of_class(cls, x):\n        return x"),
    (
        lambda m: m.Net.size.fget,
        "Net.size",
        "def size(self):\n        return self.forward(1)",
    ),
    (
        lambda m: m.Net.many_lines,
        "Net.many_lines",
        "def many_lines(\n        self,\n        x,\n        y=1,\n    ):\n        return x + y",
    ),
    (lambda m: m.outer(2), "outer.<locals>.inner", "def inner(x):\n        return x + n"),
    (lambda m: m.twice, "twice", "def twice(x):\n        return x * 2"),
    (lambda m: m.with_assert, "with_assert", "def with_assert(x):\n    assert x\n    return x"),
    (lambda m: m.generator, "generator", "def generator(n):\n    yield n"),
    (lambda m: m.coroutine, "coroutine", "async def coroutine(n):\n    return n"),
    (lambda m: m.one, "<lambda>", "lambda x: x + 1"),
    (lambda m: m.two[0], "<lambda>", "lambda x: x + 1"),
    (lambda m: m.two[1], "<lambda>", "lambda x: x + 2"),
    (lambda m: m.same[1], "<lambda>", "lambda x: x + 3"),
    (lambda m: m.in_lambda, "<lambda>", "lambda x: lambda y: lambda: x + y"),
    (lambda m: m.in_lambda(1), "<lambda>.<locals>.<lambda>", "lambda y: lambda: x + y"),
    (lambda m: m.in_lambda(1)(2), "<lambda>.<locals>.<lambda>.<locals>.<lambda>", "lambda: x + y"),
    (lambda m: m.é[1], "<lambda>", "lambda x: x * 5"),
]


@pytest.mark.parametrize(("pick", "qualname", "text"), CASES)
def test_source(m: Any, pick: Callable[[Any], Any], qualname: str, text: str) -> None:
    source = get_source(pick(m))
    assert source.qualname == qualname
    assert source.filename == str(FUNCTIONS)
    assert whole(source) == text
    assert getattr(source.node, "decorator_list", []) == []


def test_the_wrapper_is_taken_as_given(m: Any) -> None:
    assert get_source(m.wrapped).name == "wrapper"


def test_columns_are_characters(m: Any) -> None:
    source = get_source(m.Net.forward)
    returned = source.node.body[0].value
    assert text_of(span_of(returned, source.filename)) == "x"
    assert source.node.body[0].col_offset > span_of(source.node.body[0], source.filename).column
    assert text_of(source.span).startswith("def forward(self, x")


def test_span_of_a_node_without_a_position(m: Any) -> None:
    source = get_source(m.Net.many_lines)
    assert text_of(span_of(source.node.args, source.filename)).split() == ["self,", "x,", "y=1"]
    assert span_of(gast.Pass(), "f.py") == Span("f.py", 0, 0, 0, 0)


def test_the_tree_is_shared_and_the_function_is_not(m: Any) -> None:
    one, two = m.outer(1), m.outer(2)
    assert get_source(one).node is get_source(two).node
    assert get_source(one).func is one
    assert get_source(two).func is two


def test_equal_code_in_two_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("def f(x):\n    return x\n")
    a, b = load(tmp_path / "a.py"), load(tmp_path / "b.py")
    assert a.f.__code__ == b.f.__code__
    assert get_source(a.f).filename != get_source(b.f).filename


def test_tabs_form_feeds_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "odd.py"
    path.write_bytes(
        "\ufeffdef f(x):\r\n\tif x:\r\n\t\treturn 'é', x\r\n\x0c\r\ndef g():\treturn 1\r\n".encode()
    )
    module = load(path)
    assert whole(get_source(module.f)) == "def f(x):\n\tif x:\n\t\treturn 'é', x"
    assert whole(get_source(module.g)) == "def g():\treturn 1"


def test_encoding_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "latin.py"
    path.write_bytes("# coding: latin-1\né = 1; f = lambda x: 'é' + x\n".encode("latin-1"))
    assert whole(get_source(load(path).f)) == "lambda x: 'é' + x"


def define(text: str, filename: str, name: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(compile(text, filename, "exec"), namespace)
    return namespace[name]


def test_notebook_cell() -> None:
    name = "<ipython-input-1-abc>"
    text = "x = 1\ndef f(y):\n    return y\n"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    try:
        assert whole(get_source(define(text, name, "f"))) == "def f(y):\n    return y"
    finally:
        del linecache.cache[name]


def test_future_flags_of_an_earlier_cell() -> None:
    name = "<ipython-input-2-abc>"
    text = "def f(y: int) -> int:\n    return y\n"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    namespace: dict[str, Any] = {}
    flags = __future__.annotations.compiler_flag
    exec(compile(text, name, "exec", flags), namespace)
    try:
        assert get_source(namespace["f"]).name == "f"
    finally:
        del linecache.cache[name]


def test_a_function_of_this_file_whose_asserts_pytest_rewrites() -> None:
    def local(x: int) -> int:
        assert x > 0, "positive"
        return x

    assert whole(get_source(local)).endswith("return x")


def refused(func: Any) -> str:
    with pytest.raises(CompileError) as caught:
        get_source(func)
    return str(caught.value)


@pytest.mark.parametrize(
    "func",
    [len, math.sin, np.add, np.ndarray.sum, int, 3, [].append, types.SimpleNamespace()],
    ids=lambda func: type(func).__name__,
)
def test_no_python_function(func: Any) -> None:
    assert refused(func).startswith("error[AF0001]: ")


def test_no_python_function_golden(golden: Golden) -> None:
    golden("AF0001", "\n\n".join(map(refused, [len, math.sin, np.add, 3])))


def test_no_source_golden(golden: Golden) -> None:
    golden("AF0002_exec", refused(define("\ndef f(): pass", "<string>", "f")))


def test_lambdas_that_look_alike_golden(m: Any, golden: Golden) -> None:
    golden("AF0003", refused(m.unclear[1]))


STALE = {
    "another_body": "def f(x):\n    return x + 2\n",
    "another_name": "def g(x):\n    return x + 1\n",
    "another_constant_type": "def f(x):\n    return x + 1.0\n",
    "moved": "\n\ndef f(x):\n    return x + 1\n",
    "syntax_error": "def f(x:\n",
    "empty": "",
    "null": "def f(x):\n    return x + 1\n\0",
}


@pytest.mark.parametrize("change", STALE)
def test_file_that_changed_since_import(change: str, tmp_path: Path) -> None:
    path = tmp_path / "stale.py"
    path.write_text("def f(x):\n    return x + 1\n")
    module = load(path)
    path.write_text(STALE[change])
    os.utime(path, (1, 1))
    assert refused(module.f).startswith("error[AF0002]: the source of `f`")


def test_file_that_changed_since_import_golden(
    tmp_path: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "stale.py"
    path.write_text("def f(x):\n    return x + 1\n")
    module = load(path)
    path.write_text("def f(x):\n    return x + 2\n")
    os.utime(path, (1, 1))
    golden("AF0002_changed", refused(module.f))


def test_change_that_keeps_the_code_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "kept.py"
    path.write_text("def f(x):\n    return x + 1\n")
    module = load(path)
    path.write_text("def f(x):\n    # why\n    return (x + 1)\n")
    os.utime(path, (1, 1))
    assert "# why" in whole(get_source(module.f))


def test_short_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert short_path(str(tmp_path / "a" / "b.py")) == "a/b.py"
    assert short_path("a/b.py") == "a/b.py"
    assert short_path("/nowhere/site-packages/x/y.py") == "site-packages/x/y.py"
    assert short_path(str(tmp_path / ".venv/site-packages/x/y.py")) == "site-packages/x/y.py"
    assert short_path("/nowhere/c.py") == "c.py"
    assert short_path("<stdin>") == "<stdin>"


def test_every_chainer_function_has_a_source() -> None:
    """No function of chainer's is taken for one that changed since it was imported."""
    importlib.import_module("chainer.links")
    importlib.import_module("chainer.functions")

    count = 0
    for name, module in list(sys.modules.items()):
        if not name.startswith(("chainer.functions.", "chainer.links.")):
            continue
        for value in list(vars(module).values()):
            members = list(vars(value).values()) if isinstance(value, type) else [value]
            for member in members:
                if isinstance(member, types.FunctionType) and member.__module__ == name:
                    get_source(member)
                    count += 1
    assert count > 1000
