"""Loops that count their turns, and where they stand: for passes that change what a loop carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tvm import relay

from passes.relay.bindings import Loop, Scope, chain, operator, scalar, variables


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
    def of(cls, bindings: Scope, at: int, result: Any) -> Site | None:
        loop = Loop.of(*bindings[at])
        if loop is None or not _is_plain(loop):
            return None
        users = [i for i in range(at + 1, len(bindings)) if loop.var in variables(bindings[i][1])]
        if len(users) != 1 or loop.var in variables(result):
            return None
        end, call = bindings[users[0]]
        if not isinstance(call, relay.Call) or call.op != loop.var or end in variables(result):
            return None
        site = cls(loop, bindings, at, users[0])
        if not all(isinstance(x, relay.Var | relay.Constant) for x in call.args):
            return None
        for i in range(site.call + 1, len(bindings)):
            value = bindings[i][1]
            if end not in variables(value):
                continue
            if not isinstance(value, relay.TupleGetItem):
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
        before: Scope,
        turn: Scope,
        after: Scope,
    ) -> Scope:
        """All the bindings, with another loop.

        ``finals`` gives for each part of the old result that is used its value, or the slot whose
        last value it is. ``before`` goes before the loop and ``after`` behind its call.
        """
        out = [*self.bindings[: self.at], *before]
        end, last = None, {}
        made: Scope = []
        if slots:
            types = [slot.type for slot in slots]
            whole = types[0] if len(types) == 1 else relay.TupleType(types)
            name = relay.Var(self.loop.var.name_hint, relay.FuncType(types, whole))
            params = [slot.param for slot in slots]
            done = params[0] if len(params) == 1 else relay.Tuple(params)
            again = chain(turn, relay.Call(name, [slot.next for slot in slots]))
            branch = relay.If(self.loop.more, again, done, span=self.loop.branch.span)
            function = relay.Function(params, chain(self.loop.head, branch), whole)
            end = relay.Var(self.bindings[self.call][0].name_hint)
            made = [(name, function)]
            for i, slot in enumerate(slots):
                last[id(slot)] = end if len(slots) == 1 else relay.TupleGetItem(end, i)
            call = [(end, relay.Call(name, [slot.initial for slot in slots]))]
        out += made
        out += self.bindings[self.at + 1 : self.call]
        if slots:
            out += call
        out += [(var, last[id(x)] if isinstance(x, Slot) else x) for var, x in after]
        moved = {i: k for k, places in self.parts.items() for i in places}
        for i in range(self.call + 1, len(self.bindings)):
            var, value = self.bindings[i]
            if i in moved:
                value = finals[moved[i]]
                value = last[id(value)] if isinstance(value, Slot) else value
            out.append((var, value))
        return out


def _is_plain(loop: Loop) -> bool:
    """Whether a loop carries several values, and gives them all."""
    if not all(isinstance(x, relay.Var | relay.Constant) for x in (loop.more, *loop.args)):
        return False
    return (
        len(loop.params) > 1
        and isinstance(loop.result, relay.Tuple)
        and list(loop.result.fields) == loop.params
    )


@dataclass
class Counter:
    """``for param in range(first, bound)``; ``first`` and ``bound`` don't change."""

    slot: Slot
    bound: Any

    @classmethod
    def of(cls, site: Site) -> Counter | None:
        loop = site.loop
        defined = dict([*loop.head, *loop.turn])
        more: Any = defined.get(loop.more)
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

    @property
    def turns(self) -> int | None:
        """How many there are, if it's known."""
        first, bound = scalar(self.slot.initial), scalar(self.bound)
        return None if first is None or bound is None else max(bound - first, 0)
