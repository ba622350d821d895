"""Arguments of a call: which are staged, which are static, and the key that tells programs apart."""

from __future__ import annotations

import collections
import copy
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import chainer
import numpy as np

from astfront.containers.forests import Forest
from astfront.containers.parts import with_sources
from astfront.contents import GrownList, Items
from astfront.diagnostics import error
from astfront.joins.collector import buffer_leaves
from astfront.joins.leaves import Leaf as Element
from astfront.lifting import is_static, is_supported
from astfront.tree_arguments import Tree, tree_of
from astfront.tuple_classes import methods_of_its_own
from astfront.values import Argument, Dim, List, Scalar, Static, Tensor, TensorKind, Tuple, Value


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
        if any(isinstance(d, int) and d < 0 for d in shape):
            raise ValueError(f"a negative size: {tuple(shape)}; None stands for one that differs")
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

    def accepts(self, value: Any) -> bool:
        """Whether a number has this type; an int has to fit in 64 bits."""
        if type(value) is not self.type:
            return False
        return not isinstance(value, int) or -(2**63) <= value < 2**63


@dataclass(frozen=True)
class ListSpec:
    """A list of any number of arrays of one type: ``ListSpec(TensorSpec((None, 3)))``.

    The program takes it as the buffers of a list that grew: see ``templates.buffer_leaves``.
    """

    item: TensorSpec

    def accepts(self, value: Any) -> bool:
        """Whether all items of a list have this type."""
        return type(value) is list and all(map(self.item.accepts, value))

    @property
    def element(self) -> Element:
        item = self.item
        return Element(item.shape, item.dtype, "variable" if item.variable else "array")

    @property
    def buffers(self) -> list[TensorSpec]:
        """The types of the buffers."""
        return [TensorSpec(b.shape, b.dtype) for b in buffer_leaves(self.element)]

    def packed(self, values: Sequence[Any]) -> list[np.ndarray]:
        """The buffers of a list."""
        item = self.item
        arrays = [x.array if isinstance(x, chainer.Variable) else x for x in values]
        if None not in item.shape:
            return [np.array(arrays, item.dtype).reshape(len(arrays), *item.shape)]
        flat = [np.zeros(0, item.dtype), *(x.ravel() for x in arrays)]
        sizes = np.array([x.shape for x in arrays], "int64").reshape(len(arrays), len(item.shape))
        counts = sizes.prod(axis=1)
        starts = np.cumsum(counts) - counts
        return [np.concatenate(flat), np.concatenate((starts[:, np.newaxis], sizes), axis=1)]


@dataclass(frozen=True)
class Leaf:
    """A staged argument: its name in the program, and its type."""

    name: str
    spec: TensorSpec | ScalarSpec
    kind: TensorKind
    is_by_type: bool = False
    """Whether only the type is known: another such argument may be the same array."""


def flatten(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The key of a call and its staged arguments, in order.

    Two calls with one key differ only in the data of the arrays.
    """
    leaves: list[Any] = []
    seen: dict[int, int] = {}
    parts = [_key(a, leaves, seen) for a in args]
    named = [(k, _key(v, leaves, seen)) for k, v in kwargs.items()]
    return (tuple(parts), tuple(named)), leaves


#: Classes of dicts, but for ``dict`` itself, that arguments may be of.
_OTHER_DICTS = (collections.OrderedDict, collections.defaultdict, collections.Counter)

#: What Variables and Parameters hold by themselves.
PLAIN_FIELDS = frozenset(vars(chainer.Parameter(0))) | frozenset(
    vars(copy.deepcopy(chainer.Variable(np.zeros(1))))
)


def _key(x: Any, leaves: list[Any], seen: dict[int, int]) -> Any:
    kind = type(x)
    if kind is Tree:
        leaves.extend(x.data)
        return x.type
    if kind is np.ndarray:
        leaves.append(x)
        return "array", x.shape, x.dtype.str, seen.setdefault(id(x), len(leaves))
    if isinstance(x, chainer.Variable):
        array = x.array
        if type(array) is not np.ndarray:
            raise error("AF0401", f"a Variable without a numpy array is passed: {x!r}")
        if not vars(x).keys() <= PLAIN_FIELDS:
            own = ", ".join(sorted(vars(x).keys() - PLAIN_FIELDS))
            raise error("AF0401", f"a Variable that was given attributes is passed: {own}")
        leaves.append(x)
        place = seen.setdefault(id(x), len(leaves))
        return kind, array.shape, array.dtype.str, place, x.name, x.requires_grad
    if isinstance(x, tuple):
        return kind, tuple(_key(i, leaves, seen) for i in x)
    if kind is list:
        place = seen.setdefault(id(x), -len(seen))
        return kind, place, tuple(_key(i, leaves, seen) for i in x)
    if kind is dict or kind in _OTHER_DICTS:
        place = seen.setdefault(id(x), -len(seen))
        items = tuple((k, _key(v, leaves, seen)) for k, v in x.items())
        if kind is collections.defaultdict:
            return kind, place, items, _ById(x.default_factory)
        return kind, place, items
    if kind is collections.deque:
        place = seen.setdefault(id(x), -len(seen))
        return kind, place, tuple(_key(i, leaves, seen) for i in x), x.maxlen
    if isinstance(x, np.generic) and x.dtype.kind in "biuf":
        leaves.append(x)
        return "generic", x.dtype.str
    if isinstance(x, TensorSpec | ScalarSpec):
        leaves.append(x)
        return x
    if isinstance(x, ListSpec):
        leaves.extend(x.buffers)
        return x
    if kind in (bool, int, str, bytes, range, type(None)):
        return kind, x
    if kind is float:
        return kind, x.hex()
    if kind is slice:
        return kind, tuple(_key(i, leaves, seen) for i in (x.start, x.stop, x.step))
    if kind is types.MethodType:
        return kind, _ById(x.__self__), _ById(x.__func__)
    if isinstance(x, np.ndarray | list | dict | collections.deque) or hasattr(kind, "__array__"):
        raise error(
            "AF0401",
            f"an argument of type {kind.__module__}.{kind.__name__} can't be compiled",
            help="pass a numpy array, a Variable, or a plain list or dict of them",
        )
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
        self.paths: dict[int, tuple[Any, ...]] = {}
        """Where in the arguments they are."""
        self.references: dict[int, Any] = {}
        self.arrays: dict[int, tuple[tuple[Any, ...], str]] = {}
        """Where arrays and Variables are in the arguments, by the cells of their contents."""
        self._seen: dict[int, Value] = {}

    def lift(self, x: Any, name: str, path: tuple[Any, ...]) -> Value:
        """The value of an argument, or of the part of one that ``path`` leads to."""
        cx = self.cx
        if isinstance(x, Tree):
            return self._tree(name, x)
        if isinstance(x, chainer.Variable | np.ndarray | TensorSpec) and not is_supported(x.dtype):
            raise error(
                "AF0401",
                f"the argument `{name}` is an array of dtype {x.dtype}",
                help="arrays of bool, int, uint and float dtypes, in this machine's byte order, "
                "are supported",
            )
        if isinstance(x, TensorSpec):
            return self._tensor(name, path, x, "variable" if x.variable else "array", x)
        if isinstance(x, ListSpec):
            return self._list(name, path, x)
        if isinstance(x, ScalarSpec):
            dtype = Scalar(None, x.type).dtype
            made = cx.b.parameter(name, (), dtype)
            self.leaves.append(Leaf(made.expr.name_hint, x, "generic"))
            return Scalar(made.expr, x.type)
        if isinstance(x, chainer.Variable):
            return self._tensor(
                name, path, TensorSpec(x.shape, x.dtype, variable=True), "variable", x
            )
        if isinstance(x, np.ndarray):
            return self._tensor(name, path, TensorSpec(x.shape, x.dtype), "array", x)
        if isinstance(x, np.generic) and x.dtype.kind in "biuf":
            return self._tensor(name, path, TensorSpec((), x.dtype), "generic", x)
        if isinstance(x, tuple):
            if own := methods_of_its_own(type(x)):
                raise error(
                    "AF0401",
                    f"the argument `{name}` is a tuple with `{own[0]}` of its own",
                    help="pass a plain tuple, or an object of a class that isn't one",
                )
            items = [self.lift(i, f"{name}_{n}", (*path, n)) for n, i in enumerate(x)]
            if type(x) is not tuple:
                return Tuple(tuple(items), type(x))
            value: Value = cx.tuple(items)
            return value
        if type(x) is list:
            items = [self.lift(i, f"{name}_{n}", (*path, n)) for n, i in enumerate(x)]
            return self._container(x, path, cx.heap.new_list(items))
        if type(x) is collections.deque:
            items = [self.lift(i, f"{name}_{n}", (*path, n)) for n, i in enumerate(x)]
            made = replace(cx.heap.new_list(items), cls=collections.deque, longest=x.maxlen)
            return self._container(x, path, made)
        if type(x) is dict or type(x) in _OTHER_DICTS:
            entries = {k: self.lift(v, f"{name}_{k}", (*path, k)) for k, v in x.items()}
            factory = getattr(x, "default_factory", None)
            factory = None if factory is None else Static(factory)
            made = replace(cx.heap.new_dict(entries), cls=type(x), factory=factory)
            return self._container(x, path, made)
        if is_static(x):
            return Static(x)
        made_object: Value = cx.heap.new_object(type(x), x)
        return made_object

    def _container(self, x: Any, path: tuple[Any, ...], made: Any) -> Value:
        if id(x) in self._seen:
            return self._seen[id(x)]
        self._seen[id(x)] = made
        self.cells[made.cell] = self.cx.heap[made.cell]
        self.cx.heap.watch(made.cell)
        self.paths[made.cell] = path
        self.references[made.cell] = made
        return made  # type: ignore[no-any-return]

    def _list(self, name: str, path: tuple[Any, ...], spec: ListSpec) -> Value:
        """It can't change: the program has no list to change."""
        buffers = []
        for part, buffer in zip(("rows", "extents"), spec.buffers):
            made = self.cx.b.parameter(f"{name}_{part}", buffer.shape, buffer.dtype)
            self.leaves.append(Leaf(made.expr.name_hint, buffer, "array"))
            buffers.append(made)
        length = self.cx.dim_of(buffers[-1], 0)
        cell = self.cx.heap.new(Items())
        self.cx.heap.cells[cell] = GrownList(
            with_sources(spec.element, frozenset([cell])), tuple(buffers), length
        )
        self.cx.heap.frozen.add(cell)
        self.cx.heap.arguments.add(cell)
        self.paths[cell] = path
        return List(cell)

    def _tree(self, name: str, tree: Tree) -> Value:
        forest = Forest(tree.type)
        for column in tree.type.columns:
            spec = TensorSpec(column.shape, column.dtype)
            made = self.cx.b.parameter(f"{name}_{column.name}", spec.shape, spec.dtype)
            self.leaves.append(Leaf(made.expr.name_hint, spec, "array"))
            forest.add(column, made)
        self.cx.forests.append(forest)
        return forest.root()

    def _tensor(
        self, name: str, path: tuple[Any, ...], spec: TensorSpec, kind: TensorKind, x: Any
    ) -> Value:
        made = self.cx.b.parameter(name, spec.shape, spec.dtype)
        is_by_type = isinstance(x, TensorSpec)
        self.leaves.append(Leaf(made.expr.name_hint, spec, kind, is_by_type))
        if id(x) in self._seen:
            return self._seen[id(x)]
        origin = None
        if kind != "generic":
            cls = type(x) if isinstance(x, chainer.Variable) else chainer.Variable
            grad = getattr(x, "requires_grad", True)
            origin = Argument(path, cls, getattr(x, "name", None), grad, is_by_type)
        tensor = Tensor(
            made.expr, spec.shape, spec.dtype, kind, origin=origin, storage=made.storage
        )
        if kind != "generic":
            cell = self.cx.heap.new_array(tensor)
            self.arrays[cell] = path, kind
            if not isinstance(x, TensorSpec):
                self.cx.lifter.layouts.found(cell, getattr(x, "array", x))
        if not isinstance(x, TensorSpec | np.generic):
            self._seen[id(x)] = tensor
        return tensor


def argument_names(f: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    """The names of a function's positional parameters, for the program's parameters."""
    code = getattr(getattr(f, "__func__", f), "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code is not None else []
    if hasattr(f, "__func__"):
        names = names[1:]
    return [names[i] if i < len(names) else f"arg{i}" for i in range(len(args))]


# --- whether arguments fit ---------------------------------------------------------------------


def matched(
    specs: Sequence[Any],
    named_specs: Mapping[str, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> list[Any]:
    """The staged arguments of a call, in the order in which the specs were lifted.

    A spec is a TensorSpec, a ScalarSpec, a ListSpec, an example, or a list, tuple or dict of specs.
    Raises AF0402 where arguments don't have the types that a program was compiled for.
    """
    if len(args) != len(specs) or set(kwargs) != set(named_specs):
        raise error(
            "AF0402",
            f"{_arguments(len(args), kwargs)} for a program that takes "
            f"{_arguments(len(specs), named_specs)}",
        )
    leaves: list[tuple[Any, Any]] = []
    for i, (spec, value) in enumerate(zip(specs, args)):
        _match(f"argument {i}", spec, value, leaves)
    for name, spec in named_specs.items():
        _match(f"argument `{name}`", spec, kwargs[name], leaves)
    # An array that was passed twice when the program was made is one object in it.
    first: dict[int, Any] = {}
    for spec, value in leaves:
        if not isinstance(spec, np.ndarray | chainer.Variable):
            continue
        if first.setdefault(id(spec), value) is not value:
            raise error("AF0402", "the program was compiled for one array in two places, not two")
    return [value for _, value in leaves]


def _arguments(count: int, named: Mapping[str, Any]) -> str:
    parts = [f"{count} argument{'s' * (count != 1)} by position"] if count or not named else []
    if named:
        parts.append("by name " + ", ".join(f"`{n}`" for n in named))
    return " and ".join(parts)


def _match(what: str, spec: Any, value: Any, leaves: list[tuple[Any, Any]]) -> None:
    """Collect the leaves of a spec, each with the leaf of the argument that's in its place."""
    if isinstance(spec, Tree):
        value = tree_of(value, spec.type)
    if type(spec) is list or isinstance(spec, tuple):
        if type(value) is type(spec) and len(value) == len(spec):
            for i, (s, v) in enumerate(zip(spec, value)):
                _match(f"{what}[{i}]", s, v, leaves)
            return
    elif type(spec) in (dict, collections.OrderedDict):
        if type(value) is type(spec) and list(value) == list(spec):
            for k in spec:
                _match(f"{what}[{k!r}]", spec[k], value[k], leaves)
            return
    elif isinstance(spec, ListSpec):
        if spec.accepts(value):
            leaves.extend(zip(spec.buffers, spec.packed(value)))
            return
    elif isinstance(spec, TensorSpec | ScalarSpec):
        if spec.accepts(value):
            leaves.append((spec, value))
            return
    else:
        ours: list[Any] = []
        theirs: list[Any] = []
        if _key(spec, ours, {}) == _key(value, theirs, {}):
            leaves.extend(zip(ours, theirs))
            return
    raise error("AF0402", f"{what} is {_shown(value)}; the program was compiled for {_shown(spec)}")


def _shown(x: Any) -> str:
    if isinstance(x, ScalarSpec):
        return f"any {x.type.__name__}"
    if isinstance(x, ListSpec):
        return f"a list of any number of items, each {_shown(x.item)}"
    if isinstance(x, TensorSpec):
        dims = ", ".join("any" if d is None else str(d) for d in x.shape)
        dims += "," if len(x.shape) == 1 else ""
        return f"{'a Variable' if x.variable else 'an array'} of shape ({dims}), {x.dtype}"
    if isinstance(x, chainer.Variable | np.ndarray):
        kind = "a Variable" if isinstance(x, chainer.Variable) else "an array"
        return f"{kind} of shape {x.shape}, {x.dtype}"
    if isinstance(x, list | tuple | dict):
        return f"a {type(x).__name__} of {len(x)}"
    return f"{x!r:.60}"
