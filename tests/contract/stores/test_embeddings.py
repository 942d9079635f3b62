"""What every store does with embeddings, identities and the facts of sound."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.stores import open_store
from actors.stores.encoding.audio_facts import is_current, sound_facts, sound_text
from schemas.annotations.annotation import FACE_DETECTION, WORD, Annotation, annotation_id
from schemas.inference.transcript import AudioAnalysis
from schemas.media.video import StreamFault, Video
from schemas.pipelines import AUDIO, FACE
from schemas.storage.backend import Embeddings, Identity, Outcome, StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from tests.contract.conftest import STORES, digest
from tests.support.stores.fake_videos import RUN
from tests.support.stores.sounds import ALONE, CLIP, SOUND

KEY = CLIP.key(FACE)


def faces(key: WorkKey = KEY, *, seed: int = 0, **told: object) -> Outcome:
    """A finished face_analysis: four faces, each with a vector of six numbers."""
    rows = tuple(replace(row, annotation_type=FACE_DETECTION) for row in CLIP.boxes(key, 0, 2))
    vectors = np.random.default_rng(seed).standard_normal((len(rows), 6)).astype(np.float32)
    embeddings = Embeddings(tuple(row.annotation_id for row in rows), vectors, "pack@1234")
    return Outcome(key, CLIP.job(key).job_id, JobStatus.COMPLETED, rows, embeddings=embeddings, **told)  # type: ignore[arg-type]


def begun(store: StorageBackend, *keys: WorkKey, video: Video = CLIP.video) -> int:
    epoch = store.open_run(RUN)
    store.register(epoch, [video], [CLIP.job(key) for key in keys or (KEY,)])
    return epoch


def ended_again(store: StorageBackend, epoch: int, outcome: Outcome) -> None:
    """Failed with these rows and embeddings: a result that is complete no run replaces."""
    store.lease(epoch, [outcome.key])
    store.finish(epoch, replace(outcome, status=JobStatus.FAILED))


def test_embeddings_come_back_bit_for_bit_by_annotation_id(store: StorageBackend) -> None:
    outcome = faces()
    store.finish(begun(store), outcome)
    stored = store.embeddings(KEY)
    assert stored is not None
    assert outcome.embeddings is not None
    assert stored.model == "pack@1234"
    assert list(stored.annotation_ids) == sorted(outcome.embeddings.annotation_ids)
    assert dict(stored.rows()) == dict(outcome.embeddings.rows())


def test_a_result_without_embeddings_has_none(store: StorageBackend) -> None:
    store.finish(begun(store), replace(faces(), embeddings=None))
    assert store.embeddings(KEY) is None
    assert store.embeddings(CLIP.key(FACE, "other")) is None


def test_embeddings_may_come_with_rows_that_stay_and_stay_with_them(store: StorageBackend) -> None:
    epoch, outcome = begun(store), faces()
    ended_again(store, epoch, replace(outcome, embeddings=None))
    ended_again(store, epoch, replace(outcome, annotations=None))
    ended_again(store, epoch, replace(outcome, annotations=None, embeddings=None))
    stored = store.embeddings(KEY)
    assert stored is not None
    assert outcome.embeddings is not None
    assert dict(stored.rows()) == dict(outcome.embeddings.rows())


def test_embeddings_of_nothing_are_none(store: StorageBackend) -> None:
    nothing = Embeddings((), np.zeros((0, 6), np.float32), "pack@1234")
    store.finish(begun(store), replace(faces(), annotations=(), embeddings=nothing))
    assert store.embeddings(KEY) is None


def test_the_digest_sees_one_flipped_bit_of_a_vector(store: StorageBackend) -> None:
    epoch, outcome = begun(store), faces()
    ended_again(store, epoch, outcome)
    before = digest(store)
    assert outcome.embeddings is not None
    flipped = outcome.embeddings.vectors.copy()
    flipped.view(np.uint32)[2, 3] ^= 1
    ended_again(store, epoch, replace(outcome, embeddings=replace(outcome.embeddings, vectors=flipped)))
    assert digest(store) != before
    ended_again(store, epoch, outcome)
    assert digest(store) == before


def test_both_kinds_of_store_have_one_digest(tmp_path: Path) -> None:
    digests = set()
    for name, address in STORES.items():
        store = open_store(address(tmp_path / name))
        store.finish(begun(store), faces())
        digests.add(digest(store))
        store.close()
    assert len(digests) == 1


@pytest.mark.parametrize("keep_runs", [False, True])
def test_embeddings_of_another_configuration_go_with_its_rows(keep_runs: bool, store: StorageBackend) -> None:
    other = CLIP.key(FACE, "c2")
    store.finish(begun(store), faces())
    store.finish(begun(store, other), faces(other, seed=1, keep_runs=keep_runs))
    assert (store.embeddings(KEY) is not None) == keep_runs
    assert store.embeddings(other) is not None


def test_a_damaged_file_of_embeddings_makes_the_result_not_count(tmp_path: Path) -> None:
    store = open_store(STORES["files"](tmp_path))
    store.finish(begun(store), faces())
    (path,) = tmp_path.glob("**/embeddings.npz")
    data = bytearray(path.read_bytes())
    data[-200] ^= 1
    path.write_bytes(data)
    assert store.completed([KEY]) == set()


def test_what_is_known_of_sound_comes_back_and_so_does_a_file_of_sound_alone(store: StorageBackend) -> None:
    video = replace(CLIP.video, sound=SOUND)
    begun(store, video=video)
    epoch = store.open_run(RUN)
    store.register(epoch, [ALONE], [])
    assert store.known_videos([video.path, ALONE.path]) == {video.path: video, ALONE.path: ALONE}
    assert store.videos([ALONE.video_id])[ALONE.video_id].sound == ALONE.sound


def test_all_tracks_restarts_and_faults_of_streams_come_back(store: StorageBackend) -> None:
    other = replace(
        SOUND, stream_index=2, track=1, language="deu", title="Commentary", restarts=((0, 5), (88, 180_000))
    )
    fault = StreamFault("poisoned", "its process ended with signal SIGABRT")
    videos = [
        replace(CLIP.video, sound=SOUND, sounds=(SOUND, other)),
        replace(CLIP.video, sound_fault=fault),
        replace(ALONE, picture_fault=fault),
        replace(CLIP.video, is_sound_known=True),
    ]
    epoch = store.open_run(RUN)
    for video in videos:
        store.register(epoch, [video], [])
        assert store.known_videos([video.path]) == {video.path: video}
        assert store.videos([video.video_id]) == {video.video_id: video}


def test_who_did_not_look_for_sound_leaves_what_is_known_of_it(store: StorageBackend) -> None:
    unheard, heard = (
        replace(CLIP.video, is_sound_known=False),
        replace(CLIP.video, sound=SOUND, sounds=(SOUND,)),
    )
    epoch = store.open_run(RUN)
    for video, known in ((unheard, unheard), (heard, heard), (unheard, heard)):
        store.register(epoch, [video], [])
        assert store.known_videos([video.path]) == {video.path: known}


def test_facts_of_sound_from_a_version_that_knew_less_are_looked_for_again() -> None:
    old = json.dumps(
        {name: value for name, value in json.loads(sound_text(ALONE)).items() if name != "sounds"}
    )
    assert (is_current(None), is_current(old), is_current("null"), is_current("false")) == (
        False,
        False,
        True,
        True,
    )
    assert sound_facts(old)["sound"] == ALONE.sound


def test_payloads_of_sound_are_kept_in_order_until_it_is_complete(store: StorageBackend) -> None:
    key = CLIP.key(AUDIO)
    epoch = begun(store, key)
    payloads = [replace(AudioAnalysis.none(), lost=number).to_bytes() for number in range(3)]
    commits = [replace(CLIP.commit(key, 25 * n, rows=()), payload=payloads[n]) for n in (2, 0, 1)]
    store.commit_chunks(epoch, commits)
    assert store.payloads(key) == payloads
    store.finish(epoch, Outcome(key, CLIP.job(key).job_id, JobStatus.COMPLETED, ()))
    assert store.payloads(key) == []


def test_rows_without_a_frame_stay_when_a_block_is_committed_later_however_long_it_is(
    store: StorageBackend,
) -> None:
    key = CLIP.key(AUDIO)
    epoch, job_id = begun(store, key), CLIP.job(key).job_id
    words = tuple(
        Annotation(annotation_id(*_of(key), WORD, -1, n), *_of(key), WORD, n / 10, n / 10 + 0.1)
        for n in range(50)
    )
    store.finish(epoch, Outcome(key, job_id, JobStatus.FAILED, words))
    commit = CLIP.commit(key, 0, rows=())
    store.commit_chunks(epoch, [replace(commit, line=replace(commit.line, frame_count=1_920_000))])
    started = time.process_time()
    assert store.annotations(key) == list(words)
    assert time.process_time() - started < 1


def _of(key: WorkKey) -> tuple[str, str, str]:
    return key.video_id, key.pipeline, key.config_hash


def test_identities_are_replaced_as_a_whole_and_no_digest_covers_them(store: StorageBackend) -> None:
    begun(store)
    before = digest(store)
    ones = [
        Identity(f"identity_{n:04d}", "v", f"face_{n:04d}", "c", "pack@1234", 0.5 + n / 10, 1.25)
        for n in (2, 1)
    ]
    store.put_identities(ones)
    assert store.identities() == sorted(ones, key=lambda one: one.identity_id)
    store.put_identities(ones[:1])
    assert store.identities() == ones[:1]
    assert digest(store) == before


def test_vectors_that_are_no_floats_or_not_one_each_are_refused() -> None:
    with pytest.raises(ValueError, match="float32"):
        Embeddings(("a",), np.zeros((1, 4)), "m")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2 x D"):
        Embeddings(("a", "b"), np.zeros((1, 4), np.float32), "m")
    with pytest.raises(ValueError, match="one vector"):
        Embeddings(("a", "a"), np.zeros((2, 4), np.float32), "m")
    with pytest.raises(ValueError, match="finite"):
        Embeddings(("a",), np.full((1, 4), np.nan, np.float32), "m")
    with pytest.raises(ValueError, match="named"):
        Embeddings(("a",), np.zeros((1, 4), np.float32), "")
