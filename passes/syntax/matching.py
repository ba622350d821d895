"""`match` as a chain of `if`s.

A pattern is a condition on (parts of) the subject, and names for some of them. The names are bound
when the whole pattern has matched, before the body; where a guard or an alternative asks for them,
while the condition is evaluated. What a `**rest` holds isn't supported (see `check`).

>>> import gast
>>> tree = gast.parse('''
... def area(shape):
...     match shape:
...         case (width, height):
...             return width * height
...         case None | 0:
...             return 0
...         case side if side > 0:
...             return side * side
... ''')
>>> print(gast.unparse(run(tree.body[0])).strip())
def area(shape):
    import builtins as _af_builtins, collections.abc as _af_abc
    if _af_builtins.isinstance(shape, _af_abc.Sequence) and (not _af_builtins.isinstance(shape, (_af_builtins.str, _af_builtins.bytes, _af_builtins.bytearray))) and (_af_builtins.len(shape) == 2):
        width = shape[0]
        height = shape[1]
        return width * height
    elif shape is None or shape == 0:
        return 0
    elif ((side := shape), True)[1] and side > 0:
        return side * side
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gast

from passes.syntax import tree
from passes.syntax.names import FreshNames

Subject = Callable[[], gast.expr]
"""Makes an expression for (a part of) the subject, a new one each time."""

#: Classes whose one positional pattern is for the object itself.
_ITSELF = (
    *("bool", "bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str"),
    "tuple",
)


def run(fn: gast.FunctionDef) -> gast.FunctionDef:
    """A copy of `fn` without `match`."""
    fn = tree.clone(fn)
    if not any(isinstance(node, gast.Match) for node in gast.walk(fn)):
        return fn
    names = FreshNames(fn)
    rewriter = _Match(names)
    fn.body = [new for stmt in fn.body for new in _listed(rewriter.visit(stmt))]
    docstring, body = tree.split_docstring(fn.body)
    modules = [
        gast.alias(name="builtins", asname=rewriter.builtins),
        gast.alias(name="collections.abc", asname=rewriter.abc),
    ]
    fn.body = [*docstring, tree.at(gast.Import(names=modules), fn), *body]
    return fn


def _listed(found: Any) -> list[gast.stmt]:
    return found if isinstance(found, list) else [found]


class _Match(gast.NodeTransformer):
    def __init__(self, names: FreshNames) -> None:
        self.names = names
        self.builtins = names.plain("builtins")
        self.abc = names.plain("abc")

    def visit_Match(self, node: gast.Match) -> list[gast.stmt]:
        self.generic_visit(node)
        bound = {name for case in node.cases for name in _captured(case.pattern)}
        before: list[gast.stmt] = []
        if isinstance(node.subject, gast.Name) and node.subject.id not in bound:
            name = node.subject.id
        else:
            name = self.names.numbered("subject")
            before = [tree.assign(name, node.subject, node)]
        chain: list[gast.stmt] = []
        for case in reversed(node.cases):
            chain = self._case(case, lambda: tree.load(name), chain)
        return [*before, *chain] or [tree.at(gast.Pass(), node)]

    def _case(self, case: Any, subject: Subject, otherwise: list[gast.stmt]) -> list[gast.stmt]:
        while_testing = case.guard is not None or _names_alternatives(case.pattern)
        pattern = _Pattern(self, while_testing)
        tests = pattern.tests(case.pattern, subject)
        if case.guard is not None:
            tests.append(case.guard)
        body = [tree.assign(n, value(), case.body[0]) for n, value in pattern.names] + case.body
        if not tests:
            return body
        made = gast.If(test=_all(tests), body=body, orelse=otherwise)
        return [tree.at(made, case.body[0])]

    def builtin(self, name: str) -> gast.expr:
        return gast.Attribute(value=tree.load(self.builtins), attr=name, ctx=gast.Load())

    def call(self, name: str, *args: gast.expr) -> gast.expr:
        return gast.Call(func=self.builtin(name), args=list(args), keywords=[])

    def is_a(self, subject: Subject, kind: str) -> gast.expr:
        cls = gast.Attribute(value=tree.load(self.abc), attr=kind, ctx=gast.Load())
        return self.call("isinstance", subject(), cls)

    def one_of(self, classes: Sequence[str]) -> gast.expr:
        return gast.Tuple(elts=[self.builtin(c) for c in classes], ctx=gast.Load())


class _Pattern:
    """One pattern's conditions, and the names that are bound after they held."""

    def __init__(self, match: _Match, while_testing: bool) -> None:
        self.match = match
        self.while_testing = while_testing
        self.names: list[tuple[str, Subject]] = []

    def tests(self, pattern: Any, subject: Subject) -> list[gast.expr]:
        if isinstance(pattern, gast.MatchValue):
            return [_compare(subject(), gast.Eq(), pattern.value)]
        if isinstance(pattern, gast.MatchSingleton):
            return [_compare(subject(), gast.Is(), tree.constant(pattern.value))]
        if isinstance(pattern, gast.MatchAs):
            inner = [] if pattern.pattern is None else self.tests(pattern.pattern, subject)
            return inner + ([] if pattern.name is None else self._bind(pattern.name, subject))
        if isinstance(pattern, gast.MatchOr):
            ways = [_all(self.tests(p, subject)) for p in pattern.patterns]
            return [gast.BoolOp(op=gast.Or(), values=ways)]
        if isinstance(pattern, gast.MatchSequence):
            return self._sequence(pattern.patterns, subject)
        if isinstance(pattern, gast.MatchMapping):
            return self._mapping(pattern, subject)
        return self._class(pattern, subject)

    def _bind(self, name: str, subject: Subject) -> list[gast.expr]:
        if not self.while_testing:
            self.names.append((name, subject))
            return []
        target = gast.Name(id=name, ctx=gast.Store(), annotation=None, type_comment=None)
        bound = gast.NamedExpr(target=target, value=subject())
        pair = gast.Tuple(elts=[bound, tree.constant(True)], ctx=gast.Load())
        return [_item(pair, tree.constant(1))]

    def _sequence(self, patterns: Sequence[Any], subject: Subject) -> list[gast.expr]:
        match = self.match
        text = match.call("isinstance", subject(), match.one_of(("str", "bytes", "bytearray")))
        tests = [
            match.is_a(subject, "Sequence"),
            gast.UnaryOp(op=gast.Not(), operand=text),
        ]
        star = next((i for i, p in enumerate(patterns) if isinstance(p, gast.MatchStar)), None)
        after = 0 if star is None else len(patterns) - star - 1
        op, least = (gast.Eq(), 0) if star is None else (gast.GtE(), 1)
        wanted = tree.constant(len(patterns) - least)
        tests.append(_compare(match.call("len", subject()), op, wanted))
        for i, pattern in enumerate(patterns):
            if i != star:
                place = i if star is None or i < star else i - len(patterns)
                tests += self.tests(pattern, _part(subject, place))
            elif pattern.name is not None:
                tests += self._bind(pattern.name, lambda start=i: self._rest(subject, start, after))  # type: ignore[misc]
        return tests

    def _rest(self, subject: Subject, start: int, after: int) -> gast.expr:
        stop = tree.constant(-after) if after else None
        part = gast.Slice(lower=tree.constant(start), upper=stop, step=None)
        return self.match.call("list", _item(subject(), part))

    def _mapping(self, pattern: Any, subject: Subject) -> list[gast.expr]:
        tests = [self.match.is_a(subject, "Mapping")]
        for key, inner in zip(pattern.keys, pattern.patterns):
            tests.append(_compare(tree.clone(key), gast.In(), subject()))
            tests += self.tests(inner, lambda key=key: _item(subject(), tree.clone(key)))  # type: ignore[misc]
        return tests

    def _class(self, pattern: Any, subject: Subject) -> list[gast.expr]:
        match = self.match

        def cls() -> gast.expr:
            return tree.clone(pattern.cls)  # type: ignore[no-any-return]

        tests = [match.call("isinstance", subject(), cls())]
        for i, inner in enumerate(pattern.patterns):

            def part(i: int = i) -> gast.expr:
                fields = gast.Attribute(value=cls(), attr="__match_args__", ctx=gast.Load())
                found = match.call("getattr", subject(), _item(fields, tree.constant(i)))
                itself = _compare(cls(), gast.In(), match.one_of(_ITSELF))
                return gast.IfExp(test=itself, body=subject(), orelse=found)

            tests += self.tests(inner, part)
        for name, inner in zip(pattern.kwd_attrs, pattern.kwd_patterns):
            tests.append(match.call("hasattr", subject(), tree.constant(name)))
            place = lambda name=name: gast.Attribute(  # noqa: E731
                value=subject(), attr=name, ctx=gast.Load()
            )
            tests += self.tests(inner, place)
        return tests


def _part(subject: Subject, place: int) -> Subject:
    return lambda: _item(subject(), tree.constant(place))


def _item(value: gast.expr, index: gast.expr) -> gast.expr:
    return gast.Subscript(value=value, slice=index, ctx=gast.Load())


def _compare(left: gast.expr, op: gast.cmpop, right: gast.expr) -> gast.expr:
    return gast.Compare(left=left, ops=[op], comparators=[right])


def _all(tests: list[gast.expr]) -> gast.expr:
    if not tests:
        return tree.constant(True)
    return tests[0] if len(tests) == 1 else gast.BoolOp(op=gast.And(), values=tests)


def _captured(pattern: gast.AST) -> list[str]:
    """The names that a pattern binds."""
    kinds = (gast.MatchAs, gast.MatchStar)
    found = [node.name for node in gast.walk(pattern) if isinstance(node, kinds)]
    return [name for name in found if name is not None]


def _names_alternatives(pattern: gast.AST) -> bool:
    """Whether an alternative in the pattern binds names."""
    return any(isinstance(node, gast.MatchOr) and _captured(node) for node in gast.walk(pattern))
