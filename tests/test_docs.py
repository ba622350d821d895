"""The code in README.md and docs/ runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/adding-an-op.md", "docs/deploying.md")


def blocks(page: str) -> list[str]:
    """The Python blocks of a page that stand for themselves: those with an import."""
    text = (ROOT / page).read_text()
    found = re.findall(r"```python\n(.*?)```", text, re.S)
    return [b for b in found if re.search(r"^import ", b, re.M)]


@pytest.mark.parametrize(
    ("page", "number"),
    [(p, i) for p in PAGES for i in range(len(blocks(p)))],
)
def test_code_runs(page, number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = blocks(page)[number]
    path = tmp_path / f"{Path(page).stem.replace('-', '_')}_{number}.py"
    path.write_text(code)
    exec(compile(code, str(path), "exec"), {"__name__": "__main__", "__file__": str(path)})


def test_the_readme_shows_what_the_example_prints(tmp_path, capsys):
    (code,) = blocks("README.md")
    path = tmp_path / "settle.py"
    path.write_text(code)
    exec(compile(code, str(path), "exec"), {"__name__": "__main__", "__file__": str(path)})
    printed = capsys.readouterr().out
    shown = re.findall(r"```\n(def @main.*?)```", (ROOT / "README.md").read_text(), re.S)[0]
    for line in shown.splitlines():
        for piece in line.split("…"):
            assert piece.strip() in printed
