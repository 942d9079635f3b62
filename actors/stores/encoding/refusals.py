"""Refuses text that cannot be stored, with the same message in every store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import Unstorable


@contextmanager
def require_encodable(url: str) -> Iterator[None]:
    """Raises `Unstorable` for text with lone surrogates, before anything of it is written."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise Unstorable(
            url, "text with a lone surrogate, such as of a file name that is not UTF-8"
        ) from error
