"""``compile(fallback="chainer")``: calls that can't be compiled run in Python, within the program."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from tests.support import assert_same

CALLS = []


def _opaque(value):
    CALLS.append(float(value))
    if value > 100:
        raise KeyError("too large")
    return value * 2 + 1


#: numpy's vectorize is a class whose calls aren't compiled.
opaque = np.vectorize(_opaque, otypes=["float32"])
positive = np.vectorize(lambda row: row[row > 0], signature="(n)->(m)")


def _until(x):
    y = x
    while opaque(y).sum() == 0 or opaque(y).sum() < 50:
        y = y * 2
    return y


class Model(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            weight = np.random.RandomState(0).randn(4, 4).astype("f")
            self.linear = L.Linear(4, 4, initialW=weight)

    def forward(self, x, n):
        h = x
        for _ in range(int(n)):
            h = F.tanh(self.linear(h))
            if F.sum(h).array > 0:
                h = h + opaque(h.array)
            h = h * F.sum(chainer.Variable(positive(h.array.ravel()))) + 1
        return h


def agree(function, *calls):
    compiled = astfront.compile(function, fallback="chainer")
    for args in calls:
        assert_same(compiled(*args), function(*args))
    return compiled


def test_an_unknown_function_in_a_loop():
    rng = np.random.RandomState(1)
    xs = [chainer.Variable(rng.randn(2, 4).astype("f")) for _ in range(3)]
    compiled = agree(Model(), *[(x, np.int64(n)) for x, n in zip(xs, (0, 1, 3))])
    assert compiled.cache_info().misses == 1
    said = astfront.explain(compiled, xs[0], np.int64(1))
    assert said.count("runs in Python") == 2
    with pytest.raises(astfront.CompileError, match="AF0301"):
        astfront.compile(Model())(xs[0], np.int64(1))


def test_results_of_several_parts():
    counted = np.vectorize(lambda value: (value, value > 0), otypes=["float64", "bool"])

    def f(x):
        values, signs = counted(x)
        return values * 2, signs

    agree(f, (np.array([1.0, -2.0, 0.0]),), (np.array([[3.0]]).ravel(),))


def test_exceptions():
    def f(x, i):
        return opaque(x[i]) + 1

    x = np.array([1, 200, 3], "f")
    compiled = agree(f, (x, np.int64(0)), (x, np.int64(-1)))
    CALLS.clear()
    with pytest.raises(KeyError, match="too large"):
        compiled(x, np.int64(1))
    assert CALLS[-1] == 200
    CALLS.clear()
    with pytest.raises(IndexError):
        compiled(x, np.int64(5))
    assert not CALLS  # What follows an exception isn't called.
    np.testing.assert_allclose(compiled(x, np.int64(2)), 8)
    # A loop that goes on as long as the function gives nothing ends, too.
    compiled = agree(_until, (x[:1],), (x[2:],))
    with pytest.raises(KeyError, match="too large"):
        compiled(x[1:2])


def _changed(row):
    row += 1
    return row * 2


#: numpy's frompyfunc and vectorize hand over what they got.
changes = np.vectorize(_changed, signature="(n)->(n)")
first_decides = np.vectorize(lambda value: 1 if value > 100 else value / 2)


def test_a_function_that_changes_its_argument_is_not_called_so():
    def f(x):
        return changes(x)

    with pytest.raises(astfront.CompileError, match="AF0301"):
        astfront.compile(f, fallback="chainer")(np.ones(3, "f"))


def test_another_type_than_while_compiling():
    def f(x):
        return first_decides(x)

    x = np.array([1.0, 2.0])
    compiled = agree(f, (x,), (x[:1].repeat(2),))
    with pytest.raises(RuntimeError, match="array of int64 and 1 axes, and gave array of float64"):
        compiled(x * 1000)
    np.testing.assert_allclose(compiled(x), x / 2)


def test_the_option():
    with pytest.raises(ValueError, match="fallback"):
        astfront.compile(lambda x: x, fallback="python")


def doubled(image):
    """Bigger, by a way that isn't compiled."""
    return np.frombuffer(np.repeat(image, 2, axis=1).tobytes(), "f").reshape(len(image), -1).copy()


def prepared(images):
    out = []
    for image in images:
        image = doubled(image)
        image -= np.ones((2, 1), "f")
        out.append(image)
    width = np.array([image.shape[1] for image in out]).max(axis=0)
    x = np.zeros((len(out), 2, width), "f")
    for i, image in enumerate(out):
        x[i, :, : image.shape[1]] = image
    return x


def test_what_python_gives_is_changed_in_place():
    compiled = astfront.compile(prepared, fallback="chainer")
    for widths in ((3,), (2, 5)):
        images = [np.arange(2 * w, dtype="f").reshape(2, w) for w in widths]
        assert_same(compiled(images), prepared(images))


def broken(x):
    out = []
    for row in x:
        row.resize((9,))
        out.append(row)
    return np.array([len(row) for row in out]).max()


def test_an_exception_after_a_refusal_is_none():
    """A list stays empty where what was to be appended is refused: its maximum is no error of the model."""
    with pytest.raises(astfront.CompileError, match="resize"):
        astfront.compile(lambda x: broken(x) + 1, fallback="chainer").lower(np.ones((2, 3), "f"))
