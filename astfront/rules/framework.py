"""Chainer's machinery around functions and links: variables, devices, configuration, hooks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import chainer
import numpy as np
from chainer import backend, device_resident, function_node, variable
from chainer.backends import cuda, intel64
from chainer.links.normalization import batch_normalization as normalization
from chainer.links.rnn import lstm

from astfront.descriptions import describe
from astfront.diagnostics import CompileError
from astfront.effects import is_exception
from astfront.locations import Location
from astfront.rules.numpy import complex_arrays
from astfront.rules.registry import StaticArg, pure, rule
from astfront.values import (
    FALSE,
    NONE,
    Copied,
    Deferred,
    List,
    Object,
    Scalar,
    Static,
    Tensor,
    Tuple,
    Value,
)

_RESIDENT = device_resident.DeviceResident


@rule(function_node.FunctionNode.apply)
def apply(cx: Any, self: Value, inputs: Value) -> Value:
    """Chainer asks whether there are inputs: of an array in their place that's an error, mostly."""
    if isinstance(cx.truth(inputs), Scalar):
        cx.fail("AF0306", "an array of one element instead of a function's inputs isn't supported")
    return cx.apply_node(self, cx.items_of(inputs))


@rule(
    function_node.FunctionNode.retain_inputs,
    function_node.FunctionNode.retain_outputs,
    chainer.Function.retain_inputs,
    chainer.Function.retain_outputs,
)
def retain(cx: Any, self: Value, indexes: Value) -> Value:
    """What backprop wants to keep is of no use to a compiled program."""
    return NONE


@rule(chainer.Function.__call__)
def old_style_call(cx: Any, self: Value, *inputs: Value) -> Value:
    outputs = cx.items_of(cx.apply_node(self, inputs))
    return outputs[0] if len(outputs) == 1 else cx.tuple(outputs)


@rule(chainer.as_variable)
def as_variable(cx: Any, obj: Value) -> Value:
    if isinstance(obj, Tensor) and obj.kind == "variable":
        return obj
    if isinstance(obj, Static) and isinstance(obj.obj, chainer.Variable):
        return obj
    return make_variable(cx, obj)


@rule(chainer.Variable)
def make_variable(
    cx: Any, data: Value = NONE, *, requires_grad: Value = Static(True), name: Value = NONE
) -> Value:
    """Whether it requires gradients isn't kept, as nothing else knows it of what a program makes."""
    if isinstance(data, Static) and data.obj is None:
        refusal = cx.error("AF0207", "a Variable without an array isn't supported")
        if cx.staged_depth:
            # Mostly a way that no call takes: Chainer's functions raise for such a Variable.
            cx.refuse_way(refusal)
        raise refusal
    if complex_arrays.is_complex(data):
        cx.fail("AF0307", "a Variable of complex numbers isn't supported")
    if not isinstance(data, Tensor) or data.kind not in ("array", "either"):
        what = f"{describe(data)} can't be turned into a Variable: numpy.ndarray is expected"
        return cx.raise_python(TypeError(what))  # type: ignore[no-any-return]
    made = data.as_kind("variable")
    called = cx.static(name, "`name`")
    return made if called is None else replace(made, origin=Copied(chainer.Variable, called, True))


@rule(
    chainer.Variable.unchain,
    chainer.Variable.unchain_backward,
    chainer.Variable.retain_data,
    chainer.Variable.to_cpu,
    variable.Parameter.to_cpu,
)
def unchain(cx: Any, self: Value) -> Value:
    """There's no graph behind a compiled Variable, and it's on the CPU."""
    return NONE


@rule(chainer.Variable.to_device, variable.Parameter.to_device)
def to_device(cx: Any, self: Value, device: StaticArg[Any]) -> Value:
    if chainer.get_device(device).xp is not np:
        cx.fail("AF0301", "a Variable is sent to another device than the CPU")
    return NONE


@rule(chainer.Link.cleargrads)
def cleargrads(cx: Any, self: Object) -> Value:
    """No program reads gradients: those of the parameters go when it has run."""
    cx.effect(chainer.Link.cleargrads, self)
    return NONE


@rule(chainer.Link.zerograds)
def zerograds(cx: Any, self: Object) -> Value:
    cx.effect(chainer.Link.zerograds, self)
    return NONE


@rule(chainer.links.Parameter.forward)
def parameter(cx: Any, self: Object, volatile: Value = Static("off")) -> Value:
    """A rule because the source gives the Variable an attribute that means nothing any more."""
    return cx.call_function_object(chainer.functions.identity, cx.get_attribute(self, "W"))  # type: ignore[no-any-return]


@rule(backend.get_array_module, cuda.get_array_module)
def get_array_module(cx: Any, *args: Value) -> Value:
    return Static(np)


@rule(cuda.to_cpu)
def to_cpu(cx: Any, array: Value, stream: Value = NONE) -> Value:
    if isinstance(array, Tensor) and array.kind == "variable":
        cx.raise_python(TypeError("Array cannot be converted into an numpy.ndarray"))
    return array


@rule(backend.from_chx, backend.to_chx)
def from_chx(cx: Any, array: Value) -> Value:
    return array


@rule(backend.get_device_from_array)
def get_device_from_array(cx: Any, *arrays: Value) -> Value:
    return cx.constant_value(chainer.get_device("@numpy"))


@rule(cuda.get_device_from_array)
def get_cuda_device_from_array(cx: Any, *arrays: Value) -> Value:
    return cx.constant_value(cuda.DummyDevice)


@rule(intel64.should_use_ideep, intel64.is_ideep_available)
def should_use_ideep(cx: Any, *args: Value) -> Value:
    return FALSE


@rule(np.isscalar)
def isscalar(cx: Any, value: Value) -> Value:
    if isinstance(value, Static):
        return Static(np.isscalar(value.obj))
    if isinstance(value, Deferred):
        return Static(not is_exception(value))
    return Static(isinstance(value, Scalar) or getattr(value, "kind", "") == "generic")


@rule(chainer.utils.experimental)
def experimental(cx: Any, api_name: StaticArg[str]) -> Value:
    return NONE


@rule(chainer.Parameter)
def make_parameter(cx: Any, *args: Value, **kwargs: Value) -> Value:
    cx.fail(
        "AF0305",
        "a link with parameters is made in the compiled code, or a Parameter itself",
        help="make it in __init__, inside init_scope()",
    )
    return NONE


@rule(device_resident._is_to_device_method_overridden)
def is_to_device_overridden(cx: Any, device_resident: Value, method_name: StaticArg[str]) -> Value:
    """Of a link that the program makes: which methods it has is known of its class."""
    cls: Any = getattr(device_resident, "cls", None)
    return Static(getattr(cls, method_name) is not getattr(_RESIDENT, method_name))


@rule(variable.Parameter.initialize)
def initialize(cx: Any, self: Value, shape: StaticArg[Any]) -> Value:
    """Lazy initialisation happens for good, while compiling: the shape is known."""
    parameter: Any = self.obj if isinstance(self, Static) else getattr(self, "origin", None)
    if not isinstance(parameter, chainer.Parameter):
        cx.fail("AF0403", f"{describe(self)} is initialised")
    if cx.staged_depth:
        # Chainer would do so only where this way is taken; that it's done early can't be seen.
        pass
    cx.run_python(parameter.initialize, shape)
    location = Location(parameter, "attribute", "array")
    cx.lifter.guards = [
        g for g in cx.lifter.guards
        if not (g.location.container is parameter and g.location.key == "array")
    ]  # fmt: skip
    cx.lifter.forget(parameter, location)
    return NONE


@rule(lstm.LSTMBase._initialize_params)
def initialize_lstm(cx: Any, self: Object) -> Value:
    """Random numbers, written into the parameters: as they are initialised, for good."""
    if self.instance is None:
        cx.fail("AF0305", "an LSTM is made in the compiled code, with random parameters")
    return cx.run_python(self.instance._initialize_params)  # type: ignore[no-any-return]


@rule(normalization.BatchNormalization._init_array)
def initial_statistics(
    cx: Any,
    self: Object,
    initializer: StaticArg[Any],
    default_value: StaticArg[Any],
    size: StaticArg[Any],
) -> Value:
    """The running statistics of a link whose size its first input tells."""
    return cx.run_python(self.instance._init_array, initializer, default_value, size)  # type: ignore[no-any-return]


@rule(chainer.LinkHook.__enter__, chainer.FunctionHook.__enter__)
def enter_hook(cx: Any, self: Object) -> Value:
    raise cx.error(
        "AF0301",
        f"the hook {self.cls.__name__} for all links or functions isn't supported",
        help="leave the hook out of compiled code; hooks that links have by `add_hook` are supported",
    )


# --- links -----------------------------------------------------------------------------------


@rule(chainer.Link.__call__)
def call_link(cx: Any, self: Object, *args: Value, **kwargs: Value) -> Value:
    return cx.link_forward(self, args, kwargs)  # type: ignore[no-any-return]


def _children(cx: Any, link: Object, method: str) -> list[Value]:
    if link.instance is None:
        cx.fail("AF0301", f"{method}() of a link that isn't there while compiling")
    found = list(getattr(link.instance, method)())
    cx.lifter.guard(Location(link.instance, "call", method), found)
    return [cx.constant_value(x) for x in found]


def _generated(cx: Any, items: list[Value]) -> Value:
    """What a generator of Chainer's gives: it's walked over only once."""
    return replace(cx.once(cx.iterator_of(cx.tuple(items))), name="generator")


@rule(chainer.Link.children, chainer.Chain.children, chainer.ChainList.children)
def children(cx: Any, self: Object) -> Value:
    return _generated(cx, _children(cx, self, "children"))


@rule(chainer.ChainList.__iter__)
def iter_children(cx: Any, self: Object) -> Value:
    return cx.tuple(_children(cx, self, "children"))  # type: ignore[no-any-return]


@rule(chainer.ChainList.__len__)
def count_children(cx: Any, self: Object) -> Value:
    return Static(len(_children(cx, self, "children")))


def _where(cx: Any, link: Object, parameter: Any) -> Value:
    """A parameter of a link or of a link in it."""
    for owner in link.instance.links():
        for name, found in vars(owner).items():
            if found is parameter:
                return cx.get_attribute(cx.constant_value(owner), name)  # type: ignore
    raise cx.error("AF0301", "a parameter that isn't in its link")


def _parts(cx: Any, link: Object, method: str, flag: bool) -> list[tuple[str, Any]]:
    """What ``params()`` or ``links()`` of a link gives, with names."""
    if link.instance is None:
        cx.fail("AF0301", f"{method}() of a link that isn't there while compiling")
    found = list(getattr(link.instance, method)())
    cx.lifter.guard(Location(link.instance, "call", method), found)
    return list(getattr(link.instance, f"named{method}")(flag))


@rule(chainer.Link.params, chainer.Chain.params, chainer.ChainList.params)
def params(cx: Any, self: Object, include_uninit: StaticArg[bool] = True) -> Value:
    found = _parts(cx, self, "params", include_uninit)
    return _generated(cx, [_where(cx, self, p) for _, p in found])


@rule(chainer.Link.namedparams, chainer.Chain.namedparams, chainer.ChainList.namedparams)
def namedparams(cx: Any, self: Object, include_uninit: StaticArg[bool] = True) -> Value:
    found = _parts(cx, self, "params", include_uninit)
    return _generated(cx, [cx.tuple([Static(name), _where(cx, self, p)]) for name, p in found])


@rule(chainer.Link.links, chainer.Chain.links, chainer.ChainList.links)
def links(cx: Any, self: Object, skipself: StaticArg[bool] = False) -> Value:
    found = _parts(cx, self, "links", skipself)
    return _generated(cx, [cx.constant_value(x) for _, x in found])


@rule(chainer.Link.namedlinks, chainer.Chain.namedlinks, chainer.ChainList.namedlinks)
def namedlinks(cx: Any, self: Object, skipself: StaticArg[bool] = False) -> Value:
    found = _parts(cx, self, "links", skipself)
    return _generated(cx, [cx.tuple([Static(name), cx.constant_value(x)]) for name, x in found])


@rule(chainer.Link.count_params)
def count_params(cx: Any, self: Object) -> Value:
    _parts(cx, self, "params", True)
    return Static(self.instance.count_params())


# --- configuration ---------------------------------------------------------------------------


class ConfigContext:
    """``chainer.using_config``, in a form that compiles."""

    def __init__(self, name: str, value: Any, config: Any) -> None:
        self.name = name
        self.value = value
        self.config = config

    def __enter__(self) -> None:
        self.known = hasattr(self.config, self.name)
        if self.known:
            self.old = getattr(self.config, self.name)
        setattr(self.config, self.name, self.value)

    def __exit__(self, *args: Any) -> None:
        if self.known:
            setattr(self.config, self.name, self.old)
        else:
            delattr(self.config, self.name)


class NullContext:
    """Device contexts: there's only the CPU."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *args: Any) -> None:
        pass


@rule(chainer.using_config)
def using_config(cx: Any, name: Value, value: Value, config: Value | None = None) -> Value:
    if config is None:
        config = cx.heap.new_object(type(chainer.config), chainer.config)
    return cx.construct(ConfigContext, [name, value, config], {})


@rule(chainer.no_backprop_mode)
def no_backprop_mode(cx: Any) -> Value:
    return using_config(cx, Static("enable_backprop"), FALSE)


@rule(chainer.force_backprop_mode)
def force_backprop_mode(cx: Any) -> Value:
    return using_config(cx, Static("enable_backprop"), Static(True))


@rule(chainer.using_device, cuda.get_device_from_id, cuda.get_device)
def using_device(cx: Any, *device: Value) -> Value:
    return cx.construct(NullContext, [], {})


@rule(chainer.is_debug)
def is_debug(cx: Any) -> Value:
    return cx.get_attribute(cx.heap.new_object(type(chainer.config), chainer.config), "debug")


@rule(chainer.report)
def report(cx: Any, values: Value, observer: Value = NONE) -> Value:
    """Reported when the program has run, where a reporter is in force then."""
    cx.effect(chainer.report, values, observer)
    return NONE


pure(np.finfo, np.iinfo, chainer.get_dtype, chainer.get_array_types, chainer.get_cpu_array_types)

__all__ = ["CompileError", "List", "Tuple"]


class _Errstate:
    """``np.errstate`` where nothing is raised: what numpy would warn of, the program doesn't."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *args: Any) -> None:
        pass


@rule(np.errstate)
def errstate(cx: Any, **how: StaticArg[str]) -> Value:
    if "raise" in how.values() or "call" in how.values():
        cx.fail("AF0305", "np.errstate with an exception for what numpy else warns of")
    return cx.construct(_Errstate, [], {})  # type: ignore[no-any-return]
