"""Files of one video, by its id: the video itself, its preview, pictures of its frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from schemas.errors import NotFound, UsageError
from schemas.media.video import Video
from schemas.paths import is_url
from vaengine.results.lookup import check_unchanged
from vaengine.server.context import Reader
from vaengine.server.error_answers import declared
from vaengine.server.media.addresses import KEPT, PREFIX, Seconds, address_of
from vaengine.server.media.answers import Preview
from vaengine.server.media.content import frame_before, times_of, video_of
from vaengine.server.media.requests import PictureOrder
from vaengine.server.media.shelf import Shelf

EARLY_SHARE: Final = 0.1  # of a video, where a picture of it is taken that nobody chose the time of
CONTENT_TYPES: Final = {"matroska": "video/webm", "webm": "video/webm", "ogg": "video/ogg"}

router = APIRouter(prefix=PREFIX, tags=["media"], responses=declared(400, 401, 404))


@router.get("/thumbnail", response_class=FileResponse)
def thumbnail(
    video_id: str,
    store: Reader,
    shelf: Shelf,
    t: Seconds | None = None,
    width: Annotated[int, Query(ge=16, le=1920)] = 320,
) -> FileResponse:
    """The frame that is shown at `t` seconds as JPEG; without `t` one near the beginning."""
    video = _with_pictures(video_of(store, video_id))
    time_s = EARLY_SHARE * video.duration_s if t is None else t
    return _picture(shelf, PictureOrder(video, _frame_time_s(video, time_s), width))


@router.get("/portrait", response_class=FileResponse)
def portrait(
    video_id: str,
    store: Reader,
    shelf: Shelf,
    frame: Annotated[int, Query(ge=0)],
    box: Annotated[str, Query(pattern=r"^-?\d+(\.\d+)?(,-?\d+(\.\d+)?){3}$", max_length=80)],
) -> FileResponse:
    """A square around a box of a frame as JPEG; `box` is left,top,right,bottom in displayed pixels."""
    video = _with_pictures(video_of(store, video_id))
    if frame >= len(video.index):
        raise UsageError(f"{video_id} has no frame {frame}: it has {len(video.index)}")
    left, top, right, bottom = (float(side) for side in box.split(","))
    corners = (max(left, 0.0), max(top, 0.0), min(right, video.width), min(bottom, video.height))
    if corners[0] >= corners[2] or corners[1] >= corners[3]:
        raise UsageError(f"the box {box} lies outside the picture, which is {video.width} x {video.height}")
    return _picture(shelf, PictureOrder(video, video.time_s(int(video.index.pts[frame])), 0, corners))


@router.head("/media", include_in_schema=False)
@router.get("/media", response_class=FileResponse)
def media(video_id: str, store: Reader) -> FileResponse:
    """The video itself, whole or by byte ranges."""
    video = video_of(store, video_id)
    if is_url(video.path):
        raise UsageError(f"{video_id} lies behind an address: it is shown by its preview")
    check_unchanged(video)
    return FileResponse(video.path, media_type=_content_type(video), headers=KEPT)


@router.head("/preview", include_in_schema=False)
@router.get("/preview", response_class=FileResponse)
def preview(video_id: str, store: Reader, shelf: Shelf) -> FileResponse:
    """The preview of a video, for browsers that cannot play it; whole or by byte ranges."""
    path = shelf.previews.file(video_of(store, video_id))
    if path is None:
        raise NotFound(f"preview of {video_id}", "the server: POST .../preview makes one")
    return FileResponse(path, media_type="video/mp4", headers=KEPT)


@router.get("/preview/state")
def preview_state(video_id: str, store: Reader, shelf: Shelf) -> Preview:
    """How far the preview of a video is."""
    video = video_of(store, video_id)
    return Preview.of(shelf.previews.state(video), address_of(video, "preview"))


@router.post("/preview", status_code=202)
def make_preview(video_id: str, store: Reader, shelf: Shelf) -> Preview:
    """Have a preview made, unless it is there or on its way."""
    video = _with_pictures(video_of(store, video_id))
    return Preview.of(shelf.previews.make(video), address_of(video, "preview"))


def _content_type(video: Video) -> str:
    """What a browser is told a file is; it looks for itself, and only has to be told to try."""
    return next((kind for name, kind in CONTENT_TYPES.items() if name in video.container), "video/mp4")


def _with_pictures(video: Video) -> Video:
    if not video.has_pictures:
        raise UsageError(f"{video.video_id} is sound alone: it has no pictures")
    return video


def _frame_time_s(video: Video, time_s: float) -> float:
    """The time of the frame that is shown at a time: times of one frame have one picture."""
    times_s = times_of(video)
    return float(times_s[frame_before(times_s, time_s)])


def _picture(shelf: Shelf, order: PictureOrder) -> FileResponse:
    path: Path = shelf.pictures.of(order)
    return FileResponse(path, media_type="image/jpeg", headers=KEPT)
