"""Secrets taken out of text before it is kept or shown."""

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
        r"(?P<shown>\bbearer\s+)[a-z0-9._~+/=-]{8,}",
        r"(?P<shown>(?:token|password|passwd|secret|api_?key)=[\"']?)[^\s&;,\"']+",
    )
)


def redacted(text: str) -> str:
    """The text with passwords in URLs, hub tokens, `token=...` and the like, and authorization headers blotted out."""
    for secret in _SECRETS:
        text = secret.sub(rf"\g<shown>{_HIDDEN}", text)
    return text
