"""The C compiler of this machine, for the small native parts."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig


def c_compiler() -> list[str]:
    """The command, with its options: ``$CC``, Python's own, ``cc`` or ``gcc``.

    Raises FileNotFoundError where there's none.
    """
    asked = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    for command in (asked, ["cc"], ["gcc"]):
        if shutil.which(command[0]):
            return command
    raise FileNotFoundError("no C compiler")
