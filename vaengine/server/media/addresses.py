"""The addresses of what belongs to one video, and how long their answers may be kept."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

from schemas.media.video import Video

PREFIX: Final = "/api/videos/{video_id}"
KEPT: Final = {
    "cache-control": "private, max-age=31536000, immutable"
}  # its address has the content's digest
Seconds = Annotated[float, Query(allow_inf_nan=False)]


def address_of(video: Video, what: str) -> str:
    """The address of a part of a video; another content has another one."""
    return f"{PREFIX.format(video_id=video.video_id)}/{what}?v={video.fingerprint[:16]}"
