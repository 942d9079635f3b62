"""Keeps an entry for each video in memory, and reads again only what has changed in the store."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, TypeVar

from schemas.storage.backend import StorageBackend, VideoFacts
from schemas.work.job import BatchJob, JobStatus
from vaengine.reporting.run_states import RunState, run_states, shown_states
from vaengine.server.collection.entry import VideoEntry, entry_of

MAX_AGE_S: Final = 0.5  # of a snapshot that is answered from
RELOAD_S: Final = 60.0  # between reading everything, by which removed videos are noticed
RELOAD_SHARE: Final = 0.02  # of the time may be spent with that
EVENT_PAGE: Final = 5000
T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """Every video of the collection, and its runs, newest first, as they were at one moment.

    `newest_event` is the number of the newest event that is counted in. `jobs` counts every job.
    """

    videos: Mapping[str, VideoEntry]
    runs: tuple[RunState, ...]
    newest_event: int
    jobs: int
    _made: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def once(self, name: str, make: Callable[[Collection[VideoEntry]], T]) -> T:
        """What `make` makes of all videos, kept by its name as long as this snapshot is."""
        if name not in self._made:
            self._made[name] = make(self.videos.values())
        made: T = self._made[name]
        return made

    def with_runs(self, runs: tuple[RunState, ...]) -> Snapshot:
        """The same videos, with all that was made of them."""
        later = replace(self, runs=runs)
        later._made.update(self._made)
        return later

    @cached_property
    def live_runs(self) -> tuple[RunState, ...]:
        """The runs at work."""
        return tuple(run for run in self.runs if run.is_at_work)


class CollectionIndex:
    """The collection of a store in memory, for any thread: every job, and an entry for each video.

    `current` is at most half a second old. It reads the jobs of which there are new events or which are in
    work, and everything once a minute, or less often where that takes long.
    """

    def __init__(
        self, reader: Callable[[], StorageBackend], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader, self._clock = reader, clock
        self._lock = threading.Lock()
        self._jobs: dict[str, dict[str, BatchJob]] = {}  # video id -> job id -> job
        self._entries: dict[str, VideoEntry] = {}
        self._in_work: set[str] = set()  # video ids
        self._snapshot: Snapshot | None = None
        self._taken_at = self._reload_at = -1.0

    def current(self) -> Snapshot:
        """The collection now; raises what reading the store raises."""
        with self._lock:
            now = self._clock()
            if self._snapshot is None or now - self._taken_at >= MAX_AGE_S:
                self._snapshot = self._read(self._reader(), now)
                self._taken_at = self._clock()
            return self._snapshot

    def recent(self) -> Snapshot | None:
        """The collection as it was read last, if that is recent, or somebody is about to read it again.

        Never waits.
        """
        age_s = self._clock() - self._taken_at
        is_recent = age_s < MAX_AGE_S or (age_s < 2 * MAX_AGE_S and self._lock.locked())
        return self._snapshot if is_recent else None

    def _read(self, store: StorageBackend, now: float) -> Snapshot:
        runs = run_states(store)
        before = self._snapshot
        if before is None or now >= self._reload_at:
            newest = store.newest_event()  # before the jobs, so that none is missed
            self._load(store, runs)
            took_s = self._clock() - now
            self._reload_at = now + max(RELOAD_S, took_s / RELOAD_SHARE)
            return self._made(runs, newest)
        events = store.events_after(before.newest_event, EVENT_PAGE)
        running = [
            job for state in (JobStatus.RUNNING, JobStatus.RETRYING) for job in store.jobs(status=state)
        ]
        changed = {one.event.job_id for one in events}
        named = list(store.jobs(job_ids=sorted(changed))) if changed else []
        video_ids = {job.video_id for job in (*named, *running)} | self._in_work
        if not video_ids and not events:
            return before.with_runs(runs)
        self._update(store, sorted(video_ids), runs)
        return self._made(runs, events[-1].number if events else before.newest_event)

    def _made(self, runs: tuple[RunState, ...], newest_event: int) -> Snapshot:
        return Snapshot(
            dict(self._entries), runs, newest_event, sum(len(jobs) for jobs in self._jobs.values())
        )

    def _load(self, store: StorageBackend, runs: tuple[RunState, ...]) -> None:
        self._jobs, self._entries = {}, {}
        facts = store.video_facts()
        self._put(store, store.jobs(), facts, runs)

    def _update(self, store: StorageBackend, video_ids: list[str], runs: tuple[RunState, ...]) -> None:
        for video_id in video_ids:
            self._jobs.pop(video_id, None)
            self._entries.pop(video_id, None)
        self._put(store, store.jobs_of(video_ids), store.video_facts(video_ids), runs)

    def _put(
        self,
        store: StorageBackend,
        jobs: Iterable[BatchJob],
        facts: Mapping[str, VideoFacts],
        runs: tuple[RunState, ...],
    ) -> None:
        by_video: dict[str, dict[str, BatchJob]] = defaultdict(dict)
        for job in jobs:
            by_video[job.video_id][job.job_id] = job
        self._jobs.update(by_video)
        found = [job for each in by_video.values() for job in each.values()]
        states = shown_states(store, found, runs)
        for video_id, each in by_video.items():
            self._entries[video_id] = entry_of(list(each.values()), facts.get(video_id), states)
        in_work = {job.video_id for job in found if job.status in (JobStatus.RUNNING, JobStatus.RETRYING)}
        self._in_work = (self._in_work - by_video.keys()) | in_work
