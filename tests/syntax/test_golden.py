"""The Relay text of small functions, and that it's the same in every process."""

import os
import subprocess
import sys
from pathlib import Path

import chainer.functions as F
import pytest

import astfront
from tests.syntax.compare import N, variable

X = variable(2, 3)


def branch(x):
    if F.sum(x).array > 0:
        return F.relu(x)
    return F.tanh(x)


def while_loop(x):
    n = 0
    while float(F.sum(x).array) < 10:
        x = x * 2
        n += 1
    return x, n


def for_loop(x, n):
    for i in range(int(n)):
        if i == 3:
            break
        x = x + i
    return x


def growing_list(x, n):
    ys = []
    for i in range(int(n)):
        x = F.tanh(x)
        ys.append(x)
    return F.stack(ys)


def counted_list(x):
    ys = []
    for i in range(4):
        ys.append(x * i)
    return F.concat(ys, axis=1)


def none_or_tensor(x, n):
    h = None
    if int(n) > 0:
        h = x * 2
    return x if h is None else h + x


def checked_index(n):
    return [1.5, 2.5, 3.5][int(n)]


def early_return(x, n):
    for i in range(int(n)):
        x = x * 0.5
        if float(F.sum(x).array) < 1:
            return x, i
    return x, -1


CASES = {
    branch: (X,),
    while_loop: (X,),
    for_loop: (X, N(1)),
    growing_list: (X, N(1)),
    counted_list: (X,),
    none_or_tensor: (X, N(1)),
    checked_index: (N(1),),
    early_return: (X, N(1)),
}


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_relay_text(function, golden):
    text = astfront.compile(function).lower(*CASES[function]).as_text()
    golden(function.__name__, text, ".relay")


def all_texts():
    texts = [astfront.compile(f).lower(*args).as_text() for f, args in CASES.items()]
    return "\n".join(texts)


def test_the_text_does_not_depend_on_the_hash_seed():
    root = str(Path(__file__).parents[2])
    code = "from tests.syntax import test_golden; print(test_golden.all_texts())"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for seed in ("0", "1")
    ]
    texts = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert texts[0] == texts[1]
    assert "def @main" in texts[0]
