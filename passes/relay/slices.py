"""What of a function's chains is needed for some of its values, and the chains without the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm import relay

from passes.relay.bindings import Scope, chain, is_named, operands, unchain

Field = int | None
"""Of a tuple; None is what's no tuple."""


def fields_of(t: Any) -> dict[Field, Any]:
    """The types of a type's fields."""
    return dict(enumerate(t.fields)) if isinstance(t, relay.TupleType) else {None: t}


def type_of(var: Any) -> Any:
    """What's inferred, or what a new name was made with."""
    return var.type_annotation if var._checked_type_ is None else var.checked_type


def with_names(expr: Any) -> Any:
    """A chain whose result has a name, and so have those of the branches in it."""
    bindings, result = unchain(expr)
    made: Scope = []
    for var, value in bindings:
        if isinstance(value, relay.If):
            arms = map(with_names, (value.true_branch, value.false_branch))
            value = relay.If(value.cond, *arms, span=value.span)
        made.append((var, value))
    if is_named(result):
        return chain(made, result)
    name = relay.Var("result", result.checked_type)
    return with_names(chain([*bindings, (name, result)], name))


def define(expr: Any, definitions: dict[Any, Any]) -> None:
    """Notes what each name of a chain, and of the branches in it, is bound to."""
    for var, value in unchain(expr)[0]:
        definitions[var] = value
        if isinstance(value, relay.If):
            define(value.true_branch, definitions)
            define(value.false_branch, definitions)


def is_call(value: Any, var: Any) -> bool:
    """Whether a value calls the function of this name."""
    return isinstance(value, relay.Call) and value.op == var


def field_of(expr: Any, field: Field) -> Any:
    """One field of a value, or a value that's no tuple."""
    if field is None:
        return expr
    return expr.fields[field] if isinstance(expr, relay.Tuple) else relay.TupleGetItem(expr, field)


def order_of(field: Field) -> int:
    """By which fields are sorted."""
    return -1 if field is None else field


class Slice:
    """What of a function's chains is needed for some of its values."""

    def __init__(self, var: Any, definitions: dict[Any, Any]) -> None:
        self.var = var
        self.definitions = definitions
        self.needed: dict[Any, set[Field]] = {}
        """Of what's bound to a name."""
        self.tuples: dict[Any, tuple[Any, list[Field]]] = {}
        """Names for less of a tuple, and what they have of it."""

    # --- what's needed ---------------------------------------------------------------------

    def need(self, expr: Any) -> None:
        if isinstance(expr, relay.TupleGetItem):
            self.need_field(expr.tuple_value, expr.index)
        elif isinstance(expr, relay.Var):
            for field in fields_of(type_of(expr)):
                self.need_field(expr, field)
        else:
            for part in operands(expr):
                self.need(part)

    def need_field(self, var: Any, field: Field) -> None:
        if field in self.needed.get(var, ()) or self.is_found(var, field):
            return
        value = self.definitions.get(var)
        if value is None:
            return
        self.needed.setdefault(var, set()).add(field)
        if isinstance(value, relay.If):
            self.need(value.cond)
            for arm in (value.true_branch, value.false_branch):
                self.need(field_of(unchain(arm)[1], field))
        elif is_call(value, self.var):
            self.need_of_call(var, field)
        else:
            self.need(value)

    def is_found(self, var: Any, field: Field) -> bool:
        """Whether a value is there without being computed."""
        return False

    def need_of_call(self, var: Any, field: Field) -> None:
        raise NotImplementedError

    # --- the chains without the rest ---------------------------------------------------------

    def chain_of(self, expr: Any, fields: Sequence[Field]) -> Any:
        """A chain whose result is a tuple of these fields."""
        bindings, result = unchain(expr)
        out: Scope = []
        for var, value in bindings:
            out += self.binding(var, value)
        return chain(out, relay.Tuple([self.named(result, field, out) for field in fields]))

    def named(self, result: Any, field: Field, out: Scope) -> Any:
        """A field of a result, by a name."""
        part = field_of(result, field)
        if not isinstance(part, relay.TupleGetItem):
            return part
        name = relay.Var("field", type_of(result).fields[field])
        tup, fields = self.tuples.get(result, (result, None))
        out.append(
            (name, relay.TupleGetItem(tup, field if fields is None else fields.index(field)))
        )
        return name

    def binding(self, var: Any, value: Any) -> Scope:
        """What stands for a binding, if it's needed."""
        if isinstance(value, relay.TupleGetItem) and value.tuple_value in self.tuples:
            tup, fields = self.tuples[value.tuple_value]
            if value.index not in fields:
                return []
            return [(var, relay.TupleGetItem(tup, fields.index(value.index)))]
        if not isinstance(value, relay.If):
            return [(var, value)] if var in self.needed else []
        fields = sorted(self.needed.get(var, ()), key=order_of)
        if not fields and not self.is_kept(value):
            return []
        arms = [self.chain_of(arm, fields) for arm in (value.true_branch, value.false_branch)]
        return self.bound(var, relay.If(value.cond, *arms, span=value.span), fields)

    def is_kept(self, branch: relay.If) -> bool:
        """Whether a branch is kept that gives nothing."""
        return False

    def bound(self, var: Any, value: Any, fields: list[Field]) -> Scope:
        """Bindings for what gives a tuple of some fields of what a name stood for."""
        types = fields_of(type_of(var))
        name = relay.Var(var.name_hint, relay.TupleType([types[field] for field in fields]))
        self.tuples[var] = name, fields
        return [(name, value), *((var, relay.TupleGetItem(name, 0)) for f in fields if f is None)]
