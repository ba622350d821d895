"""IRModule → IRModule passes. They import TVM and the standard library only."""

from __future__ import annotations

import re

import tvm


def text(mod: tvm.IRModule) -> str:
    """Relay text that parses again: no comments on types and places, no blobs."""
    return re.sub(r" /\* (?:ty|span)=.*? \*/", "", mod.astext(show_meta_data=False))


def show(mod: tvm.IRModule) -> None:
    """Print a module's functions, for doctests."""
    for line in text(tvm.relay.transform.InferType()(mod)).splitlines()[1:]:
        print(line)  # noqa: T201
