"""Every function and link of Chainer has cases, and docs/operators.md says which."""

from __future__ import annotations

import chainer.functions as F
import chainer.links as L
import pytest

from tools import operators

#: What has no case, and why.
WITHOUT = {"TheanoFunction": "it needs Theano, which nobody has"}


def test_the_page_is_up_to_date():
    assert operators.PAGE.read_text() == operators.render(), "run `make docs`"


@pytest.mark.parametrize(("module", "alias", "count"), [(F, "F", 216), (L, "L", 62)])
def test_everything_public_has_a_case(module, alias, count):
    names = operators.public(module)
    found = operators.groups()
    covered = set(operators.entries(found, module, alias))
    covered |= {r.name for r in operators.refusals(found, alias)}
    assert len(names) == count
    assert set(names) - covered - set(WITHOUT) == set()
