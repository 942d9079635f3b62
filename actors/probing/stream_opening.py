"""Decodes the first pictures of a stream, which may begin in the middle of a group of pictures."""

from __future__ import annotations

from itertools import islice
from typing import Final

from actors.container.stream_reader import StreamReader

# Enough to be past all pictures that refer to others before the beginning.
MAX_PICTURES: Final = 48


def first_pictures(path: str, stream_index: int) -> list[int]:
    """Times of the first pictures that a decoder gives, while they increase, in the stream's time base.

    Raises `Unreadable`, `NotAVideo`, `NoVideoStream` where the file has gone or changed.
    """
    times: list[int] = []
    with StreamReader(path, stream_index) as stream_reader:
        for picture in islice(stream_reader.from_start(), MAX_PICTURES):
            if picture.pts is None or (times and picture.pts <= times[-1]):
                break
            times.append(picture.pts)
    return times
