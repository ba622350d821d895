"""All the rules; importing this package registers them."""

from astfront.rules import (  # noqa: F401
    builtins,
    connection,
    framework,
    math,
)
