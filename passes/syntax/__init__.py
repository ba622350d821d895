"""gast → gast: what Python programs say, in fewer kinds of statement.

Each pass is one file and one function, `run(fn) -> fn`; what it gives is runnable Python with the
same meaning, at the locations of the source. `check` comes before them: the passes know the
supported subset only. `comprehension` and `liveness` are called by whoever needs them.

>>> import gast
>>> tree = gast.parse('''
... def first(xs, default):
...     for x in xs:
...         if x > 0:
...             return x
...     else:
...         print("none")
...     return default
... ''')
>>> print(gast.unparse(canonicalise(tree.body[0])).strip())
def first(xs, default):
    _af_returned = False
    for x in xs:
        if x > 0:
            _af_return = x
            _af_returned = True
        if _af_returned:
            break
    if not _af_returned:
        print('none')
        _af_return = default
    return _af_return
"""

from __future__ import annotations

from collections.abc import Callable

import gast

from passes.syntax import break_continue, loop_else, matching, returns

Pass = Callable[[gast.FunctionDef], gast.FunctionDef]

PIPELINE: tuple[Pass, ...] = (
    # What the other passes don't know becomes what they do.
    matching.run,
    # While a `break` in the tree is still one that the source has: those that `returns`
    # makes leave the function, and mustn't count as the loop's own. What was the `else` is then
    # guarded like any statement.
    loop_else.run,
    # A `return` in a loop becomes a flag and a `break`, so this must come before breaks are dealt
    # with.
    returns.run,
    # Last: it sees every `break` there is, and reuses the flags that the others made.
    break_continue.run,
)


def canonicalise(fn: gast.FunctionDef) -> gast.FunctionDef:
    """`fn`, and the functions in it, in the form that the interpreter reads.

    One `return`, the last statement; no `continue`; no loop with an `else`; `break` only as `if
    flag: break` at the end of a loop's body. Doing it twice changes nothing.
    """
    for run in PIPELINE:
        fn = run(fn)
    return fn
