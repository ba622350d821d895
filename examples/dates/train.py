"""Trains the model of ``model.py``, measures it on held-out dates and writes both results."""

from __future__ import annotations

import datetime
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import chainer
import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import data
from model import DateTranslator

HERE = Path(__file__).resolve().parent

Batch = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


def batches(dates: list[datetime.date], size: int, rng: random.Random) -> Iterator[Batch]:
    """Endless ``(xs, ys_in, ys_out)``, freshly written; a batch has texts of similar length.

    The three are int32, of shapes (size, T), (size, 11) and (size, 11).
    """
    group = 32
    while True:
        pairs = []
        for date in rng.choices(dates, k=group * size):
            text, _ = data.write(date, rng)
            pairs.append((data.encode_source(text), data.encode_target(date.isoformat())))
        pairs.sort(key=lambda pair: len(pair[0]))
        starts = list(range(0, len(pairs), size))
        rng.shuffle(starts)
        for start in starts:
            chosen = pairs[start : start + size]
            xs = data.pad([source for source, _ in chosen], data.PAD)
            ys = np.stack([target for _, target in chosen])
            column = np.ones((size, 1), dtype=np.int32)
            yield xs, np.hstack([column * data.BOS, ys]), np.hstack([ys, column * data.EOS])


def train(
    model: DateTranslator,
    dates: list[datetime.date],
    iterations: int,
    size: int,
    rate: float,
    rng: random.Random,
) -> None:
    """Adam; the learning rate rises for the first 100 batches, then falls along a cosine."""
    optimizer = chainer.optimizers.Adam(alpha=rate)
    optimizer.setup(model)
    optimizer.add_hook(chainer.optimizer_hooks.GradientClipping(1.0))
    mean = 0.0
    stream = batches(dates, size, rng)
    with tqdm(total=iterations, desc="train", unit="batch") as bar:
        for iteration in range(iterations):
            fall = 0.5 * (1 + np.cos(np.pi * iteration / iterations))
            optimizer.alpha = rate * min(1.0, (iteration + 1) / 100) * max(fall, 0.01)
            loss = model.loss(*next(stream))
            model.cleargrads()
            loss.backward()
            loss.unchain_backward()
            optimizer.update()
            value = float(loss.array)
            mean = value if iteration == 0 else 0.98 * mean + 0.02 * value
            bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
            bar.update()


def evaluate(
    model: DateTranslator, dates: list[datetime.date], rng: random.Random
) -> tuple[float, dict[str, float], list[tuple[str, str, str]]]:
    """Exact matches of ``translate``: their share, that share by form, and what went wrong."""
    seen: Counter[str] = Counter()
    right: Counter[str] = Counter()
    wrong = []
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        for date in tqdm(dates, desc="held-out dates", unit="date"):
            text, form = data.write(date, rng)
            symbols, _ = model.translate(data.encode_source(text))
            result = data.decode_target(symbols.array)
            seen[form] += 1
            right[form] += result == date.isoformat()
            if result != date.isoformat():
                wrong.append((text, date.isoformat(), result))
    shares = {form: round(right[form] / seen[form], 4) for form in data.FORMS if seen[form]}
    return sum(right.values()) / len(dates), shares, wrong


@click.command(context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option("--iterations", default=2000, type=click.IntRange(min=1), help="Batches to train on.")
@click.option("--batch-size", default=128, type=click.IntRange(min=1), help="Dates of a batch.")
@click.option("--rate", default=4e-3, help="Highest learning rate of Adam.")
@click.option("--held-out", default=3000, type=click.IntRange(1, 70000), help="Dates to test on.")
@click.option("--seed", default=0, help="Of the split, the written forms and the first weights.")
@click.option(
    "--out",
    default=HERE,
    show_default="the folder of train.py",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for weights.npz and accuracy.json.",
)
def main(
    iterations: int, batch_size: int, rate: float, held_out: int, seed: int, out: Path
) -> None:
    """Train the date translator and measure it on dates that it was not trained on."""
    np.random.seed(seed)
    training, testing = data.split(seed, held_out)
    model = DateTranslator()
    start = time.perf_counter()
    train(model, training, iterations, batch_size, rate, random.Random(seed + 1))
    seconds = time.perf_counter() - start

    accuracy, by_form, wrong = evaluate(model, testing, random.Random(seed + 2))
    out.mkdir(parents=True, exist_ok=True)
    chainer.serializers.save_npz(out / "weights.npz", model)
    measured = {
        "exact_match": round(accuracy, 4),
        "exact_match_by_form": by_form,
        "held_out_dates": held_out,
        "training_dates": len(training),
        "iterations": iterations,
        "batch_size": batch_size,
        "seed": seed,
        "training_seconds": round(seconds),
        "parameters": model.count_params(),
        "weights_bytes": (out / "weights.npz").stat().st_size,
    }
    (out / "accuracy.json").write_text(json.dumps(measured, indent=2) + "\n")
    click.echo(json.dumps(measured, indent=2))
    for text, date, result in wrong[:10]:
        click.echo(f"wrong: {text!r} is {date}, not {result}")


if __name__ == "__main__":
    main()
