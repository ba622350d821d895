"""The measurements as a table, a page and a chart."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.programs import PROGRAMS

PEERS = {
    "chainer": "Chainer",
    "live": "astfront",
    "frozen": "astfront, frozen",
    "torch": "PyTorch",
    "torchscript": "TorchScript",
    "onnxruntime": "onnxruntime",
}

Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


def rows(results: Results) -> list[list[str]]:
    """A row a program: times in ms, and how many times faster the frozen program is."""
    peers = peers_of(results)
    rivals = [peer for peer in peers if peer not in ("live", "frozen")]
    times, ratios = (f"{PEERS[p]} ms" for p in peers), (f"× {PEERS[p]}" for p in rivals)
    made = [["program", *times, *ratios, "products by BLAS ms", "compile s", "peak MB", "max diff"]]
    for name, found in results.items():
        ours = found["frozen"]
        row = [PROGRAMS[name].what, *(_time(found.get(p, {})) for p in peers)]
        for peer in rivals:
            theirs = found.get(peer, {})
            both = "seconds" in theirs and "seconds" in ours
            row.append(f"{theirs['seconds'] / ours['seconds']:.1f}" if both else "–")
        least = found.get("chainer", {}).get("products_seconds")
        row.append(f"{least * 1e3:.3g}" if least else "–")
        if "error" in ours:
            row += ["–", "–", str(ours["error"])]
        else:
            row.append(f"{ours['front_end'] + ours['building']:.1f}")
            row += [f"{ours['peak_memory']:.0f}", f"{ours['difference']:.0e}"]
        made.append(row)
    return made


def peers_of(results: Results) -> list[str]:
    return [peer for peer in PEERS if any(peer in found for found in results.values())]


def _time(found: Mapping[str, Any]) -> str:
    return f"{found['seconds'] * 1e3:.3g}" if "seconds" in found else "–"


def table(results: Results) -> Table:
    header, *body = rows(results)
    made = Table(*header)
    for row in body:
        made.add_row(*row)
    return made


def page(results: Results, day: str, rounds: int) -> str:
    header, *body = rows(results)
    lines = [
        "# Performance",
        "",
        f"Measured on {day} by `python -m benchmarks --page`: {_machine()}.",
        f"Medians of processes, in turn ({rounds} each); in each the median of five rounds. The ratios",
        "are those of the frozen program (`compile(model, freeze=True)`). All use as many",
        "threads as they take by themselves. PyTorch's models have random weights of their own.",
        "*Products by BLAS* is what numpy's BLAS needs for the products alone, one after another:",
        "no bound, as products of all turns may be made at once, and there are faster kernels.",
        "",
        "| " + " | ".join(header) + " |",
        "| --- " + "| ---: " * (len(header) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in body),
        "",
        "![How many times faster than Chainer](performance.png)",
        "",
        "[profiles.md](profiles.md) says where the time of some of them goes.",
        "",
        "What has no figure failed there:",
        "",
    ]
    for name, found in results.items():
        for peer, result in found.items():
            if "error" in result:
                lines.append(f"- {PROGRAMS[name].what}, {PEERS[peer]}: {result['error']:.160}")
    return "\n".join(lines) + "\n"


def _machine() -> str:
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


def chart(results: Results, path: Path) -> None:
    """How many times faster than Chainer each peer is, as bars."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [name for name in results if "seconds" in results[name]["chainer"]]
    peers = [peer for peer in peers_of(results) if peer != "chainer"]
    figure, axes = pyplot.subplots(figsize=(9, 0.45 * len(names) * max(1, len(peers) / 2) + 1))
    height = 0.8 / len(peers)
    for i, peer in enumerate(peers):
        ratios = [
            results[n]["chainer"]["seconds"] / results[n][peer].get("seconds", float("inf"))
            for n in names
        ]
        places = [j + i * height for j in range(len(names))]
        axes.barh(places, ratios, height, label=PEERS[peer])
    axes.set_yticks([j + 0.4 - height / 2 for j in range(len(names))])
    axes.set_yticklabels([PROGRAMS[n].what for n in names])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("times Chainer's speed")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
