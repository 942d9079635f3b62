"""What comes out first where a stream is decoded from its beginning: a recording may begin in the middle
of a group of pictures.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from actors.container.stream_reader import StreamReader

PICTURES: Final = 48  # enough to be past whatever refers to pictures before the beginning


def first_pictures(path: str, stream_index: int) -> list[int]:
    """Times of the first pictures that a decoder gives, as far as they increase, in units of the stream's
    time base.

    Raises `Unreadable`, `NotAVideo`, `NoVideoStream` where the file has gone or changed.
    """
    times: list[int] = []
    with StreamReader(path, stream_index) as reel:
        for picture in islice(reel.from_start(), PICTURES):
            if picture.pts is None or (times and picture.pts <= times[-1]):
                break
            times.append(picture.pts)
    return times
