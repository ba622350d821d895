"""``folded_constants``: what numpy computes is what TVM's own pass computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tvm
from tvm import relay

from passes.relay import folded_constants


def array(*shape: int, dtype: str = "float32") -> np.ndarray:
    found = np.random.RandomState(0).uniform(-2, 2, shape).astype(dtype)
    if found.size > 3:
        found.flat[:3] = np.nan, np.inf, 0
    return found


A, B, W = (relay.const(array(*shape)) for shape in ((2, 3), (1, 3), (32, 16, 3, 3)))
CASES = {
    "add": A + B,
    "subtract": A - B,
    "multiply": A * B,
    "divide": A / B,
    "negative": relay.negative(A),
    "sqrt": relay.sqrt(A),
    "doubles": relay.const(array(2), "float64") * relay.const(np.array(1 / 3), "float64"),
    "before": relay.expand_dims(A, axis=0, num_newaxis=2),
    "behind": relay.expand_dims(A, axis=-1),
    "within": relay.expand_dims(A, axis=-2),
    "squeezed": relay.squeeze(B),
    "one axis": relay.squeeze(relay.const(array(1, 2, 1)), axis=[-1]),
    "reshaped": relay.reshape(A, (3, -1)),
    "flat": relay.reshape(B, (3,)),
    "turned": relay.transpose(W),
    "moved": relay.transpose(W, (1, 0, 3, 2)),
    "blocks of both": relay.layout_transform(W, "OIHW", "OIHW16i16o"),
    "blocks of one": relay.layout_transform(W, "OIHW", "OHWI32o"),
    "blocks of ints": relay.layout_transform(relay.const(np.arange(32), "int64"), "C", "C16c"),
    "chain": relay.expand_dims(relay.sqrt(A * A + A), axis=1) / relay.negative(B),
}


def function_of(expr: Any) -> relay.Function:
    return tvm.IRModule.from_expr(relay.Function([], expr))["main"]


@pytest.mark.parametrize("name", CASES)
def test_as_tvm_folds(name: str) -> None:
    found = folded_constants.run(function_of(CASES[name])).body
    expected = relay.transform.FoldConstant()(tvm.IRModule.from_expr(function_of(CASES[name])))
    expected = expected["main"].body.data.numpy()
    assert found.data.dtype == expected.dtype
    np.testing.assert_allclose(found.data.numpy(), expected, rtol=1e-6)


def test_what_is_left() -> None:
    x = relay.var("x", shape=(2, 3))
    ints = relay.const(np.array([7, -7])) / relay.const(np.array([2, 2]))
    like = relay.reshape(A, (0, -1))
    uneven = relay.layout_transform(relay.const(array(3, 2, 1, 1)), "OIHW", "OIHW2i2o")
    back = relay.layout_transform(relay.const(array(1, 1, 1, 1, 2, 2)), "OIHW2i2o", "OIHW")
    for expr in (x + A, relay.Tuple([x, B]), ints, like, uneven, back):
        function = relay.Function(relay.analysis.free_vars(expr), expr)
        made = folded_constants.run(function)
        tvm.ir.assert_structural_equal(made, function, map_free_vars=True)
