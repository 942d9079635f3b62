"""Two runs on one store, and people beside them, whatever they do in whatever order: no chunk is lost or
counts twice, all ends alike.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from actors.stores import open_store
from schemas.errors import AtWork, LeaseLost, NotFound, StaleAttempt, StaleEpoch
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from schemas.work.job_event import Control
from schemas.work.manifest import ChunkCommit
from schemas.work.run import RunInfo
from tests.contract.conftest import STORES, digest
from tests.support.stores.fake_videos import Clip, broken, done
from tests.support.suite.clock import Clock, moved_by_hand

CLIPS = (Clip(frames=50), Clip("/clips/pond.mp4", "b", frames=25))  # few, so that moves meet
HOSTS = ("far", "farther")
CHUNKS = [(clip, first) for clip in CLIPS for first in range(0, clip.frames, 25)]
ENDS = [AttemptState.FAILED, AttemptState.LOST, AttemptState.KILLED]
REFUSALS = (
    LeaseLost,
    StaleAttempt,
    StaleEpoch,
    NotFound,
)  # of what a run did before somebody forgot the video, too

hosts = st.sampled_from(HOSTS)
clips = st.sampled_from(CLIPS)
chunks = st.sampled_from(CHUNKS)
pipelines = st.sets(st.sampled_from([SCENE, PERSON]), min_size=1)
numbers = st.integers(1, 3)


def keys_of(clip: Clip) -> tuple[WorkKey, WorkKey]:
    return clip.key(SCENE), clip.key(PERSON)


def job_of(clip: Clip) -> str:
    return clip.job(*keys_of(clip)).job_id


def chunk_id(clip: Clip, first: int) -> str:
    return f"{clip.video_id}[{first},{first + 25})"


def commits_of(clip: Clip, first: int, names: set[str], attempt: int) -> list[ChunkCommit]:
    job = clip.job(*keys_of(clip))
    made = [
        clip.commit(key, first, job=job, attempt=attempt) for key in keys_of(clip) if key.pipeline in names
    ]
    return [replace(one, chunk_id=chunk_id(clip, first)) for one in made]


def final(clip: Clip, key: WorkKey) -> Outcome:
    rows = clip.scenes(key) if key.pipeline == SCENE else clip.boxes(key, 0, clip.frames, "person_0001")
    return done(clip.job(*keys_of(clip)), key, rows)


def registered(store: StorageBackend, epoch: int) -> set[WorkKey]:
    """What another run holds of all there is."""
    return store.register(epoch, [clip.video for clip in CLIPS], [clip.job(*keys_of(clip)) for clip in CLIPS])


def work_off(store: StorageBackend, host: str) -> None:
    """A run that nothing disturbs: whatever is missing, in order, each chunk under the number of its next
    try.
    """
    epoch = store.open_run(RunInfo(host, host, 9, {}, ()))
    assert registered(store, epoch) == set(), "the others are dead, or have ended"
    for clip, first in CHUNKS:
        tries = [
            one.number for one in store.attempts([clip.video_id]) if one.chunk_id == chunk_id(clip, first)
        ]
        there = {
            key.pipeline
            for key in keys_of(clip)
            if any(line.first_frame == first for line in store.manifest([key])[key])
        }
        names = {SCENE, PERSON} - there - {key.pipeline for key in store.completed(keys_of(clip))}
        store.commit_chunks(epoch, commits_of(clip, first, names, max(tries, default=0) + 1))
    for clip in CLIPS:
        for key in set(keys_of(clip)) - store.completed(keys_of(clip)):
            store.finish(epoch, final(clip, key))
    store.close_run(epoch, "completed")


class TwoRuns(RuleBasedStateMachine):
    """The moves of two runs on other machines, of their workers, of people and of time; late, repeated
    and reordered as they like.
    """

    backend = ""
    clock = Clock()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = open_store(STORES[self.backend](self.folder / "store"))
        self.epochs: dict[str, int] = {}
        self.holds: dict[WorkKey, str] = {}  # who was last told that it holds a key
        # Ended without a result, and nobody's since: chunks still in work are welcome, whosever they are.
        self.failed: set[WorkKey] = set()
        self.called_off: set[WorkKey] = set()  # nobody writes to these until somebody asks for them again
        self.kept: dict[WorkKey, set[int]] = {}  # chunks that the store once said it has

    @initialize()
    def both_begin(self) -> None:
        for host in HOSTS:
            self.begin(host)

    @rule(host=hosts)
    def begin(self, host: str) -> None:
        """A run begins, or begins again with new actors."""
        epoch = self.epochs[host] = self.store.open_run(RunInfo(host, host, 1, {}, ()))
        self._told(host, {key for clip in CLIPS for key in keys_of(clip)} - registered(self.store, epoch))

    @rule(host=hosts, clip=clips)
    def lease(self, host: str, clip: Clip) -> None:
        with contextlib.suppress(StaleEpoch):
            self._told(host, self.store.lease(self.epochs[host], keys_of(clip)))

    @rule(host=hosts, chunk=chunks, number=numbers, state=st.sampled_from([AttemptState.LEASED, *ENDS]))
    def record(self, host: str, chunk: tuple[Clip, int], number: int, state: AttemptState) -> None:
        clip, first = chunk
        tried = Attempt(
            chunk_id(clip, first), clip.video_id, number, state, f"{host}:1", self.clock(), self.clock()
        )
        with contextlib.suppress(StaleEpoch):
            self.store.record(
                self.epochs[host],
                [tried if state is AttemptState.LEASED else replace(tried, failure_kind="crash")],
            )

    @rule(host=hosts, chunk=chunks, names=pipelines, attempt=numbers)
    def commit(self, host: str, chunk: tuple[Clip, int], names: set[str], attempt: int) -> None:
        clip, first = chunk
        before, newest = self._seen(), self._newest(clip, first)
        try:
            self.store.commit_chunks(self.epochs[host], commits_of(clip, first, names, attempt))
        except REFUSALS:
            assert self._seen() == before, "what is refused leaves no trace"
        else:
            for key in (
                key
                for key in keys_of(clip)
                if key.pipeline in names and key not in self.store.completed([key])
            ):
                assert self.holds.get(key) == host or key in self.failed, "only who holds a key writes to it"
                assert key not in self.called_off, "what is called off takes no more"
                assert attempt >= newest, "what was tried again since is refused"
                self.kept.setdefault(key, set()).add(first)

    @rule(host=hosts, clip=clips, pipeline=st.sampled_from([SCENE, PERSON]))
    def finish(self, host: str, clip: Clip, pipeline: str) -> None:
        """As a finalizer does it: once every chunk is there."""
        key = clip.key(pipeline)
        if len(self.store.manifest([key])[key]) * 25 == clip.frames:
            self._end(host, final(clip, key))

    @rule(host=hosts, clip=clips, pipeline=st.sampled_from([SCENE, PERSON]))
    def fail(self, host: str, clip: Clip, pipeline: str) -> None:
        self._end(host, broken(clip.job(*keys_of(clip)), clip.key(pipeline)))

    @rule(host=hosts, clip=clips)
    def release(self, host: str, clip: Clip) -> None:
        self.store.release(self.epochs[host], keys_of(clip))
        self._free({key for key in keys_of(clip) if self.holds.get(key) == host})

    @rule(host=hosts, clip=clips, status=st.sampled_from([JobStatus.PENDING, JobStatus.RUNNING]))
    def mark(self, host: str, clip: Clip, status: JobStatus) -> None:
        with contextlib.suppress(REFUSALS):
            self.store.mark(self.epochs[host], clip.job(*keys_of(clip)).job_id, [SCENE, PERSON], status)

    @rule(clip=clips, control=st.sampled_from([Control.PAUSE, Control.CANCEL, None]))
    def ask(self, clip: Clip, control: Control | None) -> None:
        """Runs act on it when they see it; until then it stands beside the job."""
        with contextlib.suppress(NotFound):
            self.store.request([job_of(clip)], control)
            assert self.store.controls().get(job_of(clip)) is control

    @rule(clip=clips, host=st.none() | hosts)
    def call_off(self, clip: Clip, host: str | None) -> None:
        open_keys = {
            key for key in keys_of(clip) if self._status(key) in (JobStatus.PENDING, JobStatus.RUNNING)
        }
        with contextlib.suppress(NotFound, StaleEpoch):
            self.store.cancel(None if host is None else self.epochs[host], job_of(clip))
            assert {self._status(key) for key in open_keys} <= {JobStatus.FAILED}
            self.called_off |= open_keys
            self.failed -= open_keys
            self._free(open_keys)

    @rule(clip=clips)
    def retry(self, clip: Clip) -> None:
        """Whatever failed, in whatever way, is nobody's, and open to whoever leases it."""
        again = {key for key in keys_of(clip) if self._status(key) is JobStatus.FAILED}
        with contextlib.suppress(NotFound):
            assert self.store.reopen([job_of(clip)]) == len(again)
            self.failed -= again
            self.called_off -= again

    @rule(clip=clips)
    def forget(self, clip: Clip) -> None:
        """Nothing that a live run is at; whoever has the video begins anew."""
        with contextlib.suppress(AtWork):
            self.store.forget_video(clip.video_id)
            keys = set(keys_of(clip))
            assert self.store.manifest(list(keys)) == {key: [] for key in keys}
            self.failed -= keys
            self.called_off -= keys
            self._free(keys)
            for key in keys:
                self.kept.pop(key, None)

    @rule(seconds=st.sampled_from([20, 70]))
    def time_passes(self, seconds: int) -> None:
        """70 s without a sign of life and a run on another machine counts as dead."""
        self.clock.forward(seconds)

    @invariant()
    def what_was_committed_is_there_once(self) -> None:
        for key, chunks in self.kept.items():
            starts = [line.first_frame for line in self.store.manifest([key])[key]]
            assert len(starts) == len(set(starts))
            assert chunks <= set(starts)

    def _end(self, host: str, outcome: Outcome) -> None:
        try:
            self.store.finish(self.epochs[host], outcome)
        except REFUSALS:
            return
        if self.store.completed([outcome.key]):
            return
        assert outcome.status is JobStatus.FAILED
        self.holds.pop(outcome.key, None)
        self.failed.add(outcome.key)

    def _told(self, host: str, keys: set[WorkKey]) -> None:
        self.holds |= dict.fromkeys(keys - self.store.completed(list(keys)), host)

    def _free(self, keys: set[WorkKey]) -> None:
        for key in keys:
            self.holds.pop(key, None)

    def _status(self, key: WorkKey) -> JobStatus | None:
        """Of a pipeline; None where there is no such job."""
        found = self.store.jobs(job_ids=[job_of(clip) for clip in CLIPS if clip.video_id == key.video_id])
        return next((job.pipeline_results[key.pipeline].status for job in found), None)

    def _newest(self, clip: Clip, first: int) -> int:
        tries = self.store.attempts([clip.video_id])
        return max((one.number for one in tries if one.chunk_id == chunk_id(clip, first)), default=0)

    def _seen(self) -> object:
        return digest(self.store), self.store.manifest([key for clip in CLIPS for key in keys_of(clip)])

    def teardown(self) -> None:
        """All fall silent; what was called off is asked for again, a third run does what is missing, and
        nobody can tell what happened.
        """
        try:
            self.clock.forward(100)
            self.store.reopen([job.job_id for job in self.store.jobs()])
            work_off(self.store, "third")
            assert digest(self.store) == undisturbed(self.backend)
        finally:
            self.store.close()
            shutil.rmtree(self.folder)


def undisturbed(backend: str) -> str:
    """The digest of a store that one run has filled from beginning to end."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(STORES[backend](Path(folder) / "store"))
        work_off(store, "third")
        found = digest(store)
        store.close()
    return found


EXAMPLES = {
    "files": 3,
    "sqlite": 3,
    "postgresql": 1,
}  # of the last each takes twice as long, and it shares its code with the second
LONG = 40  # times as many


@pytest.mark.parametrize("times", [1, pytest.param(LONG, marks=pytest.mark.long)])
@pytest.mark.parametrize("backend", STORES)
def test_no_chunk_is_lost_and_none_committed_twice_under_any_interleaving(
    backend: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = moved_by_hand(monkeypatch)
    machine = type("TwoRunsHere", (TwoRuns,), {"backend": backend, "clock": clock})
    examples = EXAMPLES[backend] * times
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
