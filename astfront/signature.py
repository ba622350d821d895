"""Arguments of a call: which are staged, which are static, and the key that tells programs apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import chainer
import numpy as np

from astfront.diagnostics import error
from astfront.lifting import is_static
from astfront.values import Dim, Scalar, Static, Tensor, TensorKind, Tuple, Value


@dataclass(frozen=True, init=False)
class TensorSpec:
    """An array argument by its type: ``TensorSpec((None, 3), "float32")``.

    Each dimension is an int, or for a size that is known only at run time ``None`` or a name
    (``TensorSpec(("batch", 3))``). With ``variable`` it's passed as a chainer.Variable.
    """

    shape: tuple[Dim, ...]
    dtype: np.dtype[Any]
    variable: bool
    names: tuple[str | None, ...]

    def __init__(
        self,
        shape: Sequence[int | str | None],
        dtype: Any = "float32",
        *,
        variable: bool = False,
    ) -> None:
        object.__setattr__(self, "shape", tuple(d if isinstance(d, int) else None for d in shape))
        object.__setattr__(self, "names", tuple(d if isinstance(d, str) else None for d in shape))
        object.__setattr__(self, "dtype", np.dtype(dtype))
        object.__setattr__(self, "variable", variable)

    def accepts(self, array: Any) -> bool:
        """Whether an array or Variable has this type."""
        if isinstance(array, chainer.Variable) is not self.variable:
            return False
        found = array.array if self.variable else array
        return (
            isinstance(found, np.ndarray)
            and found.dtype == self.dtype
            and found.ndim == len(self.shape)
            and all(d in (None, n) for d, n in zip(self.shape, found.shape))
        )


@dataclass(frozen=True)
class ScalarSpec:
    """A Python number that is known only at run time: ``ScalarSpec(int)``."""

    type: type = int


@dataclass(frozen=True)
class Leaf:
    """A staged argument: its name in the program, and its type."""

    name: str
    spec: TensorSpec | ScalarSpec
    kind: TensorKind


Array = np.ndarray


def flatten(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The key of a call and its staged arguments, in order.

    Two calls with one key differ only in the data of the arrays.
    """
    leaves: list[Any] = []
    seen: dict[int, int] = {}
    parts = [_key(a, leaves, seen) for a in args]
    named = [(k, _key(v, leaves, seen)) for k, v in kwargs.items()]
    return (tuple(parts), tuple(named)), leaves


def _key(x: Any, leaves: list[Any], seen: dict[int, int]) -> Any:
    kind = type(x)
    if kind is np.ndarray:
        leaves.append(x)
        return "array", x.shape, x.dtype.str, seen.setdefault(id(x), len(leaves))
    if isinstance(x, chainer.Variable):
        array = x.array
        if not isinstance(array, np.ndarray):
            raise error("AF0401", f"a Variable without a numpy array is passed: {x!r}")
        leaves.append(x)
        return "variable", array.shape, array.dtype.str, seen.setdefault(id(x), len(leaves))
    if kind in (list, tuple) or (isinstance(x, tuple) and hasattr(x, "_fields")):
        return kind, tuple(_key(i, leaves, seen) for i in x)
    if isinstance(x, dict):
        return kind, tuple((k, _key(v, leaves, seen)) for k, v in x.items())
    if isinstance(x, np.generic) and x.dtype.kind in "biuf":
        leaves.append(x)
        return "generic", x.dtype.str
    if isinstance(x, TensorSpec | ScalarSpec):
        leaves.append(x)
        return x
    if x is None or kind in (bool, int, str, bytes):
        return kind, x
    if kind is float:
        return kind, x.hex()
    if isinstance(x, np.ndarray):
        raise error("AF0401", f"an argument of type {kind.__name__} can't be compiled")
    return "object", _ById(x)


@dataclass(frozen=True, eq=False)
class _ById:
    """Compares by the identity of what it holds, and keeps it alive."""

    obj: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and self.obj is other.obj

    def __hash__(self) -> int:
        return id(self.obj)


class ArgumentLifter:
    """Makes the values of a call's arguments, in the order in which :func:`flatten` finds them."""

    def __init__(self, cx: Any) -> None:
        self.cx = cx
        self.leaves: list[Leaf] = []
        self.cells: dict[int, Any] = {}
        """Cells of argument lists and dicts, with the contents that they came with."""
        self._seen: dict[int, Value] = {}

    def lift(self, x: Any, name: str) -> Value:
        cx = self.cx
        if isinstance(x, TensorSpec):
            return self._tensor(name, x, "variable" if x.variable else "array", x)
        if isinstance(x, ScalarSpec):
            dtype = Scalar(None, x.type).dtype
            made = cx.b.parameter(name, (), dtype)
            self.leaves.append(Leaf(made.expr.name_hint, x, "generic"))
            return Scalar(made.expr, x.type)
        if isinstance(x, chainer.Variable):
            return self._tensor(name, TensorSpec(x.shape, x.dtype, variable=True), "variable", x)
        if isinstance(x, np.ndarray):
            if x.dtype.kind not in "biuf":
                raise error(
                    "AF0401",
                    f"the argument `{name}` is an array of dtype {x.dtype}",
                    help="arrays of bool, int, uint and float dtypes are supported",
                )
            return self._tensor(name, TensorSpec(x.shape, x.dtype), "array", x)
        if isinstance(x, np.generic) and x.dtype.kind in "biuf":
            return self._tensor(name, TensorSpec((), x.dtype), "generic", x)
        if isinstance(x, tuple):
            items = [self.lift(i, f"{name}_{n}") for n, i in enumerate(x)]
            if type(x) is not tuple:
                return Tuple(tuple(items), type(x))
            value: Value = cx.tuple(items)
            return value
        if type(x) is list:
            items = [self.lift(i, f"{name}_{n}") for n, i in enumerate(x)]
            return self._container(x, cx.heap.new_list(items))
        if type(x) is dict:
            entries = {k: self.lift(v, f"{name}_{k}") for k, v in x.items()}
            return self._container(x, cx.heap.new_dict(entries))
        if is_static(x):
            return Static(x)
        made_object: Value = cx.heap.new_object(type(x), x)
        return made_object

    def _container(self, x: Any, made: Any) -> Value:
        self.cells[made.cell] = self.cx.heap[made.cell]
        return made  # type: ignore[no-any-return]

    def _tensor(self, name: str, spec: TensorSpec, kind: TensorKind, x: Any) -> Value:
        made = self.cx.b.parameter(name, spec.shape, spec.dtype)
        self.leaves.append(Leaf(made.expr.name_hint, spec, kind))
        if id(x) in self._seen:
            return self._seen[id(x)]
        tensor = Tensor(made.expr, spec.shape, spec.dtype, kind, storage=made.storage)
        self.cx.argument_storages.add(tensor.storage)
        self._seen[id(x)] = tensor
        return tensor


def argument_names(f: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    """The names of a function's positional parameters, for the program's parameters."""
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code is not None else []
    if hasattr(f, "__func__"):
        names = names[1:]
    return [names[i] if i < len(names) else f"arg{i}" for i in range(len(args))]
