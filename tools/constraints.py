"""Writes constraints.txt: what the environment holds, less what pyproject.toml pins itself.

To move the pins: change pyproject.toml, take the packages in question out of constraints.txt,
then `make setup constraints`.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import tomli

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# The versions of everything that is installed and not pinned in pyproject.toml.
# Written by `make constraints`; holds for builds too (chainer's needs setuptools<74).
"""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> str:
    pyproject = tomli.loads((ROOT / "pyproject.toml").read_text())
    direct = [*pyproject["project"]["dependencies"], *pyproject["dependency-groups"]["dev"]]
    pinned = {canonical(line.split("==")[0]) for line in direct if "==" in line}
    held = {canonical(d.metadata["Name"]): d.version for d in metadata.distributions()}
    rest = sorted(held.keys() - pinned - {canonical(pyproject["project"]["name"])})
    return HEADER + "".join(f"{name}=={held[name]}\n" for name in rest)


if __name__ == "__main__":
    (ROOT / "constraints.txt").write_text(constraints())
