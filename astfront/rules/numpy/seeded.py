"""numpy.random.RandomState and default_rng of a seed that's known: what they draw is known, too.

numpy itself draws while compiling. Such a generator is an object of the class here, which is compiled
like any: its only attribute is its state, known while compiling, which each draw replaces.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np

from astfront.descriptions import describe
from astfront.rules.registry import StaticArg, rule
from astfront.values import NONE, Object, Static, Value, is_none


@dataclass(frozen=True)
class State:
    """What numpy's generator makes its next numbers of."""

    cls: type
    pickled: bytes


class SeededGenerator:
    """Stands for an object of numpy's RandomState or Generator."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def __getattr__(self, name: str) -> Any:
        _require_method(self._state, name)
        return lambda *args, **kwargs: _call(self, name, *args, **kwargs)


def _call(generator: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """A draw, from an array that may be staged where only an order or places are drawn."""
    if name == "shuffle" and len(args) == 1 and not kwargs:
        _shuffle(generator, args[0])
        return None
    if _is_known(args, kwargs) or name not in ("permutation", "choice"):
        found, generator._state = _drawn(generator._state, name, *args, **kwargs)
        return found
    ndim = len(np.shape(args[0])) if args else 0
    if ndim == 1 or (ndim > 1 and name == "permutation" and not kwargs):
        count = len(args[0])
        places, generator._state = _drawn(generator._state, name, count, *args[1:], **kwargs)
        return np.asarray(args[0])[places]
    found, generator._state = _drawn(generator._state, name, *args, **kwargs)
    return found


def _shuffle(generator: Any, x: Any) -> None:
    order, generator._state = _drawn(generator._state, "permutation", len(x))
    if isinstance(x, list):
        x[:] = [x[i] for i in order]
    else:
        x[...] = x[order]


def _is_known(args: Any, kwargs: Any) -> bool:
    """Whether all arguments are known while compiling."""
    return False


def _drawn(state: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """What the method gives, and the state after it."""


def _require_method(state: Any, name: str) -> None:
    """AttributeError where numpy's class has no such method; AF0305 for what isn't one."""


@rule(_is_known)
def _is_known_rule(cx: Any, args: Value, kwargs: Value) -> Value:
    return Static(cx.try_static(args)[0] and cx.try_static(kwargs)[0])


@rule(_drawn)
def _drawn_rule(
    cx: Any, state: StaticArg[State], name: StaticArg[str], *args: Value, **kwargs: Value
) -> Value:
    known, values = cx.try_all(args, kwargs)
    if not known:
        cx.fail(
            "AF0205",
            f"{state.cls.__name__}.{name} with an argument that's known only at run time",
            help="draw with known sizes, or outside the model",
        )
    generator = pickle.loads(state.pickled)
    found = cx.run_python(getattr(generator, name), *values[0], **values[1])
    return cx.tuple([found, Static(State(state.cls, pickle.dumps(generator)))])  # type: ignore[no-any-return]


@rule(_require_method)
def _require_method_rule(cx: Any, state: StaticArg[State], name: StaticArg[str]) -> Value:
    found = getattr(state.cls, name, None)
    if found is None:
        text = f"'{state.cls.__module__}.{state.cls.__name__}' object has no attribute '{name}'"
        cx.raise_python(AttributeError(text))
    if not callable(found) or name.startswith("_") or name in ("seed", "get_state", "set_state"):
        cx.fail("AF0305", f"`{name}` of a {state.cls.__name__} isn't supported")
    return NONE


@rule(np.random.RandomState)
def random_state(cx: Any, seed: Value = NONE) -> Value:
    return _made(cx, np.random.RandomState, seed, np.random.RandomState)


@rule(np.random.default_rng)
def default_rng(cx: Any, seed: Value = NONE) -> Value:
    return _made(cx, np.random.default_rng, seed, np.random.Generator)


def _made(cx: Any, make: Any, seed: Value, cls: type) -> Value:
    known, obj = cx.try_static(seed)
    if not known or is_none(seed):
        what = "no seed" if is_none(seed) else describe(seed)
        cx.fail(
            "AF0305",
            f"numpy.random.{make.__name__} of {what} gives something else at each call",
            help="give a seed that's known, or use numpy.random.rand, uniform, choice …",
        )
    try:
        generator = make(obj)
    except Exception as e:
        cx.raise_python(e)
    state = Static(State(cls, pickle.dumps(generator)))
    return cx.construct(SeededGenerator, [state], {})  # type: ignore[no-any-return]


def is_seeded(v: Value) -> bool:
    return isinstance(v, Object) and v.cls is SeededGenerator


def class_of(cx: Any, v: Object) -> type:
    """numpy's class that it stands for."""
    state = cx.get_attribute(v, "_state")
    known, obj = cx.try_static(state)
    return obj.cls if known else np.random.RandomState
