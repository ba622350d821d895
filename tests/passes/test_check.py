"""check: every construct outside of the subset is reported, with its line and with help."""

from __future__ import annotations

import gast
import pytest

from passes.syntax import check

REPORTED = {
    "yield in a lambda": ("AF0101", "def f(x):\n    return lambda: (yield)", 2),
    "async def": ("AF0102", "async def f(x):\n    pass", 1),
    "nested async def": ("AF0102", "def f(x):\n    async def g(): pass", 2),
    "async comprehension": ("AF0102", "async def f(x):\n    return [a async for a in x]", 2),
    "await": ("AF0102", "async def f(x):\n    await x", 2),
    "async for": ("AF0102", "async def f(x):\n    async for a in x: pass", 2),
    "async with": ("AF0102", "async def f(x):\n    async with x: pass", 2),
    "match": ("AF0104", 'def f(x):\n    match x:\n        case [{"a": y, **z}]: pass', 3),
    "return in finally": ("AF0106", "def f(x):\n    try: pass\n    finally: return x", 3),
    "break in finally": (
        "AF0106",
        "def f(x):\n    for y in x:\n        try: pass\n        finally:\n            if y: break",
        5,
    ),
    "import *": ("AF0107", "def f(x):\n    from .a import *", 2),
    "del of a tuple": ("AF0108", "def f(x):\n    del x[0], (x, x.y)", 2),
    "reserved name": ("AF0108", "def f(x):\n    _af_return = x\n    return _af_return", 2),
    "reserved parameter": ("AF0108", "def f(_af_x): pass", 1),
}

SUPPORTED = '''
def f(self, x, /, y, *args, k=1, **kw: int) -> "Doc":
    """Doc."""
    import os.path, numpy as np
    from chainer import functions as F, links
    global READ
    a, *b = c = x
    (d, [e, *g]) = y
    self.h, x[1:2, ..., None] = args
    total: float = 0.0
    later: int
    total += READ
    while (n := x.next()) and not kw:
        if n == 1 or 0 < n <= 3 is not None:
            continue
        elif n in (1, *args):
            break
        else:
            pass
    else:
        del a, x[0], self.h
    for i, (j, l) in enumerate(zip(*args, **kw)):
        assert i, f"{i!r:>{j}} {l}"
    with F.x(train=False) as p, F.y():
        raise ValueError("x") from None
    def nested(q=1, *, r: int = 2):
        return lambda s, *t: s @ q // 2 ** -r
    both = [u for v in x if v for u in v], {u for u in x}, {u: 1 for u in x}, sum(u for u in x)
    global y
    class Local(Base):
        y = 1
    match x:
        case [1, *y] | Local(y): pass
    last = {1: 2, **kw}, {1, 2}, [*x], (x if y else ~y), +x << 1 >> 2 & 3 | 4 ^ 5 % 6
    return last
'''


@pytest.mark.parametrize("name", REPORTED)
def test_reported(name, parsed):
    code, source, line = REPORTED[name]
    problems = [p for p in check.run(parsed(source)) if p.code == code and p.node.lineno == line]
    assert len(problems) == 1
    assert problems[0].message
    assert problems[0].help
    assert "{" not in problems[0].message + problems[0].help
    assert isinstance(problems[0].node.col_offset, int)


@pytest.mark.parametrize("name", [name for name in REPORTED if "async" not in REPORTED[name][1]])
def test_reported_once(name, parsed):
    assert len(check.run(parsed(REPORTED[name][1]))) == 1


def test_supported(parsed):
    assert check.run(parsed(SUPPORTED)) == []


def test_all_in_one_report_in_source_order(parsed):
    source = """
        def f(x):
            try:
                global y
                y = 1
                with x:
                    class C: pass
            except A:
                match x:
                    case {**y} if (yield):
                        from a import *
            finally:
                del (x, y)
            def g(z=(yield 3)):
                nonlocal x
                async def h(): await x
        """
    problems = check.run(parsed(source))
    assert [(problem.code, problem.node.lineno) for problem in problems] == [
        ("AF0104", 10),
        ("AF0107", 11),
        ("AF0108", 13),
        ("AF0101", 14),
        ("AF0102", 16),
        ("AF0102", 16),
    ]


def test_what_ran_at_the_definition_is_not_looked_at():
    fn = gast.FunctionDef
    tree = gast.parse("@(lambda: (yield))\ndef f(x=(lambda: (yield))) -> (lambda: (yield)): pass")
    assert isinstance(tree.body[0], fn)
    assert check.run(tree.body[0]) == []


def test_an_unknown_kind_of_node_is_reported(parsed):
    fn = parsed("def f(x):\n    pass")
    novelty = gast.TypeAlias(
        name=gast.Name("T", gast.Store(), None, None), type_params=[], value=None
    )
    fn.body.append(gast.copy_location(novelty, fn.body[0]))
    (problem,) = check.run(fn)
    assert (problem.code, problem.node) == ("AF0108", novelty)
    assert "TypeAlias" in problem.message


def test_every_kind_of_node_is_decided_on():
    """Whoever moves to another gast has to say of each new kind whether it is supported."""
    bases = {gast.AST, gast.mod, gast.stmt, gast.expr, gast.expr_context, gast.slice, gast.boolop}
    bases |= {gast.operator, gast.unaryop, gast.cmpop, gast.excepthandler, gast.pattern}
    bases |= {gast.type_ignore, gast.type_param}
    kinds = {
        kind
        for kind in vars(gast).values()
        if isinstance(kind, type) and issubclass(kind, gast.AST)
    }
    left_out = {kind.__name__ for kind in kinds - bases - check.SUPPORTED}
    assert left_out == {
        *(
            "AsyncFor",
            "AsyncFunctionDef",
            "AsyncWith",
            "Await",
            "ExceptHandler",
            "Exec",
        ),
        *("Expression", "FunctionType", "Interactive", "MatchAs", "MatchClass"),
        *("MatchMapping", "MatchOr", "MatchSequence", "MatchSingleton", "MatchStar", "MatchValue"),
        *("Module", "ParamSpec", "Print", "Repr", "Suite", "TryStar"),
        *("TypeAlias", "TypeIgnore", "TypeVar", "TypeVarTuple", "match_case"),
        *("AugLoad", "AugStore"),
    }
