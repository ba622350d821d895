"""chainer/functions/math."""

from __future__ import annotations

from typing import Any

from chainer.functions.math import basic_math

from astfront.rules.registry import node_rule
from astfront.values import Tensor


@node_rule(basic_math.Add)
def add(cx: Any, node: Any, x: Tensor, y: Tensor) -> Tensor:
    return cx.call_op("add", x, y)
