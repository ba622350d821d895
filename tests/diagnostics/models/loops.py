"""Loops, arguments and results. Each function or link is a case; its golden file has its name."""

import chainer
import chainer.functions as F

import astfront


def af0405_function(x):
    return lambda y: x + y


class Lazy(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.w = chainer.Parameter()

    def forward(self, x):
        return x * self.w.shape[0]


af0403_parameter = Lazy()


def af0502_many(x, n):
    rows = [F.relu] * 5000
    for f in [*rows, F.tanh]:
        x = f(x)
    return x


def af0503_grows(xs, n):
    rows = [xs[0]]
    for i in range(n):
        rows.append(xs[0])
    for row in rows:
        rows.append(row)
    return rows


def af0504_shapes(x, n):
    parts = [x, None] * 40
    return parts[n]


def af0504_items(xs, n):
    rows = []
    for i in range(n):
        rows.append(xs[i])
    rows.append(range(n))
    return rows


def project(x):
    return x @ x


@astfront.rule(project)
def project_rule(cx, x):
    """A user's own rule, with a mistake: the sizes don't fit."""
    return cx.call_op("nn.dense", x, cx.call_op("reshape", x, newshape=(6,)))


def af0601_rule(x):
    y = x * 2
    return project(y)
