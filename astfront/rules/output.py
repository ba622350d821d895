"""Printing and logging: noted by the program, and done when it has run (see ``effects.py``)."""

from __future__ import annotations

import io
import logging
from typing import Any

from astfront.descriptions import describe
from astfront.effects import is_text
from astfront.rules.registry import StaticArg, pure, rule
from astfront.values import FALSE, NONE, Object, Scalar, Static, Tuple, Value


@rule(print)
def print_(
    cx: Any,
    *args: Value,
    sep: StaticArg[str | None] = None,
    end: StaticArg[str | None] = None,
    file: Value = NONE,
    flush: Value = FALSE,
) -> Value:
    shown = Tuple(tuple(map(cx.shown, args)))
    cx.effect(_print, shown, Static(sep), Static(end), file, flush)
    return NONE


def _print(args: tuple[Any, ...], sep: str | None, end: str | None, file: Any, flush: bool) -> None:
    print(*args, sep=sep, end=end, file=file, flush=flush)


@rule(io.TextIOWrapper.write, io.StringIO.write)
def write(cx: Any, self: Value, text: Value) -> Value:
    if not is_text(text):
        cx.raise_python(TypeError(f"write() argument must be str, not {describe(text)}"))
    cx.effect(_write, self, text)
    return cx.text(len, text)  # type: ignore[no-any-return]


def _write(stream: Any, text: str) -> None:
    stream.write(text)


@rule(io.TextIOWrapper.flush, io.StringIO.flush)
def flush(cx: Any, self: Value) -> Value:
    cx.effect(_flush, self)
    return NONE


def _flush(stream: Any) -> None:
    stream.flush()


pure(logging.getLogger)

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}


def _of_level(name: str, level: int) -> None:
    method = getattr(logging.Logger, name)
    function = getattr(logging, name)

    def by_logger(cx: Any, self: Object, msg: Value, *args: Value, extra: Value = NONE) -> Value:
        return _log(cx, self, level, msg, args, extra)

    def by_root(cx: Any, msg: Value, *args: Value, extra: Value = NONE) -> Value:
        return _log(cx, Static(None), level, msg, args, extra)

    # `fatal` is another name of `critical`.
    if method.__name__ == name:
        rule(method)(by_logger)
        rule(function)(by_root)


for _name, _level in _LEVELS.items():
    _of_level(_name, _level)


@rule(logging.Logger.log)
def logger_log(
    cx: Any, self: Object, level: StaticArg[int], msg: Value, *args: Value, extra: Value = NONE
) -> Value:
    return _log(cx, self, level, msg, args, extra)


@rule(logging.log)
def log(cx: Any, level: StaticArg[int], msg: Value, *args: Value, extra: Value = NONE) -> Value:
    return _log(cx, Static(None), level, msg, args, extra)


def _log(
    cx: Any, logger: Value, level: int, msg: Value, args: tuple[Value, ...], extra: Value
) -> Value:
    if not is_text(msg) and not isinstance(msg, Static | Scalar):
        msg = cx.text(str, msg)
    owner = logger if isinstance(logger, Static) else Static(_instance(cx, logger))
    span = cx.span()
    line = (span.filename, span.line) if span is not None else ("(unknown file)", 0)
    place = Static((*line, cx.frame.name))
    shown = Tuple(tuple(map(cx.shown, args)))
    cx.effect(_write_record, owner, Static(level), msg, shown, extra, place)
    return NONE


def _instance(cx: Any, logger: Value) -> logging.Logger:
    found: Any = getattr(logger, "instance", None)
    if not isinstance(found, logging.Logger):
        cx.fail("AF0305", f"{describe(logger)} isn't a logger that is known while compiling")
    return found  # type: ignore[no-any-return]


def _write_record(
    logger: logging.Logger | None,
    level: int,
    msg: Any,
    args: tuple[Any, ...],
    extra: Any,
    place: tuple[str, int, str],
) -> None:
    """As ``Logger._log`` does it, with the model's line as the caller."""
    if logger is None:
        logger = logging.root
        if not logger.handlers:
            logging.basicConfig()
    if type(logger) not in (logging.Logger, logging.RootLogger):
        method = getattr(logger, logging.getLevelName(level).lower(), None)
        more = {} if extra is None else {"extra": extra}
        if method is None:
            logger.log(level, msg, *args, **more)
        else:
            method(msg, *args, **more)
    elif logger.isEnabledFor(level):
        filename, line, function = place
        record = logger.makeRecord(
            logger.name, level, filename, line, msg, args, None, function, extra
        )
        logger.handle(record)
