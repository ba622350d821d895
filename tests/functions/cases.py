"""Cases of functions and links: data, proved by one parametrised test a file, listed in docs/operators.md.

A case is a call of a function (`F.softmax(x, axis=0)`) or the making of a link (`L.Linear(4, 3)`) in a
group: a function decorated with :func:`cases` or :func:`link_cases`. A group is one program for each of its
dtypes and for each choice of staged sizes. `tools/operators.py` reads the calls from the group's source.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import chainer
import chainer.links as L
import numpy as np
import pytest

from astfront.diagnostics import CompileError
from astfront.program import lower
from tests.support import assert_same, check, check_staged, run, specs_of

FLOATS = ("float16", "float32", "float64")
WIDE = ("float32", "float64")

Sizes = Mapping[int, Any]
"""Staged sizes, by the number of the argument: see :func:`tests.support.specs_of`."""


@dataclass(frozen=True)
class Group:
    """Calls that are compiled together, and what they are compiled for."""

    function: Callable[..., Any]
    calls: tuple[Sequence[Any], ...]
    dtypes: tuple[str, ...] = ("float32",)
    staged: tuple[Sizes, ...] = ()
    mode: str = "test"
    """`test`, `train`; or `statistics`, `lowered`: those are proved by tests of their own."""
    tolerance: Mapping[str, float] | None = None
    links: bool = False
    code: str | None = None
    """What it's refused with."""


@dataclass(frozen=True)
class Program:
    """One test: a group for a dtype, or for staged sizes."""

    group: Group
    dtype: str = "float32"
    sizes: Sizes | None = None

    def __str__(self) -> str:
        sizes = "" if self.sizes is None else f"-staged{self.group.staged.index(self.sizes)}"
        return f"{self.group.function.__name__}-{self.dtype}{sizes}"

    def check(self) -> None:
        """Compiled, it gives what Chainer gives; or it's refused with the code that's given."""
        group = self.group
        calls = [[of_dtype(a, self.dtype) for a in args] for args in group.calls]
        with (
            chainer.using_config("train", group.mode == "train"),
            chainer.no_backprop_mode(),
            np.errstate(all="ignore"),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            if group.code is not None:
                self._check_refused(calls[0])
            elif group.links:
                self._check_links(calls)
            elif self.sizes is not None:
                first, *others = calls
                check_staged(group.function, first, self.sizes, *others, **self._tolerance())
            else:
                check(group.function, *calls, **self._tolerance())

    def _tolerance(self) -> Mapping[str, float]:
        loose = {"rtol": 2e-2, "atol": 2e-2} if self.dtype == "float16" else {}
        return {**loose, **(self.group.tolerance or {})}

    def _check_refused(self, args: Sequence[Any]) -> None:
        with pytest.raises(CompileError, match=self.group.code):
            lower(self.group.function, specs_of(args, self.sizes or {}), {})

    def _check_links(self, calls: Sequence[Sequence[Any]]) -> None:
        """Two copies go through the same calls, one compiled; what they keep is compared too."""
        expected = randomised(Every(*self.group.function()))
        got = copy.deepcopy(expected)
        tolerance = {"rtol": 1e-4, "atol": 1e-5, **self._tolerance()}
        for args in calls:
            if self.sizes is not None:
                expected(*args)  # initialises it
                check_staged(expected, args, self.sizes, **tolerance)
                continue
            np.random.seed(0)  # what isn't initialised yet is so by the first call
            y = run(got, *copy.deepcopy(args))
            np.random.seed(0)
            assert_same(y, expected(*copy.deepcopy(args)), **tolerance)
            assert_same(kept_by(got), kept_by(expected), **tolerance)


GROUPS: list[Group] = []


def cases(
    *calls: Sequence[Any],
    dtypes: Sequence[str] = ("float32",),
    staged: Sizes | Sequence[Sizes] = (),
    train: bool = False,
    **tolerance: float,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function that calls what is tested, with the arguments of each call of it.

    Arrays of float32 among the arguments are cast to each of ``dtypes``. With ``staged`` there is one more
    program for each mapping from argument numbers to shapes.
    """
    sizes = (staged,) if isinstance(staged, Mapping) else tuple(staged)
    return _register(calls, tuple(dtypes), sizes, train, tolerance)


def proved_apart(
    mode: str = "test", *, dtypes: Sequence[str] = ("float32",), staged: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function that has a test of its own, which compiles it for these dtypes and sizes."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        sizes = ({},) if staged else ()
        GROUPS.append(Group(function, (), tuple(dtypes), sizes, mode))
        return function

    return register


def link_cases(
    *calls: Sequence[Any], staged: Sizes | None = None, train: bool = False, **tolerance: float
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function that makes links, each of which is then called with the same arguments."""
    sizes = () if staged is None else (staged,)
    return _register(calls, ("float32",), sizes, train, tolerance, links=True)


def refused(
    code: str, *args: Any, staged: Sizes | None = None, train: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function that can't be compiled, and the code that says so."""
    sizes = () if staged is None else (staged,)
    return _register((args,), (), sizes, train, {}, code=code)


def _register(
    calls: Sequence[Sequence[Any]],
    dtypes: tuple[str, ...],
    staged: tuple[Sizes, ...],
    train: bool,
    tolerance: Mapping[str, float],
    **kind: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        mode = "train" if train else "test"
        GROUPS.append(Group(function, tuple(calls), dtypes, staged, mode, tolerance, **kind))
        return function

    return register


def programs(module: str) -> Iterator[Program]:
    """What the groups of a test module are compiled for."""
    for group in GROUPS:
        if group.function.__module__ == module and group.calls:
            yield from (Program(group, dtype) for dtype in group.dtypes)
            yield from (Program(group, sizes=sizes) for sizes in group.staged)
            if group.code is not None and not group.staged:
                yield Program(group)


# --- what the cases are made of ------------------------------------------------------------------


def V(x: Any) -> chainer.Variable:
    return chainer.Variable(np.asarray(x))


def rows(*shape: int, dtype: Any = "float32", seed: int = 0) -> np.ndarray:
    """Numbers between -2 and 2."""
    return np.asarray(np.random.RandomState(seed).uniform(-2, 2, shape), dtype)


def f(*shape: int, dtype: Any = "float32", seed: int = 0) -> np.ndarray:
    """Numbers of the normal distribution, others for each shape."""
    return np.asarray(np.random.RandomState(seed + sum(shape)).randn(*shape), dtype)


def of_dtype(value: Any, dtype: str) -> Any:
    """A copy of it in which what was float32 is of the given dtype."""
    if isinstance(value, list | tuple):
        return type(value)(of_dtype(v, dtype) for v in value)
    if isinstance(value, chainer.Variable):
        return V(of_dtype(value.array, dtype))
    if isinstance(value, np.ndarray):
        return value.astype(dtype) if value.dtype == np.float32 else value.copy()
    return value


class Every(chainer.Chain):
    """Applies each of its links to the same arguments."""

    def __init__(self, *links: chainer.Link) -> None:
        super().__init__()
        with self.init_scope():
            self.all = chainer.ChainList(*links)

    def forward(self, *args: Any) -> list[Any]:
        return [link(*args) for link in self.all]


def randomised(link: chainer.Link, seed: int = 0) -> chainer.Link:
    """Every parameter and running statistic random, so that nothing is hidden by a 0 or a 1."""
    state = np.random.RandomState(seed)
    for parameter in link.params():
        if parameter.array is not None:
            parameter.array[...] = state.uniform(-1, 1, parameter.shape)
    for child in link.links():
        if isinstance(child, L.BatchNormalization) and child.avg_mean is not None:
            child.avg_mean[...] = state.uniform(-1, 1, child.avg_mean.shape)
            child.avg_var[...] = state.uniform(0.5, 2, child.avg_var.shape)
    return link


def kept_by(link: chainer.Link) -> dict[str, Any]:
    """The arrays and numbers that a link and its children hold."""
    return {
        f"{path}/{name}": value
        for path, child in link.namedlinks()
        for name, value in sorted(vars(child).items())
        if isinstance(value, np.ndarray | chainer.Variable | int | float) and value is not None
    }
