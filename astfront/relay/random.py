"""Random numbers as a Relay operator of our own: ``astfront.uniform``.

A counter-based generator has no state: the number at a place is a hash of a key, of how many draws
there were before, and of the place. So a program with random numbers computes the same for the same
key, in whatever order, and each draw in a loop's turns differs from the others. The hash is Threefry
2×32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), the one
that JAX uses.

Importing this module registers the operator; ``relay/builder.py`` does.
"""

from __future__ import annotations

from typing import Any

from tvm import relay, te, tir
from tvm.relay.op import op as registry
from tvm.relay.op._tensor import elemwise_shape_func

from astfront.relay.special import make_operator, set_opaque

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_WORD = "uint32"


def _kernel(inputs: Any, outputs: Any) -> Any:
    """Statements, and no expression: TVM would take minutes to simplify sixty nested ones."""
    ib = tir.ir_builder.create()
    given, draw = ib.buffer_ptr(inputs[1]), ib.buffer_ptr(inputs[2])
    result = ib.buffer_ptr(outputs[0])
    size: Any = tir.const(1, "int64")
    for d in inputs[0].shape:
        size = size * d.astype("int64")
    key, x = (ib.allocate(_WORD, (3,), name=n, scope="local") for n in ("key", "x"))
    key[0], key[1] = given[0], given[1]
    key[2] = key[0] ^ key[1] ^ _word(_PARITY)
    with ib.for_range(tir.const(0, "int64"), size, name="i", dtype="int64") as i:
        x[0] = i.astype(_WORD) + key[0]
        x[1] = draw[0].astype(_WORD) + key[1]
        for n in range(20):
            by = _ROTATIONS[n // 4 % 2][n % 4]
            x[0] = x[0] + x[1]
            x[1] = ((x[1] << _word(by)) | (x[1] >> _word(32 - by))) ^ x[0]
            if n % 4 == 3:
                group = n // 4 + 1
                x[0] = x[0] + key[group % 3]
                x[1] = x[1] + key[(group + 1) % 3] + _word(group)
        # 53 bits, as numpy makes a float64 in [0, 1) of two words.
        high = (x[0] >> _word(5)).astype("float64")
        low = (x[1] >> _word(6)).astype("float64")
        whole = high * tir.const(2.0**26, "float64") + low
        result[i] = whole * tir.const(2.0**-53, "float64")
    return ib.get()


def _word(value: int) -> Any:
    return tir.const(value, _WORD)


def _compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
    shape = tensors[0].shape
    return [te.extern([shape], list(tensors), _kernel, name="uniform", dtype="float64")]


def _type(types: Any, attrs: Any) -> Any:
    return relay.TensorType(list(types[0].shape), "float64")


def _register() -> None:
    """``uniform(like, key, draw)``: numbers from 0 to 1 in the shape of ``like``."""
    name = make_operator("uniform", 3, _type)
    set_opaque(name, _compute)
    registry.register_shape_func(name, False, elemwise_shape_func)


_register()
