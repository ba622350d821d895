"""TVM's Python that most steps of a compile go through, made quicker; what it gives is the same.

Importing this module changes TVM's classes: an attribute of a node was looked up in its class before it
was found by its name, which was made a string of TVM's each time, and an array was gone over item by
item, each with the length, until one was missing.
"""

from __future__ import annotations

import ctypes
import functools
import numbers
import sys
import types
from collections.abc import Iterator
from typing import Any

import tvm
from tvm import relay, te
from tvm.relay.backend import te_compiler
from tvm.runtime import _ffi_api, _ffi_node_api

#: What passes ask for again and again.
_ATTRIBUTES = {
    tvm.ir.RelayExpr: ("_checked_type_", "span"),
    relay.Let: ("var", "value", "body"),
    relay.Call: ("op", "args", "attrs"),
    relay.Function: ("params", "body", "ret_type"),
    relay.If: ("cond", "true_branch", "false_branch"),
    relay.Tuple: ("fields",),
    relay.TupleGetItem: ("tuple_value", "index"),
    tvm.ir.TensorType: ("shape", "dtype"),
    tvm.tir.IntImm: ("value",),
    tvm.ir.PrimExpr: ("dtype",),
    tvm.tir.Buffer: ("data", "dtype", "shape"),
    tvm.tir.BufferLoad: ("buffer", "indices"),
    tvm.tir.BufferStore: ("buffer", "value", "indices"),
    tvm.tir.Ramp: ("base", "stride", "lanes"),
    tvm.tir.Add: ("a", "b"),
    tvm.tir.Sub: ("a", "b"),
    tvm.tir.For: ("kind", "extent", "body"),
    tvm.transform.PassInfo: ("name",),
    tvm.ir.Op: ("name",),
}


def _attribute(name: str) -> property:
    key = tvm.runtime.String(name).__tvm_object__
    get = _ffi_node_api.NodeGetAttr
    return property(lambda node: get(node, key))


def _with_quick_attributes() -> None:
    for node, names in _ATTRIBUTES.items():
        for name in names:
            setattr(node, name, _attribute(name))


_with_quick_attributes()

_item, _size = _ffi_api.ArrayGetItem, _ffi_api.ArraySize
_any_item = tvm.ir.Array.__getitem__


def _items(array: tvm.ir.Array) -> Iterator[Any]:
    return iter([_item(array, i) for i in range(_size(array))])


def _item_at(array: tvm.ir.Array, place: Any) -> Any:
    if type(place) is int and place >= -1:
        size = _size(array)
        if place < size and size:
            return _item(array, place % size)
    return _any_item(array, place)


tvm.ir.Array.__iter__ = _items
tvm.ir.Array.__getitem__ = _item_at


def fields_of(made: tvm.runtime.container.ADT) -> list[Any]:
    """What is in a tuple of the VM's."""
    get = _ffi_api.GetADTFields
    return [get(made, i) for i in range(_ffi_api.GetADTSize(made))]


def _cast(value: Any, kind: Any) -> Any:
    # What ``ctypes.cast`` gives for a pointer that's a number, in a fifth of its time.
    if type(value) is int and kind is ctypes.c_void_p:
        return ctypes.c_void_p(value)
    return ctypes.cast(value, kind)


def _with_quick_handles() -> None:
    """For each object that TVM gives to Python or takes from it: half of the time that it takes."""
    core = sys.modules.get("tvm._ffi._cy3.core")
    if core is None:
        return
    if getattr(core, "ctypes", None) is ctypes:
        core.ctypes = types.SimpleNamespace(**{**vars(ctypes), "cast": _cast})  # type: ignore[attr-defined]
    if getattr(core, "Integral", None) is numbers.Integral:
        # Of each argument it's asked whether it's a number; of an int an abstract class takes 0.5 µs.
        core.Integral = (int, numbers.Integral)  # type: ignore[attr-defined]


_with_quick_handles()

#: For each kernel TVM asks several times for the options that it was built with, 1 ms each: a quarter
#: of the time that a small program takes to compile.
te_compiler.libinfo = functools.cache(te_compiler.libinfo)

#: A shape function's source was found, and put in order, each time that it's used.
te.hybrid._pruned_source = functools.cache(te.hybrid._pruned_source)
