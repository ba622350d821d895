"""Loops of known sizes are one kernel each, which computes what the VM does."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from astfront.build import prepare_for_target
from passes.relay.bindings import has_loops
from passes.relay.loop_kernels import ROWS


def floats(*shape):
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)


def assert_same(got, expected):
    if isinstance(expected, tuple | list):
        assert len(got) == len(expected)
        for one, other in zip(got, expected):
            assert_same(one, other)
        return
    got, expected = (getattr(x, "array", x) for x in (got, expected))
    assert np.asarray(got).dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def has_only_kernels(compiled, *args):
    """Whether no loop is left to the VM."""
    mod = compiled.lower(*args)._program.mod
    assert has_loops(mod)
    text = str(prepare_for_target(mod))
    return "loop_kernel" in text and "let %block" not in text and "let %loop" not in text


def carried(x, n):
    """Values that change places, whose old values are kept, of several dtypes."""
    a, b, c = x, x * 2, x > 0
    half = x.astype(np.float16)
    olds = []
    for i in range(n.shape[0]):
        olds.append(a)
        a, b = b, a + n[i]
        half = half * np.float16(0.5) + b.astype(np.float16)
        c = np.logical_not(c)
    return a, b, c, half, np.stack(olds)


def branches(x, ps):
    """Data decides, twice, about what's computed and about what isn't changed."""
    h, count = x, 0
    ys = []
    for i in range(ps.shape[0]):
        if ps[i] > 0:
            old = h
            h = np.tanh(h + 1)
            if ps[i] > 1:
                h = h + old
            else:
                count += 1
        ys.append(np.sort(h)[::-1] * count)
    return h, count, np.stack(ys)


def joined(x, n):
    """An array that gets longer by a row that's an array of one."""
    rows = x.reshape(1, -1)
    for i in range(n.shape[0]):
        rows = np.concatenate((rows, np.tanh(x.reshape(1, -1) * n[i])))
    return rows


def nested(x, m):
    """A loop within a loop, one of its turns dependent on data."""
    total = x * 0
    for i in range(m.shape[0]):
        h = x
        for j in range(3):
            h = np.tanh(h * (i + j))
        while h.sum() > m[i]:
            h = h - 0.25
        total = total + h
    return total


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (carried, [(floats(3), floats(5)), (floats(4, 7), floats(1))]),
        (branches, [(floats(5), np.array(p, "f")) for p in ([0.5, 2, -1, 3], [-1], [3, 3, 0.1])]),
        (joined, [(floats(3), floats(40))]),
        (nested, [(floats(2, 3), floats(4)), (floats(3), floats(2))]),
    ],
)
def test_the_same_as_python(function, calls):
    compiled = astfront.compile(function)
    assert has_only_kernels(compiled, *calls[0])
    for args in calls:
        assert_same(compiled(*args), function(*args))


def until(x, limit):
    """As many turns as data says, each with a row."""
    rows, n = [], 0
    while x.sum() < limit:
        x = x + 1
        rows.append(x)
        n += 1
        if n == 2 * limit:
            break
    return n, rows


def test_any_number_of_rows():
    compiled = astfront.compile(until)
    x = np.zeros(3, np.float32)
    for turns in (0, 1, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS + 5):
        args = x, np.float32(3 * turns)
        assert_same(compiled(*args), until(*args))


class Decoder(chainer.Chain):
    """Writes until it writes a zero; wide enough for threads."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(20, 256)
            self.lstm = L.StatelessLSTM(256, 256)
            self.out = L.Linear(256, 20)

    def forward(self, y, most):
        c = h = None
        ys = []
        for _ in range(most):
            c, h = self.lstm(c, h, self.embed(y))
            y = F.argmax(self.out(h), axis=1).array
            if y[0] == 0:
                break
            ys.append(y)
        return ys, h


@pytest.mark.parametrize("freeze", [False, True])
def test_a_decoder(freeze):
    np.random.seed(0)
    model = Decoder()
    compiled = astfront.compile(model, freeze=freeze)
    for first in (1, 5, 12):
        args = np.array([first], np.int32), 40
        assert_same(compiled(*args), model(*args))


def test_an_index_behind_the_end_raises():
    def f(x, n):
        total = np.float32(0)
        i = 0
        while total < n:
            total = total + x[i]
            i += 1
        return total, i

    compiled = astfront.compile(f)
    x = np.ones(5, np.float32)
    for n in (0, 3, 5):
        assert_same(compiled(x, np.float32(n)), f(x, np.float32(n)))
    with pytest.raises(IndexError):
        compiled(x, np.float32(6))


def test_operands_of_staged_sizes():
    def f(xs, bias):
        h, ys = xs[0] * 0, []
        for x in xs:
            h = np.tanh(h + x + bias)
            ys.append(h)
        return h, np.stack(ys)

    program = astfront.compile(f).lower(
        astfront.TensorSpec((None, None), "float32"), astfront.TensorSpec((None,), "float32")
    )
    compiled = program.compile()
    for n, m in ((1, 4), (5, 4), (300, 1), (2, 3)):
        args = floats(n, m), floats(m)
        assert_same(compiled(*args), f(*args))
    known = astfront.compile(f).lower(
        astfront.TensorSpec((None, 3), "float32"), astfront.TensorSpec((3,), "float32")
    )
    assert "loop_kernel" in str(prepare_for_target(known._program.mod))
    compiled = known.compile()
    for n in (1, 5, 300):
        args = floats(n, 3), floats(3)
        assert_same(compiled(*args), f(*args))


class Location(chainer.Chain):
    """Where to look next, of where was looked before."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.conv = L.Convolution2D(1, 3, (1, 5), pad=(0, 2))
            self.out = L.Linear(3, 5, nobias=True)

    def step(self, w):
        h = self.conv(w.reshape(w.shape[0], 1, 1, 5))[:, :, 0]
        h = self.out(F.swapaxes(h, 1, 2), n_batch_axes=2)
        return F.tanh(F.sum(h, axis=2))

    def forward(self, w, n):
        rows = []
        for _ in range(n):
            w = self.step(w)
            rows.append(w)
        return rows

    def recursive(self, w):
        w = self.step(w)
        if F.sum(w).array > 0.5:
            return w
        return self.recursive(w + 0.25)


def test_convolutions():
    """Their sums are written at known places, and read as vectors at others."""
    model = Location()
    model.conv.W.array[...] = floats(3, 1, 1, 5)
    for n, batch in ((3, 2), (4, 1)):
        args = (floats(batch, 5), n)
        compiled = astfront.compile(model)
        assert has_only_kernels(compiled, *args)
        assert_same(compiled(*args), model(*args))
    compiled = astfront.compile(model.recursive)
    for x in (floats(2, 5), floats(2, 5) + 1):
        assert_same(compiled(x), model.recursive(x))
