"""The programs that are measured: a Chainer model, its arguments, and what it's to reach."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import chainer
import chainer.links as L
import numpy as np

from benchmarks import models, trees


class Program(NamedTuple):
    """``target`` is how many times faster than Chainer it's to be."""

    what: str
    make: Callable[[], Any]
    arguments: Callable[[], tuple[Any, ...]]
    target: float | None = None


def floats(*shape: int) -> np.ndarray:
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)


def symbols(*shape: int) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 50, shape).astype(np.int32)


def image() -> tuple[np.ndarray]:
    return (floats(1, 3, 224, 224),)


def _tree() -> tuple[trees.Node]:
    return (trees.tree(20, 300, np.random.RandomState(0)),)


def _dates(module: str) -> Any:
    """A module of the demo, whose modules import each other by their own names."""
    folder = str(Path(__file__).parents[1] / "examples" / "dates")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(module)


def _translator() -> Callable[..., Any]:
    """The demo's model with the weights that it comes with: it ends by the symbol that it writes."""
    model = _dates("model")
    translator = model.DateTranslator()
    chainer.serializers.load_npz(Path(model.__file__).parent / "weights.npz", translator)
    translate: Callable[..., Any] = translator.translate
    return translate


def _row_programs() -> dict[str, Program]:
    return {
        f"rows_{n}": Program(
            f"list of {n} rows, stacked", lambda: models.stacked_rows, lambda n=n: (floats(n, 256),)
        )
        for n in (100, 1000, 10000)
    }


def _loop_programs() -> dict[str, Program]:
    known = {
        f"loop_{n}": Program(
            f"empty loop, {n} turns", lambda: models.empty_loop, lambda n=n: (floats(n, 1),)
        )
        for n in (1000, 1000000)
    }
    counted = {
        f"counted_loop_{n}": Program(
            f"the same, {n} known only when it runs",
            lambda: models.counted_loop,
            lambda n=n: (floats(1), np.array(n)),
        )
        for n in (1000, 10000, 100000, 1000000)
    }
    return {**known, **counted}


def _length_programs() -> dict[str, Program]:
    """What's compiled is the same for any number of turns; a list has as many arguments as arrays."""
    loops = {
        f"rnn_{n}": Program(
            f"RNN by hand, T={n}", lambda: models.RNN(64, 128, 32), lambda n=n: (floats(n, 1, 64),)
        )
        for n in (10, 500, 2000)
    }
    lists = {
        f"list_{n}": Program(
            f"StatelessLSTM over a list of {n} arrays",
            lambda: models.StatelessLSTMModel(64, 128),
            lambda n=n: (list(floats(n, 1, 64)),),
        )
        for n in (10, 100, 400)
    }
    return {**loops, **lists}


PROGRAMS: dict[str, Program] = {
    "call": Program(
        "two layers of 32 units, batch 1",
        lambda: models.MLP(32, 10),
        lambda: (floats(1, 32),),
    ),
    "mlp": Program("MNIST's MLP, batch 1", models.MLP, lambda: (floats(1, 784),)),
    "rnn": Program(
        "RNN by hand, T=50", lambda: models.RNN(64, 128, 32), lambda: (floats(50, 1, 64),)
    ),
    "lstm": Program(
        "L.LSTM, T=50", lambda: models.LSTMModel(64, 256, 32), lambda: (floats(50, 1, 64),)
    ),
    "nimble_lstm": Program(
        "StatelessLSTM 300→512, T=26",
        lambda: models.StatelessLSTMModel(300, 512),
        lambda: (floats(26, 1, 300),),
    ),
    "nstep_lstm": Program(
        "NStepLSTM 3 layers, 120→600, T=500",
        lambda: models.NStepLSTMModel(3, 120, 600),
        lambda: (floats(500, 120),),
        10,
    ),
    "tree_lstm": Program(
        "Child-Sum Tree-LSTM 300/150, 20 leaves", lambda: models.TreeLSTM(300, 150), _tree, 10
    ),
    "dates": Program(
        "attention decoder of the demo, 18 characters",
        _translator,
        lambda: (_dates("data").encode_source("Sunday 21 Nov 2026"),),
        5,
    ),
    "seq2seq": Program(
        "seq2seq with attention, 256 units, 50 steps, batch 1",
        lambda: models.Seq2Seq(50, 256),
        lambda: (symbols(1, 50), 50),
        5,
    ),
    "seq2seq_16": Program(
        "the same, batch 16",
        lambda: models.Seq2Seq(50, 256),
        lambda: (symbols(16, 50), 50),
        5,
    ),
    "char_rnn": Program(
        "character RNN, 128 units, 1000 characters",
        lambda: models.CharRNN(50, 128),
        lambda: (symbols(1), 1000),
        10,
    ),
    "beam_search": Program(
        "beam search, width 5, 30 steps",
        lambda: models.BeamSearch(50, 256, 5),
        lambda: (floats(5, 256), floats(5, 256), 30),
        5,
    ),
    "early_exit": Program(
        "early exit taken",
        models.EarlyExit,
        lambda: (floats(1, 3, 32, 32), np.float32(0)),
        2,
    ),
    "no_early_exit": Program(
        "early exit not taken",
        models.EarlyExit,
        lambda: (floats(1, 3, 32, 32), np.float32(1)),
    ),
    **_loop_programs(),
    **_row_programs(),
    **_length_programs(),
    "googlenet": Program(
        "GoogLeNet, batch 1", lambda: L.GoogLeNet(pretrained_model=None), image, 2
    ),
    "resnet50": Program(
        "ResNet-50, batch 1", lambda: L.ResNet50Layers(pretrained_model=None), image, 2
    ),
    "vgg16": Program("VGG-16, batch 1", lambda: L.VGG16Layers(pretrained_model=None), image, 2),
}
