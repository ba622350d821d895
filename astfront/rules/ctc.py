"""Connectionist temporal classification: the parts of Chainer's node that can't be compiled as they are.

The rest of the node is compiled from its source.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from chainer.functions.loss import ctc

from astfront.rules.nodes import constant, in_float32, number
from astfront.rules.registry import rule
from astfront.values import Tensor, Value

Node = ctc.ConnectionistTemporalClassification


@rule(Node.log_matrix)
def log_matrix(cx: Any, self: Value, x: Tensor, xp: Value) -> Tensor:
    """The logarithm, and the node's stand-in for one that isn't finite: numpy's masked arrays."""
    padding = number(cx, cx.get_attribute(self, "zero_padding"), x)
    positive = cx.call_op("greater", x, constant(cx, 0, x))
    finite = cx.call_op("less", x, constant(cx, np.inf, x))
    inside = cx.call_op("logical_and", positive, finite)
    some = cx.call_op("where", inside, x, constant(cx, 1, x))
    logarithm = in_float32(cx, lambda v: cx.call_op("log", v), some)
    result: Tensor = cx.call_op("where", inside, logarithm, padding)
    return result


@rule(Node.calc_trans)
def calc_trans(cx: Any, self: Value, *args: Value) -> Value:
    """Chainer's adds to an array by way of views of its rows; this collects the rows."""
    padding = cx.get_attribute(self, "zero_padding")
    made: Value = cx.call_function_object(_transitions, padding, *args)
    return made


# What follows is compiled, not run.


def _transitions(padding, yseq, input_length, label, label_length, path, path_length, xp):  # type: ignore[no-untyped-def]
    """``ConnectionistTemporalClassification.calc_trans``."""
    turns, n_batch, _ = yseq.shape
    start = np.zeros((n_batch, 1), yseq.dtype)
    rest = np.full((n_batch, path.shape[1] - 1), padding, dtype=yseq.dtype)
    first = np.concatenate((start, rest), axis=1)
    batch = np.arange(n_batch, dtype=np.int32)
    prob = yseq[np.arange(turns, dtype=np.int32)[:, None, None], batch[:, None], path]
    prob = _walk(padding, first, path, path_length, prob, yseq)
    r_path = ctc._flip_path(path, path_length, np)
    yseq_inv = ctc._flip_label_probability(yseq, input_length, np)
    prob = ctc._flip_path_probability(prob, input_length, path_length, np)
    prob = _walk(padding, first, r_path, path_length, prob, yseq_inv)
    return ctc._flip_path_probability(prob, input_length, path_length, np)


def _walk(padding, state, path, path_length, prob, yseq):  # type: ignore[no-untyped-def]
    """The probabilities of the paths, added to ``prob`` turn by turn."""
    batch = np.arange(path.shape[0], dtype=np.int32)
    rows = []
    for i in range(yseq.shape[0]):
        moved = _moved(padding, state, path, path_length)
        rows.append(prob[i] + moved)
        state = moved + yseq[i][batch[:, None], path]
    return np.stack(rows)


def _moved(padding, state, path, path_length):  # type: ignore[no-untyped-def]
    """One step: stay, go on, or jump over a blank to another label."""
    n_batch, size = path.shape
    gap = np.full((n_batch, 2), padding, dtype=state.dtype)
    none = np.full(state.shape, padding, dtype=state.dtype)
    gone_on = np.concatenate((gap[:, :1], state[:, :-1]), axis=1)
    jumped = np.where(path[:, :-2] == path[:, 2:], none[:, 2:], state[:, :-2])
    jumped = np.concatenate((gap, jumped), axis=1)[:, :size]
    ways = np.stack((state, gone_on, jumped))
    top = np.amax(ways, axis=0)
    found = top + np.log(np.sum(np.exp(ways - top), axis=0, dtype=ways.dtype))
    return np.where(np.arange(size) >= path_length[:, None], none, found)
