"""Expressions."""

import functools
import math
import operator
import re
import string

import chainer
import chainer.functions as F
import numpy as np

from tests.language.construct import Section

construct = Section("Expressions")


@construct("integer arithmetic as in Python")
def integers(x, n):
    m = n - 2
    return m // 2, m % 3, m**2, -m, m / 4, m << 2, m >> 1, (m & 3) | 8, m ^ 1, ~m, divmod(m, -3)


@construct("numbers beside arrays keep the array's dtype")
def weak_numbers(x, n):
    return x * 2, n * x.array, x / (n + 1), 2**x, x.array // (n + 1)


@construct("chained comparisons")
def chained(x, n):
    return 0 < n <= 2, float(F.sum(x).array) < n < 10 != 3


@construct("`and`, `or`, `not` with values as results")
def logical(x, n):
    y = None
    return n and n + 1, n or -1, not n, (y or x) * n


@construct("conditional expressions")
def conditional(x, n):
    y = F.relu(x) if n > 1 else x
    return y * (1 if F.sum(x).array > 0 else n)


@construct("list, set and dict comprehensions")
def comprehensions(x, n):
    rows = [x[i] * n for i in range(4) if i != 2]
    table = {k: x * i for i, k in enumerate("abc")}
    kinds = {k.upper() for k in ("a", "b", "a")}
    return rows[0] + rows[2], table["c"], len(kinds)


@construct("comprehensions with several `for`s and filters")
def nested_comprehension(x, n):
    pairs = [x[i] * x[j] for i in range(4) for j in range(i) if j < n]
    return len(pairs), sum(pairs) + x[0]


@construct("comprehensions over a number of items known at run time only")
def staged_comprehension(x, n):
    rows = [x[i] * i for i in range(n)]
    return len(rows), sum(rows) + x[0]


@construct("generator expressions into `sum`, `any`, `all`, `max`, `min`, `list`, `tuple`, `zip`")
def generators(x, n):
    total = sum(i * 2 for i in range(n))
    some = any(i > 1 for i in range(n)), all(i < n for i in range(3))
    most = max(i * n for i in range(3)), min(n - i for i in range(3))
    pairs = [a * b for a, b in zip((i for i in range(3)), x)]
    return total, some, most, list(i * n for i in range(2))[1], pairs[2]


@construct("`lambda`")
def lambdas(x, n):
    scales = {"n": lambda y, by=n: y * by}
    return scales["n"](x) + scales["n"](x, by=2)


@construct("`functools.partial`, `functools.reduce`, `operator`")
def functional(x, n):
    scale = functools.partial(operator.mul, n)
    second, shape = operator.itemgetter(1)([1, n]), operator.attrgetter("shape")(x)
    second = operator.neg(second) if operator.contains([1, 3], n) else second
    return functools.reduce(operator.add, [scale(x), x, x]), second, shape


@construct("`*args` and `**kwargs`, both ways")
def star_arguments(x, n):
    def f(first, *rest, scale=1, **others):
        return first * scale + len(rest) + others["shift"]

    args, options = (x, n, n), {"scale": n, "shift": 2}
    return f(*args, **options)


@construct("the walrus")
def walrus(x, n):
    i = 0
    while (k := i * 2) < n and (i := i + 1) < 5:
        x = x * k
    if (m := n * 2) > 2:
        return x * m + k
    return x + m + i


@construct("f-strings, `%`, `format` and `chr`")
def formatting(x, n):
    name = "".join(chr(97 + k) for k in (n, 1 + n)) + chr(48)
    return f"{n:>3}|{n!r}", "%d of %s" % (n, "x"), "{} {k:.1f}".format(n, k=n / 3), n * "-", name


@construct("`re` and `string` on static text")
def regular_expressions(x, n):
    found = re.match(r"(\w+)_(\d+)", "conv_12")
    name = re.sub("o", "0", found.group(1)) if found else string.ascii_lowercase
    return name, x * int(found.group(2)) * n


@construct("a text of staged ints as a key, compared with another one")
def text_as_key(x, n):
    table = {"level_0": 1, "level_1": 2, "level_2": 3, "level_3": 4, "part_1_02": 5}
    known = "level_%d" % n in table, table.get(f"part_{n}_{n + 1:02d}", 7), "n" + str(n) == "n2"
    return x * table[f"level_{n}"], known


@construct("text of other staged values as a key", staged="AF0205", kept="AF0205")
def text_of_a_float(x, n):
    table = {"0.0": 1, "0.5": 2, "1.0": 3, "1.5": 4}
    return x * table[str(n / 2)]


@construct("`is None`, `is not None`")
def is_none(x, n):
    y = x if n > 1 else None
    return x * 2 if y is None else y


@construct("`isinstance`, `type`, `callable`, `issubclass`")
def types(x, n):
    tests = isinstance(x, chainer.Variable), isinstance(n, int), isinstance(x.array, np.ndarray)
    return tests, type(n) is int, callable(F.relu)


@construct("`hasattr`, `getattr` with a default, `setattr`")
class attribute_functions(chainer.Chain):
    def forward(self, x, n):
        y = getattr(self, "missing", x)
        setattr(self, "found", y * n)
        return self.found, hasattr(self, "found"), hasattr(self, "lost")


@construct("`len`, `reversed`, `enumerate`, `zip`, `map`, `filter`")
def iteration(x, n):
    rows = [row * i for i, row in enumerate(reversed(list(x)))]
    kept = list(filter(lambda k: k > 1, range(4)))
    return rows[1] * n, list(map(lambda a, b: a + b, kept, [n, n]))[0], len(list(zip(rows, kept)))


@construct("`enumerate` and `zip` over arrays")
def walking_arrays(x, n):
    total = x[0]
    for i, (a, b) in enumerate(zip(x, x.array), n):
        total = total + a * b * i
    return total


@construct("`sorted` by static and staged keys")
def sorting(x, n):
    order = sorted([3, n, 1], reverse=True)
    rows = sorted(list(x), key=lambda row: float(F.sum(row).array))
    return order[0], order[2], rows[0]


@construct("`min`, `max` of numbers")
def extremes(x, n):
    return min(n, 2), max(n, 1, -3), max([n, 2 * n]), min(x.shape[0], n)


@construct("`min`, `max` with a key")
def extremes_by_key(x, n):
    rows = list(x)
    return max(rows, key=lambda row: float(F.sum(row).array)), max([-1, n - 2], key=abs)


@construct("`divmod`, `round`, `abs`, `int()`, `float()`, `bool()`")
def conversions(x, n):
    value = float(F.sum(x).array) + n
    return round(value), abs(n - 2), int(value), float(n), bool(n), divmod(n, 2)


@construct("`round` to a number of digits, to print or hand back")
def rounding(x, n):
    print(round(n / 7, 2), f"{round(n * 10 / 3, -1)}")
    return x, round(n / 3, 1), [round(n / 3, n)]


@construct("a number rounded to digits as an operand", staged="AF0205", kept="AF0205")
def rounded_operand(x, n):
    return x * round(n / 3, 1)


@construct("`math` functions")
def mathematics(x, n):
    return math.sqrt(n), math.exp(n), math.floor(n / 2), math.ceil(n / 2), math.log(n + 1), math.pi


@construct("slices and negative indices")
def slicing(x, n):
    items = [x, x * 2, x * 3, x * 4]
    return items[-1], items[n], items[1:][0], items[::-1][n], (1, 2, 3, 4)[n], items[-1 - n]


@construct("slices of lists")
def list_slices(x, n):
    items = [x[0], x[1], x[2], x[3]]
    return len(items[:n]), sum(items[n:]) + x[0]


@construct("slices of tuples")
def tuple_slices(x, n):
    return x * sum((1, 2, 3, 4)[:n])


@construct("a `slice` that's one of several")
def one_of_slices(x, n):
    rows = slice(n, 4) if n > 1 else slice(None, n + 2)
    columns = slice(0)
    for i in range(n):
        if F.sum(x[i]).array > 0:
            columns = slice(max(0, int(np.argmax(x.array[i])) - 1), None)
    return x[rows, columns], columns.start


@construct("slices as results, and in a list that grows")
def slices_given_back(x, n):
    found = []
    for i in range(n):
        found.append(slice(i, i + int(np.argmax(x.array[i]))))
    return found, slice(n, None)


@construct("slices with a step")
def sliced_by_step(x, n):
    return F.sum(x[:: n + 1], axis=0)


@construct("text methods and `in` of static text")
def text(x, n):
    name = "res_{}".format("a").upper().replace("_", "/")
    return x * n if name.startswith("RES") and "A" in name else x


@construct("`*` of lists and tuples, `+`, `in`, comparison")
def sequence_operators(x, n):
    sizes = (2,) * 3 + (n,)
    return sizes, n in (0, 2), [n, 1] == [1, 1], (n, 2) < (1, 3), n not in [1, 2]


@construct("a list times an int")
def repeated_list(x, n):
    ones = [1.0] * n
    return x * sum(ones), len(ones)


@construct("a tuple times an int")
def repeated_tuple(x, n):
    pair = (1, 2) * n
    return len(pair), sum(pair)


@construct("`@`, and operators of arrays and Variables")
def matrix_product(x, n):
    return x @ x.T, x.array @ x.array.T * n, -x, abs(x), x.array > n
