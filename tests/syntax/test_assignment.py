"""Assignment in all its forms."""

import chainer
import chainer.functions as F
import numpy as np

from tests.syntax.compare import N, agrees, array, full, variable

X = variable(2, 3)


def test_chained_and_unpacked():
    def f(x, n):
        a = b = x + 1
        c, d = a, b * n
        (e, [g, h]), k = (c, (d, x)), 5
        first, *rest = e, g, h, k
        *front, last = [e, g, h]
        lone, *empty = (a,)
        p, *middle, q = range(5)
        return e, g, h, k, len(rest), rest[1], front, last, empty, middle, p, q

    agrees(f, (X, 2), (X, N(3)))


def test_unpacking_evaluates_the_right_side_first():
    def f(x, n):
        a, b = 1, int(n)
        a, b = b, a
        i = 0
        xs = [10, 20, 30]
        i, xs[i] = 2, 5
        return a, b, xs, i

    agrees(f, (X, 2), (X, N(3)))


def test_unpacking_of_tensors():
    def f(x):
        a, b = x
        (c, d, e), _ = x
        return a + b, c + d * e

    agrees(f, (X,), (X.array,))


def test_unpacking_the_wrong_number():
    def few(x):
        a, b, c = x, x
        return a

    def many(x):
        a, b = [x, x, x]
        return a

    def star(x):
        a, b, *c = (x,)
        return a

    for f in (few, many, star):
        agrees(f, (X,))


def test_attribute_subscript_and_slice_targets():
    class Box:
        pass

    def f(x, n):
        box = Box()
        box.x = x
        box.inner = Box()
        box.inner.y, box.z = x + 1, [0, 0, 0, 0]
        box.z[1] = n
        box.z[-1] = x * 2
        box.z[0:1] = [7, 8]
        d = {"a": 1}
        d["b"] = box.inner.y
        d["a"] += 1
        del d["b"]
        e = d
        e["c"] = x
        return box.x, box.inner.y, box.z, d, e["c"], "b" in d

    agrees(f, (X, 1), (X, N(4)))


def test_augmented():
    class Box:
        def __init__(self, n):
            self.n = n
            self.xs = [1, 2, 3]

    def f(x, n):
        n = int(n)
        box = Box(n)
        box.n += 2
        box.n *= n
        box.xs[1] -= n
        box.xs[box.n % 2] += 5
        y = x
        y += x
        y *= 2
        y -= 1
        y /= 3
        y **= 2
        k = n
        k //= 2
        k %= 3
        k |= 4
        k &= 6
        k ^= 1
        k <<= 1
        t = (1,)
        t += (n,)
        s = "a"
        s += "b"
        return box.n, box.xs, x, y, k, t, s

    agrees(f, (X, 1), (X, N(4)), (X, N(-7)))


def test_augmented_array_is_changed_in_place():
    def f(x):
        y = x + 1
        y += x
        z = y * 2
        z -= y
        return y, z

    agrees(f, (X.array,))

    def aliased(x):
        y = x + 1
        z = y
        z += 1
        return y

    agrees(aliased, (X.array,))


def test_list_aliases():
    def f(x, n):
        a = [x]
        b = a
        b += [x + 1]
        c = a + [x]
        c.append(n)
        a.append(2)
        b[0] = 9
        t = (a, a)
        t[0].append(5)
        d = list(a)
        d.append(1)
        e = a[:]
        e.append(1)
        g = a.copy()
        g.append(2)
        return a, b, c, len(t[1]), a is b, a is c, len(d), len(e), len(g)

    agrees(f, (X, 1), (X, N(4)))


def test_list_multiplied_shares_its_items():
    def f(x):
        rows = [[0] * 2] * 3
        rows[0][1] = x
        fresh = [[0] * 2 for _ in range(3)]
        fresh[0][1] = x
        return rows, fresh

    agrees(f, (X,))


def test_identity_of_returned_lists():
    def f(x):
        a = [x]
        return a, a, {"a": a}

    got = agrees(f, (X,))(X)
    assert got[0] is got[1] is got[2]["a"]


def test_swap_in_a_loop():
    def f(x, n):
        a, b = 0, 1
        for _ in range(int(n)):
            a, b = b, a + b
        return a, b

    agrees(f, (X, 0), (X, 10), (X, N(0)), (X, N(1)), (X, N(30)))


def test_names_deleted():
    def f(x):
        y = x
        del y
        y = x + 1
        return y

    def g(x):
        y = x
        del y
        return y  # noqa: F821

    agrees(f, (X,))
    agrees(g, (X,))


def test_annotated():
    def f(x: chainer.Variable, n: int = 3):
        y: chainer.Variable = x * n
        z: int
        z = 4
        return y, z

    agrees(f, (X,), (X, 5))


def test_walrus():
    def f(x, n):
        if (m := int(n) * 2) > 4:
            m += 1
        total = 0
        k = int(n)
        while (k := k - 1) > 0:
            total += k
        ys = [z := i + m for i in range(3)]
        return m, total, k, ys, z

    agrees(f, (X, 2), (X, 3), (X, N(0)), (X, N(2)), (X, N(9)))


def test_names_of_comprehensions_are_their_own():
    def f(x, n):
        i = int(n)
        ys = [i * 2 for i in range(3)]
        zs = {i: i + 1 for i in range(2)}
        return i, ys, zs

    agrees(f, (X, 2), (X, N(5)))


def test_item_of_a_list_by_a_staged_index():
    def f(xs, i):
        i = int(i)
        ys = [x * 2 for x in xs]
        ys[i] = ys[i] + 1
        ns = [1, 2, 3]
        ns[i] += 10
        return ys, ns, ns[i - 1]

    xs = [full(2, value=v) for v in (1, 2, 3)]
    agrees(f, *((xs, i) for i in (0, 2, -1)), *((xs, N(i)) for i in (0, 2, -1, -3, 3, -4)))


def test_statement_forms():
    def f(x):
        """A docstring."""
        import math
        from math import pi as number

        pass
        assert x.shape == (2, 3), "shape"
        ...
        return x * math.floor(number)

    agrees(f, (X,))


def test_arrays_made_by_the_program():
    def f(x, n):
        y = x.copy()
        y[0] = 1.0
        y[1, 1] += 2.0
        return y, x

    agrees(f, (array(2, 3), 1))


_ = F, np
