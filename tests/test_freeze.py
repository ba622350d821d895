"""`freeze=True`: parameters are constants, and never stale ones."""

from __future__ import annotations

from typing import Any

import chainer
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.support import assert_same

X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]], "f")


class Model(chainer.Chain):
    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(3, 3)
        self.add_persistent("mean", np.ones(3, "f"))
        self.plain = np.ones(3, "f")

    def forward(self, x):
        return (self.l(x) - self.mean) * self.plain


@pytest.fixture
def model() -> Any:
    return Model()


def test_parameters_are_constants(model: Any) -> None:
    compiled = astfront.compile(model, freeze=True)
    assert_same(compiled(X), model(X))
    loaded = compiled._programs[next(iter(compiled._programs))][0]
    assert sorted(loaded.frozen) == ["l_W", "l_b", "mean"]
    for name in ("l_W", "l_b"):
        assert loaded.frozen[name].contents is None, "nothing to compare at a call"
    assert [s if isinstance(s, int) else s.name for s in loaded.sources.values()] == [0, "plain"]
    for array in (model.l.W.array, model.l.b.array, model.mean):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    model.plain[:] = 5
    assert_same(compiled(X), model(X))
    assert compiled.cache_info() == (1, 1, 1)


def test_what_is_replaced_compiles_anew(model: Any) -> None:
    compiled = astfront.compile(model, freeze=True)
    compiled(X)
    model.l.W.array = np.eye(3, dtype="f")
    assert_same(compiled(X), model(X))
    model.mean = np.zeros(3, "f")
    assert_same(compiled(X), model(X))
    model.l.b.array = model.l.b.array + 1
    assert_same(compiled(X), model(X))
    assert compiled.cache_info() == (0, 4, 4)
    compiled(X)
    assert compiled.cache_info().hits == 1


def test_loading_raises(model: Any, tmp_path: Any) -> None:
    chainer.serializers.save_npz(tmp_path / "m.npz", Model())
    compiled = astfront.compile(model, freeze=True)
    compiled(X)
    with pytest.raises(ValueError, match="read-only"):
        chainer.serializers.load_npz(tmp_path / "m.npz", model)
    compiled.clear()
    chainer.serializers.load_npz(tmp_path / "m.npz", model)
    assert_same(compiled(X), model(X))


def test_clear_thaws(model: Any) -> None:
    compiled = astfront.compile(model, freeze=True)
    compiled(X)
    compiled(X[:1])
    compiled.clear()
    assert compiled.cache_info().currsize == 0
    for array in (model.l.W.array, model.l.b.array, model.mean):
        array[:] = 2
    assert_same(compiled(X), model(X))


def test_writing_after_thawing_by_hand(model: Any) -> None:
    compiled = astfront.compile(model, freeze=True)
    compiled(X)
    model.l.W.array.flags.writeable = True
    model.l.W.array[:] = 3
    assert_same(compiled(X), model(X))


def test_two_compiled_ones(model: Any) -> None:
    one, two = astfront.compile(model, freeze=True), astfront.compile(model.forward, freeze=True)
    one(X)
    two(X)
    one.clear()
    model.l.W.array[:] = 3
    assert_same(two(X), model(X))


def test_views_from_before(model: Any) -> None:
    """Who has a view of the array can write through it."""
    view = model.l.W.array[0]
    mean = model.mean.T
    whole = np.zeros((4, 3), "f")
    model.l.b.array = whole[0]
    compiled = astfront.compile(model, freeze=True)
    compiled(X)
    for array in (view, mean, whole):
        array[:] = np.nan if array is mean else 5
        with np.errstate(all="ignore"):
            assert_same(compiled(X), model(X))
    misses = compiled.cache_info().misses
    compiled(X)
    assert compiled.cache_info().misses == misses, "a NaN equals itself here"


def test_after_training(model: Any) -> None:
    """Backprop leaves references to the arrays in the graph's nodes."""
    loss = chainer.functions.sum(model(X))
    loss.backward()
    compiled = astfront.compile(model, freeze=True)
    assert_same(compiled(X), model(X))
    (loaded,) = compiled._programs[next(iter(compiled._programs))]
    assert loaded.frozen["l_W"].contents is None


def test_state_is_not_frozen() -> None:
    class Moving(chainer.Chain):
        def __init__(self) -> None:
            super().__init__()
            with self.init_scope():
                self.w = chainer.Parameter(np.ones(3, "f"))
            self.add_persistent("mean", np.ones(3, "f"))

        def forward(self, x):
            self.mean = self.mean * 0.5 + x[0]
            return x * self.w - self.mean

    plain, model = Moving(), Moving()
    compiled = astfront.compile(model, freeze=True)
    for _ in range(3):
        assert_same(compiled(X), plain(X))
        assert_same(model.mean, plain.mean)
    assert compiled.cache_info() == (2, 1, 1)


def test_decorated_class() -> None:
    @astfront.compile(freeze=True)
    class Decorated(Model):
        pass

    model: Any = Decorated()
    assert_same(model(X), model.forward(X))
    assert not model.l.W.array.flags.writeable
    astfront.api.compiled_of(model).clear()
    assert model.l.W.array.flags.writeable


def test_programs_of_several_shapes_share_what_is_frozen():
    """Nothing is compared at each call, though two programs hold the parameters."""
    np.random.seed(0)
    model = L.Linear(3, 2)
    compiled = astfront.compile(model, freeze=True)
    for n in (1, 2, 3):
        x = np.ones((n, 3), np.float32)
        np.testing.assert_allclose(compiled(x).array, model.forward(x).array, rtol=1e-5)
    assert all(frozen.contents is None for frozen in compiled._frozen())
    compiled.clear()
    assert model.W.array.flags.writeable
