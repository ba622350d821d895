"""What docs/language.md says of each construct is so, and it's up to date."""

from __future__ import annotations

import pytest

from tests.language.catalogue import SECTIONS
from tests.language.construct import COLUMNS, Section
from tests.language.harness import compare, refusal
from tools import language

in_sections = pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.title)


@in_sections
@pytest.mark.parametrize("column", COLUMNS)
def test_what_compiles(section: Section, column: str) -> None:
    found = [c for c in section.constructs if getattr(c, column) is None]
    if column == "staged":
        found = [c for c in found if c.kept is not None]  # in a kept loop `n` is staged, too
    together = [c for c in found if not c.raises]
    # What leaves state may want another program at the second call: not for all of them.
    functions = [c for c in together if not isinstance(c.example, type)]
    links = [c for c in together if isinstance(c.example, type)]
    for group in (functions, links, *([c] for c in found if c.raises)):
        if group:
            compare(group, column)


@in_sections
def test_what_is_refused(section: Section) -> None:
    outcomes = {
        f"{construct.name}, {column}": (refusal(construct, column), getattr(construct, column))
        for construct in section.constructs
        for column in COLUMNS
        if getattr(construct, column) is not None or column == "staged"
    }
    assert {k: v for k, v in outcomes.items() if v[0] != v[1]} == {}


def test_the_page_is_up_to_date() -> None:
    assert language.PAGE.read_text() == language.render(), "run `make docs`"
