"""The table of rules: what a function, method, class or function node means in terms of operators.

A rule has the signature of what it stands for, after the context ``cx`` (the interpreter). How each
argument arrives is said by its annotation:

``Tensor``
    any array-like value, as a tensor (a Python number becomes a rank-0 one);
``StaticArg[T]``
    a Python object; a staged value in its place is refused with AF0205;
``Value`` (or nothing)
    the abstract value as it is.

>>> @rule(F.leaky_relu)                                              # doctest: +SKIP
... def leaky_relu(cx, x: Tensor, slope: StaticArg[float] = 0.2) -> Tensor:
...     return cx.call_op("nn.leaky_relu", x, alpha=slope)

A :func:`node_rule` stands for the ``forward`` of a ``FunctionNode`` class: it takes the context, the
node (whose attributes are read with ``node.name``) and the input tensors.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

T = TypeVar("T")

#: In a rule's signature: this argument is a Python object, known while compiling.
StaticArg = Annotated[T, "static"]


@dataclass(frozen=True)
class Rule:
    """A registered rule; ``kinds`` says how each parameter arrives."""

    function: Callable[..., Any]
    signature: inspect.Signature
    kinds: dict[str, str]
    splits: bool = True
    """Whether an argument that may be None is taken apart before the rule sees it."""

    @property
    def name(self) -> str:
        return self.function.__name__


RULES: dict[Any, Rule] = {}
NODE_RULES: dict[type, Callable[..., Any]] = {}

#: So many names are listed where none is like another.
_FEW = 8

#: Functions without side effects that are simply called when their arguments are all static.
PURE: set[Any] = set()


def rule(*targets: Any, splits: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a rule for functions, methods (``np.ndarray.reshape``) or classes.

    Raises ValueError where one of them has a rule already.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        made = make_rule(function, splits)
        for target in targets:
            if target in RULES:
                raise ValueError(f"{target!r} has a rule already: {RULES[target].name}")
            RULES[target] = made
        return function

    return register


def make_rule(function: Callable[..., Any], splits: bool = True) -> Rule:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    kinds = {p.name: _kind(p.annotation) for p in parameters}
    return Rule(function, signature.replace(parameters=parameters), kinds, splits)


def node_rule(*classes: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a rule for ``FunctionNode`` classes.

    Raises ValueError where one of them has a rule already.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for cls in classes:
            if cls in NODE_RULES:
                raise ValueError(f"{cls.__name__} has a rule already")
            NODE_RULES[cls] = function
        return function

    return register


def pure(*functions: Any) -> None:
    """Say that functions may be called while compiling, on static arguments."""
    PURE.update(functions)


def nearest(target: Any) -> list[str]:
    """Which functions of the same module have rules: those of a like name, or all, if they are few."""
    module = getattr(target, "__module__", None)
    if module is None:
        return []
    there = {
        t.__name__
        for t in RULES
        if getattr(t, "__module__", "") == module and hasattr(t, "__name__")
    }
    named = sorted(name for name in there if not name.startswith("_"))
    like = difflib.get_close_matches(getattr(target, "__name__", ""), named, n=3, cutoff=0.7)
    return [f"{module}.{name}" for name in like or (named if len(named) <= _FEW else [])]


def _kind(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else str(annotation)
    if text.startswith("StaticArg") or "'static'" in text:
        return "static"
    return "tensor" if text.split(".")[-1].strip("'>") == "Tensor" else "value"
