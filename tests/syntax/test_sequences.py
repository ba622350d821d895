"""Tuples and lists whose length, order or places are known only at run time."""

import chainer.functions as F
import numpy as np

from tests.syntax.compare import N, agrees, variable

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
