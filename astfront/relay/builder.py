"""The Builder that makes Relay."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm import relay

import astfront.relay.arg_extremes
import astfront.relay.injective
import astfront.relay.kernels
import astfront.relay.linalg
import astfront.relay.random
import astfront.relay.reductions
import astfront.relay.scans
import astfront.relay.select
import astfront.relay.shape_functions
import astfront.relay.sort
import astfront.relay.sort_values
import astfront.relay.special  # noqa: F401  (they register what they have)
from astfront.builder import Builder, OperatorError, Scope
from astfront.control.bounds import LARGEST_SIZE, Bounds
from astfront.diagnostics import error
from astfront.relay import fallback as relay_fallback
from astfront.relay import simplifier as relay_simplifier
from astfront.relay.spans import span_in_relay
from astfront.values import Dim, Scalar, Shape, Tensor
from passes.relay import dead_bindings

#: Operators that can neither fail nor take long on numbers.
_CHEAP = frozenset(
    [
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_not",
        "add",
        "subtract",
        "multiply",
        "where",
        "cast",
        "maximum",
        "minimum",
    ]
)


def _pad(data: Any, value: Any = None, *, pad_value: Any = 0, **attrs: Any) -> Any:
    return relay.nn.pad(data, pad_value=pad_value if value is None else value, **attrs)


def _reshape(data: Any, newshape: Any, allowzero: bool = False) -> Any:
    """In a computed shape a 0 is a size, not Relay's "as it is"."""
    return relay.reshape(data, newshape, allowzero or isinstance(newshape, relay.Expr))


#: Operators called in another way than their Python function.
_ADAPTED = {
    "reshape": _reshape,
    "gather": lambda data, indices, axis: relay.gather(data, axis, indices),
    "nn.pad": _pad,
}

#: Names that Relay's text format doesn't take.
_KEYWORDS = frozenset(
    [
        "let",
        "fn",
        "def",
        "if",
        "else",
        "type",
        "match",
        "extern",
        "free_var",
        "ref",
        "ref_read",
        "ref_write",
    ]
)

#: How often one element may be computed within one fused operator.
_MAX_COPIES = 100
_MAX_INTEGER_COPIES = 3

#: How often the operand occurs in a function written out as arithmetic (`relay_math`): TVM's code
#: generator puts it in the place of each name that stands for it. Its simplifier compares the operands
#: of a maximum in many ways, and looks at a condition anew for each of the values that it chooses from.
_OCCURRENCES = {
    "exp": 27, "log": 53, "log2": 53, "log10": 53, "tanh": 69, "sigmoid": 55, "erf": 260,
    "atanh": 119, "sin": 1428, "cos": 1426, "sinh": 190, "cosh": 81, "maximum": 8, "minimum": 8,
    **dict.fromkeys(["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"], 16),
}  # fmt: skip

#: How many times one element of an operand may occur in all, within functions within functions: a
#: few seconds' work for TVM. The cell of an LSTM has 12,500.
_MAX_OCCURRENCES = 20_000

TensorType = tuple[tuple[Dim, ...], str]


@dataclass(frozen=True)
class _Declared:
    """A function of the program: its name, its parameters, and the types of its results."""

    var: relay.Var
    parameters: list[relay.Var]
    results: list[TensorType]


class RelayBuilder(Builder):
    """Makes an IRModule whose ``main`` takes the parameters in the order they were made.

    Types are inferred operator by operator, over fresh typed variables and with a cache: inferring
    the whole program at each step would be quadratic in its length.
    """

    def __init__(self) -> None:
        super().__init__()
        self.params: list[relay.Var] = []
        self.param_types: dict[relay.Var, TensorType] = {}
        self.constants: dict[str, np.ndarray[Any, Any]] = {}
        self._known_constants: dict[Any, relay.Var] = {}
        self._scalars: dict[Any, tvm.nd.NDArray] = {}
        self._names: set[str] = set()
        self._type_cache: dict[Any, Any] = {}
        self._copies: dict[Any, int] = {}
        self._overflowing: set[Any] = set()
        self._occurrences: dict[Any, int] = {}
        self._unsure: set[Any] = set()
        """What kernels compute of operands with staged sizes that may not fit each other."""

    # --- leaves ------------------------------------------------------------------------------

    def parameter(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Tensor:
        var = relay.Var(self._unique(name), _relay_type(shape, dtype.name))
        self.params.append(var)
        self.param_types[var] = (tuple(shape), dtype.name)
        return Tensor(var, tuple(shape), dtype)

    def constant(self, array: np.ndarray[Any, Any]) -> Tensor:
        """Scalars stand in the text; larger constants become parameters bound to their data."""
        array = np.asarray(array)
        if array.ndim == 0:
            _relay_type((), array.dtype.name)
            number = array.dtype, array.tobytes()
            if number not in self._scalars:
                self._scalars[number] = relay.const(array, dtype=array.dtype.name).data
            return Tensor(relay.Constant(self._scalars[number]), (), array.dtype, const=array)
        key = array.dtype, array.shape, hashlib.blake2b(array.tobytes()).digest()
        if key not in self._known_constants:
            tensor = self.parameter("const", array.shape, array.dtype)
            self._known_constants[key] = tensor.expr
            self.constants[tensor.expr.name_hint] = np.array(array, order="C", copy=True)
        return Tensor(self._known_constants[key], array.shape, array.dtype, const=array)

    def fresh(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Tensor:
        return Tensor(relay.Var(_clean(name), _relay_type(shape, dtype.name)), tuple(shape), dtype)

    # --- operators ---------------------------------------------------------------------------

    def call(self, op: str, *args: Tensor | Scalar | Sequence[Tensor], **attrs: Any) -> Any:
        made = relay_simplifier.guarded(self, op, args)
        if made is not None:
            return made
        args = tuple(relay_simplifier.operands(self, op, args, attrs))
        function = _relay_function(op)
        types = tuple(_map_tensors(_type_of, a, tuple) for a in args)
        key = (op, types, _hashable(attrs))
        if key in self._type_cache:
            result_type = self._type_cache[key]
        else:
            variables = [_map_tensors(lambda t: relay.Var("x", _relay_type(*t)), t) for t in types]
            result_type = self._type_cache[key] = _infer(op, function, variables, attrs)
        whole = not isinstance(result_type, tuple) or None in result_type[0]
        operands = [_map_tensors(self._operand(op, whole), a) for a in args]
        if isinstance(result_type, tuple) and 0 in result_type[0] and None not in result_type[0]:
            # TVM fails at many operators on nothing (a division by a size in constant folding).
            expr = relay.zeros(result_type[0], result_type[1])
        else:
            expr = function(*operands, **attrs)
        if isinstance(expr, relay.expr.TupleWrapper):
            expr = expr.astuple()
        result = self._bind(op.rsplit(".", 1)[-1], self._located(expr), result_type)
        if op == "strided_slice" and None in result.shape:
            # Fused with what comes next, TVM's code for a staged size doesn't compile.
            return self.stop_fusion(result)
        if op in relay_simplifier.OVERFLOWING and result.dtype.name in ("int32", "int64"):
            self._overflowing.add(result.expr)
        if isinstance(result, Tensor) and _is_inlined(op):
            self._copies[result.expr] = 1 + sum(self._copies.get(o, 0) for o in _flat(operands))
            within = sum(self._occurrences.get(o, 1) for o in _flat(operands))
            self._occurrences[result.expr] = _OCCURRENCES.get(op, 1) * within
            if _may_differ(op, args) or not self._unsure.isdisjoint(_flat(operands)):
                self._unsure.add(result.expr)
        return result

    # TVM inlines fused elementwise operators into each of their uses, so that `x = where(x == 0, y, x)`
    # triples with each step (and the simplifier takes minutes over a few steps of integers, or over
    # functions of functions). Where an expression would get too large, its operands become results
    # of their own. So do those of staged sizes where the result's are known: TVM compares staged sizes
    # only to find those of a kernel's result.

    def _operand(self, op: str, has_staged_sizes: bool) -> Any:
        def expr(x: Tensor | Scalar) -> relay.Expr:
            found = self._expr(x)
            kept = self.scope.kept
            if found in kept:
                return kept[found]
            copies = self._copies.get(found, 0)
            limit = _MAX_INTEGER_COPIES if x.dtype.kind in "iu" else _MAX_COPIES
            occurrences = self._occurrences.get(found, 1) * _OCCURRENCES.get(op, 1)
            small = copies <= limit and occurrences <= _MAX_OCCURRENCES
            compared = has_staged_sizes or found not in self._unsure or op == "shape_of"
            if compared and (small or not _is_inlined(op)):
                return found
            shape = x.shape if isinstance(x, Tensor) else ()
            kept[found] = self.stop_fusion(Tensor(found, shape, x.dtype)).expr
            return kept[found]

        return expr

    def may_overflow(self, x: Any) -> bool:
        """Whether it's an array of ints that arithmetic of the program made."""
        return isinstance(x, Tensor) and x.expr in self._overflowing

    def stop_fusion(self, x: Tensor) -> Tensor:
        """``x`` as the result of a kernel."""
        stopped = relay.annotation.stop_fusion(x.expr)
        return self._bind("kept", self._located(stopped), (x.shape, x.dtype.name))

    def dim(self, x: Tensor, axis: int) -> Scalar:
        shape = self.call("shape_of", x, dtype="int64")
        size = self.call("take", shape, self.constant(np.array(axis, "int64")), axis=0, mode="wrap")
        return Scalar(size.expr, int, Bounds(("size", x.expr, axis), low=0, magnitude=LARGEST_SIZE))

    def widen(self, x: Tensor, shape: Sequence[Dim]) -> Tensor:
        if tuple(shape) == x.shape:
            return x
        # An identity function with a wider type: an annotation on a let would leak back.
        wide = _relay_type(shape, x.dtype.name)
        var = relay.Var("a", wide)
        call = relay.Call(relay.Function([var], var, wide), [self._expr(x)])
        return self._bind("wide", call, (tuple(shape), x.dtype.name))

    def refine(self, x: Tensor, shape: Sequence[Dim]) -> Tensor:
        known = sum(d is None for d in x.shape) - sum(d is None for d in shape)
        if known <= 0:
            return x
        if 0 in shape:
            return x
        # 0 in newshape means: as it is.
        return self.call("reshape", x, newshape=tuple(0 if d is None else d for d in shape))

    def is_cheap(self, scope: Scope) -> bool:
        return len(scope) <= 4 and all(
            isinstance(expr, relay.Call)
            and isinstance(expr.op, tvm.ir.Op)
            and expr.op.name in _CHEAP
            for _, expr in scope.bindings
        )

    # --- control flow ------------------------------------------------------------------------

    def if_(
        self,
        condition: Tensor | Scalar,
        then: tuple[Scope, Sequence[Tensor]],
        orelse: tuple[Scope, Sequence[Tensor]],
    ) -> list[Tensor]:
        types = [_join_types(_type_of(a), _type_of(b)) for a, b in zip(then[1], orelse[1])]
        expr = relay.If(
            self._expr(condition), self._arm(*then), self._arm(*orelse), span=self._span()
        )
        return self._unpack("branch", expr, types)

    def while_(
        self,
        state: Sequence[Tensor],
        initial: Sequence[Tensor],
        header: tuple[Scope, Tensor | Scalar],
        body: tuple[Scope, Sequence[Tensor]],
    ) -> list[Tensor]:
        loop = self.declare("loop", state, [(s.shape, s.dtype) for s in state])
        params = [s.expr for s in state]
        again = relay.Call(loop.var, [self._expr(t) for t in body[1]])
        done = params[0] if len(params) == 1 else relay.Tuple(params)
        turn = relay.If(self._expr(header[1]), _nest(body[0], again), done, span=self._span())
        self._define(loop, _nest(header[0], turn))
        return self.invoke(loop, initial)

    def declare(
        self,
        name: str,
        parameters: Sequence[Tensor],
        results: Sequence[tuple[Shape, np.dtype[Any]]],
    ) -> _Declared:
        given = [_relay_type(shape, dtype.name) for shape, dtype in results]
        gives = given[0] if len(given) == 1 else relay.TupleType(given)
        takes = [_relay_type(*_type_of(p)) for p in parameters]
        var = relay.Var(_clean(name), relay.FuncType(takes, gives))
        types = [(tuple(shape), dtype.name) for shape, dtype in results]
        return _Declared(var, [p.expr for p in parameters], types)

    def define(self, function: _Declared, body: tuple[Scope, Sequence[Tensor]]) -> None:
        self._define(function, self._arm(*body))

    def _define(self, function: _Declared, body: relay.Expr) -> None:
        made = relay.Function(function.parameters, body, function.var.type_annotation.ret_type)
        self.scope.bindings.append((function.var, made))

    def invoke(self, function: _Declared, arguments: Sequence[Tensor]) -> list[Tensor]:
        given = [self._expr(t) for t in arguments]
        result = relay.Call(function.var, given, span=self._span())
        return self._unpack(f"{function.var.name_hint}_result", result, function.results)

    def finish(self, results: Sequence[Tensor]) -> tuple[tvm.IRModule, list[str]]:
        """The module, and the names of the parameters that it uses, in order."""
        exprs = [self._expr(t) for t in results]
        body = _nest(self.scope, exprs[0] if len(exprs) == 1 else relay.Tuple(exprs))
        body, _ = dead_bindings.clean(body)
        used = {v.name_hint for v in relay.analysis.free_vars(body)}
        params = [v for v in self.params if v.name_hint in used]
        mod = tvm.IRModule.from_expr(relay.Function(params, body))
        return mod, [v.name_hint for v in params]

    # --- helpers -----------------------------------------------------------------------------

    def _expr(self, x: Tensor | Scalar) -> relay.Expr:
        if x.expr is None:
            return self.constant(x.const).expr  # type: ignore[union-attr, arg-type]
        return x.expr

    def _bind(self, hint: str, expr: relay.Expr, result_type: Any) -> Any:
        var = relay.Var(_clean(hint))
        self.scope.bindings.append((var, expr))
        if isinstance(result_type, list):
            return tuple(
                self._bind(f"{hint}_{i}", relay.TupleGetItem(var, i), t)
                for i, t in enumerate(result_type)
            )
        shape, dtype = result_type
        return Tensor(var, shape, np.dtype(dtype))

    def _unpack(self, hint: str, expr: relay.Expr, types: list[TensorType]) -> list[Tensor]:
        if len(types) == 1:
            return [self._bind(hint, expr, types[0])]
        return list(self._bind(hint, expr, types))

    def _arm(self, scope: Scope, results: Sequence[Tensor]) -> relay.Expr:
        exprs = [self._expr(t) for t in results]
        return _nest(scope, exprs[0] if len(exprs) == 1 else relay.Tuple(exprs))

    def _span(self) -> relay.Span | None:
        return span_in_relay(self.place())

    def _located(self, expr: relay.Expr) -> relay.Expr:
        if isinstance(expr, relay.Call) and (span := self._span()):
            return relay.Call(expr.op, expr.args, expr.attrs, expr.type_args, span)
        return expr

    def _unique(self, name: str) -> str:
        name = _clean(name)
        candidate, n = name, 1
        while candidate in self._names:
            candidate, n = f"{name}_{n}", n + 1
        self._names.add(candidate)
        return candidate


def _dyn_strided_slice(x: Any, begin: Any, end: Any, strides: Any) -> Any:
    """Ends known at run time and in range; TVM's own wrapper makes nine operators to see to that."""
    return relay.op.dyn._make.strided_slice(x, begin, end, strides, "end")


def _own(op: str, *operands: Any, **attrs: Any) -> Any:
    """An operator that astfront registers with TVM."""
    made = tvm.ir.make_node("DictAttrs", **attrs) if attrs else None
    return relay.Call(relay.op.get(op), operands, made)


@functools.cache
def _relay_function(op: str) -> Any:
    if op == "dyn.strided_slice":
        return _dyn_strided_slice
    if op in _ADAPTED:
        return _ADAPTED[op]
    if op.startswith("astfront.eager_"):
        relay_fallback.register(int(op.rpartition("_")[2]))
    if op.startswith("astfront."):
        return functools.partial(_own, op)
    found: Any = relay
    for part in op.split("."):
        found = getattr(found, part)
    return found


def _flat(operands: Sequence[Any]) -> list[Any]:
    return [o for a in operands for o in (a if isinstance(a, list) else [a])]


@functools.cache
def _is_inlined(op: str) -> bool:
    """Whether TVM fuses an operator by copying its expression: the injective ones."""
    try:
        pattern = relay.op.get(op).get_attr("TOpPattern")
    except (AttributeError, tvm.TVMError):
        return False
    return pattern is not None and int(pattern) <= relay.op.OpPattern.INJECTIVE


def _may_differ(op: str, args: Sequence[Any]) -> bool:
    """Whether operands have staged sizes along one axis of an operator that broadcasts."""
    pattern = relay.op.get(op).get_attr("TOpPattern")
    if int(pattern) > relay.op.OpPattern.BROADCAST:
        return False
    shapes = {x.expr: x.shape[::-1] for x in args if isinstance(x, Tensor)}
    return any(
        sizes.count(None) > 1 for sizes in itertools.zip_longest(*shapes.values(), fillvalue=1)
    )


def _infer(op: str, function: Any, variables: list[Any], attrs: dict[str, Any]) -> Any:
    try:
        expr = function(*variables, **attrs)
        if isinstance(expr, relay.expr.TupleWrapper):
            expr = expr.astuple()
        inferred = relay.transform.InferTypeLocal(expr)
    except (tvm.TVMError, TypeError, ValueError) as e:
        lines = [line for line in str(e).strip().splitlines() if line.strip()]
        raise OperatorError(f"TVM refuses {op}: {lines[-1] if lines else e}") from e
    if isinstance(inferred, tvm.ir.TupleType):
        return [_from_relay(t) for t in inferred.fields]
    return _from_relay(inferred)


def _from_relay(t: Any) -> TensorType:
    return tuple(int(d) if isinstance(d, tvm.tir.IntImm) else None for d in t.shape), t.dtype


def _relay_type(shape: Sequence[Dim], dtype: str) -> relay.TensorType:
    if not dtype.startswith(("bool", "int", "uint", "float")):
        raise error("AF0307", f"an array of dtype {dtype} can't be in the program")
    return relay.TensorType([relay.Any() if d is None else d for d in shape], dtype)


def _type_of(x: Tensor | Scalar) -> TensorType:
    if x.dtype.kind == "c":
        raise OperatorError("complex numbers are used where they aren't supported")
    return (x.shape if isinstance(x, Tensor) else ()), x.dtype.name


def _join_types(a: TensorType, b: TensorType) -> TensorType:
    return tuple(x if x == y else None for x, y in zip(a[0], b[0])), a[1]


def _map_tensors(f: Any, arg: Any, sequence: type = list) -> Any:
    """``f`` of a tensor (or type), or of each of a list of them."""
    if isinstance(arg, list) or (
        isinstance(arg, tuple) and (not arg or not isinstance(arg[-1], str))
    ):
        return sequence(f(a) for a in arg)
    return f(arg)


def _hashable(x: Any) -> Any:
    if isinstance(x, dict):
        return tuple((k, _hashable(v)) for k, v in x.items())
    if isinstance(x, list | tuple):
        return tuple(_hashable(v) for v in x)
    if isinstance(x, np.ndarray):
        return (x.dtype.str, x.shape, x.tobytes())
    return x


def _nest(scope: Scope, result: relay.Expr) -> relay.Expr:
    for var, expr in reversed(scope.bindings):
        result = relay.Let(var, expr, result)
    return result


def _clean(name: str) -> str:
    name = re.sub(r"\W+", "_", name).strip("_") or "x"
    name = name if name[0].isalpha() else f"x{name}"
    return f"{name}_" if name in _KEYWORDS else name
