"""chainer/functions/activation and noise: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer.functions as F
import numpy as np
import pytest

from tests.functions.cases import FLOATS, WIDE, V, cases, programs, rows
from tests.support import check


@cases([V(rows(2, 4, 3, 2)), V(rows(4)), V(rows(4, seed=2))], dtypes=FLOATS)
def activations(x, w, beta):
    return (
        F.relu(x), F.sigmoid(x), F.tanh(x), F.softmax(x), F.softmax(x, axis=-1), F.softmax(x, axis=0),
        F.log_softmax(x), F.log_softmax(x, axis=-1), F.leaky_relu(x), F.leaky_relu(x, slope=0.3),
        F.elu(x), F.elu(x, alpha=0.5), F.selu(x), F.selu(x, 1.5, scale=0.9), F.crelu(x),
        F.crelu(x, axis=-1), F.clipped_relu(x), F.clipped_relu(x, 0.7), F.relu6(x * 5),
        F.hard_sigmoid(x * 3), F.softplus(x), F.softplus(x * 20, beta=2.0), F.prelu(x, w),
        F.swish(x, beta), F.rrelu(x), F.rrelu(x, l=0.1, u=0.5), F.maxout(x, 2), F.maxout(x, 2, axis=1),
    )  # fmt: skip


@cases(
    [V(rows(2, 4, 3)), V(rows(4))],
    [V(rows(5, 4, 1)), V(rows(4))],
    dtypes=(),
    staged={0: (None, 4, None), 1: (None,)},
)
def activations_of_staged_sizes(x, w):
    return (
        F.relu(x), F.sigmoid(x), F.tanh(x), F.softmax(x), F.softmax(x, axis=0), F.log_softmax(x, axis=-1),
        F.leaky_relu(x), F.elu(x), F.selu(x), F.crelu(x, axis=-1), F.clipped_relu(x), F.relu6(x),
        F.hard_sigmoid(x), F.softplus(x), F.prelu(x, w), F.swish(x, w), F.rrelu(x), F.maxout(x, 2),
    )  # fmt: skip


EXTREMES = np.array([-1000, -30, -1e-6, -0.0, 0, 1e-6, 30, 1000, np.inf, -np.inf, np.nan], "f")


@cases([V(EXTREMES)], dtypes=WIDE, rtol=1e-5, atol=1e-7)
def saturated(x):
    return F.elu(x), F.softplus(x), F.sigmoid(x), F.relu(x), F.leaky_relu(x), F.hard_sigmoid(x)


@cases([V(np.array([[0, -np.inf, 1], [-np.inf, 2, -np.inf]], "f"))])
def masked(x):
    return F.softmax(x, axis=1), F.log_softmax(x, axis=1)


@cases([V(rows(0, 3))])
def without_rows(x):
    return (
        F.softmax(x, axis=1), F.crelu(x), F.log_softmax(x, axis=1), F.relu(x), F.sigmoid(x),
        F.leaky_relu(x), F.elu(x), F.maxout(x, 3), F.dropout(x),
    )  # fmt: skip


def test_softmax_of_nothing():
    check(lambda x: (F.crelu(x), F.log_softmax(x, axis=0), F.flatten(x)), [V(rows(3, 0))])
    with pytest.raises(ValueError, match="zero-size array"):
        check(lambda x: F.softmax(x, axis=1), [V(rows(3, 0))])


@cases([V(rows(3, 4, 2)), V(rows(4, 2)), V(rows(2)), V(rows())], dtypes=FLOATS)
def of_other_shapes(x, w, beta, one):
    return (
        F.prelu(x, w), F.prelu(x, one), F.swish(x, w), F.maxout(x, 2, axis=2), F.softmax(x, axis=-2),
        F.log_softmax(x, axis=0), F.relu(one), F.clipped_relu(x, z=1.0), F.crelu(x, axis=2),
    )  # fmt: skip


@cases([V(rows(3, 4)), V(rows(3, 4, seed=1))], dtypes=FLOATS, staged={0: (None, 4), 1: (None, 4)})
def noise_when_testing(x, h):
    return (
        F.dropout(x), F.dropout(x, 0.3), F.zoneout(h, x), F.zoneout(h, x, ratio=0.2),
        F.dropout(x, ratio=0.0), F.forget(F.tanh, x), F.forget(lambda a, b: (a * b, a + b), x, h),
    )  # fmt: skip


@cases(
    [V(rows(3, 4)), rows(3, 4, seed=1) > 0, rows(3, 4, seed=2), V(rows(2, 4)), V(rows(2))],
    train=True,
)
def noise_that_is_given(x, mask, eps, w, b):
    weight_mask = (eps[:, None] * np.ones((1, 2, 1), "f")) > 0
    return (
        F.dropout(x, mask=mask.astype("f")), F.dropout(x, return_mask=True, mask=mask.astype("f")),
        F.gaussian(x, x * 0.1, eps=eps), F.gaussian(x, x * 0.1, eps=eps, return_eps=True),
        F.gaussian(x, x * 0.1, eps=eps.astype("d")), F.gaussian(x, x * 0.1, eps=eps[0].astype("e")),
        F.rrelu(x, r=eps), F.rrelu(x, r=eps, return_r=True),
        F.simplified_dropconnect(x, w, train=False), F.simplified_dropconnect(x, w, b, mask=weight_mask),
        F.simplified_dropconnect(x, w, b, 0.3, use_batchwise_mask=False, mask=weight_mask[0]),
    )  # fmt: skip


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
