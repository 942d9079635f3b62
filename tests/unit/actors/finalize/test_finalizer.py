"""The finalizer: pieces in any order and any number of times make each chunk once, and faults end where
they belong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from actors.container.completeness import picture_completeness
from actors.finalize.commits import numbers_of
from actors.finalize.finalizer import Finalizer
from actors.stores import open_store
from schemas.errors import DiskFull, Unstorable
from schemas.inference.detections import Detections
from schemas.media.video import Video
from schemas.pipelines import PERSON, SCENE
from schemas.settings.settings import EngineSettings, Settings, config_hash
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.manifest import ChunkCommit
from schemas.work.messages import ChunkEnd, ChunkFailure, DetectionsMessage
from schemas.work.run import RunInfo
from tests.support.runs import planned
from tests.support.runs.heard import Heard
from vaengine.planning.plan import chunks_of

SETTINGS = Settings(engine=EngineSettings(chunk_seconds=1.0))
KEYS = tuple(WorkKey("v", pipeline, config_hash(SETTINGS, pipeline)) for pipeline in (PERSON, SCENE))


@dataclass
class Scene:
    """A registered video in a store of files, a finalizer over it, and what its chunks come to."""

    store: StorageBackend
    finalizer: Finalizer
    heard: Heard
    chunks: list[ChunkSpec]

    def status(self, pipeline: str) -> PipelineResult:
        return self.store.load_job_metadata("job").pipeline_results[pipeline]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_of(planned.video(100, 25), tmp_path)


def scene_of(clip: Video, tmp_path: Path) -> Scene:
    store = open_store(f"files:{tmp_path}")
    epoch = store.open_run(RunInfo("batch", "here", 1, {}, ()))
    results = {key.pipeline: PipelineResult(key.pipeline, key.config_hash, JobStatus.RUNNING) for key in KEYS}
    store.register(
        epoch, [clip], [BatchJob("job", Path(clip.path), tmp_path, {}, "v", JobStatus.RUNNING, results)]
    )
    heard = Heard()
    finalizer = Finalizer(store, heard, epoch, SETTINGS, lambda _: "job")
    return Scene(store, finalizer, heard, chunks_of(clip, {key: [] for key in KEYS}, SETTINGS))


def decoded(spec: ChunkSpec, **changed: object) -> list[DetectionsMessage | ChunkEnd]:
    """A chunk as it comes from the stages: two pieces, one box in each sampled frame, and its end."""
    own = np.arange(spec.first_frame, spec.first_frame + spec.frame_count)
    end = ChunkEnd(spec, 2, own, own * 512, np.zeros(len(own)))
    one_box = Detections(np.array([[10.0, 20.0, 50.0, 120.0]]), np.array([0.9]))
    parts = enumerate(np.split(own[::5], [2]))
    pieces = [
        DetectionsMessage(spec.chunk_id, "v", PERSON, n, part, (one_box,) * len(part), attempt=spec.attempt)
        for n, part in parts
    ]
    return [*pieces, replace(end, **changed)]  # type: ignore[arg-type]


def test_pieces_in_any_order_and_twice_over_make_every_chunk_once(scene: Scene) -> None:
    values = [value for spec in scene.chunks for value in decoded(spec)] * 2
    Random(7).shuffle(values)
    scene.finalizer.take(values)
    scene.finalizer.drain()
    assert not any(
        result.error_message for result in scene.store.load_job_metadata("job").pipeline_results.values()
    )
    assert scene.status(PERSON).annotation_count == 20 + 1, (
        "a box in each of 20 sampled frames, and their one track"
    )
    assert scene.status(SCENE).annotation_count == 1
    assert sorted({finished.key for finished in scene.heard.ended}) == sorted(KEYS)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_what_an_earlier_try_has_left_is_not_put_together_with_a_later_one(first: int, scene: Scene) -> None:
    """Whatever came through of a try that was given up, and whatever comes late, the later try is whole
    by itself and is committed.
    """
    before, again = decoded(scene.chunks[0]), decoded(replace(scene.chunks[0], attempt=2))
    scene.finalizer.take(before[first : first + 1])
    scene.finalizer.take(again[:2])
    scene.finalizer.take(before[first : first + 1])
    assert scene.heard.committed_chunks == []
    scene.finalizer.take(again[2:])
    assert scene.heard.committed_chunks == [scene.chunks[0].chunk_id]
    assert {line.attempt for lines in scene.store.manifest(KEYS).values() for line in lines} == {2}


def test_numbers_do_not_depend_on_the_order_of_pieces(scene: Scene) -> None:
    *pieces, end = decoded(scene.chunks[0])
    assert isinstance(end, ChunkEnd)
    boxes = [piece for piece in pieces if isinstance(piece, DetectionsMessage)]
    assert numbers_of(end, boxes).box_frames.tolist() == [0, 5, 10, 15, 20]


def test_a_model_failure_fails_its_pipeline_only(scene: Scene) -> None:
    for number, spec in enumerate(scene.chunks):
        first, *rest = decoded(spec)
        assert isinstance(first, DetectionsMessage)
        failed = replace(
            first,
            detections=(),
            frame_numbers=first.frame_numbers[:0],
            failure=ChunkFailure("model", "it broke", False, PERSON),
        )
        scene.finalizer.take([failed if number == 1 else first, *rest])
    scene.finalizer.drain()
    assert (scene.status(PERSON).status, scene.status(PERSON).error_message) == (JobStatus.FAILED, "it broke")
    assert scene.status(SCENE).status is JobStatus.COMPLETED


def test_a_transient_failure_commits_nothing_and_leaves_the_chunk_for_another_pass(scene: Scene) -> None:
    scene.finalizer.take(decoded(scene.chunks[0], failure=ChunkFailure("out_of_memory", "no room", True)))
    assert scene.heard.left_chunks == [scene.chunks[0].chunk_id]
    assert all(not lines for lines in scene.store.manifest(KEYS).values())


def test_a_cancelled_chunk_commits_nothing(scene: Scene) -> None:
    scene.finalizer.take(decoded(scene.chunks[0], cancelled=True, pieces=0))
    assert scene.heard.left_chunks == [scene.chunks[0].chunk_id]
    assert scene.heard.committed_chunks == []


def test_a_full_disk_halts_the_run_with_its_reason(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DiskFull("results", "no space left on device")

    monkeypatch.setattr(scene.store, "commit_chunks", full)
    scene.finalizer.take(decoded(scene.chunks[0]))
    assert len(scene.heard.halts) == 1
    assert "no space left" in scene.heard.halts[0]


def test_rows_that_the_store_has_no_form_for_fail_their_pipeline_only(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = scene.store.commit_chunks

    def refuses_persons(epoch: int, commits: Sequence[ChunkCommit]) -> dict[WorkKey, int]:
        if any(one.line.key.pipeline == PERSON for one in commits):
            raise Unstorable("postgresql://db", "a NUL character")
        return commit(epoch, commits)

    monkeypatch.setattr(scene.store, "commit_chunks", refuses_persons)
    scene.finalizer.take([value for spec in scene.chunks for value in decoded(spec)])
    scene.finalizer.drain()
    person, cuts = scene.status(PERSON), scene.status(SCENE)
    assert (person.status, person.failure_kind, cuts.status) == (
        JobStatus.FAILED,
        "unstorable",
        JobStatus.COMPLETED,
    )
    assert "postgresql://db cannot hold this: a NUL character" in (person.error_message or "")
    assert (scene.heard.halts, len(scene.heard.committed_chunks)) == ([], len(scene.chunks))


def test_of_a_chunk_of_which_nothing_can_be_stored_nobody_waits_for_the_rest(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> dict[WorkKey, int]:
        raise Unstorable("postgresql://db", "a NUL character")

    monkeypatch.setattr(scene.store, "commit_chunks", refuses)
    scene.finalizer.take(decoded(scene.chunks[0]))
    assert (scene.heard.committed_chunks, scene.heard.left_chunks) == ([], [scene.chunks[0].chunk_id])
    assert {finished.key for finished in scene.heard.ended} == set(KEYS)


def test_final_rows_that_the_store_has_no_form_for_fail_their_pipeline_and_keep_what_its_chunks_stored(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = scene.store.finish

    def refuses_tracks(epoch: int, outcome: Outcome) -> None:
        if outcome.key.pipeline == PERSON and outcome.annotations:
            raise Unstorable("postgresql://db", "a NUL character")
        finish(epoch, outcome)

    monkeypatch.setattr(scene.store, "finish", refuses_tracks)
    scene.finalizer.take([value for spec in scene.chunks for value in decoded(spec)])
    scene.finalizer.drain()
    person = scene.status(PERSON)
    assert (person.status, person.failure_kind, person.annotation_count) == (
        JobStatus.FAILED,
        "unstorable",
        20,
    )
    assert (scene.status(SCENE).status, scene.heard.halts) == (JobStatus.COMPLETED, [])


def test_an_unforeseen_error_while_finishing_neither_hangs_the_run_nor_ends_the_video(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, broken = scene.store.finish, [True]

    def breaks_once(epoch: int, outcome: Outcome) -> None:
        if broken.pop() if broken else False:
            raise ConnectionError("the store's process died")
        finish(epoch, outcome)

    monkeypatch.setattr(scene.store, "finish", breaks_once)
    scene.finalizer.take([value for spec in scene.chunks for value in decoded(spec)])
    scene.finalizer.drain()
    (missing,) = set(KEYS) - {finished.key for finished in scene.heard.ended}
    scene.finalizer.finish(missing)
    scene.finalizer.drain()
    assert scene.status(missing.pipeline).status is JobStatus.COMPLETED


def test_work_that_another_run_holds_by_now_is_left_to_it_and_the_run_goes_on(scene: Scene) -> None:
    scene.store.release(1, KEYS)
    assert scene.store.lease(scene.store.open_run(RunInfo("successor", "here", 2, {}, ())), KEYS) == set(KEYS)
    scene.finalizer.take(decoded(scene.chunks[0]))
    assert (scene.heard.left_chunks, scene.heard.halts) == ([scene.chunks[0].chunk_id], [])
    assert all(not lines for lines in scene.store.manifest(KEYS).values())


@pytest.mark.parametrize(
    ("lost", "missing", "max_lost", "warned", "failed"),
    [
        (0, 0, 0.01, False, False),
        (1, 0, 0.0, True, False),
        (2, 0, 0.01, False, True),
        (1, 1, 0.02, True, False),
        (0, 40, 0.3, False, True),
    ],
)
def test_lost_frames_warn_up_to_the_allowance_and_fail_beyond_it(
    lost: int, missing: int, max_lost: float, warned: bool, failed: bool
) -> None:
    clip = planned.video(100 - missing, 25)
    clip = replace(clip, index=replace(clip.index, missing=missing))
    verdict = picture_completeness(clip, list(range(lost)), len(clip.index), max_lost)
    assert (verdict.warning is not None, verdict.error is not None) == (warned, failed)


def test_facts_that_packets_did_not_tell_are_those_that_were_decoded(tmp_path: Path) -> None:
    """More frames come out than there are packets; nothing of them is left to be done, and the length is
    that of all.
    """
    untold = scene_of(planned.video(100, 25, exact=False), tmp_path)
    (spec,) = untold.chunks
    *pieces, end = decoded(spec)
    assert isinstance(end, ChunkEnd)
    own = np.arange(130)
    untold.finalizer.take(
        [*pieces, replace(end, frame_numbers=own, frame_pts=own * 500, scene_scores=np.zeros(130))]
    )
    untold.finalizer.drain()
    seen = untold.store.videos(["v"])["v"]
    assert (seen.frame_count, seen.end_pts, seen.start_pts, seen.index.exact) == (130, 130 * 500, 0, False)
    assert {
        (line.first_frame, line.frame_count)
        for lines in untold.store.manifest(KEYS).values()
        for line in lines
    } == {(0, 130)}
    assert chunks_of(seen, untold.store.manifest(KEYS), SETTINGS) == []
    assert untold.store.annotations(KEYS[1])[0].attributes["frame_end"] == 130


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_comes_late_from_an_attempt_that_was_taken_from_its_worker_is_refused(
    cancelled: bool, scene: Scene
) -> None:
    """Neither a commit of it counts nor its word that it was left: that would be taken for the next try's."""
    spec = scene.chunks[0]
    scene.finalizer.fence([spec.token])
    scene.finalizer.take(decoded(spec, cancelled=cancelled))
    assert (scene.heard.committed_chunks, scene.heard.left_chunks) == ([], [])
    assert not any(scene.store.manifest(KEYS).values())
    scene.finalizer.take(decoded(replace(spec, attempt=2)))
    assert scene.heard.committed_chunks == [spec.chunk_id]
    assert {line.attempt for lines in scene.store.manifest(KEYS).values() for line in lines} == {2}
