"""liveness: examples. That it is never too small is tested in test_generated_programs."""

from __future__ import annotations

import gast
import pytest

from passes.syntax import canonicalise, liveness

BLOCKS = [  # statements, assigned (in source order), exposed (sorted)
    ("x = y", "x", "y"),
    ("x = x + 1", "x", "x"),
    ("x += y", "x", "x y"),
    ("x[i] += y", "", "i x y"),
    ("x.a = y", "", "x y"),
    ("x, (y, *z) = w = v", "x y z w", "v"),
    ("x: T = y", "x", "y"),
    ("x: T", "", ""),
    ("x = 1; y = x", "x y", ""),
    ("y = x; x = 1", "y x", "x"),
    ("x, y[x] = z", "x", "y z"),
    ("y[x], x = z", "x", "x y z"),
    ("del x", "x", "x"),
    ("import a.b, c as d; from e import f, g as h", "a d f h", ""),
    ("with a as b, b.c as d: e = d", "b d e", "a"),
    ("with a: b = 1\nc = b", "b c", "a"),
    ("if a: b = 1\nc = b", "b c", "a b"),
    ("if a: b = 1\nelse: b = 2\nc = b", "b c", "a"),
    ("for x in y: z = x", "x z", "y"),
    ("for x in y: pass\nz = x", "x z", "x y"),
    ("for x in y: w = z; z = x", "x w z", "y z"),
    ("for x[i] in y: pass", "", "i x y"),
    ("while x: x = f(x)", "x", "f x"),
    ("while True:\n    x = f()\n    if x: break\ny = x", "x y", "f"),
    ("while f():\n    x = f()\n    if x: break\ny = x", "x y", "f x"),
    ("for i in a:\n    if i: continue\n    x = i\ny = x", "i x y", "a x"),
    ("for i in a:\n    x = i\nelse:\n    x = 0\ny = x", "i x y", "a"),
    ("return x\ny = z", "y", "x"),
    ("assert x, y", "", "x y"),
    ("assert (x := y), x", "x", "y"),
    ("raise x from y", "", "x y"),
    ("(x := y) + x", "x", "y"),
    ("x + (x := y)", "x", "x y"),
    ("y and (x := 1)\nx", "x", "x y"),
    ("(x := y) and x\nx", "x", "y"),
    ("a < (x := b) < (y := x)\ny", "x y", "a b y"),
    ("while (n := f()) and n > m: g(n)", "n", "f g m"),
    ("(x := 1) if (y := 2) else (z := 3)\nx, y, z", "y x z", "x z"),
    ("{(k := a): k, k: (v := b), **v}", "k v", "a b"),
    ("f'{(x := a)} {x:{w}}'", "x", "a w"),
    ("[x + a for x in x if b]", "", "a b x"),
    ("[(y := x) for x in z]\ny", "y", "y z"),
    ("[(y := x) for x in (z := a) for w in z if y]", "y z", "a y"),
    ("[[x for x in y] for y in z]", "", "z"),
    ("(x for x in y)", "", "y"),
    ("{x: y for x, y in z}", "", "z"),
    ("lambda x, y=y: x + y + z + (w := 1)", "", "y z"),
    ("lambda x=(d := 1): x\nd", "d", ""),
    ("def f(a, b=c): d = a; return d + e + f\nf", "f", "c e f"),
    ("def f():\n    global g\n    return g + h", "f", "h"),
    ("def f():\n    def g(): return h + i\n    i = 1\n    return g", "f", "h"),
    ("@d\ndef f(x: T) -> U: pass", "f", "T U d"),
    ("global x", "", ""),
    ("f(x, *y, k=z, **w)", "", "f w x y z"),
]


@pytest.mark.parametrize(("source", "assigned", "exposed"), BLOCKS)
def test_blocks(source, assigned, exposed):
    stmts = gast.parse(source).body
    assert liveness.assigned(stmts) == tuple(assigned.split())
    assert liveness.exposed(stmts) == tuple(exposed.split())


def test_one_statement_or_many():
    stmts = gast.parse("x = y; z = x").body
    assert liveness.assigned(stmts[1]) == ("z",)
    assert liveness.exposed(stmts[1]) == ("x",)
    assert liveness.exposed(stmts[0]) == ("y",)


def flows(fn):
    """live_out of each compound statement by its line."""
    live = liveness.analyse(fn)
    kinds = (gast.If, gast.For, gast.While, gast.With)
    return {
        node.lineno: " ".join(live.live_out(node))
        for node in gast.walk(fn)
        if isinstance(node, kinds)
    }


def test_live_out(parsed):
    fn = parsed(
        """
        def f(x, xs, c):
            if c:
                t = x
                u = t
            else:
                u = 1
            for y in xs:
                if y:
                    x = x + u
                    y = 2
                z = y
                x = z + x
            while x:
                with c as d:
                    x = d
                u = 3
            c = 0
            return c, u
        """
    )
    assert flows(fn) == {3: "c u x xs", 8: "c u x", 9: "c u x y", 14: "u", 15: "c x"}


def test_after_a_break(parsed):
    fn = parsed(
        """
        def f(x):
            while True:
                y = g()
                if x:
                    h()
                if g():
                    break
            return y
        """
    )
    assert flows(fn) == {3: "y", 5: "g h x y", 7: "g h x"}


def test_what_a_loop_carries(parsed):
    """Assigned in it, and read in a later iteration or after it: what the interpreter asks."""
    fn = canonicalise(
        parsed(
            """
            def f(xs, h):
                for x in xs:
                    t = g(x, h)
                    if t > 3:
                        continue
                    h = t
                    if h < 0:
                        break
                return h
            """
        )
    )
    live = liveness.analyse(fn)
    loop = next(stmt for stmt in fn.body if isinstance(stmt, gast.For))
    needed = {*live.exposed(loop.body), *live.live_out(loop)}
    assert [name for name in live.assigned(loop.body) if name in needed] == ["h", "_af_break_1"]


def test_captured_names_are_live_everywhere(parsed):
    fn = parsed(
        """
        def f(x, y):
            def g():
                return x + (lambda: z)()
            if y:
                z = 1
                w = lambda: v
            y = 2
            if y:
                v = 1
        """
    )
    live = liveness.analyse(fn)
    assert live.captured == ("v", "x", "z")
    assert flows(fn) == {5: "v x z", 9: "v x z"}
    assert live.exposed(fn.body[2]) == ("v", "x", "z")


def test_the_same_under_any_hash_seed(parsed):
    fn = parsed("def f(b, a, c):\n    if a:\n        d, e = b\n    return c, b, a, d, e")
    live = liveness.analyse(fn)
    assert live.live_out(fn.body[0]) == ("a", "b", "c", "d", "e")
    assert live.assigned(fn.body) == ("d", "e")
