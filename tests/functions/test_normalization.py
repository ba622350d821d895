"""chainer/functions/normalization."""

from __future__ import annotations

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from astfront.diagnostics import CompileError
from tests.support import check, check_staged, run


def f(*shape, dtype="float32", seed=0):
    return np.random.RandomState(seed + sum(shape)).randn(*shape).astype(dtype)


def fixed(x, y, g, b, m, v):
    return (
        F.fixed_batch_normalization(x, g, b, m, v),
        F.fixed_batch_normalization(y, g, b, m, v, eps=1e-3),
        F.fixed_batch_normalization(x, g, b, m, v, axis=(0, 2, 3)),
        F.fixed_batch_normalization(y, g, b, m, v, axis=0),
        F.fixed_batch_normalization(F.transpose(x, (0, 2, 3, 1)), g, b, m, v, axis=(0, 1, 2)),
    )


def fixed_matrix(x, g, b, m, v):
    return F.fixed_batch_normalization(x, g, b, m, v, axis=(0,))


def test_fixed_batch_normalization():
    v = np.abs(f(3)) + 0.1
    args = (f(2, 3, 4, 5), f(4, 3), f(3), f(3, seed=1), f(3, seed=2), v)
    check(fixed, args)
    check_staged(fixed, args, {0: (None, 3, None, None), 1: (None, 3)})
    wide = [a.astype("f8") for a in args]
    check(fixed, wide)
    check(fixed, (args[0].astype("f2"), args[1].astype("f2"), *args[2:]), rtol=1e-2, atol=1e-2)
    check(fixed_matrix, (f(2, 3, 4), f(3, 4), f(3, 4), f(3, 4), np.abs(f(3, 4)) + 0.1))


def batch(x, y, g, b):
    return (
        F.batch_normalization(x, g, b),
        F.batch_normalization(y, g, b, eps=1e-3),
        F.batch_normalization(x, g, b, axis=(0, 2, 3)),
        F.batch_normalization(y[:1], g, b),
    )


@pytest.mark.filterwarnings("ignore:A batch with no more than one sample")
def test_batch_normalization():
    args = (f(2, 3, 4, 5), f(4, 3), f(3), f(3, seed=1))
    check(batch, args)
    check_staged(batch, args, {0: (None, 3, None, None), 1: (None, 3)})


class Train(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.bn = L.BatchNormalization(3)
            self.bn2 = L.BatchNormalization(3, use_gamma=False, use_beta=False, decay=0.5)

    def forward(self, x):
        return self.bn2(self.bn(x)) + self.bn(x)


def test_training_updates_the_running_statistics():
    x = f(4, 3, 2, 2)
    expected, got = Train(), Train()
    with chainer.using_config("train", True), chainer.no_backprop_mode():
        for _ in range(2):
            a, b = expected(x), run(got, x)
            np.testing.assert_allclose(b.array, a.array, rtol=1e-4, atol=1e-5)
    for name in ("avg_mean", "avg_var"):
        for link in ("bn", "bn2"):
            want = getattr(expected[link], name)
            have = getattr(got[link], name)
            assert have.dtype == want.dtype
            np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-6)


class Finetune(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.bn = L.BatchNormalization(3)

    def forward(self, x):
        return self.bn(x, finetune=True)


def test_finetuning():
    expected, got = Finetune(), Finetune()
    with chainer.using_config("train", True), chainer.no_backprop_mode():
        for seed in range(3):
            x = f(4, 3, seed=seed)
            expected(x)
            run(got, x)
    assert got.bn.N == expected.bn.N == 3
    np.testing.assert_allclose(got.bn.avg_mean, expected.bn.avg_mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(got.bn.avg_var, expected.bn.avg_var, rtol=1e-4, atol=1e-6)


def with_arguments(x, g, b, mean, var):
    return F.batch_normalization(x, g, b, running_mean=mean, running_var=var)


def test_running_statistics_that_are_arguments():
    with pytest.raises(CompileError, match="AF0306"):
        run(with_arguments, f(4, 3), f(3), f(3), f(3), f(3))


def others(x, g4, b4):
    return (
        F.group_normalization(x, 2, g4, b4),
        F.group_normalization(x, 4, g4, b4, eps=1e-2),
        F.local_response_normalization(x),
        F.local_response_normalization(x, n=4, k=1, alpha=0.1, beta=0.5),
        F.local_response_normalization(x[:, :, 0, 0]),
        F.local_response_normalization(x[:, :, 0], n=3),
    )


def compiled_from_numpy(x, y, g, b):
    return (
        F.layer_normalization(y, g, b),
        F.normalize(y),
        F.normalize(x, axis=(1, 2), eps=1e-3),
    )


def test_normalizations_compiled_from_their_source():
    args = (f(2, 4, 3, 5), f(3, 6), f(6), f(6, seed=1))
    check(compiled_from_numpy, args)
    check_staged(compiled_from_numpy, args, {0: (None, 4, None, None), 1: (None, 6)})


def test_other_normalizations():
    args = (f(2, 4, 3, 5), f(4), f(4, seed=1))
    check(others, args)
    check_staged(others, args, {0: (None, 4, None, None)})
    check(others, [a.astype("f8") for a in args])


def renormalized(x, g, b, m, v):
    return (
        F.batch_renormalization(x, g, b, 1.5, 0.5, running_mean=m, running_var=v),
        F.fixed_batch_renormalization(x, g, b, m, v),
    )


def test_batch_renormalization():
    args = (f(5, 4, 3, 3), f(4), f(4, seed=1), f(4, seed=2), np.abs(f(4)) + 0.5)
    with chainer.using_config("train", True):
        check(renormalized, args)
    with chainer.using_config("train", False), pytest.raises(AssertionError):
        run(renormalized, *args)
