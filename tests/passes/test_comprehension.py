"""comprehension.expand: a call of the function does what the comprehension does."""

from __future__ import annotations

import gast
import pytest

from passes.syntax import canonicalise, comprehension

KINDS = (gast.ListComp, gast.SetComp, gast.DictComp, gast.GeneratorExp)

# Each is evaluated in `def f(xs)`, where `y` is a local variable and `note` logs what it is given.
COMPREHENSIONS = [
    "[x for x in xs]",
    "[note(x) for x in iterate(xs) if note('if', x % 2)]",
    "[(x, z) for x in iterate(xs) if x if note(x > 1) for z in iterate(range(x)) if z]",
    "[xs for xs in xs]",
    "[y for x in xs for y in [x, y_outer] if y]",
    "{x % 2 for x in xs}",
    "{note('key', x): note('value', x + 1) for x in iterate(xs)}",
    "{k: k for k, *v in [(x, x, y) for x in xs] if len(v) == 2}",
    "[[note(a, b) for a in iterate(xs)] for b in iterate(xs)]",
    "[(lambda q=x: q + y)() for x in xs]",
    "[f() for f in [lambda: x for x in xs]]",
    "{x: {x: x for x in xs} for x in xs}",
    "[(y := x) for x in xs] + [y]",
    "[[(y := x + z) for x in xs] for z in xs] + [y]",
    "[x for _af_iterable in xs for x in [_af_iterable]]",
    "len({_ for _ in xs}) + sum([_ for _ in xs])",
]


class Expand(gast.NodeTransformer):
    """Replaces the outermost comprehensions of an expression with calls."""

    def __init__(self):
        self.functions = []

    def visit(self, node):
        if isinstance(node, KINDS):
            name = f"_af_comp_{len(self.functions)}"
            self.functions.append(comprehension.expand(node, name))
            func = gast.Name(name, gast.Load(), None, None)
            return gast.Call(func=func, args=[node.generators[0].iter], keywords=[])
        return super().generic_visit(node)


@pytest.mark.parametrize("source", COMPREHENSIONS)
@pytest.mark.parametrize("xs", [[], [1], [3, 2, 0, 5]])
def test_expand(source, xs, parsed, run_program, assert_canonical, assert_locations):
    text = f"def f(xs):\n    y = y_outer = 7\n    return note({source}), y"
    before, after = parsed(text), parsed(text)
    comps = [node for node in gast.walk(before) if isinstance(node, KINDS)]
    dump = gast.dump(before, include_attributes=True)
    expand = Expand()
    after.body[-1] = expand.visit(after.body[-1])
    after.body[1:1] = expand.functions
    assert run_program(after, (xs,)) == run_program(before, (xs,)), gast.unparse(after)

    for comp in comps:
        fn = comprehension.expand(comp, "g")
        assert_canonical(fn)
        assert_locations(comp, fn)
        assert gast.dump(canonicalise(fn)) == gast.dump(fn)
    assert gast.dump(before, include_attributes=True) == dump, "the input was changed"


def test_generator_expression_becomes_a_generator():
    comp = gast.parse("(x + 1 for x in xs if x)").body[0].value
    namespace = {}
    exec(gast.unparse(comprehension.expand(comp, "g")), namespace)
    made = namespace["g"](iter([0, 1, 2]))
    assert next(made) == 2
    assert list(made) == [3]


def test_set_whatever_the_source_calls_set():
    comp = gast.parse("{set for set in xs}").body[0].value
    namespace = {}
    exec(gast.unparse(comprehension.expand(comp, "g")), namespace)
    assert namespace["g"]([1, 2, 1]) == {1, 2}
    assert namespace["g"]([]) == set()


def test_async_is_refused(parsed):
    fn = parsed("async def f(x):\n    return [a async for a in x]")
    with pytest.raises(ValueError, match="line 2: async comprehension"):
        comprehension.expand(fn.body[0].value, "g")
