"""What Chainer raises for arguments that it doesn't take is raised while compiling."""

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer.backends import cuda
from chainer.utils.type_check import InvalidType

from astfront.program import lower
from tests.functions.cases import f


class Holder:
    """numpy takes it for an array; Chainer doesn't."""

    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None):
        return self.x

    def __radd__(self, other):
        return other


#: Calls with an array of shape (3, 2).
CALLS = {
    "a tuple of arrays": lambda x: F.tile((x, x), 2),
    "a list": lambda x: F.exp([1.0, 2.0]),
    "a text": lambda x: F.relu("x"),
    "a Variable instead of several": lambda x: F.hstack(chainer.Variable(x)),
    "an array instead of several": lambda x: F.vstack(x),
    "a numpy scalar": lambda x: F.exp(x[0, 0]),
    "an array and a numpy scalar": lambda x: F.maximum(x, x.sum()),
    "a matrix times a numpy scalar": lambda x: chainer.Variable(x) @ np.float32(2),
    "a Variable of a numpy scalar": lambda x: chainer.Variable(x[0, 0]),
    "a Variable of a Variable": lambda x: chainer.Variable(chainer.Variable(x)),
    "a Variable of a number": lambda x: chainer.as_variable(2.0),
    "an array of a Variable": lambda x: cuda.to_cpu(chainer.Variable(x)),
    "a condition of another shape": lambda x: F.where(x[:1, :] > 0, x[:, 0], x[:, 0]),
    "a mask of another shape": lambda x: F.simplified_dropconnect(
        x, np.ones((4, 2), "f"), mask=np.ones((4, 3), bool)
    ),
    "a size of 0 beside -1": lambda x: F.reshape(x, (-1, 0)),
    "too many axes": lambda x: F.tensordot(x, x, axes=3),
    "an axis that isn't there, after sizes that differ": lambda x: F.tensordot(
        x, x, axes=((0, 5), (1, 0))
    ),
    "an empty batch, squared": lambda x: F.batch_l2_norm_squared(x[:0]),
    "an empty batch, resized": lambda x: F.resize_images(x[:0, :, None, None], (2, 2)),
    "an empty batch, sampled": lambda x: F.spatial_transformer_sampler(
        x[:0, :, None, None], x[:0, :, None, None]
    ),
    "a number, sampled": lambda x: F.spatial_transformer_sampler(x[0, 0, ...], x[0, 0, ...]),
    "a number of classes that's a float": lambda x: F.f1_score(x, np.array([0, 1, 0]), 2.0),
    "an object with an array": lambda x: F.relu(Holder(x)),
    "objects with arrays": lambda x: F.concat([Holder(x), x]),
    "a Variable and an object with an array": lambda x: chainer.Variable(x) * Holder(x),
    "a Variable and an object with a method for it": lambda x: chainer.Variable(x) + Holder(x),
    "an empty batch beside soft targets": lambda x: F.softmax_cross_entropy(x[:0], x[:0]),
    "a number, scored": lambda x: F.r2_score(x[0, 0, ...], x[0, 0, ...]),
}

EXPECTED = (TypeError, InvalidType, ValueError, IndexError, ZeroDivisionError)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_raises_what_chainer_raises(call):
    with chainer.using_config("train", True):
        with pytest.raises(EXPECTED) as expected:
            call(f(3, 2))
        with pytest.raises(expected.type):
            lower(call, [f(3, 2)], {})
