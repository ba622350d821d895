"""What the tests of the language share: a function, in Chainer and compiled, over many calls."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import chainer
import numpy as np

import astfront
from tests.support import assert_same

#: A staged int: ``int(n)`` in a compiled function is known only at run time.
N = np.int64


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype("float32")


def variable(*shape: int, seed: int = 0) -> chainer.Variable:
    return chainer.Variable(array(*shape, seed=seed))


def full(*shape: int, value: float) -> chainer.Variable:
    return chainer.Variable(np.full(shape, value, "float32"))


def agrees(
    function: Callable[..., Any],
    *calls: Sequence[Any],
    programs: int | None = None,
    specs: Sequence[Any] | None = None,
    rtol: float = 1e-4,
    atol: float = 1e-5,
    long_loops: bool = False,
    freeze: bool = False,
) -> astfront.Compiled:
    """Each call gives what Chainer gives, or raises what Chainer raises.

    For a link, the attributes that the calls leave are compared, too. ``programs`` is how many
    programs the calls take. Loops in blocks take twice as long to compile: a few files have them.
    """
    reference = copy.deepcopy(function)
    compiled = astfront.compile(function, specs=specs, long_loops=long_loops, freeze=freeze)
    for args in calls:
        with chainer.no_backprop_mode(), np.errstate(all="ignore"):
            expected = outcome(reference, *copy.deepcopy(tuple(args)))
            got = outcome(compiled, *copy.deepcopy(tuple(args)))
        note = f"for {args!r}: {got!r} instead of {expected!r}"
        if isinstance(expected, Exception) or isinstance(got, Exception):
            if not isinstance(expected, Exception) and isinstance(got, Exception):
                raise got
            assert type(got) is type(expected), note
            assert str(got) == str(expected), note
        else:
            try:
                assert_same(got, expected, rtol, atol)
            except AssertionError as e:
                raise AssertionError(f"{note}\n{e}") from e
        if isinstance(function, chainer.Link):
            assert_same(state_of(function), state_of(reference), rtol, atol)
    if programs is not None:
        assert compiled.cache_info().currsize == programs
    return compiled


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    except astfront.CompileError:
        raise
    except Exception as e:
        return e


def state_of(link: chainer.Link) -> dict[str, Any]:
    """The attributes of a link and of the links in it that a call may change."""
    hidden = set(vars(chainer.Link())) | set(vars(chainer.Chain())) | set(vars(chainer.ChainList()))
    found = {}
    for path, child in link.namedlinks():
        for name, value in vars(child).items():
            if name not in hidden and not name.startswith("_"):
                found[f"{path}/{name}"] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    """A value, with objects of the user's classes by what they hold."""
    if isinstance(value, chainer.Link):
        return None
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, chainer.Variable):
        return value if type(value) is chainer.Variable else chainer.Variable(value.array)
    if hasattr(value, "__dict__") and not callable(value):
        return {k: _plain(v) for k, v in vars(value).items()}
    return value


def refuses(code: str, function: Callable[..., Any], *args: Any) -> astfront.CompileError:
    """Compiling the call is refused with this code."""
    try:
        got = astfront.compile(function)(*args)
    except astfront.CompileError as e:
        error = e
    else:
        raise AssertionError(f"compiled, and gave {got!r}")
    codes = {d.code for d in error.diagnostics}
    assert code in codes, f"{sorted(codes)} instead of {code}: {error}"
    return error
