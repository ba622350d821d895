"""Products whose matrices are turned only for the product take them as they stand.

``nn.dense`` and ``nn.batch_matmul`` with ``transpose_b`` want the right one turned, which takes longer
than the product of a few rows. A constant is turned while compiling; a narrow one stays turned, as
rows are longer vectors then.

>>> from passes.relay import show
>>> mod = tvm.relay.fromtext('''
... #[version = "0.0.5"]
... def @main(%x: Tensor[(2, 8), float32], %w: Tensor[(8, 32), float32]) {
...   let %t = transpose(%w, axes=[1, 0]);
...   let %y = nn.dense(%x, %t, units=None);
...   %y
... }''')
>>> show(run(mod))
def @main(%x: Tensor[(2, 8), float32], %w: Tensor[(8, 32), float32]) -> Tensor[(2, 32), float32] {
  let %t: Tensor[(32, 8), float32] = transpose(%w, axes=[1, 0]);
  let %y: Tensor[(2, 32), float32] = nn.matmul(%x, %w, units=None);
  %y
}
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import Rewriter, Scope, chain, operator, rewrite

#: So few columns aren't a vector.
_COLUMNS = 16


def run(mod: tvm.IRModule, constants: Collection[str] = ()) -> tvm.IRModule:
    """The module with such products; ``constants`` are names of parameters whose values are known."""
    return rewrite(mod, lambda: _Straight(constants))


class _Straight(Rewriter):
    def __init__(self, constants: Collection[str]) -> None:
        super().__init__()
        self.constants = constants

    def rewrite(self, bindings: Scope, result: Any) -> Any:
        here = dict(bindings)
        out: Scope = []
        for var, value in bindings:
            if operator(value) == "nn.dense" or (
                operator(value) == "nn.batch_matmul"
                and value.attrs.transpose_b
                and not value.attrs.transpose_a
            ):
                value = self._straight(value, here) or value
            out.append((var, value))
        return chain(out, result)

    def _straight(self, product: Any, here: dict[Any, Any]) -> Any:
        left, turned = product.args
        if not all(_is_float32(x) for x in (left, turned)):
            return None
        columns = turned.checked_type.shape[-2]
        if isinstance(columns, tvm.tir.IntImm) and int(columns) < _COLUMNS:
            return None
        right = _operand_of_turned(here.get(turned))
        if right is None or not self._is_computed(right, here):
            return None
        of_left = _operand_of_turned(here.get(left))
        is_turned = of_left is not None
        made = relay.nn.matmul if operator(product) == "nn.dense" else relay.nn.batch_matmul
        call = made(
            of_left if is_turned else left, right, out_dtype=product.attrs.out_dtype,
            transpose_a=is_turned, transpose_b=False,
        )  # fmt: skip
        return relay.Call(call.op, call.args, call.attrs, call.type_args, product.span)

    def _is_computed(self, x: Any, here: dict[Any, Any]) -> bool:
        """Whether it isn't known while compiling."""
        while operator(here.get(x)) in ("transpose", "reshape", "expand_dims", "squeeze", "cast"):
            x = here[x].args[0]
        return isinstance(x, relay.Var) and x.name_hint not in self.constants


def _is_float32(x: Any) -> bool:
    t = x.checked_type
    return isinstance(t, tvm.ir.TensorType) and t.dtype == "float32"


def _operand_of_turned(value: Any) -> Any:
    """The variable of which a value is the matrices turned."""
    if operator(value) != "transpose" or not isinstance(value.args[0], relay.Var):
        return None
    axes = [int(a) for a in value.attrs.axes or ()]
    ndim = len(axes)
    return value.args[0] if ndim > 1 and axes == [*range(ndim - 2), ndim - 1, ndim - 2] else None
