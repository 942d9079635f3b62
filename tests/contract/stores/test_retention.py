"""What goes from a store when it is pruned or somebody withdraws, and what stays, whatever the store is
made of.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.stores import open_store
from actors.stores.engines.sqlite import SQLiteDatabase
from actors.stores.rules.pruning import pruning_of
from schemas.errors import AtWork
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.storage.retention import FORGOTTEN, Criteria, PersonIn, Pruning, Removed
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.job import BatchJob, JobStatus
from tests.contract.conftest import STORES, digest
from tests.support.stores.fake_videos import RUN, Clip, done
from tests.support.stores.retained import AT, WORDS, consistent, holding, identify, kept, others

ALPHA, BETA, GAMMA = (
    Clip("/clips/alpha.mp4", "a"),
    Clip("/clips/beta.mp4", "b"),
    Clip("/clips/gamma.mp4", "c"),
)
SEEN = (SCENE, PERSON, FACE)


def whole(store: StorageBackend, clip: Clip, *, days: float = 0.0, batch_id: str = "batch-1") -> BatchJob:
    return kept(store, clip, *(clip.key(name) for name in (*SEEN, AUDIO)), days=days, batch_id=batch_id)


def pruned(store: StorageBackend, **criteria: object) -> tuple[Pruning, Removed]:
    pruning = pruning_of(store.stock(), Criteria(**criteria), AT)  # type: ignore[arg-type]
    return pruning, store.prune(pruning)


def job_ids(store: StorageBackend) -> set[str]:
    return {job.job_id for job in store.jobs()}


# By age, status and size.


def test_jobs_that_are_old_enough_go_with_everything_of_theirs_and_the_others_stay_as_they_were(store):
    old, young = whole(store, ALPHA, days=100), whole(store, BETA, days=10)
    identify(store, ("identity_0001", ALPHA, "face_0001"), ("identity_0001", BETA, "face_0001"))
    before = others(store, ALPHA)
    pruning, gone = pruned(store, older_than=timedelta(days=90))
    assert [job.job_id for job in pruning.jobs] == [old.job_id]
    assert gone.counts
    assert digest(store) == before
    assert job_ids(store) == {young.job_id}
    assert store.annotations(ALPHA.key(PERSON)) == []
    assert store.embeddings(ALPHA.key(FACE)) is None
    assert store.manifest([ALPHA.key(PERSON)]) == {ALPHA.key(PERSON): []}
    assert store.known_videos([ALPHA.name, BETA.name]) == {BETA.name: BETA.video}
    assert [one.video_id for one in store.identities()] == [BETA.video_id]


def test_a_video_that_was_pruned_is_annotated_again_like_any_other(store):
    job = whole(store, ALPHA, days=100)
    before = digest(store)
    pruned(store, older_than=timedelta(days=90))
    assert whole(store, ALPHA).job_id == job.job_id
    assert digest(store) == before


def test_failed_jobs_go_by_their_status_with_what_they_had(store):
    kept(store, ALPHA, ALPHA.key(PERSON), failed=True)
    whole(store, BETA)
    pruned(store, statuses=frozenset({JobStatus.FAILED}))
    assert [job.video_id for job in store.jobs()] == [BETA.video_id]
    assert store.annotations(ALPHA.key(PERSON)) == []
    assert store.payloads(ALPHA.key(PERSON)) == []


def test_an_age_and_a_status_are_both_asked_for(store):
    kept(store, ALPHA, ALPHA.key(PERSON), days=100, failed=True)
    kept(store, BETA, BETA.key(PERSON), failed=True)
    whole(store, GAMMA, days=100)
    pruning, _ = pruned(store, older_than=timedelta(days=90), statuses=frozenset({JobStatus.FAILED}))
    assert [job.video_id for job in pruning.jobs] == [ALPHA.video_id]


def test_rows_that_a_job_committed_and_another_asks_for_stay(store):
    first = kept(store, ALPHA, ALPHA.key(SCENE), days=100)
    second = kept(store, ALPHA, ALPHA.key(SCENE), ALPHA.key(PERSON))
    rows = store.load_annotations(second.job_id, SCENE)
    pruned(store, older_than=timedelta(days=90))
    assert job_ids(store) == {second.job_id}
    assert rows
    assert store.load_annotations(second.job_id, SCENE) == rows
    assert store.completed([ALPHA.key(SCENE)]) == {ALPHA.key(SCENE)}
    assert consistent(store)
    assert first.job_id not in {job.job_id for job in store.jobs()}


def test_of_a_video_with_results_of_two_settings_those_of_the_older_job_go(store):
    old, new = ALPHA.key(PERSON, "c1"), ALPHA.key(PERSON, "c2")
    kept(store, ALPHA, old, days=100)
    job = kept(store, ALPHA, new, keep_runs=True)
    pruned(store, older_than=timedelta(days=90))
    assert store.completed([old, new]) == {new}
    assert store.annotations(old) == []
    assert store.load_annotations(job.job_id, PERSON)
    assert set(store.videos([ALPHA.video_id])) == {ALPHA.video_id}


def test_of_a_video_with_results_of_two_settings_the_newer_ones_may_go_too(store):
    old, new = ALPHA.key(AUDIO, "c1"), ALPHA.key(AUDIO, "c2")
    kept(store, ALPHA, old)
    kept(store, ALPHA, new, days=100, keep_runs=True)
    pruned(store, older_than=timedelta(days=90))
    assert store.completed([old, new]) == {old}
    assert store.annotations(new) == []
    assert store.annotations(old)


def test_the_oldest_go_until_the_store_holds_little_enough_and_no_more(store):
    for days, clip in enumerate((ALPHA, BETA, GAMMA), start=1):
        whole(store, clip, days=days)
    total = store.stock().total_bytes
    pruning, _ = pruned(store, to_bytes=total * 2 // 3 + 1)
    assert [job.video_id for job in pruning.jobs] == [GAMMA.video_id]
    assert store.stock().total_bytes <= total * 2 // 3 + 1
    assert pruned(store, to_bytes=total * 2 // 3 + 1)[0].jobs == ()
    assert pruned(store, to_bytes=0)[1].total > 0
    assert store.stock().total_bytes == 0


def test_what_a_live_run_is_at_stays_whatever_its_age(store):
    whole(store, ALPHA, days=100)
    whole(store, BETA, days=100)
    epoch = store.open_run(replace(RUN, batch_id="live"))
    new = ALPHA.key(SCENE, "c2")
    store.register(
        epoch, [ALPHA.video], [replace(ALPHA.job(new, batch_id="live"), created_at=AT - timedelta(days=100))]
    )
    pruned(store, older_than=timedelta(days=90))
    assert job_ids(store) == {ALPHA.job(new).job_id}
    assert set(store.videos([ALPHA.video_id, BETA.video_id])) == {ALPHA.video_id}
    assert store.lease(epoch, [new]) == {new}


def test_a_job_that_was_taken_up_again_since_the_decision_stays(store):
    job = whole(store, ALPHA, days=100)
    pruning = pruning_of(store.stock(), Criteria(older_than=timedelta(days=90)), AT)
    store.register(
        store.open_run(replace(RUN, batch_id="live")), [ALPHA.video], [replace(job, batch_id="live")]
    )
    assert store.prune(pruning).total == 0
    assert job_ids(store) == {job.job_id}


def test_runs_that_are_long_over_go_with_their_last_job_but_never_the_newest(store):
    whole(store, ALPHA, days=100, batch_id="first")
    whole(store, BETA, batch_id="second")
    whole(store, GAMMA, days=100, batch_id="third")
    later = AT + timedelta(days=10_000)
    pruning = pruning_of(
        store.stock(),
        Criteria(older_than=timedelta(days=9000), statuses=frozenset({JobStatus.COMPLETED})),
        later,
    )
    keep = [job for job in pruning.jobs if job.video_id != BETA.video_id]
    assert {batch.batch_id for batch in store.batches()} == {"first", "second", "third"}
    store.prune(replace(pruning, jobs=tuple(keep), epochs=(1, 2)))
    assert {batch.batch_id for batch in store.batches()} == {"second", "third"}
    assert max(batch.epoch for batch in store.batches()) == 3
    assert store.open_run(RUN) == 4


def test_without_an_age_no_run_goes(store):
    whole(store, ALPHA)
    whole(store, BETA)
    assert pruned(store, to_bytes=0)[0].epochs == ()
    assert len(store.batches()) == 2


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(st.integers(0, 200), min_size=1, max_size=4),
    broken=st.sets(st.integers(0, 3)),
    days=st.integers(0, 200),
    status=st.sampled_from([None, JobStatus.FAILED, JobStatus.COMPLETED]),
    share=st.sampled_from([None, 0.0, 0.4, 0.9]),
)
@pytest.mark.parametrize("kind", STORES)
def test_exactly_what_was_decided_goes_and_nothing_goes_twice(
    tmp_path_factory, kind, ages, broken, days, status, share
):
    store = open_store(STORES[kind](tmp_path_factory.mktemp("laws") / "store"))
    for number, age in enumerate(ages):
        clip = Clip(f"/clips/{number}.mp4", str(number), frames=25)
        kept(store, clip, clip.key(PERSON), days=age, failed=number in broken)
    size = None if share is None else int(store.stock().total_bytes * share)
    statuses = frozenset({status}) if status else frozenset()
    asked = Criteria(timedelta(days=days), statuses, size)
    before, decided = job_ids(store), pruning_of(store.stock(), asked, AT)
    store.prune(decided)
    assert before - job_ids(store) == {job.job_id for job in decided.jobs}
    again = pruning_of(store.stock(), asked, AT)
    assert (again.jobs, store.prune(again).total) == ((), 0)
    assert consistent(store)
    store.close()


# A video.


def test_a_video_that_is_forgotten_leaves_nothing_and_the_others_as_they_were(store):
    job = whole(store, ALPHA)
    whole(store, BETA)
    identify(store, ("identity_0001", ALPHA, "face_0001"), ("identity_0001", BETA, "face_0001"))
    before = others(store, ALPHA)
    gone = store.forget_video(ALPHA.video_id)
    assert digest(store) == before
    assert gone.total > 0
    assert store.paths_of(ALPHA.video_id) == ()
    assert store.known_videos([ALPHA.name]) == {}
    assert store.fingerprints([ALPHA.video_id]) == {}
    assert store.completed([ALPHA.key(PERSON)]) == set()
    assert store.annotations(ALPHA.key(PERSON)) == []
    assert [one.video_id for one in store.identities()] == [BETA.video_id]
    assert job.job_id not in job_ids(store)
    assert store.forget_video(ALPHA.video_id).total == 0


def test_numbers_of_work_that_has_not_ended_go_with_a_video(store):
    kept(store, ALPHA, ALPHA.key(PERSON), failed=True)
    store.forget_video(ALPHA.video_id)
    assert store.payloads(ALPHA.key(PERSON)) == []
    assert store.manifest([ALPHA.key(PERSON)]) == {ALPHA.key(PERSON): []}


def test_runs_no_longer_name_a_video_that_is_forgotten_but_still_name_the_others(store):
    epoch = store.open_run(replace(RUN, inputs=(ALPHA.name, f"{ALPHA.name}.bak", BETA.name)))
    store.record(epoch, (), f'{{"failures": ["{ALPHA.name}: the file is empty", "{BETA.name}: too"]}}')
    store.close_run(epoch, "failed")
    whole(store, ALPHA)
    store.forget_video(ALPHA.video_id)
    run = next(batch for batch in store.batches() if batch.epoch == epoch)
    assert run.inputs == (FORGOTTEN, f"{ALPHA.name}.bak", BETA.name)
    assert store.progress(epoch) == f'{{"failures": ["{FORGOTTEN}: the file is empty", "{BETA.name}: too"]}}'


def test_what_tries_of_other_videos_say_of_a_forgotten_one_is_masked(store):
    whole(store, ALPHA)
    whole(store, BETA)
    epoch = store.open_run(replace(RUN, batch_id="later", inputs=()))
    told = f"a worker died over {ALPHA.name}, then"
    store.record(
        epoch, [Attempt(f"{BETA.video_id}[0,1)", BETA.video_id, 1, AttemptState.FAILED, error_message=told)]
    )
    store.close_run(epoch, "failed")
    store.forget_video(ALPHA.video_id)
    assert [one.error_message for one in store.attempts([BETA.video_id])] == [
        f"a worker died over {FORGOTTEN}, then"
    ]


@pytest.mark.parametrize("by", ["a lease", "its inputs"])
def test_a_video_that_a_live_run_is_at_or_will_come_to_is_not_forgotten(store, by):
    whole(store, ALPHA)
    epoch = store.open_run(replace(RUN, batch_id="live", inputs=(ALPHA.name,) if by == "its inputs" else ()))
    if by == "a lease":
        store.register(epoch, [ALPHA.video], [ALPHA.job(ALPHA.key(SCENE, "c2"), batch_id="live")])
    before = digest(store)
    for dry_run in (True, False):
        with pytest.raises(AtWork, match="is being worked on by batch live"):
            store.forget_video(ALPHA.video_id, dry_run=dry_run)
        with pytest.raises(AtWork):
            store.forget_persons([PersonIn(ALPHA.video_id, "person_0001")], dry_run=dry_run)
    assert digest(store) == before


def test_a_dry_run_counts_what_would_go_and_changes_nothing(store):
    whole(store, ALPHA)
    identify(store, ("identity_0001", ALPHA, "face_0001"))
    before, told = digest(store), store.forget_video(ALPHA.video_id, dry_run=True)
    assert digest(store) == before
    assert store.known_videos([ALPHA.name])
    assert store.forget_video(ALPHA.video_id).counts == told.counts


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 4), data=st.data())
@pytest.mark.parametrize("kind", STORES)
def test_forgetting_a_video_leaves_the_digest_of_the_others_unchanged(tmp_path_factory, kind, count, data):
    store = open_store(STORES[kind](tmp_path_factory.mktemp("laws") / "store"))
    clips = [Clip(f"/clips/{number}.mp4", str(number), frames=25) for number in range(count)]
    for clip in clips:
        names = data.draw(st.sets(st.sampled_from([*SEEN, AUDIO]), min_size=1))
        kept(store, clip, *(clip.key(name) for name in sorted(names)))
    one = data.draw(st.sampled_from(clips))
    before = others(store, one)
    store.forget_video(one.video_id)
    assert digest(store) == before
    assert one.video_id not in {job.video_id for job in store.jobs()}
    store.close()


# A person.


def seen(store: StorageBackend, clip: Clip, pipeline: str, column: str) -> set[str]:
    return {value for row in store.annotations(clip.key(pipeline)) if (value := getattr(row, column))}


def test_a_person_goes_with_the_face_that_is_mostly_theirs_and_results_stay_consistent(store):
    job = whole(store, ALPHA)
    whole(store, BETA)
    identify(
        store,
        ("identity_0001", ALPHA, "face_0001"),
        ("identity_0002", ALPHA, "face_0002"),
        ("identity_0001", BETA, "face_0001"),
    )
    before = others(store, ALPHA)
    gone = store.forget_persons([PersonIn(ALPHA.video_id, "person_0002")])
    assert others(store, ALPHA) == before
    assert seen(store, ALPHA, PERSON, "person_id") == {"person_0001", "person_0003"}
    assert seen(store, ALPHA, FACE, "face_id") == {"face_0002"}
    assert gone.counts == {"annotations": 11 + 11, "embeddings": 11, "identities": 1}
    assert {(one.video_id, one.face_id) for one in store.identities()} == {
        (ALPHA.video_id, "face_0002"),
        (BETA.video_id, "face_0001"),
    }
    kept_ids = {row.annotation_id for row in store.annotations(ALPHA.key(FACE))}
    assert set(store.embeddings(ALPHA.key(FACE)).annotation_ids) == kept_ids
    assert store.load_job_metadata(job.job_id).pipeline_results[PERSON].annotation_count == 22
    assert store.load_job_metadata(job.job_id).status is JobStatus.COMPLETED
    assert consistent(store)
    assert store.completed([ALPHA.key(PERSON), ALPHA.key(FACE)]) == {ALPHA.key(PERSON), ALPHA.key(FACE)}
    assert store.forget_persons([PersonIn(ALPHA.video_id, "person_0002")]).total == 0


def test_a_face_goes_with_the_person_who_mostly_shows_it(store):
    whole(store, ALPHA)
    store.forget_persons([PersonIn(ALPHA.video_id, "face_0002", "c1")])
    assert seen(store, ALPHA, PERSON, "person_id") == {"person_0002", "person_0003"}
    assert seen(store, ALPHA, FACE, "face_id") == {"face_0001"}
    (identity,) = (
        row for row in store.annotations(ALPHA.key(FACE)) if row.annotation_type == "face_identity"
    )
    assert identity.attributes["persons"] == ["person_0002"]
    assert consistent(store)


def test_a_person_without_a_face_goes_alone(store):
    whole(store, ALPHA)
    before = store.annotations(ALPHA.key(FACE))
    gone = store.forget_persons([PersonIn(ALPHA.video_id, "person_0003")])
    assert gone.counts == {"annotations": 11}
    assert store.annotations(ALPHA.key(FACE)) == before


def test_a_speaker_goes_with_what_they_said_and_nobody_that_is_seen(store):
    whole(store, ALPHA)
    before = store.annotations(ALPHA.key(PERSON)), store.annotations(ALPHA.key(FACE))
    store.forget_persons([PersonIn(ALPHA.video_id, "speaker_0001")])
    assert seen(store, ALPHA, AUDIO, "speaker_id") == {"speaker_0002"}
    assert {row.attributes.get("text") for row in store.annotations(ALPHA.key(AUDIO))} == {None, f"{WORDS} 2"}
    assert (store.annotations(ALPHA.key(PERSON)), store.annotations(ALPHA.key(FACE))) == before
    assert consistent(store)


def test_somebody_who_is_not_there_takes_nothing_along(store):
    whole(store, ALPHA)
    kept(store, ALPHA, ALPHA.key(PERSON, "c2"), failed=True)
    before = digest(store)
    assert store.forget_persons([PersonIn(ALPHA.video_id, "person_0009")]).total == 0
    assert digest(store) == before


def test_work_that_has_not_ended_goes_as_a_whole_and_can_be_done_again(store):
    whole(store, ALPHA)
    key = ALPHA.key(PERSON, "c2")
    job = kept(store, ALPHA, key, failed=True)
    told = store.forget_persons([PersonIn(ALPHA.video_id, "person_0002")], dry_run=True)
    gone = store.forget_persons([PersonIn(ALPHA.video_id, "person_0002")])
    assert gone.counts == told.counts
    assert gone.counts["chunks"] == 2
    assert any("cannot be split" in line and "c2" in line for line in gone.left)
    assert store.payloads(key) == []
    assert store.annotations(key) == []
    assert store.load_job_metadata(job.job_id).pipeline_results[PERSON].annotation_count == 0
    epoch = store.open_run(replace(RUN, batch_id="again"))
    store.register(epoch, [ALPHA.video], [ALPHA.job(key, status=JobStatus.RUNNING, batch_id="again")])
    assert store.commit_chunks(epoch, ALPHA.commits(key, job=job)) == {key: 100}


def test_results_of_other_settings_number_people_on_their_own_and_are_told_as_left(store):
    kept(store, ALPHA, ALPHA.key(PERSON, "c1"))
    kept(store, ALPHA, ALPHA.key(PERSON, "c2"), keep_runs=True)
    gone = store.forget_persons([PersonIn(ALPHA.video_id, "person_0002", "c1")])
    assert any("c2" in line and "stays" in line for line in gone.left)
    assert {row.person_id for row in store.annotations(ALPHA.key(PERSON, "c1"))} == {
        "person_0001",
        "person_0003",
    }
    assert {row.person_id for row in store.annotations(ALPHA.key(PERSON, "c2"))} == {
        "person_0001",
        "person_0002",
        "person_0003",
    }
    assert consistent(store)


def test_persons_of_several_videos_go_at_once(store):
    whole(store, ALPHA)
    whole(store, BETA)
    identify(store, ("identity_0001", ALPHA, "face_0001"), ("identity_0001", BETA, "face_0002"))
    store.forget_persons([PersonIn(one.video_id, one.face_id, one.config_hash) for one in store.identities()])
    assert store.identities() == []
    assert seen(store, ALPHA, FACE, "face_id") == {"face_0002"}
    assert seen(store, BETA, FACE, "face_id") == {"face_0001"}
    assert seen(store, BETA, PERSON, "person_id") == {"person_0002", "person_0003"}


def test_every_store_is_left_with_the_same_results(tmp_path):
    digests = set()
    for kind, url in STORES.items():
        store = open_store(url(tmp_path / kind))
        for clip in (ALPHA, BETA, GAMMA):
            whole(store, clip)
        store.forget_video(GAMMA.video_id)
        store.forget_persons(
            [PersonIn(ALPHA.video_id, "person_0002"), PersonIn(BETA.video_id, "speaker_0001")]
        )
        digests.add(digest(store))
        store.close()
    assert len(digests) == 1


def test_a_criterion_is_needed():
    with pytest.raises(ValueError, match="an age, a status or a size"):
        Criteria()
    with pytest.raises(ValueError, match="person_N, face_N or speaker_N"):
        PersonIn("video", "scene_0001")


@pytest.mark.parametrize("kind", ["files", "sqlite"])
def test_no_byte_of_a_forgotten_video_is_left_in_the_stores_own_files(tmp_path, kind):
    store = open_store(STORES[kind](tmp_path / "store"))
    whole(store, BETA)
    kept(store, ALPHA, ALPHA.key(AUDIO))
    kept(store, ALPHA, ALPHA.key(FACE), failed=True)
    job, key = ALPHA.job(ALPHA.key(PERSON)), ALPHA.key(PERSON)
    epoch = store.open_run(replace(RUN, inputs=(ALPHA.name,)))
    store.register(epoch, [ALPHA.video], [job])
    store.commit_chunks(epoch, ALPHA.commits(key))
    store.finish(epoch, done(job, key))
    store.close_run(epoch, "completed")
    for clip in (BETA, ALPHA):
        store.reopen([job.job_id for job in store.jobs() if job.video_id == clip.video_id])
    traces = (ALPHA.name, ALPHA.video_id, ALPHA.fingerprint)
    assert holding(tmp_path, *traces) == set(traces)
    store.forget_video(ALPHA.video_id)
    assert holding(tmp_path, *traces) == set()
    assert holding(tmp_path, BETA.name, WORDS) == {BETA.name, WORDS}
    store.close()


@pytest.mark.parametrize("kind", ["files", "sqlite"])
def test_no_byte_of_what_somebody_said_is_left_in_the_stores_own_files(tmp_path, kind):
    store = open_store(STORES[kind](tmp_path / "store"))
    whole(store, ALPHA)
    store.forget_persons([PersonIn(ALPHA.video_id, "speaker_0001")])
    assert holding(tmp_path, f"{WORDS} 1", f"{WORDS} 2", "speaker_0001") == {f"{WORDS} 2"}
    store.close()


def test_what_earlier_deletions_have_left_in_an_sqlite_file_goes_with_the_next_removal(tmp_path):
    store = open_store(STORES["sqlite"](tmp_path / "store"))
    whole(store, ALPHA)
    with contextlib.closing(
        sqlite3.connect(tmp_path / "store" / "batch_processing.db", isolation_level=None)
    ) as careless:
        careless.execute("PRAGMA secure_delete=OFF")  # the default of most builds
        careless.executemany(
            "INSERT INTO meta VALUES (?, ?)", ((str(n), f"of old {n} {'.' * 900}") for n in range(50))
        )
        careless.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        careless.execute("DELETE FROM meta")
        careless.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert holding(tmp_path, "of old 7 ") == {"of old 7 "}
    store.forget_video(ALPHA.video_id)
    assert holding(tmp_path, "of old 7 ") == set()
    store.close()


# Kills.


class Killed(BaseException):
    """Stands for a kill: nothing of ours takes it for an error of a file."""


def cut_off(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Have the process end at the first change of a file that follows so many."""
    left = iter(range(after))

    def dying(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*args: object, **options: object) -> object:
            if next(left, None) is None:
                raise Killed
            return change(*args, **options)

        return changed

    for name in ("unlink", "replace", "rmdir"):
        monkeypatch.setattr(Path, name, dying(getattr(Path, name)))
    monkeypatch.setattr(shutil, "rmtree", dying(shutil.rmtree))


REMOVALS: dict[str, Callable[[StorageBackend], object]] = {
    "prune": lambda store: pruned(store, older_than=timedelta(days=90)),
    "video": lambda store: store.forget_video(ALPHA.video_id),
    "person": lambda store: store.forget_persons(
        [PersonIn(ALPHA.video_id, "person_0002"), PersonIn(BETA.video_id, "speaker_0001")]
    ),
}


@pytest.mark.parametrize(
    "removal", [pytest.param(name, marks=[] if name == "person" else pytest.mark.long) for name in REMOVALS]
)
def test_a_removal_from_files_that_is_killed_at_any_moment_is_carried_to_its_end_by_the_next(
    tmp_path, removal
):
    store = open_store(f"files:{tmp_path / 'whole'}")
    whole(store, BETA)
    whole(store, ALPHA, days=100)
    identify(store, ("identity_0001", ALPHA, "face_0001"), ("identity_0002", BETA, "face_0001"))
    shutil.copytree(tmp_path / "whole", tmp_path / "expected")
    expected = open_store(f"files:{tmp_path / 'expected'}")
    REMOVALS[removal](expected)
    for after in itertools.count():
        folder = tmp_path / f"killed-{after}"
        shutil.copytree(tmp_path / "whole", folder)
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
            cut_off(patch, after)
            REMOVALS[removal](open_store(f"files:{folder}"))
            break
        again = open_store(f"files:{folder}")
        again.finish_removal()
        REMOVALS[removal](again)
        assert (digest(again), again.identities()) == (digest(expected), expected.identities()), after
        assert consistent(again)
        assert not (folder / ".store" / "removal.json").exists()
        assert removal != "video" or holding(folder, ALPHA.name, ALPHA.video_id) == set()
    assert after > 10


def test_an_sqlite_file_that_was_not_rewritten_for_a_kill_is_by_the_next_removal(tmp_path, monkeypatch):
    url = STORES["sqlite"](tmp_path / "store")
    store = open_store(url)
    kept(store, ALPHA, ALPHA.key(PERSON), failed=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SQLiteDatabase, "wipe", lambda self: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            store.forget_video(ALPHA.video_id)
    store.close()
    rewritten = []
    monkeypatch.setattr(
        SQLiteDatabase, "wipe", lambda self, wipe=SQLiteDatabase.wipe: rewritten.append(1) or wipe(self)
    )
    again = open_store(url)
    for _ in range(2):
        assert again.finish_removal().left == ()
    assert rewritten == [1]
    assert holding(tmp_path, ALPHA.name, ALPHA.video_id) == set()
    again.close()


def test_an_sqlite_file_in_use_is_rewritten_once_nobody_is_at_it(tmp_path):
    store = open_store(STORES["sqlite"](tmp_path / "store"))
    whole(store, ALPHA)
    epoch = store.open_run(replace(RUN, batch_id="live", inputs=()))
    assert any("in use by a run" in line for line in store.forget_video(ALPHA.video_id).left)
    store.close_run(epoch, "completed")
    assert store.finish_removal().left == ()
    assert holding(tmp_path, ALPHA.name, WORDS) == set()
    store.close()


def test_a_reader_that_keeps_the_log_of_an_sqlite_file_is_told(tmp_path):
    url = STORES["sqlite"](tmp_path / "store")
    store = open_store(url)
    whole(store, ALPHA)
    reader = sqlite3.connect(tmp_path / "store" / "batch_processing.db")
    reader.execute("BEGIN").execute("SELECT count(*) FROM jobs").fetchone()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("actors.stores.engines.sqlite.BUSY_TIMEOUT_S", 0.1)
        impatient = open_store(url)
        assert any("say the same again" in line for line in impatient.forget_video(ALPHA.video_id).left)
    reader.close()
    assert store.finish_removal().left == ()
    assert holding(tmp_path, ALPHA.name, WORDS) == set()
    store.close()
    impatient.close()
