"""itertools, bisect, and what math and pow compute of ints, of what's known only at run time."""

from __future__ import annotations

import bisect
import collections
import enum
import itertools
import math
import types

import numpy as np

from tests.syntax.compare import N, agrees

X = np.array([[0.5, -1.0, 2.0], [1.5, -0.5, 0.25], [1.0, 0.0, 0.5], [3.0, 2.0, 1.0]], "f")


def test_groups():
    """A group is walked over once, and has nothing left when the next one is asked for."""

    def f(x, n):
        path = x[: int(n)].argmax(axis=1)
        labels = [int(k) for k, _ in itertools.groupby(path) if k != 1]
        runs = []
        for _, group in itertools.groupby(path):
            first = next(group)
            runs.append(int(first) * 10 + len(list(group)))
        late = [list(group) for _, group in list(itertools.groupby("aab"))]
        return labels, runs, late

    agrees(f, (X, N(3)), (X, N(0)), (X[::-1].copy(), N(4)))


def test_choices_of_items():
    def f(n):
        some = range(int(n))
        pairs = list(itertools.combinations(some, 2))
        return pairs, list(itertools.permutations(some, 2))

    agrees(f, (N(3),), (N(1),), (N(0),))


def test_slices():
    def f(x, n):
        n = int(n)
        rest = iter(range(6))
        some = list(itertools.islice(rest, n)), list(itertools.islice(rest, 1, n, 2)), list(rest)
        chunks, walker = [], iter([1, 2, 3, 4, 5])
        while True:
            chunk = list(itertools.islice(walker, 2))
            if not chunk:
                break
            chunks.append(chunk)
        counted = list(itertools.islice(itertools.count(), n))
        return some, chunks, counted, [row.sum() for row in itertools.islice(x, n)]

    agrees(f, (X, N(2)), (X, N(0)), (X, N(3)), (X, N(-1)))


def test_up_to_a_sentinel():
    def f(n):
        waiting = [*range(int(n)), 99, 5]
        return list(iter(lambda: waiting.pop(0), 99)), waiting

    agrees(f, (N(2),), (N(0),))


def test_bisection():
    def f(x, n):
        n = int(n)
        ends = np.cumsum(x[:, 0]).tolist()
        rows = []
        for i in range(n):
            bisect.insort(rows, float(x[i, 1]))
        return bisect.bisect(ends, 2.5), bisect.bisect_left([1, 3, 5], n), rows

    agrees(f, (X, N(3)), (X * 0, N(0)), (-X, N(2)))


def test_ints():
    def f(n):
        n = int(n)
        powers = pow(n, 7, 5), pow(7, n, -5), pow(n, -1, 7), n**9, n**13
        numbers = math.gcd(n, 12, 18), math.lcm(n, 4), math.isqrt(n * 7), (-n).bit_length()
        choices = math.factorial(n), math.comb(5, n), math.perm(5, n)
        return powers, numbers, choices, round(n * 25, -1), round(-n * 5, -1)

    agrees(f, (N(1),), (N(3),), (N(6),), (N(0),), (N(-2),))


def test_floats():
    def f(n):
        n = float(n)
        lengths = math.hypot(n, 1, 2), math.dist([0, n], [1, 2]), math.modf(-n - 0.25)
        return lengths, math.fsum([1e20, n, -1e20]), math.fsum([0.1] * 9)

    agrees(f, (N(1),), (N(3),), (N(0),), rtol=1e-12, atol=0)


class Colour(enum.Enum):
    RED = 0
    GREEN = 1
    BLUE = 3


def test_members_of_enums():
    def f(n):
        found = Colour(int(n))
        return found.name, found is Colour.GREEN

    agrees(f, (N(1),), (N(3),), (N(2),))


def test_namespaces():
    def f(x, n):
        made = types.SimpleNamespace(x=x, n=int(n), h=None)
        for i in range(int(n)):
            made.h = x[i] if made.h is None else made.h + x[i]
        made.k = 3
        del made.x
        return made.h, made.k * made.n, hasattr(made, "x")

    agrees(f, (X, N(2)), (X, N(0)))


def test_containers_as_arguments():
    """They are of their classes in the program, and what it changes is changed in them."""

    def f(ordered, groups, queue, counts, n):
        ordered["y"] = ordered["x"] * 2
        ordered.move_to_end("x")
        groups["a"].append(n)
        groups["b"].append(ordered["x"])
        for i in range(int(n)):
            queue.append(queue[-1] + i)
        counts["q"] += 1
        return ordered, queue, groups, counts, len(queue), next(iter(ordered)), counts["none"]

    def given(names, n, longest=None):
        ordered = collections.OrderedDict((name, X * i) for i, name in enumerate(names))
        groups = collections.defaultdict(list, a=[1])
        queue = collections.deque([2, 3], longest)
        return ordered, groups, queue, collections.Counter("ab"), N(n)

    agrees(f, given("xz", 2), given("zx", 2), given("xz", 0, 2), given("xz", 3, 2))


def test_turned_queues():
    def f(n):
        fixed, grown = collections.deque([1, 2, 3]), collections.deque(range(int(n)))
        fixed.rotate(int(n))
        grown.rotate(-1)
        return list(fixed), list(grown)

    agrees(f, (N(4),), (N(0),))


def test_items_that_are_changed():
    """What gives items of lists gives themselves, even where all of them are known."""

    def f(n):
        rows, more = [[0], [1, 2]], [[5]]
        for a, b in itertools.combinations(rows, 2):
            a.append(b[0])
        for a in itertools.chain(rows, more):
            a.append(4)
        for a, b in itertools.product(rows, more):
            b.append(len(a))
        max(rows).append(7)
        min(rows, [1]).append(8)
        return rows, more, n + 1

    agrees(f, (N(1),), (N(2),))
