"""Convolutions of float32 on CPUs whose number of output channels has no good divisor.

TVM computes a convolution in blocks of output channels, and the size of a block is the largest divisor
of their number that a vector holds: 10 of 50, and 1 of 29. Here such a number is padded to whole vectors
with channels of zeros (the compiler folds them into constant weights), and they are cut off the result:
for most 3 to 11 times faster. Importing this module registers that, for the whole process.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay, tir
from tvm.relay.op import op as registry
from tvm.relay.op.nn import _nn
from tvm.target.x86 import get_simd_32bit_lanes

from astfront.relay.dense import is_float32_on_x86

#: Above TVM's own registrations, whose level is 10.
_LEVEL = 15


def padded_channels(channels: int, lanes: int) -> int:
    """How many channels to compute; fewer than a vector are one block as they are."""
    return channels if channels <= lanes else -(-channels // lanes) * lanes


def _legalize(attrs: Any, inputs: Any, types: Any) -> Any:
    target = tvm.target.Target.current(allow_none=True)
    is_ours = (
        target is not None
        and is_float32_on_x86(types, target)
        and (attrs.data_layout, attrs.kernel_layout) == ("NCHW", "OIHW")
        and int(attrs.groups) == 1
        and isinstance(types[1].shape[0], tir.IntImm)
    )
    if is_ours:
        channels = int(types[1].shape[0])
        with target:
            wide = padded_channels(channels, get_simd_32bit_lanes())
        if wide != channels:
            return _padded(attrs, inputs, channels, wide)
    return _nn.legalize_conv2d(attrs, inputs, types)


def _padded(attrs: Any, inputs: Any, channels: int, wide: int) -> Any:
    x, w = inputs
    none = (0, 0)
    kernel = relay.nn.pad(w, pad_width=((0, wide - channels), none, none, none))
    made = relay.nn.conv2d(
        x, kernel, strides=attrs.strides, padding=attrs.padding, dilation=attrs.dilation,
        channels=wide, kernel_size=attrs.kernel_size, out_dtype=attrs.out_dtype,
    )  # fmt: skip
    return relay.strided_slice(made, begin=[0], end=[channels], axes=[1])


registry.register_legalize("nn.conv2d", _legalize, level=_LEVEL)
