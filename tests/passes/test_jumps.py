"""loop_else, returns, break_continue and the pipeline: programs before and after do the same."""

from __future__ import annotations

import textwrap

import gast
import pytest

from passes.syntax import PIPELINE, break_continue, canonicalise, loop_else, returns

NUMBERS = [([],), ([1],), ([5],), ([1, 2, 3],), ([1, 5, 2],), ([7, 5],), ([1, 1, 7, 5],), ([0, 3],)]

PROGRAMS = {
    "nothing": "def f(xs): pass",
    "docstring": 'def f(xs):\n    "What it does."\n    if xs: return 1',
    "single": "def f(xs): return len(xs)",
    "bare": "def f(xs):\n    note(1)\n    return",
    "early": """
        def f(xs):
            if not xs:
                return "none"
            note("some")
            if len(xs) == 1:
                return "one"
            elif len(xs) == 2:
                note("two")
            else:
                return "many"
            return "two"
        """,
    "falls_off": """
        def f(xs):
            if xs:
                if xs[0] == 1:
                    return note("first")
                note("not first")
        """,
    "nested_maybe": """
        def f(xs):
            if xs:
                if xs[0] == 1:
                    if len(xs) > 1:
                        return note("a")
                    note("b")
                note("c")
            else:
                if note(0):
                    return 3
            note("d")
            return "end"
        """,
    "raises": """
        def f(xs):
            if not xs:
                raise ValueError("empty")
            if xs[0] == 1:
                return 1
            elif xs[0] == 5:
                raise KeyError(5)
            else:
                return 2
        """,
    "raise_after": "def f(xs):\n    if xs:\n        return 1\n    raise ValueError(xs)",
    "dead": """
        def f(xs):
            if xs:
                raise ValueError(xs)
                return 1
            return note(2)
            note("never")
            return 3
        """,
    "dead_binding": """
        def f(xs):
            if xs:
                return 1
            return somewhere
            somewhere = 2
        """,
    "dead_in_loop": """
        def f(xs):
            for x in xs:
                note(somewhere)
                continue
                somewhere = 2
        """,
    "loop_else": """
        def f(xs):
            for x in iterate(xs):
                if x == 5:
                    break
            else:
                note("no five")
                x = "none"
            return x
        """,
    "loop_else_without_break": """
        def f(xs):
            for x in iterate(xs):
                note(x)
            else:
                note("always")
        """,
    "while_else": """
        def f(xs):
            xs = list(xs)
            while note(xs):
                if xs.pop() == 5:
                    break
            else:
                return "ran out"
            return xs
        """,
    "else_breaks_outer": """
        def f(xs):
            for i in iterate(range(3)):
                for x in iterate(xs):
                    if x == i:
                        break
                    if x == 7:
                        continue
                    note(i, x)
                else:
                    if i == 1:
                        break
                    continue
                note("found", i)
            else:
                note("outer else")
            return i
        """,
    "return_skips_else": """
        def f(xs):
            for x in iterate(xs):
                if x == 5:
                    return note("five")
                if x == 7:
                    break
            else:
                note("else")
                return 0
            return x
        """,
    "break_in_inner_return_in_outer": """
        def f(xs):
            for i in iterate(range(4)):
                for x in iterate(xs):
                    if x == 5:
                        break
                    note(x)
                if i == 2:
                    return (i, x)
                note("next")
            return "end"
        """,
    "return_in_inner": """
        def f(xs):
            for i in iterate(range(3)):
                for x in iterate(xs):
                    while True:
                        if x == i:
                            return (i, x)
                        if x > 4:
                            break
                        x += 3
                    note(x)
                note("inner done")
            note("done")
        """,
    "loop_with_return_in_branch": """
        def f(xs):
            if xs:
                note("some")
                for x in iterate(xs):
                    if x == 5:
                        return x
            else:
                note("none")
            note("rest")
            return "end"
        """,
    "loop_with_return_in_endless_loop": """
        def f(xs):
            while True:
                for x in iterate([*xs, 9]):
                    if x > 4:
                        return x
                    note(x)
                note("never")
        """,
    "while_true": """
        def f(xs):
            i = 0
            while True:
                if i >= len(xs):
                    return note(i)
                if xs[i] == 5:
                    return "five"
                i += 1
        """,
    "while_true_in_loop": """
        def f(xs):
            for x in iterate(xs):
                while True:
                    x += 1
                    if x > 6:
                        return x
                note("never")
            return "empty"
        """,
    "while_true_break": """
        def f(xs):
            xs = list(xs)
            while True:
                if not xs:
                    break
                if xs.pop() == 7:
                    return xs
                note(xs)
            note("after")
        """,
    "unconditional_break": """
        def f(xs):
            for x in iterate(xs):
                note(x)
                break
            else:
                return "empty"
            while xs:
                if x == 1:
                    continue_ = 1
                break
            return x
        """,
    "all_break": """
        def f(xs):
            for x in iterate(xs):
                if x == 1:
                    break
                else:
                    note(x)
                    break
                note("never")
        """,
    "continues": """
        def f(xs):
            for x in iterate(xs):
                if x == 1:
                    continue
                if x > 2:
                    if x == 5:
                        note("deep")
                        continue
                    note("deeper")
                    if x == 7:
                        break
                note(x)
            note("end")
        """,
    "only_continue": "def f(xs):\n    for x in iterate(xs):\n        continue",
    "only_break": "def f(xs):\n    for x in iterate(xs):\n        break",
    "continue_in_while_test": """
        def f(xs):
            i = 0
            while note(i < len(xs)):
                i += 1
                if xs[i - 1] == 5:
                    continue
                note(xs[i - 1])
        """,
    "with_return": """
        def f(xs):
            with manager("a") as a, manager("b"):
                if xs:
                    return note(xs[0])
                note("empty")
            note("after")
            with manager("c"):
                return "c"
        """,
    "with_tail": """
        def f(xs):
            with manager("a"):
                if not xs:
                    return note("empty")
                if xs[0] == 1:
                    note("one")
        """,
    "with_in_loop": """
        def f(xs):
            for x in iterate(xs):
                with manager(x):
                    if x == 1:
                        continue
                    if x == 5:
                        break
                    if x == 7:
                        return "seven"
                    note("in", x)
                note("after", x)
            else:
                with manager("else"):
                    return "else"
            return "break"
        """,
    "with_raise": """
        def f(xs):
            with manager("a"):
                if xs:
                    return xs[0]
                raise ValueError("empty")
        """,
    "nested_function": """
        def f(xs):
            def g(ys):
                for y in ys:
                    if y == 5:
                        return note("g", y)
                else:
                    return -1
            for x in iterate(xs):
                if g([x]) == 5:
                    return x
            return (lambda: g(xs))()
        """,
    "walrus_and_closures": """
        def f(xs):
            i = 0
            while (i := i + 1) < 5:
                if (y := i * 2) in xs:
                    continue
                if any(x == i for x in xs):
                    break
                note([x + y for x in xs])
            else:
                return note("else")
            return (i, y)
        """,
    "user_names_clash": """
        def f(_af_return, _af_break_1=3, _af_returned=False):
            for x in _af_return:
                if x == 5:
                    break
                if x == 7:
                    return _af_break_1
            return _af_returned
        """,
    "starred_and_del": """
        def f(xs):
            for x in iterate(xs):
                a, *b = x, x, x
                if x == 1:
                    del a
                    continue
                if x == 7:
                    del x
                    break
                note(a, b)
            return x
        """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_pipeline(name, same, assert_canonical):
    after = same(canonicalise, PROGRAMS[name], NUMBERS)
    assert_canonical(after)
    assert gast.dump(canonicalise(after)) == gast.dump(after), "doing it twice changes it"


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_pass_alone(name, same):
    same(loop_else.run, PROGRAMS[name], NUMBERS)
    same(lambda fn: returns.run(loop_else.run(fn)), PROGRAMS[name], NUMBERS)
    same(lambda fn: break_continue.run(loop_else.run(fn)), PROGRAMS[name], NUMBERS)


def rewritten(run, parsed, source):
    return gast.unparse(run(parsed(source))).strip()


GOLDEN = [
    # No flag where one side of each `if` always returns.
    (
        canonicalise,
        """
        def f(x):
            "Doc."
            if x > 1:
                return a
            if x > 0:
                raise ValueError
            return b
        """,
        """
        def f(x):
            \"\"\"Doc.\"\"\"
            if x > 1:
                _af_return = a
            else:
                if x > 0:
                    raise ValueError
                _af_return = b
            return _af_return
        """,
    ),
    # No flag of the function where nothing asks for it; one flag in the loop.
    (
        canonicalise,
        """
        def f(x):
            while True:
                x = g(x)
                if x:
                    return x
        """,
        """
        def f(x):
            _af_break_1 = False
            while True:
                x = g(x)
                if x:
                    _af_return = x
                    _af_break_1 = True
                if _af_break_1:
                    break
            return _af_return
        """,
    ),
    # The flag of the return serves as the flag of both loops.
    (
        canonicalise,
        """
        def f(xs):
            for ys in xs:
                for y in ys:
                    if y:
                        return y
                g(ys)
            return 0
        """,
        """
        def f(xs):
            _af_returned = False
            for ys in xs:
                for y in ys:
                    if y:
                        _af_return = y
                        _af_returned = True
                    if _af_returned:
                        break
                if not _af_returned:
                    g(ys)
                if _af_returned:
                    break
            if not _af_returned:
                _af_return = 0
            return _af_return
        """,
    ),
    (canonicalise, "def f(): g()", "def f():\n    g()\n    return None"),
    (canonicalise, "def f(): return", "def f():\n    return None"),
    (
        canonicalise,
        """
        def f(xs):
            with g():
                if xs:
                    return 1
        """,
        """
        def f(xs):
            with g():
                if xs:
                    _af_return = 1
                else:
                    _af_return = None
            return _af_return
        """,
    ),
    # Numbers in source order; a deep `continue` needs a flag, a shallow one does not.
    (
        break_continue.run,
        """
        def f(xs):
            while xs:
                for x in xs:
                    if x:
                        break
                if g():
                    if h():
                        continue
                    k()
                if m():
                    break
                for x in xs:
                    if x:
                        break
        """,
        """
        def f(xs):
            _af_break_1 = False
            while xs:
                _af_continue_1 = False
                _af_break_2 = False
                for x in xs:
                    if x:
                        _af_break_2 = True
                    if _af_break_2:
                        break
                if g():
                    if h():
                        _af_continue_1 = True
                    else:
                        k()
                if not _af_continue_1:
                    if m():
                        _af_break_1 = True
                    else:
                        _af_break_3 = False
                        for x in xs:
                            if x:
                                _af_break_3 = True
                            if _af_break_3:
                                break
                if _af_break_1:
                    break
        """,
    ),
    (
        returns.run,
        """
        def f():
            return x
            x = 1
            return 2
        """,
        """
        def f():
            if False:
                x = None
            return x
        """,
    ),
]


@pytest.mark.parametrize(("run", "before", "after"), GOLDEN)
def test_text(run, before, after, parsed):
    assert rewritten(run, parsed, before) == textwrap.dedent(after).strip()


def test_locations_point_at_the_construct(parsed):
    fn = parsed("def f(xs):\n    for x in xs:\n        if x:\n            return x\n    return 0")
    after = canonicalise(fn)
    init, loop, guard, final = after.body
    assert (init.lineno, loop.lineno, guard.lineno, final.lineno) == (4, 2, 2, 5)
    assert loop.body[0].body[0].lineno == 4
    assert guard.body[0].lineno == 5


def test_size_is_linear(parsed):
    def size(tests):
        lines = ["def f(x):"]
        for i in range(tests):
            lines += [f"    if x == {i}:", f"        if g({i}):", f"            return {i}"]
            lines += [f"    for y in range({i}):", "        if y == x: break", "    else:"]
            lines += [f"        if x < -{i}: return y", f"    if x > 10 * {i}: return h({i})"]
        return sum(1 for _ in gast.walk(canonicalise(parsed("\n".join(lines)))))

    assert size(16) - size(8) == size(24) - size(16)


def test_many_early_returns(parsed):
    lines = ["def f(x):", *(f"    if x == {i}: return {i} + 1" for i in range(150))]
    namespace = {}
    exec(gast.unparse(canonicalise(parsed("\n".join(lines)))), namespace)
    assert [namespace["f"](x) for x in (0, 149, 150)] == [1, 150, None]


@pytest.mark.parametrize("run", PIPELINE[1:])
def test_what_check_reports_is_refused(run, parsed):
    nested = "def f(xs):\n    for x in xs:\n        if x:\n            async with x: pass\n"
    with pytest.raises(ValueError, match="AsyncWith"):
        run(parsed(nested))


@pytest.mark.parametrize("run", [returns.run, break_continue.run])
def test_order_is_checked(run, parsed):
    source = "def f(xs):\n    for x in xs:\n        if x: break\n        return 1\n    else:\n        g()"
    with pytest.raises(ValueError, match="run loop_else first"):
        run(parsed(source))
