"""What TVM's simplifier takes for granted of arithmetic, and numpy doesn't.

Where it sees both operands, ``x * 0.0`` is 0 (of NaN, too), and an ``int32`` or ``int64`` doesn't
overflow: ``x + 1 > x`` is true. It sees what is computed in the same kernel; so such operands are
written in another way, or become results of their own. (``x - x`` is seen to in ``relay/kernels.py``.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeGuard

import numpy as np
from tvm import relay

from astfront.values import Scalar, Tensor

#: What may overflow, and what is simplified as if it didn't.
OVERFLOWING = frozenset(["add", "subtract", "multiply", "negative", "abs", "left_shift"])
_SIMPLIFIED = frozenset(
    ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "maximum", "minimum",
     "floor_divide", "floor_mod", "mod"]
)  # fmt: skip


class Separating(Protocol):
    """A builder that knows what is computed in one kernel, and can end it."""

    def call(self, op: str, *args: Any, **attrs: Any) -> Any: ...

    def constant(self, value: np.ndarray[Any, Any]) -> Tensor: ...

    def may_overflow(self, x: Any) -> bool: ...

    def stop_fusion(self, x: Tensor) -> Tensor: ...


def guarded(builder: Separating, op: str, args: Sequence[Any]) -> Tensor | None:
    """The result of an operator that would be simplified to another; ``None`` where all is well."""
    if op in ("multiply", "divide"):
        extremes = [_extreme_in(a) for a in args]
        if any(x is not None for x in extremes):
            return _with_extremes(builder, op, args, extremes)
    return None


def operands(
    builder: Separating, op: str, args: Sequence[Any], attrs: dict[str, Any]
) -> Sequence[Any]:
    """The operands, as results of their own where it matters: those that may have overflowed, and
    those of staged sizes that are read backwards."""
    if _goes_backwards(op, args, attrs):
        return [builder.stop_fusion(a) if _is_of_staged_size(a) else a for a in args]
    if op not in _SIMPLIFIED:
        return args
    return [builder.stop_fusion(a) if builder.may_overflow(a) else a for a in args]


def _goes_backwards(op: str, args: Sequence[Any], attrs: dict[str, Any]) -> bool:
    """Whether positions go down.

    Behind a reshape they are divided, and where TVM thinks that they may be as low as -2**31, it adds
    to them what overflows.
    """
    if op == "dyn.strided_slice":
        steps = args[-1].const
        return steps is None or bool(steps.min() < 0)
    if op == "strided_slice":
        return min(attrs["strides"]) < 0
    return op == "reverse"


def _is_of_staged_size(x: Any) -> TypeGuard[Tensor]:
    return isinstance(x, Tensor) and None in x.shape


def _with_extremes(
    builder: Separating, op: str, args: Sequence[Any], extremes: Sequence[Any]
) -> Tensor:
    """A product with 0.0, or a quotient with 0.0 or infinity, that NaN and infinity make NaN.

    TVM makes 0 of it where it sees the number; into arrays it doesn't look.
    """
    hidden = (x if z is None else builder.constant(z.reshape(1)) for x, z in zip(args, extremes))
    made: Tensor = builder.call(op, *hidden)
    if not any(x.shape for x in args if isinstance(x, Tensor)):
        return builder.call("reshape", made, newshape=())  # type: ignore[no-any-return]
    return made


def _extreme_in(x: Any) -> np.ndarray[Any, Any] | None:
    """A number that is 0.0 or infinite, where that's known while compiling."""
    known = x.const if isinstance(x, Tensor) else None
    if isinstance(x, Tensor | Scalar) and isinstance(x.expr, relay.Constant):
        known = x.expr.data.numpy()
    if known is None or known.shape != () or known.dtype.kind != "f":
        return None
    if known and not np.isinf(known):
        return None
    return known  # type: ignore[no-any-return]
