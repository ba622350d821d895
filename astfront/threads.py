"""Threads for TVM's parallel loops, which TVM's build runs on one: see native/parallel_launch.c.

The native part is compiled when astfront is imported for the first time, and kept in the cache folder.
Without a C compiler, or where TVM was imported before astfront, loops run on one thread, and a warning
says so. ``TVM_NUM_THREADS`` (or ``OMP_NUM_THREADS``) says how many take part; by default as many as this
process may use cores, up to `MOST`: to wake more takes longer than most kernels do.
"""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
from pathlib import Path

from astfront.c_compiler import native_part

_log = logging.getLogger(__name__)

#: Threads, unless the environment asks for more.
MOST = 16

_NAME = "parallel_launch"
_VARIABLES = ("TVM_NUM_THREADS", "OMP_NUM_THREADS")


def _enable() -> int:
    """Load the native part, before TVM is; how many threads parallel loops run on from then on."""
    threads = wanted()
    if threads == 1:
        return 1
    if "tvm" in sys.modules:
        _log.warning("one thread: astfront has to be imported before tvm for more")
        return 1
    try:
        library = _library()
    except (OSError, subprocess.SubprocessError) as e:
        _log.warning("one thread: %s.c can't be compiled or loaded (%s)", _NAME, e)
        return 1
    library.astfront_set_threads(threads)
    return threads


def wanted() -> int:
    """What the environment asks for; by default the cores that are there for this process."""
    for variable in _VARIABLES:
        asked = os.environ.get(variable, "").strip()
        if asked.isdecimal() and int(asked):
            return int(asked)
    return min(cores(os.sched_getaffinity(0)), quota(Path("/sys/fs/cgroup/cpu.max")), MOST)


def cores(
    processors: set[int], topology: str = "/sys/devices/system/cpu/cpu{}/topology/core_cpus_list"
) -> int:
    """Processors that share a core count as one: a kernel leaves nothing of it to a second thread."""
    found = set()
    for processor in processors:
        try:
            found.add(Path(topology.format(processor)).read_text())
        except OSError:
            found.add(str(processor))
    return max(len(found), 1)


def quota(limit: Path) -> int:
    """How many processors a container's limit leaves: ``quota period`` in µs, or ``max``."""
    try:
        share, period = limit.read_text().split()
        return max(int(share) // int(period), 1)
    except (OSError, ValueError, ZeroDivisionError):
        return sys.maxsize


def _library() -> ctypes.CDLL:
    return native_part(_NAME, lambda path: ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL))


#: How many threads parallel loops run on.
COUNT = _enable()
