"""Constructs outside the subset. Each function is a case; its golden file has its name."""

import types

import chainer.functions as F


def af0101_generator(x, n):
    def rows():
        for row in x:
            yield row * 2

    left = rows()
    for i, row in enumerate(left):
        if i == n:
            break
        x = x + row
    return x + next(left)


async def af0102_coroutine(x):
    return x * 2


def af0103_class(x):
    class Scale(metaclass=Meta):
        by = 2

    return x * Scale.by


class Meta(type):
    pass


def af0104_match(x):
    match {"x": x, "by": 2}:
        case {"x": y, **others}:
            return y * others["by"]


def counting(x):
    global count
    count += 1
    return x * count


af0105_global = types.FunctionType(counting.__code__, {"count": 0, "__name__": "made"})


def af0106_try(x, n):
    try:
        if n > 1:
            raise ValueError(f"{n} is too large")
    except ValueError as e:
        return str(e)
    return x


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
    match xs:
        case {**others}:
            xs = others

    def inner(y):
        _af_y = y
        return y

    return inner(xs)
