"""An artifact as TVM sees it: one shared library with a VM's code, kernels, constants, and a text."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tvm

from astfront.build import Executable
from astfront.c_compiler import c_compiler
from astfront.values import Shape

#: The symbol of the text, as C declares it: ``extern const char astfront_manifest[]``.
MANIFEST = "astfront_manifest"


def write(executable: Executable, manifest: str, path: Path) -> None:
    """Link an executable and a text into the shared library ``path``.

    Raises OSError or subprocess.CalledProcessError without a C compiler, RuntimeError where TVM or
    the linker fails.
    """
    data = [*manifest.encode(), 0]
    with tempfile.TemporaryDirectory() as folder:
        source, compiled = Path(folder, "manifest.c"), Path(folder, "manifest.o")
        numbers = ",".join(map(str, data))
        source.write_text(f"const unsigned char {MANIFEST}[{len(data)}] = {{{numbers}}};\n")
        subprocess.run([*c_compiler(), "-c", "-fPIC", source, "-o", compiled], check=True)
        # Another file in the place of one that may be loaded: that isn't to change under its users.
        partial = path.with_name(f".{os.getpid()}-{path.name}.so")
        try:
            executable.executable.mod.export_library(str(partial), addons=[str(compiled)])
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def read(path: Path) -> tuple[str, Executable]:
    """The text in an artifact, and its executable. Raises OSError or ValueError for another file."""
    with tempfile.TemporaryDirectory() as folder:
        # The loader takes a file for the one that it loaded by this name before.
        name = Path(folder, "artifact.so")
        name.symlink_to(path.resolve(strict=True))
        library = ctypes.CDLL(str(name))
        found = ctypes.c_char.in_dll(library, MANIFEST)
        manifest = ctypes.string_at(ctypes.addressof(found)).decode()
        # tvm.runtime.load_module looks through the link.
        module = tvm.get_global_func("runtime.ModuleLoadFromFile")(str(name), "so")
        return manifest, Executable(tvm.runtime.vm.Executable(module))


def output_types(mod: Any) -> list[tuple[Shape, np.dtype[Any]]]:
    """Shapes and dtypes of what ``main`` gives; a size that's known at run time only is None."""
    found = tvm.relay.transform.InferType()(mod)["main"].ret_type
    fields = found.fields if isinstance(found, tvm.relay.TupleType) else [found]
    return [
        (
            tuple(int(d) if isinstance(d, tvm.tir.IntImm) else None for d in field.shape),
            np.dtype(field.dtype),
        )
        for field in fields
    ]
