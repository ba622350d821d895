"""Calls: which of a rule, inlining, construction or plain Python a call is, and argument binding."""

from __future__ import annotations

import enum
import inspect
import random
import types
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import chainer
import gast
import numpy as np
from chainer import link_hook

from astfront.calls.classes import frame_around
from astfront.calls.frames import Frame
from astfront.calls.function_calls import FunctionCalls
from astfront.calls.function_nodes import as_variables
from astfront.calls.mixed_items import mixed_items
from astfront.calls.own_exceptions import can_be_made_later
from astfront.calls.wrappers import call_wrapper
from astfront.descriptions import describe
from astfront.joins.options import alternatives, choice_in
from astfront.rules import folds
from astfront.rules.images import register_loaded
from astfront.rules.numpy import complex_functions
from astfront.rules.registry import PURE, RULES, Rule, nearest
from astfront.tuple_classes import methods_of_its_own
from astfront.values import (
    POISON,
    BoundMethod,
    Choice,
    Deferred,
    EitherDtype,
    Function,
    Iterator,
    Node,
    Object,
    Option,
    Partial,
    Poison,
    Static,
    Super,
    Tensor,
    Tuple,
    Unpacked,
    Value,
)

IMMUTABLE = (
    str, bytes, int, float, complex, tuple, frozenset, range, type(None), np.dtype, np.generic, type
)  # fmt: skip


class Calls(FunctionCalls):
    def call_expression(self, node: gast.Call) -> Value:
        if len(node.args) == 1 and isinstance(node.args[0], gast.Starred) and not node.keywords:
            return self.call_of_items(*self.operands([node.func, node.args[0].value]))
        count = len(node.args)
        parts = [node.func, *node.args, *(k.value for k in node.keywords)]
        function, *values = self.operands(parts)
        args, named = self.arguments_of(node.args, values[:count]), values[count:]
        kwargs: dict[str, Value] = {}
        for keyword, value in zip(node.keywords, named):
            if keyword.arg is None:
                kwargs.update(self.entries_of(value))
            else:
                kwargs[keyword.arg] = value
        if isinstance(function, Static) and function.obj is super and not args:
            return self.zero_argument_super()
        if isinstance(function, Static) and function.obj is super and len(args) == 2:
            return Super(self.static(args[0], "super()'s class"), args[1])
        return self.call_or_fall_back(function, args, kwargs)

    def call_of_items(self, function: Value, items: Value) -> Value:
        """``function(*items)``"""
        zipped = isinstance(function, Static) and function.obj is zip
        if zipped and isinstance(items, Iterator) and not isinstance(items.length, Static):
            items = self.call(Static(list), [items], {})
        width = self.width_of(items)
        if zipped and width is not None:
            if self.is_at_least(self.length(items), 1):
                columns = self.call(Static(folds.columns), [items, Static(width)], {})
                return self.once(self.iterator_of(columns))
            rows = self.as_tuple(items)
            made: Any = self.call(Static(folds.columns_if_any), [rows, Static(width)], {})
            self.zipped[made.cell] = rows, width
            return made  # type: ignore[no-any-return]
        return self.call_or_fall_back(function, self.spread(items), {})

    def call(self, function: Value, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        """Call any callable value."""
        match function:
            case Poison():
                return POISON
            case Static(obj=obj):
                return self.call_static(obj, args, kwargs)
            case BoundMethod(self=owner, function=inner):
                return self.call(inner, [owner, *args], kwargs)
            case Function():
                return self.call_function(function, args, kwargs)
            case Partial():
                return self.call(
                    function.function, [*function.args, *args], {**function.keywords, **kwargs}
                )
            case Choice():
                return self.split(function, lambda f: self.call(f, args, kwargs))
            case Object(cls=cls):
                return self.call_object(function, cls, args, kwargs)
        self.raise_lacking(function, "__call__", f"{describe(function)} is not callable")

    def call_object(
        self, owner: Object, cls: type, args: Sequence[Value], kwargs: dict[str, Value]
    ) -> Value:
        inner = getattr(owner.instance, "function", None)
        if cls.__module__ == "astfront.api" and inner is not None:
            return self.call(self.constant_value(inner), args, kwargs)
        method = getattr(cls.__call__, "__astfront_original__", cls.__call__)
        if issubclass(cls, chainer.Link) and method is chainer.Link.__call__:
            return self.link_forward(owner, args, kwargs)
        if method is not cls.__call__:
            return self.call(Static(method), [owner, *args], kwargs)
        if "__call__" not in dir(cls):
            self.raise_python(TypeError(f"'{cls.__name__}' object is not callable"))
        return self.call(self.get_attribute(owner, "__call__"), args, kwargs)

    def link_forward(self, link: Object, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        """``Link.__call__``: ``forward``, with the link's own hooks around it."""
        after = link.cls.__mro__[link.cls.__mro__.index(chainer.Link) + 1 :]
        mixed_in = next((vars(c)["__call__"] for c in after if "__call__" in vars(c)), None)
        forward: Value = BoundMethod(link, Static(mixed_in))
        if mixed_in is None:
            forward = self.get_attribute(link, "forward")
        if not self.static(self.get_attribute(link, "_n_local_link_hooks"), "the number of hooks"):
            return self.call(forward, args, kwargs)
        hooks = self.entries_of(self.get_attribute(link, "_local_link_hooks")).values()
        parts = [
            link,
            forward,
            self.tuple(list(hooks)),
            self.tuple(args),
            self.heap.new_dict(kwargs),
        ]
        return self.call(Static(forward_with_hooks), parts, {})

    def zero_argument_super(self) -> Value:
        frame: Frame | None = self.frame
        while frame is not None and frame.owner is None:
            frame = frame.parent
        if frame is None or frame.owner is None:
            self.fail("AF0301", "super() outside of a method")
        return Super(frame.owner, self.heap.lookup(frame.cell, frame.first))

    # --- Python objects ----------------------------------------------------------------------

    def call_static(self, f: Any, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        if args and isinstance(args[-1], Unpacked) and not is_compiled(f):
            return self.call_with_unpacked(f, args, kwargs)
        of_complex = complex_functions.applied(self, f, args, kwargs)
        if of_complex is not None:
            return of_complex
        found = rule_for(f)
        if found is not None:
            return self.apply_rule(found, args, kwargs, f)
        wrapped = call_wrapper(self, f, args, kwargs)
        if wrapped is not None:
            return wrapped
        if is_pure(f):
            known, values = self.try_all(args, kwargs)
            if known:
                return self.run_python(f, *values[0], **values[1])
            return self.call_numpys(f, args, kwargs)
        if isinstance(f, types.MethodType):
            owner = self.constant_value(f.__self__)
            return self.call(Static(f.__func__), [owner, *args], kwargs)
        if isinstance(f, type):
            return self.construct(f, args, kwargs)
        if isinstance(f, types.FunctionType) and not is_numpy(f):
            inherited = self.inherited_forward(f, args, kwargs)
            return self.call_python(f, args, kwargs) if inherited is None else inherited
        if not callable(f):
            self.raise_python(TypeError(f"'{type(f).__name__}' object is not callable"))
        if isinstance(f, types.BuiltinMethodType | types.MethodWrapperType) and isinstance(
            getattr(f, "__self__", None), IMMUTABLE
        ):
            known, values = self.try_all(args, kwargs)
            # A text has methods of the same names, which only compute.
            writes = isinstance(f.__self__, np.generic) and f.__name__ in _MUTATING
            if known and not writes:
                return self.run_python(f, *values[0], **values[1])
            unbound = rule_for(getattr(type(f.__self__), f.__name__, None))
            if unbound is not None:
                return self.apply_rule(unbound, [Static(f.__self__), *args], kwargs, f)
        self.unsupported(f)

    def try_all(
        self, args: Sequence[Value], kwargs: dict[str, Value]
    ) -> tuple[bool, tuple[list[Any], dict[str, Any]]]:
        """Whether all arguments are known while compiling, and what they are."""
        positional, keywords = [], {}
        for value in args:
            known, obj = self.known(value)
            if not known:
                return False, ([], {})
            positional.append(obj)
        for name, value in kwargs.items():
            known, obj = self.known(value)
            if not known:
                return False, ([], {})
            keywords[name] = obj
        return True, (positional, keywords)

    def known(self, value: Value) -> tuple[bool, Any]:
        if isinstance(value, Function | BoundMethod | Partial):
            return False, None
        if isinstance(value, Static) and frame_around(value.obj) is not None:
            return False, None
        return self.try_static(value)

    def call_numpys(self, f: Any, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        """A function that numpy writes in Python, from its source; a refusal in it is one of it."""
        written = numpy_source(f)
        if written is None:
            self.unsupported(f)
        several = next((i for i, v in enumerate(args) if is_array_of_several(v)), None)
        if several is not None:
            before, after = args[:several], args[several + 1 :]

            def of_one(v: Value) -> Value:
                return self.call_numpys(f, [*before, v, *after], kwargs)

            return self.split_in(args[several], of_one)  # type: ignore[no-any-return]
        result, found = self.refusals_of(lambda: self.call_python(written, args, kwargs))
        if found:
            self.unsupported(f, [f"its own code can't be compiled: {found[0].message}"])
        return result  # type: ignore[return-value]

    def unsupported(self, f: Any, notes: Sequence[str] = ()) -> NoReturn:
        module = getattr(f, "__module__", None) or type(getattr(f, "__self__", f)).__module__
        name: Any = getattr(f, "__qualname__", None) or getattr(f, "__name__", repr(f))
        if isinstance(f, types.MethodDescriptorType | types.WrapperDescriptorType):
            module = f.__objclass__.__module__
        for known in (np.random, random):
            short = getattr(f, "__name__", "")
            if getattr(known, short, None) == f:
                module, name = known.__name__, short
        is_random = str(module).startswith("numpy.random") or module in ("random", "_random")
        if is_random or module in ("time", "datetime"):
            supported = (
                "; of numpy.random there are rand, randn, uniform, normal, randint, choice …"
            )
            self.fail(
                "AF0305",
                f"{module}.{name} gives something else at each call",
                help="compute it outside and pass it as an argument" + supported * is_random,
            )
        if f in (open, input):
            self.fail("AF0305", f"{name}() does input or output", help="do it outside the model")
        is_foreign = isinstance(f, np.ufunc) and getattr(np, name, None) is not f
        what = f"the ufunc `{name}`" if is_foreign else f"{module}.{name}"
        others = nearest(f)
        like = f"there is {', '.join(others)}; " if others else ""
        self.fail(
            "AF0301",
            f"{what} isn't supported",
            notes=list(notes),
            help=f"{like}write it with supported functions, register a rule (docs/adding-an-op.md), "
            'or have it run in Python: compile(fallback="chainer")',
        )

    def construct(self, cls: type, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        """An instance of a class, made by the program."""
        if issubclass(cls, BaseException):
            known, values = self.try_all(args, kwargs)
            if known:
                return self.run_python(cls, *values[0], **values[1])
            python_made = isinstance(cls.__init__, types.FunctionType)
            python_made |= isinstance(cls.__new__, types.FunctionType)
            # Chainer's own look at nothing that isn't there when the program has run.
            is_trusted = self.is_trusted({"__name__": cls.__module__}) or can_be_made_later(cls)  # type: ignore[arg-type]
            if kwargs or (python_made and not is_trusted):
                self.fail("AF0305", f"a {cls.__name__} is made with staged arguments")
            return Deferred(cls, tuple(map(self.as_it_is, args)))
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            if own := methods_of_its_own(cls):
                self.unsupported(cls, [f"it's a tuple with `{own[0]}` of its own"])
            bound = inspect.signature(cls).bind(*args, **kwargs)
            bound.apply_defaults()
            items = [v if isinstance(v, Value) else Static(v) for v in bound.arguments.values()]
            return Tuple(tuple(items), cls)
        if issubclass(cls, enum.Enum):
            known, given = self.try_all(args, kwargs)
            if known:
                return self.run_python(cls, *given[0], **given[1])
            if issubclass(cls, enum.Flag) or cls._missing_.__func__ is not _NO_MEMBER:  # type: ignore[attr-defined]
                self.unsupported(cls)
            return self.call(Static(folds.member), [Static(cls), *args], kwargs)
        if isinstance(type(cls).__call__, types.FunctionType):
            self.fail(
                "AF0301",
                f"the metaclass of {cls.__name__} makes its objects: that isn't supported",
                help="make the object outside the model",
            )
        return self.plain_object(cls, args, kwargs)  # type: ignore[no-any-return]

    # --- rules -------------------------------------------------------------------------------

    def apply_rule(
        self, found: Rule, args: Sequence[Value], kwargs: dict[str, Value], target: Any
    ) -> Value:
        """Bind the arguments as Python would, convert each as the rule says, and run the rule."""
        if any(isinstance(v, Poison) for v in (*args, *kwargs.values())):
            return POISON
        for place, value in [*enumerate(args), *kwargs.items()]:
            listed, value = value, mixed_items(self, value, target)
            part = choice_in(value)
            is_made = value is not listed and isinstance(value, Tensor)
            if isinstance(part, Node) or is_made or (part is not None and found.splits):
                return self.split_in(
                    value,
                    lambda v, place=place: self.apply_rule(
                        found,
                        [v if i == place else x for i, x in enumerate(args)],
                        {k: v if k == place else x for k, x in kwargs.items()},
                        target,
                    ),
                )
        try:
            bound = found.signature.bind(*args, **kwargs)
        except TypeError as e:
            name = getattr(target, "__name__", found.name)
            plain = [
                p.replace(
                    annotation=inspect.Parameter.empty,
                    default=p.default.obj if isinstance(p.default, Static) else p.default,
                )
                for p in found.signature.parameters.values()
            ]
            supported = found.signature.replace(
                parameters=plain, return_annotation=inspect.Signature.empty
            )
            self.fail("AF0302", f"{name}: {e}", help=f"what is supported: {name}{supported}")
        converted: dict[str, Any] = {}
        arguments: dict[str, Any] = bound.arguments
        numbers = any(
            found.kinds[n] == "tensor" and self.is_number(v) for n, v in arguments.items()
        )
        if numbers and is_public_function(target):
            return self.call_python(target, args, kwargs)  # where Chainer raises, for most of them
        for name, given in arguments.items():
            kind = found.kinds[name]
            parameter = found.signature.parameters[name].kind
            if parameter is inspect.Parameter.VAR_POSITIONAL:
                converted[name] = tuple(self._convert(kind, v, name) for v in given)
            elif parameter is inspect.Parameter.VAR_KEYWORD:
                converted[name] = {k: self._convert(kind, v, k) for k, v in given.items()}
            else:
                converted[name] = self._convert(kind, given, name)
        bound.arguments.clear()
        bound.arguments.update(converted)
        result = found.function(self, *bound.args, **bound.kwargs)
        value = self.result_value(result)
        return as_variables(value) if is_public_function(target) else value

    def _convert(self, kind: str, value: Value, name: str) -> Any:
        if kind == "static":
            return self.static(value, f"`{name}`")
        if kind == "tensor":
            return self.as_tensor(value)
        return value

    def result_value(self, result: Any) -> Value:
        """What a rule returns as a value: tuples of values become Tuple, plain Python Static."""
        if isinstance(result, Value):
            return result
        if isinstance(result, tuple):
            return self.tuple([self.result_value(r) for r in result])
        if isinstance(result, list):
            return self.heap.new_list([self.result_value(r) for r in result])
        return self.constant_value(result)

    def call_op(self, op: str, *args: Any, **attrs: Any) -> Any:
        """For rules: an operator of the builder on tensors (numbers and constants are converted)."""
        operands = [
            [self.as_tensor(x) for x in a] if isinstance(a, list | tuple) else self.as_tensor(a)
            for a in args
        ]
        return self.b.call(op, *operands, **attrs)

    def call_function_object(self, f: Callable[..., Any], *args: Value, **kwargs: Value) -> Value:
        """For rules: call a Python function on values, by its own rule or by inlining it."""
        return self.call(Static(f), list(args), kwargs)

    # --- inlining ----------------------------------------------------------------------------


def rule_for(f: Any) -> Rule | None:
    register_loaded()
    try:
        return RULES.get(f)
    except TypeError:
        return None


def is_compiled(f: Any) -> bool:
    """Whether a call of it is compiled from Python that somebody else than numpy wrote."""
    if rule_for(f) is not None or is_pure(f) or is_numpy(f):
        return False
    if isinstance(f, type):
        made_by = [inspect.getattr_static(f, name) for name in ("__init__", "__new__")]
        is_own = not issubclass(f, BaseException | tuple | enum.Enum)
        return is_own and any(isinstance(m, types.FunctionType) for m in made_by)
    return isinstance(f, types.FunctionType | types.MethodType)


def is_array_of_several(value: Value) -> bool:
    """Whether it's an array of one of several types."""
    if not isinstance(value, Option):
        return isinstance(value, EitherDtype)
    return all(isinstance(v, Tensor) for v in alternatives(value))


def is_numpy(f: Any) -> bool:
    module = getattr(f, "__module__", None)
    if module is None and isinstance(f, np.ufunc):
        return True
    return str(module).split(".")[0] == "numpy" and not str(module).startswith("numpy.random")


def numpy_source(f: Any) -> types.FunctionType | None:
    """The Python function behind one of numpy's, for those that numpy writes in Python."""
    if not (isinstance(f, types.FunctionType) and is_numpy(f)) or f in _BY_ROUNDING:
        return None
    if f.__qualname__.startswith("vectorize."):  # it looks at the types of what it gets back
        return None
    written = inspect.unwrap(f)
    return written if isinstance(written, types.FunctionType) else None


def is_pure(f: Any) -> bool:
    """Whether a function may be called while compiling: it only computes."""
    try:
        if f in PURE:
            return True
    except TypeError:
        return False
    if isinstance(f, np.ufunc) or (isinstance(f, type) and issubclass(f, np.generic | np.dtype)):
        return True
    if isinstance(f, types.MethodDescriptorType) and f.__objclass__ is np.ndarray:
        return f.__name__ not in _MUTATING
    if getattr(f, "__module__", None) in ("math", "operator", "_operator", "cmath"):
        return True
    return is_numpy(f) and not isinstance(f, type) and f.__name__ not in _IMPURE


#: Their results' sizes depend on how numbers are rounded.
_NO_MEMBER = enum.Enum._missing_.__func__  # type: ignore[attr-defined]
_BY_ROUNDING = (np.polydiv, np.linalg.matrix_rank)
_MUTATING = {"fill", "sort", "put", "resize", "partition", "itemset", "setfield", "setflags",
             "byteswap", "tofile", "dump", "__setitem__"}  # fmt: skip
_IMPURE = {"load", "save", "savez", "savetxt", "loadtxt", "copyto", "put", "place", "putmask",
           "fill_diagonal", "seterr", "shares_memory", "may_share_memory", "__next__",
           "ndincr"}  # fmt: skip


def forward_with_hooks(link: Any, forward: Any, hooks: Any, args: Any, kwargs: Any) -> Any:
    """What ``Link.__call__`` does where there are hooks; it's compiled."""
    before = link_hook._ForwardPreprocessCallbackArgs(link, "forward", args, kwargs)
    for hook in hooks:
        hook.forward_preprocess(before)
    out = forward(*args, **kwargs)
    after = link_hook._ForwardPostprocessCallbackArgs(link, "forward", args, kwargs, out)
    for hook in hooks:
        hook.forward_postprocess(after)
    return out


def is_public_function(f: Any) -> bool:
    """Whether it's one of `chainer.functions`, and not of a node, or for those: they work on arrays."""
    name = getattr(f, "__qualname__", "_")
    is_inner = "." in name or name[0] == "_"
    return str(getattr(f, "__module__", "")).startswith("chainer.functions") and not is_inner
