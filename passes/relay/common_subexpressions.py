"""What is computed twice in one scope is computed once: the checks of an index that's used again, say.

TVM's own ``EliminateCommonSubexpr`` works on programs without names: it shares what a loop's body and
the code around it have in common, and binds it where only one of them sees it. Here every result has a
name, and only bindings of one chain of lets are compared. What TVM fuses with whatever uses it is left
alone: shared, it would be a kernel of its own.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(3), float32]) {
...   let %a = exp(%x);
...   let %b = sum(%a);
...   let %c = exp(%x);
...   let %d = sum(%c);
...   let %e = sum(%c, keepdims=True);
...   (%b, %d, %e)
... }''')
>>> show(run(mod))
def @main(%x: Tensor[(3), float32]) -> (float32, float32, Tensor[(1), float32]) {
  let %a: Tensor[(3), float32] = exp(%x);
  let %b: float32 = sum(%a);
  let %c: Tensor[(3), float32] = exp(%x);
  let %e: Tensor[(1), float32] = sum(%c, keepdims=True);
  (%b, %b, %e)
}
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay

from passes.relay import dead_bindings
from passes.relay.bindings import (
    PRODUCTS,
    Note,
    Rewriter,
    Scope,
    chain,
    ignore,
    operator,
    rewrite,
    substitute,
    variables,
)

#: TVM's number for reductions; what has a lower one is fused with what uses it.
_REDUCTION = 3


def run(mod: tvm.IRModule, note: Note = ignore) -> tvm.IRModule:
    """The module in which no scope computes anything twice."""
    return dead_bindings.run(rewrite(mod, lambda: _Share(note)))


class _Share(Rewriter):
    def rewrite(self, bindings: Scope, result: Any) -> Any:
        out: Scope = []
        numbered: dict[Any, Any] = {}
        """For a variable, the first that's surely equal."""
        shared: dict[Any, Any] = {}
        found: dict[Any, list[tuple[Any, Any]]] = {}
        for var, value in bindings:
            plain = _renamed(value, numbered)
            if plain is not None:
                alike = found.setdefault(_key(plain), [])
                first = next((v for v, x in alike if tvm.ir.structural_equal(x, plain)), None)
                if first is None:
                    alike.append((var, plain))
                else:
                    numbered[var] = numbered.get(first, first)
                    if _is_kernel(plain):
                        self._tell(plain)
                        shared[var] = shared.get(first, first)
                        continue
            out.append((var, _with(value, shared)))
        return chain(out, substitute(result, shared))

    def _tell(self, value: Any) -> None:
        if operator(value) in PRODUCTS:
            self.note(value.span, "the same product as before: computed once")


def _renamed(value: Any, names: dict[Any, Any]) -> Any:
    """A call of an operator, a tuple or a part of one, of other names; None for anything else."""
    is_call = bool(operator(value)) and not operator(value).startswith("astfront.")
    if not is_call and not isinstance(value, relay.Tuple | relay.TupleGetItem):
        return None
    return substitute(value, {v: names[v] for v in variables(value) if v in names})


def _key(value: Any) -> Any:
    """Something that equal values have in common."""
    if isinstance(value, relay.TupleGetItem):
        return value.tuple_value, value.index  # TVM would look at the types of all parts.
    return tvm.ir.structural_hash(value)


def _is_kernel(value: Any) -> bool:
    """Whether an operator isn't fused with those that use it."""
    if not operator(value):
        return False
    pattern = value.op.get_attr("TOpPattern")
    return pattern is None or int(pattern) >= _REDUCTION


def _with(value: Any, names: dict[Any, Any]) -> Any:
    """Anything that's bound, of other names."""
    if isinstance(value, relay.Function):
        body = substitute(value.body, names)
        return relay.Function(
            value.params, body, value.ret_type, value.type_params, value.attrs, value.span
        )
    return substitute(value, names)
