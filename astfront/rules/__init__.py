"""All the rules; importing this package registers them."""

from astfront.rules import (  # noqa: F401
    activation,
    array,
    builtins,
    connection,
    containers,
    copying,
    ctc,
    dataclass,
    evaluation,
    framework,
    functional,
    iteration,
    loss,
    math,
    mathematics,
    methods,
    noise,
    normalization,
    objects,
    ordering,
    output,
    pooling,
    rnn,
    roi,
)
from astfront.rules.numpy import rules as numpy_rules  # noqa: F401
