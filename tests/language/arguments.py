"""Arguments with a length."""

import chainer
import chainer.functions as F
import numpy as np

from tests.language.construct import Section

construct = Section("Lists of arrays as arguments")


@construct("`for x in xs`, `len`, items")
def over_arguments(xs, n):
    total = xs[0][0]
    for x in xs:
        total = total + x.sum(axis=0) * len(x)
    return total * len(xs) + xs[-1][0] * n


@construct("an array of the list by its index")
def chosen_argument(xs, n):
    return xs[n % 3][0]


@construct("lengths and the longest")
def lengths(xs, n):
    sizes = [len(x) for x in xs]
    return tuple(sizes), max(sizes), sum(sizes) + n


@construct("`F.pad_sequence`")
def padded(xs, n):
    return F.pad_sequence(xs, padding=n)


@construct("`F.concat` and `F.split_axis` at the lengths")
def concatenated(xs, n):
    flat = F.concat(xs, axis=0) * n
    ends = np.cumsum([len(x) for x in xs])[:-1]
    parts = F.split_axis(flat, ends, axis=0)
    return flat, parts[1]


@construct("sorted by length, and back")
def sorted_by_length(xs, n):
    order = np.argsort([-len(x) for x in xs]).astype("i")
    ordered = [xs[i] for i in order]
    back = [None] * len(xs)
    for i, x in zip(order, ordered):
        back[i] = x * n
    return F.pad_sequence(ordered), F.pad_sequence(back)


@construct("`F.transpose_sequence`")
def transposed(xs, n):
    ordered = sorted(xs, key=len, reverse=True)
    return F.transpose_sequence(ordered)[0] * n


@construct("a list of Variables made of them, reversed")
def reversed_items(xs, n):
    ys = [F.relu(chainer.as_variable(x)) * n for x in xs]
    return tuple(y[::-1][0] for y in ys[::-1])
