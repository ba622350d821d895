"""Where the keys of a program's random numbers come from."""

from __future__ import annotations

from typing import Any

import numpy as np


class RandomKeys:
    """A fresh key at each call of a program.

    Without a seed the keys are drawn from ``numpy.random``, as Chainer's own random numbers are: a
    program whose calls follow ``numpy.random.seed(0)`` gives the same numbers again. With a seed
    they come from a generator of their own.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._state: Any = np.random if seed is None else np.random.RandomState(seed)

    @property
    def key(self) -> np.ndarray[Any, Any]:
        """The next one."""
        made: np.ndarray[Any, Any] = self._state.randint(0, 2**32, 2, dtype=np.uint32)
        return made
