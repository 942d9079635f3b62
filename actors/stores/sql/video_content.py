"""Videos by their content, without an index of it: the end of a video's id is part of its fingerprint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# Hex digits at the end of every id; of a longer one they are the fingerprint's second eight.
ENDING: Final = 8


def content_endings(fingerprints: Iterable[str]) -> frozenset[str]:
    """How ids of videos with these fingerprints may end (`schemas.media.video.video_id_for`); other
    contents may share an ending.
    """
    return frozenset(part for one in fingerprints for part in (one[:ENDING], one[ENDING : 2 * ENDING]))
