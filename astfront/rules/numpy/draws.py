"""numpy's random numbers that are made of others, by Python that's compiled from here.

Where numbers are rejected until one fits, a loop goes on until there's one for each place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from astfront.rules.registry import rule
from astfront.values import Static, Value


def _as_asked(x: Any, size: Any) -> Any:
    """A Python number in place of an array of rank 0, where no size was asked for."""
    return x.item() if size is None and np.ndim(x) == 0 else x


def _require_positive(x: Any, name: str) -> None:
    if np.any(np.asarray(x) <= 0):
        raise ValueError(f"{name} <= 0")


def _sizes(size: Any, *parameters: Any) -> Any:
    if size is not None:
        return size
    return np.broadcast_shapes(*[np.shape(x) for x in parameters])


def _pareto(a: Any, size: Any = None) -> Any:
    _require_positive(a, "a")
    return _as_asked(np.expm1(np.random.standard_exponential(_sizes(size, a)) / a), size)


def _lognormal(mean: Any = 0.0, sigma: Any = 1.0, size: Any = None) -> Any:
    return _as_asked(np.exp(np.random.normal(mean, sigma, size)), size)


def _geometric(p: Any, size: Any = None) -> Any:
    if not np.all((np.asarray(p) > 0) & (np.asarray(p) <= 1)):
        raise ValueError("p <= 0, p > 1 or p contains NaNs")
    times = np.random.standard_exponential(_sizes(size, p))
    trials = np.ceil(times / -np.log1p(-np.asarray(p, float)))
    return _as_asked(np.maximum(trials, 1).astype(int), size)


def _poisson(lam: Any = 1.0, size: Any = None) -> Any:
    """How many exponential times fit into ``lam``."""
    if not np.all(np.asarray(lam) >= 0):
        raise ValueError("lam < 0 or lam contains NaNs")
    sizes = _sizes(size, lam)
    time = np.random.standard_exponential(sizes)
    count = np.zeros(sizes, int)
    while np.any(time < lam):
        count = count + (time < lam)
        time = time + np.random.standard_exponential(sizes)
    return _as_asked(count, size)


def _gammas(shape: Any, sizes: Any) -> Any:
    """By Marsaglia's and Tsang's method; of a shape below 1 as a power of one above it."""
    shape = np.asarray(shape, float)
    if not np.all(shape >= 0):
        raise ValueError("shape < 0")
    d = np.where(shape < 1, shape + 1, shape) - 1 / 3
    made, done = np.zeros(sizes), np.zeros(sizes, bool)
    while not np.all(done):
        x = np.random.standard_normal(sizes)
        v = (1 + x / np.sqrt(9 * d)) ** 3
        limit = 0.5 * x * x + d - d * v + d * np.log(np.where(v > 0, v, 1))
        fits = (v > 0) & (np.random.standard_exponential(sizes) > -limit)
        made = np.where(fits & ~done, d * v, made)
        done = done | fits
    power = np.random.standard_exponential(sizes) / np.where(shape > 0, shape, 1)
    made = np.where(shape < 1, made * np.exp(-power), made)
    return np.where(shape > 0, made, 0.0)


def _gamma(shape: Any, scale: Any = 1.0, size: Any = None) -> Any:
    if np.any(np.asarray(scale) < 0):
        raise ValueError("scale < 0")
    return _as_asked(scale * _gammas(shape, _sizes(size, shape, scale)), size)


def _standard_gamma(shape: Any, size: Any = None) -> Any:
    return _as_asked(_gammas(shape, _sizes(size, shape)), size)


def _chisquare(df: Any, size: Any = None) -> Any:
    _require_positive(df, "df")
    return _as_asked(2 * _gammas(np.asarray(df, float) / 2, _sizes(size, df)), size)


def _beta(a: Any, b: Any, size: Any = None) -> Any:
    _require_positive(a, "a")
    _require_positive(b, "b")
    sizes = _sizes(size, a, b)
    x, y = _gammas(a, sizes), _gammas(b, sizes)
    return _as_asked(x / (x + y), size)


def _dirichlet(alpha: Any, size: Any = None) -> Any:
    alpha = np.asarray(alpha, float)
    _require_positive(alpha, "alpha")
    sizes = () if size is None else np.empty(size).shape
    x = _gammas(alpha, (*sizes, len(alpha)))
    return x / np.sum(x, axis=-1, keepdims=True)


def _compiled(written: Callable[..., Any]) -> Callable[..., Value]:
    def apply(cx: Any, *args: Value, **kwargs: Value) -> Value:
        return cx.call(Static(written), args, kwargs)  # type: ignore[no-any-return]

    return apply


for _function in (
    _pareto, _lognormal, _geometric, _poisson, _gamma, _standard_gamma, _chisquare, _beta, _dirichlet,
):  # fmt: skip
    rule(getattr(np.random, _function.__name__[1:]))(_compiled(_function))
