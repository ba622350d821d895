"""chainer/functions/activation and noise: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

from tests.functions.cases import V, check_staged, rows
from tests.support import check


def activations(x, w, beta):
    return (
        F.relu(x), F.sigmoid(x), F.tanh(x), F.softmax(x), F.softmax(x, axis=-1), F.softmax(x, axis=0),
        F.log_softmax(x), F.log_softmax(x, axis=-1), F.leaky_relu(x), F.leaky_relu(x, slope=0.3),
        F.elu(x), F.elu(x, alpha=0.5), F.selu(x), F.crelu(x), F.crelu(x, axis=-1),
        F.clipped_relu(x, 0.7), F.relu6(x * 5), F.hard_sigmoid(x * 3), F.softplus(x),
        F.softplus(x * 20, beta=2.0), F.prelu(x, w), F.swish(x, beta), F.rrelu(x),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "shape"), [("float16", (3, 4)), ("float32", (2, 4, 3, 2)), ("float64", (3, 4))]
)
def test_activations(dtype, shape):
    loose = {"rtol": 1e-2, "atol": 1e-2} if dtype == "float16" else {}
    args = [V(rows(*shape, dtype=dtype)), V(rows(4, dtype=dtype)), V(rows(4, dtype=dtype, seed=2))]
    with chainer.using_config("train", False):
        check(activations, args, **loose)


def some_activations(x, w, beta):
    return (
        F.relu(x), F.softmax(x), F.log_softmax(x, axis=-1), F.elu(x), F.crelu(x, axis=-1),
        F.softplus(x), F.prelu(x, w), F.swish(x, beta), F.rrelu(x),
    )  # fmt: skip


def test_activations_of_staged_sizes():
    specs = [((None, 4, 3, None), "float32"), ((4,), "float32"), ((4,), "float32")]
    with chainer.using_config("train", False):
        args = [V(rows(2, 4, 3, 2)), V(rows(4)), V(rows(4, seed=2))]
        check_staged(some_activations, args, specs=specs)


def saturated(x):
    return F.elu(x), F.softplus(x), F.sigmoid(x), F.relu(x), F.leaky_relu(x), F.hard_sigmoid(x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_inputs(dtype):
    x = np.array([-1000, -30, -1e-6, -0.0, 0, 1e-6, 30, 1000, np.inf, -np.inf, np.nan], dtype)
    with np.errstate(all="ignore"):
        check(saturated, [V(x)], rtol=1e-5, atol=1e-12 if dtype == "float64" else 1e-7)


def masked(x):
    return F.softmax(x, axis=1), F.log_softmax(x, axis=1)


def test_softmax_of_a_masked_row():
    x = np.array([[0, -np.inf, 1], [-np.inf, 2, -np.inf]], "f")
    check(masked, [V(x)])


def test_softmax_of_nothing():
    check(lambda x: (F.softmax(x, axis=1), F.crelu(x), F.log_softmax(x, axis=1)), [V(rows(0, 3))])
    check(lambda x: (F.crelu(x), F.log_softmax(x, axis=0), F.flatten(x)), [V(rows(3, 0))])
    with pytest.raises(ValueError, match="zero-size array"):
        check(lambda x: F.softmax(x, axis=1), [V(rows(3, 0))])


def maxout(x):
    return F.maxout(x, 2), F.maxout(x, 3, axis=2)


def test_maxout():
    check(maxout, [V(rows(2, 4, 6))])


def dropped(x, h):
    return F.dropout(x), F.dropout(x, 0.3), F.zoneout(h, x)


def test_noise_when_testing():
    with chainer.using_config("train", False):
        check(dropped, [V(rows(3, 4)), V(rows(3, 4, seed=1))])


def given(x, mask, eps, w):
    return (
        F.dropout(x, mask=mask), F.gaussian(x, x * 0.1, eps=eps),
        F.simplified_dropconnect(x, w, train=False), F.rrelu(x, r=eps),
    )  # fmt: skip


def test_noise_that_is_given():
    check(given, [V(rows(3, 4)), rows(3, 4, seed=1), rows(3, 4, seed=2), V(rows(2, 4))])
