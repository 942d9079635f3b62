"""Numbers on their way into `jsonb`."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from actors.stores.sql.statements.postgres_json import json_text
from schemas.annotations.annotation import canonical_json

VALUES = st.recursive(
    st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def from_jsonb(text: str) -> object:
    """As the database keeps numbers: decimals, printed without an exponent and with the digits they came
    with.
    """
    kept = json.loads(text, parse_float=Decimal)
    return _floats(kept)


def _floats(value: object) -> object:
    if isinstance(value, Decimal):
        return json.loads(f"{value:f}")
    if isinstance(value, dict):
        return {key: _floats(one) for key, one in value.items()}
    return [_floats(one) for one in value] if isinstance(value, list) else value


@given(VALUES)
def test_every_value_comes_back_as_what_it_was(value: object) -> None:
    text = canonical_json(value)
    assert canonical_json(from_jsonb(json_text(text))) == text


def test_what_looks_like_a_number_in_a_text_stays() -> None:
    assert (
        json_text('{"a":"1e+22, \\"2e+30\\"","b":-1.5e+22}')
        == '{"a":"1e+22, \\"2e+30\\"","b":-15000000000000000000000.0}'
    )
