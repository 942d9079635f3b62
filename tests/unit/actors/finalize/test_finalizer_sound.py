"""The finalizer over sound, and over faces that have to know who is tracked: each ends when it can,
whatever comes first.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.finalize.finalizer import Finalizer
from actors.sources.content import fingerprint_of
from actors.stores import open_store
from schemas.annotations.annotation import FACE_DETECTION, LOUDNESS
from schemas.inference.detections import Detections
from schemas.inference.transcript import AudioAnalysis
from schemas.media.audio import SAMPLE_RATE, AudioStream
from schemas.media.video import FrameIndex, StreamFault, Video
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.settings.settings import AudioSettings, Settings, config_hash
from schemas.storage.backend import StorageBackend
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.messages import BlockEnd, ChunkEnd, ChunkFailure, DetectionsMessage
from schemas.work.run import RunInfo
from tests.support.runs import planned
from tests.support.runs.heard import Heard as Told
from vaengine.planning.plan import blocks_of, chunks_of

SETTINGS = Settings()
SOUND = AudioStream(1, "aac", 48000, 2, Fraction(1, 48000), 0, 48000 * 150)  # 150 s: two blocks
Opened = Callable[..., tuple[StorageBackend, Finalizer, Told, Video]]


def key(pipeline: str, settings: Settings = SETTINGS) -> WorkKey:
    return WorkKey("v", pipeline, config_hash(settings, pipeline))


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A store with one registered video, and a finalizer over it."""

    def make(
        *pipelines: str, sound: AudioStream | None = SOUND, settings: Settings = SETTINGS, **facts: Any
    ) -> tuple[StorageBackend, Finalizer, Told, Video]:
        video = replace(planned.video(100, 25), sound=sound, **facts)
        store = open_store(f"files:{tmp_path}")
        epoch = store.open_run(RunInfo("batch", "here", 1, {}, ()))
        results = {
            name: PipelineResult(name, key(name, settings).config_hash, JobStatus.RUNNING)
            for name in pipelines
        }
        store.register(
            epoch, [video], [BatchJob("job", Path(video.path), tmp_path, {}, "v", JobStatus.RUNNING, results)]
        )
        told = Told()
        finalizer = Finalizer(store, told, epoch, settings, lambda _: "job")
        return store, finalizer, told, video

    return make


def status(store: StorageBackend, pipeline: str) -> PipelineResult:
    return store.load_job_metadata("job").pipeline_results[pipeline]


def heard(block: AudioBlock, **told: Any) -> AudioAnalysis:
    seconds = np.arange(block.first // SAMPLE_RATE, -(-block.stop // SAMPLE_RATE))
    level = np.full(len(seconds), -20.0, np.float32)
    return AudioAnalysis(np.zeros(0, np.int64), np.zeros(0, np.float32), seconds, level, level, **told)


def test_sound_is_complete_once_all_its_blocks_are_in_whatever_their_order(opened: Opened) -> None:
    store, finalizer, told, video = opened(AUDIO)
    first, second = blocks_of(video, {key(AUDIO): []})
    finalizer.take([BlockEnd(second, heard(second))])
    finalizer.drain()
    assert status(store, AUDIO).status is JobStatus.RUNNING
    assert blocks_of(video, store.manifest([key(AUDIO)])) == [first]
    finalizer.take([BlockEnd(first, heard(first)), BlockEnd(second, heard(second))])
    finalizer.drain()
    assert status(store, AUDIO).status is JobStatus.COMPLETED
    rows = [row for row in store.annotations(key(AUDIO)) if row.annotation_type == LOUDNESS]
    assert [row.timestamp_seconds for row in rows] == [float(second) for second in range(150)]
    assert len(told.ended) == 1


def test_a_block_that_is_left_stays_missing_and_one_that_fails_for_good_fails_the_sound(
    opened: Opened,
) -> None:
    store, finalizer, told, video = opened(AUDIO)
    first, second = blocks_of(video, {key(AUDIO): []})
    finalizer.take(
        [
            BlockEnd(first, cancelled=True),
            BlockEnd(second, failure=ChunkFailure("out_of_memory", "too much", transient=True)),
        ]
    )
    finalizer.drain()
    assert told.left_chunks == [first.chunk_id, second.chunk_id]
    assert len(blocks_of(video, store.manifest([key(AUDIO)]))) == 2
    finalizer.take([BlockEnd(first, failure=ChunkFailure("unreadable", "/v.mp4: gone", transient=False))])
    assert (status(store, AUDIO).status, status(store, AUDIO).error_message) == (
        JobStatus.FAILED,
        "/v.mp4: gone",
    )


@pytest.mark.parametrize(("lost_s", "ends"), [(0.01, "fine"), (0.9, "warning"), (20.0, "failed")])
def test_missing_sound_is_told_and_too_much_of_it_is_a_failure(
    lost_s: float, ends: str, opened: Opened
) -> None:
    store, finalizer, _, video = opened(AUDIO)
    first, second = blocks_of(video, {key(AUDIO): []})
    finalizer.take(
        [BlockEnd(first, heard(first, lost=round(lost_s * SAMPLE_RATE))), BlockEnd(second, heard(second))]
    )
    finalizer.drain()
    result = status(store, AUDIO)
    assert (
        "failed" if result.status is JobStatus.FAILED else "warning" if result.warning else "fine"
    ) == ends
    assert result.annotation_count == 150, "what could be heard is kept"


def test_a_video_without_sound_has_an_empty_result_that_says_so(opened: Opened) -> None:
    store, finalizer, _, video = opened(AUDIO, sound=None)
    assert blocks_of(video, {key(AUDIO): []}) == []
    finalizer.finish_now(key(AUDIO))
    assert (status(store, AUDIO).status, status(store, AUDIO).annotation_count) == (JobStatus.COMPLETED, 0)
    assert status(store, AUDIO).warning == "there is no sound in it"


def ends(
    video: Video, pipeline: str, failure: ChunkFailure | None = None
) -> list[DetectionsMessage | ChunkEnd]:
    """The whole video as one pipeline alone would have it: a face in the head of a person, in each fifth
    frame.
    """
    (spec,) = chunks_of(video, {key(pipeline): []}, SETTINGS)
    own = np.arange(100)
    box = {PERSON: [100.0, 50.0, 200.0, 350.0], FACE: [130.0, 60.0, 170.0, 110.0]}[pipeline]
    seen = (Detections(np.array([box]), np.array([0.9])),) * 20
    piece = DetectionsMessage(
        spec.chunk_id, "v", pipeline, 0, own[::5], () if failure else seen, failure=failure
    )
    return [piece, ChunkEnd(spec, 1, own, own * 512, np.zeros(100))]


@pytest.mark.parametrize("order", [(PERSON, FACE), (FACE, PERSON)])
def test_faces_are_linked_to_persons_whichever_is_found_first(order: tuple[str, str], opened: Opened) -> None:
    store, finalizer, _, video = opened(PERSON, FACE)
    for pipeline in order:
        finalizer.take(list(ends(video, pipeline)))
        finalizer.drain()
    assert {status(store, pipeline).status for pipeline in order} == {JobStatus.COMPLETED}
    faces = [row for row in store.annotations(key(FACE)) if row.annotation_type == FACE_DETECTION]
    assert [row.person_id for row in faces] == ["person_0001"] * 20


@pytest.mark.parametrize("pipeline", [AUDIO, FACE])
def test_a_fault_of_our_own_in_a_conclusion_says_which_pipeline_it_was_in(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, pipeline: str
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    store, finalizer, _, _ = opened(pipeline)
    monkeypatch.setattr("actors.finalize.finalizer.pipeline_result", broken)
    finalizer.finish_now(key(pipeline))
    assert (
        status(store, pipeline).error_message
        == f"concluding {pipeline} failed: ZeroDivisionError('by nought')"
    )


def test_faces_do_not_wait_for_persons_that_failed(opened: Opened) -> None:
    store, finalizer, _, video = opened(PERSON, FACE)
    finalizer.take(list(ends(video, FACE)))
    finalizer.drain()
    assert status(store, FACE).status is JobStatus.RUNNING
    finalizer.take(
        list(ends(video, PERSON, ChunkFailure("model", "no such model", transient=False, pipeline=PERSON)))
    )
    finalizer.drain()
    assert (status(store, PERSON).status, status(store, FACE).status) == (
        JobStatus.FAILED,
        JobStatus.COMPLETED,
    )
    assert "person_tracking failed" in (status(store, FACE).warning or "")


FAULT = StreamFault("poisoned", "its process ended with signal SIGABRT")
OTHER = replace(
    SOUND, stream_index=2, track=1, codec="ac3", language="deu", title="Commentary", end_pts=48000 * 30
)


def test_sound_that_ends_its_reader_fails_the_sound_alone_and_says_why(opened: Opened) -> None:
    store, finalizer, _, video = opened(AUDIO, sound=None, sound_fault=FAULT)
    assert blocks_of(video, {key(AUDIO): []}) == []
    finalizer.finish_now(key(AUDIO))
    result = status(store, AUDIO)
    assert (result.status, result.failure_kind) == (JobStatus.FAILED, "poisoned")
    assert "its sound is ended by it (its process ended with signal SIGABRT)" in str(result.error_message)


def test_pictures_that_end_their_reader_fail_what_looks_at_them(opened: Opened) -> None:
    none = FrameIndex(np.zeros(0, np.int64), np.zeros(0, np.int64), exact=True)
    store, finalizer, _, video = opened(SCENE, AUDIO, index=none, width=0, height=0, picture_fault=FAULT)
    assert chunks_of(video, {key(SCENE): []}, SETTINGS) == []
    assert len(blocks_of(video, {key(AUDIO): []})) == 2
    finalizer.finish_now(key(SCENE))
    assert (status(store, SCENE).status, status(store, SCENE).failure_kind) == (JobStatus.FAILED, "poisoned")


def test_other_sound_tracks_are_named(opened: Opened) -> None:
    store, finalizer, _, video = opened(AUDIO, sounds=(SOUND, OTHER))
    finalizer.take([BlockEnd(block, heard(block)) for block in blocks_of(video, {key(AUDIO): []})])
    finalizer.drain()
    assert status(store, AUDIO).warning == (
        'the sound is track 0 (aac); left out: track 1 (ac3, deu, "Commentary"): choose another with --set '
        "audio.track=N"
    )


def test_the_track_that_is_asked_for_is_heard_and_nothing_is_said_of_others(opened: Opened) -> None:
    settings = Settings(audio=AudioSettings(track=1))
    store, finalizer, _, video = opened(AUDIO, sounds=(SOUND, OTHER), settings=settings)
    (block,) = blocks_of(video, {key(AUDIO, settings): []}, settings)
    assert block.sound == OTHER
    finalizer.take([BlockEnd(block, heard(block))])
    finalizer.drain()
    assert (status(store, AUDIO).status, status(store, AUDIO).warning) == (JobStatus.COMPLETED, None)
    assert store.videos(["v"])["v"].sound == SOUND, (
        "what is known of the video is none of the settings' business"
    )


def test_a_track_that_is_not_there_fails_the_sound_and_names_those_that_are(opened: Opened) -> None:
    settings = Settings(audio=AudioSettings(track=7))
    store, finalizer, _, video = opened(AUDIO, sounds=(SOUND, OTHER), settings=settings)
    assert blocks_of(video, {key(AUDIO, settings): []}, settings) == []
    finalizer.finish_now(key(AUDIO, settings))
    result = status(store, AUDIO)
    assert (result.status, result.failure_kind) == (JobStatus.FAILED, "no_such_track")
    assert 'no sound track 7 in it, it has track 0 (aac), track 1 (ac3, deu, "Commentary")' in str(
        result.error_message
    )


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        (b"as it was", JobStatus.COMPLETED),
        (b"as it was, and more", JobStatus.FAILED),
        (b"", JobStatus.FAILED),
    ],
)
def test_a_file_that_changed_while_it_was_read_is_no_complete_result(
    content: bytes, ends: JobStatus, opened: Opened, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"as it was")
    before = path.stat()
    facts = {
        "path": str(path),
        "size_bytes": before.st_size,
        "mtime_ns": before.st_mtime_ns,
        "fingerprint": fingerprint_of(str(path)),
    }
    store, finalizer, _, video = opened(AUDIO, **facts)
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))  # touched, in any case
    finalizer.take([BlockEnd(block, heard(block)) for block in blocks_of(video, {key(AUDIO): []})])
    finalizer.drain()
    result = status(store, AUDIO)
    assert result.status is ends
    if ends is JobStatus.FAILED:
        assert (result.failure_kind, "changed while it was read" in str(result.error_message)) == (
            "changed",
            True,
        )
        assert result.annotation_count == 150, "what was found is kept"
