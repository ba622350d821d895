"""Measures one program with one peer, in a process of its own; prints a line of JSON.

Runs in the peer's environment: only ``chainer`` and ``astfront`` need the project's own.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

#: Seconds of one measurement, and rounds in it.
SECONDS, ROUNDS = 2.0, 5


def median_time(run: Callable[[], Any]) -> float:
    """The median over rounds of the mean time of a call, in seconds."""
    run()
    start = time.perf_counter()
    run()
    calls = max(1, int(SECONDS / ROUNDS / max(time.perf_counter() - start, 1e-6)))
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            run()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)


def chainer_model(name: str) -> tuple[Any, tuple[Any, ...]]:
    import chainer

    from benchmarks.programs import PROGRAMS

    chainer.config.train = False
    chainer.config.enable_backprop = False
    np.random.seed(0)
    program = PROGRAMS[name]
    model, arguments = program.make(), program.arguments()
    model(*arguments)  # layers of unknown size get their parameters
    return model, arguments


def run_chainer(name: str) -> dict[str, Any]:
    from benchmarks.roofline import products_seconds

    model, arguments = chainer_model(name)
    link = getattr(model, "__self__", model)
    weights = sum(p.array.nbytes for p in getattr(link, "params", tuple)())
    return {
        "seconds": median_time(lambda: model(*arguments)),
        "products_seconds": products_seconds(lambda: model(*arguments), weights),
    }


def _run_astfront(name: str, freeze: bool) -> dict[str, float]:
    import astfront

    model, arguments = chainer_model(name)
    expected = model(*arguments)
    compiled = astfront.compile(model, freeze=freeze)
    start = time.perf_counter()
    compiled.lower(*arguments)
    front_end = time.perf_counter() - start
    start = time.perf_counter()
    result = compiled(*arguments)
    first_call = time.perf_counter() - start
    seconds = median_time(lambda: compiled(*arguments))
    return {
        "seconds": seconds,
        "front_end": front_end,
        "building": max(first_call - front_end - seconds, 0),
        "difference": difference(result, expected),
        "peak_memory": _peak_memory(),
    }


def run_live(name: str) -> dict[str, float]:
    return _run_astfront(name, freeze=False)


def run_frozen(name: str) -> dict[str, float]:
    return _run_astfront(name, freeze=True)


def _run_twin(name: str, scripted: bool) -> dict[str, float]:
    import torch

    twins = importlib.import_module("benchmarks.torch_twins")
    if name not in twins.TWINS:
        return {}
    torch.manual_seed(0)
    run = twins.TWINS[name](scripted)
    with torch.inference_mode():
        return {"seconds": median_time(run)}


def run_torch(name: str) -> dict[str, float]:
    return _run_twin(name, scripted=False)


def run_torchscript(name: str) -> dict[str, float]:
    return _run_twin(name, scripted=True)


def run_onnxruntime(name: str) -> dict[str, float]:
    """What ONNX-Chainer makes of the one run that it sees."""
    import onnx_chainer
    import onnxruntime

    model, arguments = chainer_model(name)
    expected = model(*arguments)
    exported = onnx_chainer.export(model, arguments)
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    inputs = {i.name: a for i, a in zip(session.get_inputs(), arguments)}
    result = session.run(None, inputs)
    return {
        "seconds": median_time(lambda: session.run(None, inputs)),
        "difference": difference(result, [expected]),
    }


def difference(result: Any, expected: Any) -> float:
    """The largest one between two results' arrays."""
    pairs = zip(_arrays(result), _arrays(expected), strict=True)
    return max(float(np.abs(a - b).max(initial=0)) for a, b in pairs)


def _arrays(result: Any) -> list[np.ndarray]:
    if isinstance(result, tuple | list):
        return [a for r in result for a in _arrays(r)]
    if isinstance(result, dict):
        return [a for r in result.values() for a in _arrays(r)]
    return [np.asarray(getattr(result, "array", result))]


def _peak_memory() -> float:
    """Of this process so far, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


PEERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "chainer": run_chainer,
    "live": run_live,
    "frozen": run_frozen,
    "torch": run_torch,
    "torchscript": run_torchscript,
    "onnxruntime": run_onnxruntime,
}

if __name__ == "__main__":
    program, peer = sys.argv[1:]
    try:
        found: dict[str, Any] = PEERS[peer](program)
    except Exception as e:
        found = {"error": f"{type(e).__name__}: {str(e).strip().splitlines()[0] if str(e) else ''}"}
    print(json.dumps(found))
