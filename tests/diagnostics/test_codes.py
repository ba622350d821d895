"""What every refusal looks like, in golden files; each shows how a code comes about."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import chainer
import gast
import numpy as np
import pytest

import astfront
from astfront.diagnostics import CODES, InternalError, error
from passes.syntax import check
from tests.diagnostics.models import calls, loops, syntax, values

if TYPE_CHECKING:
    from tests.conftest import Golden

HERE = Path(__file__).parent
X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "f")

#: Arguments by the names of a case's parameters.
ARGUMENTS: dict[str, Any] = {
    "x": X,
    "y": np.ones((2, 4), "f"),
    "xs": np.ones((4, 3), "f"),
    "v": chainer.Variable(X),
    "n": astfront.ScalarSpec(int),
    "rows": [X[0], X[1]],
    "images": np.ones((1, 1, 4, 4), "f"),
}


def cases(module: ModuleType) -> dict[str, Any]:
    return {
        k.replace("af", "AF", 1): v for k, v in vars(module).items() if re.match(r"af\d{4}_", k)
    }


CASES = {k: v for module in (syntax, values, calls, loops) for k, v in cases(module).items()}


@pytest.fixture(autouse=True)
def in_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_refusal(name: str, golden: Golden) -> None:
    case = CASES[name]
    function = getattr(case, "forward", case)
    code = getattr(function, "__func__", function).__code__
    parameters = code.co_varnames[: code.co_argcount]
    args = [ARGUMENTS[p] for p in parameters if p != "self"]
    compiled = astfront.compile(case)
    with pytest.raises(astfront.CompileError) as e:
        compiled.lower(*args)
    assert not isinstance(e.value, InternalError), str(e.value)
    text = str(e.value)
    golden(name, re.sub(r" at 0x\w+", "", text))
    assert name[:6] in [d.code for d in e.value.diagnostics]
    assert "oison" not in text


def test_arguments(golden: Golden) -> None:
    def shown(name: str, call: Callable[[], Any]) -> None:
        with pytest.raises(astfront.CompileError) as e:
            call()
        golden(name, str(e.value))

    def f(x, n=1):
        return x * n

    compiled = astfront.compile(f)
    shown("AF0401_dtype", lambda: compiled(np.zeros(2, "complex64")))
    shown("AF0401_type", lambda: compiled([np.ma.array([1.0])]))
    program = compiled.lower(astfront.TensorSpec((None, 3)), n=2).compile()
    shown("AF0402_shape", lambda: program(np.zeros((2, 4), "f"), n=2))
    shown("AF0402_static", lambda: program(X, n=3))
    shown("AF0402_number", lambda: program(X))
    shown("AF0406_export", lambda: astfront.compile(calls.needs_python).lower(X).export("no.so"))


def test_import_of_star(golden: Golden) -> None:
    """Python refuses it in a function before astfront sees it: only a made-up tree has one."""
    tree = gast.parse("def f(x):\n    from math import *\n    return x * pi\n")
    (problem,) = check.run(tree.body[0])
    text = error(problem.code, problem.message, help=problem.help)
    golden("AF0107_star", str(text))


def test_codes_in_use_are_known() -> None:
    root = HERE.parents[1]
    used: set[str] = set()
    for folder in ("astfront", "passes"):
        for path in root.joinpath(folder).rglob("*.py"):
            if path.name != "diagnostics.py":
                used.update(re.findall(r"\bAF\d{4}\b", path.read_text(encoding="utf-8")))
    made_elsewhere = {"AF9001"}
    assert sorted(used | made_elsewhere) == sorted(CODES)
