"""Work that recurses as deep as a program nests: the interpreter, and TVM's passes and printer.

The stack of a program's first thread has some megabytes, and TVM crashes where it ends.
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import chainer

P = ParamSpec("P")
R = TypeVar("R")

#: Bytes. Only what is used of it takes memory.
STACK_SIZE = 512 * 1024 * 1024

#: How many objects may be made before the garbage collector looks at them.
YOUNG_OBJECTS = 10_000


def on_deep_stack(work: Callable[P, R]) -> Callable[P, R]:
    """The function, run in a thread that has a large stack."""

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if getattr(_thread, "is_deep", False):
            return work(*args, **kwargs)
        outcome: list[R] = []
        raised: list[BaseException] = []
        # Chainer's configuration is by thread.
        config = {k: getattr(chainer.config, k) for k in vars(chainer.config._local)}

        def within() -> None:
            _thread.is_deep = True
            for name, value in config.items():
                setattr(chainer.config, name, value)
            try:
                outcome.append(work(*args, **kwargs))
            except BaseException as e:
                raised.append(e)

        with _compiling:
            _started(within).join()
        if raised:
            raise raised[0]
        return outcome[0]

    return run


def _started(work: Callable[[], None]) -> threading.Thread:
    with _starting:
        old = threading.stack_size(STACK_SIZE)
        try:
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
        finally:
            threading.stack_size(old)
    return thread


class _Compiling:
    """While any thread compiles: a high recursion limit, and the garbage collector less often.

    A compile makes many objects and few cycles: a fifth of its time went to looking for them.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.recursion_limit = 0
        self.thresholds = (0, 0, 0)

    def __enter__(self) -> None:
        with self.lock:
            if not self.users:
                self.recursion_limit = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self.recursion_limit, 60_000))
                self.thresholds = youngest, *older = gc.get_threshold()
                if youngest:  # 0: it's off
                    gc.set_threshold(max(youngest, YOUNG_OBJECTS), *older)
            self.users += 1

    def __exit__(self, *args: Any) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                sys.setrecursionlimit(self.recursion_limit)
                gc.set_threshold(*self.thresholds)


_thread = threading.local()
_compiling = _Compiling()
_starting = threading.Lock()
