"""What ``functools``, ``contextlib``, ``operator`` and ``chainer.static_graph`` make, which can be
called: how it is."""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Sequence
from typing import Any

import chainer
from chainer.graph_optimizations.static_graph import static_graph

from astfront.calls.frames import closure_of
from astfront.descriptions import describe
from astfront.environment import walk
from astfront.lifting import Structure
from astfront.locations import Location
from astfront.values import Dict, List, Object, Scalar, Static, Tensor, Value

_CONTEXT_MANAGER = contextlib.contextmanager(lambda: iter(())).__code__
_STATIC_GRAPH = static_graph(lambda chain: chain).__code__
_SINGLE_DISPATCH = functools.singledispatch(lambda x: x).__code__  # type: ignore[attr-defined]


def call_wrapper(cx: Any, f: Any, args: Sequence[Value], kwargs: dict[str, Value]) -> Value | None:
    """Call what wraps a function; None where ``f`` doesn't."""
    if isinstance(f, functools._lru_cache_wrapper):
        return _call_cached(cx, f, args, kwargs)
    if isinstance(f, functools.partial):
        keywords = {
            k: cx.lifted(v, Location(f.keywords, "item", k), k) for k, v in f.keywords.items()
        }
        bound = [cx.lifted(v, Location(f.args, "item", i), "arg") for i, v in enumerate(f.args)]
        return cx.call(Static(f.func), [*bound, *args], {**keywords, **kwargs})  # type: ignore
    getters = operator.attrgetter | operator.itemgetter | operator.methodcaller
    if isinstance(f, getters) and len(args) == 1 and not kwargs:
        return _call_getter(cx, f, args[0])
    code = getattr(f, "__code__", None)
    if code is _CONTEXT_MANAGER:
        # The generator function's own value: a closure's variable.
        return cx.call(Static(closure_of(f)["func"].cell_contents), args, kwargs)  # type: ignore
    if code is _STATIC_GRAPH:
        cells = closure_of(f)
        given = [Static(cells[n].cell_contents) for n in ("func", "force_test_define_by_run")]
        return cx.call(Static(_static_graph), [*given, *args], kwargs)  # type: ignore[no-any-return]
    if code is _SINGLE_DISPATCH and args:
        registry = dict(f.registry)
        place = Location(f, "attribute", "registry")
        cx.lifter.guards.append(Structure(place, type(f.registry), len(registry)))
        cls = cx.static(cx.call(Static(type), [args[0]], {}), "the type of the first argument")
        return cx.call(Static(f.dispatch(cls)), args, kwargs)  # type: ignore[no-any-return]
    return None


def _static_graph(
    function: Any, is_plain_in_tests: bool, chain: Any, *args: Any, **kwargs: Any
) -> Any:
    """What a call of a ``chainer.static_graph`` gives; that its schedule is kept isn't modelled."""
    in_tests = chainer.config.train is False
    if not chainer.config.use_static_graph or (in_tests and is_plain_in_tests):
        return function(chain, *args, **kwargs)
    return _as_tuples(function(chain, *[_as_variables(x) for x in args], **kwargs))


def _as_variables(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return tuple([_as_variables(item) for item in x])
    return chainer.as_variable(x)


def _as_tuples(y: Any) -> Any:
    return tuple([_as_tuples(item) for item in y]) if isinstance(y, (list, tuple)) else y


def _call_getter(cx: Any, f: Any, owner: Value) -> Value:
    """``operator.attrgetter`` and its like, by what they're pickled as."""
    made, given = f.__reduce__()
    if not isinstance(f, operator.methodcaller):
        if isinstance(f, operator.attrgetter):
            found = [functools.reduce(cx.get_attribute, n.split("."), owner) for n in given]
        else:
            found = [cx.get_item(owner, cx.constant_value(index)) for index in given]
        return found[0] if len(found) == 1 else cx.tuple(found)  # type: ignore[no-any-return]
    named = {}
    if isinstance(made, functools.partial):  # it has keyword arguments
        given, named = (*made.args, *given), made.keywords
    name, *positional = given
    keywords = {k: cx.constant_value(v) for k, v in named.items()}
    method = cx.get_attribute(owner, name)
    return cx.call(method, [cx.constant_value(v) for v in positional], keywords)  # type: ignore


def _call_cached(cx: Any, f: Any, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
    """``functools.lru_cache``: the function itself is called where all is known while compiling."""
    known, values = cx.try_all(args, kwargs)
    if not known:
        return call_once(cx, Static(f.__wrapped__), args, kwargs)
    made: Value = cx.run_python(f, *values[0], **values[1])
    _require_unchangeable(cx, made)
    return made


def call_once(cx: Any, f: Value, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
    """Call a function whose results are cached: that it may be called again mustn't show."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor) and value.kind == "array":
            cx.raise_python(TypeError("unhashable type: 'numpy.ndarray'"))
        if not isinstance(value, Static | Scalar):
            cx.fail("AF0301", f"{describe(value)} as an argument of a function with a cache")
    result: Value = cx.unaltered(
        lambda: cx.call(f, args, kwargs), "a function whose results are cached"
    )
    _require_unchangeable(cx, result)
    return result


def _require_unchangeable(cx: Any, result: Value) -> None:
    """What a cache gives is one object each time: nobody may change it."""
    for value in walk(result):
        if isinstance(value, List | Dict | Object):
            cx.fail(
                "AF0301",
                f"{describe(value)} that a cache holds",
                help="return a tuple, or leave the cache out",
            )
        if isinstance(value, Tensor):
            cx.heap.copied.add(value.storage)
