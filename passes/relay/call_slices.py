"""A function that calls itself, cut in two: which calls there are, and what they compute.

Where neither a condition before a call nor an argument of one depends on what's computed with tensors,
all calls can be found before that: by the *walk*, which is the function without what it doesn't need for
this. What the calls compute is found afterwards, in any order in which a call comes after those it
makes. Functions of a tree are like that.

The walk says with `RECORD` what the rest of a call reads. The rest is a *path* for each way through the
branches that have large products in them: a chain without calls.

>>> import numpy
>>> from passes.relay import show
>>> from passes.relay.recursive_bodies import called
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%n: int64, %x: Tensor[(1, 99), float32], %w: Tensor[(99, 99), float32]) {
...   let %go: fn (int64) -> Tensor[(1, 99), float32] = fn (%i: int64) -> Tensor[(1, 99), float32] {
...     let %last = less(%i, 1i64);
...     let %y = if (%last) { %x } else {
...       let %j = subtract(%i, 1i64);
...       let %a = %go(%j);
...       let %k = subtract(%i, 2i64);
...       let %b = %go(%k);
...       let %c = add(%a, %b);
...       let %d = nn.dense(%c, %w, units=None);
...       %d
...     };
...     %y
...   };
...   %go(%n)
... }''')
>>> weights = {"w": tvm.nd.array(numpy.eye(99, dtype="float32"))}
>>> main = relay.build_module.bind_params_by_name(mod["main"], weights)
>>> mod = relay.transform.InferType()(tvm.IRModule.from_expr(main))
>>> ((var, function),), _ = unchain(mod["main"].body)
>>> parts = cut(var, function)
>>> show(tvm.IRModule.from_expr(called(parts.var, parts.walk, [])))
def @main(%i: int64) -> () {
  let %go: fn (int64) -> () = fn (%i1: int64) -> () {
    let %last: bool = less(%i1, 1i64);
    let %recorded: bool = recursion_kernel.record(%last, __dict__={"number"=0});
    let %y: () = if (%last) {
      ()
    } else {
      let %j: int64 = subtract(%i1, 1i64);
      let %a: () = %go(%j);
      let %k: int64 = subtract(%i1, 2i64);
      let %b: () = %go(%k);
      ()
    };
    ()
  };
  %go(%i)
}
>>> leaf, node = parts.paths
>>> leaf.conditions, node.conditions
([(0, True)], [(0, False)])
>>> [(name.name_hint, value.op.name) for name, value in node.bindings]
[('c', 'add'), ('d', 'nn.dense')]
>>> [operand.name_hint for operand in node.bindings[0][1].args], [len(leaf.bindings), leaf.results]
(['given', 'given'], [0, [Var(x, ty=TensorType([1, 99], float32))]])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import tvm
from tvm import relay
from tvm.relay.op import op as registry

from passes.relay.bindings import (
    Scope,
    chain,
    inside,
    operands,
    operator,
    static_shape,
    substitute,
    unchain,
    variables,
)
from passes.relay.kernel_bodies import ImpossibleError
from passes.relay.slices import (
    Field,
    Slice,
    define,
    field_of,
    fields_of,
    is_call,
    order_of,
    type_of,
    with_names,
)

RECORD = "recursion_kernel.record"
"""The operator by which a walk says what's read later: its attribute is the number of the record."""

MOST_PATHS = 4

_MOST_NUMBERS = 16
"""In a value that the walk computes with."""

_LEAST_WEIGHTS = 1 << 13
"""Numbers in the weights of a product: fewer are read as quickly for each row."""


@dataclass
class Path:
    """What's computed of a call for which records have certain values."""

    conditions: list[tuple[int, bool]] = field(default_factory=list)
    bindings: Scope = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    names: dict[Any, Any] = field(default_factory=dict)
    """What the names of branches' results stand for."""

    def by_way_of(self, condition: tuple[int, bool], arm: Path, chosen: Sequence[Any]) -> Path:
        """This, and then one arm of a branch, whose results get names."""
        bindings = [(var, substitute(value, self.names)) for var, value in arm.bindings]
        names = {
            name: self.names.get(value, value)
            for name, value in (*arm.names.items(), *zip(chosen, arm.results))
        }
        conditions = [*self.conditions, condition, *arm.conditions]
        return Path(conditions, [*self.bindings, *bindings], names={**self.names, **names})


class Slices(NamedTuple):
    """A function in parts.

    Its results are those of the walk, ``known``, and those of a path, ``computed``. ``children`` are the
    variables by which paths have the latter of the calls that a call makes, for each place of one.
    """

    var: Any
    walk: relay.Function
    known: list[Field]
    computed: list[Field]
    records: list[Any]
    children: list[list[Any]]
    paths: list[Path]


def cut(var: Any, function: relay.Function) -> Slices:
    """The parts of a function, of known sizes, that's called by a name.

    Raises ImpossibleError where it can't be cut, or where the calls have nothing to share.
    """
    body = with_names(function.body)
    definitions: dict[Any, Any] = {}
    define(body, definitions)
    calls = [v for v, value in definitions.items() if is_call(value, var)]
    if len(calls) < 2 or sum(var in operands(x) for x in inside(body)) > len(calls):
        raise ImpossibleError
    walk = _Walk(var, function.params, body, definitions)
    walk.need_calls(body)
    types = fields_of(function.ret_type)
    if any(static_shape(t) is None for t in types.values()):
        raise ImpossibleError
    while True:
        computed = [f for f in types if f not in walk.known]
        rest = _Rest(walk, calls, computed)
        rest.need_results(body, computed)
        paths = rest.paths(body, computed)
        if walk.known.isdisjoint(computed):
            break  # otherwise a path reads more of the walk, which needs more of the results
    if not any(is_shared(value) for path in paths for _, value in path.bindings):
        raise ImpossibleError
    children = [list(rest.children[v].values()) for v in calls]
    known = sorted(walk.known, key=order_of)
    return Slices(walk.name, walk.function(types), known, computed, walk.records, children, paths)


def is_shared(value: Any) -> bool:
    """Whether a binding is a product that's worth computing for many calls.

    It is with constant weights, which are packed: others are read by the dot product, in one call as
    fast as for many rows.
    """
    if operator(value) != "nn.dense" or not isinstance(value.args[1], relay.Constant):
        return False
    size, products = map(_size, (value.args[1].checked_type, value.checked_type))
    return size >= _LEAST_WEIGHTS and products > 0


def _size(t: Any) -> int:
    """Of a tensor, in numbers, or 0 where it isn't known."""
    shape = static_shape(t)
    return 0 if shape is None else math.prod(shape)


class _Walk(Slice):
    """What's needed to find the calls."""

    def __init__(
        self, var: Any, params: Sequence[Any], body: Any, definitions: dict[Any, Any]
    ) -> None:
        super().__init__(var, definitions)
        self.params = list(params)
        self.body = body
        self.name = relay.Var(var.name_hint)
        self.known: set[Field] = set()
        """The results of the function that are needed."""
        self.records: list[Any] = []

    def need_calls(self, expr: Any) -> None:
        for _, value in unchain(expr)[0]:
            if is_call(value, self.var):
                for arg in value.args:
                    self.need(arg)
            elif isinstance(value, relay.If) and self.is_kept(value):
                self.need(value.cond)
                self.need_calls(value.true_branch)
                self.need_calls(value.false_branch)

    def need_field(self, var: Any, field: Field) -> None:
        value = self.definitions.get(var)
        if isinstance(value, relay.Call) and not is_call(value, self.var):
            _require_few_numbers(var)
        super().need_field(var, field)

    def need_of_call(self, var: Any, field: Field) -> None:
        if field not in self.known:
            self.known.add(field)
            self.need(field_of(unchain(self.body)[1], field))

    def is_kept(self, branch: relay.If) -> bool:
        return self.var in variables(branch)

    def record(self, var: Any) -> None:
        if isinstance(var, relay.Var) and var not in self.records:
            _require_few_numbers(var)
            self.need(var)
            self.records.append(var)

    def function(self, types: dict[Field, Any]) -> relay.Function:
        fields = sorted(self.known, key=order_of)
        bindings, result = unchain(self.chain_of(self.body, fields))
        first = [self._recording(p) for p in self.params if p in self.records]
        result_type = relay.TupleType([types[field] for field in fields])
        return relay.Function(self.params, chain([*first, *bindings], result), result_type)

    def binding(self, var: Any, value: Any) -> Scope:
        if is_call(value, self.var):
            call = relay.Call(self.name, value.args, span=value.span)
            made = self.bound(var, call, sorted(self.known, key=order_of))
        else:
            made = super().binding(var, value)
        return made + [self._recording(v) for v, _ in made if v in self.records]

    def _recording(self, var: Any) -> tuple[Any, Any]:
        attributes = tvm.ir.make_node("DictAttrs", number=self.records.index(var))
        call = relay.Call(relay.op.get(RECORD), [var], attributes)
        return relay.Var("recorded", type_of(var)), call


def _require_few_numbers(var: Any) -> None:
    for t in fields_of(type_of(var)).values():
        if not 0 < _size(t) <= _MOST_NUMBERS:
            raise ImpossibleError


class _Rest(Slice):
    """What's computed when all calls are known."""

    def __init__(self, walk: _Walk, calls: list[Any], computed: list[Field]) -> None:
        super().__init__(walk.var, walk.definitions)
        self.walk = walk
        self.children: dict[Any, dict[Field, Any]] = {}
        """Variables for what calls give, by those that they're bound to."""
        for var in calls:
            types = fields_of(type_of(var))
            self.children[var] = {f: relay.Var("given", types[f]) for f in computed}

    def need_results(self, expr: Any, fields: Sequence[Field]) -> None:
        for f in fields:
            self.need(field_of(unchain(expr)[1], f))

    def is_found(self, var: Any, field: Field) -> bool:
        """What the walk has, it records."""
        value = self.definitions.get(var)
        if value is None:
            is_param = var in self.walk.params
        elif isinstance(value, relay.TupleGetItem):
            is_param = self._has(value.tuple_value, value.index)
        else:
            is_param = self._has(var, field)
        if is_param and field is not None:
            raise ImpossibleError
        if is_param:
            self.walk.record(var)
        elif isinstance(value, relay.If) and self._is_choice(value):
            self.walk.record(value.cond)
        return is_param

    def _has(self, var: Any, field: Field) -> bool:
        if is_call(self.definitions.get(var), self.var):
            return field in self.walk.known
        return field in self.walk.needed.get(var, ())

    def need_of_call(self, var: Any, field: Field) -> None:
        pass

    def paths(self, expr: Any, fields: Sequence[Field]) -> list[Path]:
        bindings, result = unchain(expr)
        found = [Path()]
        choices: dict[Any, dict[Field, Any]] = {}
        for var, value in bindings:
            if isinstance(value, relay.If) and var in self.needed and self._is_choice(value):
                choices[var] = {
                    f: relay.Var("chosen") for f in sorted(self.needed[var], key=order_of)
                }
                found = self._ways(var, value, choices[var], found)
                made = [(var, choices[var][None])] if None in choices[var] else []
            elif isinstance(value, relay.TupleGetItem) and value.tuple_value in choices:
                made = [(var, choices[value.tuple_value].get(value.index))]
            else:
                made = self.binding(var, value)
            for path in found:
                for name, bound in made:
                    if isinstance(bound, relay.Var):
                        path.names[name] = path.names.get(bound, bound)
                    elif bound is not None:
                        path.bindings.append((name, substitute(bound, path.names)))
        last: Scope = []
        results = [
            choices[result][f] if result in choices else self.named(result, f, last) for f in fields
        ]
        for path in found:
            path.bindings += [(var, substitute(value, path.names)) for var, value in last]
            path.results = [path.names.get(r, r) for r in results]
        return found

    def _ways(
        self, var: Any, branch: relay.If, names: dict[Field, Any], before: list[Path]
    ) -> list[Path]:
        """The paths to a branch, and on through either arm."""
        arms = [
            (way, arm)
            for way, expr in ((True, branch.true_branch), (False, branch.false_branch))
            for arm in self.paths(expr, list(names))
        ]
        if len(before) * len(arms) > MOST_PATHS:
            raise ImpossibleError
        record = self._record_of(branch.cond)
        return [
            path.by_way_of((record, way), arm, list(names.values()))
            for path in before
            for way, arm in arms
        ]

    def _is_choice(self, branch: relay.If) -> bool:
        arms = (branch.true_branch, branch.false_branch)
        return any(is_shared(x) for arm in arms for x in inside(arm))

    def _record_of(self, condition: Any) -> int:
        if condition not in self.walk.records:
            raise ImpossibleError
        return self.walk.records.index(condition)

    def named(self, result: Any, field: Field, out: Scope) -> Any:
        if result in self.children:
            return self.children[result][field]
        return super().named(result, field, out)

    def binding(self, var: Any, value: Any) -> Scope:
        if var in self.children:
            given = self.children[var]
            return [(var, given[None])] if None in given and var in self.needed else []
        if isinstance(value, relay.TupleGetItem) and value.tuple_value in self.children:
            given = self.children[value.tuple_value]
            return [(var, given[value.index])] if var in self.needed else []
        if var in self.walk.records:
            return []
        return super().binding(var, value)


def _define_record() -> None:
    registry.register(RECORD, "Says what's read later.")
    op = relay.op.get(RECORD)
    op.set_num_inputs(1)
    op.add_argument("value", "Tensor", "What's read.")
    op.set_attrs_type_key("DictAttrs")
    op.set_attr("TOpIsStateful", True)
    op.add_type_rel("RecursionKernelRecord", lambda types, attrs: types[0])


_define_record()
