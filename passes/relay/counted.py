"""Loops that count their turns, and where they stand: for passes that change what a loop carries."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tvm import relay

from passes.relay.bindings import (
    Binding,
    Chain,
    Loop,
    Rewriter,
    Scope,
    chain,
    operands,
    operator,
    scalar,
    unchain,
    variables,
)


@dataclass
class Slot:
    """A variable that a loop carries: its value at first, and what a turn makes of it."""

    param: Any
    initial: Any
    next: Any

    @property
    def type(self) -> Any:
        given = self.param.type_annotation
        return self.param.checked_type if given is None else given


@dataclass
class Site:
    """A loop that is called once, by the chain of bindings in which it's defined."""

    loop: Loop
    bindings: Scope
    at: int
    call: int
    parts: dict[int, list[int]] = field(default_factory=dict)
    """Where the parts of its result are taken, by their number."""

    @classmethod
    def of(cls, whole: Chain, at: int) -> Site | None:
        """The loop that a binding of a chain defines, if it defines one that's called once."""
        bindings = whole.bindings
        loop = Loop.of(*bindings[at])
        if loop is None or not _is_plain(loop):
            return None
        users = whole.users_of(at)
        if len(users) != 1 or users[0] == len(bindings):
            return None
        end, call = bindings[users[0]]
        if not isinstance(call, relay.Call) or call.op != loop.var:
            return None
        if not all(isinstance(x, relay.Var | relay.Constant) for x in call.args):
            return None
        site = cls(loop, bindings, at, users[0])
        for i in whole.users_of(users[0]):
            value = bindings[i][1] if i < len(bindings) else whole.result
            if i == len(bindings) or not isinstance(value, relay.TupleGetItem):
                return None
            site.parts.setdefault(value.index, []).append(i)
        return site

    def slots(self) -> list[Slot]:
        initial = self.bindings[self.call][1].args
        return [Slot(*s) for s in zip(self.loop.params, initial, self.loop.args)]

    def with_slots(
        self,
        slots: Sequence[Slot],
        finals: Mapping[int, Any],
        head: Scope,
        turn: Scope,
        before: Sequence[Binding] = (),
        after: Sequence[Binding] = (),
    ) -> Scope:
        """All the bindings, with another loop, or none if it carries nothing.

        ``finals`` gives for each part of the old result that is used its value, or the slot whose
        last value it is. ``before`` goes before the loop and ``after`` behind its call; a slot in
        the place of a value stands for its last value there, too.
        """
        end = relay.Var(self.bindings[self.call][0].name_hint)
        last = [end] if len(slots) == 1 else [relay.TupleGetItem(end, i) for i in range(len(slots))]
        made, call = self._made(slots, head, turn, end) if slots else ([], [])

        def value_of(x: Any) -> Any:
            return (
                last[next(i for i, s in enumerate(slots) if s is x)] if isinstance(x, Slot) else x
            )

        parts = {i: finals[k] for k, places in self.parts.items() for i in places}
        return [
            *self.bindings[: self.at],
            *before,
            *made,
            *self.bindings[self.at + 1 : self.call],
            *call,
            *((var, value_of(x)) for var, x in after),
            *(
                (var, value_of(parts.get(i, value)))
                for i, (var, value) in enumerate(self.bindings)
                if i > self.call
            ),
        ]

    def _made(
        self, slots: Sequence[Slot], head: Scope, turn: Scope, end: Any
    ) -> tuple[Scope, Scope]:
        """The bindings of a loop and of its result."""
        types = [slot.type for slot in slots]
        whole = types[0] if len(types) == 1 else relay.TupleType(types)
        name = relay.Var(self.loop.var.name_hint, relay.FuncType(types, whole))
        params = [slot.param for slot in slots]
        done = params[0] if len(params) == 1 else relay.Tuple(params)
        again = chain(turn, relay.Call(name, [slot.next for slot in slots]))
        branch = relay.If(self.loop.more, again, done, span=self.loop.branch.span)
        function = relay.Function(params, chain(head, branch), whole)
        return [(name, function)], [(end, relay.Call(name, [slot.initial for slot in slots]))]


def _is_plain(loop: Loop) -> bool:
    """Whether a loop carries several values, and gives them all."""
    if not all(isinstance(x, relay.Var | relay.Constant) for x in (loop.more, *loop.args)):
        return False
    return (
        len(loop.params) > 1
        and isinstance(loop.result, relay.Tuple)
        and list(loop.result.fields) == loop.params
    )


def needed_variables(loop: Loop, slots: Sequence[Slot], asked: Iterable[Slot]) -> set[Any]:
    """The variables that decide on another turn, or on what is asked for."""
    values = dict([*loop.head, *loop.turn])
    following = {s.param: s.next for s in slots}
    needed: set[Any] = set()
    work = [loop.more, *(s.param for s in asked)]
    while work:
        var = work.pop()
        if var in needed or not isinstance(var, relay.Var):
            continue
        needed.add(var)
        work += variables(values[var]) if var in values else [following.get(var)]
    return needed


@dataclass
class Collected:
    """A slot to which each turn adds ``piece``: a ``row`` with one more axis, or some other rows."""

    slot: Slot
    piece: Any
    row: Any

    @classmethod
    def of(cls, slot: Slot, loop: Loop) -> Collected | None:
        scope = [*loop.head, *loop.turn]
        values = dict(scope)
        joined: Any = values.get(slot.next)
        if operator(joined) != "concatenate" or int(joined.attrs.axis) != 0:
            return None
        parts = operands(joined.args[0])
        if len(parts) != 2 or parts[0] != slot.param:
            return None
        users = [v for v, value in scope if {slot.param, slot.next} & variables(value)]
        carried = [x for x in loop.args if x in (slot.param, slot.next)]
        if users != [slot.next] or len(carried) != 1:
            return None
        piece: Any = values.get(parts[1])
        row = None
        if operator(piece) == "expand_dims" and int(piece.attrs.axis) == 0:
            row = piece.args[0] if int(piece.attrs.num_newaxis) == 1 else None
        return cls(slot, parts[1], row)


def only_grows(slot: Slot, loop: Loop) -> bool:
    """Whether a turn only appends rows to a slot, on each way through it as many as it likes."""
    values: dict[Any, Any] = {}
    uses: collections.Counter[Any] = collections.Counter(loop.args)
    _count_uses([*loop.head, *loop.turn], values, uses)
    appended: collections.Counter[Any] = collections.Counter()

    def grows(x: Any) -> bool:
        """Whether ``x`` is the slot with rows appended; it's used where this was asked."""
        if not isinstance(x, relay.Var):
            return False
        appended[x] += 1
        if x == slot.param or appended[x] > 1:
            return True
        value: Any = values.get(x)
        if operator(value) == "concatenate" and int(value.attrs.axis) == 0:
            parts = operands(value.args[0])
            return bool(parts) and grows(parts[0])
        field = None
        if isinstance(value, relay.TupleGetItem):
            value, field = values.get(value.tuple_value), value.index
        if not isinstance(value, relay.If):
            return False
        results = [unchain(arm)[1] for arm in (value.true_branch, value.false_branch)]
        if field is not None:
            if not all(isinstance(result, relay.Tuple) for result in results):
                return False
            results = [result.fields[field] for result in results]
        taken, other = map(grows, results)
        return taken and other

    is_grown = slot.next != slot.param and grows(slot.next)
    return is_grown and all(uses[x] == n for x, n in appended.items())


def _count_uses(scope: Scope, values: dict[Any, Any], uses: collections.Counter[Any]) -> None:
    """Add the bindings of a scope and of the branches in it, and how often variables are used."""
    for var, value in scope:
        values[var] = value
        if isinstance(value, relay.If):
            uses.update(variables(value.cond))
            for arm in (value.true_branch, value.false_branch):
                inner, result = unchain(arm)
                _count_uses(inner, values, uses)
                _count_operands(result, uses)
        else:
            _count_operands(value, uses)


def _count_operands(expr: Any, uses: collections.Counter[Any]) -> None:
    if isinstance(expr, relay.Var):
        uses[expr] += 1
    elif parts := operands(expr):
        for part in parts:
            _count_operands(part, uses)
    else:
        uses.update(variables(expr))


@dataclass
class Counter:
    """``for param in range(first, bound)``; ``first`` and ``bound`` don't change."""

    slot: Slot
    bound: Any

    @classmethod
    def of(cls, site: Site) -> Counter | None:
        """What decides alone on another turn."""
        return cls._in(site, site.loop.more)

    @classmethod
    def _in(cls, site: Site, condition: Any) -> Counter | None:
        loop = site.loop
        defined = dict([*loop.head, *loop.turn])
        more: Any = defined.get(condition)
        if operator(more) != "less":
            return None
        varying = loop.defined()
        for slot in site.slots():
            if slot.param != more.args[0] or more.args[1] in varying:
                continue
            step: Any = defined.get(slot.next)
            if operator(step) == "add" and step.args[0] == slot.param and scalar(step.args[1]) == 1:
                return cls(slot, more.args[1])
        return None

    @classmethod
    def most_turns(cls, site: Site) -> int | None:
        """More turns than this there aren't, if that's known: a loop may end before its count."""
        defined = dict([*site.loop.head, *site.loop.turn])
        conditions, found = [site.loop.more], []
        while conditions:
            condition = conditions.pop()
            value: Any = defined.get(condition)
            if operator(value) == "logical_and":
                conditions += value.args
            elif (counter := cls._in(site, condition)) is not None and counter.turns is not None:
                found.append(counter.turns)
        return min(found, default=None)

    @property
    def turns(self) -> int | None:
        """How many there are, if it's known."""
        first, bound = scalar(self.slot.initial), scalar(self.bound)
        return None if first is None or bound is None else max(bound - first, 0)

    def count(self) -> Any:
        """How many there are, as an expression."""
        dtype = self.slot.param.checked_type.dtype
        if self.turns is not None:
            return relay.const(self.turns, dtype)
        from_zero = scalar(self.slot.initial) == 0
        count = self.bound if from_zero else relay.subtract(self.bound, self.slot.initial)
        return relay.maximum(count, relay.const(0, dtype))


class HoistingRewriter(Rewriter):
    """Computes something before a loop that its turns have then."""

    def hoisted(self, site: Site) -> tuple[Scope, Scope]:
        """What is computed before a loop, and its turn that uses it."""
        raise NotImplementedError

    def rewrite(self, bindings: Scope, result: Any) -> Any:
        out: Scope = []
        whole = Chain(bindings, result)
        for at, (var, value) in enumerate(bindings):
            site = Site.of(whole, at)
            if site is not None:
                before, turn = self.hoisted(site)
                out += before
                value = site.loop.with_body(site.loop.head, turn) if before else value
            out.append((var, value))
        return chain(out, result)
