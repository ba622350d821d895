"""The renderer: what a diagnostic looks like, in golden files."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from astfront.diagnostics import (
    CODES,
    CompileError,
    Diagnostic,
    InternalError,
    Label,
    error,
    internal_error,
)
from astfront.spans import Span

if TYPE_CHECKING:
    from tests.conftest import Golden

HERE = Path(__file__).parent
GATE = str(HERE / "samples" / "gate.py")
NET = str(HERE / "samples" / "net.py")


@pytest.fixture(autouse=True)
def in_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


def at(filename: str, line: int, text: str, end_line: int | None = None) -> Span:
    """The span of `text` where it first stands on a line."""
    column = Path(filename).read_text(encoding="utf-8").split("\n")[line - 1].index(text)
    return Span(filename, line, end_line or line, column, column + len(text))


def undefined() -> CompileError:
    result = error(
        "AF0203",
        "`h` may be undefined here",
        at(GATE, 17, "h"),
        related=[
            Label(at(GATE, 14, "F.sum(x) > 0"), "staged: depends on tensor data"),
            Label(at(GATE, 15, "h"), "bound only in this branch"),
        ],
        help="bind `h` before the `if`, or add an `else`",
    )
    result.inlined_from("caller", at(NET, 2, "net.forward(x)"))
    return result


def test_sample_of_the_design(golden: Golden) -> None:
    text = str(undefined())
    golden("sample", text)
    assert text.split("\n")[1] == "  --> samples/gate.py:17:16"


def test_tabs(golden: Golden) -> None:
    golden("tabs", str(error("AF0302", "too many", at(GATE, 20, "x,\tx"), label="these")))


def test_wide_characters(golden: Golden) -> None:
    golden("wide", str(error("AF0302", "too many", at(GATE, 24, "入力, é"), label="these")))


def test_span_of_many_lines_shows_the_first(golden: Golden) -> None:
    span = Span(GATE, 28, 31, 15, 9)
    golden("many_lines", str(error("AF0301", "no rule for `concat`", span, label="called here")))


def test_two_marks_on_a_line_and_a_gap(golden: Golden) -> None:
    labels = [Label(at(GATE, 27, "b"), "the other"), Label(at(GATE, 12, "x"), "the argument")]
    golden(
        "two_marks",
        str(error("AF0209", "alias", at(GATE, 27, "a"), label="one", related=labels)),
    )


def test_two_files(golden: Golden) -> None:
    related = [Label(at(NET, 2, "net.forward(x)"), "called here")]
    golden("two_files", str(error("AF0304", "recursion", at(GATE, 12, "forward"), related=related)))


def test_without_a_place(golden: Golden) -> None:
    golden(
        "no_place", str(error("AF0402", "wrong shape", notes=["one\ntwo"], help="pass\nanother"))
    )


def test_source_that_is_gone(golden: Golden) -> None:
    span = Span("/nowhere/gone.py", 7, 7, 4, 9)
    golden("gone", str(error("AF0202", "no attribute", span, label="here")))
    golden("no_line", str(error("AF0202", "no attribute", Span("/nowhere/gone.py", 0, 0, 0, 0))))


def test_several_in_source_order_without_duplicates(golden: Golden) -> None:
    later = Diagnostic("AF0101", "generator", at(GATE, 28, "return"))
    earlier = Diagnostic("AF0106", "try", at(GATE, 12, "def"))
    no_place = Diagnostic("AF0402", "wrong shape")
    other_file = Diagnostic("AF0102", "await", at(NET, 1, "def"))
    result = CompileError([later, no_place, other_file, earlier, Diagnostic(**vars(later))])
    assert result.diagnostics == (earlier, later, other_file, no_place)
    golden("several", str(result))


def test_internal_error(golden: Golden) -> None:
    cause = ZeroDivisionError("division by zero")
    result = internal_error(cause, at(GATE, 15, "F.relu(x)"))
    assert isinstance(result, InternalError)
    assert result.__cause__ is cause
    golden("AF9001", str(result))


@pytest.mark.parametrize("make", [undefined, lambda: internal_error(KeyError("k"))])
def test_pickle(make: Callable[[], CompileError]) -> None:
    before = make()
    after = pickle.loads(pickle.dumps(before))
    assert type(after) is type(before)
    assert after.diagnostics == before.diagnostics
    assert str(after) == str(before)


def test_unknown_code_is_refused() -> None:
    with pytest.raises(ValueError, match="AF1234"):
        error("AF1234", "nothing")
    with pytest.raises(ValueError, match="needs a diagnostic"):
        CompileError([])


def test_codes_are_well_formed() -> None:
    assert all(len(code) == 6 and code[:2] == "AF" and code[2:].isdigit() for code in CODES)
    assert list(CODES) == sorted(CODES)
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_golden_file(code: str, pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--update-golden"):
        pytest.skip("they are being written")
    goldens = list(HERE.parent.glob(f"*/golden/{code}*.txt"))
    assert goldens
    assert all(path.read_text(encoding="utf-8").startswith(f"error[{code}]: ") for path in goldens)


def test_update_golden_is_refused_in_ci() -> None:
    command = [sys.executable, "-m", "pytest", "--update-golden", "--collect-only", __file__]
    result = subprocess.run(
        command, cwd=HERE.parents[1], env={**os.environ, "CI": "1"}, capture_output=True, text=True
    )
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "refused where CI is set" in result.stderr
