"""Arrays, lists and dicts from outside that are changed in place: the caller sees it, as in Python."""

import copy

import chainer
import chainer.functions as F
import numpy as np
import pytest

import astfront
from tests.support import assert_same
from tests.syntax import compare

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def agrees(f, *calls):
    """The result, and what the arguments have become, are as in Python; a second call, too."""
    compiled = astfront.compile(f)
    for call in calls:
        ours, theirs = copy.deepcopy(call), copy.deepcopy(call)
        for _ in range(2):
            assert_same(compiled(*ours), f(*theirs))
            assert_same(ours, theirs)
    return compiled


def test_array_argument():
    def f(x, n):
        y = x
        y += 3
        for i in range(int(n)):
            x[i] *= 2
            x[0, i] = i
        if x.sum() > 40:
            x -= 1
        swapped = x[0, 0]
        x[0, 0] = x[1, 1]
        x[1, 1] = swapped
        x = x + 1
        x[0] = 0  # the program's own by now
        x[1, 2] = max(x[1, 1], 0)
        x[1] += min(x[1, 0], n)
        return y, x, y is x

    agrees(f, (X, np.int64(0)), (X, np.int64(1)), (X, np.int64(2)), (X, 2), (-X, 2))


def test_array_of_no_dimensions():
    def f(x, n):
        y = x
        y += 3
        if n > 0:
            y *= 2
        return x, y

    agrees(f, (np.array(42), 0), (np.array(1.5), 1), (np.array(2), np.array(1)))


def test_the_argument_itself_comes_back():
    def f(x, other):
        x[:, 1] = other
        return x

    x = X.copy()
    assert astfront.compile(f)(x, np.float32(7)) is x
    np.testing.assert_array_equal(x[:, 1], 7)


def test_arrays_in_containers_and_variables():
    def f(xs, v, d):
        for x in xs:
            x += 1
        v.array[0] = xs[0][1]
        d["a"] *= 2
        return F.sum(v), xs[1]

    v = chainer.Variable(X.copy())
    agrees(f, ([X + 1, X[0] + 2], v, {"a": X[0]}))


def test_list_and_dict_arguments():
    def f(xs, more, d):
        ys = xs
        ys += more
        ys[0] = ys[0] + 1
        d["n"] = len(xs)
        d["last"] = d.pop("first") + 1
        d["first"] = d["last"]
        more.append(xs[-1])
        return xs, d

    agrees(f, ([1], [2, 3], {"first": 0}), ([X], [X + 1], {"first": X[0]}))


def test_lists_changed_on_one_way():
    def f(x, xs, stack):
        if x.sum() > 0:
            xs[0] = xs[0] * 2
        for i in range(len(stack)):
            stack[i] += x
        return stack.pop()

    agrees(f, (X, [X + 2], [X, X + 1]), (-X, [X + 2], [X + 3, X + 1]))


def test_an_array_of_a_dict_at_a_key_that_data_decides():
    def f(x, keys):
        sums = {0: np.zeros(2, "f"), 1: np.zeros(2, "f"), 5: np.ones(2, "f")}
        first = sums[0]
        for i in range(len(keys)):
            sums[int(keys[i])] += x[i % 2]
            sums[keys[i]][1] = 3
        return sums, first

    pairs = np.array([[1, 2], [3, -4]], "f")
    agrees(f, (pairs, np.array([0, 5, 0])), (pairs, np.array([1, 1, 1])))
    with pytest.raises(KeyError, match="2"):
        astfront.compile(f)(pairs, np.array([5, 2]))


class Memory(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.buffer = np.zeros((3, 2), np.float32)
        self.alias = self.buffer
        self.rows = [np.zeros(2, np.float32)]
        with self.init_scope():
            self.w = chainer.Parameter(np.ones(2, np.float32))
        self.at = 0

    def forward(self, x):
        self.buffer[self.at % 3] = x
        self.at += 1
        self.rows[0] += x
        if x.sum() > 2:
            self.alias *= 0.5
        self.w.array[...] = self.w.array * 0.9 + 0.1 * x
        return F.matmul(self.buffer, self.w), self.rows[0]


@pytest.mark.parametrize("freeze", [False, True])
def test_attributes(freeze):
    ours, theirs = Memory(), Memory()
    compiled = astfront.compile(ours, freeze=freeze)
    buffer = ours.buffer
    for i in range(5):
        x = np.full(2, i, np.float32)
        assert_same(compiled(x), theirs(x))
        assert ours.buffer is buffer
        assert_same(
            (ours.buffer, ours.rows, ours.w.array), (theirs.buffer, theirs.rows, theirs.w.array)
        )
    assert compiled.cache_info().currsize <= 2


def _added(x, total=np.zeros(2, np.float32)):  # noqa: B008
    total += x
    return total * 1


class Pair(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.buffer = np.zeros(2, np.float32)
        self.pair = self.buffer, np.ones(2, np.float32)

    def forward(self, x):
        self.buffer += x
        return self.pair[0] + self.pair[1]


def test_what_is_read_by_another_way_after_a_change():
    def twice(x):
        return _added(x), _added(x + 1)

    x = np.ones(2, np.float32)
    total = _added.__defaults__[0]
    total[:] = 0
    expected = twice(x), total.copy()
    total[:] = 0
    assert_same((astfront.compile(twice)(x), total), expected)
    ours, theirs = Pair(), Pair()
    compiled = astfront.compile(ours)
    for _ in range(2):
        assert_same(compiled(x), theirs(x))
    assert_same(ours.buffer, theirs.buffer)


def test_shared_memory_is_refused():
    def f(x, y):
        x += 1
        return y * 2

    compiled = astfront.compile(f)
    x = X.copy()
    compiled(x, X)
    with pytest.raises(astfront.CompileError, match="AF0209"):
        compiled(x, x[:])
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        compiled(x, X)


def test_views_follow_what_they_are_views_of():
    def base_changed(x):
        tail, turned, row, wide = x[1:], x.T, x[0], np.broadcast_to(x[0], (3, 3))
        parts = [x[:, :1], {"last": x[-1]}]
        x += 10
        return tail, turned, row, parts, wide, np.squeeze(row[None], 0)

    def view_changed(x):
        tail, turned, alone = x[1:], x[:, ::-1], x.copy()[0]
        turned[0] = 7
        tail += 1
        tail[0] *= 2
        inner = tail[:, 1:]
        inner[:, 0] -= 5
        alone += 1
        return tail, turned, inner, alone

    def swapped(x):
        x[0], x[1] = x[1], x[0]
        return x

    def in_branches(x, n):
        y, z, total = x * 1, x * 1, 0
        tail = y[int(n) :]
        if x.sum() > 0:
            tail += 1
        else:
            y[0] = 5
        for i in range(int(n)):
            part = z[i % 2 :]
            part *= 2
            total += part.sum()
        return y, tail * 1, z, total

    agrees(base_changed, (X,))
    agrees(view_changed, (X,))
    agrees(swapped, (X,))
    agrees(in_branches, (X, np.int64(1)), (-X, np.int64(2)), (X, np.int64(0)), (X, np.int64(-1)))


def test_views_of_arrays_in_c_order():
    def written(x, i):
        made, given, own = np.zeros((2, 3), "f"), np.full((2, 2), x[1], order="C"), x.copy()
        made.ravel()[i] = x[0]
        tall, flat = made.reshape(3, 2), made.reshape(-1)
        tall[1] += 5
        np.add.at(np.reshape(made, -1), np.array([0, 0, 1]), x[:3])
        made[1, 1] = 7
        given.reshape(-1)[1:3] = 0
        deep = own.reshape(3, 2)[1:].T
        deep[0, 1] = 9
        if i > 2:
            own[3] = 1
            own.reshape(2, -1)[:, 0] *= 2
        x.reshape(-1, 2)[0] += 1
        return made, tall, flat, given, deep, own, x

    flat = np.arange(6, dtype=np.float32)
    agrees(written, (flat, 1), (flat, 5), (-flat, np.int64(4)))

    def staged_size(x, n):
        y = np.ones((int(n), 2), "f")
        y.reshape(-1)[0] = x[0]
        return y

    agrees(staged_size, (flat, np.int64(1)), (flat, np.int64(3)))

    def same_array(x):
        x.ravel()[0] = 5
        np.ascontiguousarray(x)[1] += 1
        np.asfortranarray(x)[-1] += 1
        column = np.stack([x, x])[:, 0]
        return x, column.ravel(), np.ascontiguousarray(column[::-1])

    agrees(same_array, (flat,))
    for copied in (
        lambda x: x[:, 1:].reshape(-1),
        lambda x: x[:, 1].ravel(),
        lambda x: np.ascontiguousarray(x[:, 0]),
        lambda x: np.ascontiguousarray(x.T),
        lambda x: np.asarray(x, order="F"),
    ):

        def changed(x, copied=copied):
            part = copied(x)
            part[0] = 9
            return part

        refused(changed, X.copy())


def test_views_of_constants():
    def written(x):
        zeros, ones = np.zeros((2, 3), "f"), np.ones((2, 3), "f")
        row, turned, flat, part = zeros[0], zeros.T, zeros.reshape(-1), zeros.ravel()[2:4]
        zeros[0][1] = x[0, 1]
        row[2] += x[1, 2]
        turned[0, 1] = x[1, 1]
        part[1] = 5
        np.reshape(a=zeros, newshape=(3, 2))[2] += 1
        tail = ones[:, 1:]
        if x[0, 1] > 0:
            tail[0] = x[0, 0]
            ones.reshape(3, 2)[0, 0] = 7
        ones[0, 0] += 1
        return zeros, row, turned, flat, part, ones

    agrees(written, (X,), (-X,))


class Normalised(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.mean, self.tail = np.zeros((1, 3), np.float32), None

    def forward(self, x):
        mean, self.tail = np.broadcast_to(self.mean, x.shape), self.mean[0, 1:]
        self.mean += 0.5 * (x.mean(axis=0, keepdims=True) - self.mean)
        padded = F.pad_sequence([chainer.Variable(x[:1]), chainer.Variable(x)])
        padded[0, 1:].data -= 1e3
        return x - mean, self.tail, F.softmax(padded, axis=1)


def test_a_view_that_the_first_turn_replaces():
    def f(x, start, count):
        rows = np.full((6, 3), -1, "f")
        rows[0] = x[0]
        last = rows[start - 1]
        for t in range(start, len(x)):
            rows[t] = rows[t - 1] + x[t]
            last = np.logaddexp(last, x[t])
        sums = np.zeros((6, 3), "f")
        total = sums[0]
        for t in range(count):
            sums[t] = x[t]
            total = total + sums[t]
        return last, total, rows, sums

    x = np.arange(12, dtype="f").reshape(4, 3)
    compiled = astfront.compile(lambda x, start, count: f(x, int(start), int(count)))
    for start, count in ((1, 0), (3, 1), (4, 4)):
        args = np.array(start), np.array(count)
        assert_same(compiled(x, *args), f(x, start, count))


def test_views_of_attributes_and_variables():
    compare.agrees(Normalised(), (X,), (X + 1,))


def test_views_that_are_refused():
    def flattened(x):
        flat = x.reshape(-1)  # a view, or a copy: that depends on how x lies in memory
        x += 1
        return flat

    agrees(flattened, (X,))
    refused(flattened, X.copy().T)

    def chosen(x, n):
        y, other = x * 1, x + 1
        tail = y[1:] if n > 1 else other
        tail[0] = 5
        return y, tail

    refused(chosen, X, np.int64(2))


def test_views_that_a_loop_or_branch_changes():
    def carried(x, n):
        y = x * 1
        tail = y[1:]
        for i in range(int(n)):
            y += i
        return y, tail

    agrees(carried, (X, np.int64(0)), (X, np.int64(3)))

    def of_the_argument(x, n):
        turned = x.T
        if n > 1:
            turned[0] = x[1, 1]
        else:
            x[1] *= 3
        turned[1] += 1
        return turned

    agrees(of_the_argument, (X.copy(), np.int64(0)), (X.copy(), np.int64(3)))


def refused(f, *args):
    with pytest.raises(astfront.CompileError, match="AF0209"):
        astfront.compile(f)(*args)


def test_what_would_follow_is_refused():
    def chosen(a, b, c):
        x = a if c.sum() > 0 else b
        a += 1
        return x

    refused(chosen, X.copy(), X.copy(), X)

    def collected(x, n):
        xs = []
        for _ in range(int(n)):
            x += 1
            xs.append(x)
        return xs

    refused(collected, X.copy(), np.int64(3))

    def picked(xs, i):
        x = xs[int(i)]
        xs[0] += 1
        return x

    refused(picked, [X.copy(), X + 1], np.int64(1))


def test_arrays_of_its_own_after_a_join():
    def f(x, n):
        total = np.zeros((2, 3), np.float32)
        for i in range(int(n)):
            total = total + x * i
        total += 1
        total[0] = 5
        if x.sum() > 0:
            total = total * 2
        total /= 4
        return total

    agrees(f, (X, np.int64(0)), (X, np.int64(3)), (-X, np.int64(2)))


class Scaled(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.scale = chainer.Parameter(np.ones(3, np.float32))
        self.shift = chainer.Variable(np.zeros(3, np.float32))

    def forward(self, x):
        self.scale.array *= 2
        self.shift.data += self.scale.array
        if x.sum() > 0:
            self.scale.data[:] = self.scale.array - 1
        h = F.relu(x)
        h.array += 1
        return h * self.scale + self.shift, self.scale


def test_arrays_of_variables():
    compare.agrees(Scaled(), (X,), (-X,), (X,))


def test_views_and_copies_of_functions():
    def copied(x):
        y = F.concat([x], 0).array
        y += 1
        return x, y

    agrees(copied, (X,))

    def followed(x):
        made = [
            F.flip(x, 0), F.fliplr(x), F.flipud(x), F.broadcast_to(x, (2, 2, 3)), F.diagonal(x),
            *F.broadcast(x, x[None]), F.get_item(x, 0), F.get_item(x, (0, 1)), F.pad(x, 0, "constant"),
            chainer.Variable(x) ** 1, F.identity(x), F.clip(x, -9.0, 9.0), x**1, +x, x[:], x[0, 0],
            F.copy(x, -1), F.cast(x, "f"), F.stack([x]), np.roll(x, 0), np.array(x),
        ]  # fmt: skip
        x += 1
        return made

    agrees(followed, (X,))

    def split(x):
        F.split_axis(x, 2, 0)[0].array[:] = 0
        return x

    def separated(x):
        F.separate(x)[0].array[:] = 0
        return x

    for f in (split, separated):
        refused(f, X.copy())


def test_an_operand_that_a_later_one_changes():
    def changed(y):
        y[0] = 5
        return y.sum()

    def displays(x):
        a, b, c, d, e = (x.copy() for _ in range(5))
        pair, items, table = (a, changed(a)), [b, changed(b)], {"c": c, "sum": changed(c)}
        first, _ = d, changed(d)
        return pair, items, table, first * 1, np.multiply(e, changed(e))

    def operators(x):
        a, b, c, d, e = (x.copy() for _ in range(5))
        items, alias = [b], b
        a += changed(a)
        items[0] += changed(alias)
        e[int(changed(e) * 0)] = 7
        return a, alias, c + changed(c), d > changed(d), e

    def places(x):
        a, b, c = x.copy(), x.copy(), x.copy()
        a[0], a[1] = a[1] + 1, a[0] * 1
        table = {}
        table["b"] = b[0] = b[1] * 2
        table["c"], table["sum"] = c, changed(c)
        return a, b, table["c"] * 1

    def in_loops(x):
        rows = []
        for i in range(len(x)):
            rows.append(made(x, i))
        return rows

    def made(x, i):
        y = x.copy()
        y[i] = changed(y)
        return y

    def together(x):
        return displays(x), operators(x), places(x), in_loops(x)

    compare.agrees(together, (X.copy(),))

    def part_first(x):
        return x.reshape(-1)[int(changed(x)) * 0]

    compare.agrees(part_first, (X.copy(),))
    refused(part_first, X.copy().T)


def test_read_only_arrays():
    def whole(x):
        y = np.broadcast_to(x, (2, 2, 3))
        y[0] = 1

    def part(x):
        y = np.broadcast_to(x, (2, 2, 3))
        row = y[0][1]
        row += 1

    def constant(x):
        np.broadcast_to(np.array([1.0, 2.0]), (3, 2))[0] = 5

    def of_chainer(x):
        F.broadcast_to(x, (2, 2, 3)).array[...] = 0

    def copied(x):
        y = np.broadcast_to(x, (2, 2, 3)).copy()
        y[0] += 1
        return y, np.broadcast_to(x, (2, 2, 3)) * 2

    for f in (whole, part, constant, of_chainer, copied):
        compare.agrees(f, (X.copy(),))
