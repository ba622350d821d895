"""Constructs outside the subset. Each function is a case; its golden file has its name."""

import chainer.functions as F

count = 0


def af0101_generator(x, n):
    def rows():
        for row in x:
            yield row * 2

    total = 0
    for i, row in enumerate(rows()):
        if i == n:
            break
        total = total + row
    return total


async def af0102_coroutine(x):
    return x * 2


def af0103_class(x):
    class Scale:
        by = 2

    return x * Scale.by


def af0104_match(x):
    match x.ndim:
        case 1:
            return x
        case _:
            return x[0]


def af0105_global(x):
    global count
    count += 1
    return x * count


def af0106_try(x, n):
    try:
        return x[n]
    except IndexError:
        return x[0]


def af0106_finally(x):
    try:
        x = F.relu(x)
    finally:
        return x


def af0108_reserved_name(x):
    _af_x = x * 2
    return _af_x


def af0108_bare_raise(x):
    raise


def af0106_several(xs):
    """All that's outside of the subset, in one report, and in a function that's called, too."""
    for x in xs:
        try:
            x = x * 2
        finally:
            break
    global count
    count = 1

    def inner(y):
        class C:
            pass

        return y

    return inner(xs)
