"""Calls: functions, methods, links, closures, argument binding, recursion."""

import functools

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from tests.syntax.compare import N, agrees, array, full, refuses, variable

X = variable(2, 3)
SCALE = 3.0


def helper(x, n=2, *, shift=0.5):
    return x * n + shift


def collects(first, /, second=1, *args, key=2, **kwargs):
    return first * second + sum(args) + key + sum(kwargs.values())


def test_argument_binding():
    def f(x, n):
        n = int(n)
        rest = [1, 2]
        named = {"key": 3, "other": n}
        return (
            helper(x), helper(x, 3), helper(x, n=n), helper(n=n, x=x, shift=2), helper(x, shift=n),
            collects(x), collects(x, 2, 3, 4), collects(x, *rest, n), collects(x, second=n),
            collects(x, *rest, key=n, a=1, b=2), collects(x, **named), collects(*[x], 2, **{"z": n}),
        )  # fmt: skip

    agrees(f, (X, 2), (X, N(5)))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: helper(),
        lambda x: helper(x, 1, 2),
        lambda x: helper(x, m=1),
        lambda x: helper(x, 1, n=1),
        lambda x: collects(first=x),
        lambda x: x.nothing,
        lambda x: len(5),
        lambda x: undefined_name,  # noqa: F821
    ],
)
def test_wrong_calls_raise_what_python_raises(call):
    import astfront

    with pytest.raises(Exception) as expected:  # noqa: PT011
        call(X)
    with pytest.raises(expected.type) as got:
        astfront.compile(call)(X)
    assert (
        str(got.value).split("(")[0].split("'")[0]
        == str(expected.value).split("(")[0].split("'")[0]
    )


def test_functions_in_functions():
    def f(x, n):
        n = int(n)
        k = 1

        def inner(y, by=n):
            return y * by + k

        def outer(g):
            def wrapped(y):
                return g(y) + n

            return wrapped

        k = 5
        twice = lambda g, y: g(g(y))  # noqa: E731
        adders = [lambda y, i=i: y + i for i in range(3)]
        late = [lambda y: y + i for i in range(3)]
        return (
            inner(x), outer(inner)(x), twice(inner, x), adders[0](x), adders[2](x), late[0](x),
            (lambda *a, **k: a[0] + k["z"])(x, z=n), list(map(inner, [1, n])),
            functools.partial(inner, by=3)(x), functools.reduce(lambda a, b: a * 2 + b, [1, n, 3]),
        )  # fmt: skip

    agrees(f, (X, 2), (X, N(5)))


def test_closures_see_changes():
    def f(x, n):
        total = [0]

        def add(k):
            total[0] += k
            return total[0]

        add(1)
        if int(n) > 0:
            add(int(n))
        for i in range(int(n)):
            add(i)
        return x + total[0], total

    agrees(f, *((X, k) for k in (0, 3)), *((X, N(k)) for k in (0, 3)))


def make_scaled(scale):
    def scaled(x):
        return x * scale + SCALE

    return scaled


def test_python_closures_and_globals():
    for scale in (2.0, 3):
        agrees(make_scaled(scale), (X,))


def test_globals_are_read_at_each_call():
    global SCALE
    compiled = agrees(make_scaled(1), (X,))
    before, SCALE = SCALE, 7.0
    try:
        np.testing.assert_allclose(compiled(X).array, X.array + 7, rtol=1e-6)
    finally:
        SCALE = before


def test_recursion_that_ends_while_compiling():
    def power(x, n):
        return x if n == 0 else power(x, n - 1) * 2

    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    def f(x):
        return power(x, 5), fib(9)

    agrees(f, (X,))


def test_recursion_without_an_end_is_refused():
    def f(x):
        return f(x * 2)

    refuses("AF0304", f, X)


class Base(chainer.Chain):
    scale = 2.0

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.linear = L.Linear(3, 3)

    @property
    def doubled(self):
        return self.scale * 2

    @staticmethod
    def shift(x):
        return x + 1

    @classmethod
    def title(cls):
        return cls.__name__

    def forward(self, x):
        return self.linear(x) * self.scale


class Derived(Base):
    scale = 3.0

    def forward(self, x, n=1):
        y = super().forward(x) + self.doubled + self.helper(x, k=n)
        if self.title() == "Derived":
            y = self.shift(y) * Base.scale
        return y

    def helper(self, x, k):
        return super(Derived, self).forward(x) * int(k)


def test_methods_inheritance_and_properties():
    agrees(Derived(), (X,), (X, 2), (X, N(3)))
    model = Derived()
    agrees(model.helper, (X, 2))
    agrees(lambda x: model(x) + model.forward(x) + model.linear.W[0, 0], (X,))


class Vector:
    def __init__(self, x, n=0):
        self.x = x
        self.n = n

    def __add__(self, other):
        return Vector(self.x + (other.x if isinstance(other, Vector) else other), self.n + 1)

    __radd__ = __add__

    def __mul__(self, other):
        return Vector(self.x * other, self.n)

    def __getitem__(self, i):
        return self.x[i]

    def __len__(self):
        return 3

    def __call__(self, y):
        return self.x + y

    def __eq__(self, other):
        return self.n == other.n

    def __contains__(self, n):
        return n == self.n

    def __neg__(self):
        return Vector(-self.x, self.n)

    def __bool__(self):
        return self.n > 0

    def __iter__(self):
        return iter([self.x, self.n])


def test_objects_of_own_classes():
    def f(x, n):
        v = Vector(x, int(n))
        w = v + 1 + v
        u = 2 + v * 3
        a, b = u
        return (
            w.x, w.n, u.x, u(x), v[0], len(v), v == w, v != w, 2 in v, (-v).x, a, b, not v,
            1 if v else 2, type(v) is Vector, isinstance(w, Vector), hasattr(v, "n"), getattr(v, "m", 7),
        )  # fmt: skip

    agrees(f, (X, 2), (X, N(0)), (X, N(2)))


def test_links_are_called_with_their_parameters_of_now():
    model = Derived()
    compiled = agrees(model, (X,))
    model.linear.W.array[...] = 0.5
    np.testing.assert_allclose(compiled(X).array, model.forward(X).array, rtol=1e-5)
    model.scale = 1.0
    np.testing.assert_allclose(compiled(X).array, model.forward(X).array, rtol=1e-5)
    model.linear = L.Linear(3, 3)
    np.testing.assert_allclose(compiled(X).array, model.forward(X).array, rtol=1e-5)


def test_sequential_and_lists_of_links():
    class Net(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.layers = chainer.Sequential(L.Linear(3, 4), F.relu, L.Linear(4, 3))
                self.more = chainer.ChainList(L.Linear(3, 3), L.Linear(3, 3))
            self.acts = [F.tanh, F.sigmoid]

        def forward(self, x, n):
            x = self.layers(x)
            for layer, act in zip(self.more, self.acts):
                x = act(layer(x))
            return self.more[-1](x) + self.more[int(n)](x) if isinstance(n, int) else x

    agrees(Net(), (X, 0), (X, 1))


def test_specified_arguments():
    def f(x, n, names):
        return x * n + len(names)

    agrees(f, (X, 1, ("a",)), (X, 2, ["a", "b"]), (X.array, 2.5, {"k": 1}))


_ = array, full
