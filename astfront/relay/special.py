"""Special functions as Relay operators of our own, element by element.

TVM has ``erf`` and little else. These compute in float64, as scipy does, from what the C library has
(lgamma, erfc, …) and, where it has nothing, by the methods of Cephes, which scipy uses, too. An
operator's expression is written in TIR, where a value that is used twice can be bound (``_let``).

Importing this module registers the operators as ``astfront.lgamma`` and so on.
"""

# ruff: noqa: SIM117  (nested loops of a kernel read as loops)

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tvm
from tvm import relay, te, tir
from tvm.relay.op import op as registry
from tvm.relay.op._tensor import elemwise_shape_func
from tvm.target import override_native_generic_func

_F64 = "float64"
_SQRT_HALF = math.sqrt(0.5)

#: B2, B4, … B16.
_BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510]
_INF = float("inf")
_NAN = float("nan")

Expr = Any


def _number(value: float) -> Expr:
    return tir.const(value, _F64)


def _let(value: Expr, body: Callable[[Expr], Expr]) -> Expr:
    """``body`` of a variable that holds ``value``."""
    if isinstance(value, tir.Var):  # TVM's analyzer fails at a second name for a variable
        return body(value)
    name = tir.Var("v", _F64)
    return tir.Let(name, value, body(name))


def _c(function: str, *args: Expr) -> Expr:
    """A function of the C library's."""
    return tir.call_pure_extern(_F64, function, *args)


def _if(condition: Expr, then: Expr, orelse: Expr) -> Expr:
    """Only one of the two is computed."""
    return tir.if_then_else(condition, then, orelse)


def _polynomial(x: Expr, coefficients: Sequence[float]) -> Expr:
    """Horner's scheme, the highest power first."""
    result: Expr = _number(coefficients[0])
    for c in coefficients[1:]:
        result = result * x + _number(c)
    return result


def _unless_nan(x: Expr, result: Expr) -> Expr:
    """NaN for NaN (which is the only thing not >= -inf)."""
    return _if(x >= _number(-_INF), result, _number(_NAN))


# --- gamma -----------------------------------------------------------------------------------


def _lgamma(x: Expr) -> Expr:
    # scipy's of -inf is -inf, C's +inf.
    return _if(x.equal(_number(-_INF)), _number(-_INF), _c("lgamma", x))


def _digamma(x: Expr) -> Expr:
    at_pole = tir.all(x < _number(0), _c("floor", x).equal(x))
    below = _let(
        _c("floor", x + _number(0.5)),
        # The tangent has period 1: of the part after the point it's exact.
        lambda n: (
            _digamma_above(_number(1) - x)
            - _number(math.pi) / _c("tan", _number(math.pi) * (x - n))
        ),
    )
    zero = _number(0)
    # -inf at 0, +inf at -0.
    origin = _number(-1) / x
    found = _if(
        x > zero,
        _digamma_above(x),
        _if(x.equal(zero), origin, _if(at_pole, _number(_NAN), below)),
    )
    return _unless_nan(x, found)


def _digamma_above(x: Expr) -> Expr:
    """For x > 0: moved up to 10, and the asymptotic series there."""
    even = [_BERNOULLI[k - 1] / (2 * k) for k in range(8, 0, -1)]

    def shifted(v: Expr) -> Expr:
        moved: Expr = _number(0)
        for k in range(10):
            moved = moved + _if(
                v + _number(k) < _number(10), _number(1) / (v + _number(k)), _number(0)
            )
        steps = tir.max(_c("ceil", _number(10) - v), _number(0))
        return _let(v + steps, lambda w: _series(w) - moved)

    def _series(w: Expr) -> Expr:
        return (
            _c("log", w)
            - _number(0.5) / w
            - _let(_number(1) / (w * w), lambda z: z * _polynomial(z, even))
        )

    # ψ vanishes at this point, where the sum would cancel.
    near = _c("fabs", x - _number(_ROOT)) < _number(1e-2)
    return _if(near, _let(x - _number(_ROOT), _near_root), shifted(x))


_ROOT = 1.4616321449683623
_AT_ROOT = -9.241265521729427e-17
#: The Taylor series there, from the seventh power down to the first.
_SLOPES = [
    0.048804288164143145, -0.07219956125645476, 0.10782405069126239, -0.16394270544240658,
    0.2584997609556512, -0.44276316898359214, 0.9676722454476214,
]  # fmt: skip


def _near_root(d: Expr) -> Expr:
    return d * _polynomial(d, _SLOPES) + _number(_AT_ROOT)


# --- error functions and the normal distribution ---------------------------------------------


def _erfcx(x: Expr) -> Expr:
    """exp(x²) erfc(x); by the asymptotic series from 10 on."""
    double_factorials: list[float] = []
    term = 1.0
    for n in range(13):
        double_factorials.append(term)
        term *= -(2 * n + 1)
    far = _let(
        _number(0.5) / (x * x),
        lambda z: (_polynomial(z, double_factorials[::-1]) * _number(1 / math.sqrt(math.pi)) / x),
    )
    near = _c("exp", x * x) * _c("erfc", x)
    return _if(x >= _number(10), far, near)


_NDTRI_MIDDLE = (
    [-59.9633501014107895267, 98.0010754185999661536, -56.6762857469070293439,
     13.9312609387279679503, -1.23916583867381258016],
    [1.0, 1.95448858338141759834, 4.67627912898881538453, 86.3602421390890590575,
     -225.462687854119370527, 200.260212380060660359, -82.0372256168333339912,
     15.9056225126211695515, -1.18331621121330003142],
)  # fmt: skip
_NDTRI_TAIL = (
    [4.05544892305962419923, 31.5251094599893866154, 57.1628192246421288162, 44.0805073893200834700,
     14.6849561928858024014, 2.18663306850790267539, -0.140256079171354495875,
     -0.0350424626827848203418, -8.57456785154685413611e-4],
    [1.0, 15.7799883256466749731, 45.3907635128879210584, 41.3172038254672030440,
     15.0425385692907503408, 2.50464946208309415979, -0.142182922854787788574,
     -0.0380806407691578277194, -9.33259480895457427372e-4],
)  # fmt: skip
_NDTRI_FAR_TAIL = (
    [3.23774891776946035970, 6.91522889068984211695, 3.93881025292474443415, 1.33303460815807542389,
     0.201485389549179081538, 0.0123716634817820021358, 3.01581553508235416007e-4,
     2.65806974686737550832e-6, 6.23974539184983293730e-9],
    [1.0, 6.02427039364742014255, 3.67983563856160859403, 1.37702099489081330271,
     0.216236993594496635890, 0.0134204006088543189037, 3.28014464682127739104e-4,
     2.89247864745380683936e-6, 6.79019408009981274425e-9],
)  # fmt: skip


def _ratio(x: Expr, of: tuple[list[float], list[float]]) -> Expr:
    return _polynomial(x, of[0]) / _polynomial(x, of[1])


def _ndtri(p: Expr) -> Expr:
    """The quantile of the normal distribution, by Cephes's approximations."""
    edge = math.exp(-2.0)

    def middle(v: Expr) -> Expr:
        d = v - _number(0.5)
        square = _let(d * d, lambda z: _number(1) + z * _ratio(z, _NDTRI_MIDDLE))
        return d * square * _number(math.sqrt(2 * math.pi))

    low = _let(p, lambda v: _ndtri_tail(v) * _number(-1))
    high = _let(_number(1) - p, _ndtri_tail)
    inside = _if(p <= _number(edge), low, _if(p > _number(1 - edge), high, _let(p, middle)))
    return _ends(p, 0.0, -_INF, 1.0, _INF, inside)


def _ndtri_tail(q: Expr) -> Expr:
    """How far out the tail is that holds ``q``."""

    def approximated(x: Expr) -> Expr:
        start = x - _c("log", x) / x

        def corrected(z: Expr) -> Expr:
            near, far = (z * _ratio(z, of) for of in (_NDTRI_TAIL, _NDTRI_FAR_TAIL))
            return start - _if(x < _number(8), near, far)

        return _let(_number(1) / x, corrected)

    return _let(_c("sqrt", _number(-2) * _c("log", q)), approximated)


def _ends(x: Expr, low: float, at_low: float, high: float, at_high: float, inside: Expr) -> Expr:
    """Given values at two ends, and NaN beyond them (and for NaN)."""
    within = tir.all(x > _number(low), x < _number(high))
    return _if(
        within,
        inside,
        _if(
            x.equal(_number(low)),
            _number(at_low),
            _if(x.equal(_number(high)), _number(at_high), _number(_NAN)),
        ),
    )


def _erfcinv(z: Expr) -> Expr:
    return _let(z * _number(0.5), lambda p: _ndtri(p) * _number(-_SQRT_HALF))


def _erfinv(y: Expr) -> Expr:
    """By the quantile; near 0, where 1 - y loses what y has, with a step of Newton's."""
    scale = math.sqrt(math.pi) / 2

    def of_size(size: Expr) -> Expr:
        def corrected(x: Expr) -> Expr:
            step = (_c("erf", x) - size) * _number(scale) * _c("exp", x * x)
            return _if(size > _number(0.5), x, x - step)

        guess = _let((_number(1) - size) * _number(0.5), lambda q: _let(
            _ndtri(q) * _number(-_SQRT_HALF), corrected))  # fmt: skip
        return _if(size < _number(1e-9), size * _number(scale), guess)

    inside = _c("copysign", _let(_c("fabs", y), of_size), y)
    return _ends(y, -1.0, -_INF, 1.0, _INF, inside)


def _ndtr(x: Expr) -> Expr:
    return _number(0.5) * _c("erfc", x * _number(-_SQRT_HALF))


def _log_ndtr(x: Expr) -> Expr:
    above = _c("log1p", _number(-0.5) * _c("erfc", x * _number(_SQRT_HALF)))
    scaled = _let(x * _number(-_SQRT_HALF), _erfcx)
    below = _c("log", _number(0.5) * scaled) - _number(0.5) * x * x
    lowest = _if(x.equal(_number(-_INF)), _number(-_INF), below)
    return _if(x > _number(-1), above, lowest)


# --- Hurwitz's zeta ----------------------------------------------------------------------------

#: (2j)! / B2j
_EULER_MACLAURIN = [
    12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9, 7.47242496e10,
    -2.950130727918164224e12, 1.1646782814350067249e14, -4.5979787224074726105e15,
    1.8152105401943546773e17, -7.1661652561756670113e18,
]  # fmt: skip
_EPSILON = 2.0**-53


def _zeta(x: Any, q: Any, out: Any) -> Any:
    """The sum of (q + k)^-x, by Cephes's method: Euler and Maclaurin's formula from 9 on."""
    ib = tir.ir_builder.create()
    xs, qs, result = (ib.buffer_ptr(b) for b in (x, q, out))
    size: Any = 1
    for d in x.shape:
        size = size * d
    one, zero = _number(1), _number(0)
    total, a, b, w, left = (ib.allocate(_F64, (1,), name=n, scope="local") for n in "tabwl")

    def power(base: Any, exponent: Any) -> Any:
        return _c("pow", base, exponent)

    def sum_up(v: Any, q: Any) -> None:
        total[0] = power(q, zero - v)
        a[0] = q
        b[0] = one
        left[0] = _number(9)
        more = tir.any(left[0] > zero, a[0] <= _number(9))
        with ib.while_loop(more):
            left[0] = left[0] - one
            a[0] = a[0] + one
            b[0] = power(a[0], zero - v)
            total[0] = total[0] + b[0]
            with ib.if_scope(_c("fabs", b[0] / total[0]) < _number(_EPSILON)):
                left[0] = _number(-1)
                a[0] = _number(_INF)

    def correct(v: Any) -> None:
        w[0] = a[0]
        total[0] = total[0] + b[0] * w[0] / (v - one) - _number(0.5) * b[0]
        a[0] = one
        for i, divisor in enumerate(_EULER_MACLAURIN):
            a[0] = a[0] * (v + _number(2 * i))
            b[0] = b[0] / w[0]
            total[0] = total[0] + a[0] * b[0] / _number(divisor)
            a[0] = a[0] * (v + _number(2 * i + 1))
            b[0] = b[0] / w[0]

    with ib.for_range(0, size, name="i") as i:
        v, u = xs[i], qs[i]
        whole = _c("floor", u).equal(u)
        total[0] = _number(_NAN)
        with ib.if_scope(tir.all(v >= one, u > _number(-_INF))):
            with ib.if_scope(tir.any(v.equal(one), tir.all(u <= zero, whole))):
                total[0] = _number(_INF)
            with ib.else_scope():
                with ib.if_scope(u > _number(1e8)):
                    total[0] = (one / (v - one) + _number(0.5) / u) * power(u, one - v)
                with ib.else_scope():
                    with ib.if_scope(tir.any(u > zero, _c("floor", v).equal(v))):
                        sum_up(v, u)
                        with ib.if_scope(a[0] < _number(_INF)):
                            correct(v)
        result[i] = total[0]
    return ib.get()


# --- registration ------------------------------------------------------------------------------


def make_operator(
    name: str, inputs: int, relation: Callable[..., Any] | None = None, stateful: bool = False
) -> str:
    """Make an operator known to Relay; ``relation`` gives the type of its result.

    By default it's that of its input, or what its inputs broadcast to. Of a ``stateful`` one each call
    counts: none is left out or shared.
    """
    full = f"astfront.{name}"
    tvm._ffi.get_global_func("ir.RegisterOp")(full, name)
    op = relay.op.get(full)
    op.set_num_inputs(inputs)
    for i in range(inputs):
        op.add_argument(f"x{i}", "Tensor", "An operand.")
    op.set_attr("TOpIsStateful", stateful)
    if relation is not None:
        op.add_type_rel(full, relation)
        return full
    usual = "Identity" if inputs == 1 else "Broadcast"
    op.add_type_rel(usual, tvm._ffi.get_global_func(f"tvm.relay.type_relation.{usual}"))
    return full


def _register_unary(name: str, expression: Callable[[Expr], Expr], in_double: bool = True) -> None:
    """An operator of one array, whose ``expression`` takes a float64 or an item as it is."""
    full = make_operator(name, 1)

    def compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        (x,) = tensors

        def item(*index: Any) -> Any:
            if not in_double:
                return expression(x(*index))
            return _let(x(*index).astype(_F64), expression).astype(x.dtype)

        return [te.compute(x.shape, item, name=name, tag="elemwise")]

    registry.register_pattern(full, registry.OpPattern.ELEMWISE)
    registry.register_compute(full, compute)
    registry.register_injective_schedule(full)
    registry.register_shape_func(full, False, elemwise_shape_func)


def _nearest(x: Expr) -> Expr:
    """The nearest integer, the even one of two. (TVM's ``round`` goes away from zero.)"""
    if x.dtype == "float16":
        return tir.nearbyint(x.astype("float32")).astype("float16")
    return tir.nearbyint(x)


def _register_zeta() -> None:
    """Of two float64 tensors of one shape."""
    full = make_operator("zeta", 2)

    def compute(attrs: Any, tensors: Any, output_type: Any) -> list[Any]:
        def body(inputs: Any, outputs: Any) -> Any:
            return _zeta(inputs[0], inputs[1], outputs[0])

        return [te.extern([tensors[0].shape], list(tensors), body, name="zeta", dtype=_F64)]

    set_opaque(full, compute)
    registry.register_shape_func(full, False, elemwise_shape_func)


def set_opaque(full: str, compute: Callable[..., list[Any]]) -> None:
    """The kernel of an operator that is made of ``te.extern`` and isn't fused with others."""

    @override_native_generic_func(full)
    def strategy(attrs: Any, tensors: Any, output_type: Any, target: Any) -> Any:
        chosen = registry.OpStrategy()
        chosen.add_implementation(compute, _schedule_extern, name=full)
        return chosen

    registry.register_pattern(full, registry.OpPattern.OPAQUE)
    registry.register_strategy(full, strategy)


def _schedule_extern(attrs: Any, outs: Any, target: Any) -> Any:
    return te.create_schedule([x.op for x in outs])


UNARY: dict[str, Callable[[Expr], Expr]] = {
    "lgamma": _lgamma,
    "gamma": lambda x: _c("tgamma", x),
    "digamma": _digamma,
    "cbrt": lambda x: _c("cbrt", x),
    "erf": lambda x: _c("erf", x),
    "erfc": lambda x: _c("erfc", x),
    "erfcx": _erfcx,
    "erfinv": _erfinv,
    "erfcinv": _erfcinv,
    "ndtr": _ndtr,
    "ndtri": _ndtri,
    "log_ndtr": _log_ndtr,
}
for _name, _expression in UNARY.items():
    _register_unary(_name, _expression)
_register_unary("rint", _nearest, in_double=False)
_register_zeta()
