"""All constructs of docs/language.md, by section."""

from tests.language import (
    arguments,
    arrays,
    containers,
    errors,
    expressions,
    functions,
    objects,
    statements,
)

SECTIONS = [
    module.construct
    for module in (
        statements,
        expressions,
        functions,
        containers,
        arguments,
        objects,
        arrays,
        errors,
    )
]
