"""Convolutions of float32 on CPUs: of staged sizes, and of channels that have no good divisor.

TVM computes a convolution in blocks of output channels, and the size of a block is the largest divisor
of their number that a vector holds: 10 of 50, and 1 of 29. Here such a number is padded to whole vectors
with channels of zeros (the compiler folds them into constant weights), and they are cut off the result:
for most 3 to 11 times faster.

Where the batch, the height or the width is staged, there's a kernel of our own (``conv_kernel.py``), as
fast as TVM's for known sizes; TVM's is 4 to 8 times slower then. Constant weights are packed while
compiling. What follows isn't fused with that, so that layers of equal channels share one kernel. What
TVM can't do of staged sizes, on other CPUs and of other types, is taken apart. Importing this module
registers all that, for the whole process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relay, te, tir
from tvm.relay.op import op as registry
from tvm.relay.op.nn import _nn
from tvm.relay.op.strategy import generic
from tvm.target import override_native_generic_func
from tvm.target.x86 import get_simd_32bit_lanes

from astfront.relay.conv_kernel import Convolution, convolution_kernel, pack
from astfront.relay.dense import is_float32_on_x86, packed_layouts, schedule
from astfront.relay.shape_functions import windowed_shape_func
from astfront.relay.special import make_operator, set_opaque

#: Above TVM's own registrations, whose level is 10.
_LEVEL = 15

PACKED = "astfront.conv2d_packed"
"""``nn.conv2d`` of staged sizes with packed weights; attributes as there."""


def padded_channels(channels: int, lanes: int) -> int:
    """How many channels to compute; fewer than a vector are one block as they are."""
    return channels if channels <= lanes else -(-channels // lanes) * lanes


def _is_plain(attrs: Any) -> bool:
    return (attrs.data_layout, attrs.kernel_layout) == ("NCHW", "OIHW")


def _is_staged(shape: Any) -> bool:
    return not all(isinstance(d, tir.IntImm) for d in shape)


def _is_ours(attrs: Any, types: Any, target: Any) -> bool:
    """Whether the kernel for staged sizes computes this."""
    x, w, *_ = types
    return (
        _is_plain(attrs)
        and _is_staged(x.shape)
        and all(isinstance(d, tir.IntImm) and int(d) > 0 for d in w.shape)
        and is_float32_on_x86(types, target)
    )


# --- before types are final --------------------------------------------------------------------


def _legalize(attrs: Any, inputs: Any, types: Any) -> Any:
    target = tvm.target.Target.current(allow_none=True)
    if target is None or not _is_plain(attrs):
        return _nn.legalize_conv2d(attrs, inputs, types)
    if _is_ours(attrs, types, target):
        return None
    groups = int(attrs.groups)
    if _is_staged(types[0].shape):
        return _taken_apart(attrs, inputs, types)
    if groups == 1 and is_float32_on_x86(types, target) and not _is_staged(types[1].shape[:1]):
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


def _taken_apart(attrs: Any, inputs: Any, types: Any) -> Any:
    """Around what TVM's conv2d can't do, or does wrongly, where a size is staged."""
    x, w = inputs
    outputs, each, *kernel = (int(d) for d in types[1].shape)
    padding = [int(p) for p in attrs.padding]
    if padding[:2] != padding[2:]:  # its shape function takes padding for symmetric
        top, left, bottom, right = padding
        x = relay.nn.pad(x, pad_width=((0, 0), (0, 0), (top, bottom), (left, right)))
        padding = [0, 0, 0, 0]
    groups = int(attrs.groups)
    step = outputs // groups
    parts = []
    for g in range(groups):
        part, weights = x, w
        if groups > 1:  # it has no code for groups
            part = relay.strided_slice(x, begin=[g * each], end=[(g + 1) * each], axes=[1])
            weights = relay.strided_slice(w, begin=[g * step], end=[(g + 1) * step], axes=[0])
        rest = {
            "strides": attrs.strides, "padding": padding, "dilation": attrs.dilation,
            "channels": step, "kernel_size": kernel, "out_dtype": attrs.out_dtype,
        }  # fmt: skip
        parts.append(_apart(part, weights, types[0], rest))
    return parts[0] if groups == 1 else relay.concatenate(parts, axis=1)


def _apart(x: Any, w: Any, x_type: Any, attrs: dict[str, Any]) -> Any:
    if attrs["kernel_size"] != [1, 1] or not _is_staged(x_type.shape[2:]):
        return relay.nn.conv2d(x, w, **attrs)
    # Only the other layout has code for this.
    rows = relay.transpose(x, (0, 2, 3, 1))
    kernel = relay.transpose(w, (2, 3, 1, 0))
    made = relay.nn.conv2d(rows, kernel, data_layout="NHWC", kernel_layout="HWIO", **attrs)
    return relay.transpose(made, (0, 3, 1, 2))


# --- kernels -----------------------------------------------------------------------------------

#: The attributes of the operator with packed weights, besides how many output channels there are.
_ATTRIBUTES = ("kernel_size", "strides", "padding", "dilation")


def _geometry(attrs: Any) -> list[list[int]]:
    return [[int(n) for n in attrs[name]] for name in _ATTRIBUTES]


def _convolution(attrs: Any, inputs: int) -> Convolution:
    kernel, strides, padding, dilation = _geometry(attrs)
    return Convolution(
        int(attrs["channels"]), inputs, (kernel[0], kernel[1]), (strides[0], strides[1]),
        (padding[0], padding[1]), (dilation[0], dilation[1]), int(attrs["groups"]),
    )  # fmt: skip


def _windows(attrs: Any, sizes: Sequence[Any]) -> list[Any]:
    """How many places the kernel has along each axis; none where it's wider than the array.

    That raises an exception, but not before the program has run.
    """
    kernel, strides, padding, dilation = _geometry(attrs)
    more = (
        padding[i] + padding[i + 2] - (kernel[i] - 1) * dilation[i] - 1 + strides[i]
        for i in range(2)
    )
    return [tir.indexdiv(te.max(n + m, 0), step) for n, m, step in zip(sizes, more, strides)]


def _compute(attrs: Any, inputs: Any, output_type: Any) -> list[Any]:
    x, w = inputs
    conv = _convolution(attrs, int(x.shape[1]))
    lanes = get_simd_32bit_lanes()
    body = te.extern(
        [(x.shape[0], conv.outputs, *_windows(attrs, x.shape[2:]))], [x, w],
        lambda ins, outs: convolution_kernel(ins[0], ins[1], outs[0], conv, lanes),
        name="conv2d", dtype="float32",
    )  # fmt: skip
    return [body]


def _packed_type(types: Any, attrs: Any) -> Any:
    batch, _, *sizes = types[0].shape
    windows = (
        relay.Any() if isinstance(n, tir.Any) else w for n, w in zip(sizes, _windows(attrs, sizes))
    )
    return relay.TensorType([batch, int(attrs["channels"]), *windows], "float32")


@te.hybrid.script
def _windows_shape(shape, channels, kernel, strides, padding, dilation):  # type: ignore[no-untyped-def]
    out = output_tensor((4,), "int64")  # type: ignore[name-defined]  # noqa: F821
    out[0] = shape[0]
    out[1] = int64(channels)  # type: ignore[name-defined]  # noqa: F821
    for i in const_range(2):  # type: ignore[name-defined]  # noqa: F821
        # fmt: off
        out[i + 2] = max(
            shape[i + 2] + padding[i] + padding[i + 2] - (kernel[i] - 1) * dilation[i] - 1 + strides[i],
            int64(0),  # type: ignore[name-defined]  # noqa: F821
        ) // strides[i]
        # fmt: on
    return out


def _shape(attrs: Any, inputs: Any, ndims: Any) -> list[Any]:
    geometry = map(tvm.runtime.convert, _geometry(attrs))
    return [_windows_shape(inputs[0], tvm.runtime.convert(int(attrs["channels"])), *geometry)]


_usual_shape = windowed_shape_func(_nn.conv_shape_func)
_tvm_strategy = generic.conv2d_strategy
_tvm_alter = _nn.alter_op_layout_conv2d


def _conv2d_shape(attrs: Any, inputs: Any, ndims: Any) -> list[Any]:
    if attrs.data_layout == "NCHW" and attrs.channels is not None:
        return _shape(attrs, inputs, ndims)
    return list(_usual_shape(attrs, inputs, ndims))


@override_native_generic_func("astfront.conv2d.strategy")
def _strategy(attrs: Any, inputs: Any, output_type: Any, target: Any) -> Any:
    if not _is_ours(attrs, [*inputs, output_type], target):
        return _tvm_strategy(attrs, inputs, output_type, target)
    chosen = registry.OpStrategy()
    chosen.add_implementation(_compute, schedule, name="astfront.conv2d")
    return chosen


def _alter(attrs: Any, inputs: Any, types: Any, output_type: Any) -> Any:
    target = tvm.target.Target.current(allow_none=False)
    if not _is_ours(attrs, [*types, output_type], target):
        return _tvm_alter(attrs, inputs, types, output_type)
    x, w = inputs
    if not isinstance(w, relay.Constant):
        return None
    conv = _convolution(attrs, int(types[0].shape[1]))
    packed = relay.const(pack(w.data.numpy(), conv, get_simd_32bit_lanes()))
    geometry = dict(zip(_ATTRIBUTES, _geometry(attrs)))
    made = tvm.ir.make_node("DictAttrs", channels=conv.outputs, groups=conv.groups, **geometry)
    return relay.Call(relay.op.get(PACKED), [x, packed], made)


def _define_packed() -> None:
    make_operator(PACKED.removeprefix("astfront."), 2, _packed_type)
    relay.op.get(PACKED).set_attrs_type_key("DictAttrs")
    set_opaque(PACKED, _compute)
    registry.register_shape_func(PACKED, False, _shape)
    tvm.ir.register_op_attr(PACKED, "FInferCorrectLayout", packed_layouts("NCHW", "OIHW"))


_define_packed()
registry.register_legalize("nn.conv2d", _legalize, level=_LEVEL)
registry.register_alter_op_layout("nn.conv2d", _alter, level=_LEVEL)
registry.register_strategy("nn.conv2d", _strategy, level=_LEVEL)
registry.register_shape_func("nn.conv2d", False, _conv2d_shape, level=_LEVEL)
