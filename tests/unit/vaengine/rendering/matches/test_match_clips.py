"""Matches as video files and as a contact sheet: which frames are there, and what is left out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from actors.probing.probe import probe
from actors.stores import open_store
from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY, BBox, annotation_id, job_id_for
from schemas.errors import UsageError
from schemas.media.video import Video
from schemas.pipelines import FACE
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from tests.support.media import clips
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN
from vaengine.queries.match import Match
from vaengine.rendering.matches import contact_sheet as sheets
from vaengine.rendering.matches.contact_sheet import (
    SheetLayout,
    font,
    shortened,
    wrapped,
    write_contact_sheet,
)
from vaengine.rendering.matches.match_clips import clip_name, write_clips
from vaengine.rendering.matches.match_pictures import frame_at, match_pictures

FPS = 25


@dataclass
class Kept:
    """A store with one video, whose pictures carry their numbers, and a face in frame 30."""

    store: StorageBackend
    video: Video

    def match(self, start_s: float, end_s: float, *ids: str, **facts: object) -> Match:
        return Match(
            self.video.video_id, self.video.path, start_s, end_s, "it is", annotation_ids=ids, **facts
        )


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("kept")
    path = folder / "süd talk.mp4"
    shutil.copy(clips.with_cuts(folder).path, path)
    video = probe(str(path))
    key = WorkKey(video.video_id, FACE, "c1")
    made = Rows(video.video_id)
    rows = [
        replace(
            row,
            annotation_id=annotation_id(video.video_id, FACE, "c1", row.annotation_type, at, 0),
            confidence=0.5 + at / 10,
        )
        for at, row in enumerate([made.face(10), made.face(30), made.identity("face_0001", 10, 31)])
    ]
    with closing(open_store(f"sqlite:///{folder}/store.db")) as store:
        results = {FACE: PipelineResult(FACE, "c1", JobStatus.PENDING)}
        job = BatchJob(
            job_id_for(video.video_id, {FACE: "c1"}),
            path,
            folder,
            {},
            video.video_id,
            JobStatus.PENDING,
            results,
        )
        epoch = store.open_run(RUN)
        store.register(epoch, [video], [job])
        store.finish(epoch, Outcome(key, job.job_id, JobStatus.COMPLETED, tuple(rows)))
        yield Kept(store, video)


def id_of(kept: Kept, kind: str, at: int) -> str:
    return annotation_id(kept.video.video_id, FACE, "c1", kind, at, 0)


def numbers_in(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [clips.number_of(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def test_a_clip_has_the_frames_of_its_match_and_a_little_more_at_their_times(
    kept: Kept, tmp_path: Path
) -> None:
    written = write_clips(kept.store, [kept.match(1.0, 1.4)], tmp_path, pad_s=0.2)
    assert [path.name for path in written.paths] == ["001_süd_talk_1.0-1.4.mp4"]
    assert numbers_in(written.paths[0]) == list(range(20, 40))
    with av.open(str(written.paths[0])) as container:
        assert [frame.time for frame in container.decode(video=0)][:3] == pytest.approx([0.0, 0.04, 0.08])


def test_a_single_frame_without_padding_is_that_frame(kept: Kept, tmp_path: Path) -> None:
    written = write_clips(kept.store, [kept.match(30 / FPS, 30 / FPS)], tmp_path, pad_s=0)
    assert numbers_in(written.paths[0]) == [30]


def test_clips_that_are_there_are_kept_and_other_files_are_not_replaced(kept: Kept, tmp_path: Path) -> None:
    (path,) = write_clips(kept.store, [kept.match(0.0, 0.2)], tmp_path, pad_s=0).paths
    made_ns = path.stat().st_mtime_ns
    assert write_clips(kept.store, [kept.match(0.0, 0.2)], tmp_path, pad_s=0).paths == (path,)
    assert path.stat().st_mtime_ns == made_ns
    path.write_bytes(b"my own")
    with pytest.raises(UsageError, match="is there already"):
        write_clips(kept.store, [kept.match(0.0, 0.2)], tmp_path, pad_s=0)


def test_a_match_whose_video_is_not_there_is_left_out_and_said(kept: Kept, tmp_path: Path) -> None:
    unknown = Match("gone-00000000", "/clips/gone.mp4", 0.0, 1.0)
    written = write_clips(kept.store, [unknown, kept.match(0.0, 0.1)], tmp_path, pad_s=0)
    assert [path.name for path in written.paths] == ["002_süd_talk_0.0-0.1.mp4"]
    assert written.left_out == ("1: gone-00000000 has no pictures",)
    (sheet,) = match_pictures(kept.store, [unknown])
    assert (sheet.pixels, sheet.fault) == (None, "gone-00000000 has no pictures")


def test_the_name_of_a_clip_is_one_that_every_file_system_takes() -> None:
    match = Match("clip-aaaaaaaa", "/clips/a: <b>|\n../c?.mp4", 1.0, 2.5)
    assert clip_name(match, 12) == "012_c_1.0-2.5.mp4"
    assert clip_name(replace(match, path="/clips/….mp4"), 1) == "001_clip-aaaaaaaa_1.0-2.5.mp4"


def test_a_frame_is_the_one_that_is_shown_at_a_time(kept: Kept) -> None:
    for time_s, number in ((0.0, 0), (1.19, 29), (1.2, 30), (1.21, 30), (99.0, 69)):
        assert clips.number_of(frame_at(kept.video, time_s)[:, :, ::-1]) == number


def test_a_face_is_shown_in_its_frame_and_an_identity_at_its_surest_face(kept: Kept) -> None:
    face = kept.match(0.4, 0.4, id_of(kept, FACE_DETECTION, 0))
    identity = kept.match(0.4, 1.24, id_of(kept, FACE_IDENTITY, 2))
    other = kept.match(0.0, 2.0)
    pictures = match_pictures(kept.store, [identity, face, other])
    assert [picture.time_s for picture in pictures] == pytest.approx([1.2, 0.4, 1.0])
    assert [picture.box for picture in pictures] == [BBox(10.0, 20.0, 40.0, 50.0)] * 2 + [None]
    shown = [
        clips.number_of(picture.pixels[:, :, ::-1]) for picture in pictures if picture.pixels is not None
    ]
    assert shown == [30, 10, 25]


def test_a_contact_sheet_shows_each_match_and_replaces_only_a_sheet(kept: Kept, tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    matches = [kept.match(0.1 * at, 0.1 * at, score=1 - at / 10) for at in range(4)]
    assert write_contact_sheet(kept.store, matches, target, title="talk") == target
    with Image.open(target) as sheet:
        assert sheet.size == SheetLayout(4).size
        pixels = np.asarray(sheet.convert("RGB"))
    for number in range(4):
        left, top = SheetLayout(4).corner(number)
        card = pixels[top + 20 : top + sheets.PICTURE_HEIGHT - 40, left + 60 : left + 300]
        assert card.std() > 10  # there is a picture
    write_contact_sheet(kept.store, matches[:1], target, title="talk")
    with Image.open(target) as sheet:
        assert sheet.size == SheetLayout(1).size
    target.write_bytes(b"my own")
    with pytest.raises(UsageError, match="is there already"):
        write_contact_sheet(kept.store, matches, target, title="talk")


def test_a_contact_sheet_of_nothing_or_of_another_ending_is_refused(kept: Kept, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing was found"):
        write_contact_sheet(kept.store, [], tmp_path / "sheet.png", title="")
    with pytest.raises(UsageError, match=r"\.png"):
        write_contact_sheet(kept.store, [kept.match(0.0, 0.0)], tmp_path / "sheet.jpg", title="")


@given(st.integers(1, sheets.MAX_CARDS))
def test_cards_lie_on_the_sheet_and_do_not_overlap(count: int) -> None:
    layout = SheetLayout(count)
    corners = [layout.corner(number) for number in range(count)]
    width, height = layout.size
    assert len(set(corners)) == count
    for left, top in corners:
        assert sheets.MARGIN <= left <= width - sheets.MARGIN - sheets.CARD_WIDTH
        assert top + sheets.PICTURE_HEIGHT + sheets.TEXT_HEIGHT <= height - sheets.MARGIN


@given(st.text(st.characters(codec="ascii"), max_size=120), st.integers(40, 400), st.integers(1, 3))
def test_words_stay_within_their_lines(text: str, width: int, lines: int) -> None:
    letters = font(14)
    assert letters.getlength(shortened(text, letters, width)) <= width
    drawn = list(wrapped(text, letters, width, lines))
    assert len(drawn) <= lines
    assert all(letters.getlength(line) <= width for line in drawn)
