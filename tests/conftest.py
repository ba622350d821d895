"""What all tests share: golden files, and the option that rewrites them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

# The compiler is tested, not what it built before.
os.environ["ASTFRONT_CACHE"] = "off"


class Golden(Protocol):
    """Compares a text with `golden/<name><suffix>` beside the test."""

    def __call__(self, name: str, text: str, suffix: str = ".txt") -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the golden files with what the tests give now (refused where CI is set)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("--update-golden is refused where CI is set")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden(name, text, suffix=".txt")`: `text` is that of the golden file, or the test fails."""
    folder = Path(request.path).parent / "golden"
    update = bool(request.config.getoption("--update-golden"))

    def compare(name: str, text: str, suffix: str = ".txt") -> None:
        path = folder / f"{name}{suffix}"
        actual = text.rstrip("\n") + "\n"
        if update:
            folder.mkdir(exist_ok=True)
            if not path.exists() or path.read_text(encoding="utf-8") != actual:
                path.write_text(actual, encoding="utf-8")
            return
        if not path.exists():
            pytest.fail(
                f"{path} is missing: run pytest with --update-golden, and read what it writes"
            )
        expected = path.read_text(encoding="utf-8")
        assert actual == expected, f"differs from {path}: if it should, run with --update-golden"

    return compare


class _Failures(logging.Handler):
    """The warnings of what builds programs: TVM failed, and a slower program took its place."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture(autouse=True)
def nothing_built_twice() -> Iterator[None]:
    """No test's program is one that TVM failed on."""
    failures, log = _Failures(), logging.getLogger("astfront.build")
    log.addHandler(failures)
    yield
    log.removeHandler(failures)
    assert not failures.texts, failures.texts[0]
