"""numpy.random, and what there is of it in Python's random.

All comes of numbers between 0 and 1 (``relay/random.py``) by a transformation of each: the numbers
differ from numpy's, their distribution doesn't.
"""

from __future__ import annotations

import operator
import random as python_random
from collections.abc import Callable, Sequence
from typing import Any

import gast
import numpy as np

from astfront.descriptions import describe
from astfront.lifting import Input
from astfront.locations import Location
from astfront.rules.indexing import index_tensor, minus
from astfront.rules.numpy.creation import filled
from astfront.rules.numpy.shaping import reshaped
from astfront.rules.numpy.support import (
    INT64,
    as_array,
    broadcast,
    check_broadcast,
    constant,
    convert,
    dtype_of,
    full,
    shape_of,
    shape_values,
    sizes_of,
)
from astfront.rules.registry import rule
from astfront.values import NONE, TRUE, List, Scalar, Slice, Static, Tensor, Value, is_none

FLOAT64 = np.dtype("float64")

#: More uniform numbers than this for one binomial aren't drawn.
MOST_TRIALS = 1000


# --- numbers from 0 to 1 -----------------------------------------------------------------------


def uniform(cx: Any, sizes: Sequence[Value]) -> Tensor:
    """A new array of float64 from [0, 1)."""
    before = cx.heap.lookup(cx.draws_cell, "count")
    cx.heap.bind(cx.draws_cell, "count", cx.binary_op(operator.add, before, Static(1)))
    count = cx.as_tensor(cx.as_scalar(before, int))
    if all(isinstance(s, Static) for s in sizes):
        shape = tuple(s.obj for s in sizes)  # type: ignore[attr-defined]
        if any(n < 0 for n in shape):
            cx.raise_python(ValueError("negative dimensions are not allowed"))
        like = cx.b.call("zeros", shape=shape, dtype="float64")
    else:
        like = filled(cx, sizes, full(0, FLOAT64))
    made: Tensor = cx.b.call("astfront.uniform", like, _key(cx), count)
    return made


def _key(cx: Any) -> Tensor:
    """The program's key: one more input, made where it's first needed."""
    if cx.random_key is None:
        dtype = np.dtype("uint32")
        cx.random_key = cx.b.parameter("random_key", (2,), dtype)
        place = Location(cx.random_keys, "attribute", "key")
        name = cx.random_key.expr.name_hint
        cx.lifter.inputs.append(Input(name, place, (2,), dtype, False))
    made: Tensor = cx.random_key
    return made


def normal(cx: Any, sizes: Sequence[Value]) -> Tensor:
    """Of the standard normal distribution: its quantiles."""
    u = cx.b.call("maximum", uniform(cx, sizes), full(2.0**-54, FLOAT64))
    made: Tensor = cx.b.call("astfront.ndtri", u)
    return made


def _negative_log(cx: Any, sizes: Sequence[Value]) -> Tensor:
    """Of the exponential distribution."""
    u = cx.b.call("subtract", full(1, FLOAT64), uniform(cx, sizes))
    made: Tensor = cx.b.call("negative", cx.b.call("log", u))
    return made


def _gumbel(cx: Any, sizes: Sequence[Value]) -> Tensor:
    least = full(2.0**-54, FLOAT64)
    u = cx.b.call("maximum", _negative_log(cx, sizes), least)
    made: Tensor = cx.b.call("negative", cx.b.call("log", u))
    return made


def _logistic(cx: Any, sizes: Sequence[Value]) -> Tensor:
    u = cx.b.call("maximum", uniform(cx, sizes), full(2.0**-54, FLOAT64))
    rest = cx.b.call("subtract", full(1, FLOAT64), u)
    made: Tensor = cx.b.call("log", cx.b.call("divide", u, rest))
    return made


def _laplace(cx: Any, sizes: Sequence[Value]) -> Tensor:
    a, b = _negative_log(cx, sizes), _negative_log(cx, sizes)
    made: Tensor = cx.b.call("subtract", a, b)
    return made


def _cauchy(cx: Any, sizes: Sequence[Value]) -> Tensor:
    angle = cx.b.call("subtract", uniform(cx, sizes), full(0.5, FLOAT64))
    made: Tensor = cx.b.call("tan", cx.b.call("multiply", angle, full(np.pi, FLOAT64)))
    return made


Draw = Callable[[Any, Sequence[Value]], Tensor]


# --- shapes ------------------------------------------------------------------------------------


def _parameter(cx: Any, v: Value) -> Tensor:
    return convert(cx, as_array(cx, v), FLOAT64)


def _sizes(cx: Any, size: Value, parameters: Sequence[Tensor]) -> list[Value]:
    """The sizes asked for, or those that the parameters broadcast to."""
    if not is_none(size):
        return shape_values(cx, size)
    shape = check_broadcast(cx, *parameters)
    if None not in shape:
        return [Static(d) for d in shape]
    if len(parameters) == 1:
        return sizes_of(cx, parameters[0])
    found: list[Value] = []
    for axis in range(-len(shape), 0):
        having = [p for p in parameters if p.ndim >= -axis and p.shape[axis] != 1]
        if shape[axis] is None and len(having) > 1:
            cx.fail("AF0306", "random numbers for arrays whose sizes aren't known")
        known = shape[axis]
        found.append(
            cx.dim_of(having[0], having[0].ndim + axis) if known is None else Static(known)
        )
    return found


def _result(cx: Any, x: Tensor, size: Value) -> Value:
    """A Python number in place of an array of rank 0, where no size was asked for."""
    if x.ndim == 0 and is_none(size):
        found: Value = cx.tensor_to_scalar(x)
        return found
    return x


def _scaled(
    cx: Any, draw: Draw, size: Value, location: Value, scale: Value, *, ends: bool = False
) -> Value:
    """``location + scale * draw``; with ``ends`` the scale is what's between two ends."""
    first, second = _parameter(cx, location), _parameter(cx, scale)
    x = draw(cx, _sizes(cx, size, [first, second]))
    if ends:
        second = cx.b.call("subtract", second, first)
    elif cx.checks:
        fine = cx.b.call("greater_equal", second, full(0, FLOAT64))
        fine = fine if fine.ndim == 0 else cx.b.call("all", fine)
        cx.check(Scalar(fine.expr, bool), ValueError("scale < 0"))
    broadcast(cx, shape_of(x), shape_of(first), shape_of(second))
    made = cx.b.call("add", first, cx.b.call("multiply", second, x))
    return _result(cx, made, size)


# --- numpy's functions -------------------------------------------------------------------------


def _by_sizes(draw: Draw) -> Callable[..., Value]:
    def apply(cx: Any, *sizes: Value) -> Value:
        wanted = cx.tuple(sizes) if sizes else NONE
        return _result(cx, draw(cx, _sizes(cx, wanted, [])), wanted)

    return apply


def _by_size(draw: Draw) -> Callable[..., Value]:
    def apply(cx: Any, size: Value = NONE) -> Value:
        return _result(cx, draw(cx, _sizes(cx, size, [])), size)

    return apply


rule(np.random.rand)(_by_sizes(uniform))
rule(np.random.randn)(_by_sizes(normal))
rule(np.random.random, np.random.random_sample, np.random.ranf, np.random.sample)(_by_size(uniform))
rule(np.random.standard_normal)(_by_size(normal))
rule(np.random.standard_exponential)(_by_size(_negative_log))
rule(np.random.standard_cauchy)(_by_size(_cauchy))


@rule(np.random.uniform)
def uniform_between(
    cx: Any, low: Value = Static(0.0), high: Value = Static(1.0), size: Value = NONE
) -> Value:
    return _scaled(cx, uniform, size, low, high, ends=True)


def _with_location(draw: Draw) -> Callable[..., Value]:
    def apply(
        cx: Any, loc: Value = Static(0.0), scale: Value = Static(1.0), size: Value = NONE
    ) -> Value:
        return _scaled(cx, draw, size, loc, scale)

    return apply


rule(np.random.normal)(_with_location(normal))
rule(np.random.gumbel)(_with_location(_gumbel))
rule(np.random.logistic)(_with_location(_logistic))
rule(np.random.laplace)(_with_location(_laplace))


@rule(np.random.exponential)
def exponential(cx: Any, scale: Value = Static(1.0), size: Value = NONE) -> Value:
    return _scaled(cx, _negative_log, size, Static(0.0), scale)


@rule(np.random.randint)
def randint(
    cx: Any, low: Value, high: Value = NONE, size: Value = NONE, dtype: Value = NONE
) -> Value:
    if is_none(high):
        low, high = Static(0), low
    first, last = (convert(cx, as_array(cx, v), INT64) for v in (low, high))
    x = _whole(cx, first, last, _sizes(cx, size, [first, last]))
    found = convert(cx, x, dtype_of(cx, dtype, INT64))
    return _result(cx, found, size)


def _whole(cx: Any, first: Tensor, last: Tensor, sizes: Sequence[Value]) -> Tensor:
    """Whole numbers from ``first`` on, below ``last``."""
    call = cx.b.call
    if cx.checks:
        fine = call("less", first, last)
        fine = fine if fine.ndim == 0 else call("all", fine)
        cx.check(Scalar(fine.expr, bool), ValueError("low >= high"))
    span = call("subtract", last, first)
    u = uniform(cx, sizes)
    place = call("floor", call("multiply", u, convert(cx, span, FLOAT64)))
    place = convert(cx, place, INT64)
    # Rounding may lead to the end itself.
    inside = call("minimum", place, call("subtract", span, full(1, INT64)))
    made: Tensor = call("add", first, inside)
    return made


@rule(np.random.binomial)
def binomial(cx: Any, n: Value, p: Value, size: Value = NONE) -> Value:
    """As many trials as are asked for, counted."""
    trials = int(cx.static(n, "the number of trials"))
    if not 0 <= trials <= MOST_TRIALS:
        cx.fail("AF0306", f"numpy.random.binomial of {trials} trials isn't supported")
    chance = _parameter(cx, p)
    sizes = _sizes(cx, size, [chance])
    u = uniform(cx, [Static(trials), *sizes])
    hits = convert(cx, cx.b.call("less", u, chance), INT64)
    return _result(cx, cx.b.call("sum", hits, axis=[0]), size)


def _shuffled(cx: Any, size: Value) -> Tensor:
    """The numbers from 0 to ``size`` - 1 in some order."""
    keys = uniform(cx, [size])
    made: Tensor = cx.b.call("argsort", keys, axis=0, dtype="int64")
    return made


@rule(np.random.permutation)
def permutation(cx: Any, x: Value) -> Tensor:
    if isinstance(x, Scalar) or (isinstance(x, Static) and isinstance(x.obj, int | np.integer)):
        return _shuffled(cx, x)
    array = as_array(cx, x)
    if array.ndim == 0:
        return _shuffled(cx, cx.tensor_to_scalar(array))
    order = _shuffled(cx, cx.dim_of(array, 0))
    return cx.b.call("take", array, order, axis=0, mode="clip")  # type: ignore[no-any-return]


@rule(np.random.shuffle)
def shuffle(cx: Any, x: Value) -> Value:
    if not isinstance(x, Tensor) or x.kind != "array" or not x.ndim:
        cx.fail("AF0306", f"numpy.random.shuffle of {describe(x)} isn't supported")
        return NONE
    cx.replace_array(x, x.viewed_as(permutation(cx, x).as_kind("array")))
    return NONE


@rule(np.random.choice)
def choice(cx: Any, a: Value, size: Value = NONE, replace: Value = TRUE, p: Value = NONE) -> Value:
    is_number = isinstance(a, Scalar) or (
        isinstance(a, Static) and isinstance(a.obj, int | np.integer)
    )
    items = None if is_number else as_array(cx, a)
    count = a if items is None else cx.dim_of(items, 0)
    sizes = _sizes(cx, size, [])
    if cx.static(replace, "`replace`"):
        places = _places(cx, count, sizes, p)
    else:
        places = _distinct(cx, count, sizes, p)
    if items is None:
        return _result(cx, places, size)
    taken = cx.b.call("take", items, places, axis=0, mode="clip")
    return taken.as_kind("generic") if taken.ndim == 0 else taken  # type: ignore[no-any-return]


def _places(cx: Any, count: Value, sizes: Sequence[Value], p: Value) -> Tensor:
    call = cx.b.call
    if is_none(p):
        last = convert(cx, as_array(cx, count), INT64)
        return _whole(cx, full(0, INT64), last, sizes)
    ends = call("cumsum", _parameter(cx, p), axis=0)
    total = call("take", ends, constant(np.int64(-1)), axis=0, mode="wrap")
    ends = call("divide", ends, total)
    u = call("expand_dims", uniform(cx, sizes), axis=len(sizes))
    return _counted(cx, call("greater_equal", u, ends), len(sizes))


def _distinct(cx: Any, count: Value, sizes: Sequence[Value], p: Value) -> Tensor:
    wanted: Value = Static(1)
    for s in sizes:
        wanted = cx.binary_op(operator.mul, wanted, s)
    if isinstance(wanted, Scalar) and len(sizes) > 1:
        cx.fail("AF0306", "numpy.random.choice without replacement of staged sizes")
    fits = cx.compare(gast.LtE(), wanted, count)
    error = ValueError("Cannot take a larger sample than population when 'replace=False'")
    cx.check(fits, error)
    positive = cx.compare(gast.GtE(), wanted, Static(0))
    cx.check(positive, ValueError("negative dimensions are not allowed"))
    order = _shuffled(cx, count) if is_none(p) else _drawn_by_weight(cx, count, wanted, p)
    first: Tensor = cx.get_item(order, Slice(NONE, wanted, NONE))
    return first if len(sizes) == 1 else reshaped(cx, first, list(sizes))


def _drawn_by_weight(cx: Any, count: Value, wanted: Value, p: Value) -> Tensor:
    """The places one after another, each with its probability among those that are left.

    That's the order of independent exponential times, each with its probability as its rate.
    """
    rates = _parameter(cx, p)
    possible = cx.call(Static(np.count_nonzero), [rates], {})
    enough = cx.compare(gast.GtE(), possible, wanted)
    cx.check(enough, ValueError("Fewer non-zero entries in p than size"))
    times = cx.b.call("divide", _negative_log(cx, [count]), rates)
    never = cx.b.call("equal", rates, full(0, FLOAT64))
    times = cx.b.call("where", never, full(np.inf, FLOAT64), times)
    made: Tensor = cx.b.call("argsort", times, axis=0, dtype="int64")
    return made


@rule(np.random.multinomial)
def multinomial(cx: Any, n: Value, pvals: Value, size: Value = NONE) -> Tensor:
    """As many draws as are asked for, counted by place."""
    trials = int(cx.static(n, "the number of trials"))
    if not 0 <= trials <= MOST_TRIALS:
        cx.fail("AF0306", f"numpy.random.multinomial of {trials} trials isn't supported")
    chances = _parameter(cx, pvals)
    if cx.checks:
        # numpy leaves the last one out, and has it take what is left.
        most = cx.call(Static(np.sum), [index_tensor(cx, chances, Static(slice(0, -1)))], {})
        fine = cx.compare(gast.LtE(), most, Static(1.0 + 1e-12))
        cx.check(fine, ValueError("sum(pvals[:-1]) > 1.0"))
    ends = cx.b.call("cumsum", chances, axis=0)
    sizes = _sizes(cx, size, [])
    u = cx.b.call("expand_dims", uniform(cx, [Static(trials), *sizes]), axis=1 + len(sizes))
    places = _counted(cx, cx.b.call("greater_equal", u, ends), 1 + len(sizes))
    last = cx.as_tensor(minus(cx, cx.dim_of(chances, 0), Static(1)))
    places = cx.b.call("expand_dims", cx.b.call("minimum", places, last), axis=1 + len(sizes))
    every = cx.as_tensor(cx.call(Static(np.arange), [cx.dim_of(chances, 0)], {}))
    return _counted(cx, cx.b.call("equal", places, every), 0)


def _counted(cx: Any, these: Tensor, axis: int) -> Tensor:
    made: Tensor = cx.b.call("sum", convert(cx, these, INT64), axis=[axis])
    return made


# --- Python's random ---------------------------------------------------------------------------


@rule(python_random.random)
def random_number(cx: Any) -> Value:
    return _result(cx, uniform(cx, []), NONE)


@rule(python_random.uniform)
def python_uniform(cx: Any, a: Value, b: Value) -> Value:
    return _scaled(cx, uniform, NONE, a, b, ends=True)


@rule(python_random.gauss, python_random.normalvariate)
def gauss(cx: Any, mu: Value = Static(0.0), sigma: Value = Static(1.0)) -> Value:
    return _scaled(cx, normal, NONE, mu, sigma)


@rule(python_random.randint)
def python_randint(cx: Any, a: Value, b: Value) -> Value:
    return randint(cx, a, cx.binary_op(operator.add, b, Static(1)))


@rule(python_random.randrange)
def randrange(cx: Any, start: Value, stop: Value = NONE) -> Value:
    return randint(cx, start, stop)


@rule(python_random.choice)
def python_choice(cx: Any, seq: Value) -> Value:
    # What's empty has no item 0, and says so.
    count = cx.call(Static(max), [cx.length(seq), Static(1)], {})
    return cx.get_item(seq, randint(cx, Static(0), count))  # type: ignore[no-any-return]


@rule(python_random.choices)
def python_choices(
    cx: Any,
    population: Value,
    weights: Value = NONE,
    *,
    cum_weights: Value = NONE,
    k: Value = Static(1),
) -> Value:
    if not is_none(cum_weights):
        cx.fail("AF0306", "random.choices with cum_weights isn't supported", help="give weights")
    places = _places(cx, cx.length(population), [k], weights)
    return cx.call(Static(_picked), [population, places], {})  # type: ignore[no-any-return]


@rule(python_random.sample)
def python_sample(cx: Any, population: Value, k: Value) -> Value:
    count = cx.length(population)
    fits = cx.compare(gast.LtE(), k, count)
    cx.check(fits, ValueError("Sample larger than population or is negative"))
    places = index_tensor(cx, _shuffled(cx, count), cx.call(Static(slice), [k], {}))
    return cx.call(Static(_picked), [population, places], {})  # type: ignore[no-any-return]


def _picked(population: Any, places: Any) -> list[Any]:
    return [population[int(places[i])] for i in range(len(places))]


@rule(python_random.shuffle)
def python_shuffle(cx: Any, x: Value) -> Value:
    """Of a list; numpy's rows would be overwritten while they are exchanged."""
    if not isinstance(x, List):
        cx.fail("AF0306", f"random.shuffle of {describe(x)}", help="use numpy.random.shuffle")
        return NONE
    mixed = python_sample(cx, x, cx.length(x))
    cx.heap[x.cell] = cx.heap[mixed.cell]  # type: ignore[attr-defined]
    return NONE
