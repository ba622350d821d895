"""Classes in functions, attributes of classes and modules, globals, and `match` with all its patterns."""

from __future__ import annotations

import abc
import dataclasses
import enum
import sys

import chainer
import numpy as np
import pytest

import astfront
from tests.support import assert_same, check

X = chainer.Variable(np.random.RandomState(0).rand(4, 3).astype("f"))
NUMBERS = tuple(map(np.int64, (0, 1, 2, 3)))


class Base:
    def __init__(self, a):
        self.a = a


def methods(x, n):
    k = n * 2

    class Scale(Base):
        """Uses what the function has, and changes it."""

        by = 2
        table = [x, k]
        __hidden = 3

        def __init__(self, a, more=1):
            super().__init__(a)
            self.more = more + self.__hidden

        def __call__(self, y):
            nonlocal k
            k += 1
            return y * n * self.by + self.a

        @property
        def twice(self):
            return self.a * 2

        @twice.setter
        def twice(self, value):
            self.a = value / 2

        @staticmethod
        def shifted(y):
            return y + n

        @classmethod
        def make(cls, a):
            return cls(a, more=5)

        def __add__(self, other):
            return Scale(self.a + other.a)

    class Wrong(ValueError):
        pass

    scale = Scale(x)
    scale.by = scale.by + 1
    y = scale(x)
    scale.twice = scale.twice + 1
    other = Scale.make(k)
    Scale.by = 7
    Scale.table[1] += 1
    try:
        raise Wrong("text")
    except Wrong as e:
        text = str(e)
    one = isinstance(scale, Base), Scale.__name__, other.by, scale.by, scale.table[1], text
    return y, k, scale.twice, other.more, Scale.shifted(3), (scale + other).a, one


def in_loops(x, n):
    @dataclasses.dataclass
    class Pair:
        a: int
        b: float = 2.0

    class Kind(enum.Enum):
        ONE = 1
        TWO = 2

    y = x
    for i in range(n):

        class Step:
            def __init__(self, k):
                self.k = k

            def run(self, y):
                return y * self.k + i

        y = Step(i).run(y)
    if n > 1:

        class Last:
            def run(self):
                return y
    else:

        class Last:
            def run(self):
                return y * 2

    return y * Pair(n).b * Kind.TWO.value * Pair(n).a, Kind(2) is Kind.TWO


class Point:
    __match_args__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


def patterns(x, n):
    found = []
    pair = {"a": n, "b": x}
    for value in (n, [n, 1], (1, 2, 3), "ab", None, pair, Point(n, 3), Point(1, 2), x, 2.5, [], 1):
        match value:
            case None:
                found.append("None")
            case [a, 1]:
                found.append(a)
            case [first, *rest] if len(rest) == 2:
                found.append((first, rest))
            case []:
                found.append("empty")
            case str(text):
                found.append(text + "!")
            case {"a": a, "b": chainer.Variable() as b}:
                found += [a, b]
            case Point(1, b=int(c)) | Point(a=int(c), b=1):
                found.append(c)
            case Point(c, d):
                found.append(c * d)
            case float(f):
                found.append(f)
            case chainer.Variable(shape=(rows, _)):
                found.append(rows)
            case 0 | 3:
                found.append("0 or 3")
            case k if k > 1:
                found.append(k)
            case other:
                found.append(other)
    match (x, n):
        case (n, x):
            found.append(n * x)
    return found


def leaving(x, n):
    for i in range(n):
        match i:
            case 0:
                continue
            case 2:
                x = x * 7
                break
            case j:
                x = x + j
    return x


def test_classes_and_patterns():
    together = [methods, in_loops, patterns, leaving]
    check(lambda x, n: [f(x, int(n)) for f in together], *((X, n) for n in NUMBERS))
    check(lambda x, n: (methods(x, n), patterns(x, n)), (X, 0), (X, 3))


def test_an_object_of_a_local_class_is_not_handed_over():
    def f(x):
        class Local:
            pass

        return Local()

    with pytest.raises(astfront.CompileError, match="AF0405"):
        astfront.compile(f)(X)


# --- attributes of modules and classes ---------------------------------------------------------

count = 0
total = np.zeros(3, "f")
this = sys.modules[__name__]


class Counted(chainer.Chain):
    calls = 0

    def forward(self, x, n):
        global count, total, fresh
        Counted.calls += 1
        count += 1
        fresh = 1
        for i in range(int(n)):
            count += i
            total = total + x.array[i] * self.calls
        del fresh
        if n > 1:
            this.others = int(n)
        return x * count * Counted.calls, total, hasattr(this, "fresh")


def test_what_is_outside_is_written_when_the_call_ends(monkeypatch):
    def results(model):
        for owner, name in ((this, "count"), (Counted, "calls")):
            monkeypatch.setattr(owner, name, 0)
        monkeypatch.setattr(this, "total", np.zeros(3, "f"))
        monkeypatch.setattr(this, "others", -1, raising=False)
        calls = (0, 2, 1, 2)
        return [(*model(X, np.int64(n)), count, Counted.calls, this.others) for n in calls]

    compiled = astfront.compile(Counted())
    with chainer.no_backprop_mode():
        assert_same(results(compiled), results(Counted()))
    # The first call finds `total` as an array that nobody made in a call.
    assert compiled.cache_info().currsize == 1


class Tools:
    @staticmethod
    def scaled(x):
        return x * 2

    @classmethod
    def moved(cls, x):
        return x + 1

    def turned(self, x):
        return -x


def of_classes(x, tools):
    try:
        x = x * late
    except NameError:
        pass
    y = Tools.turned(tools, Tools.moved(Tools.scaled(x)))
    extra = getattr(tools, "extra", 3) + getattr(this, "later", 0)
    return y * extra, hasattr(Tools, "extra")


def test_what_classes_and_modules_get_later_is_seen(monkeypatch):
    compiled, x, tools = astfront.compile(of_classes), X.array, Tools()

    def agrees():
        assert_same(compiled(x, tools), of_classes(x, tools))

    agrees()
    changes = [
        (Tools, "scaled", staticmethod(lambda x: x * 5)),
        (Tools, "moved", classmethod(lambda cls, x: x + 7)),
        (Tools, "turned", lambda self, x: x),
        (Tools, "__getattr__", lambda self, name: 9),
        (Tools, "extra", 11),
        (this, "later", 13),
        (this, "late", 2),
    ]
    for owner, name, found in changes:
        monkeypatch.setattr(owner, name, found, raising=False)
        agrees()


class Made:
    def __new__(cls, x):
        if x.ndim > 2:
            return x * 2
        made = super().__new__(cls)
        made.first = x
        return made

    def __init__(self, x):
        self.second = self.first + x


class Single:
    made = None

    def __new__(cls, *args):
        if cls.made is None:
            cls.made = super().__new__(cls)
        return cls.made


class Unfinished(abc.ABC):
    @abc.abstractmethod
    def step(self): ...


class Bare:
    pass


def test_new():
    def forward(x, n):
        bare = Base.__new__(Base)
        no_attributes = hasattr(bare, "a")
        bare.a = x * n
        other = object.__new__(Base)
        made = Made(bare.a)
        maybe = made if n > 1 else None
        single, again = Single(), Single(1)
        is_single = single is again
        Single.made = None
        return (
            *(made.first, made.second, Made(x[None]), no_attributes, type(other) is Base),
            *(is_single, bare is None, maybe is None, isinstance(made, Made)),
        )

    check(forward, *((X, n) for n in NUMBERS))


@pytest.mark.parametrize(
    "make",
    [
        Unfinished,
        lambda: Bare(1),
        lambda: object.__new__(Bare, 1),
        lambda: object.__new__(Made, 1),
    ],
)
def test_what_cannot_be_made(make):
    def forward(x):
        return make()

    with pytest.raises(TypeError) as wanted:
        forward(X)
    with pytest.raises(TypeError) as got:
        astfront.compile(forward)(X)
    assert str(got.value) == str(wanted.value)


class Slotted:
    __slots__ = ("a", "b")
    kind = "small"

    def __init__(self, a):
        self.a = a


def test_slots():
    def forward(x, n):
        made = Slotted(x * n)
        said = [hasattr(made, "b"), hasattr(made, "a")]
        for name in ("b", "c", "kind"):
            try:
                made.b if name == "b" else setattr(made, name, x)
            except AttributeError as e:
                said.append(str(e))
        made.b = made.a + 1
        return made.b, said, hasattr(made, "b")

    check(forward, (X, NUMBERS[2]))
