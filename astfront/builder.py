"""The interface between the interpreter and rules on one side and a target language on the other.

A :class:`Builder` makes a program in administrative normal form: each operator's result is bound to
a name in the current *scope*, and scopes become the arms of an ``if_`` or the body of a ``while_``.
Operators go through :meth:`Builder.call` under Relay's names, so a new operator needs nothing here.

What is passed around are :class:`~astfront.values.Tensor` values; their ``expr`` is the builder's own
affair. Only ``relay/builder.py`` knows Relay.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from astfront.spans import Span
from astfront.values import Dim, Scalar, Shape, Tensor


class OperatorError(Exception):
    """The target refuses an operator call (types that don't fit); turned into AF0601."""


class Scope:
    """Bindings made one after another; an arm of a branch or the body of a loop."""

    def __init__(self) -> None:
        self.bindings: list[tuple[Any, Any]] = []
        self.stacks: list[tuple[list[Tensor], Tensor]] = []
        """Lists of tensors that were stacked here, and the results."""
        self.kept: dict[Any, Any] = {}
        """Expressions of which a name was made here that ends a fused operator, and the names."""

    def __len__(self) -> int:
        return len(self.bindings)

    def cut(self, length: int) -> None:
        """Forget all but the first bindings."""
        del self.bindings[length:]
        self.stacks.clear()
        self.kept.clear()


class Builder(ABC):
    """Makes one program. Shapes have ``None`` for a size known only at run time."""

    def __init__(self) -> None:
        self.scope = Scope()
        self.place: Callable[[], Span | None] = lambda: None
        """Where the source being compiled stands; new expressions carry it."""

    @contextmanager
    def new_scope(self) -> Iterator[Scope]:
        """Bindings made inside go to a scope of their own, to be handed to if_ or while_."""
        outer, self.scope = self.scope, Scope()
        try:
            yield self.scope
        finally:
            self.scope = outer

    @abstractmethod
    def parameter(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Tensor:
        """A new parameter of the program, visible in every scope."""

    @abstractmethod
    def constant(self, array: np.ndarray[Any, Any]) -> Tensor:
        """An array known while compiling."""

    @abstractmethod
    def call(self, op: str, *args: Tensor | Scalar | Sequence[Tensor], **attrs: Any) -> Any:
        """Apply an operator by its Relay name; its result is bound in the current scope.

        Attributes are as in TVM's Python functions of that name. Returns a Tensor, or a tuple of
        Tensors for an operator with several results. Raises :class:`OperatorError` where the types
        don't fit.
        """

    @abstractmethod
    def fresh(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Tensor:
        """A name for a loop-carried value, to be bound by :meth:`while_`."""

    @abstractmethod
    def if_(
        self,
        condition: Tensor | Scalar,
        then: tuple[Scope, Sequence[Tensor]],
        orelse: tuple[Scope, Sequence[Tensor]],
    ) -> list[Tensor]:
        """Run one of two scopes; each arm's results correspond one to one in rank and dtype."""

    @abstractmethod
    def while_(
        self,
        state: Sequence[Tensor],
        initial: Sequence[Tensor],
        header: tuple[Scope, Tensor | Scalar],
        body: tuple[Scope, Sequence[Tensor]],
    ) -> list[Tensor]:
        """A loop kept as a loop.

        ``state`` are names made by :meth:`fresh`, bound to ``initial`` first and to the body's
        results at each turn, while the header's condition holds. Returns the last state.
        """

    @abstractmethod
    def declare(
        self,
        name: str,
        parameters: Sequence[Tensor],
        results: Sequence[tuple[Shape, np.dtype[Any]]],
    ) -> Any:
        """A function that may be called, by itself too, before :meth:`define` gives its body.

        ``parameters`` are names made by :meth:`fresh`.
        """

    @abstractmethod
    def define(self, function: Any, body: tuple[Scope, Sequence[Tensor]]) -> None:
        """Bind a declared function, in the current scope."""

    @abstractmethod
    def invoke(self, function: Any, arguments: Sequence[Tensor]) -> list[Tensor]:
        """Call a declared function; types of arguments and results are as declared."""

    @abstractmethod
    def widen(self, x: Tensor, shape: Sequence[Dim]) -> Tensor:
        """Forget the sizes of ``x`` where ``shape`` has ``None`` (so two arms can join)."""

    @abstractmethod
    def refine(self, x: Tensor, shape: Sequence[Dim]) -> Tensor:
        """Recover sizes that are known to hold, where the operator's type forgot them."""

    @abstractmethod
    def dim(self, x: Tensor, axis: int) -> Scalar:
        """The size of ``x`` along ``axis`` as a staged int."""

    @abstractmethod
    def is_cheap(self, scope: Scope) -> bool:
        """Whether a scope is so small and harmless that it may run where it needn't."""

    @abstractmethod
    def finish(self, results: Sequence[Tensor]) -> Any:
        """The whole program, which gives the tuple of ``results``."""
