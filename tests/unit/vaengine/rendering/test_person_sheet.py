"""A sheet shows the faces of each person: the best of each video, cut out of the right frames."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from actors.probing.probe import probe
from schemas.annotations.annotation import BBox
from schemas.errors import UsageError
from schemas.media.video import Video
from tests.support.stores.fake_rows import Rows
from vaengine.people.portraits import Portrait, best
from vaengine.people.sheet_rows import SheetRow
from vaengine.rendering.person_sheet import (
    CAPTION_HEIGHT,
    COLUMNS,
    MARGIN,
    TILE,
    TITLE_HEIGHT,
    cropped,
    crops_of,
    sheet_bytes,
    sheet_mark,
)
from vaengine.rendering.source_marks import mark_in

FRAMES, SIDE = 12, 96


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    """Frame n is black with a square of brightness 20 n at 32, 32."""
    path = tmp_path_factory.mktemp("video") / "squares.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1", "bf": "0"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for number in range(FRAMES):
            picture = np.zeros((SIDE, SIDE, 3), np.uint8)
            picture[32:64, 32:64] = 20 * number
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return probe(str(path))


def portrait(video: Video, frame: int, label: str = "face_0001") -> Portrait:
    return Portrait(video.video_id, label, frame, frame / 25, (32.0, 32.0, 64.0, 64.0))


def test_each_picture_is_of_its_own_frame(video: Video) -> None:
    rows = [SheetRow("Anna", "", tuple(portrait(video, frame) for frame in (11, 0, 5)))]
    crops = crops_of(rows, {video.video_id: video})
    middles = {one.frame_number: int(crop[TILE // 2, TILE // 2].mean()) for one, crop in crops.items()}
    assert middles == pytest.approx({0: 0, 5: 100, 11: 220}, abs=4)
    assert all(crop.shape == (TILE, TILE, 3) for crop in crops.values())
    assert crops[portrait(video, 11)][2, 2].max() < 20  # surroundings of the square


def test_a_video_that_cannot_be_read_has_blank_tiles_and_a_line(video: Video) -> None:
    gone, told = replace(video, video_id="gone-1", path="/nowhere/gone.mp4"), []
    rows = [SheetRow("Anna", "", (portrait(video, 3), portrait(gone, 3)))]
    crops = crops_of(rows, {video.video_id: video, "gone-1": gone}, told.append)
    assert [one.video_id for one in crops] == [video.video_id]
    assert len(told) == 1
    assert told[0].startswith("gone-1 has no pictures in the sheet: ")
    assert sheet_bytes(rows, crops)


def test_a_box_at_the_edge_continues_the_edge_of_the_picture() -> None:
    picture = np.full((100, 100, 3), 50, np.uint8)
    picture[:, :5] = 200
    tile = cropped(picture, (-10.0, 40.0, 10.0, 60.0))
    assert tile[:, : TILE // 3].min() == 200
    assert tile[:, -5:].max() == 50


def test_a_sheet_has_a_block_for_each_person_and_is_the_same_again(video: Video) -> None:
    many = tuple(portrait(video, frame) for frame in range(COLUMNS + 1))
    rows = [SheetRow("Anna " * 60, "in 1 video", many), SheetRow("Bob", "in 1 video · 1 speaker")]
    crops = crops_of(rows[:1], {video.video_id: video})
    made = sheet_bytes(rows, crops)
    assert made == sheet_bytes(rows, crops)
    with Image.open(io.BytesIO(made)) as picture:
        line = TILE + CAPTION_HEIGHT
        assert picture.size == (
            MARGIN + COLUMNS * (TILE + MARGIN),
            3 * MARGIN + 2 * TITLE_HEIGHT + 2 * line,
        )
        last = (MARGIN + TILE // 2, MARGIN + TITLE_HEIGHT + line + TILE // 2)
        assert picture.convert("L").getpixel(last) == pytest.approx(20 * COLUMNS, abs=4)


def test_the_mark_of_a_sheet_tells_when_it_is_out_of_date(video: Video, tmp_path: Path) -> None:
    rows, videos = [SheetRow("Anna", "", (portrait(video, 1),))], {video.video_id: video}
    mark = sheet_mark(rows, videos)
    (tmp_path / "people.png").write_bytes(sheet_bytes(rows, {}, mark))
    assert mark_in(tmp_path / "people.png") == mark
    assert sheet_mark([replace(rows[0], title="Bob")], videos) != mark


def test_a_sheet_of_nobody_is_refused() -> None:
    with pytest.raises(UsageError, match="vaengine person name"):
        sheet_bytes([], {})


def test_the_largest_and_surest_faces_are_taken_in_turns_some_time_apart() -> None:
    faces = [
        replace(Rows().face(25 * second, label), bbox=BBox(0.0, 0.0, size, size))
        for label, second, size in (
            ("face_0001", 0, 30.0),
            ("face_0001", 2, 50.0),
            ("face_0001", 4, 40.0),
            ("face_0002", 1, 10.0),
            ("face_0003", 1, 99.0),
        )
    ]
    close = replace(Rows().face(51, "face_0001"), bbox=BBox(0.0, 0.0, 49.0, 49.0))
    chosen = best([*faces, close], {"face_0001", "face_0002"}, 3)
    assert [(one.label, one.time_s) for one in chosen] == [
        ("face_0001", 2.0),
        ("face_0002", 1.0),
        ("face_0001", 4.0),
        ("face_0001", 0.0),
    ]


def test_of_a_track_the_head_is_shown() -> None:
    from tests.support.stores.fake_videos import Clip

    clip = Clip()
    (row,) = clip.boxes(clip.key("person_tracking"), 3, 1, "person_0001", per_frame=1)
    (head,) = best([row], {"person_0001"}, 1)
    assert head.xyxy == (10.0, 1.0, 74.5, pytest.approx(1.0 + 0.3 * 128.0))
