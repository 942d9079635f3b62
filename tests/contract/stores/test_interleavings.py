"""Two runs on one store, whatever either does in whatever order: no chunk is lost, none counts twice, and
the end is always the same.
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
from schemas.errors import LeaseLost, StaleAttempt, StaleEpoch
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import Outcome, StorageBackend
from schemas.work.attempt import Attempt, AttemptState
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from schemas.work.manifest import ChunkCommit
from schemas.work.run import RunInfo
from tests.contract.conftest import STORES, digest
from tests.support.clock import Clock, moved_by_hand
from tests.support.fake_videos import Clip, broken, done

CLIPS = (Clip(frames=50), Clip("/clips/pond.mp4", "b", frames=25))  # few, so that moves meet
HOSTS = ("far", "farther")
CHUNKS = [(clip, first) for clip in CLIPS for first in range(0, clip.frames, 25)]
ENDS = [AttemptState.FAILED, AttemptState.LOST, AttemptState.KILLED]
REFUSALS = (LeaseLost, StaleAttempt, StaleEpoch)

hosts = st.sampled_from(HOSTS)
clips = st.sampled_from(CLIPS)
chunks = st.sampled_from(CHUNKS)
pipelines = st.sets(st.sampled_from([SCENE, PERSON]), min_size=1)
numbers = st.integers(1, 3)


def keys_of(clip: Clip) -> tuple[WorkKey, WorkKey]:
    return clip.key(SCENE), clip.key(PERSON)


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
    """The moves of two runs on other machines, of their workers and of time; late, repeated and reordered
    as they like.
    """

    backend = ""
    clock = Clock()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = open_store(STORES[self.backend](self.folder / "store"))
        self.epochs: dict[str, int] = {}
        self.holds: dict[WorkKey, str] = {}  # who was last told that it holds a key
        self.failed: set[WorkKey] = (
            set()
        )  # ended without a result, and nobody's since: chunks still in work are welcome, whosever they are
        self.kept: dict[WorkKey, set[int]] = {}  # chunks that the store once said it has

    @initialize()
    def both_begin(self) -> None:
        for host in HOSTS:
            self.begin(host)

    @rule(host=hosts)
    def begin(self, host: str) -> None:
        """A run begins, or begins again with a new crew."""
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
        for key in keys_of(clip):
            if self.holds.get(key) == host:
                del self.holds[key]

    @rule(host=hosts, clip=clips, status=st.sampled_from([JobStatus.PENDING, JobStatus.RUNNING]))
    def mark(self, host: str, clip: Clip, status: JobStatus) -> None:
        with contextlib.suppress(REFUSALS):
            self.store.mark(self.epochs[host], clip.job(*keys_of(clip)).job_id, [SCENE, PERSON], status)

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

    def _newest(self, clip: Clip, first: int) -> int:
        tries = self.store.attempts([clip.video_id])
        return max((one.number for one in tries if one.chunk_id == chunk_id(clip, first)), default=0)

    def _seen(self) -> object:
        return digest(self.store), self.store.manifest([key for clip in CLIPS for key in keys_of(clip)])

    def teardown(self) -> None:
        """Both fall silent; a third run does what is missing, and nobody can tell that anything ever
        happened.
        """
        try:
            self.clock.forward(100)
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
    "files": 60,
    "sqlite": 60,
    "postgresql": 30,
}  # of the last each takes twice as long, and it shares its code with the second


@pytest.mark.parametrize("backend", STORES)
def test_no_chunk_is_lost_and_none_committed_twice_under_any_interleaving(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = moved_by_hand(monkeypatch)
    machine = type("TwoRunsHere", (TwoRuns,), {"backend": backend, "clock": clock})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES[backend],
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
