"""What a store holds of a batch, or of everything: outcomes, failures, what each video has and has cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, PERSON_TRACK, Annotation
from schemas.errors import NotFound
from schemas.paths import name_of
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.batch_progress import INTERRUPTED
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from vaengine.console.units import counted
from vaengine.reporting.run_states import run_states, shown_states
from vaengine.reporting.store_overview import failures
from vaengine.results.audio import speech_of, voice_of
from vaengine.results.presence_intervals import Run, merged

PAGE: Final = 100  # videos read at once: their indexes are 8 bytes a frame
OUTCOMES: Final = ("completed", "failed", "running", "retrying", INTERRUPTED, "pending")


@dataclass(frozen=True, slots=True)
class VideoTally:
    """One video of a batch; None is what is not known of it."""

    name: str
    outcome: str
    duration_s: float | None
    scenes: int | None
    persons: int | None
    cost_s: float | None  # core seconds for each minute of video
    faces: int | None = None
    speech_s: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Everything the overview shows; videos from the longest to the shortest."""

    title: str
    videos: tuple[VideoTally, ...]
    failures: tuple[tuple[str, int], ...]  # kind and number of videos, most first

    @property
    def outcomes(self) -> dict[str, int]:
        counts = Counter(video.outcome for video in self.videos)
        return {outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]}


def tally(store: StorageBackend, batch_id: str | None = None) -> Tally:
    """What a store holds of a batch, or of all of them; raises `NotFound` for a batch it does not have."""
    jobs = list(store.jobs(batch_id=batch_id))
    if not jobs:
        missing = f"batch {batch_id}" if batch_id else "any video"
        raise NotFound(missing, f"{store.url}: `vaengine status` lists what is there")
    ids = {job.job_id for job in jobs}
    videos = sorted(_videos(store, jobs), key=lambda video: (-(video.duration_s or -1.0), video.name))
    of_batch = {job.video_id for job in jobs}
    lines = (line for line in failures(store) if line.video_id in of_batch)
    failed = {(line.video_id, line.kind or "unknown") for line in lines}
    kinds = Counter(kind for _, kind in failed)
    title = f"batch {batch_id}" if batch_id else "everything in the store"
    return Tally(f"{title}: {counted(len(ids), 'video')}", tuple(videos), tuple(kinds.most_common()))


def _videos(store: StorageBackend, jobs: Iterable[BatchJob]) -> Iterator[VideoTally]:
    runs = run_states(store)
    for page in _pages(jobs, PAGE):
        known, states = store.videos([job.video_id for job in page]), shown_states(store, page, runs)
        for job in page:
            duration_s = known[job.video_id].duration_s if job.video_id in known else None
            yield _tally_of(store, job, states[job.job_id], duration_s)


def _tally_of(store: StorageBackend, job: BatchJob, state: str, duration_s: float | None) -> VideoTally:
    results = job.pipeline_results
    done = {name: result for name, result in results.items() if result.status is JobStatus.COMPLETED}
    times_s = (result.processing_time_seconds for result in done.values())
    seconds = [time_s for time_s in times_s if time_s is not None]
    return VideoTally(
        name=name_of(job.location),
        outcome=state,
        duration_s=duration_s,
        scenes=done[SCENE].annotation_count if SCENE in done else None,
        persons=_persons(_rows(store, job, done[PERSON])) if PERSON in done else None,
        cost_s=sum(seconds) / duration_s * 60 if seconds and duration_s else None,
        faces=_faces(_rows(store, job, done[FACE])) if FACE in done else None,
        speech_s=_speech_s(_rows(store, job, done[AUDIO])) if AUDIO in done else None,
    )


def _rows(store: StorageBackend, job: BatchJob, result: PipelineResult) -> list[Annotation]:
    return list(store.annotations(WorkKey(job.video_id, result.pipeline, result.config_hash)))


def _persons(rows: Iterable[Annotation]) -> int:
    kinds = (PERSON_TRACK, PERSON_DETECTION)
    return len({row.person_id for row in rows if row.annotation_type in kinds and row.person_id})


def _faces(rows: Sequence[Annotation]) -> int:
    """Faces that are told apart; where no model does, as many as are in one frame at most."""
    known = {row.face_id for row in rows if row.face_id}
    at_once = Counter(row.frame_number for row in rows if row.annotation_type == FACE_DETECTION)
    return len(known) or max(at_once.values(), default=0)


def _speech_s(rows: Sequence[Annotation]) -> float:
    """How long anybody speaks: speech, or voice activity where no text is known."""
    said: list[Run] = [(one.start_s, one.end_s) for one in speech_of(rows)]
    spoken = said or [(one.start_s, one.end_s) for one in voice_of(rows)]
    return sum(end_s - start_s for start_s, end_s in merged(spoken))


def _pages(jobs: Iterable[BatchJob], size: int) -> Iterator[list[BatchJob]]:
    rest = iter(jobs)
    while page := list(islice(rest, size)):
        yield page
