"""What the compiler is at, shown on a terminal for as long as it takes."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_log = logging.getLogger("astfront")

#: Is told what's being done now.
Watch = Callable[[str], None]

#: Seconds before anything is shown: most programs are compiled by then.
DELAY = 1.0


def unwatched(step: str) -> None:
    """A :data:`Watch` that shows nothing."""


@contextlib.contextmanager
def shown(what: str) -> Iterator[Watch]:
    """Shows ``what`` and its steps on stderr if that's a terminal, and logs how long it took."""
    start = time.monotonic()
    if sys.stderr.isatty():
        with _on_terminal(what) as watch:
            yield watch
    else:
        yield unwatched
    _log.info("%s: %.2f s", what, time.monotonic() - start)


@contextlib.contextmanager
def _on_terminal(what: str) -> Iterator[Watch]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    # Its own refreshes need no help from the compiler, which is in TVM most of the time.
    display = Progress(*columns, console=Console(stderr=True), transient=True)
    task = display.add_task(what, total=None)
    lock = threading.Lock()
    is_over = False

    def start() -> None:
        with lock:
            if not is_over:
                display.start()

    timer = threading.Timer(DELAY, start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda step: display.update(task, description=f"{what}: {step}")
    finally:
        timer.cancel()
        with lock:
            is_over = True
            display.stop()
