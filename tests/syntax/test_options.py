"""Values that are of one type on one way and of another on the other, used afterwards."""

import collections

import chainer
import chainer.functions as F
import numpy as np

from tests.syntax.compare import N, agrees, refuses, variable

X = variable(2, 3)
WORDS = ["<s>", "a", "b", "c"]
CALLS = [(X, N(n)) for n in (0, 1, 2, 3)]


def test_number_or_variable():
    def summed(x, n):
        loss = 0
        for i in range(n):
            loss += F.sum(x) * i
        return loss, loss / max(n, 1) + x

    def where_it_holds(x, n):
        loss, count = 0, 0
        for i in range(n):
            if F.sum(x).array * i > 0.5:
                loss += F.sum(x) * i
                count += 1
        return loss / count if count > 0 else loss

    def left_early(x, n):
        loss = 0.0
        for i in range(n):
            if i > 1:
                break
            loss = loss + F.sum(x)
        return -loss, loss * 2 > 1

    def f(x, n):
        n = int(n)
        return summed(x, n), where_it_holds(x, n), left_early(x, n)

    agrees(f, *CALLS, programs=1)


def test_an_option_that_a_loop_leaves_alone():
    def f(x, n):
        first = WORDS[int(n)]
        found = []
        for i in range(int(n)):
            found.append(WORDS[i])
        return first, found

    agrees(f, *CALLS, programs=1)


def test_more_than_two():
    def chosen(x, n):
        if n > 2:
            return x.array.sum()
        if n > 1:
            return x
        if n > 0:
            return F.sum(x)
        return n * 0.5

    def narrowed(y):
        if isinstance(y, float):
            return y + 1
        if y.ndim == 2:
            return F.concat([y, y], axis=1)
        assert not isinstance(y, float)
        return y.shape

    def over_turns(x, n):
        h = None
        for i in range(n):
            if h is None:
                h = [x]
            elif isinstance(h, list):
                h = (h[0], x * i)
            else:
                h = h[1], h[0]
        return h, h is None, isinstance(h, list)

    def f(x, n):
        y = chosen(x, int(n))
        return y, y * 2, type(y) is float, narrowed(y), over_turns(x, int(n)), [y, None][:1]

    agrees(f, *CALLS, programs=1)


def test_a_variable_or_an_array():
    def of(y):
        return y.array if isinstance(y, chainer.Variable) else y

    def f(x, n):
        y = F.tanh(x) if n > 1 else x.array
        rows = [x[0].array]
        for i in range(int(n)):
            row = x[i % 2]
            rows.append(row if row[0].array > 0 else row.array * 2)
        if not isinstance(y, np.ndarray):
            y = y.data + 1
        kinds = [isinstance(row, (chainer.Variable, str)) for row in rows]
        return of(rows[-1]), y, kinds, isinstance(rows[-1], (np.ndarray, chainer.Variable))

    agrees(f, *CALLS, programs=1)


def test_not_for_every_type():
    def f(x, n):
        y = x if int(n) > 1 else int(n)
        return F.relu(y), y.shape

    agrees(f, (X, N(2)), programs=1)

    def attribute(x, n):
        y = x if int(n) > 1 else int(n)
        return y.shape

    agrees(attribute, (X, N(2)), (X, N(1)))


def test_lists_with_other_names():
    def f(x, n):
        a, b = [x], [x + 1]
        c = a if int(n) > 1 else b
        c[0] = c[0] * 2
        a += [x]
        return a, len(b), c is a, c is b, c, b[0]

    agrees(f, *CALLS, programs=1)


class Memory:
    def __init__(self, h):
        self.h = h
        self.reads = 0

    def read(self):
        self.reads += 1
        return self.h


def test_objects_with_other_names():
    def f(x, n):
        a, b = Memory(x), Memory(x + 1)
        last = b
        for i in range(int(n)):
            last = a if last is b else b
            last.h = last.read() * 2
        return a.h, b.h, a.reads, b.reads, last.reads

    agrees(f, *CALLS, programs=1)


def test_arrays_in_place():
    def f(x, n):
        total = 0
        for i in range(int(n)):
            if i != 1:
                total += x.array
        y = x.array + 1 if int(n) > 1 else None
        if y is not None:
            y += 1
        return total, y

    agrees(f, *CALLS, programs=1)

    def of_two_names(x, n):
        kept = x.array + 1
        y = kept if int(n) > 1 else None
        if y is not None:
            y += 1
        return kept

    refuses("AF0209", of_two_names, X, N(1))

    def of_two_shapes(x, n):
        y = np.zeros((1, 3, 4)) if int(n) > 1 else x.array + 1
        z = y
        y[0, 1] = int(n)
        w = [1, 2.5] if int(n) > 2 else x.array + 2
        w[0] = 7
        w[-1] = int(n)
        return y, z, {"z": z}, w

    agrees(of_two_shapes, *CALLS, programs=1)

    def of_a_view(x, n):
        y = np.zeros((1, 3, 4)) if int(n) > 1 else x.array + 1
        row = y[0]
        y[0, 1] = 5
        return row

    refuses("AF0209", of_a_view, X, N(1))


class Readout(chainer.Chain):
    """Its attribute is None, then a list, then a tuple."""

    def __init__(self):
        super().__init__()
        self.state = None

    def forward(self, xs):
        for i in range(xs.shape[0]):
            if self.state is None:
                self.state = [F.sum(xs[i])]
            elif isinstance(self.state, list):
                self.state = self.state[0], xs[i]
            else:
                self.state = self.state[0] + F.sum(self.state[1]), xs[i]
        return self.state


def test_an_attribute_of_three_types():
    for lengths in ((1, 3), (3,)):
        agrees(Readout(), *[(variable(n, 2),) for n in lengths])


def test_dicts():
    def one(x, n):
        table = {}
        if n > 1:
            table["h"] = x * 2
        return table.get("h", x), len(table), "h" in table, bool(table), "h" not in table

    def counted(n):
        total = collections.defaultdict(int)
        for i in range(n):
            total["even"] += 1
            if i % 2:
                total["odd"] += 1
            total["all"] += i
        return total["odd"], total["even"], total["all"], len(total)

    def returned(x, n):
        table = {"a": 1}
        if n > 0:
            table["b"] = x
            if n > 1:
                table["c"] = x * n
        else:
            table["d"] = 2
        return table

    def changed(x, n):
        table = {"q": 1}
        if n > 1:
            table.setdefault("x", x)
        y = table.pop("x", None)
        table["x"] = 3
        if n == 2:
            del table["q"]
        return y, table

    def in_turns(x, n):
        table, seen = {}, set()
        for t in range(n):
            table["x"] = x * t
            table["y"] = t
            if t == 1:
                seen.add(1)
        return table, seen, 1 in seen, len(seen)

    def f(x, n):
        n = int(n)
        return one(x, n), counted(n), returned(x, n), changed(x, n), in_turns(x, n)

    agrees(f, *CALLS, programs=1)


def test_keys_that_are_missing():
    def f(x, n):
        table = {}
        if int(n) > 1:
            table["h"] = x * 2
        y = table["h"]
        del table["h"]
        return y, len(table)

    agrees(f, *CALLS, programs=1)


def test_the_order_of_keys():
    def f(x, n):
        table = {}
        if int(n) > 1:
            table["a"] = x
        table["b"] = x
        table["a"] = x * 2
        return table

    refuses("AF0405", f, X, N(1))
    refuses("AF0205", lambda x, n: list(f(x, n)), X, N(1))

    def crossed(x, n):
        table = {"a": 1, "b": 2} if int(n) > 1 else {"b": 2, "a": 1}
        return [k for k in table]

    refuses("AF0205", crossed, X, N(1))


def test_the_best_so_far():
    def forward(x, n):
        best, where = None, -1
        for i, v in enumerate(x.array[0]):
            if v > n - 2 and (best is None or v > best):
                best, where = v, i
        return best, where

    agrees(forward, *CALLS, (X, N(-1)))
    agrees(lambda x, n: x.array > None, (X, N(0)))


def test_a_loop_tried_again_after_numbers_that_are_used_often():
    """Names made in an attempt that's given up are gone."""

    def f(x, n):
        turns = int(n)
        turns = turns * turns + turns
        turns = turns * turns - turns
        turns = turns * turns + turns
        y, i = None, 0
        while i < turns:
            y = 2.5 if y is None else x * i if i % 2 else 3
            i += 1
        return y, turns

    agrees(f, (X, N(0)), (X, N(1)), programs=1)


def test_what_isn_t_none_beside_something_else():
    def forward(x, n):
        h = x * 2 if n > 1 else None
        found = []
        if n > 0 and h is not None:
            found.append(h + 1)
        if n > 2 or h is None:
            found.append(3)
        return found, n > 0 and False, n > 0 or True

    agrees(forward, *CALLS)


def test_what_no_call_makes_a_variable_of():
    """Where data decides whether there's an array, only a call that has none is refused."""

    def forward(x, n):
        h = x * 2 if n > 0 else None
        return F.tanh(chainer.as_variable(h))

    agrees(forward, (X, N(1)), (X, N(2)))
    refuses("AF0207", forward, X, N(0))
