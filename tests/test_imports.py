"""Which part of the project may import which: the design's rules."""

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def imported(path):
    """The top-level packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module).split(".")[0]


def files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [("passes/syntax", {"gast", "passes"}), ("passes/relay", {"numpy", "tvm", "passes"})],
)
def test_passes_import_little(folder, allowed):
    for path in files(folder):
        found = set(imported(path)) - sys.stdlib_module_names
        assert found <= allowed, f"{path} imports {sorted(found - allowed)}"


def test_passes_know_nothing_of_astfront():
    for path in files("passes"):
        assert "astfront" not in set(imported(path)), path


def test_tvm_is_imported_in_few_places():
    for path in files("astfront"):
        if path == ROOT / "astfront/build.py" or path.parent == ROOT / "astfront/relay":
            continue
        assert "tvm" not in set(imported(path)), path


def test_a_home_folder_that_cannot_be_written_to(tmp_path):
    home = tmp_path / "home"
    home.write_text("a file")
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment.pop("TEST_DATA_ROOT_PATH", None)
    program = "import astfront, tempfile; from tvm.contrib import download as d; print(d.TEST_DATA_ROOT_PATH)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(tempfile.gettempdir())
