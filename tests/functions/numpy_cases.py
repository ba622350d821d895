"""What the numpy tests share: one compiled program, run with arrays of several sizes."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import linecache
import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import chainer
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

    What is compiled has numpy under the name `xp`, where the function is one of the module's.
    ``specs`` are the shapes of array arguments, with ``None`` for staged sizes; those of the first
    call if left out.
    """
    first = calls[0]
    if specs is not None:
        first = [
            TensorSpec(s, a.dtype) if isinstance(s, tuple) else a for s, a in zip(specs, first)
        ]
    compiled = through_xp(function) if function.__qualname__.isidentifier() else function
    program = lower(compiled, tuple(first), {})
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


@functools.cache
def through_xp(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as models have it, which ask their first argument for its array module."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    for node in ast.walk(definition):
        if isinstance(node, ast.Name) and node.id == "np":
            node.id = "xp"
    first = definition.args.args[0].arg
    definition.body[:0] = ast.parse(f"xp = chainer.backend.get_array_module({first})").body
    definition.decorator_list.clear()
    source = ast.unparse(tree)
    name = f"<{function.__module__}.{function.__qualname__}, through xp>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace = {**function.__globals__, "chainer": chainer}
    exec(compile(source, name, "exec"), namespace)
    return namespace[function.__name__]  # type: ignore[no-any-return]
