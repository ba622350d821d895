"""What the differential tests share: run a function in Chainer and compiled, and compare."""

from __future__ import annotations

import collections
import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chainer
import numpy as np

from astfront.build import build
from astfront.program import lower
from astfront.signature import ScalarSpec, TensorSpec, flatten


def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Compile one call and run it once, without the public interface's caches."""
    return prepared(function, args, kwargs)(args)


def prepared(
    function: Callable[..., Any],
    specs: Sequence[Any],
    kwargs: Mapping[str, Any] = {},
    long_loops: bool = False,
) -> Callable[[Sequence[Any]], Any]:
    """Compile for arguments or their specs; what comes back takes lists of arguments."""
    kwargs = dict(kwargs)
    program = lower(function, specs, kwargs)
    executable = build(program.mod, long_loops=long_loops)

    def call(args: Sequence[Any]) -> Any:
        # A number is an argument of the program only where its spec says so, a numpy scalar always.
        given = [np.asarray(a)[()] if isinstance(s, ScalarSpec) else a for s, a in zip(specs, args)]
        _, leaves = flatten(given, kwargs)
        arrays = {leaf.name: _array(value) for leaf, value in zip(program.leaves, leaves)}
        arrays.update(program.params())
        outputs = executable.run([arrays[n] for n in program.parameters])
        return program.finish(outputs, args, kwargs)

    return call


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
        np.testing.assert_allclose(got, np.asarray(expected), rtol=rtol, atol=atol)
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
    shapes: Mapping[int, Any],
    *others: Sequence[Any],
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> None:
    """As :func:`check`, where the arguments numbered in ``shapes`` have staged sizes.

    The program is called with ``others``, too.
    """
    call = prepared(function, specs_of(args, shapes))
    for given in (args, *others):
        with chainer.no_backprop_mode():
            expected = function(*copy.deepcopy(tuple(given)))
        assert_same(call(given), expected, rtol, atol)


def run_staged(function: Callable[..., Any], args: Sequence[Any], shapes: Mapping[int, Any]) -> Any:
    return prepared(function, specs_of(args, shapes))(args)


def specs_of(args: Sequence[Any], shapes: Mapping[int, Any]) -> list[Any]:
    """The arguments, those in ``shapes`` by shape (or by a list of shapes, for one that is a list)."""
    return [_spec_of(a, shapes[i]) if i in shapes else a for i, a in enumerate(args)]


def _spec_of(value: Any, shape: Any) -> Any:
    if isinstance(shape, list):
        return [_spec_of(v, s) for v, s in zip(value, shape)]
    if isinstance(value, int | float):
        return ScalarSpec(type(value))
    return TensorSpec(shape, value.dtype, variable=isinstance(value, chainer.Variable))
