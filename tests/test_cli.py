"""The command `astfront`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from astfront import __version__
from astfront.cli import main

NET = """
import chainer
import chainer.functions as F
import chainer.links as L


class Net(chainer.Chain):
    def __init__(self, n):
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(3, n)

    def forward(self, x, scale=1.0, flag=False):
        h = self.l(x) * scale
        if flag:
            h = F.relu(h)
        return h

    def loop(self, x, n):
        for _ in range(n):
            x = x * 2
        return x


def broken(x):
    async def later():
        pass
    return x
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = tmp_path / "cli_net.py"
    path.write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return path.name


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


def test_lower(net: str) -> None:
    result = run("lower", f"{net}:Net(4)", "-i", "float32[2,3]")
    assert result.exit_code == 0, result.output
    assert "def @main(%x: Tensor[(2, 3), float32], %l_W: Tensor[(4, 3), float32]" in result.output
    assert "nn.dense" in result.output


def test_kinds_of_inputs(net: str) -> None:
    inputs = ("-i", "x=Variable:float32[None,3]", "-i", "scale=2.5", "-i", "flag=True")
    result = run("lower", f"{net}:Net(4)", *inputs)
    assert result.exit_code == 0, result.output
    assert "%x: Tensor[(?, 3), float32]" in result.output
    assert "nn.relu" in result.output
    result = run("lower", "cli_net:Net(4).loop", "-i", "float32[2]", "-i", "int", "--explain")
    assert result.exit_code == 0, result.output
    assert "%n: int64" in result.output
    assert "kept: a loop in Relay" in result.output


def test_a_model_that_cannot_be_compiled(net: str) -> None:
    result = run("lower", f"{net}:broken", "-i", "float32[2,3]")
    assert result.exit_code == 1
    assert "error[AF0102]" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lower", "nothing.py"], "MODEL is FILE.py:EXPRESSION"),
        (["lower", "nothing.py:f"], "nothing.py can't be read"),
        (["lower", "no_such_module:f"], "no_such_module can't be imported"),
        (["lower", "cli_net:Nothing()"], "NameError: name 'Nothing' is not defined"),
        (["lower", "cli_net:3"], "3 isn't a link or a function"),
        (["lower", "cli_net:Net(4)", "-i", "float99[2]"], "float99[2]"),
        (["lower", "cli_net:Net(4)", "-i", "x=float32[2,3]", "-i", "x=1"], "given twice"),
        (["lower", "cli_net:Net(4)", "-i", "float32[-1,3]"], "a negative size"),
        (["lower", "cli_net:Net(4)"], "missing 1 required positional argument: 'x'"),
        (["lower", "cli_net:Net(4)", "-i", "float32[2,9]"], "InvalidType"),
    ],
)
def test_wrong_use(net: str, arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code in (1, 2), result.output
    assert message in result.output
    assert isinstance(result.exception, SystemExit)


def test_target_and_version() -> None:
    assert run("target").output.startswith("llvm -mtriple=")
    assert __version__ in run("--version").output
    assert "Compile Chainer models" in run("-h").output
