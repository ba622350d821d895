"""The disk cache: what's read is what would have been built, and what's damaged is built anew."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from click.testing import CliRunner

import astfront
from astfront import build, cache
from astfront.cli import main
from astfront.relay import cache as relay_cache

FILES = {"a": "first", "b": "second"}


def written(files):
    def write(folder: Path):
        for name, text in files.items():
            (folder / name).write_text(text)

    return write


def test_an_entry_is_found_as_it_was_written(tmp_path):
    kept = cache.DiskCache(tmp_path / "new" / "folder")
    assert kept.find("k") is None
    kept.add("k", written(FILES))
    entry = kept.find("k")
    assert {n: (entry / n).read_text() for n in FILES} == FILES
    assert kept.info()[1] == 1
    kept.clear()
    assert kept.find("k") is None
    assert kept.info()[1:] == (0, 0)


@pytest.mark.parametrize("file", [*FILES, "checksums.json"])
@pytest.mark.parametrize("contents", [b"", b"other", None])
def test_what_is_damaged_is_missing_and_goes(tmp_path, file, contents):
    kept = cache.DiskCache(tmp_path)
    kept.add("k", written(FILES))
    path = kept.find("k") / file
    if contents is None:
        path.unlink()
    else:
        path.write_bytes(contents)
    assert kept.find("k") is None
    kept.add("k", written(FILES))
    assert (kept.find("k") / "a").read_text() == "first"


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    kept = cache.DiskCache(tmp_path, size=700)
    for i, key in enumerate("abc"):
        kept.add(key, written({"x": "0" * 150}))
        os.utime(tmp_path / key, (i, i))
    assert kept.find("a")  # used now
    kept.add("d", written({"x": "0" * 150}))
    assert [key for key in "abcd" if kept.find(key)] == ["a", "c", "d"]


def test_what_a_process_left_unfinished_goes_in_time(tmp_path):
    kept = cache.DiskCache(tmp_path)
    for name, age in (("unfinished-old", 2 * cache.ABANDONED), ("unfinished-new", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    kept.add("k", written(FILES))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["k", "unfinished-new"]


def test_several_may_add_one_entry_at_once(tmp_path):
    kept = cache.DiskCache(tmp_path)
    threads = [
        threading.Thread(target=kept.add, args=(f"k{i % 2}", written(FILES))) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.find("k0")
    assert kept.find("k1")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path):
    (tmp_path / "file").write_text("")
    kept = cache.DiskCache(tmp_path / "file")
    kept.add("k", written(FILES))
    assert kept.find("k") is None
    assert kept.info()[1:] == (0, 0)


class Net(chainer.Chain):
    def __init__(self, width=3):
        super().__init__()
        with self.init_scope():
            self.fc = L.Linear(4, width, initialW=chainer.initializers.Constant(0.5))

    def forward(self, x):
        if float(F.sum(x).array) > 0:
            return F.tanh(self.fc(x))
        return self.fc(x)


@pytest.fixture
def builds(monkeypatch, tmp_path):
    """The modules that TVM built, with a cache in a folder of its own that takes all."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    monkeypatch.setattr(relay_cache, "WORTH_KEEPING", 0.0)
    built = []
    compiled = build._compiled

    def counted(mod, *rest):
        built.append(mod)
        return compiled(mod, *rest)

    monkeypatch.setattr(build, "_compiled", counted)
    return built


X = np.arange(8, dtype="float32").reshape(2, 4)


def agrees(net, **options):
    compiled = astfront.compile(net, **options)
    for x in (X, -X):
        with chainer.no_backprop_mode():
            np.testing.assert_allclose(compiled(x).array, net(x).array, rtol=1e-5)


@pytest.mark.parametrize("freeze", [False, True])
def test_a_program_is_built_once(builds, freeze):
    for _ in range(3):
        agrees(Net(), freeze=freeze)
    assert len(builds) == 1
    agrees(Net(), freeze=freeze, cache=False)
    assert len(builds) == 2


def test_another_program_is_built(builds):
    agrees(Net(), freeze=True)
    other = Net()
    other.fc.W.array[0, 0] = np.nextafter(np.float32(0.5), np.float32(1))
    agrees(other, freeze=True)
    agrees(Net(5), freeze=True)
    agrees(Net(), freeze=True, fast_math=False)
    agrees(Net(), freeze=True, opt_level=2)
    agrees(Net(), freeze=False)
    assert len(builds) == 6
    other = Net()  # where the parameters are arguments, their values are no part of the program
    other.fc.W.array[...] = 2
    agrees(other, freeze=False)
    assert len(builds) == 6


def test_constants_count_to_the_last_digit(builds):
    for value in (0.1, float(np.nextafter(np.float32(0.1), np.float32(1)))):

        def scaled(x, value=value):
            return x * value

        assert astfront.compile(scaled)(X)[1, 0] == scaled(X)[1, 0]
    assert len(builds) == 2


def test_what_cannot_be_loaded_is_built(builds, tmp_path):
    agrees(Net())
    (entry,) = tmp_path.iterdir()
    for name in ("program.so", "program.bin"):
        (entry / name).write_bytes(b"another machine's")
    checksums = {n: cache._checksum(entry / n) for n in ("program.so", "program.bin")}
    (entry / "checksums.json").write_text(str(checksums).replace("'", '"'))
    agrees(Net())
    assert len(builds) == 2


def test_functions_that_run_in_python_are_not_kept(builds, tmp_path):
    def unknown(x):
        return np.spacing(x)

    def f(x):
        return unknown(x) + 1

    for _ in range(2):
        np.testing.assert_array_equal(astfront.compile(f, fallback="chainer")(X), f(X))
    assert not list(tmp_path.iterdir())


PROCESS = """
import numpy as np
from tests.test_cache import X, Net, agrees
from astfront import build
from astfront.relay import cache as relay_cache
relay_cache.WORTH_KEEPING = 0.0
compiled = build._compiled
build._compiled = lambda *args: print("built") or compiled(*args)
agrees(Net(), freeze=True)
"""


def test_another_process_reads_it(tmp_path):
    outputs = []
    for seed in "12":
        environment = {**os.environ, cache.VARIABLE: str(tmp_path), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PROCESS]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        outputs.append(done.stdout)
    assert outputs == ["built\n", ""]


def test_the_command_says_what_is_kept(monkeypatch, tmp_path):
    def told(*args):
        return CliRunner().invoke(main, ["cache", *args]).output

    assert told() == "switched off\n"
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    cache.DiskCache(tmp_path).add("k", written(FILES))
    assert "1 programs" in told()
    assert "0 programs" in told("--clear")
