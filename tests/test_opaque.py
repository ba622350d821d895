"""Objects that are read while compiling, and whose contents may change: arrays of other dtypes, buffers."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import chainer
import numpy as np
import pytest

import astfront
from astfront import CompileError
from astfront.snapshots import snapshot, unchanged
from tests.support import assert_same

X = np.array([1.0, -2.0], "f")


class Model(chainer.Chain):
    def __init__(self) -> None:
        super().__init__()
        self.complexes = np.array([1 + 2j, 3 - 1j])
        self.texts = np.array(["a", "b"])
        self.records = np.array([(1, 2.0), (3, 4.0)], [("a", "i4"), ("b", "f4")])
        self.ragged = np.array([np.arange(2), np.arange(3)], dtype=object)
        self.lists = np.array([[1], [1, 2]], dtype=object)
        self.buffer = array.array("f", [1, 2])

    def forward(self, x):
        h = x * abs(self.complexes[1]) + self.records["b"] + self.ragged[0]
        if self.texts[0] == "a":
            h = h + 1
        return h * len(self.lists[0]) + np.array(self.buffer)


CHANGES: dict[str, Callable[[Model], Any]] = {
    "complex": lambda m: m.complexes.__setitem__(1, 7j),
    "text": lambda m: m.texts.__setitem__(0, "z"),
    "record": lambda m: m.records["b"].__setitem__(0, 9),
    "array in an array": lambda m: m.ragged[0].__setitem__(0, 5),
    "array in an array replaced": lambda m: m.ragged.__setitem__(0, np.array([7, 7])),
    "list in an array": lambda m: m.lists[0].append(3),
    "buffer": lambda m: m.buffer.__setitem__(0, 9),
}


def test_contents_are_looked_at_by_each_call() -> None:
    m = Model()
    compiled = astfront.compile(m)
    assert_same(compiled(X), m(X))
    for change in CHANGES.values():
        change(m)
        assert_same(compiled(X), m(X))


def test_snapshots() -> None:
    held = np.array([{"k": [1, (2, np.zeros(2))]}, "a", None], dtype=object)
    taken = snapshot(held)
    assert unchanged(held, taken)
    held[0]["k"][1][1][0] = 1
    assert not unchanged(held, taken)
    assert not unchanged(held.reshape(3, 1), taken)
    assert not unchanged(np.zeros(2), taken)
    assert not unchanged(held, snapshot(np.zeros(2)))
    assert unchanged(bytearray(b"a"), snapshot(bytearray(b"a")))
    assert not unchanged(bytearray(b"a"), snapshot(np.zeros(2)))
    assert not unchanged({"a": 1}, snapshot({"a": 1, "b": 2}))
    assert not unchanged({"a": 1}, snapshot([1]))
    assert not unchanged([1, 2], snapshot([1]))


def in_place(m: Model, x: Any) -> Any:
    part = m.ragged[0]
    part += 1
    return x + part


def of_records(m: Model, x: Any) -> Any:
    part = m.records["b"]
    part[0] = 1
    return x + part


def appended(m: Model, x: Any) -> Any:
    part = m.lists[0]
    part.append(1)
    return x + len(part)


@pytest.mark.parametrize("function", [in_place, of_records, appended])
def test_what_is_in_them_cannot_be_changed(function: Callable[[Model, Any], Any]) -> None:
    m = Model()
    with pytest.raises(CompileError) as e:
        astfront.compile(lambda x: function(m, x)).lower(X)
    assert "AF0209" in str(e.value)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize(
    "kind", [np.matrix, np.ma.array, lambda x: chainer.Variable(np.matrix(x)), np.rec.array]
)
def test_subclasses_of_arrays_are_refused(kind: Callable[[Any], Any]) -> None:
    m = Model()
    m.table = kind([[1.0, 2.0]])
    with pytest.raises(CompileError) as e:
        astfront.compile(lambda x: x + m.table).lower(X)
    assert "AF0401" in str(e.value)
    assert "plain array" in str(e.value)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_an_array_becomes_one_of_a_subclass() -> None:
    m = Model()
    m.table = np.ones((1, 2), "f")
    compiled = astfront.compile(lambda x: x + m.table)
    assert_same(compiled(X), X + m.table)
    m.table = np.matrix(m.table)
    with pytest.raises(CompileError):
        compiled(X)
