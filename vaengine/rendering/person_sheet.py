"""Draws a contact sheet of persons: their names, and crops of their faces with where each is from."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from actors.decoding.decoder import ChunkDecoder
from schemas.errors import UsageError, VaengineError
from schemas.media.frames import Pixels
from schemas.media.video import Video
from vaengine import __version__
from vaengine.console.units import clock
from vaengine.people.portraits import Corners, Portrait
from vaengine.people.sheet_rows import SheetRow
from vaengine.planning.plan import chunk_spec
from vaengine.rendering.source_marks import PLACES, SourceMark, digest_of
from vaengine.results.lookup import check_unchanged

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

TILE: Final = 120  # pixels of a crop, on each side
COLUMNS: Final = 8  # at most
MIN_COLUMNS: Final = 4
MARGIN: Final = 14
TITLE_HEIGHT: Final = 46
CAPTION_HEIGHT: Final = 20
AROUND_FACE: Final = 1.5  # side of a crop, of the longer side of the face's box
INK, GREY, PAPER, BLANK = "#111111", "#666666", "#FFFFFF", "#E4E4E4"


def crops_of(
    rows: Sequence[SheetRow],
    videos: Mapping[str, Video],
    tell: Callable[[str], None] = lambda _: None,
) -> dict[Portrait, Pixels]:
    """The crop of each picture, TILE x TILE x 3 uint8 BGR; those of a video that cannot be read are missing.

    `tell` is given a line for each such video.
    """
    by_video: defaultdict[str, list[Portrait]] = defaultdict(list)
    for row in rows:
        for portrait in row.portraits:
            by_video[portrait.video_id].append(portrait)
    crops: dict[Portrait, Pixels] = {}
    for video_id, portraits in by_video.items():
        try:
            crops.update(_crops_of_video(videos[video_id], portraits))
        except VaengineError as error:
            tell(f"{video_id} has no pictures in the sheet: {error}")
    return crops


def _crops_of_video(video: Video, portraits: Sequence[Portrait]) -> dict[Portrait, Pixels]:
    check_unchanged(video)
    by_frame: defaultdict[int, list[Portrait]] = defaultdict(list)
    for portrait in portraits:
        by_frame[portrait.frame_number].append(portrait)
    return {
        portrait: cropped(picture, portrait.xyxy)
        for frame, own in sorted(by_frame.items())
        if (picture := frame_picture(video, frame)) is not None
        for portrait in own
    }


def frame_picture(video: Video, number: int) -> Pixels | None:
    """One frame as it is displayed, H x W x 3 uint8 BGR; None where it gives no picture."""
    first, stop = (number, number + 1) if video.index.exact else (0, len(video.index))
    for frame in ChunkDecoder(chunk_spec(video, first, stop)):
        if frame.number == number and not frame.is_trailing:
            picture: Pixels = frame.bgr(is_upright=True)
            return picture
    return None


def cropped(picture: Pixels, xyxy: Corners) -> Pixels:
    """A square around a box with some of its surroundings, TILE x TILE; the picture's edge is continued."""
    import cv2

    left, top, right, bottom = xyxy
    side = max(2, round(AROUND_FACE * max(right - left, bottom - top)))
    x, y = round((left + right - side) / 2), round((top + bottom - side) / 2)
    height, width = picture.shape[:2]
    columns = np.clip(np.arange(x, x + side), 0, width - 1)
    lines = np.clip(np.arange(y, y + side), 0, height - 1)
    square = np.ascontiguousarray(picture[np.ix_(lines, columns)])
    method = cv2.INTER_AREA if side > TILE else cv2.INTER_CUBIC
    tile: Pixels = cv2.resize(square, (TILE, TILE), interpolation=method)
    return tile


def sheet_mark(rows: Sequence[SheetRow], videos: Mapping[str, Video]) -> SourceMark:
    """The mark of a sheet: another one where persons, boxes or videos differ."""
    contents = {video_id: video.fingerprint for video_id, video in videos.items()}
    return SourceMark("plot", "people", digest_of(__version__, list(rows), sorted(contents.items())))


def sheet_bytes(
    rows: Sequence[SheetRow], crops: Mapping[Portrait, Pixels], mark: SourceMark | None = None
) -> bytes:
    """The sheet as a PNG file; equal rows and crops give equal bytes. Raises `UsageError` without rows."""
    from PIL import Image
    from PIL.ImageDraw import Draw
    from PIL.PngImagePlugin import PngInfo

    if not rows:
        raise UsageError("there is nobody to show: `vaengine person name` gives somebody a name")
    heights = [_height(row) for row in rows]
    columns = min(COLUMNS, max(MIN_COLUMNS, *(len(row.portraits) for row in rows)))
    width = MARGIN + columns * (TILE + MARGIN)
    sheet = Image.new("RGB", (width, sum(heights) + MARGIN), PAPER)
    pen, top = Draw(sheet), MARGIN
    for row, height in zip(rows, heights, strict=True):
        _draw_row(sheet, pen, row, top, crops)
        top += height
    notes, buffer = PngInfo(), io.BytesIO()
    if mark is not None:
        notes.add_text(PLACES["png"], str(mark))
    sheet.save(buffer, "PNG", pnginfo=notes)
    return buffer.getvalue()


def _height(row: SheetRow) -> int:
    lines = -(-len(row.portraits) // COLUMNS)
    return TITLE_HEIGHT + lines * (TILE + CAPTION_HEIGHT) + MARGIN


def _draw_row(sheet: Any, pen: ImageDraw, row: SheetRow, top: int, crops: Mapping[Portrait, Pixels]) -> None:
    from PIL import Image

    room = sheet.width - 2 * MARGIN
    pen.text((MARGIN, top), _fitting(row.title, 20, room), font=_font(20), fill=INK)
    pen.text((MARGIN, top + 26), _fitting(row.about, 12, room), font=_font(12), fill=GREY)
    for position, portrait in enumerate(row.portraits):
        line, column = divmod(position, COLUMNS)
        x = MARGIN + column * (TILE + MARGIN)
        y = top + TITLE_HEIGHT + line * (TILE + CAPTION_HEIGHT)
        crop = crops.get(portrait)
        if crop is None:
            pen.rectangle((x, y, x + TILE - 1, y + TILE - 1), fill=BLANK)
            pen.text((x + TILE / 2, y + TILE / 2), "no picture", font=_font(12), fill=GREY, anchor="mm")
        else:
            sheet.paste(Image.fromarray(np.ascontiguousarray(crop[:, :, ::-1])), (x, y))
        pen.text((x, y + TILE + 3), _fitting(_caption(portrait), 11, TILE), font=_font(11), fill=GREY)


def _caption(portrait: Portrait) -> str:
    """Where a picture is from: the time first, which is never cut, and the video's name."""
    return f"{clock(portrait.time_s)} {portrait.video_id.rpartition('-')[0] or portrait.video_id}"


def _fitting(text: str, size: int, room: float) -> str:
    """The text, cut to so many pixels."""
    if _font(size).getlength(text) <= room:
        return text
    while text and _font(size).getlength(f"{text}…") > room:
        text = text[:-1]
    return f"{text}…"


@lru_cache(maxsize=4)
def _font(size: int) -> FreeTypeFont:
    """DejaVu Sans from matplotlib, as subtitles have; characters that it lacks appear as boxes."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    path = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
