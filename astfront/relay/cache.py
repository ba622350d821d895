"""Built programs in the disk cache: what they're known by, how they're written and read."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from tvm import autotvm

import astfront
import passes
from astfront.cache import disk_cache

_log = logging.getLogger(__name__)

#: A program that builds faster isn't kept: to write it takes a linker half a second.
WORTH_KEEPING = 1.0

_LIBRARY, _CODE = "program.so", "program.bin"
#: Where the model's text stood changes nothing of the program.
_PLACES = {"Span", "SequentialSpan", "SourceName"}


def kept(
    build: Callable[[], Any],
    mod: Any,
    params: Mapping[str, np.ndarray[Any, Any]],
    settings: tuple[Any, ...],
) -> Any:
    """The VM executable that ``build`` gives for a module, out of the cache where it has one.

    ``settings`` are the options that it's built with, as things whose ``repr`` says all of them.
    """
    cache = disk_cache()
    if cache is None or _is_tuned():
        return build()
    key = key_of(mod, params, settings)
    entry = cache.find(key)
    if entry is not None:
        try:
            return read(entry)
        except Exception as e:  # of another machine, for one, where folders are shared
            _log.warning("the cached program %s can't be loaded: %s", entry, e)
    start = time.monotonic()
    executable = build()
    if time.monotonic() - start >= WORTH_KEEPING:
        cache.add(key, functools.partial(write, executable))
    return executable


def key_of(mod: Any, params: Mapping[str, np.ndarray[Any, Any]], settings: tuple[Any, ...]) -> str:
    """A digest of all that a build depends on: module, constants, options and the compiler itself."""
    digest = hashlib.sha256(_compiler().encode())
    digest.update(repr(settings).encode())
    functions = {var.name_hint: function for var, function in mod.functions.items()}
    for name in sorted(functions):
        digest.update(f"{name} = {_contents(functions[name])}\n".encode())
    for var, data in mod.type_definitions.items():
        digest.update(f"{var.name_hint} = {data}\n".encode())
    for name in sorted(params):
        array = np.ascontiguousarray(params[name])
        digest.update(f"{name}: {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def write(executable: Any, folder: Path) -> None:
    code, library = executable.save()
    library.export_library(str(folder / _LIBRARY))
    (folder / _CODE).write_bytes(code)


def read(folder: Path) -> Any:
    library = tvm.runtime.load_module(str(folder / _LIBRARY))
    code = bytearray((folder / _CODE).read_bytes())
    return tvm.runtime.vm.Executable.load_exec(code, library)


def _contents(function: Any) -> str:
    """A function's nodes as TVM writes them, constants and all, but for their places in the source."""
    graph = json.loads(tvm.ir.save_json(function))
    for node in graph["nodes"]:
        if node["type_key"] in _PLACES:
            node.pop("attrs", None)
            node.pop("repr_str", None)
    return json.dumps(graph, sort_keys=True)


def _is_tuned() -> bool:
    """Whether the user has other kernels chosen than TVM's and ours."""
    context = autotvm.task.DispatchContext.current
    return context is not None and not isinstance(context, autotvm.task.FallbackContext)


@functools.cache
def _compiler() -> str:
    """The versions of what builds a program; of our own code, its text."""
    digest = hashlib.sha256(f"{tvm.__version__} {np.__version__}".encode())
    for package in (astfront, passes):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
