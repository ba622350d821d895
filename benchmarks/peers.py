"""The environment of PyTorch and onnxruntime: ``python -m benchmarks.peers`` makes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / ".venv-peers"
PYTHON = FOLDER / "bin" / "python"

PACKAGES = (
    "chainer==7.8.1",
    "numpy==1.23.5",
    "onnx==1.12.0",
    "onnxruntime==1.16.3",
    "setuptools<74",
    "torch==1.12.1",
    "torchvision==0.13.1",
)


def main() -> None:
    subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
    subprocess.run([str(PYTHON), "-m", "pip", "install", "-q", *PACKAGES], check=True)


if __name__ == "__main__":
    main()
