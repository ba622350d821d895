"""Run-time errors."""

import chainer.functions as F

from tests.language.construct import Section

construct = Section("Run-time errors")


@construct("`IndexError`: an index out of range", raises=True)
def index_out_of_range(x, n):
    return x[0] * [1, 2][n]


@construct("`ZeroDivisionError`", raises=True)
def zero_division(x, n):
    return x * (6 // n)


@construct("`KeyError`", raises=True)
def missing_key(x, n):
    return x * {0: 1, 1: 2, 3: 3}[n]


@construct("`IndexError`: pop from an empty list", raises=True)
def empty_pop(x, n):
    items = []
    for i in range(n):
        items.append(i)
    return x * items.pop()


@construct("`ValueError`: unpacking", raises=True)
def wrong_unpacking(x, n):
    a, b = x[:n]
    return a * b


@construct("`InvalidType`: sizes that don't fit", raises=True)
def invalid_type(x, n):
    return F.concat((x[:n], x[:2]), axis=1)


@construct("an exception of one's own class", raises=True)
def own_exception(x, n):
    if n > 2:
        raise TooLarge("n", n)
    return x


class TooLarge(ValueError):
    pass
