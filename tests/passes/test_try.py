"""`try`: the passes leave its meaning, with jumps in every part of it."""

from __future__ import annotations

import gast
import pytest

from passes.syntax import canonicalise, liveness

PROGRAMS = {
    "return in each part": """
        def f(x):
            log = []
            try:
                log.append(1)
                if x == 0:
                    return log
                y = {1: 10, 2: 0}[x]
                z = 1 // y
            except KeyError as e:
                log.append(e.args[0])
                if x == 3:
                    return log
            except ZeroDivisionError:
                return ["zero"]
            else:
                log.append(z)
                if x == 1:
                    return log + ["else"]
            finally:
                log.append("finally")
            return log
        """,
    "jumps in a loop": """
        def f(x):
            log = []
            for i in range(5):
                try:
                    try:
                        if i == x:
                            break
                        if i == 1:
                            continue
                        v = [5, 6, 7][i + x]
                    except IndexError:
                        log.append("index")
                        if x == 4:
                            return log
                        continue
                    else:
                        log.append(v)
                    finally:
                        log.append(("f", i))
                    log.append("after")
                finally:
                    log.append("outer")
            else:
                log.append("no break")
            return log
        """,
    "nothing but a try": """
        def f(x):
            try:
                return 6 // x
            except ZeroDivisionError:
                pass
        """,
    "raise": """
        def f(x):
            try:
                try:
                    if x > 1:
                        raise ValueError(x)
                    return "fine"
                finally:
                    x += 1
            except ValueError as e:
                return (x, e.args)
        """,
    "for in a try in a for": """
        def f(x):
            for i in range(3):
                try:
                    for j in range(3):
                        if i + j == x:
                            return i, j
                        if j == 1:
                            break
                        [0, 1][i + j]
                except IndexError:
                    return "index", i
                else:
                    if i == 1 and x == 3:
                        break
            else:
                return "all"
            return "broken"
        """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_meaning(name, parsed):
    def outcome(tree, x):
        namespace = {}
        exec(gast.unparse(tree), namespace)
        return namespace["f"](x)

    source = parsed(PROGRAMS[name])
    canonical = canonicalise(parsed(PROGRAMS[name]))
    for x in range(6):
        assert outcome(canonical, x) == outcome(source, x)
    again = canonicalise(canonical)
    assert gast.unparse(again) == gast.unparse(canonical)


def test_what_a_handler_reads_is_live_in_the_body(parsed):
    fn = parsed("""
        def f(x, y, z):
            try:
                if x:
                    y = 1
                y = 2
            except E as e:
                return y, e
            finally:
                print(z)
            return x
        """)
    found = liveness.analyse(fn)
    branch = fn.body[0].body[0]
    assert {"y", "z", "x"} <= set(found.live_out(branch))
    assert "e" not in found.exposed(fn.body)
