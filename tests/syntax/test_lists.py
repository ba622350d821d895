"""Lists that grow in kept loops: appended to, stacked, indexed, walked over, returned."""

import chainer.functions as F
import numpy as np
import pytest
from chainer.utils.type_check import InvalidType

import astfront
from tests.support import check, check_staged, run
from tests.syntax.compare import N, agrees, array, full, refuses, variable

X = variable(2, 3)
KINDS = pytest.mark.parametrize("kind", [int, N], ids=["static", "staged"])


@KINDS
def test_append_and_use(kind):
    def f(x, n):
        n = int(n)
        ys = []
        for i in range(n):
            x = F.tanh(x) + i
            ys.append(x)
        total = x * 0
        for y in ys:
            total = total + y
        for i, y in enumerate(ys):
            total = total + y * i
        for a, b in zip(ys, reversed(ys)):
            total = total + a * b
        for i in range(len(ys)):
            total = total + ys[i] + ys[-1 - i] * i
        return (
            F.stack(ys),
            F.concat(ys, axis=0),
            F.concat(ys, axis=1),
            F.stack(ys, axis=1),
            total,
            ys,
        )

    agrees(f, *((X, kind(k)) for k in (1, 2, 5)))


@KINDS
def test_empty_lists(kind):
    def f(x, n):
        ys = []
        for i in range(int(n)):
            ys.append(x * i)
        count = len(ys)
        if ys:
            count += 10
        if not ys:
            count += 100
        ys.append(x)
        return ys, count, len(ys)

    agrees(f, *((X, kind(k)) for k in (0, 1, 3)))


@KINDS
def test_several_lists_and_lists_of_tuples(kind):
    def f(x, n):
        xs, ns, pairs = [x], [], []
        for i in range(int(n)):
            xs.append(xs[-1] * 0.5)
            ns.append(i * 2)
            pairs.append((x + i, i, (i * 0.5, x)))
        total = x * 0
        for y, i, (h, _) in pairs:
            total = total + y * i + h
        for k in ns:
            total = total + k
        return xs, ns, pairs, total

    agrees(f, *((X, kind(k)) for k in (0, 1, 4)))


@KINDS
def test_static_items(kind):
    def f(x, n):
        ones, mixed = [], []
        for i in range(int(n)):
            ones.append(1)
            mixed.append((x, 0, "a"))
        k = len(ones)
        ones.append(2)
        mixed.append((x + 1, 1, "a"))
        total = 0
        for y, w, _ in mixed:
            total = total + y * w
        return ones, ones[0], mixed, total, k

    agrees(f, *((X, kind(k)) for k in (0, 1, 3)))


@KINDS
def test_appended_conditionally(kind):
    def f(x, n):
        n = int(n)
        kept, rest = [], []
        for i in range(n):
            y = x + (i - 2)
            if F.sum(y).array > 0:
                kept.append(y)
                if i % 2 == 0:
                    continue
            rest.append(i)
            if len(rest) > 3:
                break
        return kept, rest, len(kept)

    agrees(f, *((X, kind(k)) for k in (0, 1, 4, 9)))


@KINDS
def test_a_list_taken_over_by_another_loop(kind):
    def f(x, n):
        n = int(n)
        ys = []
        for i in range(n):
            ys.append(x + i)
        for i in range(n):
            ys.append(x - i)
        k = 0
        while k < len(ys):
            ys.append(ys[k] * 2)
            k += 3
        more = [y * 2 for y in ys]
        ys += more
        ys.extend([x, x])
        return ys, len(more), ys[1:3], ys[:-1], ys + more

    agrees(f, *((X, kind(k)) for k in (0, 1, 3)))


@KINDS
def test_an_item_of_the_turn_before(kind):
    def forward(x, n):
        ys = []
        for i in range(n):
            x = F.tanh(x)
            if i > 0:
                x = x + ys[i - 1] * 0.5
            ys.append(x)
        return ys, x

    agrees(forward, *((X, kind(n)) for n in (0, 1, 2, 4)))


def test_an_item_of_an_empty_list():
    def forward(x, n):
        ys = []
        if n > 0:
            x = x + ys[n]
        return x

    agrees(forward, (X, N(0)), (X, N(1)))


def test_items_set_one_by_one():
    def forward(xs, h, size):
        states = [None] * len(xs)
        for t in reversed(range(len(xs))):
            h = F.tanh(xs[t] + h)
            states[t] = h
        table = [[0] * 2 for _ in range(2)]
        for i in range(2):
            for j in range(2):
                table[i][j] = xs[i] * xs[j] if i < j else xs[i] + size
        last = [xs[0], xs[1], xs[1]]
        last[xs.array.argmax() % 3] = h
        return F.stack(states), F.concat([F.concat(row) for row in table]), F.stack(last)

    agrees(forward, (X, X[0], 1.0), (X[:, ::-1], X[1], 2.0))


def test_items_set_in_an_order_that_depends_on_data():
    def forward(x, k):
        order = np.argsort(x.array)
        parts = [0] * 3
        product = 1.0
        for i in range(3):
            product = product * x[order[i] : order[i] + 1]
            parts[order[i]] = product
        pair = [0, x[:1]]
        pair[k] = x[1:2]
        return F.concat(parts, axis=0), F.concat(pair, axis=0)

    compiled = agrees(forward, (X[0], N(0)), (X[1], N(0)))
    for function in (forward, compiled):
        with pytest.raises(TypeError, match="incompatible array types"):
            function(X[1], N(1))  # F.concat gets the 0.


@KINDS
def test_nested_lists(kind):
    def f(x, n):
        n = int(n)
        out = []
        for i in range(n):
            row = []
            for j in range(i + 1):
                row.append(x + j)
            out.append(F.sum(F.stack(row), axis=0))
        return F.stack(out), out

    agrees(f, *((X, kind(k)) for k in (1, 3)))


@KINDS
def test_pop_insert_reverse_clear_copy(kind):
    def f(x, n):
        n = int(n)
        ys = [x]
        for i in range(n):
            ys.append(x + i)
        last = ys.pop()
        ys.append(last * 2)
        zs = ys.copy()
        zs.reverse()
        ys.clear()
        ws = [1, 2]
        ws.insert(1, n)
        ws.remove(2) if False else None
        first = ws.pop(0)
        return last, zs, ys, ws, first

    agrees(f, *((X, kind(k)) for k in (0, 1, 3)))


def test_staged_row_sizes():
    def f(x):
        ys = []
        for i in range(3):
            ys.append(x * i)
        total = x
        for y in ys:
            total = total + y
        return F.concat(ys, axis=0), total, F.stack(ys), ys[-1], len(ys)

    spec = astfront.TensorSpec((None, 3), "float32")
    agrees(f, *((array(n, 3),) for n in (1, 2, 5)), specs=[spec], programs=1)


def test_rows_of_an_argument_of_any_length():
    def f(x):
        ys = []
        for row in x:
            if float(F.sum(row).array) > 0:
                ys.append(row * 2)
        rows = [row + 1 for row in x]
        return ys, len(ys), rows, len(rows)

    spec = astfront.TensorSpec((None, 3), "float32")
    agrees(f, *((array(n, 3, seed=n),) for n in (0, 1, 6)), specs=[spec], programs=1)


def test_known_lengths_stay_known():
    def f(x):
        rows = [row * 2 for row in x]
        a, b = [x * i for i in range(2)]
        heads = []
        for i in range(4):
            heads.append(x * i)
        joined = F.concat(heads, axis=1)
        assert joined.shape == (2, 12)
        return sum(rows), a, b, joined.reshape(3, 8), heads[3], heads[::-1], heads[1:]

    agrees(f, (X,))


def test_unpacking_a_list_that_grew():
    def f(x, n):
        ys = []
        for i in range(int(n)):
            ys.append(x + i)
        a, b = ys
        return a - b

    agrees(f, (X, N(2)))


def test_zipped_rows_of_a_list_that_grew():
    def sure(x, n):
        rows, texts = [], []
        for i in range(5):
            x = x * 2
            rows.append((x, i))
            texts.append(x.argmax(1).tolist())
            if i >= n:
                break
        arrays, numbers = zip(*rows)
        sums = [max(column) for column in zip(*map(np.asarray, texts))]
        return np.stack(arrays), numbers, list(zip(*texts)), sums

    def unsure(x, n):
        rows = []
        for v in x:
            if v.sum() > n:
                rows.append((v, v * 2))
        return [np.stack(column) for column in zip(*rows)]

    agrees(sure, (X, N(0)), (X, N(3)), (X, N(9)))
    agrees(unsure, (X, N(0)), (X, N(1)), (X, N(99)))


def test_items_that_become_larger():
    def f(x, n):
        ys = []
        for i in range(int(n)):
            x = F.concat([x, x], axis=0)
            ys.append(x)
        return ys

    agrees(f, (X, 0), (X, 1), (X, 3), (X, N(0)), (X, N(1)), (X, N(3)))


def test_different_items_are_refused_or_unrolled():
    def f(x, n):
        ys = []
        for i in range(int(n)):
            x = F.expand_dims(x, 0)
            ys.append(x)
        return ys

    agrees(f, (X, 0), (X, 1), (X, 3))
    refuses("AF0206", f, X, N(3))


_ = full


# --- items of differing sizes --------------------------------------------------------------------


ROWS = np.arange(12, dtype=np.float32).reshape(6, 2)


def test_items_of_differing_sizes():
    def f(x, n):
        parts = [x[:2]]
        for i in range(int(n)):
            parts.append(x[i : i + 2 + i % 2] * i)
        total = 0
        for part in parts:
            total = total + part.sum()
        back = parts[::-1]
        joined = np.concatenate(parts), F.concat(back, axis=0), F.vstack(parts)
        return joined, total, back, parts[1:], len(parts), parts.pop(), parts

    agrees(f, *[(ROWS, N(n)) for n in (0, 1, 3)], programs=1)
    check_staged(f, (ROWS, np.int64(2)), {0: (None, 2)})


def test_items_of_differing_sizes_along_another_axis():
    def f(x, n):
        pairs = []
        for i in range(int(n)):
            pairs.append((x[:, i:2], i))
        parts = [p for p, _ in pairs]
        return F.concat(parts, axis=1), [i for _, i in pairs], pairs

    for n in (1, 3):
        check(f, (ROWS, np.int64(n)))


def test_items_of_sizes_known_at_run_time():
    def f(x):
        hs = []
        for t in range(x.shape[0]):
            hs.append(F.tanh(x[t]))
        rows = list(x)
        rows.append(x[0, :1])
        rows.reverse()
        return F.stack(hs), F.stack(hs, axis=1), F.concat(hs, axis=1), F.hstack(hs), rows

    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("f")
    check_staged(f, (x,), {0: (None, None, 5)})
    check_staged(f, (x[:1],), {0: (None, None, None)})


def test_uneven_items_do_not_stack():
    def f(x, n):
        parts = []
        for i in range(int(n)):
            parts.append(x[i:])
        return F.stack(parts)

    check(f, (ROWS, np.int64(1)))
    with pytest.raises(InvalidType):
        run(f, ROWS, np.int64(2))


def lists_of_one_number(x):
    """Lists whose items are all one known number; their lengths are staged."""
    every = [3 for _ in x]
    some = [3 for row in x if row[0] > 0]
    sizes = len(some), len(some[:-1]), len(some[::-1]), len(some[5:])
    return np.cumsum(every[:-1]), sizes, every[:2], [n + 1 for n in some[:-1]]


def test_lists_of_one_number():
    rows = np.array([[1, 2], [-1, 0], [3, 1]], "f")
    check(lists_of_one_number, (rows,), (rows[1:2],))
    check_staged(lists_of_one_number, (rows,), {0: (None, 2)})
    check_staged(lists_of_one_number, (-abs(rows),), {0: (None, 2)})


def test_numpy_ints_as_indices():
    def f(x, order, n):
        rows = []
        for i in range(int(n)):
            rows.append(x[i % 6] * i)
        picked = [rows[i] for i in order]
        return F.stack(picked), rows[order[0]]

    check(f, (ROWS, np.array([2, 0, -1]), np.int64(3)))
    with pytest.raises(IndexError):
        run(f, ROWS, np.array([2, 0, -4]), np.int64(3))


def test_sequence_operations_by_numbers_known_at_run_time():
    def ends(x, n):
        n = int(n)
        items = [x[0], x[1] * 2]
        return items[-n:1], items[: 1 - n], len([1, 2] * n), len([0.5] * (n - 1)), n * [n]

    def places(x, n):
        seen = [7, 3]
        for i in range(int(n)):
            seen.insert(1, i)
            seen[i - 2] += 10
        return seen, 17 in seen, seen.count(3), seen.index(3), (1, int(n), 0).index(0)

    agrees(lambda x, n: (ends(x, n), places(x, n)), *((X, N(k)) for k in (0, 1, 2, 5)), programs=1)


def test_places_out_of_range_of_a_list_that_grew():
    def f(n):
        rows = [n]
        for i in range(int(n)):
            rows.append(n)
        rows[2] = n
        return [1, int(n)].index(3)

    agrees(f, *((N(k),) for k in (0, 2, 3)), programs=1)


def test_where_a_number_is_in_a_list():
    def f(x, a):
        return [0, 3, 4].index(a[:1]), (0.5, 1.5).index(x[0]), [1, 2.5].index(float(x[1]))

    calls = ((0.5, 1.0, 3), (1.5, 2.5, 0), (0.5, 2.5, 9), (0.0, 1.0, 4))
    agrees(f, *((np.array(c[:2]), np.array(c[2:])) for c in calls), programs=1)


def test_numpy_ints_as_places_of_a_list_that_grew():
    def f(n):
        rows = [5, 6]
        for i in range(int(n)):
            rows.append(i)
        rows[np.int32(1)] = 7
        rows[n] = 8
        rows[n.sum() - 1] += 9
        del rows[np.int64(-1)]
        return rows, rows[np.int8(0)], rows[n]

    agrees(f, *((N(k),) for k in (0, 1, 2, 5, -1, -9)), programs=1)
