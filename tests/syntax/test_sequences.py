"""Tuples and lists whose length, order or places are known only at run time."""

import bisect
import collections
import functools
import heapq

import chainer.functions as F
import numpy as np
import pytest
from chainer.links.rnn.n_step_rnn import argsort_list_descent, permutate_list
from chainer.utils.type_check import InvalidType

import astfront
from tests.syntax.compare import N, agrees, array, refuses, variable

X = variable(7, 3)


def test_tuples():
    def forward(x, n):
        n = int(n)
        pairs = (1, 2) * n
        numbers = (n,) * n + (7,)
        rows = (x, x + 1, x[:2])[n:]
        grown = []
        for i in range(n):
            grown.append(i * 2)
        total, area = 0, x[0, 0]
        for i in numbers:
            total = total + i
        for row in rows:
            area = area + F.sum(row)
        kept = tuple(grown)
        numbers += (n,)
        return (
            (pairs, len(pairs), sum(pairs), 3 in pairs, isinstance(pairs, tuple), pairs == 3),
            (numbers, (1, 2, 3, 4)[:n], rows, total, area),
            (kept, kept[1:], kept + kept, kept * n, [None] * n, np.array(kept).shape),
            (grown[::-1], grown[::2], x.array[grown], np.array(grown, "i")),
        )

    agrees(forward, *((X, N(n)) for n in (0, 1, 2)), (X, 2))


def test_an_array_of_an_empty_tuple_is_of_floats():
    def forward(x, n):
        parts, labels = [], []
        for k in range(3):
            part = x.array[x.array[:, k] > 0.2 * int(n)]
            parts.append(part)
            labels.append(np.array((k,) * len(part)))
        joined = np.hstack(labels)
        alone = np.array((3,) * int(n))
        return (
            (labels, joined, joined.astype("int32"), joined.shape, joined + 0.5),
            (np.vstack(parts), alone, alone.astype("int32"), len(alone)),
        )

    agrees(forward, *((X, N(n)) for n in (0, 1, 2, 5)))


def test_steps():
    def forward(x, n):
        n = int(n)
        items = [1, 2, n, 4, 5]
        k = n - 3 if n < 3 else n
        return (
            (x[::k], x[1:-1:k], x[n::k], x.array[:, ::k]),
            (items[::k], (1, 2, 3, 4, 5)[4::k], items[5 :: -1 - n]),
            (F.tile(x, (n, 1)), F.tile(x, n), F.repeat(x, n, axis=0), F.repeat(x, n + 1)),
        )

    agrees(forward, *((X, N(n)) for n in (0, 1, 2, 3, 4)), (X, 2))


def test_lists_changed_at_staged_places():
    def forward(x, n):
        n = int(n)
        numbers = [3, 1, n, 7]
        numbers.remove(n)
        ordered = list(numbers)
        ordered.sort()
        rows = [x[0], x[1], x[2], x[3], x[4]]
        row = rows.pop(n)
        rows.insert(n, row * 2)
        return numbers, ordered, row, F.stack(rows), sorted(numbers, reverse=True), len(rows)

    agrees(forward, *((X, N(n)) for n in (0, 1, 4)), (X, 2))


def test_lists_that_grew_in_another_order():
    def forward(x, n):
        n = int(n)
        numbers, parts = [], []
        for i in range(n):
            numbers.append((i * 5) % 7)
            parts.append(x[: i % 3 + 1] * i)
        numbers.append(9)
        ordered = sorted(numbers)
        numbers.remove(9)
        falling = sorted(numbers, key=lambda v: -v)
        longest_first = sorted(parts, key=lambda part: len(part), reverse=True)
        numbers += [4, 5, 4]
        popped = numbers.pop(n)
        best = max(numbers, key=lambda v: v % 3)
        numbers.sort(reverse=True)
        numbers.insert(n, 100)
        return ordered, falling, longest_first, numbers, popped, best

    agrees(forward, *((X, N(n)) for n in (0, 1, 4)), (X, 2))


def test_lists_in_the_order_of_tuples_and_lists():
    def forward(x, n):
        n = int(n)
        pairs = sorted([(float(x[i]), (i % 2, -i)) for i in range(n)], reverse=True)
        few = sorted([(float(v) > 0, float(v)) for v in x[:3]])
        words = sorted([(i % 2, [j % 3 for j in range(i)], x[i]) for i in range(n)])
        by = sorted(range(n), key=lambda i: (x[i], -i))
        same = [i for i in range(n)] == by, by < [1], [0] >= by
        return pairs, few, words, by, same

    x = np.array([1, 1, -2, 1, 2, -2], "float32")
    agrees(forward, *((x, N(n)) for n in (0, 1, 6)), (x[::-1].copy(), N(5)))


def test_sequences_of_staged_length_in_builtins():
    def forward(x, n):
        n = int(n)
        y = x[:n]
        most = max([float(v) for v in y if v > 0], default=-1.0), min(range(n), default=None)
        best = max(range(n), key=lambda i: x[i]) if n else None
        listed = list(range(1, n)), tuple(zip(range(n), y)), y.tolist()
        words = [i * 2 for i in range(n)]
        shown = [*words, 5, *words], (*words, 1)
        *first, last = [0, *words]
        y, ratio = y.copy(), 0.5
        kept = list(filter(lambda v: v > 2, words))
        y += ratio * functools.reduce(lambda a, b: a * 2 + b, words, 1.0)
        head, *tail = words
        return most, best, listed, shown, first, last, kept, y, head, tail

    # Without an item, the last line raises.
    agrees(forward, *((array(6, seed=n), N(n)) for n in (3, 0, 1, 6)))


def test_what_isn_t_there():
    def removed(n):
        numbers = [1, 2, 3]
        numbers.remove(int(n))
        return numbers

    def popped(n):
        numbers = [1, 2, 3]
        numbers.pop(int(n))
        return numbers

    for function in (removed, popped):
        agrees(function, *((N(n),) for n in (2, 5)))


def test_transposed_sequences():
    def forward(x, n):
        n = int(n)
        grown = []
        for i in range(n):
            grown.append(x[: n - i] * i)
        columns = F.transpose_sequence([x[: n + 2], x[1 : n + 2], x[:n]])
        total = x[0]
        for y in columns:
            total = total + F.sum(y, axis=0) * len(y)
        numbers = F.transpose_sequence([x.array[:4, 0], x.array[:n, 1]])
        return columns, len(columns), total, numbers, F.transpose_sequence(grown)

    agrees(forward, *((X, N(n)) for n in (0, 1, 4)))

    def rising(x, n):
        return F.transpose_sequence([x[:2], x[: int(n)]])

    compiled = astfront.compile(rising)
    assert len(compiled(X, N(2))) == 2
    for function in (rising, compiled):
        with pytest.raises(InvalidType):
            function(X, N(3))


def test_sequences_sorted_by_length_and_back():
    def forward(x, n):
        n = int(n)
        xs = [x[: n + 1], x[:2], x[1 : 6 - n]]
        order = argsort_list_descent(xs)
        ys = permutate_list(xs, order, inv=False)
        return ys, permutate_list(ys, order, inv=True)

    agrees(forward, *((X, N(n)) for n in (0, 1, 3)))


def test_padded_sequences():
    def masked(x, masks):
        """The rows that masks leave, sorted by length and back, as recurrent links do it."""
        rows = [row[mask] for row, mask in zip(x, masks)]
        order = argsort_list_descent(rows)
        columns = F.transpose_sequence(permutate_list(rows, order, inv=False))
        again = permutate_list(F.transpose_sequence(columns), order, inv=True)
        return F.pad_sequence(again, length=4, padding=0.5), F.pad_sequence(again)

    masks = np.array([[[1, 0, 0, 1], [1, 1, 1, 0]], [[0, 1, 0, 0], [1, 1, 1, 1]]], bool)
    agrees(masked, *((array(2, 4, 3), mask) for mask in masks), programs=1)

    def forward(x, n):
        grown, equal = [], []
        for i in range(int(n)):
            grown.append(x[: (i * 3) % 5])
            equal.append(x[:2, 0])
        numbers = F.pad_sequence(equal, int(n) + 2, -1)
        return F.pad_sequence(grown), F.pad_sequence(grown, padding=int(n)), numbers

    agrees(forward, *((X, N(n)) for n in (1, 2, 5)), programs=1)

    def too_long(x, n):
        return F.pad_sequence([x[:i] for i in range(int(n))], length=2)

    compiled = astfront.compile(too_long)
    assert compiled(X, N(3)).shape == (3, 2, *X.shape[1:])
    for function in (too_long, compiled):
        for n in (N(0), N(4)):
            with pytest.raises(InvalidType):
                function(X, n)


def test_changed_after_a_conditional_return():
    def clipped(x, n):
        if n > 1:
            y = x.array * 2
            return y
        return np.zeros((7, 3), "float32")

    def forward(x, n):
        y = clipped(x, int(n))
        y[:, ::2] = np.maximum(y[:, ::2], 0.5)
        return y

    agrees(forward, (X, N(1)), (X, N(2)))


def test_attributes_of_an_array_of_a_list():
    def forward(x, n):
        items = []
        for i in range(int(n)):
            items.append(i)
        made = np.array(items)
        return made.T, made.nbytes, made.shape, x.array.nbytes

    agrees(forward, (X, N(3)), (X, N(0)))


def test_heaps():
    def forward(x, n):
        heap, out, ordered, turned = [0.0], [], [], collections.deque()
        while len(out) < int(n):
            out.append(heapq.heappop(heap))
            heapq.heappush(heap, out[-1] - float(x[len(out) % 6]))
            if len(out) < 3:
                heapq.heappush(heap, out[-1] + 0.5)
            bisect.insort(ordered, float(x[len(out) % 4]))
        turned.extend(ordered)
        turned.rotate(len(ordered) - 5)
        return heap, out, ordered, turned, heapq.nlargest(2, [float(v) for v in x[:3]])

    agrees(forward, *((array(6, seed=n), N(n)) for n in (0, 3, 9)))


class Vector(collections.namedtuple("Vector", ["x", "y"])):
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)


class Doubled(tuple):
    def __getitem__(self, i):
        return tuple.__getitem__(self, i) * 2


class Defaults(dict):
    def __missing__(self, key):
        return 7.0


def test_containers_with_items_of_their_own():
    """They aren't taken for what they are subclasses of."""
    held, defaults = Doubled((variable(2), 1)), Defaults(a=1.0)
    x = variable(2)
    refuses("AF0301", lambda x: (Vector(x, 1) + Vector(x, 2)).x, x)
    refuses("AF0401", lambda v, w: v + w, Vector(x, 1), Vector(x, 2))
    refuses("AF0401", lambda v: v[0], Doubled((x, 1)))
    refuses("AF0401", lambda x: x + held[0], x)
    refuses("AF0202", lambda x: x * defaults["b"], x)
