"""The command ``astfront``: a model's Relay text, what the compiler did, and artifacts, from a shell."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click

import astfront
from astfront.build import host_target
from astfront.cache import disk_cache
from astfront.signature import ScalarSpec, TensorSpec

_SPEC = re.compile(
    r"(?:(?P<name>\w+)=)?(?P<variable>Variable:)?(?P<dtype>\w+)\[(?P<dims>[^\]]*)\]$"
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(astfront.__version__)
def main() -> None:
    """Compile Chainer models to TVM Relay from their source."""


@main.command()
def target() -> None:
    """Print the TVM target that is used for this machine."""
    click.echo(host_target())


@main.command()
@click.option("--clear", is_flag=True, help="Remove all of it.")
def cache(clear: bool) -> None:
    """Print where built programs are kept, how many and how large."""
    kept = disk_cache()
    if kept is None:
        click.echo("switched off")
        return
    if clear:
        kept.clear()
    folder, entries, size = kept.info()
    click.echo(f"{folder}: {entries} programs, {size / 1e6:.1f} MB")


_INPUTS = click.option(
    "-i",
    "--input",
    "inputs",
    multiple=True,
    metavar="[NAME=]DTYPE[DIMS]",
    help="An argument: float32[None,3], x=int32[5], Variable:float32[3], an int",
)


@main.command()
@click.argument("model")
@_INPUTS
@click.option("--explain/--no-explain", default=False, help="Say what was kept, unrolled, staged.")
def lower(model: str, inputs: tuple[str, ...], explain: bool) -> None:
    """Print the Relay text of MODEL, as FILE.py:EXPRESSION or MODULE:EXPRESSION.

    The expression gives a link, a method or a function: ``net.py:Net(10).forward``.
    """
    with _refusals_shown():
        lowered = _lowered(model, inputs)
    click.echo(lowered.as_text())
    if explain:
        click.echo(lowered.explain())


@main.command()
@click.argument("model")
@_INPUTS
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help="The shared library to write.")  # fmt: skip
@click.option("--target", help="A TVM target; by default this machine's CPU.")
def export(model: str, inputs: tuple[str, ...], output: Path, target: str | None) -> None:
    """Write MODEL, its parameters included, into one library that runs without Python.

    MODEL is given as for `astfront lower`. `astfront show` says what is in the library.
    """
    with _refusals_shown():
        try:
            _lowered(model, inputs).export(output, target)
        except OSError as e:
            raise click.ClickException(str(e)) from e


@main.command()
@click.argument("artifact", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def show(artifact: Path) -> None:
    """Print what an exported library says of itself, as JSON."""
    try:
        click.echo(json.dumps(astfront.load(artifact).manifest, indent=2))
    except ValueError as e:
        raise click.ClickException(str(e)) from e


@contextlib.contextmanager
def _refusals_shown() -> Iterator[None]:
    try:
        yield
    except astfront.CompileError as e:
        click.echo(str(e), err=True)
        sys.exit(1)


def _lowered(model: str, inputs: tuple[str, ...]) -> astfront.Lowered:
    source, _, expression = model.partition(":")
    if not expression:
        raise click.UsageError("MODEL is FILE.py:EXPRESSION or MODULE:EXPRESSION")
    module = _load(source)
    try:
        function = eval(expression, vars(module))
    except Exception as e:
        raise click.ClickException(f"{expression}: {type(e).__name__}: {e}") from e
    if not callable(function):
        raise click.ClickException(f"{expression} isn't a link or a function")
    args, kwargs = _arguments(inputs)
    try:
        return astfront.compile(function).lower(*args, **kwargs)
    except astfront.CompileError:
        raise
    except Exception as e:
        # What the model itself raises for such arguments.
        place = f" ({e.__cause__})" if e.__cause__ else ""
        raise click.ClickException(f"{type(e).__name__}: {e}{place}") from e


def _load(source: str) -> ModuleType:
    if not source.endswith(".py"):
        sys.path.insert(0, ".")
        try:
            return importlib.import_module(source)
        except ImportError as e:
            raise click.ClickException(f"{source} can't be imported: {e}") from e
    path = Path(source)
    if not path.is_file():
        raise click.ClickException(f"{source} can't be read")
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise click.ClickException(f"{source} can't be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _arguments(inputs: tuple[str, ...]) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in inputs:
        name, value = _argument(text)
        if name in kwargs:
            raise click.UsageError(f"{name} is given twice")
        if name:
            kwargs[name] = value
        else:
            args.append(value)
    return args, kwargs


def _argument(text: str) -> tuple[str | None, Any]:
    found = _SPEC.match(text)
    if found:
        dims = [d.strip() for d in found["dims"].split(",") if d.strip()]
        try:
            shape = [int(d) if d.lstrip("-").isdigit() else _size(d) for d in dims]
            return found["name"], TensorSpec(
                shape, found["dtype"], variable=bool(found["variable"])
            )
        except (TypeError, ValueError) as e:
            raise click.UsageError(f"{text}: {e}") from e
    name, _, value = text.rpartition("=")
    for kind in (int, float):
        if value == kind.__name__:
            return name or None, ScalarSpec(kind)
        try:
            return name or None, kind(value)
        except ValueError:
            continue
    return name or None, {"True": True, "False": False, "None": None}.get(value, value)


def _size(text: str) -> str | None:
    return None if text in ("?", "None") else text


if __name__ == "__main__":
    main()
