"""What the tests of function rules share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import chainer
import numpy as np

from astfront.build import build
from astfront.program import lower
from astfront.signature import TensorSpec
from tests.support import assert_same


def V(x: Any) -> chainer.Variable:
    return chainer.Variable(np.asarray(x))


def rows(*shape: int, dtype: Any = "float32", seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).uniform(-2, 2, shape).astype(dtype)


def check_staged(
    function: Callable[..., Any],
    args: Sequence[Any],
    specs: Sequence[Any],
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> None:
    """Compiled for sizes that are known at run time only, it must give what Chainer gives.

    A spec is a (shape, dtype) pair, of a Variable where the argument is one, or a spec object.
    """
    made = [
        TensorSpec(*s, variable=isinstance(a, chainer.Variable)) if isinstance(s, tuple) else s
        for s, a in zip(specs, args)
    ]
    program = lower(function, made, {})
    arrays = {leaf.name: _array(a, leaf) for leaf, a in zip(program.leaves, args)}
    arrays.update(program.params())
    outputs = build(program.mod).run([arrays[name] for name in program.parameters])
    got = program.finish(outputs, args, {})
    with chainer.no_backprop_mode():
        expected = function(*copy.deepcopy(tuple(args)))
    assert_same(got, expected, rtol, atol)


def _array(value: Any, leaf: Any) -> np.ndarray:
    if isinstance(value, int | float):
        return np.asarray(value, {int: "int64", float: "float64"}[leaf.spec.type])
    return np.asarray(value.array if isinstance(value, chainer.Variable) else value)
