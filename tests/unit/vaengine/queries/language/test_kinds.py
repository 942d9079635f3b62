"""Kinds have the names that people type."""

from __future__ import annotations

import pytest

from schemas.errors import UsageError
from vaengine.queries.language.kinds import KINDS, kind_named


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_may_be_named_in_the_plural(name: str) -> None:
    plural = {"box": "boxes", "person": "people", "identity": "identities"}.get(name, f"{name}s")
    assert kind_named(name) is kind_named(plural) is kind_named(plural.upper()) is KINDS[name]


def test_an_unknown_kind_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'speech'"):
        kind_named("speach")
