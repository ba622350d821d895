"""All the rules; importing this package registers them."""

from astfront.rules import builtins, framework, math  # noqa: F401
