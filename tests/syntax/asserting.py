"""Functions with assert statements: those of test files are rewritten by pytest."""

import chainer.functions as F


def positive(x, n):
    assert int(n) > 0
    assert int(n) < 5, "too large"
    return x


def first_error(n):
    n = int(n)
    a = [1, 2][n]
    b = 10 // (n - 5)
    assert n < 1, "small"
    return a + b


class Custom(ValueError):
    pass


def messages(x):
    total = float(F.sum(x).array)
    assert total < 100, ("too large", 100)
    if total > 50:
        raise Custom("large", 50)
    if total < 0:
        if total < -50:
            raise KeyError("small")
        raise ArithmeticError
    return x
