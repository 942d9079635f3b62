"""The process that decodes for a server: what breaks a decoder ends this process, and no other."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any, Final

from actors.child_process import attach
from schemas.errors import VaengineError
from schemas.media.frames import Pixels
from vaengine.server.media.requests import Failed, PictureOrder, PreviewOrder, PreviewProgress

JPEG_QUALITY: Final = 82
PREVIEW_CRF: Final = 24
TOLD_EVERY: Final = 25  # frames


def main(descriptor: int) -> int:
    """Carry out orders until the connection is closed.

    A picture is answered with its JPEG, a preview with its progress and at last True; both with `Failed`.
    """
    connection = attach(descriptor, outlives_thread=True)  # threads of a server come and go
    while True:
        try:
            order = connection.recv()
        except EOFError:
            return 0
        try:
            answer = _carried_out(order, connection)
        except (VaengineError, OSError) as error:
            answer = Failed(str(error))
        try:
            connection.send(answer)
        except BrokenPipeError:
            return 0


def _carried_out(order: PictureOrder | PreviewOrder, connection: Connection) -> Any:
    if isinstance(order, PictureOrder):
        return jpeg_of(order)
    make_preview(order, connection)
    return True


def jpeg_of(order: PictureOrder) -> bytes:
    """The picture of an order as JPEG; raises the decoder's `VideoError`s."""
    import cv2

    from vaengine.rendering.matches.match_pictures import frame_at
    from vaengine.rendering.person_sheet import cropped

    frame = frame_at(order.video, order.time_s)
    picture = _narrowed(frame, order.width) if order.box is None else cropped(frame, order.box)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)


def make_preview(order: PreviewOrder, connection: Connection) -> None:
    """Write a preview whole or not at all: H.264 with every frame at its own time, and the sound.

    Raises `UsageError` without an encoder, the decoder's `VideoError`s, `DiskFull`.
    """
    from vaengine.rendering.output_file import whole_file
    from vaengine.rendering.video_part import Extent, PartCoding, RenderProgress, write_part
    from vaengine.rendering.video_writer import check_encoder
    from vaengine.results.lookup import check_unchanged

    check_encoder()
    check_unchanged(order.video)
    width, height = preview_size(order.video.width, order.video.height, order.height)

    def tell(progress: RenderProgress) -> None:
        if progress.frames_done % TOLD_EVERY == 0:
            connection.send(PreviewProgress(progress.frames_done, progress.frames_total))

    def draw(picture: Pixels, _number: int, _time_s: float) -> Pixels:
        return _resized(picture, width, height)

    coding = PartCoding(width, height, PREVIEW_CRF, with_sound=True, tags={})
    with whole_file(order.target) as file:
        write_part(Extent.of(order.video, None, None), file, "mp4", draw, coding, tell)


def preview_size(width: int, height: int, most: int) -> tuple[int, int]:
    """Width and height of a preview, both even, at most `most` high and never larger than the video."""
    high = max(2, min(height, most) // 2 * 2)
    return max(2, round(width * high / height / 2) * 2), high


def _narrowed(picture: Pixels, width: int) -> Pixels:
    height, own = picture.shape[:2]
    return picture if own <= width else _resized(picture, width, max(1, round(height * width / own)))


def _resized(picture: Pixels, width: int, height: int) -> Pixels:
    import cv2

    smaller: Pixels = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return smaller
