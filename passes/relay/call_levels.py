"""All calls of a recursive function level by level, for ``recursion_kernel``: products are shared.

A call's product with weights reads all of them, for one row or two. Where all calls are known before
anything is computed (`call_slices.py`), those that make no calls come first, then those that call only
these, and so on. Calls of one level need nothing of each other, and a product for all of them reads the
weights once. What's computed is the same, in another order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import tvm
from tvm import relay

from passes.relay.bindings import Scope, chain, operator, unchain, variables
from passes.relay.call_slices import RECORD, Path, cut, is_shared
from passes.relay.kernel_bodies import ImpossibleError, Lifted, kernels_of, optimised
from passes.relay.kernel_writer import LOWERED
from passes.relay.level_kernel import ROWS_OF_KERNELS, SHARED
from passes.relay.recursion_machine import bytes_of
from passes.relay.recursive_bodies import Body, called, typed
from passes.relay.slices import fields_of

_MOST_BYTES = 1 << 16
"""Of what a call gives: all of it is kept until the end."""


class _Part(NamedTuple):
    """A part of a function, with kernels: what's computed of parameters and of what all calls read."""

    params: list[Any]
    given: list[Any]
    body: Any


class Levels(NamedTuple):
    """The parts of a function. Inference makes new variables, so each part has its own ones."""

    var: Any
    walk: _Part
    known: list[int]
    """Which of the results the walk gives."""
    records: int
    conditions: list[list[tuple[int, bool]]]
    """Of each path: records, and what they have to be."""
    paths: list[_Part]
    """Their parameters are the records, and what the calls gave that a call makes."""

    def attributes(self, constants: Sequence[Any]) -> dict[str, Any]:
        """Of a call of ``recursion_kernel``; the constants are read by all parts."""
        walk = relay.Function(self.walk.params, self.walk.body)
        return {
            "walk": called(self.var, walk, [*self.walk.given, *constants]),
            "known": self.known,
            "records": self.records,
            "conditions": [
                [[record, int(way)] for record, way in path] for path in self.conditions
            ],
            "paths": [
                typed(relay.Function([*path.params, *path.given, *constants], path.body))
                for path in self.paths
            ],
        }


def levels(
    var: Any, function: relay.Function, target: tvm.target.Target, lifted: Lifted
) -> Levels | None:
    """The parts of a function that's called by a name, or None where its calls share nothing."""
    try:
        parts = cut(var, function)
        types = fields_of(function.ret_type)
        if sum(_bytes_of(types[field]) for field in parts.computed) > _MOST_BYTES:
            return None
        captured = [v for v in relay.analysis.free_vars(function) if v != var]
        whole = called(parts.var, parts.walk, captured)
        ((name, walk),), _ = unchain(whole.body)
        body = _Walk(name, target, lifted).of_arm(walk.body)
        given = whole.params[len(function.params) :]
        own = [*parts.records, *(v for child in parts.children for v in child)]
        paths = [_path(path, own, captured, target, lifted) for path in parts.paths]
    except ImpossibleError:
        return None
    whole_walk = _Part(list(walk.params), list(given), body)
    known = [field or 0 for field in parts.known]
    conditions = [path.conditions for path in parts.paths]
    return Levels(name, whole_walk, known, len(parts.records), conditions, paths)


def _bytes_of(t: relay.TensorType) -> int:
    return math.prod(map(int, t.shape)) * bytes_of(t.dtype)


def _path(
    path: Path,
    own: Sequence[Any],
    captured: Sequence[Any],
    target: tvm.target.Target,
    lifted: Lifted,
) -> _Part:
    whole = chain(path.bindings, relay.Tuple(path.results))
    function = typed(relay.Function([*own, *captured], whole))
    params, given = list(function.params[: len(own)]), list(function.params[len(own) :])
    bindings, result = unchain(function.body)
    ordered = chain(in_stages(bindings, result), result)
    return _Part(params, given, _Path(None, target, lifted).of_arm(ordered))


def in_stages(bindings: Scope, result: Any) -> Scope:
    """Bindings in such an order that shared products stand together where they can.

    A product is as early as it can be, and everything else as late.
    """
    early: dict[Any, int] = {}
    shared = {var for var, value in bindings if is_shared(value)}
    for var, value in bindings:
        early[var] = max((early.get(v, 0) + (v in shared) for v in variables(value)), default=0)
    last = max(early.values(), default=0)
    late: dict[Any, int] = {}

    def use(used: Iterable[Any], stage: int) -> None:
        for v in used:
            late[v] = min(late.get(v, last), stage)

    use(variables(result), last)
    for var, value in reversed(bindings):
        late[var] = early[var] if var in shared else late.get(var, last)
        use(variables(value), late[var])
    for var, value in bindings:
        if isinstance(value, relay.TupleGetItem):  # where the tuple is: only tensors are held
            late[var] = late.get(value.tuple_value, late[var])
    return sorted(bindings, key=lambda binding: (late[binding[0]], binding[0] in shared))


class _Walk(Body):
    def visit_binding(self, var: Any, value: Any) -> Any:
        return value if operator(value) == RECORD else super().visit_binding(var, value)


class _Path(Body):
    def is_grouped(self, value: Any) -> bool:
        return not is_shared(value) and super().is_grouped(value)

    def visit_binding(self, var: Any, value: Any) -> Any:
        if not is_shared(value):
            return super().visit_binding(var, value)
        made = [self._product(value, calls) for calls in ROWS_OF_KERNELS]
        function, args = made[0]
        function = function.with_attr(SHARED, [kernel.attrs[LOWERED] for kernel, _ in made])
        return relay.Call(function, args, span=value.span)

    def _product(self, value: Any, calls: int) -> tuple[relay.Function, list[Any]]:
        """The kernel of a product of so many calls' rows, and its operands."""
        rows, weights = value.args
        count, depth = map(int, rows.checked_type.shape)
        given = relay.Var("rows", relay.TensorType([calls * count, depth], rows.checked_type.dtype))
        product = relay.Call(value.op, [given, weights], value.attrs, span=value.span)
        function, constants = optimised(relay.Function([given], product), self.target)
        bindings, call = unchain(function.body)
        bound = dict(bindings)
        call = bound.get(call, call)
        kernel = bound.get(call.op, call.op) if isinstance(call, relay.Call) else None
        if not isinstance(kernel, relay.Function) or kernels_of(function) != 1:
            raise ImpossibleError
        names = dict(zip(function.params, [rows, *map(self.visit, constants)]))
        return kernel, [names[bound.get(arg, arg)] for arg in call.args]
