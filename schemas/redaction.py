"""Removes secrets and unstorable characters from text before it is stored or shown."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = "***"
_SECRETS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<shown>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/]+(?=@)",  # scheme://user:password@
        r"(?P<shown>\bhf_)[a-z0-9]{6,}",  # a token of the Hugging Face hub
        r"(?P<shown>\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token)\s+)?)(?!(?:bearer|basic|token)\s)[^\s\"',]+",
        r"(?P<shown>[?&](?:x-(?:amz|goog)-(?:signature|credential|security-token)|sig|signature)=)[^\s&;,\"']+",
        r"(?P<shown>\bbearer\s+)[a-z0-9._~+/=-]{8,}",
        r"(?P<shown>(?:token|password|passwd|secret|api_?key)=[\"']?)[^\s&;,\"']+",
    )
)

# NUL, and lone surrogates, as in file names that are not UTF-8.
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Whether every store can hold the text as it is."""
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """The text with U+FFFD for each NUL character and each lone surrogate.

    PostgreSQL can hold neither, SQLite not the latter.
    """
    return _UNSTORABLE.sub("\ufffd", text)


def keepable(text: str | None) -> str | None:
    """Free text, such as of an error, in the form that is stored: redacted and storable."""
    return text and storable(redacted(text))


def redacted(text: str) -> str:
    """The text with `***` in place of secrets.

    Secrets are passwords and signatures in URLs, hub tokens, `token=...` and the like, and authorization
    headers.
    """
    for secret in _SECRETS:
        text = secret.sub(rf"\g<shown>{_HIDDEN}", text)
    return text
