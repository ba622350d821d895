"""Exports a model with a loop over its data as settle.so, which settle.c runs: see docs/deploying.md."""

import sys

import chainer
import chainer.functions as F
import chainer.links as L

import astfront


class Settle(chainer.Chain):
    """Turns x until it is small, and says how often."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.turn = L.Linear(3, 3, initialW=chainer.initializers.Orthogonal())

    def forward(self, x):
        h, n = F.tanh(x), 0
        while F.sum(h * h).array > 0.1:
            h = F.tanh(self.turn(h)) * 0.9
            n += 1
        return h, n


if __name__ == "__main__":
    path = sys.argv[1] if len(sys.argv) > 1 else "settle.so"
    lowered = astfront.compile(Settle()).lower(astfront.TensorSpec((None, 3)))
    lowered.export(path)
    print(f"{path}: {lowered.params['turn_W'].shape} weights and the loop, for any batch")
