"""All the rules; importing this package registers them."""

from astfront.rules import builtins, framework, math  # noqa: F401
from astfront.rules import connection  # noqa: F401
