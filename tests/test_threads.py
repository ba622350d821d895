"""Parallel loops on several threads: how many, the same results, and what happens without a compiler."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from astfront import threads
from astfront.relay import threads as relay_threads

ROOT = Path(__file__).parents[1]

MODEL = """
import chainer, numpy as np
import chainer.functions as F, chainer.links as L
import astfront

class Net(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.conv = L.Convolution2D(3, 32, 3, pad=1)
            self.fc = L.Linear(32 * 32 * 32, 100)
    def forward(self, x):
        return self.fc(F.relu(self.conv(x)))

np.random.seed(0)
net = Net()
compiled = astfront.compile(net, freeze=True)
xs = np.random.RandomState(0).uniform(-1, 1, (4, 3, 32, 32)).astype('f')
expected = net(xs).array

def check(_=None):
    for _ in range(20):
        np.testing.assert_allclose(compiled(xs).array, expected, rtol=1e-4, atol=1e-5)
    return True

check()
"""

SHARED = """
import concurrent.futures, os, sys
with concurrent.futures.ThreadPoolExecutor(4) as several:
    assert all(several.map(check, range(4)))
child = os.fork()  # has none of its parent's threads
if not child:
    check()
    os._exit(17)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
check()
"""


def run(folder, code, **environment):
    """In a process of its own; the cache is in ``folder``."""
    program = folder / "program.py"
    program.write_text(code + "\nprint(astfront.threads.COUNT)\n")
    done = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ASTFRONT_CACHE": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_several_threads_give_the_same(tmp_path):
    assert run(tmp_path, MODEL + SHARED, TVM_NUM_THREADS="3").stdout.strip() == "3"
    assert list(tmp_path.glob("parallel_launch-*.so"))


def test_one_thread_without_a_compiler(tmp_path):
    done = run(tmp_path, "import astfront", TVM_NUM_THREADS="3", PATH="", CC="no-such-compiler")
    assert done.stdout.strip() == "1"
    assert (
        "one thread: parallel_launch.c can't be compiled or loaded (no C compiler)" in done.stderr
    )


def test_one_thread_after_tvm(tmp_path):
    done = run(
        tmp_path, MODEL.replace("import chainer", "import tvm, chainer", 1), TVM_NUM_THREADS="2"
    )
    assert done.stdout.strip() == "1"
    assert "astfront has to be imported before tvm" in done.stderr


def test_how_many(monkeypatch, tmp_path):
    for variable in ("TVM_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    assert 1 <= threads.wanted() <= 4096
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert threads.wanted() == 5
    monkeypatch.setenv("TVM_NUM_THREADS", "2")
    assert threads.wanted() == 2
    limit = tmp_path / "cpu.max"
    for text, expected in [("150000 100000", 1), ("400000 100000", 4), ("max 100000", sys.maxsize)]:
        limit.write_text(text)
        assert threads.quota(limit) == expected
    assert threads.quota(tmp_path / "missing") == sys.maxsize
    for processor in range(4):  # two cores of two processors
        (tmp_path / str(processor)).write_text(f"{processor % 2},{processor % 2 + 2}")
    assert threads.cores({0, 1, 2, 3}, str(tmp_path / "{}")) == 2
    assert threads.cores({0, 2}, str(tmp_path / "{}")) == 1


@pytest.mark.parametrize(("rows", "expected"), [(8, "serial"), (1 << 20, "parallel")])
def test_loops_that_do_little_are_serial(rows, expected):
    import tvm
    from tvm import te, tir

    x = te.placeholder((rows, 4), "float32")
    y = te.compute(x.shape, lambda i, j: x[i, j] + 1)
    schedule = te.create_schedule(y.op)
    schedule[y].parallel(y.op.axis[0])
    with tvm.transform.PassContext(
        config={"tir.add_lower_pass": [(1, relay_threads.serial_small_loops)]}
    ):
        body = tvm.lower(schedule, [x, y])["main"].body
    kinds = []

    def visit(node):
        if isinstance(node, tir.For):
            kinds.append(node.kind)

    tir.stmt_functor.post_order_visit(body, visit)
    assert (tir.ForKind.PARALLEL in kinds) == (expected == "parallel")
