"""Which results of a module are memory that a kernel fills at each call.

Others may be the memory of an argument or of a constant: those that no operator computes, or that a
branch or a loop leaves as they were. Two of them may be one memory, in two shapes.

>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(2, 3), float32], %w: Tensor[(2, 3), float32]) {
...   let %y = add(%x, %w);
...   let %z = reshape(%y, newshape=[3, 2]);
...   let %twice = multiply(%w, 2f);
...   (%y, %z, %x, %twice)
... }''')
>>> run(mod, {"w"})
[True, True, False, False]

Of a branch, where both arms fill it or one of them has nothing to fill, an exception's code beside it:

>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(?, 3), float32], %ok: bool) {
...   let %branch = if (%ok) { let %y = exp(%x); (%y, %x) }
...     else { let %none = zeros(shape=[0, 3], dtype="float32"); (%none, %none) };
...   let %y = %branch.0;
...   let %z = %branch.1;
...   (%y, %z)
... }''')
>>> run(mod)
[True, False]
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import operator, unchain, variables

_ELEMENTWISE, _BROADCAST, _REDUCED, _PRODUCT = 0, 1, 3, 4
"""TVM's numbers for the patterns of operators that compute all elements of their result."""

#: Those of them that may give their operand itself.
_UNCHANGED = frozenset(["cast", "cast_like", "copy", "device_copy", "nn.dropout", "on_device"])

#: Others that fill their result. (What's taken out of something isn't among them: other passes may find
#: that it's what had been put there, a constant perhaps.)
_FILLED = frozenset(
    [
        "concatenate", "image.resize2d", "nn.batch_matmul", "nn.depth_to_space", "nn.mirror_pad",
        "nn.pad", "nn.softmax", "nn.space_to_depth", "repeat", "reverse", "stack", "tile", "transpose",
    ]
)  # fmt: skip


def run(mod: tvm.IRModule, constants: Set[str] = frozenset()) -> list[bool]:
    """For each result of ``main``; these parameters of it are constants."""
    main = mod["main"]
    return _results(main.body, {}, {p for p in main.params if p.name_hint not in constants})


def _results(body: Any, outer: Mapping[Any, Any], inputs: Set[Any]) -> list[bool]:
    """For each result of a function or of an arm, in which ``outer`` values can be seen.

    ``inputs`` are the variables among them that aren't known before the call.
    """
    bindings, result = unchain(body)
    values = {**outer, **dict(bindings)}
    varying = set(inputs)
    for var, value in bindings:
        if not varying.isdisjoint(variables(value)):
            varying.add(var)
    arms: dict[Any, list[bool]] = {}

    def of_arms(var: Any) -> list[bool]:
        if var not in arms:
            branch = values[var]
            both = (branch.true_branch, branch.false_branch)
            arms[var] = [all(x) for x in zip(*(_results(arm, values, varying) for arm in both))]
        return arms[var]

    def is_fresh(expr: Any) -> bool:
        value: Any = values.get(expr)
        while operator(value) == "reshape":
            value = values.get(value.args[0])
        if isinstance(value, relay.TupleGetItem):
            made = value.tuple_value
            return isinstance(values.get(made), relay.If) and of_arms(made)[value.index]
        return _is_empty(value, values) or (expr in varying and _is_filled(operator(value)))

    return [is_fresh(x) for x in (result.fields if isinstance(result, relay.Tuple) else [result])]


def _is_empty(value: Any, values: Mapping[Any, Any]) -> bool:
    """Whether it's an array of no elements, which stands for a result where an exception is raised."""
    if isinstance(value, relay.Call) and isinstance(value.op, relay.Function):
        if list(value.op.params) != [value.op.body]:
            return False
        value = values.get(value.args[0])
    return operator(value) == "zeros" and 0 in [int(n) for n in value.attrs.shape]


def _is_filled(name: str) -> bool:
    if not name or name in _UNCHANGED or name.startswith(("annotation.", "vm.", "memory.")):
        return False
    pattern = relay.op.get(name).get_attr("TOpPattern")
    return name in _FILLED or pattern in (_ELEMENTWISE, _BROADCAST, _REDUCED, _PRODUCT)
