"""A home folder that can't be written to: TVM makes a folder in it when it's imported, or fails.

In containers a user often has none. TVM then gets a folder among the temporary ones.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

#: Where TVM makes its folder, if it's set.
_VARIABLE = "TEST_DATA_ROOT_PATH"


def _provide() -> None:
    folder = Path("~/.tvm_test_data")
    try:
        folder.expanduser().mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: no home folder is known
        os.environ.setdefault(_VARIABLE, tempfile.mkdtemp(prefix="tvm-"))


if _VARIABLE not in os.environ:
    _provide()
