"""Programs as shared libraries: what goes into them, what's refused, and that they need no model."""

from __future__ import annotations

import collections
import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from click.testing import CliRunner

import astfront
from astfront.c_compiler import c_compiler
from astfront.cli import main

ROOT = Path(__file__).parents[1]
X = np.array([[1, -2, 3]], "f")
Pair = collections.namedtuple("Pair", "first second")


class Model(chainer.Chain):
    """State, loops, branches, exceptions, results of all kinds."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.turn = L.Linear(3, 3)
            self.lstm = L.LSTM(3, 2)
        self.calls = 0

    def forward(self, x, n, options):
        self.calls += 1
        if n > 5:
            raise ValueError("too many turns")
        hs = []
        for _ in range(n):
            x = F.tanh(self.turn(x))
            hs.append(x.array)
        way = "up" if F.sum(x).array > 0 else "down"
        best = x if n else None
        bias = options["bias"]
        bias += 1
        y = self.lstm(x + bias)
        return {
            "y": y,
            "hs": hs,
            "pair": Pair(way, (best, n * 0.5)),
            3: y.array.argmax(),
            "all": [n, n > 1, {1: x}],
        }


def refused(function, *args, **options):
    with pytest.raises(astfront.CompileError) as e:
        astfront.compile(function, **options).lower(*args).export("never.so")
    assert {d.code for d in e.value.diagnostics} == {"AF0406"}
    return str(e.value)


def as_arrays(x):
    if isinstance(x, chainer.Variable):
        return x.array
    if isinstance(x, tuple):
        return (
            x._replace(**{k: as_arrays(v) for k, v in x._asdict().items()})
            if hasattr(x, "_fields")
            else tuple(map(as_arrays, x))
        )
    if isinstance(x, list):
        return list(map(as_arrays, x))
    return {k: as_arrays(v) for k, v in x.items()} if isinstance(x, dict) else x


def assert_same(found, expected):
    assert type(found).__name__ == type(expected).__name__
    if isinstance(expected, np.ndarray | np.generic):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, atol=1e-5)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for a, b in zip(found, expected):
            assert_same(a, b)
    else:
        assert found == expected


def test_an_artifact_goes_the_models_ways(tmp_path):
    model = Model()
    first = {"bias": np.zeros((1, 3), "f"), "name": "x"}
    model(X, 1, first)
    lowered = astfront.compile(model).lower(X, astfront.ScalarSpec(int), first)
    lowered.export(tmp_path / "model.so")
    artifact = astfront.load(tmp_path / "model.so")
    ours, theirs = (first["bias"].copy() for _ in range(2))
    for x, n in ((X, 2), (-X, 0), (X * 2, 5), (chainer.Variable(-X), 1)):
        found = artifact(x, n, {"bias": ours, "name": "x"})
        assert_same(found, as_arrays(model(x, n, {"bias": theirs, "name": "x"})))
        np.testing.assert_array_equal(ours, theirs)
        assert artifact.state["calls"] == model.calls
        np.testing.assert_allclose(artifact.state["lstm_c"], model.lstm.c.array, atol=1e-5)
    with pytest.raises(ValueError, match="too many turns") as e:
        artifact(X, 6, {"bias": ours, "name": "x"})
    assert "test_export.py:" in str(e.value.__cause__)
    assert artifact.state["calls"] == model.calls
    for wrong in ((X, 2.0, first), (X[0], 2, first), (X, 2, {"bias": ours, "name": "y"})):
        with pytest.raises(astfront.CompileError, match="AF0402"):
            artifact(*wrong)
    shared = np.zeros((1, 3), "f")
    with pytest.raises(astfront.CompileError, match="AF0209"):
        artifact(shared, 1, {"bias": shared, "name": "x"})
    artifact.state["lstm_h"] = np.zeros((2, 2), "f")
    with pytest.raises(astfront.CompileError, match="lstm_h"):
        artifact(X, 1, {"bias": ours, "name": "x"})


def noisy(xs, scale):
    wide = np.concatenate([np.ones((2, 0), "f"), np.full((2, 1), scale)], axis=1)
    return F.dropout(F.concat([x * scale for x in xs], axis=0)), xs[0], wide


def test_random_numbers_lists_and_numpy_scalars(tmp_path):
    """In another process, by a program that knows nothing of the function."""
    path = tmp_path / "noisy.so"
    rows = astfront.ListSpec(astfront.TensorSpec((None, 2)))
    with chainer.using_config("train", True):
        astfront.compile(noisy).lower(rows, np.float32(2)).export(path)
    code = f"""
import astfront, numpy as np
a, b = (astfront.load({str(path)!r}, seed=3) for _ in range(2))
xs = [np.ones((n, 2), "f") for n in (1, 0, 40)]
y, x, wide = a(xs, np.float32(2))
assert (x == xs[0]).all() and (wide == 2).all() and wide.shape == (2, 1) and y.shape == (41, 2) and set(y.ravel()) == {{0, 4}}
assert (y == b(xs, np.float32(2))[0]).all() and (y != a(xs, np.float32(2))[0]).any()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment())


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT)}


def prints(x):
    for row in x:
        print(F.sum(row).array)
    chainer.report({"loss": F.sum(x)})
    return np.linalg.svd(x)[0]


class Keeps(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.seen = []
        self.h = None

    def forward(self, x):
        self.seen.append(x)
        self.h = x if self.h is None else self.h + x
        return {"model": self, "h": self.h}


def test_what_needs_python_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = refused(prints, X, fallback="chainer")
    for part in ("`print` needs Python", "`chainer.report`", "numpy.linalg.svd runs in Python"):
        assert part in text
    text = refused(Keeps(), X)
    for part in ("the contents of Keeps.seen", "Keeps.h, which was None", "gives back"):
        assert part in text
    assert "one array is passed twice" in refused(lambda a, b: a + b, X, X)
    assert "argument 1" in refused(lambda a, b: a + b.b, X, L.Linear(3, 3))
    assert "known while compiling" in refused(lambda x: x.shape, X)
    assert not Path("never.so").exists()


def test_a_file_in_the_place_of_one_that_is_loaded(tmp_path):
    path = tmp_path / "f.so"
    loaded = []
    for function in (lambda x: x + 1, lambda x: F.as_strided(x, (2, 2), (1, 1))):
        astfront.compile(function).lower(X).export(path)
        loaded.append((astfront.load(path), function))
    for artifact, function in loaded:
        assert_same(artifact(X), as_arrays(function(X)))
    # Its memory is that of a larger array, and read.
    with pytest.raises(astfront.CompileError, match="all of its memory"):
        loaded[1][0](np.zeros((2, 3), "f")[:1])


def test_files_that_are_no_artifacts(tmp_path):
    path = tmp_path / "text.so"
    path.write_text("nothing")
    for found in (path, tmp_path / "missing.so"):
        with pytest.raises(ValueError, match="no artifact"):
            astfront.load(found)
    with pytest.raises(OSError, match="can't be written"):
        astfront.compile(lambda x: x + 1).lower(X).export(tmp_path / "missing" / "x.so")


def test_from_a_shell_and_in_c(tmp_path):
    """The example in examples/deploy, by ``astfront export``, by C, and by Python."""
    import tvm

    path = tmp_path / "settle.so"
    arguments = ["export", f"{ROOT}/examples/deploy/settle.py:Settle()", "-i", "float32[None,3]"]
    result = CliRunner().invoke(main, [*arguments, "-o", str(path)])
    assert result.exit_code == 0, result.output
    shown = json.loads(CliRunner().invoke(main, ["show", str(path)]).output)
    assert shown["inputs"] == [
        {
            "source": "argument",
            "name": "x",
            "shape": [None, 3],
            "dtype": "float32",
            "whole": False,
        }
    ]
    h, n = astfront.load(path)(np.array([[1, 2, 3]], "f"))
    folder = Path(tvm.__file__).parent
    program = tmp_path / "settle"
    command = [*c_compiler(), str(ROOT / "examples/deploy/settle.c"), "-o", str(program)]
    command += [f"-I{folder}/include", f"-I{folder}/dlpack/include", f"-L{folder}"]
    subprocess.run([*command, "-ltvm_runtime", f"-Wl,-rpath,{folder}"], check=True)
    done = subprocess.run(
        [program, path, "1", "2", "3"], check=True, capture_output=True, text=True
    )
    assert done.stdout == "{:.6f} {:.6f} {:.6f} after {} turns\n".format(*h[0], n)
    library = ctypes.CDLL(str(path))
    assert ctypes.c_char.in_dll(library, "astfront_manifest").value == b"{"
