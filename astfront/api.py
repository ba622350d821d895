"""The public interface, and the whole way from a function to a running program.

The way is short: :func:`~astfront.program.lower` parses and interprets the source and gives a Relay
module; :func:`~astfront.build.build` hands it to TVM; :class:`Compiled` keeps one program for each
signature and finds the one that fits a call.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import logging
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, overload

import chainer
import numpy as np

from astfront.build import SizesDiffer
from astfront.diagnostics import CompileError, error
from astfront.freezing import Frozen
from astfront.lifting import Guard, is_static
from astfront.loading import Loaded, Options, load, require_no_hooks
from astfront.program import Program, Unsettled, lower, raise_at
from astfront.progress import shown
from astfront.randomness import RandomKeys
from astfront.settling import Settling
from astfront.signature import flatten, matched
from astfront.stages import Lowered
from astfront.tree_arguments import Types, as_trees
from astfront.widening import Sizes, types_of

T = TypeVar("T")

_log = logging.getLogger(__name__)

#: Programs kept for one signature, where what they take for granted differs.
VARIANTS = 16


class CacheInfo(NamedTuple):
    """``hits`` and ``misses`` count calls; ``currsize`` is the number of programs."""

    hits: int
    misses: int
    currsize: int


# --- compile ---------------------------------------------------------------------------------


@overload
def compile(x: None = None, **options: Any) -> Callable[[T], T]: ...


@overload
def compile(x: type[T], **options: Any) -> type[T]: ...


@overload
def compile(x: Callable[..., Any], **options: Any) -> Compiled: ...


def compile(  # type: ignore[misc]
    x: Any = None,
    *,
    target: Any = None,
    freeze: bool = False,
    checks: bool = True,
    opt_level: int = 3,
    seed: int | None = None,
    fast_math: bool = True,
    fallback: str | None = None,
    long_loops: bool = True,
    cache: bool = True,
    dynamic: bool = False,
    specs: Sequence[Any] | None = None,
) -> Any:
    """Compile a Link class, a link, a bound method or a function, when it's called.

    As a decorator of a Link class it gives the same class, whose calls ``model(x)`` run compiled;
    ``model.forward(x)`` runs Chainer. Otherwise it gives a :class:`Compiled`.

    Args:
        x: what to compile; without it, a decorator.
        target: a TVM target; by default this machine's CPU with its vector features.
        freeze: your word that the parameters won't change: they become constants, which TVM folds
            and packs. Their arrays are made read-only, so that writing into them raises.
        checks: whether the program checks at run time what Python would have raised an exception
            for (an index out of range, a division by zero).
        opt_level: TVM's optimisation level, 2 or 3 (below, TVM fails at some programs).
        seed: where the program's random numbers start. Without it they follow ``numpy.random``, as
            Chainer's do: after ``numpy.random.seed(0)`` the same calls give the same numbers.
        fast_math: whether ``exp``, ``log``, ``tanh``, ``sigmoid``, ``erf``, ``sin``, ``cos`` of float32
            are vectorised (within 3 units in the last place) or calls of the C library.
        fallback: ``"chainer"`` runs a call that can't be compiled in Python, in the middle of the
            program (``explain`` lists them). The function may compute and return arrays and numbers, and
            nothing else. It's called while compiling, too, on arrays that are made up: what it gives
            has to be of the same types each time, of any sizes.
        long_loops: whether loops are made for a million turns: TVM keeps some 10 KB a turn until a loop
            ends, and copies a list that grows at each. In blocks of turns they don't, and compile
            half a second longer each. Loops with little to do take four turns at a time, too.
        cache: whether programs that take long to build are kept on disk, for other processes: in the
            platform's cache folder or that of the environment variable ``ASTFRONT_CACHE`` (``off``
            for none).
        dynamic: whether, after a call whose arrays have other sizes (or whose lists have other
            lengths), one program is compiled for all sizes there. Where that's refused, each size
            gets its own program, as without ``dynamic``.
        specs: types of the arguments, :class:`TensorSpec` with ``None`` for a size that differs
            from call to call, :class:`ListSpec` for a list of any number of arrays: one program for
            all calls that fit.

    Raises:
        TypeError: for something that isn't callable.
        ValueError: for an option that there isn't.
        CompileError: when it's called, for what can't be compiled.
    """
    if opt_level not in (2, 3):
        raise ValueError(f"opt_level is 2 or 3, not {opt_level!r}")
    if fallback not in (None, "chainer"):
        raise ValueError(f'fallback is None or "chainer", not {fallback!r}')
    options = Options(
        target, freeze, checks, opt_level, seed, fast_math, fallback, long_loops, cache, dynamic
    )
    if x is None:
        return functools.partial(compile, specs=specs, **vars(options))
    if isinstance(x, type):
        if not issubclass(x, chainer.Link):
            raise TypeError(f"astfront.compile takes Link classes, not the class {x.__name__}")
        return _compile_class(x, options, specs)
    if isinstance(x, Compiled):
        x = x.function
    if not callable(x):
        raise TypeError(f"astfront.compile takes a link or a function, not {type(x).__name__}")
    return Compiled(x, options, specs)


class Compiled:
    """A link, method or function whose calls run compiled programs, one for each signature.

    A call gives what Chainer's call gives. It compiles where no program fits: another dtype,
    structure or shape, another static argument, or anything else that the programs at hand take for
    granted and that changed. Safe to call from several threads.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        options: Options | None = None,
        specs: Sequence[Any] | None = None,
    ) -> None:
        self.function = function
        self.options = options or Options()
        self.specs = tuple(specs) if specs is not None else None
        self._programs: dict[Any, tuple[Loaded, ...]] = {}
        self._settling = Settling(functools.partial(self._load, for_changes=True))
        self._sizes = Sizes()
        self._compiling = threading.RLock()
        self._counting = threading.Lock()
        self._hits = self._misses = 0
        self._trees: Types | None = {}
        """The types of the arguments that are trees; None where they aren't compiled as such."""
        self._random_keys = RandomKeys(self.options.seed)
        if not isinstance(function, chainer.Link):
            functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        require_no_hooks()
        found = self._find(args, kwargs)
        if found is None:
            with self._compiling:
                found = self._find(args, kwargs)  # another thread may have compiled it
                if found is None:
                    found = self._add(args, kwargs)
        loaded, arrays = found
        try:
            return loaded.call(arrays, args, kwargs)
        except Unsettled as e:
            unsettled = e
        except SizesDiffer as e:
            return self._of_known_sizes(args, kwargs, e)
        if self.specs is not None:
            key, leaves = "specs", matched(self.specs, {}, args, kwargs)
        else:
            key, leaves = flatten(args, kwargs)
        with self._compiling:
            random_key = loaded.random_key(arrays)
            self._settling.settle(unsettled, key, leaves, random_key, args, kwargs)
        raise_at(unsettled.exception, unsettled.span)

    @functools.cached_property
    def _by_sizes(self) -> Compiled:
        """The same, with a program for each size."""
        made = Compiled(
            self.function, dataclasses.replace(self.options, dynamic=False, freeze=False)
        )
        made._random_keys = self._random_keys
        return made

    def _of_known_sizes(
        self, args: Sequence[Any], kwargs: dict[str, Any], differ: SizesDiffer
    ) -> Any:
        """What a program of known sizes gives where staged ones don't broadcast.

        Mostly it raises what Chainer or numpy raises.
        """
        try:
            return self._by_sizes(*args, **kwargs)
        except CompileError:
            raise differ from None

    def _signatures(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Iterator[tuple[Any, list[Any]]]:
        """The keys under which a program for a call may be, with the staged arguments in order."""
        if self.specs is not None:
            yield "specs", matched(self.specs, {}, args, kwargs)
            return
        found = as_trees(args, kwargs, self._trees) if self._trees else None
        if found is not None:
            yield flatten(*found[:2])
        key, leaves = flatten(args, kwargs)
        yield key, leaves
        yield from self._sizes.fitting(key, args, kwargs)

    def _find(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[Loaded, list[np.ndarray]] | None:
        """The program that fits a call, and the arrays to run it with."""
        for key, leaves in self._signatures(args, kwargs):
            for loaded in self._programs.get(key, ()):
                arrays = loaded.arguments(leaves)
                if arrays is not None:
                    with self._counting:
                        self._hits += 1
                    return loaded, arrays
        return None

    def _add(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Loaded, list[np.ndarray]]:
        with self._counting:
            self._misses += 1
        if self.options.dynamic and self.specs is None and not self._trees:
            found = self._add_wider(args, kwargs)
            if found is not None:
                return found
        loaded = self._load(args, kwargs)
        if loaded.program.trees:
            self._trees = {**(self._trees or {}), **loaded.program.trees}
        elif not self._trees:
            self._trees = None
        key, leaves = next(self._signatures(args, kwargs))
        arrays = loaded.arguments(leaves)
        if arrays is None:
            raise error(
                "AF0402", "what the program takes for granted changed while it was compiled"
            )
        self._keep(key, loaded)
        return loaded, arrays

    def _keep(self, key: Any, loaded: Loaded) -> None:
        self._programs[key] = (loaded, *self._programs.get(key, ()))[:VARIANTS]

    def _add_wider(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[Loaded, list[np.ndarray]] | None:
        """A program for this call and another one, whose arrays have other sizes."""
        types = types_of(args, kwargs)
        if types is None:
            return None
        for key, wider in self._sizes.wider(types):
            try:
                loaded = self._load(*wider)
            except Exception as e:
                # Whatever it is, it's no matter of the call: that gets a program of its own.
                _log.info("no program for several sizes: %s", e)
                self._sizes.refused.add(key)
                break
            arrays = loaded.arguments(matched(*wider, args, kwargs))
            if arrays is not None:
                self._sizes.programs[key] = wider
                self._keep(key, loaded)
                return loaded, arrays
        self._sizes.met[types.key] = types
        return None

    def _load(
        self, args: Sequence[Any], kwargs: dict[str, Any], for_changes: bool = False
    ) -> Loaded:
        options = dataclasses.replace(self.options, freeze=False) if for_changes else self.options
        with shown(f"compiling {_name_of(self.function)}") as watch:
            return load(self._lower(args, kwargs, for_changes), options, self._frozen(), watch)

    def _lower(
        self, args: Sequence[Any], kwargs: dict[str, Any], for_changes: bool = False
    ) -> Program:
        args = self.specs if self.specs is not None else args
        return lower(
            self.function,
            args,
            kwargs,
            checks=self.options.checks,
            random_keys=self._random_keys,
            trees=self._trees if self.specs is None and not for_changes else None,
            fallback=self.options.fallback,
            for_changes=for_changes,
        )

    def _frozen(self) -> list[Frozen]:
        programs = [p for found in self._programs.values() for p in found]
        return [frozen for loaded in programs for frozen in loaded.frozen.values()]

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The program for these arguments (examples, or :class:`TensorSpec`) as Relay."""
        program = self._lower(args, kwargs)
        found = as_trees(args, kwargs, program.trees) if program.trees else None
        taken = found[:2] if found else (args, kwargs)
        return Lowered(program, taken[0], taken[1], self.options)

    def cache_info(self) -> CacheInfo:
        return CacheInfo(self._hits, self._misses, sum(map(len, list(self._programs.values()))))

    def clear(self) -> None:
        """Forget all programs; frozen parameters become writeable again."""
        with self._compiling:
            for loaded in (p for programs in self._programs.values() for p in programs):
                for frozen in loaded.frozen.values():
                    frozen.thaw()
            self._programs = {}
            self._settling = Settling(functools.partial(self._load, for_changes=True))
            self._sizes = Sizes()

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled:
        """A compiled function in the body of a class is a method."""
        if instance is None:
            return self

        def make() -> Compiled:
            return Compiled(types.MethodType(self.function, instance), self.options, self.specs)

        return _of_instance(instance, self, make)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, and what is pickled, compiles its own programs."""
        return Compiled, (self.function, self.options, self.specs)

    def __repr__(self) -> str:
        return f"<compiled {self.function!r}>"


# --- classes ---------------------------------------------------------------------------------


_ATTRIBUTE = "_astfront_compiled"
_making = threading.Lock()


class _OfInstance:
    """Holds what was compiled for an instance, in its ``__dict__``, so that both go together.

    A copy of the instance, or one that was pickled, has none that is its own.
    """

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.compiled: dict[Any, Compiled] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()


def _of_instance(instance: Any, key: Any, make: Callable[[], Compiled]) -> Compiled:
    held = vars(instance).get(_ATTRIBUTE)
    if held is None or held.owner is not instance or key not in held.compiled:
        with _making:
            held = vars(instance).get(_ATTRIBUTE)
            if held is None or held.owner is not instance:
                held = vars(instance)[_ATTRIBUTE] = _OfInstance(instance)
            if key not in held.compiled:
                held.compiled[key] = make()
    return held.compiled[key]


def _compile_class(cls: type, options: Options, specs: Sequence[Any] | None) -> type:
    """The class itself, with a ``__call__`` that runs compiled."""
    original = cls.__call__
    original = getattr(original, "__astfront_original__", original)

    def compiled_for(self: Any) -> Compiled:
        def make() -> Compiled:
            function = self if original is chainer.Link.__call__ else original.__get__(self)
            return Compiled(function, options, specs)

        return _of_instance(self, cls, make)

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        return compiled_for(self)(*args, **kwargs)

    __call__.__astfront_original__ = original  # type: ignore[attr-defined]
    __call__.__astfront_compiled__ = compiled_for  # type: ignore[attr-defined]
    cls.__call__ = __call__  # type: ignore[assignment, method-assign]
    return cls


def compiled_of(x: Any) -> Compiled:
    """The Compiled behind ``x``: itself, or that of an instance of a decorated class."""
    if isinstance(x, Compiled):
        return x
    finder = getattr(type(x).__call__, "__astfront_compiled__", None)
    if finder is not None:
        found: Compiled = finder(x)
        return found
    return Compiled(x)


# --- ahead of time ---------------------------------------------------------------------------


def from_chainer(link: Any, inputs: Any, *, checks: bool = False) -> tuple[Any, dict[str, Any]]:
    """A link or function as ``(mod, params)``, as TVM's own front ends give it.

    Args:
        link: a link, bound method or function.
        inputs: its arguments: one, a list or tuple of them by position, or a dict by name; each an
            example array, a :class:`TensorSpec` or a :class:`ListSpec`. Of the latter ``main`` takes
            the items one after another in a vector, and the place and the sizes of each.
        checks: whether ``main`` checks at run time what Python would have raised an exception for.
            It then has one more output, an int64 that isn't 0 where something was raised; a
            ``raise`` or ``assert`` of the model's own makes it so, too.

    Returns:
        The IRModule, whose ``main`` takes the inputs by their names and then the parameters, and
        the parameters as TVM arrays.
    """
    args, kwargs = _as_arguments(inputs)
    function = link.function if isinstance(link, Compiled) else link
    compiled = Compiled(function, Options(checks=checks))
    compiled._trees = None  # ``main`` takes the arguments as they are.
    lowered = compiled.lower(*args, **kwargs)
    return lowered.mod, lowered.params


def explain(compiled: Any, *args: Any, **kwargs: Any) -> str:
    """What the compiler does with a call, line by line, as text.

    It says which conditions were decided while compiling and which are staged, which loops are kept
    or unrolled and why, what was inlined, which data the program takes for granted (where it has
    changed, a call compiles anew), and what the call changes.
    """
    lowered = compiled_of(compiled).lower(*args, **kwargs)
    program = lowered._program
    lines = [lowered.explain()]
    granted = [*_static_arguments(compiled_of(compiled).function, args, kwargs)]
    for guard in program.guards:
        if isinstance(guard, Guard) and guard.is_data:
            where = f"  ({guard.span.location(column=False)})" if guard.span else ""
            granted.append(f"  {guard.location} = {guard.expected!r:.60}{where}")
    if granted:
        lines += ["taken for granted:", *granted]
    if program.writes:
        lines.append("changed by the call:")
        lines.extend(f"  {write}" for write in program.writes)
    return "\n".join(lines)


def _static_arguments(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Iterator[str]:
    """The arguments of a call for whose very values a program is compiled."""
    if isinstance(function, chainer.Link):
        function = function.forward
    for name, value in inspect.signature(function).bind_partial(*args, **kwargs).arguments.items():
        if is_static(value):
            yield f"  the argument {name} = {value!r:.60}"


# --- helpers ---------------------------------------------------------------------------------


def _as_arguments(inputs: Any) -> tuple[Sequence[Any], dict[str, Any]]:
    if isinstance(inputs, dict):
        return (), inputs
    if isinstance(inputs, list | tuple):
        return inputs, {}
    return (inputs,), {}


def _name_of(function: Any) -> str:
    """What a user calls it: the class of a link, the qualified name of a function."""
    return getattr(function, "__qualname__", None) or type(function).__name__
