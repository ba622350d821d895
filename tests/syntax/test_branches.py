"""if, elif, else, conditional returns, names bound on some ways only, with and assert."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

import astfront
from tests.syntax.asserting import positive
from tests.syntax.compare import N, agrees, array, full, variable

X = variable(2, 3)
VALUES = tuple((full(2, 3, value=v),) for v in (-2, -0.1, 0, 0.1, 0.5, 3))
KINDS = pytest.mark.parametrize("kind", [int, N], ids=["static", "staged"])


@KINDS
def test_elif_chain(kind):
    def f(x, n):
        n = int(n)
        if n < 0:
            y = -x
        elif n == 0:
            y = x
            n = 10
        elif n == 1 or n == 2:
            y = x * 2
        else:
            y = x + n
            n -= 1
        return y, n

    agrees(f, *((X, kind(k)) for k in range(-1, 5)))


def test_conditions_on_tensor_data():
    def f(x):
        if F.sum(x).array > 0:
            y = F.relu(x)
            z = 1
        else:
            y = F.tanh(x)
            z = 2
        if float(F.sum(y).array) > 2:
            if (y.array > 1).any():
                y = y * 2
            else:
                y = y * 3
        return y, z

    agrees(f, *VALUES, programs=1)


@KINDS
def test_nested_static_and_staged(kind):
    def f(x, n, mode):
        n = int(n)
        if mode == "a":
            if n > 0:
                y = x + 1
            else:
                y = x
        else:
            y = x * 2
            if n > 1:
                if mode == "b":
                    y = y + 3
                y = y + 4
            elif n > 0:
                y = y - n
        return y

    agrees(f, *((X, kind(k), m) for k in (0, 1, 2) for m in "abc"))


@KINDS
def test_early_returns(kind):
    def f(x, n):
        n = int(n)
        if n == 0:
            return x
        y = x + 1
        if n > 1:
            if n > 2:
                return y * 2
            y = y * 3
        elif n < 0:
            return -y
        return y + 1

    agrees(f, *((X, kind(k)) for k in range(-1, 4)))


@KINDS
def test_returns_of_different_kinds(kind):
    def none_or_tensor(x, n):
        if int(n) > 0:
            return x

    def none_or_number(n):
        if int(n) > 0:
            return int(n)
        return None

    def none_or_tuple(x, n):
        if int(n) > 0:
            return x, int(n)
        return None

    def strings(n):
        if int(n) > 0:
            return "positive"
        return "other"

    def booleans(n):
        if int(n) > 0:
            return True
        return False

    def lists(x, n):
        if int(n) > 0:
            return [x, x + 1]
        return [x + 2, x]

    def list_lengths(x, n):
        if int(n) > 0:
            return [x, x + 1]
        return [x + 2]

    def dicts(x, n):
        if int(n) > 0:
            return {"a": x, "b": 1}
        return {"a": x + 2, "b": 2}

    def variable_or_array(x, n):
        if int(n) > 0:
            return x
        return x.array + 1

    for f in (none_or_tensor, none_or_tuple, lists, list_lengths, dicts, variable_or_array):
        agrees(f, *((X, kind(k)) for k in (0, 1)))
    for f in (none_or_number, strings, booleans):
        agrees(f, *((kind(k),) for k in (0, 1)))


@KINDS
def test_names_bound_on_one_way_only(kind):
    def unused(x, n):
        if int(n) > 0:
            y = x + 1
            z = "text"
        else:
            w = [x]
        if int(n) > 0:
            v = 1
        return x

    def assigned_later(x, n):
        if int(n) > 0:
            y = x + 1
        y = x
        return y

    for f in (unused, assigned_later):
        agrees(f, (X, kind(0)), (X, kind(1)))


class Box:
    pass


def test_names_and_attributes_bound_on_one_way_only():
    def branch(x, n):
        n = int(n)
        if n > 1:
            y, box = x * 2, Box()
            box.h = y
        if n > 2:
            box.k = 7 // n
        if n > 0:
            x = x + box.h
        return y + x, hasattr(box, "k"), getattr(box, "k", 1)

    def loops(x, n):
        for i in range(int(n)):
            if i > 0:
                x = x + last * i  # noqa: F821
            if i > 2:
                h = x * i
                for j in range(i):
                    h = h + j
            if i > n - 2:
                x = x + h
            last = x * 0.5
        return x, last

    def closure(x, n):
        def scaled():
            return y * k

        if int(n) > 1:
            y = x
        if int(n) > 2:
            k = 12 // (int(n) - 3)
        return scaled()

    for f in (branch, loops, closure):
        agrees(f, *((X, N(k)) for k in (0, 1, 2, 3, 5)), programs=1)


class Lasting(chainer.Chain):
    def forward(self, x, n):
        for i in range(int(n)):
            self.h = x * i
        if int(n) > 2:
            self.mode = "a"
        return x


def test_attributes_that_a_call_may_leave():
    agrees(Lasting(), *((X, N(k)) for k in (0, 1, 0, 3)))

    def made(n):
        box = Box()
        if int(n) > 1:
            box.h = 1
        return box

    assert [vars(astfront.compile(made)(N(k))) for k in (1, 2)] == [{}, {"h": 1}]


@KINDS
def test_none_on_one_way(kind):
    def f(x, n):
        n = int(n)
        h = None
        if n > 0:
            h = x * 2
        k = h
        if n > 1:
            k = None
        if h is None:
            h = x
        else:
            h = h + 1
        y = h if k is None else h + k
        if k is not None and n > 0:
            y = y + k
        if not k is None:  # noqa: E714
            y = y * 2
        return y, k, k is None

    agrees(f, *((X, kind(k)) for k in (0, 1, 2)))


@KINDS
def test_none_and_numbers(kind):
    def f(n):
        n = int(n)
        best = None
        if n > 3:
            best = n
        if best is None or best < 5:
            best = 5
        return best

    agrees(f, *((kind(k),) for k in (0, 4, 5, 6)))


@KINDS
def test_lists_changed_in_branches(kind):
    def f(x, n):
        n = int(n)
        xs = [x]
        ys = xs
        if n > 0:
            xs.append(x + 1)
        else:
            xs.append(x + 2)
        if n > 1:
            ys[0] = x * 5
        d = {"a": x}
        if n > 0:
            d["a"] = x * 3
        return xs, ys is xs, d

    agrees(f, *((X, kind(k)) for k in (0, 1, 2)))


@KINDS
def test_list_that_differs_in_length(kind):
    def f(x, n):
        n = int(n)
        xs = [x]
        if n > 0:
            xs.append(x + 1)
            if n > 1:
                xs.append(x + 2)
        total = x * 0
        for y in xs:
            total = total + y
        return total, len(xs), xs[-1], F.stack(xs)

    agrees(f, *((X, kind(k)) for k in (0, 1, 2)))


@KINDS
def test_objects_changed_in_branches(kind):
    class Box:
        def __init__(self, x):
            self.x = x
            self.n = 0

        def grow(self, by):
            self.n += by
            self.x = self.x + by

    def f(x, n):
        n = int(n)
        a = Box(x)
        b = a
        c = Box(x * 2)
        if n > 0:
            a.grow(2)
            if n > 1:
                c.grow(n)
        else:
            b.grow(5)
        return a.x, b.n, c.x, c.n

    agrees(f, *((X, kind(k)) for k in (0, 1, 2)))


@KINDS
def test_one_of_two_objects(kind):
    class Box:
        def __init__(self, x):
            self.x = x

    def f(x, n):
        if int(n) > 0:
            a = Box(x)
        else:
            a = Box(x + 1)
        return a.x

    agrees(f, *((X, kind(k)) for k in (0, 1)))


def test_one_of_two_lists_with_other_names():
    def f(x, n):
        a = [x]
        b = [x + 1]
        c = a if int(n) > 0 else b
        c.append(x)
        return len(a), len(b)

    agrees(f, (X, 1), (X, 0), (X, N(1)), (X, N(0)))


@KINDS
def test_shapes_that_differ(kind):
    def f(x, n):
        if int(n) > 0:
            y = x[:1]
        else:
            y = F.concat([x, x], axis=0)
        return F.sum(y), y.shape[0], y

    agrees(f, *((X, kind(k)) for k in (0, 1)))


@KINDS
def test_numbers_become_staged(kind):
    def f(x, n):
        k, scale, flag = 1, 0.5, False
        if int(n) > 0:
            k, scale, flag = 2, 1.5, True
        if flag:
            k += 10
        return x * scale + k, k, flag

    agrees(f, *((X, kind(k)) for k in (0, 1)))


@KINDS
def test_static_values_that_differ(kind):
    def f(x, n):
        n = int(n)
        name, act = "relu", F.relu
        if n > 0:
            name = "tanh"
        y = F.tanh(x) if name == "tanh" else F.relu(x)
        return y, name

    agrees(f, *((X, kind(k)) for k in (0, 1)))


@KINDS
def test_function_chosen(kind):
    def f(x, n):
        if int(n) > 0:
            act = F.relu
        else:
            act = F.tanh
        return act(x)

    agrees(f, *((X, kind(k)) for k in (0, 1)))


def test_kinds_that_differ():
    def ranks(x, n):
        y = x
        if int(n) > 0:
            y = F.sum(x)
        return y

    def kinds(x, n):
        y = x
        if int(n) > 0:
            y = (x, x)
        return y

    def f(x, n):
        return ranks(x, n), kinds(x, n)

    agrees(f, (X, 0), (X, 1), (X, N(0)), (X, N(1)))


@KINDS
def test_assert_and_raise(kind):
    def raises(x, n):
        n = int(n)
        if n == 0:
            raise ValueError("zero")
        if n == 1:
            raise KeyError
        elif n == 2:
            if x.shape[0] == 2:
                raise RuntimeError("two", 2)
        return x * n

    def both(x, n):
        if int(n) > 0:
            raise ValueError("a")
        else:
            raise TypeError("b")

    def returns_or_raises(x, n):
        n = int(n)
        if n > 2:
            return x
        if n > 0:
            y = x + n
            if n > 1:
                raise ValueError("two")
            return y
        raise IndexError("nothing")

    for f in (positive, raises, both, returns_or_raises):
        agrees(f, *((X, kind(k)) for k in (3, 0, 1, 2, 7)))


def test_with():
    class Scope:
        def __init__(self, log):
            self.log = log

        def __enter__(self):
            self.log.append(1)
            return 5

        def __exit__(self, *args):
            self.log.append(2)

    def f(x, n):
        log = []
        with chainer.using_config("train", False), Scope(log) as k:
            if int(n) > 0:
                y = x + k
            else:
                y = x if chainer.config.train else -x
            log.append(3)
        with Scope(log):
            if int(n) > 1:
                return y, log, chainer.config.train
        return y * 2, log, chainer.config.train

    agrees(f, *((X, k) for k in (0, 1, 2)), *((X, N(k)) for k in (0, 1, 2)))


def test_config_is_read_at_each_call():
    def f(x):
        return x * 2 if chainer.config.train else x

    compiled = agrees(f, (X,))
    with chainer.using_config("train", False):
        np.testing.assert_array_equal(compiled(X).array, X.array)
    np.testing.assert_array_equal(compiled(X).array, 2 * X.array)


def test_a_list_made_further_in_than_an_exception():
    def f(x, n):
        if n > 5:
            raise ValueError("too many")
        else:
            if x.sum() > 0:
                pair = [x * 2, x * 3]
                y = pair[0] + pair[1]
            else:
                y = x
        return y

    agrees(f, (array(3), N(1)), (-array(3), N(1)), (array(3), N(6)))
