"""What nests deep is compiled on a large stack."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import chainer
import pytest

from astfront.deep_stack import on_deep_stack
from astfront.program import Program


def test_work_may_recurse_deep():
    def depth(n):
        return 1 + depth(n - 1) if n else 0

    limit = sys.getrecursionlimit()
    assert on_deep_stack(depth)(20_000) == 20_000
    assert sys.getrecursionlimit() == limit


def test_what_belongs_to_the_callers_thread_is_kept():
    outer = on_deep_stack(lambda: (chainer.config.train, inner(), threading.get_ident()))
    inner = on_deep_stack(threading.get_ident)
    with chainer.using_config("train", False):
        train, within, thread = outer()
    assert train is False
    assert within == thread != threading.get_ident()


def test_exceptions_are_raised_in_the_callers_thread():
    def fails():
        raise ValueError("in vain")

    with pytest.raises(ValueError, match="in vain"):
        on_deep_stack(fails)()


def test_programs_are_printed_there(monkeypatch):
    monkeypatch.setattr("passes.relay.text", lambda mod: threading.get_ident())
    assert Program.as_text(SimpleNamespace(mod=None)) != threading.get_ident()
