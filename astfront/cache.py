"""Files kept on disk from process to process: entries by key, of a bounded size in all.

An entry is a folder of files with a list of their checksums. It's made under another name and then
renamed, so that several processes may write and read at once; what is damaged counts as missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import platformdirs

_log = logging.getLogger(__name__)

#: Where the cache is: a folder, or ``off``. By default the platform's cache folder.
VARIABLE = "ASTFRONT_CACHE"
#: Bytes that the entries may take in all; beyond, those go that weren't used for longest.
SIZE = 4 << 30
#: Seconds after which what a process left unfinished is removed.
ABANDONED = 24 * 3600.0

_CHECKSUMS = "checksums.json"
_UNFINISHED = "unfinished-"


class Info(NamedTuple):
    """``size`` in bytes."""

    folder: Path
    entries: int
    size: int


class DiskCache:
    """Entries in a folder. Nothing here raises for what happens to the files: it's a miss then."""

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        self.folder = folder
        self.size = size

    def find(self, key: str) -> Path | None:
        """The folder of an entry whose files are as they were written."""
        entry = self.folder / key
        if not entry.is_dir():
            return None
        try:
            checksums = json.loads((entry / _CHECKSUMS).read_text())
            if not all(_checksum(entry / n) == expected for n, expected in checksums.items()):
                raise ValueError("the contents of a file aren't what was written")
            os.utime(entry)
        except (OSError, ValueError, AttributeError) as e:
            _log.warning("the cached program %s is damaged (%s): it's built anew", entry, e)
            self._remove(entry)
            return None
        return entry

    def add(self, key: str, write: Callable[[Path], None]) -> None:
        """Keep an entry; ``write`` makes its files in a folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.folder))
            try:
                write(made)
                checksums = {path.name: _checksum(path) for path in sorted(made.iterdir())}
                (made / _CHECKSUMS).write_text(json.dumps(checksums))
                with contextlib.suppress(FileExistsError, OSError):
                    made.rename(self.folder / key)  # fails where another process has been faster
            finally:
                shutil.rmtree(made, ignore_errors=True)
            self._shrink()
        except Exception as e:
            _log.info("a program isn't kept in %s: %s", self.folder, e)

    def info(self) -> Info:
        sizes = [_size(path) for path in self._folders()]
        return Info(self.folder, len(sizes), sum(sizes))

    def clear(self) -> None:
        for path in self._folders():
            self._remove(path)

    def _shrink(self) -> None:
        left = self.size
        by_use = sorted(((_last_use(path), path) for path in self._folders()), reverse=True)
        for used, path in by_use:
            left -= _size(path)
            unfinished = path.name.startswith(_UNFINISHED)
            if left < 0 or (unfinished and time.time() - used > ABANDONED):
                self._remove(path)

    def _folders(self) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from [path for path in self.folder.iterdir() if path.is_dir()]

    def _remove(self, path: Path) -> None:
        """Out of the way at once, so that nobody finds half of it."""
        aside = path.with_name(f"{_UNFINISHED}{path.name}-{os.getpid()}")
        with contextlib.suppress(OSError):
            path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def disk_cache() -> DiskCache | None:
    """The cache of this machine's user; None where it's switched off."""
    folder = cache_folder()
    return None if folder is None else DiskCache(folder)


def cache_folder() -> Path | None:
    """Where this machine's user has what's kept; None where nothing is to be."""
    place = os.environ.get(VARIABLE) or platformdirs.user_cache_dir("astfront")
    return None if place.lower() in ("off", "0") else Path(place)


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _size(folder: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in folder.iterdir())
    return 0


def _last_use(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return folder.stat().st_mtime
    return 0.0
