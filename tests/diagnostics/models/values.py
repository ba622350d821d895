"""Names, attributes, types. Each function is a case; its golden file has its name."""

import chainer
import chainer.functions as F
import numpy as np


def af0202_backprop(v):
    y = F.sum(v * v)
    y.backward()
    return v.grad


def af0202_memory(x):
    return x.strides[0]


def af0203_range(x, n):
    if n < 0:
        raise ValueError("negative")
    else:
        turns = range(n)
    for _ in turns:
        x = x * 2
    return x


#: What an object hasn't, it's asked for.
Counter = type("Counter", (), {"__getattr__": lambda self, name: 0})


def af0203_attribute(x):
    counter = Counter()
    if F.sum(x).array > 0:
        counter.h = x
    return counter.h


def af0204_ranges(x, n):
    if F.sum(x).array > 0:
        turns = range(n)
    else:
        turns = range(n + 1)
    return [x * i for i in turns]


def af0205_key(x):
    return b"abc"[int(F.sum(x).array)]


def af0206_grows(x, n):
    for _ in range(n):
        x = F.concat([x, x], axis=0)[None]
    return x


def af0207_none(x):
    return x[:0] < None


def af0207_huge(x, n):
    return x * (n + 2**70)


def af0205_text(x, n):
    return x * len(str(n))


def af0208_index(x, n):
    return x[n > 0]


def af0208_grown(xs, n):
    rows = []
    for i in range(n):
        rows.append(xs[i])
    rows[::2] = [xs[1]]
    return rows


def af0209_chosen(x, rows):
    y = x[0] if x.sum() > 0 else rows[0]
    rows[0] *= 2
    return y


def af0209_view(x):
    y = x * 2
    view = y.reshape(-1)
    y += 1
    return view


def af0209_module(x):
    chainer.config.dtype = np.float64
    return x
