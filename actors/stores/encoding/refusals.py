"""What every store refuses in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import Unstorable


@contextmanager
def encodable(url: str) -> Iterator[None]:
    """Text that is no Unicode text is refused by `Unstorable`, before anything of it is written."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise Unstorable(
            url, "text with a lone surrogate, such as of a file name that is not UTF-8"
        ) from error
