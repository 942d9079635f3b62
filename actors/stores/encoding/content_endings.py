"""Finds videos by content without an index of it: the end of a video's id is part of its fingerprint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# Hex digits of the fingerprint at the end of every id; in a longer id they are its second eight.
ENDING: Final = 8


def content_endings(fingerprints: Iterable[str]) -> frozenset[str]:
    """The possible ends of the ids of videos with these fingerprints; other contents may share one.

    See `schemas.media.video.video_id_for`.
    """
    return frozenset(
        part
        for fingerprint in fingerprints
        for part in (fingerprint[:ENDING], fingerprint[ENDING : 2 * ENDING])
    )
