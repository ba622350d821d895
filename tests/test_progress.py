"""What's shown while a program is compiled: on a terminal only, and only where it takes long."""

from __future__ import annotations

import io
import logging
import time

import numpy as np
import pytest

import astfront
from astfront import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def double(x):
    return x * 2


X = np.ones(3, "float32")


@pytest.fixture
def stderr(monkeypatch):
    """Puts a stream in the place of stderr, from within the test: pytest puts its own there before."""

    def put(stream):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setattr(progress, "DELAY", 0.0)
        return stream

    return put


def test_a_terminal_shows_the_step(stderr):
    stream = stderr(Terminal())
    with progress.shown("compiling Net") as watch:
        watch("FuseOps")
        time.sleep(0.4)
    assert "compiling Net: FuseOps" in stream.getvalue()


def test_passes_and_kernels_are_told(stderr, monkeypatch):
    stderr(Terminal())
    steps = []
    update = progress.Progress.update

    def seen(self, task, description):
        steps.append(description)
        update(self, task, description=description)

    monkeypatch.setattr(progress.Progress, "update", seen)
    astfront.compile(double)(X)
    assert "compiling double: FuseOps" in steps
    assert any("fused_multiply" in step for step in steps)


def test_an_exception_ends_it(stderr):
    stream = stderr(Terminal())
    with pytest.raises(ZeroDivisionError), progress.shown("compiling Net"):
        1 / 0
    shown = len(stream.getvalue())
    time.sleep(0.2)
    assert len(stream.getvalue()) == shown


def test_elsewhere_it_is_quiet_and_logged(stderr, caplog):
    stream = stderr(io.StringIO())
    with caplog.at_level(logging.INFO, "astfront"):
        astfront.compile(double)(X)
    assert stream.getvalue() == ""
    assert any(r.message.startswith("compiling double: ") for r in caplog.records)
