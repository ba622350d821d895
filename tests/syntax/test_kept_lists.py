"""Lists, dicts and objects of which a loop keeps the best: one of two at the end of a turn."""

import chainer
import numpy as np
import pytest

from tests.syntax.compare import N, agrees, array, refuses

CALLS = [(array(6, seed=i), N(n)) for i, n in enumerate((3, 0, 6, 1, 5))]


class Hypothesis:
    def __init__(self, words, score):
        self.words = words
        self.score = score


class Keeping(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.best = [0]
        self.count = 0

    def forward(self, x, n):
        words = []
        for t in range(int(n)):
            words = words + [t]
            if x[t] > 0:
                self.best = words
            self.count += len(self.best)
        return len(self.best)


def test_the_best_list():
    def forward(x, n):
        best, score, words, read = None, -9.0, [], 0
        pair, kept = (-9.0, None, []), [[0]]
        for t in range(int(n)):
            words = words + [t]
            if x[t] > score:
                score, best = float(x[t]), words
            pair = max(pair, (float(x[t]), t, [t]), key=lambda p: p[0])
            kept = [k if x[t] > 0 else k + [t] for k in kept]
            for w in best or []:
                read += w
        return best, score, words, read, pair, kept

    agrees(forward, *CALLS)
    agrees(Keeping(), *CALLS)


def test_states_that_are_kept():
    def forward(x, n):
        first, left, right, old = [5], [0], [1], {"w": [1], "s": 0.0}
        chosen, best = [0], Hypothesis([], -9.0)
        for t in range(int(n)):
            new = {"w": old["w"] if x[t] > 0 else old["w"] + [t], "s": old["s"] + float(x[t])}
            old = new
            chosen = first if x[t] > 0 else [t, t]
            if x[t] > 0.2:
                left, right = right, left
            right.append(t)
            hypothesis = Hypothesis([t, t + 1], float(x[t]))
            if hypothesis.score > best.score:
                best = hypothesis
        return left, right, old, len(chosen), best.words, best.score

    agrees(forward, *CALLS)


def test_lists_that_move_into_another_and_are_then_new():
    def forward(x, n):
        part, parts, state, states = [], [], {"at": [], "sum": 0.0}, []
        one, other = [1], [2]
        for t in range(int(n)):
            part.append(t)
            state["at"].append(t)
            state["sum"] += float(x[t])
            if x[t] > 0:
                one, other = other, one
                parts.append(part)
                part = []
            if x[t] > 0.2:
                states.append(state)
                state = {"at": [], "sum": 0.0}
            one.append(t)
        if part:
            parts.append(part)
        return parts, part, states, state, one, other

    agrees(forward, *CALLS)


def test_tuples_whose_lengths_change():
    def forward(x, n):
        path, best, last = (), (), (0.0,)
        for t in range(int(n)):
            path = (*path, t) if x[t] > -0.5 else path[:-1]
            last += (float(x[t]),)
            if x[t] > 0.5:
                last = last[1:]
            if len(path) > len(best):
                best = path
        return path, best, len(best), last, max(last)

    agrees(forward, *CALLS)


def changed_by_its_old_name(x, n):
    part, parts = [], []
    for t in range(int(n)):
        old = part
        if x[t] > 0:
            parts.append(part)
            part = []
        old.append(t)
    return parts, part


def changed_by_its_first_name(x, n):
    part, parts = [7], []
    first = part
    for t in range(int(n)):
        if x[t] > 0:
            parts.append(part)
            part = []
        first.append(5)
    return parts, first


def new_on_one_way_only(x, n):
    part, parts = [], []
    for t in range(int(n)):
        if x[t] > 0:
            parts.append(part)
        if x[t] > 0.5:
            part = []
        part.append(t)
    return parts


def changed_later(x, n):
    best, words = [0], [1]
    for t in range(int(n)):
        words = words + [t]
        if x[t] > 0:
            best = words
    best.append(7)
    return best, words


def changed_in_a_turn(x, n):
    best, words = [0], [1]
    for t in range(int(n)):
        if x[t] > 0.5:
            words = [t]
        if x[t] > 0:
            best = words
        words.append(t)
    return best, words


def an_array_in_it_is_changed(x, n):
    y = x * 1
    best, now = [y], [x + 1]
    for t in range(int(n)):
        now = [now[0], x * t]
        if x[t] > 0:
            best = now
    y += 1
    return best, now


def compared_by_identity(x, n):
    best, words = [0], [1]
    for t in range(int(n)):
        words = words + [t]
        if x[t] > 0:
            best = words
    return best is words


@pytest.mark.parametrize(
    ("code", "function"),
    [
        ("AF0209", changed_later),
        ("AF0504", changed_by_its_old_name),
        ("AF0504", changed_by_its_first_name),
        ("AF0209", new_on_one_way_only),
        ("AF0209", changed_in_a_turn),
        ("AF0209", an_array_in_it_is_changed),
        ("AF0207", compared_by_identity),
    ],
)
def test_what_a_copy_would_not_show(code, function):
    refuses(code, function, np.ones(6, "f"), N(3))


def test_what_was_seen():
    """Tuples, numpy's numbers, floats and lists of ints are found in lists whose length is staged."""

    def forward(x, n):
        places, at, picked, highs, words = [(0, 0)], (0, 0), [], [], []
        for t in range(int(n)):
            at = ((at[0] + int(x[t] > 0)) % 3, (at[1] + t) % 2)
            if at in places:
                highs.append(-float(t))
                continue
            places.append(at)
            best = np.argmax(x[: t + 1])
            if best not in picked:
                picked.append(best)
            if float(x[t]) not in highs:
                highs.append(float(x[t]))
            word = [int(v > 0) for v in x[:t]]
            if word not in words:
                words.append(word)
        found = (1, 1) in places, places.count(at), places.index((0, 0)), None in picked
        return places, picked, highs, words, found, words.count([1]), [0, 1] in words

    agrees(forward, *CALLS)


def test_an_item_is_removed():
    def forward(x, n):
        left = [(t % 3, t) for t in range(int(n))]
        left.append((1, 9))
        left.remove((1, int(n) // 5 * 4) if x[0] > 9 else (1, 9))
        return left, [float(v) for v in x[: int(n)]].count(float(x[0]))

    agrees(forward, *CALLS)


def test_nan_in_a_list():
    def forward(x, n):
        xs = [float(v) for v in x[: int(n)]]
        return float(x[0]) in xs

    agrees(forward, (array(3), N(2)))
    refuses("AF0207", forward, np.full(3, np.nan, "f"), N(2))


def test_an_array_of_what_may_be_a_number_of_numpys():
    def forward(x, n):
        best, high, top = 0, 1.5, [0]
        for t in range(int(n)):
            if x[t] > high:
                best, high = np.argmax(x), x[t]
                top = top + [best]
        same = np.array([best, 2]), np.asarray([[top[-1]], [1]], np.int32), np.float32([best])
        same += (np.array([best, top[-1], *[best] * 8]),)  # in one way, not in 1024
        return same, np.array([high]).sum() > 2, np.array([[1, high], [best, 3]], "f")

    agrees(forward, *CALLS)


def test_methods_of_what_may_be_of_another_dtype_or_rank():
    def forward(x, n):
        wide, rows = x, chainer.Variable(x)
        if int(n) > 2:
            wide, rows = x.astype(np.float64), chainer.Variable(x[None])
        several = [wide][0].mean(), (wide * 2).sum(), (wide + 1).tolist()[0], (wide - 1).T
        return several, (rows * 2).reshape(1, -1), (rows + 1).T, (rows - 1).shape

    agrees(forward, *CALLS)


def test_arrays_of_two_dtypes_one_after_another():
    """What's joined is of the wider dtype only where there is an array of that."""

    def f(x, n):
        rows = [np.zeros((0, 3))]
        some = []
        for i in range(int(n)):
            rows.append(x[i : i + 2] * 3)
            some.append(x[:i, 0] if i < 2 else np.ones(2))
        joined = np.concatenate(some) if some else None
        return np.concatenate(rows), np.vstack(rows) * 2, joined

    agrees(f, *((array(4, 3), N(n)) for n in (2, 0, 4)))
