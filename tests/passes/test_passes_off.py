"""Programs give the same with each pass over loops switched off, with all of them off, and in short blocks."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from benchmarks import models
from passes.relay import (
    broadcast_operands,
    loop_kernels,
    loops,
    many_operands,
    partial_unrolling,
    split_concatenations,
    straight_products,
    strip_mining,
)
from tests.models.test_generated import Writer
from tests.models.test_generated import run as compare
from tests.support import assert_same, prepared
from tests.syntax import test_golden

NAMES = [step.__name__.rpartition(".")[2] for step in dict.fromkeys(loops.PASSES)]

#: Of random programs, those with many loops.
SEEDS = (42,)


@pytest.fixture(
    params=["all off", "loop_kernels", "short blocks", "partial_unrolling", *NAMES], scope="module"
)
def switched(request: Any) -> Iterator[str]:
    """The pass that's off."""
    name = request.param
    with pytest.MonkeyPatch.context() as patch:
        if name in NAMES or name == "all off":
            left = [
                step for step in loops.PASSES if name in NAMES and not step.__name__.endswith(name)
            ]
            patch.setattr(loops, "PASSES", left)
        if name not in NAMES:
            patch.setattr(loop_kernels, "run", lambda mod, target, note: mod)
        if name in ("all off", "partial_unrolling"):
            patch.setattr(partial_unrolling, "run", lambda mod, note: mod)
        if name == "all off":
            patch.setattr(broadcast_operands, "run", lambda mod, constants, note: mod)
            patch.setattr(split_concatenations, "run", lambda mod, note: mod)
            patch.setattr(straight_products, "run", lambda mod, constants: mod)
        if name == "short blocks":
            patch.setattr(strip_mining, "BLOCK", 2)
            patch.setattr(
                many_operands, "run", functools.partial(many_operands.run, group=2, few=2)
            )
        yield name


some_switches = pytest.mark.parametrize(
    "switched", ["all off", "short blocks", "partial_unrolling"], indirect=True
)


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)


def together(x: Any, n: Any) -> Any:
    """The functions whose Relay text is kept."""
    return (
        test_golden.while_loop(x * x + 0.1), test_golden.for_loop(x, n), test_golden.counted_list(x),
        test_golden.none_or_tensor(x, n), test_golden.early_return(x, n),
        test_golden.growing_list(x, n + 1),
    )  # fmt: skip


class Several(chainer.Chain):
    """Models whose Relay text is kept, a decoder, and a loop in a loop."""

    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.rnn = models.RNN(4, 6, 3)
            self.lstm = models.StatelessLSTMModel(4, 5)
            self.embed = L.EmbedID(5, 4)

    def forward(self, xs: Any, ids: Any, n: Any) -> Any:
        total, h = 0, xs[0]
        for i in range(int(n)):
            for x in xs:
                h = F.tanh(h + self.rnn.W(x)[:, :4])
                if i > 2:
                    break
            total += i
        for t in range(len(xs) - 1, -1, -1):
            h = h + self.rnn.W(xs[t])[:, :4]
        for _ in range(6):
            h = F.tanh(self.rnn.W(self.embed(ids)) + self.rnn.U(F.concat([h, xs[0, :, :2]])))[:, :4]
            ids = F.argmax(h, axis=1).array
        return self.rnn(xs), self.lstm(xs), ids, h, total


def check(function: Callable[..., Any], specs: Any, *calls: Any) -> None:
    """One program for some arguments, run with others of their types, gives what Chainer gives."""
    run = prepared(function, specs, long_loops=True)
    for args in calls:
        with chainer.no_backprop_mode():
            assert_same(run(args), function(*args))


@some_switches
def test_golden_programs(switched: str) -> None:
    calls = [(chainer.Variable(floats(2, 3)), np.array(n)) for n in (0, 1, 5)]
    check(together, calls[0], *calls)


def test_models(switched: str) -> None:
    np.random.seed(0)
    with chainer.using_config("train", False):
        ids = np.array([2], np.int32)
        calls = [(floats(5, 1, 4), ids, np.array(n)) for n in (0, 1, 5)]
        check(Several(), calls[0], *calls)


@some_switches
@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs(switched: str, seed: int, tmp_path: Path) -> None:
    text = Writer(random.Random(seed).choice).program()
    assert text.count("for ") + text.count("while ") > 3
    assert compare(text, tmp_path, seed, m=3, long_loops=True)
