"""The kernels that multiply sizes, for the bytes of an array whose shape only the run knows.

They're made as TVM leaves kernels where memory is explicit: lowered, and called with the memory for
their result. Operators in their place would have TVM infer the types of the whole function, fuse it and
give it memory once more, which takes as long as all that was done before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from tvm import relay, te

from passes.relay.bindings import Scope

_alloc_storage = tvm.get_global_func("relay.op.memory._make.alloc_storage")
_has_function = tvm.get_global_func("ir.Module_ContainGlobalVar")


def bytes_of(shape: relay.Var, item: int, place: Any, kernels: tvm.IRModule) -> Scope:
    """The bindings, of which the last one's is the number of bytes, int64 without axes.

    ``shape`` has int64, one for each axis, and ``item`` is the bytes of an item. ``place`` is the device
    that sizes are on. The kernel is put among ``kernels``.
    """
    kernel = _kernel(int(shape.checked_type.shape[0]), item, place.target, kernels)

    def there(expr: Any) -> Any:
        return relay.op.annotation.on_device(expr, place, constrain_result=True)

    scalar = there(relay.const(np.zeros(0, "int64")))
    storage = relay.Var("storage_bytes")
    made = relay.Var("bytes", _int64())
    size = there(relay.const(8, "int64"))
    alloc = _alloc_storage(size, scalar, relay.const(64, "int64"), place, "int64")
    offset = there(relay.const(0, "int64"))
    tensor = relay.op.memory.alloc_tensor(storage, offset, scalar, "int64", [])
    call = relay.Call(
        relay.op.get("vm.invoke_tvm_op"),
        [kernel, relay.Tuple([shape]), relay.Tuple([made])],
        tvm.ir.make_node("DictAttrs", Primitive=1),
    )
    done = relay.Var("done", relay.TupleType([]))
    return [(storage, there(alloc)), (made, there(tensor)), (done, there(call))]


def _kernel(axes: int, item: int, target: Any, kernels: tvm.IRModule) -> tvm.ir.GlobalVar:
    name = f"bytes_of_{axes}_axes_by_{item}"
    if _has_function(kernels, name):
        return kernels.get_global_var(name)
    shape = te.placeholder((axes,), "int64", "shape")

    def product() -> Any:
        made = tvm.tir.const(item, "int64")
        for i in range(axes):
            made = made * shape[i]
        return made

    size = te.compute((), product, "size")
    with target:
        lowered = tvm.lower(te.create_schedule(size.op), [shape, size], name=name)
    made = relay.GlobalVar(name, relay.FuncType([_int64(axes)], _int64()))
    kernels[made] = lowered[name].with_attr({"target": target, "global_symbol": name})
    return made


def _int64(*shape: int) -> relay.TensorType:
    return relay.TensorType(shape, "int64")
