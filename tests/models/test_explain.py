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


def test_what_is_computed_before_it_is_broadcast() -> None:
    def normalised(x, v):
        root = np.sqrt(v)
        return x / root

    x, v = np.ones((100, 100), "float32"), np.ones((100, 1), "float32")
    said = "sqrt computed once, before it's broadcast"
    lines = astfront.explain(normalised, x, v).splitlines()
    line = next(i for i, text in enumerate(lines) if "root = np.sqrt(v)" in text)
    assert lines[line + 1].endswith(f"optimised: {said}")
    assert said not in astfront.explain(normalised, x, x)
