"""Threads for TVM's parallel loops, which TVM's build runs on one: see native/parallel_launch.c.

The native part is compiled when astfront is imported for the first time, and kept in the cache folder.
Without a C compiler, or where TVM was imported before astfront, loops run on one thread, and a warning
says so. ``TVM_NUM_THREADS`` (or ``OMP_NUM_THREADS``) says how many take part; by default as many as this
process may use cores, up to `MOST`: to wake more takes longer than most kernels do.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from astfront.c_compiler import c_compiler
from astfront.cache import cache_folder

_log = logging.getLogger(__name__)

#: Threads, unless the environment asks for more.
MOST = 16

_SOURCE = Path(__file__).with_name("native") / "parallel_launch.c"
_FLAGS = ("-O2", "-shared", "-fPIC", "-pthread")
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
        _log.warning("one thread: %s can't be compiled or loaded (%s)", _SOURCE.name, e)
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
    source = _SOURCE.read_bytes()
    folder = cache_folder()
    name = f"parallel_launch-{hashlib.sha256(source).hexdigest()[:16]}.so"
    if folder is not None and (folder / name).exists():
        return _loaded(folder / name)
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / name
        command = [*c_compiler(), *_FLAGS, str(_SOURCE), "-o", str(made)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        if folder is not None:
            _keep(made, folder / name)
        return _loaded(made)


def _loaded(path: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def _keep(made: Path, kept: Path) -> None:
    """Under another name first, so that no process finds half of it."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = kept.with_name(f"{kept.name}-{os.getpid()}")
        shutil.copyfile(made, partial)
        partial.rename(kept)
    except OSError as e:
        _log.info("%s isn't kept in %s: %s", made.name, kept.parent, e)


#: How many threads parallel loops run on.
COUNT = _enable()
