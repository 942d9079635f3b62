"""No secret reaches a log, and nothing that a store could not take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.redaction import is_storable, redacted, storable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "no route to postgresql://ann:s3cret@db/results today",
            "no route to postgresql://ann:***@db/results today",
        ),
        ("postgresql+psycopg://ann:p@ss@db:5432/r", "postgresql+psycopg://ann:***@db:5432/r"),
        ("redis://:s3cret@cache:6379/0 and http://a:b@c/d", "redis://:***@cache:6379/0 and http://a:***@c/d"),
        ("401 for hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345", "401 for hf_***"),
        ("GET /model?token=abc123&revision=main", "GET /model?token=***&revision=main"),
        (
            "https://b.s3.amazonaws.com/a.mp4?X-Amz-Credential=AK%2F1&X-Amz-Signature=0f0f is gone",
            "https://b.s3.amazonaws.com/a.mp4?X-Amz-Credential=***&X-Amz-Signature=*** is gone",
        ),
        ("HF_TOKEN=abc123 vaengine run", "HF_TOKEN=*** vaengine run"),
        ("password='geheim', user=ann", "password='***', user=ann"),
        ("Authorization: Bearer eyJhbGciOi.J9-x_y", "Authorization: Bearer ***"),
        ("{'authorization': 'Basic dXNlcjpwdw=='}", "{'authorization': 'Basic ***'}"),
        ("sent bearer eyJhbGciOi.J9-x_y along", "sent bearer *** along"),
        ("a line\nhttp://a:b@c\nanother", "a line\nhttp://a:***@c\nanother"),
    ],
)
def test_secrets_are_blotted_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "/clips/garden.mp4: the file is empty (0 bytes); copy it again from its source",
        "sqlite:///results/batch_processing.db",
        "https://example.org:8080/path?q=a@b",
        "hf_hub_download raised an error",
        "unexpected token at line 3; the bearer of bad news",
        'File "/app/work.py", line 12, in held\n    assert tokens[0] == expected',
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


@given(
    st.text(),
    st.sampled_from(["://u:p@h ", "hf_abcdefgh", "token=x", "Authorization: Bearer abcdefgh", " "]),
    st.text(),
)
def test_blotting_out_again_changes_nothing(before: str, secret: str, after: str) -> None:
    once = redacted(before + secret + after)
    assert redacted(once) == once


@given(st.text(st.characters(codec=None), max_size=50))
def test_what_a_store_is_given_can_be_encoded_and_is_otherwise_what_it_was(text: str) -> None:
    kept = storable(text)
    assert "\0" not in kept.encode().decode()
    assert len(kept) == len(text)
    assert all(after in (before, "\ufffd") for before, after in zip(text, kept, strict=True))
    assert (kept == text) == is_storable(text)
