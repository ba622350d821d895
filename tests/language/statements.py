"""Statements."""

import contextlib

import chainer
import chainer.functions as F

from tests.language.construct import Section

construct = Section("Statements")

SCALES = [1.0, 0.5]


@construct("`if`, `elif`, `else`")
def branches(x, n):
    if n == 0:
        y = F.relu(x)
    elif n < 3:
        y = x * n
    else:
        y = -x
    return y


@construct("a branch on tensor data")
def data_branch(x, n):
    if F.sum(x).array > n:
        return F.tanh(x)
    return x


@construct("`for` over a range, with `break`, `continue` and `else`")
def for_loop(x, n):
    for i in range(4):
        if i == n:
            continue
        x = x * 1.5
        if F.sum(x).array > 5:
            break
    else:
        x = -x
    return x


@construct("`while`, with `break` and `else`")
def while_loop(x, n):
    turns = 0
    while F.sum(x * x).array < 40:
        x = x * 2 + 0.1
        turns += 1
        if turns > n + 1:
            break
    else:
        turns = -turns
    return x, turns


@construct("`return` out of nested loops")
def return_from_loop(x, n):
    for row in x:
        for i in range(3):
            if row[i].array > n - 1.5:
                return row * i
    return x[0]


@construct("nested and starred targets")
def unpacking(x, n):
    a, (b, *rest) = n, (x, x * 2, n + 1)
    first, *_, last = x
    return a, b, rest[0] + first, last


@construct("several targets, and names for one list")
def chained_assignment(x, n):
    a = b = []
    a.append(x)
    b += [x * n]
    return len(a), b[0] + a[1]


@construct("swap")
def swap(x, n):
    a, b = x[0], x[1]
    for _ in range(n):
        a, b = b, a + b
    return a, b


@construct("item and slice targets")
def item_targets(x, n):
    items = [x, x * 2, x * 3, x * 4]
    items[n] = x * 10
    items[1:3] = [x]
    return len(items), items[0] + items[1]


@construct("attribute targets")
class attribute_targets(chainer.Chain):
    def forward(self, x, n):
        self.last, self.count = x * n, n
        return self.last + self.count


@construct("augmented assignment to names, items and attributes")
class augmented(chainer.Chain):
    def forward(self, x, n):
        totals = [x, n]
        self.total = x
        totals[0] += n
        totals[1] *= 2
        self.total -= totals[0]
        n //= 2
        return self.total * totals[1] + n


@construct("augmented assignment seen under another name")
def augmented_alias(x, n):
    items = [x]
    same = items
    items += [x * n]
    y = x.array.copy()
    z = y
    y += n
    return len(same), z


@construct("`del` of names, items and attributes")
def deletion(x, n):
    table = {"a": x, "b": x * n}
    items = [x, x * 2, x * n]
    del table["a"], items[0]
    y = x
    del y
    return len(table), table["b"] + items[1], len(items)


@construct("`assert`", raises=True)
def assertion(x, n):
    assert n < 3, "n is too large"
    return x * n


@construct("`raise`", raises=True)
def raising(x, n):
    if n == 2:
        raise ValueError(f"not {n}")
    return x * n


@construct("`with chainer.using_config(…)`, `no_backprop_mode()`")
def using_config(x, n):
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        y = F.dropout(x) * n
    with chainer.force_backprop_mode():
        return y + 1


@construct("`with chainer.using_device(…)`")
def using_device(x, n):
    with chainer.using_device("@numpy"):
        y = x * n
    with chainer.using_device(chainer.backend.get_device_from_array(x.array)):
        return y + 1


@contextlib.contextmanager
def scaled(scales, factor):
    scales.append(factor)
    yield scales[-1]
    scales.pop()


@construct("`with` a context manager written in Python")
def own_context(x, n):
    scales = [1]
    with scaled(scales, n) as factor:
        y = x * factor + len(scales)

    @contextlib.contextmanager
    def shifted(by):
        """Adds to the scales."""
        scales[0] += by
        yield scales[0]

    with shifted(n) as k:
        y = y * k
    return y, len(scales), shifted.__doc__


class Counting:
    def __init__(self):
        self.depth = 0

    def __enter__(self):
        self.depth += 1
        return self

    def __exit__(self, kind, value, traceback):
        self.depth -= 1


@construct("`with` an object that has `__enter__` and `__exit__`")
def entered_object(x, n):
    with Counting() as counting:
        y = x * n + counting.depth
    return y, counting.depth


@construct("`try`/`finally`")
def try_finally(x, n):
    done = []
    try:
        y = x * n
    finally:
        done.append(n)
    return y, done[0]


@construct("`try`/`except` of what is certain while compiling")
def certain_exception(x, n):
    table = {"a": 1}
    try:
        scale = table["b"]
    except KeyError:
        scale = n
    else:
        scale = -1
    return x * scale


@construct("`try`/`except` of what depends on data")
def uncertain_exception(x, n):
    try:
        scale = SCALES[n]
    except IndexError:
        scale = 2.0
    return x * scale


@construct("`nonlocal`")
def nonlocal_name(x, n):
    count = 0

    def add(k):
        nonlocal count
        count += k
        return count

    add(n)
    add(1)
    return x * count


@construct("reading a global; `global`")
def global_name(x, n):
    global SCALES
    return x * SCALES[1] * n


last = 0


@construct("assigning to a global")
def global_assignment(x, n):
    global last
    last = n
    if n > 1:
        last += 1
    return x * last


@construct("`import` in a function")
def local_import(x, n):
    import math

    from chainer.functions import relu

    return relu(x) * math.sqrt(2) * n


@construct("docstrings, `pass`, annotations, `...`")
def no_operation(x, n: int):
    """Says what it does."""
    scale: float = 2.0
    if n > 1:
        pass
    else:
        ...
    return x * scale


@construct("`print` and `logging` of static and staged values, in Python's order")
def printing(x, n):
    print("n is", n, f"{n:03d}", sep=": ")
    if F.sum(x).array > 0:
        print(x.array[0, :2].sum() > 0)
    return x * n


@construct("`match`")
def matching(x, n):
    match n:
        case 0 | 1:
            return x
        case k if k > 2:
            return x * k
    match x, [n, 1]:
        case y, [k, *rest]:
            return y * k + len(rest)


@construct("`class` in a function")
def local_class(x, n):
    class Scale(Counting):
        by = 2

        @property
        def twice(self):
            return self.by * n

        def __call__(self, y):
            return y * self.twice + self.depth

    return Scale()(x)


@construct("`async`", static="AF0102", staged="AF0102", kept="AF0102")
def asynchronous(x, n):
    async def later():
        return x

    return x * n
