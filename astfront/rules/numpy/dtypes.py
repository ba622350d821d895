"""Questions about dtypes that an array or a number is part of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from astfront.descriptions import describe
from astfront.rules.numpy.promotion import resolve
from astfront.rules.numpy.support import numpy_rule, operand, rank
from astfront.values import Scalar, Static, Tensor, Value


@numpy_rule(np.result_type)
def result_type(cx: Any, *arrays_and_dtypes: Value) -> np.dtype[Any]:
    """Dtypes are known; arrays and numbers are told apart as in numpy's value-based casting."""
    known = [isinstance(v, Static) and not _is_number(v.obj) for v in arrays_and_dtypes]
    operands = [operand(cx, v) for v, k in zip(arrays_and_dtypes, known) if not k]

    def with_dtypes(*stand_ins: Any) -> Any:
        given = iter(stand_ins)
        return np.result_type(
            *(v.obj if k else next(given) for v, k in zip(arrays_and_dtypes, known))  # type: ignore[attr-defined]
        )

    if any(known) and any(not rank(v) and not isinstance(v, Static) for v in operands):
        cx.fail("AF0307", "the type that a dtype and a staged number have together")
    return resolve(cx, with_dtypes, operands)


def _is_number(obj: Any) -> bool:
    return isinstance(obj, bool | int | float | np.generic)


def _of_array(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of an array's dtype; of a number it depends on the value."""

    def apply(cx: Any, a: Value, *more: Value, **given: Value) -> Value:
        if isinstance(a, Scalar) or (isinstance(a, Tensor) and not a.ndim):
            cx.fail("AF0307", f"{function.__name__}() of {describe(a)} depends on its value")
        example = np.ones(1, a.dtype) if isinstance(a, Tensor) else cx.static(a)
        others = [cx.static(v) for v in more]
        return cx.run_python(
            function, example, *others, **{k: cx.static(v) for k, v in given.items()}
        )  # type: ignore[no-any-return]

    return apply


numpy_rule(np.min_scalar_type)(_of_array(np.min_scalar_type))
numpy_rule(np.can_cast)(_of_array(np.can_cast))
