"""Chainer and astfront side by side in one run: compile time, run time, ratio (medians).

python benchmarks/compare.py [MODEL ...]
"""

from __future__ import annotations

import functools
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chainer
import click
import numpy as np
from rich.console import Console
from rich.table import Table

import astfront

sys.path.insert(0, str(Path(__file__).parent))
from models import MODELS, RNN


def median_time(run: Callable[[], Any], seconds: float, rounds: int = 5) -> float:
    """The median over rounds of the mean time of a call, in seconds."""
    start = time.perf_counter()
    run()
    calls = max(1, int(seconds / rounds / max(time.perf_counter() - start, 1e-6)))
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            run()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)


def arrays_of(result: Any) -> list[np.ndarray]:
    if isinstance(result, tuple | list):
        return [a for r in result for a in arrays_of(r)]
    if isinstance(result, dict):
        return [a for r in result.values() for a in arrays_of(r)]
    return [getattr(result, "array", result)]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seconds", default=3.0, show_default=True, help="Time for each measurement.")
@click.option(
    "--freeze/--no-freeze", default=True, show_default=True, help="Parameters as constants."
)
def main(names: tuple[str, ...], seconds: float, freeze: bool) -> None:
    chainer.config.train = False
    chainer.config.enable_backprop = False
    table = Table(
        "model", "front end s", "TVM s", "Chainer ms", "astfront ms", "speedup", "max diff"
    )
    for name in names or MODELS:
        make, argument = MODELS[name]
        np.random.seed(0)
        model, x = make(), argument()
        expected = model(x)
        start = time.perf_counter()
        compiled = astfront.compile(model, freeze=freeze)
        compiled.lower(x)
        lowering = time.perf_counter() - start
        start = time.perf_counter()
        got = compiled(x)
        building = time.perf_counter() - start - lowering
        difference = max(
            float(np.abs(a - b).max()) for a, b in zip(arrays_of(got), arrays_of(expected))
        )
        theirs = median_time(functools.partial(getattr(model, "forward", model), x), seconds)
        ours = median_time(functools.partial(compiled, x), seconds)
        table.add_row(
            name, f"{lowering:.2f}", f"{building:.1f}", f"{theirs * 1e3:.3f}", f"{ours * 1e3:.3f}",
            f"{theirs / ours:.1f}x", f"{difference:.1e}",
        )  # fmt: skip
    console = Console()
    console.print(table)
    rnn = RNN(64, 128, 32)
    for steps in (10, 1000):
        x = np.zeros((steps, 1, 64), np.float32)
        text = astfront.compile(rnn).lower(x).as_text()
        console.print(f"Relay text of the RNN for {steps} steps: {len(text)} characters")


if __name__ == "__main__":
    main()
