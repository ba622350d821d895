"""What the numpy tests share: one compiled program, run with arrays of several sizes."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from astfront.build import build
from astfront.program import lower
from astfront.signature import TensorSpec, flatten
from tests.support import assert_same


def same(
    function: Callable[..., Any],
    *calls: Sequence[Any],
    specs: Sequence[Any] | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> None:
    """The compiled function gives what numpy gives, for all calls by one program.

    ``specs`` are the shapes of array arguments, with ``None`` for staged sizes; those of the first
    call if left out.
    """
    first = calls[0]
    if specs is not None:
        first = [
            TensorSpec(s, a.dtype) if isinstance(s, tuple) else a for s, a in zip(specs, first)
        ]
    program = lower(function, tuple(first), {})
    executable = build(program.mod)
    for args in calls:
        _, leaves = flatten(args, {})
        arrays = {leaf.name: np.asarray(a) for leaf, a in zip(program.leaves, leaves)}
        arrays.update(program.params())
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                expected = function(*copy.deepcopy(tuple(args)))
            except Exception as e:
                expected = e
        outputs = executable.run([arrays[n] for n in program.parameters])
        if isinstance(expected, Exception):
            try:
                program.finish(outputs, args, {})
            except type(expected):
                continue
            raise AssertionError(f"{expected!r} isn't raised")
        got = program.finish(outputs, args, {})
        if isinstance(expected, tuple) and isinstance(got, tuple) and len(got) == len(expected):
            for i, (a, b) in enumerate(zip(got, expected)):
                try:
                    assert_same(a, b, rtol, atol)
                except AssertionError as e:
                    raise AssertionError(f"result {i}: {e}") from None
        assert_same(got, expected, rtol, atol)
