"""Calls that raise an exception after they have changed something: what they have changed by then.

The program of a call doesn't always tell (``control/lasting.py``); then another one does, which is made
when a call raises so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from astfront.diagnostics import CompileError
from astfront.loading import Loaded
from astfront.program import Unsettled


class Settling:
    """The programs for such calls, by the keys of the calls. ``load`` makes one."""

    def __init__(self, load: Callable[[Sequence[Any], dict[str, Any]], Loaded]) -> None:
        self._load = load
        self._programs: dict[Any, Loaded] = {}

    def settle(
        self,
        unsettled: Unsettled,
        key: Any,
        leaves: Sequence[Any],
        random_key: np.ndarray | None,
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> None:
        """Change what the call has changed. AF0209 where that can't be told.

        ``leaves`` are its staged arguments, and ``random_key`` is what its random numbers were made of.
        """
        loaded = self._programs.get(key)
        given = loaded.arguments(leaves, random_key) if loaded is not None else None
        if given is None:
            try:
                loaded = self._programs[key] = self._load(args, kwargs)
                given = loaded.arguments(leaves, random_key)
            except CompileError as e:
                raise unsettled.refused() from e
        if loaded is None or given is None or not loaded.change(given, args, kwargs):
            raise unsettled.refused() from unsettled.exception
