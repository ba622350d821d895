"""Many parameters that are put together at once become one: whoever calls the program stacks them.

A list of arrays is as many parameters, each of which costs TVM time, when it compiles and at each call.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%a: Tensor[(2), float32], %b: Tensor[(2), float32], %c: Tensor[(3), float32]) {
...   let %x = concatenate((%a, %b));
...   let %y = tanh(%b);
...   (%x, %y, %c)
... }''')
>>> mod, gathered = run(mod, {"a", "b", "c"}, few=1)
>>> show(mod)
def @main(%a_rows: Tensor[(2, 2), float32], %c: Tensor[(3), float32])
    -> (Tensor[(4), float32], Tensor[(2), float32], Tensor[(3), float32]) {
  let %b: Tensor[(2), float32] = take(%a_rows, 1i64, axis=0);
  let %x: Tensor[(4), float32] = reshape(%a_rows, newshape=[4]);
  let %y: Tensor[(2), float32] = tanh(%b);
  (%x, %y, %c)
}
>>> gathered
{'a_rows': ['a', 'b']}
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import tvm
from tvm import relay

from passes.relay import dead_bindings
from passes.relay.bindings import (
    Rewriter,
    Scope,
    chain,
    operands,
    operator,
    static_shape,
    substitute,
)

#: No more parameters than this stay as they are; so do those of which more are used one by one.
FEW = 32


def run(
    mod: tvm.IRModule, names: Collection[str], few: int = FEW
) -> tuple[tvm.IRModule, dict[str, list[str]]]:
    """The module, and which of the parameters that may be gathered (``names``) a new one stacks."""
    main = mod["main"]
    if len(main.params) <= few:
        return mod, {}
    mod = relay.transform.InferType()(mod)
    gathering = _Gathering(mod["main"], names, few)
    function = gathering.function()
    if function is None:
        return mod, {}
    result = tvm.IRModule(dict(mod.functions.items()), dict(mod.type_definitions.items()))
    result["main"] = function
    found = {rows.name_hint: [p.name_hint for p in g] for g, rows in gathering.groups.items()}
    return relay.transform.InferType()(result), found


class _Gathering(Rewriter):
    def __init__(self, main: Any, names: Collection[str], few: int) -> None:
        super().__init__()
        self.main = main
        self.few = few
        self.params = {p for p in main.params if p.name_hint in names}
        self.groups: dict[tuple[Any, ...], Any] = {}
        """What stacks which parameters."""

    def function(self) -> Any:
        """``main`` with the groups as parameters, if there are any."""
        body, used = dead_bindings.clean(self.visit(self.main.body))
        alone = [[(k, p) for k, p in enumerate(group) if p in used] for group in self.groups]
        if not self.groups or max(map(len, alone)) > self.few:
            return None
        again = {p: relay.Var(p.name_hint) for found in alone for _, p in found}
        taken = [
            (again[p], relay.take(rows, relay.const(k, "int64"), axis=0, mode="clip"))
            for rows, found in zip(self.groups.values(), alone)
            for k, p in found
        ]
        first = {group[0]: rows for group, rows in self.groups.items()}
        gone = {p for group in self.groups for p in group}
        params = [first.get(p, p) for p in self.main.params if p in first or p not in gone]
        return relay.Function(params, chain(taken, substitute(body, again)))

    def rewrite(self, bindings: Scope, result: Any) -> Any:
        made = [(var, self.gathered(var, value) or value) for var, value in bindings]
        return chain(made, result)

    def gathered(self, var: Any, value: Any) -> Any:
        """Another value for a variable to which many parameters are put together."""
        joins = operator(value) in ("concatenate", "stack")
        parts = operands(value.args[0]) if joins else []
        if len(parts) <= self.few:
            return None
        stacks, axis = operator(value) == "stack", int(value.attrs.axis)
        found = [self.parameter(part) for part in parts]
        group = tuple(p for p, _ in found)
        are_rows = {is_row for _, is_row in found}
        shape = static_shape(var.checked_type)
        if shape is None or 0 in shape or not self.fits(group):
            return None
        axis %= len(shape)
        if len(are_rows) > 1 or (True in are_rows if stacks else axis):
            return None
        rows = self.rows(group)
        if rows is None:
            return None
        if not axis:
            return relay.reshape(rows, shape)
        order = [*range(1, len(shape))]
        order.insert(axis, 0)
        return relay.transpose(rows, order)

    def parameter(self, part: Any) -> tuple[Any, bool]:
        """A parameter, and whether it's one as a row: with a first axis of one."""
        value: Any = self.values.get(part)
        if operator(value) == "expand_dims":
            is_row = int(value.attrs.axis) == 0 and int(value.attrs.num_newaxis) == 1
            return (value.args[0], True) if is_row else (None, False)
        return part, False

    def fits(self, group: tuple[Any, ...]) -> bool:
        """Whether these are different parameters of one type."""
        if not self.params.issuperset(group) or len(set(group)) < len(group):
            return False
        first = group[0].checked_type
        return all(tvm.ir.structural_equal(p.checked_type, first) for p in group)

    def rows(self, group: tuple[Any, ...]) -> Any:
        """The parameter that stacks others; nothing, if some of them are part of another one."""
        if group not in self.groups:
            if any(not taken.isdisjoint(group) for taken in map(set, self.groups)):
                return None
            first = group[0].checked_type
            t = relay.TensorType((len(group), *first.shape), first.dtype)
            name = f"{group[0].name_hint}_rows"
            while any(p.name_hint == name for p in self.main.params):
                name += "_"
            self.groups[group] = relay.Var(name, t)
        return self.groups[group]
