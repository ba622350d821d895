"""Calls. Each function or link is a case; its golden file has its name."""

import threading
import time

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import scipy.special


def af0301_function(x):
    return scipy.special.gamma(x)


def af0301_numpy(x):
    return np.nditer(x)


class Spectrum(chainer.FunctionNode):
    def forward(self, inputs):
        return (np.nditer(inputs[0])[1],)


def af0301_chainer_function(x):
    return Spectrum().apply((F.matmul(x, x, transb=True),))


class Inner(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(3, 3)

    def forward(self, x):
        return self.helper(self.l(x))

    def helper(self, x):
        return scipy.special.gamma(x)


class Outer(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.inner = Inner()

    def forward(self, x):
        return self.inner(x * 2)


af0301_inlined = Outer()


def af0301_in_a_loop(xs, n):
    h = xs[0]
    for i in range(n):
        h = h + scipy.special.gamma(h)
    return h


def af0301_several(x):
    """Three problems in one report, and none that only follows from another."""
    a = scipy.special.gamma(x)
    b = F.relu(a)
    if F.sum(x).array > 0:
        b = scipy.special.beta(b, x)
    c = [np.nditer(row[None]) for row in x]
    d = F.sigmoid(c[0] + b)
    for row in x:
        d = d + row
    return a + b, c, d, time.time()


def af0301_context(x):
    with LOCK:
        return x


LOCK = threading.Lock()


def af0302_arguments(x):
    return np.exp(x, subok=False)


def af0304_recursion(x):
    y = F.relu(x)

    return af0304_recursion(y * 2)


def af0305_random(x):
    return x + np.random.zipf(2, 3)


def af0305_input(x):
    input("x is")
    return x


def af0305_link(x):
    return L.Linear(3, 2)(x)


def af0306_mode(x):
    return np.pad(x, 1, mode="reflect", reflect_type="odd")


def af0307_complex(x):
    return chainer.Variable(np.fft.fft(x))


def needs_python(x):
    """Compiles; it's refused where it's exported."""
    for row in x:
        print(row.sum())
    return {"mean": x.mean()}, object


def af0301_expressions(x, n):
    """Every place in an expression, each operator once; what isn't reached isn't reported."""
    h = np.nditer(x)[0] + F.sum(np.linalg.eigvals(x))
    h = F.concat([scipy.special.gamma(x), h], axis=scipy.special.beta(x, x))
    h = scipy.special.expi(x) if x.sum() > 0 else scipy.special.erfi(x)
    h = np.nditer(x) < np.linalg.eigvals(x) < int("not a number")
    h = [scipy.special.kv(row, row) for row in np.nditer(x)]
    if np.nditer(x) and scipy.special.gamma(x) > 0:
        h = f"{scipy.special.jv(x, x)} {x[np.nditer(x) : 2]}"
    for _ in range(n):
        x = x + scipy.special.iv(x, x) * scipy.special.yv(x, x)
    while scipy.special.expi(x) > 0:
        x = x + scipy.special.erfi(x)
    return {"a": np.linalg.eigvals(x), "b": scipy.special.gamma(x)}
