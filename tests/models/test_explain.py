"""What `explain` says of the demo's model, line by line: what became of its loops, and what the passes did."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

import astfront

ROOT = Path(__file__).parents[2]


def test_the_demo(golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "dates"))
    translator = importlib.import_module("model").DateTranslator(8, 16)
    specs = {"known": np.arange(5, dtype=np.int32), "staged": astfront.TensorSpec((None,), "int32")}
    for name, spec in specs.items():
        golden(f"explain_{name}_length", astfront.explain(translator.translate, spec))
