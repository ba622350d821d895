"""A comprehension as a function with loops.

The interpreter calls this where it meets a comprehension, so that comprehensions are loops like any
others. It's not in the pipeline: a comprehension stands within an expression, and its place in the
order of evaluation would be lost if its loop were put before the statement. As a function it has
Python's scoping: the first iterable is evaluated outside and passed in; the loop variables are
local to the function. A `:=` in a comprehension binds a name of the function around it, hence the
`nonlocal`.

A generator expression becomes a generator function; or in `any`, `all` and `next`, where data may
decide how many of its values are wanted, a function that returns as soon as it's known what they give.

>>> import gast
>>> comp = gast.parse("{k: v + 1 for k, vs in table if k for v in vs}").body[0].value
>>> print(gast.unparse(expand(comp, "_af_dictcomp")).strip())
def _af_dictcomp(_af_iterable):
    _af_result = {}
    for (k, vs) in _af_iterable:
        if k:
            for v in vs:
                _af_key = k
                _af_result[_af_key] = v + 1
    return _af_result
>>> comp = gast.parse("(v for v in vs if v > k)").body[0].value
>>> print(gast.unparse(search(comp, "_af_next", "next")).strip())
def _af_next(_af_iterable, _af_default):
    for v in _af_iterable:
        if v > k:
            return v
    return _af_default
"""

from __future__ import annotations

from typing import Any, Literal

import gast

from passes.syntax import tree
from passes.syntax.names import FreshNames


def expand(
    comp: gast.ListComp | gast.SetComp | gast.DictComp | gast.GeneratorExp, name: str
) -> gast.FunctionDef:
    """A function `name(iterable)`, where `iterable` is the value of `comp.generators[0].iter`."""
    comp = _checked(comp)
    names = FreshNames(comp)
    iterable, result = names.plain("iterable"), names.plain("result")

    empty: gast.expr
    if isinstance(comp, gast.DictComp):
        # Python evaluates the key first here, but the value first in `d[key] = value`.
        key = names.plain("key")
        target = gast.Subscript(value=tree.load(result), slice=tree.load(key), ctx=gast.Store())
        store = gast.Assign(targets=[target], value=comp.value, type_comment=None)
        body = [tree.assign(key, comp.key, comp.key), tree.at(store, comp)]
        empty = gast.Dict(keys=[], values=[])
    elif isinstance(comp, gast.GeneratorExp):
        body = [tree.at(gast.Expr(value=gast.Yield(value=comp.elt)), comp.elt)]
        empty = tree.constant(None)
    else:
        is_set = isinstance(comp, gast.SetComp)
        method = gast.Attribute(
            value=tree.load(result), attr="add" if is_set else "append", ctx=gast.Load()
        )
        call = gast.Call(func=method, args=[comp.elt], keywords=[])
        body = [tree.at(gast.Expr(value=call), comp.elt)]
        nothing = gast.Tuple(elts=[], ctx=gast.Load())
        # `{*()}` is the empty set whatever the source calls `set`.
        empty = (
            gast.Set(elts=[gast.Starred(value=nothing, ctx=gast.Load())])
            if is_set
            else gast.List(elts=[], ctx=gast.Load())
        )

    return _function(
        comp,
        name,
        [iterable],
        [
            tree.assign(result, empty, comp),
            _loop(comp, iterable, body),
            gast.Return(value=tree.load(result)),
        ],
    )


def search(
    comp: gast.GeneratorExp, name: str, how: Literal["any", "all", "next", "first"]
) -> gast.FunctionDef:
    """A function `name(iterable, default)` that gives what `any`, `all` or `next` does.

    `default` is what `next` gives where there is no value; with `first` it's the exception to raise.
    """
    comp = _checked(comp)
    names = FreshNames(comp)
    iterable, default = names.plain("iterable"), names.plain("default")
    found: gast.stmt
    last: gast.stmt = gast.Return(value=tree.load(default))
    if how in ("any", "all"):
        test = comp.elt if how == "any" else gast.UnaryOp(op=gast.Not(), operand=comp.elt)
        decisive = gast.Return(value=tree.constant(how == "any"))
        found = gast.If(test=test, body=[decisive], orelse=[])
        last = gast.Return(value=tree.constant(how == "all"))
    else:
        found = gast.Return(value=comp.elt)
        if how == "first":
            last = gast.Raise(exc=tree.load(default), cause=None)
    body = [tree.at(found, comp.elt)]
    return _function(comp, name, [iterable, default], [_loop(comp, iterable, body), last])


def _checked(comp: Any) -> Any:
    """A copy, to be taken apart."""
    if any(generator.is_async for generator in comp.generators):
        raise ValueError(f"line {comp.lineno}: async comprehension; run check first")
    return tree.clone(comp)


def _loop(comp: Any, iterable: str, body: list[gast.stmt]) -> gast.stmt:
    """The loops, one in another, over what `iterable` names first."""
    for generator in reversed(comp.generators):
        for test in reversed(generator.ifs):
            body = [tree.at(gast.If(test=test, body=body, orelse=[]), test)]
        source = tree.load(iterable) if generator is comp.generators[0] else generator.iter
        loop = gast.For(
            target=generator.target, iter=source, body=body, orelse=[], type_comment=None
        )
        body = [tree.at(loop, generator.target)]
    (outermost,) = body
    return outermost


def _function(
    comp: Any, name: str, parameters: list[str], body: list[gast.stmt]
) -> gast.FunctionDef:
    declarations: list[gast.stmt] = []
    if outer := tree.bound_names([comp]):  # by `:=`
        declarations.append(gast.Nonlocal(names=list(outer)))
    args = [
        gast.Name(id=p, ctx=gast.Param(), annotation=None, type_comment=None) for p in parameters
    ]
    fn = gast.FunctionDef(
        name=name,
        args=gast.arguments(
            args=args,
            posonlyargs=[],
            vararg=None,
            kwonlyargs=[],
            kw_defaults=[],
            kwarg=None,
            defaults=[],
        ),
        body=[*declarations, *body],
        decorator_list=[],
        returns=None,
        type_comment=None,
        type_params=[],
    )
    return tree.at(fn, comp)
