"""Images of libraries that needn't be there: their rules come when a model has loaded them."""

from __future__ import annotations

import importlib
import sys

_RULES = {"PIL.Image": "astfront.rules.images.pillow", "cv2": "astfront.rules.images.opencv"}

_registered: set[str] = set()


def register_loaded() -> None:
    """Register the rules for libraries that have been imported by now."""
    for library, rules in _RULES.items():
        if library in sys.modules and library not in _registered:
            _registered.add(library)
            importlib.import_module(rules).register(sys.modules[library])


__all__ = ["register_loaded"]
