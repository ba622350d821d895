"""Functions, classes and links."""

import collections
import dataclasses
import functools
import itertools
import typing

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer.functions.activation.relu import ReLU
from chainer.functions.connection.linear import LinearFunction

from tests.language.construct import Section

construct = Section("Functions, classes and links")


@construct("closures that share variables")
def closures(x, n):
    history = []

    def remember(y):
        history.append(y)
        return scale(y)

    def scale(y):
        return y * n + len(history)

    return remember(remember(x)), len(history)


def total_of(first, factor=2.0, *others, shift=1):
    for row in others:
        first = first + row * shift
    return first * factor, len(others)


@construct("`f(*xs)` of as many arguments as data decides", raises=True)
def staged_arguments(x, n):
    rows = [row for row in x.array[:n]]
    numbers = [float(row[0]) for row in rows]
    pairs = [(number, row) for number, row in zip(numbers, rows)]
    made = total_of(*rows[:1], 3.0, *rows, shift=n), total_of(x[0], *numbers)
    flat = list(itertools.chain(*[row[row > 0] for row in rows]))
    firsts, seconds = zip(*pairs)
    return made, max(*numbers, 0.5, n), flat, sum(firsts), np.stack(seconds)


@construct("defaults, keyword-only and positional-only arguments")
def signatures(x, n):
    def f(a, /, b=2, *, c=n):
        return a * b + c

    return f(x), f(x, 3, c=1), f(x, b=n)


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * 2

    return wrapper


@doubled
def tripled(y):
    return y * 3


@construct("decorators written in Python")
def decorators(x, n):
    return tripled(x) * n


@construct("`functools.wraps` in `forward`")
def wrapped_locally(x, n):
    @doubled
    def scale(y):
        return y * n

    return scale(x)


@construct("static recursion")
def static_recursion(x, n):
    def power(y, k):
        return y if k == 0 else power(y * x, k - 1)

    return power(x, 3) * n


@construct("recursion that depends on data")
def data_recursion(x, n):
    def power(k):
        if k <= 0:
            return x
        return power(k - 1) * 0.5 + x

    return power(n)


@construct("recursion over nested tuples")
def tree_recursion(x, n):
    def total(tree):
        if isinstance(tree, tuple):
            left, right = tree
            return total(left) + total(right) * 2
        return tree * n

    return total(((x, (x, x + 1)), x))


@construct("generator functions")
def generator_functions(x, n):
    def halves(y):
        for i in range(n):
            y = y / 2
            yield i, y
        return i + 1 if n > 0 else 7

    def outer(y):
        count = yield from halves(y)
        yield count, x
        yield from [(k, x) for k in range(n)]

    total = x
    for i, y in outer(x):
        total = total + y * i
    return total


class Base:
    scale = 2

    def __init__(self, shift):
        self.shift = shift

    def apply(self, x):
        return x * self.scale + self.shift

    @staticmethod
    def halve(x):
        return x / 2

    @classmethod
    def of(cls, shift):
        return cls(shift + cls.scale)

    @property
    def double(self):
        return self.shift * 2


class Mixin:
    def apply(self, x):
        return -super().apply(x)


class Derived(Mixin, Base):
    scale = 3

    def __init__(self, shift):
        super().__init__(shift)
        self.count = 0


@construct("methods, static and class methods, properties")
def methods(x, n):
    base = Base.of(n)
    return base.apply(x), Base.halve(x), base.double


@construct("`super()`, inheritance, mix-ins")
def inheritance(x, n):
    derived = Derived(n)
    return derived.apply(x), derived.count, isinstance(derived, Base)


class Sequence:
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]

    def __iter__(self):
        for item in self.items:
            yield item * 2

    def __call__(self, y):
        return y + len(self)

    def __contains__(self, item):
        return item == 7


class Countdown:
    def __init__(self, start):
        self.left = start

    def __iter__(self):
        return self

    def __next__(self):
        if self.left <= 0:
            raise StopIteration
        self.left -= 1
        return self.left


@construct("`__iter__` and `__next__`")
def own_iterators(x, n):
    for i in Countdown(n):
        x = x * 2 + i
    return x, sum(Countdown(n + 1))


@construct("`__call__`, `__getitem__`, `__len__`, `__iter__`, `__contains__`")
def special_methods(x, n):
    sequence = Sequence([x, x * n, x])
    total = sequence(x)
    for item in sequence:
        total = total + item
    return total, sequence[n % 3], len(sequence), 7 in sequence


class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __add__(self, other):
        return Pair(self.a + other.a, self.b + other.b)

    def __mul__(self, k):
        return Pair(self.a * k, self.b * k)

    __rmul__ = __mul__

    def __eq__(self, other):
        return self.b == other.b

    def __lt__(self, other):
        return self.b < other.b

    def __bool__(self):
        return self.b > 0


@construct("operators that a class overloads")
def overloading(x, n):
    pair = Pair(x, n) + 2 * Pair(x, 1)
    return pair.a, pair.b, pair == Pair(x, 3), Pair(x, n) < pair, bool(Pair(x, n))


@dataclasses.dataclass
class State:
    h: typing.Any
    steps: int = 0
    seen: list = dataclasses.field(default_factory=list)


@construct("dataclasses")
def dataclass_instances(x, n):
    state = State(x)
    state = dataclasses.replace(state, steps=n)
    state.seen.append(x)
    return state.h * state.steps, len(state.seen)


Output = collections.namedtuple("Output", ["h", "score"])


class Typed(typing.NamedTuple):
    h: typing.Any
    score: int = 3

    @property
    def scaled(self):
        return self.h * self.score

    @classmethod
    def twice(cls, h):
        return cls(h * 2)

    def plus(self, other):
        return self.h + other


@construct("named tuples")
def named_tuples(x, n):
    output = Output(x, score=n)._replace(h=x * 2)
    h, score = output
    typed = Typed.twice(x)
    return output, h * output.score, output[1] + score, typed.scaled, typed.plus(n), typed.score


@construct("links: `L.…`, `init_scope`, child links")
class child_links(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.inner = L.Linear(3, 3)
            self.scale = chainer.Parameter(1.0, (3,))

    def forward(self, x, n):
        return self.inner(x) * F.broadcast_to(self.scale, x.shape) * n


@construct("`chainer.Sequential`, `repeat`")
class sequential(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.layers = chainer.Sequential(L.Linear(3, 3), F.relu).repeat(2)

    def forward(self, x, n):
        return self.layers(x) + len(self.layers) * n


@construct("`ChainList`, `children()`, links by index and by name")
class link_lists(chainer.ChainList):
    def __init__(self):
        super().__init__(L.Linear(3, 3), L.Linear(3, 3))

    def forward(self, x, n):
        for link in self:
            x = link(x)
        children = self.children()
        x = next(children)(x)
        for link in children:
            x = F.relu(link(x))
        return self[0](x) * n + len(self) + len(list(children))


@construct("layers by computed names")
class computed_names(chainer.Chain):
    def __init__(self):
        super().__init__()
        for i in range(2):
            self.add_link(f"layer{i}", L.Linear(3, 3))

    def forward(self, x, n):
        for i in range(2):
            x = self[f"layer{i}"](x) + getattr(self, "layer%d" % i)(x)
        for i in range(min(n, 2)):
            x = F.relu(self["layer%d" % i](x))
        found = hasattr(self, f"layer{n}"), getattr(self, f"factor{n}", 3)
        return getattr(self, "layer{}".format(n % 2))(x), found


@construct("a link chosen by an index")
class chosen_link(chainer.ChainList):
    def __init__(self):
        super().__init__(*[L.Linear(3, 3) for _ in range(4)])

    def forward(self, x, n):
        return self[n](x)


class Square(chainer.Function):
    def forward(self, inputs):
        (x,) = inputs
        return (x * x,)


class Cube(chainer.FunctionNode):
    def forward(self, inputs):
        self.retain_inputs((0,))
        return (inputs[0] ** 3,)


@construct("`chainer.Function` and `FunctionNode` of one's own")
def own_functions(x, n):
    return Square()(x) * n, Cube().apply((x,))[0]


class Tripled(ReLU):
    def forward(self, inputs):
        return (inputs[0] * 3,)


class Shifted(ReLU):
    def forward_cpu(self, inputs):
        return super().forward_cpu((inputs[0] + 1,))


class Scaled(LinearFunction):
    """A product with the weights ``scale * W``; the base's type check knows of no ``scale``."""

    def check_type_forward(self, in_types):
        pass

    def forward(self, inputs):
        x, weight, scale = inputs
        return super().forward((x, scale * weight))


class Named(ReLU):
    label = "named"


@construct("subclasses of Chainer's function nodes")
def inherited_nodes(x, n):
    weight = F.tanh(x)
    scaled = Scaled().apply((x, weight, weight[:, :1] * n))[0]
    return [node().apply((x,))[0] for node in (Tripled, Shifted, Named)], scaled


@construct("`eval` of a text known while compiling")
def evaluated(x, n):
    if F.sum(x).array > 0:
        scale = 2
    else:
        scale = -1
    y = x
    for i in range(n):
        y = eval("y * scale + i")

    def shifted(v):
        return eval(" v * 2", None)

    return y, shifted(x), eval("F.sum(x, axis=0)")


@functools.lru_cache(maxsize=None)
def triangular(k):
    return k * (k + 1) // 2


@construct("`functools.lru_cache`")
def cached(x, n):
    return x * triangular(n)


@construct("functions in lists and dicts")
def function_tables(x, n):
    table = {"relu": F.relu, "tanh": F.tanh}
    y = x
    for f in (table["relu"], table["tanh"], lambda v: v * n):
        y = f(y)
    return y


@construct("a function chosen at run time")
def chosen_function(x, n):
    f = F.relu if n > 1 else F.tanh
    return f(x)
