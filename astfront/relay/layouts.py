"""Which operators take convolutions' results in the blocked layout in which they're computed.

Before the others, TVM's ``AlterOpLayout`` transforms them back.
"""

from __future__ import annotations

from tvm import relay

# TVM can't squeeze the axis that it has blocked: it fails there. And what is a kernel's result has the
# layout in which it's read: else its reader has the transformation in its own kernel, and TVM fails
# where that's `gather_nd`.
for _name in ("squeeze", "annotation.stop_fusion"):
    relay.op.get(_name).reset_attr("FInferCorrectLayout")
