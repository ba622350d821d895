"""The benchmarks: every program with every peer, each in a process of its own, in turn.

python -m benchmarks [NAME …] [--page]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from benchmarks.peers import PYTHON
from benchmarks.programs import PROGRAMS
from benchmarks.report import chart, page, table

ROOT = Path(__file__).resolve().parents[1]
OURS = ("chainer", "live", "frozen")
THEIRS = ("torch", "torchscript", "onnxruntime")


def measure(program: str, peer: str, cache: str) -> dict[str, Any]:
    """One process; what went wrong is the result's ``error``. Programs are kept in ``cache``."""
    python = sys.executable if peer in OURS else str(PYTHON)
    command = [python, str(ROOT / "benchmarks" / "worker.py"), program, peer]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ASTFRONT_CACHE": cache}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:]
        return {"error": last[0] if last else f"exit status {done.returncode}"}
    return found


def median(rounds: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Of each figure; the compile times are the first round's: later ones read the cache."""
    rounds = list(rounds)
    for found in rounds:
        if "seconds" not in found:  # it failed, or there's no such program
            return found
    result = dict(rounds[0])
    result["seconds"] = statistics.median(found["seconds"] for found in rounds)
    return result


def in_turn(name: str, peers: Sequence[str], rounds: int, cache: str) -> dict[str, dict[str, Any]]:
    """A program with each peer, round after round."""
    found: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            if all("seconds" in f for f in found[peer]):
                found[peer].append(measure(name, peer, cache))
    return {peer: median(results) for peer, results in found.items()}


@click.command()
@click.argument("names", nargs=-1)
@click.option("--rounds", default=3, show_default=True, help="Processes for each measurement.")
@click.option("--peers/--no-peers", default=True, help="PyTorch and onnxruntime, if set up.")
@click.option("--page", "write", is_flag=True, help="Write docs/performance.md and its chart.")
def main(names: tuple[str, ...], rounds: int, peers: bool, write: bool) -> None:
    """Measure the programs NAMES, or all; print a table."""
    unknown = set(names) - set(PROGRAMS)
    if unknown:
        raise click.UsageError(f"no such program: {', '.join(sorted(unknown))}")
    if peers and not PYTHON.exists():
        click.echo("without PyTorch and onnxruntime: `python -m benchmarks.peers` sets them up")
        peers = False
    measured = [*OURS, *(THEIRS if peers else ())]
    with tempfile.TemporaryDirectory() as cache:
        results = {
            name: in_turn(name, measured, rounds, cache)
            for name in track(names or list(PROGRAMS), "measuring", console=Console(stderr=True))
        }
    console = Console()
    Console(width=max(console.width, 200)).print(table(results))
    if write:
        chart(results, ROOT / "docs" / "performance.png")
        text = page(results, date.today().isoformat(), rounds)
        (ROOT / "docs" / "performance.md").write_text(text)


if __name__ == "__main__":
    main()
