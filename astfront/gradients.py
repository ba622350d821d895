"""Programs have no gradients: what Chainer meets when it asks a program's result for one.

A Variable that comes out of Chainer's own call knows how it was computed. One that comes out of a
program would look like one that nothing computed: ``backward`` would end there, without a word, and an
optimizer would leave the parameters as they are.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NoReturn

import chainer
import numpy as np

#: Stands for all that a program reads.
_SOURCE = chainer.Variable(np.zeros((), np.float32))


class CompiledProgram(chainer.FunctionNode):
    """What made a result, in Chainer's graph."""

    label = "a program that astfront compiled"

    def __init__(self, result: chainer.Variable) -> None:
        self.inputs = (_SOURCE.node,)
        self.outputs = (weakref.ref(result.node),)

    def backward(self, indexes: Sequence[int], grads: Sequence[Any]) -> NoReturn:
        raise RuntimeError(
            "a program that astfront compiled has no gradients: train with the model's `forward`, which "
            "runs in Chainer, and call what isn't trained under chainer.no_backprop_mode()"
        )


def variable(array: np.ndarray[Any, Any]) -> chainer.Variable:
    """A result as a Variable; RuntimeError where its gradient is asked for."""
    # What Variable(array) makes, once it has looked at its arguments: half of its time.
    made: chainer.Variable = chainer.Variable._init_unchecked(array, is_chainerx_array=False)
    if chainer.config.enable_backprop:
        made.set_creator_node(CompiledProgram(made))
    return made
