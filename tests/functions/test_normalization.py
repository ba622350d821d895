"""chainer/functions/normalization."""

from __future__ import annotations

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from tests.functions.cases import FLOATS, cases, f, programs
from tests.support import run

VARIANCE = np.abs(f(3)) + 0.1
FIXED = [f(2, 3, 4, 5), f(4, 3), f(3), f(3, seed=1), f(3, seed=2), VARIANCE]


@cases(FIXED, dtypes=FLOATS)
@cases(
    FIXED,
    [f(1, 3, 2, 3), f(1, 3), *FIXED[2:]],
    dtypes=(),
    staged={0: (None, 3, None, None), 1: (None, 3)},
)
def fixed(x, y, g, b, m, v):
    return (
        F.fixed_batch_normalization(x, g, b, m, v),
        F.fixed_batch_normalization(y, g, b, m, v, eps=1e-3),
        F.fixed_batch_normalization(x, g, b, m, v, axis=(0, 2, 3)),
        F.fixed_batch_normalization(y, g, b, m, v, axis=0),
        F.fixed_batch_normalization(F.transpose(x, (0, 2, 3, 1)), g, b, m, v, axis=(0, 1, 2)),
        F.fixed_batch_renormalization(x, g, b, m, v),
    )


@cases([f(2, 3, 4, 5).astype("f2"), f(4, 3).astype("f2"), *FIXED[2:]], rtol=1e-2, atol=1e-2)
def fixed_of_mixed_dtypes(x, y, g, b, m, v):
    return F.fixed_batch_normalization(x, g, b, m, v), F.fixed_batch_normalization(y, g, b, m, v)


@cases([f(2, 3, 4), f(3, 4), f(3, 4), f(3, 4), np.abs(f(3, 4)) + 0.1])
def fixed_matrix(x, g, b, m, v):
    return F.fixed_batch_normalization(x, g, b, m, v, axis=(0,))


@cases([f(2, 3, 4, 5), f(4, 3), f(3), f(3, seed=1)], dtypes=FLOATS)
@cases(
    [f(2, 3, 4, 5), f(4, 3), f(3), f(3, seed=1)],
    [f(3, 3, 2, 1), f(2, 3), f(3), f(3, seed=1)],
    dtypes=(),
    staged={0: (None, 3, None, None), 1: (None, 3)},
)
def batch(x, y, g, b):
    return (
        F.batch_normalization(x, g, b),
        F.batch_normalization(y, g, b, eps=1e-3),
        F.batch_normalization(x, g, b, axis=(0, 2, 3)),
        F.batch_normalization(y[:1], g, b),
    )


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


@cases([f(4, 3), f(3), f(3), f(3), VARIANCE], train=True)
def running_statistics_that_are_arguments(x, g, b, mean, var):
    y = F.batch_normalization(x, g, b, running_mean=mean, running_var=var, decay=0.6)
    return y, mean, var


@cases([f(2, 4, 3, 5), f(4), f(4, seed=1)], dtypes=FLOATS)
@cases(
    [f(2, 4, 3, 5), f(4), f(4, seed=1)],
    [f(1, 4, 2, 2), f(4), f(4, seed=1)],
    dtypes=(),
    staged={0: (None, 4, None, None)},
)
def others(x, g4, b4):
    return (
        F.group_normalization(x, 2, g4, b4),
        F.group_normalization(x, 4, g4, b4, eps=1e-2),
        F.local_response_normalization(x),
        F.local_response_normalization(x, n=4, k=1, alpha=0.1, beta=0.5),
        F.local_response_normalization(x[:, :, 0, 0]),
        F.local_response_normalization(x[:, :, 0], n=3),
    )


@cases(
    [f(2, 4, 3), f(4), f(4, seed=1)], [f(1, 2, 2), f(2), f(2, seed=1)], dtypes=(),
    staged={0: (None, None, None), 1: (None,), 2: (None,)},
)  # fmt: skip
def of_staged_channels(x, gamma, beta):
    return F.group_normalization(x, 2, gamma, beta), F.local_response_normalization(x)


@cases([f(2, 4, 3, 5), f(3, 6), f(6), f(6, seed=1)], dtypes=FLOATS)
@cases(
    [f(2, 4, 3, 5), f(3, 6), f(6), f(6, seed=1)],
    [f(1, 4, 2, 2), f(1, 6), f(6), f(6, seed=1)],
    dtypes=(),
    staged={0: (None, 4, None, None), 1: (None, 6)},
)
def compiled_from_numpy(x, y, g, b):
    return (
        F.layer_normalization(y, g, b),
        F.layer_normalization(y, g, b, eps=0.1),
        F.normalize(y),
        F.normalize(x, axis=(1, 2), eps=1e-3),
        F.normalize(x, axis=-1),
    )


RENORMALIZED = [f(5, 4, 3, 3), f(4), f(4, seed=1), f(4, seed=2), np.abs(f(4)) + 0.5]


@cases(RENORMALIZED, dtypes=FLOATS, train=True)
def renormalized(x, g, b, m, v):
    return (
        F.batch_renormalization(x, g, b, 1.5, 0.5, running_mean=m, running_var=v),
        F.batch_renormalization(x, g, b, 1.5, 0.5, 1e-3, m, v, decay=0.5, update_statistics=True),
        F.fixed_batch_renormalization(x, g, b, m, v, eps=1e-3),
        m,
        v,
    )


def test_renormalization_when_testing():
    with chainer.using_config("train", False), pytest.raises(AssertionError):
        run(renormalized, *RENORMALIZED)


@cases([f(7, 4), f(5, 4, 3, 2)], train=True, rtol=1e-3, atol=1e-3)
def decorrelated(x, y):
    return (
        F.decorrelated_batch_normalization(x, groups=2),
        F.decorrelated_batch_normalization(y, groups=1, eps=1e-3, decay=0.5),
    )


@cases([f(0, 2), np.array([[np.nan, 1], [2, 3]], "f")], train=True)
def decorrelated_of_nothing_and_nan(x, y):
    return [F.decorrelated_batch_normalization(v, groups=1) for v in (x, y)]


@cases([f(7, 4), f(5, 4, 3, 2), f(2, 2), f(2, 2, 2), f(1, 4), f(1, 4, 4)])
def decorrelated_by_fixed(x, y, mean, projection, m, p):
    return (
        F.fixed_decorrelated_batch_normalization(x, mean, projection, groups=2),
        F.fixed_decorrelated_batch_normalization(y, m, p, groups=1),
    )


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
