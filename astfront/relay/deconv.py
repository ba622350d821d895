"""Transposed convolutions of float32 on CPUs, as convolutions.

TVM spreads the input out, zeros between its elements, and multiplies the kernel with all of it:
with strides of 2, three quarters of the products are with zeros. The output has as many phases as
strides have steps, and each of them is a convolution of the input with the part of the kernel that
it meets. Phases whose parts are of one size are one convolution here: all of them, where strides
divide the kernel's sizes, and groups of them, at most four, otherwise. Their results are put between
each other: 3 to 7 times faster with strides of 2, 66 times with strides of 8. Importing this module
registers that, for the whole process.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
    first = [p // s for p, s in zip(before, strides)]
    end = [-(-(p + n) // s) for p, n, s in zip(before, outs, strides)]
    after = [e - n for e, n in zip(end, sizes)]
    phases = [_phases(k, s) for k, s in zip(kernel, strides)]
    fewest, most = ([f(p.taps for p in of) for of in phases] for f in (min, max))
    if min(after) < 0 or any(f >= t for f, t in zip(first, fewest)):
        return None
    if any(a >= t for a, t in zip(after, most)):
        return None
    counts = [e - f for e, f in zip(end, first)]
    parts = _parts(w, groups, channels // groups, outputs, kernel, strides)

    def convolved(rows: _Phases, columns: _Phases) -> Any:
        taps, number = (rows.taps, columns.taps), rows.number * columns.number
        of_each = relay.nn.conv2d(
            x,
            _kernels(parts, rows, columns),
            padding=(*(t - 1 - f for t, f in zip(taps, first)), *after),
            channels=groups * outputs * number,
            kernel_size=taps,
            groups=groups,
        )
        shape = (-1, groups * outputs, rows.number, columns.number, *counts)
        return relay.reshape(of_each, shape)

    over, across = phases
    apart = _joined([_joined([convolved(r, c) for c in across], axis=3) for r in over], axis=2)
    between = relay.transpose(apart, (0, 1, 4, 2, 5, 3))
    whole = relay.reshape(
        between, (-1, groups * outputs, counts[0] * strides[0], counts[1] * strides[1])
    )
    begin = [p - f * s for p, f, s in zip(before, first, strides)]
    ends = [b + n for b, n in zip(begin, outs)]
    return relay.strided_slice(whole, begin=begin, end=ends, strides=[1, 1], axes=[2, 3])


class _Phases(NamedTuple):
    """Phases along one axis, one after another, whose parts of the kernel are of one size."""

    begin: int
    end: int
    taps: int

    @property
    def number(self) -> int:
        return self.end - self.begin


def _phases(kernel: int, stride: int) -> list[_Phases]:
    """The phases that meet one tap more than the others, and the others."""
    taps, more = divmod(kernel, stride)
    others = _Phases(more, stride, taps)
    return [_Phases(0, more, taps + 1), others] if more else [others]


def _joined(parts: list[Any], axis: int) -> Any:
    return relay.concatenate(parts, axis) if len(parts) > 1 else parts[0]


def _parts(
    w: Any, groups: int, each: int, outputs: int, kernel: list[int], strides: list[int]
) -> Any:
    """The kernel, taken apart into what each phase meets.

    Its axes: groups, input channels of each, output channels; taps and phases, of rows and of columns.
    """
    taps = [-(-k // s) for k, s in zip(kernel, strides)]
    missing = [(0, t * s - k) for t, s, k in zip(taps, strides, kernel)]
    if any(n for _, n in missing):
        w = relay.nn.pad(w, pad_width=((0, 0), (0, 0), *missing))
    height, width = taps
    return relay.reshape(w, (groups, each, outputs, height, strides[0], width, strides[1]))


def _kernels(parts: Any, rows: _Phases, columns: _Phases) -> Any:
    """The kernels of some phases, one behind the other for each output channel: OIHW."""
    some = relay.strided_slice(
        parts,
        begin=[0, rows.begin, 0, columns.begin],
        end=[rows.taps, rows.end, columns.taps, columns.end],
        strides=[1] * 4,
        axes=[3, 4, 5, 6],
    )
    ordered = relay.transpose(some, (0, 2, 4, 6, 1, 3, 5))
    made = relay.reshape(ordered, (-3, -3, -2))
    made = relay.reshape(made, (-3, -2))
    return relay.reverse(relay.reverse(made, axis=2), axis=3)


registry.register_legalize("nn.conv2d_transpose", _legalize, level=_LEVEL)
