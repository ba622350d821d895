"""The parts of Python's library that models use: collections, itertools, math, sorting, and links' walks."""

from __future__ import annotations

import collections
import dataclasses
import inspect
import itertools
import math

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

import astfront
from astfront.diagnostics import CompileError
from tests.support import assert_same
from tests.syntax.compare import N, refuses
from tests.syntax.test_exceptions import agrees

X = np.array([[0.5, -1.0, 2.0], [1.5, -0.5, 0.25]], "f")
Point = collections.namedtuple("Point", ["h", "c"])


def test_collections():
    def f(x):
        groups = collections.defaultdict(list)
        for i in range(4):
            groups[i % 2].append(x * i)
        counts = collections.defaultdict(int)
        for letter in "hello":
            counts[letter] += 1
        ordered = collections.OrderedDict([("b", x), ("a", x * 2)])
        ordered.move_to_end("b")
        ordered["c"] = 1
        last = ordered.popitem()
        queue = collections.deque([x], maxlen=3)
        queue.append(x * 2)
        queue.extend([x * 3, x * 4])
        first = queue.popleft()
        queue.appendleft(x + 9)
        queue.rotate(1)
        p = Point(x, x * 2)
        q = p._replace(h=p.c)
        plain = {"k": 1, "l": x}
        items = [1, 1, 2, None]
        items.remove(1)
        s = {1, 2}
        s |= {4}
        t = s & {2, 4}
        equal = frozenset(t) == {2, 4}, s - t, len(queue), queue.maxlen
        listed = list(ordered), dict(counts), items, items.count(1), plain.popitem()[0]
        fields = p._fields, list(q._asdict()), q.h
        return groups, ordered, last, first, queue, fields, listed, equal

    agrees(f, (X,), (-X,))


def test_a_queue_in_kept_loops():
    def f(x):
        queue = collections.deque()
        for row in x:
            if row.sum() > 0:
                queue.append(row)
        total = 0.0
        while queue:
            total = total * 2 + float(queue.popleft().sum())
        recent = collections.deque(maxlen=2)
        for v in x[0]:
            recent.append(float(v))
        return total, len(recent), list(recent)

    agrees(f, (X,), (-X,), (X * 0,))

    def empty(x):
        queue = collections.deque([x])
        queue.pop()
        return queue.popleft()

    agrees(empty, (X,))


class Model(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.a = L.Linear(3, 3)
            self.b = chainer.Sequential(L.Linear(3, 3), F.relu)
        self.table = collections.OrderedDict([("first", self.a), ("second", self.b)])
        self.recent = collections.deque([], maxlen=2)
        self.counts = collections.defaultdict(int)
        self.plain = {}

    def forward(self, x):
        for layer in self.table.values():
            x = layer(x)
        size = sum(p.size for p in self.params())
        decay = sum(F.sum(p**2) for p in self.params() if p.ndim > 1)
        for name, p in sorted(self.namedparams()):
            if name.endswith("b"):
                decay = decay + F.sum(p)
        for link in self.links():
            if isinstance(link, L.Linear):
                decay = decay + F.sum(link.W)
        self.recent.append(size)
        self.counts["calls"] += 1
        try:
            extra = self.plain["extra"]
        except KeyError:
            extra = self.plain["extra"] = 1.5
        x = x * extra
        names = [name for name, _ in self.namedlinks(skipself=True)]
        return x * decay, size, names, self.count_params(), list(self.recent), dict(self.counts)


def test_in_a_link():
    np.random.seed(0)
    agrees(Model(), (X,), (-X,), (X,), (X,))


def test_itertools():
    def f(x):
        hs = [x * i for i in range(4)]
        r = [a * b for a, b in itertools.product([1, 2], [3, 4])]
        r += [h.sum() for h in itertools.chain(hs[:1], [x])]
        r += [b * a for a, b in itertools.zip_longest([1, 2, 3], [x[0, 0]], fillvalue=0)]
        r += [h[0, 0] * i for i, h in zip(itertools.count(), hs)]
        r += [h[0, 1] for h in itertools.islice(hs, 1, 3)]
        r += list(itertools.accumulate([1, 2, 3]))
        r += [a + b for a, b in itertools.combinations(range(3), 2)]
        r += list(itertools.permutations([1, 2]))
        r += list(itertools.chain.from_iterable([[1], [2, 3]]))
        r += list(itertools.repeat(5, 2))
        r += [(k, len(list(g))) for k, g in itertools.groupby([1, 1, 2])]
        r += [a * b for a, b in itertools.starmap(lambda p, q: (p[0, 0], q), [(x, 1), (x, 2)])]
        r += list(itertools.takewhile(lambda v: v < 3, [1, 2, 5, 1]))
        r += [c for c, _ in zip(itertools.cycle("ab"), range(5))]
        total = 0.0
        for i in itertools.count():
            if i * i > x[0, 2]:
                break
            total += i
        return r, total, next(itertools.count(7))

    agrees(f, (X,), (-X * 10,), (X * 10,))

    def endless(x):
        return list(itertools.count())

    with pytest.raises(astfront.CompileError, match="AF0503"):
        astfront.compile(endless)(X)


def test_sorted_and_numbers():
    def f(x):
        v = [float(t) for t in x[0]]
        down = sorted(range(3), key=lambda i: v[i], reverse=True)
        rows = sorted([x[0], x[1]], key=lambda r: -float(r[2]))
        pairs = max(zip(v, range(3))), min((2, x), (1, -x))
        s, n = v[0], int(x[1, 0] * 10)
        whole = round(s * 5), round(n), divmod(n, 7), divmod(-n, 7), math.floor(s), math.ceil(s)
        real = math.sqrt(abs(s)), math.exp(s), math.log(abs(s)), math.isnan(s)
        return sorted(v), down, rows, pairs, whole, real, n in {15, 3}, n in {15: 1}, n in (1, 15)

    agrees(f, (X,), (-X,))

    def root(x):
        return math.sqrt(x[0]) + math.log(x[1])

    agrees(root, (X[1] + 1,), (X[0],), (X[1],))


@dataclasses.dataclass(frozen=True)
class Config:
    n: int
    activation: str = "relu"

    def function(self):
        return getattr(F, self.activation)


@dataclasses.dataclass
class State:
    h: object
    words: list = dataclasses.field(default_factory=list)
    tag: str = dataclasses.field(default="t", compare=False)

    def __post_init__(self):
        self.count = len(self.words)

    def push(self, word):
        self.words.append(word)
        return self


def test_dataclasses():
    config = Config(2)

    def f(x):
        tanh = Config(1, activation="tanh")
        same = tanh == Config(1, "tanh"), tanh != config, tanh == 3
        s = State(x)
        for i in range(3):
            s.h = config.function()(s.h) * config.n
            s.push(i)
        t = dataclasses.replace(s, words=[9], tag="u")
        other = State(h=tanh.function()(x), words=[7, 8])
        best = max([s, other], key=lambda state: len(state.words))
        return same, s.h, s.words, s.count, t.count, t.tag, other.h, best is s, s == s

    agrees(f, (X,), (-X,))

    def wrong(x):
        return State().h

    with pytest.raises(TypeError, match="missing 1 required positional argument: 'h'"):
        astfront.compile(wrong)(X)


class Flags(dict):
    """What configurations often are: a dict whose items are attributes, too."""

    __getattr__ = dict.__getitem__


class Settings(dict):
    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Sizes(list):
    def total(self):
        return sum(self)


class Ordered(collections.OrderedDict):
    pass


class Configured(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.ordered = Ordered(b=2, a=3)
        self.config = Flags(scale=2.0, inner=Settings(shift=0.5))
        self.sizes = Sizes([1, 2, 3])

    def forward(self, x):
        inner, sizes = self.config.inner, self.sizes
        y = x * self.config.scale + inner.shift + getattr(inner, "bias", 0)
        known = "bias" in inner, hasattr(inner, "bias"), len(inner), bool(sizes), 2 in sizes
        walked = [y * i for i in sizes], sorted(inner), sizes.total(), sizes[-1], sizes[1:]
        ordered = [*self.ordered.items()], list(self.ordered), self.ordered["a"]
        return y, known, walked, {**inner}["shift"], next(iter(sizes)), ordered


def test_subclasses_of_containers():
    model, x = Configured(), np.array([1, 2], "f")
    compiled = astfront.compile(model)

    def same():
        assert_same(compiled(x), model(x))

    same()
    model.config["scale"] = 3.0
    same()
    model.config.inner["bias"] = 1.0
    same()
    model.config.inner["bias"] = np.array([3, 4], "f")
    same()
    model.sizes.append(7)
    same()


def test_items_of_subclasses_are_not_changed():
    sizes = Sizes([1, 2])

    def use(x):
        sizes.append(3)
        return x * len(sizes)

    with pytest.raises(CompileError, match="subclass of list or dict"):
        astfront.compile(use)(np.ones(2, "f"))
    assert sizes == [1, 2]


class Applied(chainer.Link):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def __call__(self, x, scale=2):
        return self.function(x) * scale


class Layers(chainer.ChainList):
    def forward(self, x, scale):
        for link in self:
            names = inspect.getfullargspec(link.__call__).args
            x = link(x, scale) if len(names) == 3 else link(x)
        return x, inspect.isclass(Layers), inspect.ismethod(link.__call__)


def test_inspection():
    model = Layers(L.Linear(2, 3), Applied(F.tanh))
    x = np.array([[1, 2]], "f")
    with chainer.no_backprop_mode():
        assert_same(astfront.compile(model)(x, 3), model(x, 3))


def test_keys_of_dicts():
    def f(x, n):
        table = {"a": x, "b": x * 2}
        for key in table.keys():
            table[key] = table[key] + 1
        counts = []
        for i in range(n):
            keys = table.keys()
            counts.append(len(keys) + i)
        keys = table.keys()
        sets = keys == {"a", "b"}, keys <= {"a"}, sorted(keys - {"a"}), sorted(keys | {"z"})
        return (
            sets,
            isinstance(keys, tuple),
            list(zip(keys, table.values())),
            next(iter(keys)),
            counts,
        )

    def found(xs, n):
        table = {0: 1.5, 1: 2.5, "a": 7, 3: 0.5}
        links = {i: chr(97 + i) for i in range(3)}
        total = 0.0
        for x in xs:
            total += table.get(int(x), -1.0)
        pairs = dict((f"k{i}", x * i) for i, x in enumerate(xs) if i < 2)
        total += sum(dict(enumerate(pairs.values())).values())
        return (
            total,
            pairs,
            table.get(int(n)),
            links.get(int(n), "?"),
            {}.get(int(n), n),
            table.get("a"),
        )

    def pop(x, n, cls):
        made = cls(int) if cls is collections.defaultdict else cls("a")
        made["b"] += 1
        return made.pop("b"), made.pop("c", 7), made.pop("z")

    def views(x):
        table = {"a": x, "b": x * 2}
        keys, values, items = table.keys(), table.values(), table.items()
        walker = iter(values)
        seen = [next(walker)]
        table["b"] = x - 1
        seen.append(next(walker))
        table["c"] = x * 3
        del table["a"]
        for i, (key, value) in enumerate(items):
            table["c"] = value + i
            seen.append(value)
        for key in table:
            if key == "b":
                table.pop(key)
                break
        print(keys, values, items)
        return seen, len(keys), list(values), "a" in keys, dict(items), keys & {"c"}, bool(values)

    def counted(t, n):
        pair = collections.namedtuple("pair", "a b")

        @dataclasses.dataclass
        class Both:
            a: int
            kept: list = dataclasses.field(default_factory=list)

        both = Both(int(n))
        both.kept.append(1)
        a = collections.Counter(int(k) for k in t)
        b = collections.Counter({3: int(n), 1: 1, 0: -2})
        found = pair(a & b, a | b)
        return sorted(found.a.items()), sorted(found.b.items()), (a + b)[3], (a - b)[3], both.kept

    agrees(f, (X, N(0)), (X, N(3)))
    agrees(pop, (X, N(1), collections.defaultdict), (X, N(1), collections.Counter))
    agrees(views, (X,))
    agrees(found, (np.array([0, 3, 5, -1]), N(1)), (np.array([1]), N(9)))

    agrees(
        counted, (np.array([0, 3, 3, -1]), N(1)), (np.array([1, 1]), N(2)), (np.zeros(0, int), N(0))
    )

    refuses("AF0207", lambda x: collections.Counter(a=0) == collections.Counter(), X)
    refuses("AF0503", lambda x: [d.update(b=x) for d in [{"a": x}] for key in d], X)
    refuses("AF0405", lambda x: {"a": x}.items(), X)
    refuses("AF0207", lambda x: +collections.Counter("ab"), X)
    refuses("AF0205", lambda x: [s.add(int(x[0, 0])) or list(s) for s in [set()]], X)


def test_sorted_in_reverse():
    def f(x, n):
        small = x[0, :n].astype("uint8")
        return sorted(small, reverse=True), sorted(list(x[0, :n] > 1), reverse=True)

    agrees(f, (X, N(0)), (X, N(3)))
