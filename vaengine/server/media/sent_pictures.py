"""Pictures that clients send: of which kind they are and how large, before anybody decodes them."""

from __future__ import annotations

import io
from typing import Final

from schemas.errors import PictureTooLarge, UsageError

MAX_PIXELS: Final = 50_000_000
BEGINNINGS: Final = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png", b"RIFF": ".webp"}
FORMATS: Final = ("JPEG", "PNG", "WEBP")


def suffix_of_picture(picture: bytes) -> str:
    """The suffix of a file with this picture.

    Only its header is read: a small file may hold a picture that takes gigabytes. Raises `UsageError` for
    what is no JPEG, PNG or WebP, and for a broken header; `PictureTooLarge`.
    """
    suffix = next((suffix for begin, suffix in BEGINNINGS.items() if picture.startswith(begin)), None)
    if suffix is None:
        raise UsageError("this is no picture: send a JPEG, PNG or WebP")
    width, height = _size(picture)
    if width * height > MAX_PIXELS:
        raise PictureTooLarge(MAX_PIXELS // 10**6)
    return suffix


def _size(picture: bytes) -> tuple[int, int]:
    """Width and height by the header."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture), formats=FORMATS) as opened:
            return opened.size
    except Image.DecompressionBombError as error:
        raise PictureTooLarge(MAX_PIXELS // 10**6) from error
    # ultralytics, once imported, has PIL import a library for HEIC where it can read nothing.
    except (OSError, ValueError, ImportError) as error:
        raise UsageError("this picture is broken: its header cannot be read; send it again") from error
