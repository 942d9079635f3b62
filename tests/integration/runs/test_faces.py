"""Faces through the whole engine, with real weights: who is who, whose face it is, and nothing about how
it is run changes a row.
"""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from actors.faces.model_pack import pack_digest
from actors.stores import open_store
from schemas.annotations.annotation import FACE_DETECTION, FACE_IDENTITY, PERSON_TRACK
from schemas.pipelines import FACE, PERSON
from schemas.storage.backend import Embeddings
from schemas.work.chunk import WorkKey
from tests.conftest import SHARED
from tests.support.media import clips
from tests.support.media.neural import neural
from tests.support.runs import runs
from vaengine.cli.app import outcome

pytestmark = pytest.mark.shared

PACK = SHARED / "models" / "insightface" / "models" / "test_pack"
MEDIA = SHARED / "media"
TALKERS = MEDIA / "derived" / "grid_11_talkers_33s.mp4"


def faces(**told: Any) -> dict[str, Any]:
    """Settings as `vaengine run --set face.pack=...` would fit them, dots written as `__`."""
    pack = {"face__pack": str(PACK), "face__pack_sha256": pack_digest(PACK), "face__device": "cpu"}
    return {"face__detector": "scrfd", "face__link_persons": False, **pack, **told}


def found(out: Path, name: str, kind: str) -> list[Any]:
    return [row for row in runs.rows(runs.sqlite(out), FACE)[name] if row.annotation_type == kind]


@pytest.fixture(scope="module")
def talkers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("talkers")
    assert runs.run([TALKERS], out, pipelines=[FACE], **faces()).completed == 1
    return out


@pytest.mark.long
def test_ten_persons_are_found_in_eleven_clips_and_who_talks_twice_is_one(talkers: Path) -> None:
    people = found(talkers, TALKERS.name, FACE_IDENTITY)
    assert len(people) == 10
    by_clip = [
        {
            row.face_id
            for row in found(talkers, TALKERS.name, FACE_DETECTION)
            if int(row.timestamp_seconds // 3) == n
        }
        for n in range(11)
    ]
    assert all(len(ids) == 1 for ids in by_clip), by_clip
    assert by_clip[2] == by_clip[7], "clips 3 and 8 are one person"


def test_embeddings_of_faces_and_identities_are_stored_with_the_name_of_their_model(talkers: Path) -> None:
    store = open_store(runs.sqlite(talkers), read_only=True)
    (job,) = store.jobs()
    key = WorkKey(job.video_id, FACE, job.pipeline_results[FACE].config_hash)
    stored, rows = store.embeddings(key), store.annotations(key)
    store.close()
    assert isinstance(stored, Embeddings)
    assert sorted(stored.annotation_ids) == sorted(row.annotation_id for row in rows)
    assert stored.vectors.shape == (len(rows), 128)
    assert np.allclose(np.linalg.norm(stored.vectors, axis=1), 1, atol=1e-5)
    assert stored.model == f"test_pack@{pack_digest(PACK)[:12]}"


def test_a_picture_of_a_talker_finds_that_talker_and_a_tight_cut_of_the_face_does_too(
    talkers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_cache: Path
) -> None:
    """Somebody who talks in the third clip, in a frame that the run did not look at."""
    with av.open(str(TALKERS)) as container:
        picture = next(frame for frame in container.decode(video=0) if frame.time >= 7.25).to_image()
    picture.save(tmp_path / "talker.png")
    face = min(
        found(talkers, TALKERS.name, FACE_DETECTION), key=lambda row: abs((row.timestamp_seconds or 0) - 7.25)
    )
    box = face.bbox
    picture.crop((box.x, box.y, box.x + box.width, box.y + box.height)).save(tmp_path / "face.png")
    for name in ("talker.png", "face.png"):
        assert outcome(["similar", str(tmp_path / name), "--out", str(talkers), "--json", "-k", "2"]) == 0
        first, second, _ = map(json.loads, capsys.readouterr().out.splitlines())
        assert face.face_id in first["why"]
        assert first["score"] > 0.6
        assert second["score"] < 0.45


@pytest.mark.long
def test_neither_workers_nor_chunks_change_a_face(talkers: Path, tmp_path: Path) -> None:
    runs.run([TALKERS], tmp_path, pipelines=[FACE], **faces(), engine__workers=4, engine__chunk_seconds=2.0)
    assert runs.digest(runs.sqlite(tmp_path)) == runs.digest(runs.sqlite(talkers))


@pytest.mark.long
def test_batch_mates_change_no_face(tmp_path: Path) -> None:
    grid = sorted((MEDIA / "video" / "grid").glob("*.mpg"))[:2]
    both = [*grid, MEDIA / "video" / "pyfeat_single_face.mp4"]
    for name, videos in (("alone", grid[:1]), ("together", both[::-1])):
        assert runs.run(videos, tmp_path / name, pipelines=[FACE], **faces()).completed == len(videos)
    alone = found(tmp_path / "alone", grid[0].name, FACE_DETECTION)
    assert alone
    assert alone == found(tmp_path / "together", grid[0].name, FACE_DETECTION)


def test_a_face_is_linked_to_its_person_track(empty_cache: Path, tmp_path: Path) -> None:
    clip = MEDIA / "video" / "grid" / "bbaf2n.mpg"
    told = neural(empty_cache) | faces(face__link_persons=True)
    assert runs.run([clip], tmp_path, pipelines=[PERSON, FACE], **told).completed == 1
    (track,) = [
        row
        for row in runs.rows(runs.sqlite(tmp_path), PERSON)[clip.name]
        if row.annotation_type == PERSON_TRACK
    ]
    seen = found(tmp_path, clip.name, FACE_DETECTION)
    assert len(seen) == 6, "a face in each half second of three"
    assert {row.person_id for row in seen} == {track.person_id}
    assert [row.person_id for row in found(tmp_path, clip.name, FACE_IDENTITY)] == [track.person_id]


def test_no_face_at_all_is_stored_as_a_result(tmp_path: Path) -> None:
    clip = MEDIA / "video" / "pyfeat_no_face.mp4"
    assert runs.run([clip], tmp_path, pipelines=[FACE], **faces()).completed == 1
    assert found(tmp_path, clip.name, FACE_DETECTION) == []
    assert runs.run([clip], tmp_path, pipelines=[FACE], **faces()).skipped == 1


def test_faces_come_and_go_as_they_do_in_the_picture(tmp_path: Path) -> None:
    """Every tenth frame of the recording has been looked at by eye: a face in the first eight, none in
    the nine after.
    """
    clip = MEDIA / "video" / "pyfeat_face_noface.mov"
    assert runs.run([clip], tmp_path, pipelines=[FACE], **faces(face__sample_fps=240.0)).completed == 1
    by_frame = [
        sum(row.frame_number == frame for row in found(tmp_path, clip.name, FACE_DETECTION))
        for frame in range(0, 170, 10)
    ]
    assert by_frame == [1] * 8 + [0] * 9


def lying(upright: Path, folder: Path) -> Path:
    """The first pictures of a clip, stored on their left side and displayed as they were."""
    with av.open(str(upright)) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(video=0), 25)]
    height, width = shown[0].shape[:2]
    times_s = tuple(Fraction(n, 25) for n in range(len(shown)))
    clip = clips.Clip(folder, len(shown), Fraction(25), width, height, times_s, rotation=90)
    return clips.rendered(clip, clips.Coding(), lambda n: np.ascontiguousarray(np.rot90(shown[n]))).path


def test_faces_in_a_turned_video_lie_in_the_picture_as_displayed(tmp_path: Path) -> None:
    upright = MEDIA / "derived" / "h264_aac.mp4"
    turned = lying(upright, tmp_path / "clips")
    assert (
        runs.run([upright, turned], tmp_path, pipelines=[FACE], **faces(face__min_confidence=0.3)).completed
        == 2
    )
    store = open_store(runs.sqlite(tmp_path), read_only=True)
    sizes = {job.video_path.name: store.videos([job.video_id])[job.video_id] for job in store.jobs()}
    store.close()
    assert (sizes[turned.name].width, sizes[turned.name].height) == (
        sizes[upright.name].width,
        sizes[upright.name].height,
    )
    rows = found(tmp_path, turned.name, FACE_DETECTION)
    assert rows
    for row in rows:
        assert row.bbox.x + row.bbox.width <= sizes[turned.name].width
        assert row.bbox.y + row.bbox.height <= sizes[turned.name].height


def test_the_cascade_finds_frontal_faces_and_says_nothing_of_who_they_are(tmp_path: Path) -> None:
    clip = MEDIA / "video" / "grid" / "bbaf2n.mpg"
    assert runs.run([clip], tmp_path, pipelines=[FACE], face__link_persons=False).completed == 1
    seen = found(tmp_path, clip.name, FACE_DETECTION)
    assert len(seen) >= 4
    assert {row.face_id for row in seen} == {None}
    assert found(tmp_path, clip.name, FACE_IDENTITY) == []
