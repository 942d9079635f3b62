"""JSON in pieces is the JSON of the standard library."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.json_pieces import json_pieces

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.booleans())
def test_the_pieces_are_what_dumps_makes(value: Any, ensure_ascii: bool) -> None:
    pieces = json_pieces(value, ensure_ascii=ensure_ascii)
    assert "".join(pieces) == json.dumps(value, indent=2, ensure_ascii=ensure_ascii)


def test_what_can_be_read_once_is_a_list() -> None:
    assert json.loads("".join(json_pieces({"a": iter("xy"), "b": iter(())}))) == {"a": ["x", "y"], "b": []}
