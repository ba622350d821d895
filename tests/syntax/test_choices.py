"""A staged index chooses between links, objects, lists, functions, texts, or arrays that differ."""

import chainer
import chainer.functions as F
import chainer.links as L

from tests.syntax.compare import N, agrees, refuses, variable

X = variable(2, 3)
CALLS = [(X, N(n)) for n in (0, 1, 2, 3, -1)]
WORDS = ["<s>", "a", "b", "c"]
MANY = {i: str(i) * 2 for i in range(100)}
TEXTS = {str(i): f"text {i}" for i in range(22)} | {"01": "no int's", "two": "a word"}


class Layers(chainer.ChainList):
    def __init__(self):
        super().__init__(*[L.Linear(3, 3) for _ in range(4)])

    def forward(self, x, n):
        y = self[int(n)](x)
        for i in range(int(n)):
            y = self[i](y)
        return y


def test_links():
    agrees(Layers(), *CALLS, programs=1)


class Memory:
    def __init__(self, h):
        self.h = h


def test_objects_lists_and_functions():
    def objects(x, n):
        memories = [Memory(x), Memory(x + 1), Memory(x + 2), Memory(x + 3)]
        memories[n].h = memories[n].h * 2
        return memories[n].h, [m.h for m in memories], memories[n] is memories[1]

    def lists(x, n):
        rows = [[x], [x, x], []]
        rows[n % 3].append(x)
        return [len(row) for row in rows]

    def functions(x, n):
        return [F.relu, F.tanh, lambda y: y * 2, x.reshape][n % 3](x)

    def values(x, n):
        value = [1, 2.5, x, None][n]
        return value, value is None, [x[:, :1], F.sum(x), x.array, x[:1]][n] * 2

    def f(x, n):
        n = int(n)
        return objects(x, n), lists(x, n), functions(x, n), values(x, n)

    agrees(f, *CALLS, (X, N(5)), programs=1)


def test_texts(capsys):
    def f(x, n):
        word = WORDS[int(n)]
        print(word, MANY[abs(int(n))])
        few, many = [], []
        for i in range(int(n)):
            few.append(WORDS[i])
            many.append(MANY[i])
        known = {"a": 1, "b": 2}.get(word, 0)
        decimal = [TEXTS[str(i)] for i in range(int(n))], TEXTS.get(str(int(n) + 20), "none")
        chosen = filter(lambda i: i > 1, range(int(n)))
        listed = ",".join(map(lambda i: WORDS[i], chosen)), "".join(w for w in few)
        return word, word == "b", known, few, " ".join(many), many, listed, decimal

    agrees(f, *CALLS, programs=1)
    printed = capsys.readouterr().out.splitlines()
    assert printed[::2] == printed[1::2]
    assert len(printed) == 2 * len(CALLS)


def test_texts_that_get_longer(capsys):
    def greedy(x, n):
        text, word, steps = "<s>", 0, 0
        while word != 3 and steps < 9:
            word = (word + int(n)) % 4
            text += MANY[word] + " "
            steps += 1
        return text + "!"

    def f(x, n):
        line = ""
        for i in range(6):
            line += WORDS[(i * int(n)) % 4]
            if i % (int(n) + 2) == 4:
                line = ""
            if x.array[i % 2, 0] > 0.5:
                line = line + "-"
        print(line)
        return line.upper(), [line], greedy(x, n)

    def texts(x, n):
        text = ""
        for i in range(6):
            text += WORDS[int(n) + i - 6] + " "
        return text

    agrees(f, *CALLS, programs=1)
    printed = capsys.readouterr().out.splitlines()
    assert printed[::2] == printed[1::2]
    agrees(texts, (X, N(3)), (X, N(2)))


def test_a_tuple_of_many_lengths():
    def forward(x, n):
        parts = ()
        for i in range(40):
            if int(n) > i:
                parts += (x * i,)
        return parts, len(parts)

    agrees(forward, (X, N(3)), (X, N(0)))


def test_choices_without_end():
    """What would be computed in ever more ways is refused soon."""

    def ways(x, n):
        words = tuple([WORDS[(int(n) + i) % 4] for i in range(20)])
        return x.reshape(words)

    refuses("AF0204", ways, X, N(3))
