"""The C compiler of this machine, and the small native parts that it makes at first use."""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from astfront.cache import cache_folder

_log = logging.getLogger(__name__)

T = TypeVar("T")

_SOURCES = Path(__file__).with_name("native")
_FLAGS = ("-O2", "-shared", "-fPIC", "-pthread")


def c_compiler() -> list[str]:
    """The command, with its options: ``$CC``, Python's own, ``cc`` or ``gcc``.

    Raises FileNotFoundError where there's none.
    """
    asked = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    for command in (asked, ["cc"], ["gcc"]):
        if shutil.which(command[0]):
            return command
    raise FileNotFoundError("no C compiler")


def native_part(name: str, load: Callable[[Path], T], *flags: str, made_for: str = "") -> T:
    """What ``load`` makes of the shared library of ``native/NAME.c``.

    The library is kept in the cache folder, for this text of it and what it's ``made_for``. Raises
    OSError or subprocess.SubprocessError where it can't be compiled.
    """
    source = _SOURCES / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes() + made_for.encode()).hexdigest()
    library = f"{name}-{digest[:16]}.so"
    folder = cache_folder()
    if folder is not None and (folder / library).exists():
        return load(folder / library)
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / library
        _compile(source, made, flags)
        if folder is not None:
            _keep(made, folder / library)
        return load(made)


def _compile(source: Path, made: Path, flags: Sequence[str]) -> None:
    command = [*c_compiler(), *_FLAGS, *flags, str(source), "-o", str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _keep(made: Path, kept: Path) -> None:
    """Under another name first, so that no process finds half of it."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = kept.with_name(f"{kept.name}-{os.getpid()}")
        shutil.copyfile(made, partial)
        partial.rename(kept)
    except OSError as e:
        _log.info("%s isn't kept in %s: %s", made.name, kept.parent, e)
