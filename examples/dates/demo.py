"""Compiles the date translator and shows that it gives what Chainer gives, and how fast."""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chainer
import click
import matplotlib
import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

import astfront
import data
from model import DateTranslator

matplotlib.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-5
DATES = (
    "3rd of May, 1987",
    "Sunday 21 Nov 2026",
    "05/11/99",
    "February 29th, '04",
    "the twenty-second of October 1931",
    "1969.7.20",
)
# What to keep of a long excerpt of Relay.
LANDMARKS = re.compile(
    r"\bif \(|\belse\b|= fn \(|argmax|softmax|matmul|dense|embed|take\(|equal|concat|loop"
)

Translate = Callable[[NDArray[np.int32]], Any]
Translation = tuple[NDArray[np.int32], NDArray[np.float32]]


def loop_excerpt(text: str, longest: int = 64, context: int = 1) -> list[str]:
    """The decoding loop in a Relay text: the innermost function with both an argmax and an if.

    Of a function of more than ``longest`` lines, keeps the lines with something to see and
    ``context`` lines about each; ``…`` stands for the others. Where there is no such function,
    the lines about the first ``if``.
    """
    lines = text.splitlines()
    blocks: list[tuple[int, int]] = []
    open_lines: list[int] = []
    for number, line in enumerate(lines):
        for character in re.sub(r'/\*.*?\*/|"[^"]*"', "", line):
            if character == "{":
                open_lines.append(number)
            elif character == "}" and open_lines:
                blocks.append((open_lines.pop(), number))

    def has(first: int, last: int, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in lines[first : last + 1])

    loops = [
        (last - first, first, last)
        for first, last in blocks
        if re.search(r"\bfn \(|\bdef @", lines[first])
        and has(first, last, r"\bargmax\b")
        and has(first, last, r"\bif \(")
    ]
    if loops:
        _, first, last = min(loops)
    else:
        branch = next((n for n, line in enumerate(lines) if re.search(r"\bif \(", line)), 0)
        first = max(0, branch - longest // 2)
        last = min(len(lines) - 1, first + longest)

    block = lines[first : last + 1]
    if len(block) <= longest:
        return block
    marks = {n for n, line in enumerate(block) if LANDMARKS.search(line)} | {0, len(block) - 1}
    shown = sorted({n + d for n in marks for d in range(-context, context + 1)})
    excerpt: list[str] = []
    previous = -1
    for number in (n for n in shown if 0 <= n < len(block)):
        if number > previous + 1:
            indent = re.match(r"\s*", block[number])
            excerpt.append((indent.group() if indent else "") + "…")
        excerpt.append(block[number])
        previous = number
    return excerpt


def show_relay(console: Console, text: str) -> None:
    """Print the decoding loop's Relay without inferred types, its branches standing out."""
    console.rule("the decoding loop in Relay")
    for line in loop_excerpt(re.sub(r" /\* ty=.*? \*/", "", text)):
        branch = re.search(r"\bif \(|\belse\b", line)
        console.print(
            Text(line, style="bold yellow" if branch else ""), overflow="ellipsis", no_wrap=True
        )
    console.rule()


def timed(functions: list[Translate], xs: NDArray[np.int32], runs: int) -> list[float]:
    """Median time of a call of each function, in milliseconds; they take turns."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(runs):
        for function, so_far in zip(functions, times, strict=True):
            start = time.perf_counter()
            function(xs)
            so_far.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(so_far) for so_far in times]


def arrays(result: Any) -> Translation:
    """The arrays of what ``translate`` gave: (L,) int32 and (L, T) float32."""
    symbols, weights = result
    return chainer.as_array(symbols), chainer.as_array(weights)


def compare(
    console: Console,
    translate: Translate,
    reference: Translate,
    texts: list[str],
    runs: int,
) -> tuple[list[tuple[str, Translation]], bool]:
    """Print a table of both translations of each text; give the first ones, and if all agree."""
    caption = f"times: the median of {runs} runs each"
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), show_edge=False, caption=caption)
    table.add_column("date", overflow="fold")
    for header in ("compiled", "Chainer"):
        table.add_column(header, no_wrap=True)
    for header in ("attention\ndiffers", "compiled\nms", "Chainer\nms", "speed\nratio"):
        table.add_column(header, justify="right", no_wrap=True)
    results: list[tuple[str, Translation]] = []
    same = True
    sums = [0.0, 0.0]
    for text in texts:
        xs = data.encode_source(text)
        ours, theirs = arrays(translate(xs)), arrays(reference(xs))
        agree = np.array_equal(ours[0], theirs[0])
        comparable = ours[1].shape == theirs[1].shape
        apart = float(np.abs(ours[1] - theirs[1]).max()) if comparable else np.inf
        # Written so that a difference that is not a number counts as one.
        close = apart <= TOLERANCE
        same = same and agree and close
        times = timed([translate, reference], xs, runs)
        sums = [total + one for total, one in zip(sums, times, strict=True)]
        table.add_row(
            Text(text),
            Text(data.decode_target(ours[0]), style="green" if agree else "bold red"),
            data.decode_target(theirs[0]),
            Text(f"{apart:.1e}", style="green" if close else "bold red"),
            *(f"{one:.2f}" for one in times),
            f"{times[1] / times[0]:.1f}",
        )
        results.append((text, ours))
    table.add_section()
    table.add_row(
        *("all", "", "", ""), *(f"{total:.2f}" for total in sums), f"{sums[1] / sums[0]:.1f}"
    )
    console.print(table)
    return results, same


def plot_attention(path: Path, results: list[tuple[str, Translation]]) -> None:
    """Save a heat map of the attention weights of every translation as one PNG."""
    columns = 2 if len(results) > 1 else 1
    rows = -(-len(results) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(6.5 * columns, 3.1 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(results) :]:
        axis.axis("off")
    for axis, (text, (symbols, weights)) in zip(axes.flat, results, strict=False):
        source, target = data.normalise(text), data.decode_target(symbols)
        axis.imshow(weights, cmap="viridis", vmin=0, vmax=1, aspect="auto")
        axis.set_xticks(range(len(source)), [c if c != " " else "␣" for c in source])
        axis.set_yticks(range(len(target)), list(target))
        axis.tick_params(length=0, labelsize=8)
        axis.set_title(f"{text}  →  {target}", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


@click.command(context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.argument("date", required=False, envvar="DATE")
@click.option(
    "--weights",
    default=HERE / "weights.npz",
    show_default="beside demo.py",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What train.py wrote.",
)
@click.option(
    "--plot",
    default=Path("out/dates-attention.png"),
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to save the plot of the attention weights.",
)
@click.option("--runs", default=9, type=click.IntRange(min=1), help="Timed runs of each date.")
def main(date: str | None, weights: Path, plot: Path, runs: int) -> None:
    """Compile the date translator, then translate a few dates and DATE with it and with Chainer.

    DATE may also be given by the environment variable DATE. The exit code is 1 if the compiled
    translator and Chainer give different characters, or attention weights that differ by more
    than 1e-5.
    """
    texts = list(DATES)
    if date is not None and date.strip():
        if not data.normalise(date):
            raise click.UsageError(f"no character of {date!r} can be part of a date")
        texts.insert(0, date.strip())
    console = Console()
    model = DateTranslator()
    chainer.serializers.load_npz(weights, model)

    with chainer.using_config("train", False), chainer.no_backprop_mode():
        start = time.perf_counter()
        lowered = astfront.compile(model.translate).lower(astfront.TensorSpec((None,), "int32"))
        text = lowered.as_text()
        translate = lowered.compile()
        seconds = time.perf_counter() - start
        show_relay(console, text)
        console.print(
            f"translate, for text of every length: {len(text.splitlines())} lines of Relay, "
            f"compiled in {seconds:.1f} s\n"
        )

        results, same = compare(console, translate, model.translate, texts, runs)
    plot_attention(plot, results)
    console.print("attention weights:", Text(str(plot)))
    if not same:
        console.print("[bold red]the compiled translator and Chainer differ[/]")
        sys.exit(1)
    console.print(
        f"the compiled translator gives Chainer's characters, and its attention within {TOLERANCE}"
    )


if __name__ == "__main__":
    main()
