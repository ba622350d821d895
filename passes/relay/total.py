"""Which operators may be computed where the program wouldn't have: they can't fail, whatever they get.

Operators that aren't listed may trap (a division of integers by zero), read where nothing is, or are
unknown here. Many fail where sizes known only at run time don't fit, so all sizes have to be known,
but for those operators that take any.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay

from passes.relay.bindings import operands, operator, static_shape


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Data is only moved: costs about as much as reading it.
MOVES = _names(
    """cast concatenate expand_dims reshape reverse split squeeze stack strided_slice transpose
    layout_transform copy"""
)

#: Of one operand, for each of its elements.
_UNARY = _names(
    """abs acos acosh asin asinh atan atanh bitwise_not cast ceil clip copy cos cosh erf exp
    expand_dims fast_erf fast_exp fast_tanh floor isfinite isinf isnan log log10 log2 logical_not
    negative nn.leaky_relu nn.relu ones_like round rsqrt shape_of sigmoid sign sin sinh sqrt tan tanh
    transpose trunc zeros_like annotation.stop_fusion"""
)

_KNOWN_SIZES = (
    _names(
        """add all any argmax argmin argsort atan2 bitwise_and bitwise_or bitwise_xor broadcast_to
    broadcast_to_like collapse_sum_like cumprod cumsum equal fast_softmax full full_like greater
    greater_equal less less_equal logical_and logical_or logical_xor max maximum mean min minimum
    multiply nn.batch_flatten nn.batch_matmul nn.batch_norm nn.bias_add nn.conv1d nn.conv2d nn.conv3d
    nn.dense nn.fast_softmax nn.layer_norm nn.log_softmax nn.matmul nn.pad nn.softmax not_equal
    one_hot ones prod repeat reshape_like sort squared_difference subtract sum take tile topk
    variance where zeros"""
    )
    | MOVES
)

_FLOATS_ONLY = frozenset(["divide", "power", "mod", "floor_mod", "floor_divide"])


def is_total(call: Any, result: Any) -> bool:
    """Whether a call of an operator, whose result has this type, can be computed at any time."""
    name = operator(call)
    given = [x for arg in call.args for x in (operands(arg) or [arg])] if name else []
    if not name or not all(isinstance(x, relay.Var | relay.Constant) for x in given):
        return False
    if name in _UNARY:
        return True
    if name in _FLOATS_ONLY:
        if not all("float" in x.checked_type.dtype for x in given):
            return False
    elif name not in _KNOWN_SIZES:
        return False
    if not all(_is_filled(t) for t in (result, *(x.checked_type for x in given))):
        return False
    return name != "take" or call.attrs.mode in ("clip", "wrap")


def _is_filled(t: Any) -> bool:
    """Whether a type has known sizes, none of them nothing."""
    if isinstance(t, tvm.ir.TupleType):
        return all(_is_filled(field) for field in t.fields)
    shape = static_shape(t)
    return shape is not None and 0 not in shape
