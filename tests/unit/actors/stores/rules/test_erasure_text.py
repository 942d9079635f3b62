"""Names are taken out of text as whole words, and quantities are read as people write them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.stores.rules.erasure_text import masked, masked_text
from schemas.errors import UsageError
from schemas.storage.retention import FORGOTTEN
from vaengine.console.units import bytes_in, duration_of

NAME = "/clips/a b.mp4"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{NAME}: the file is empty", f"{FORGOTTEN}: the file is empty"),
        (f"died over {NAME}.", f"died over {FORGOTTEN}."),
        (f"'{NAME}', then", f"'{FORGOTTEN}', then"),
        (f"{NAME}[0,512)", f"{FORGOTTEN}[0,512)"),
        (f"{NAME}.bak", f"{NAME}.bak"),
        (f"/old{NAME}", f"/old{NAME}"),
        (f"{NAME}/inside", f"{NAME}/inside"),
    ],
)
def test_a_name_that_goes_on_is_another_ones(text: str, left: str) -> None:
    assert masked(text, {NAME}) == left


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_names_nothing_stays_as_it_is(value: object) -> None:
    assert masked(value, {"\ufdd0"}) == value or "\ufdd0" in json.dumps(value, ensure_ascii=False)


def test_a_name_is_found_however_json_spells_it() -> None:
    told = json.dumps({"failures": ["/clips/ä.mp4: empty"]})
    assert "ä" not in told
    assert json.loads(masked_text(told, {"/clips/ä.mp4"})) == {"failures": [f"{FORGOTTEN}: empty"]}


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90d", timedelta(days=90)),
        ("12 h", timedelta(hours=12)),
        ("2w", timedelta(days=14)),
        ("1.5D", timedelta(hours=36)),
    ],
)
def test_an_age_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert duration_of(text) == span


@pytest.mark.parametrize(
    ("text", "count"),
    [("10GB", 10**10), ("1 KiB", 1024), ("2tib", 2 * 1024**4), ("500MB", 5 * 10**8), ("7B", 7)],
)
def test_a_size_is_a_number_and_a_unit(text: str, count: int) -> None:
    assert bytes_in(text) == count


@pytest.mark.parametrize("text", ["90", "d", "-1d", "10GB", "1e3d", ""])
def test_an_age_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no quantity of the form 90d"):
        duration_of(text)
