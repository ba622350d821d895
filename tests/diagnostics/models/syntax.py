"""Constructs outside the subset. Each function is a case; its golden file has its name."""

import chainer.functions as F

count = 0


def af0101_generator(x):
    for row in x:
        yield row * 2


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


def af0106_try(x):
    try:
        return F.relu(x)
    finally:
        print("done")


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
        except ValueError:
            pass
    global count
    count = 1

    def inner(y):
        yield y

    return inner(xs)
