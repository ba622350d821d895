"""What the differential tests share: run a function in Chainer and compiled, and compare."""

from __future__ import annotations

import collections
import copy
from collections.abc import Callable, Sequence
from typing import Any

import chainer
import numpy as np

from astfront.build import build
from astfront.program import lower
from astfront.signature import TensorSpec, flatten


def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Compile one call and run it once, without the public interface's caches."""
    program = lower(function, args, kwargs)
    executable = build(program.mod)
    _, leaves = flatten(args, kwargs)
    arrays = {leaf.name: _array(value) for leaf, value in zip(program.leaves, leaves)}
    arrays.update(program.params())
    return program.finish(executable.run([arrays[n] for n in program.parameters]), args, kwargs)


def check(
    function: Callable[..., Any], *calls: Sequence[Any], rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """For each tuple of arguments, the compiled function must give what Chainer gives."""
    for args in calls:
        with chainer.no_backprop_mode():
            expected = function(*copy.deepcopy(tuple(args)))
            got = run(function, *copy.deepcopy(tuple(args)))
        assert_same(got, expected, rtol, atol)


def assert_same(got: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """The same types, structure, shapes, dtypes, and values within the tolerance."""
    assert type(got) is type(expected), f"{type(got)} instead of {type(expected)}"
    if isinstance(expected, chainer.Variable):
        assert_same(got.array, expected.array, rtol, atol)
    elif isinstance(expected, np.ndarray | np.generic):
        assert got.dtype == expected.dtype, f"{got.dtype} instead of {expected.dtype}"
        assert got.shape == expected.shape, f"{got.shape} instead of {expected.shape}"
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)
    elif isinstance(expected, tuple | list | collections.deque):
        assert len(got) == len(expected)
        for a, b in zip(got, expected):
            assert_same(a, b, rtol, atol)
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key], rtol, atol)
    elif isinstance(expected, float):
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)
    else:
        assert got == expected


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.array if isinstance(value, chainer.Variable) else value)


def check_staged(
    function: Callable[..., Any],
    args: Sequence[Any],
    shapes: dict[int, tuple[int | None, ...]],
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> None:
    """As :func:`check`, where the arguments numbered in ``shapes`` have staged sizes."""
    with chainer.no_backprop_mode():
        expected = function(*copy.deepcopy(tuple(args)))
    assert_same(run_staged(function, args, shapes), expected, rtol, atol)


def run_staged(
    function: Callable[..., Any], args: Sequence[Any], shapes: dict[int, tuple[int | None, ...]]
) -> Any:
    specs = list(args)
    for i, shape in shapes.items():
        variable = isinstance(args[i], chainer.Variable)
        specs[i] = TensorSpec(shape, args[i].dtype, variable=variable)
    program = lower(function, specs, {})
    _, leaves = flatten(args, {})
    arrays = {leaf.name: _array(value) for leaf, value in zip(program.leaves, leaves)}
    arrays.update(program.params())
    executable = build(program.mod)
    return program.finish(executable.run([arrays[n] for n in program.parameters]), args, {})
