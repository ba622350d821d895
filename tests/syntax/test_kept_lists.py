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
        ("AF0206", changed_in_a_turn),
        ("AF0209", an_array_in_it_is_changed),
        ("AF0207", compared_by_identity),
    ],
)
def test_what_a_copy_would_not_show(code, function):
    refuses(code, function, np.ones(6, "f"), N(3))
