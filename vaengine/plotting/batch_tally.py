"""The content of a batch or of a whole store, for a plot: outcomes, failures, results and cost of videos."""

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

PAGE_JOBS: Final = 100  # read at once: the index of a video has 8 bytes a frame
OUTCOMES: Final = ("completed", "failed", "running", "retrying", INTERRUPTED, "pending")


@dataclass(frozen=True, slots=True)
class VideoTally:
    """The results and the cost of one video of a batch; None for unknown."""

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
    """The content of a plot of a batch; videos from the longest to the shortest."""

    title: str
    videos: tuple[VideoTally, ...]
    failures: tuple[tuple[str, int], ...]  # kind and number of videos, most first

    @property
    def outcomes(self) -> dict[str, int]:
        """Number of videos by outcome, in the order of `OUTCOMES`."""
        counts = Counter(video.outcome for video in self.videos)
        return {outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]}


def tally(store: StorageBackend, batch_id: str | None = None) -> Tally:
    """Read the content of a batch, or of a whole store; raises `NotFound` for an unknown batch."""
    jobs = list(store.jobs(batch_id=batch_id))
    if not jobs:
        missing = f"batch {batch_id}" if batch_id else "any video"
        raise NotFound(missing, f"{store.url}: `vaengine status` lists what is there")
    job_ids = {job.job_id for job in jobs}
    videos = sorted(_videos(store, jobs), key=lambda video: (-(video.duration_s or -1.0), video.name))
    video_ids = {job.video_id for job in jobs}
    batch_failures = (failure for failure in failures(store) if failure.video_id in video_ids)
    failed = {(failure.video_id, failure.kind or "unknown") for failure in batch_failures}
    kinds = Counter(kind for _, kind in failed)
    title = f"batch {batch_id}" if batch_id else "everything in the store"
    return Tally(f"{title}: {counted(len(job_ids), 'video')}", tuple(videos), tuple(kinds.most_common()))


def _videos(store: StorageBackend, jobs: Iterable[BatchJob]) -> Iterator[VideoTally]:
    runs = run_states(store)
    for page in _pages(jobs, PAGE_JOBS):
        videos, states = store.videos([job.video_id for job in page]), shown_states(store, page, runs)
        for job in page:
            duration_s = videos[job.video_id].duration_s if job.video_id in videos else None
            yield _tally_of(store, job, states[job.job_id], duration_s)


def _tally_of(store: StorageBackend, job: BatchJob, state: str, duration_s: float | None) -> VideoTally:
    results = job.pipeline_results
    completed = {name: result for name, result in results.items() if result.status is JobStatus.COMPLETED}
    times_s = (result.processing_time_seconds for result in completed.values())
    known_times_s = [time_s for time_s in times_s if time_s is not None]
    return VideoTally(
        name=name_of(job.location),
        outcome=state,
        duration_s=duration_s,
        scenes=completed[SCENE].annotation_count if SCENE in completed else None,
        persons=_persons(_rows(store, job, completed[PERSON])) if PERSON in completed else None,
        cost_s=sum(known_times_s) / duration_s * 60 if known_times_s and duration_s else None,
        faces=_faces(_rows(store, job, completed[FACE])) if FACE in completed else None,
        speech_s=_speech_s(_rows(store, job, completed[AUDIO])) if AUDIO in completed else None,
    )


def _rows(store: StorageBackend, job: BatchJob, result: PipelineResult) -> list[Annotation]:
    return list(store.annotations(WorkKey(job.video_id, result.pipeline, result.config_hash)))


def _persons(rows: Iterable[Annotation]) -> int:
    kinds = (PERSON_TRACK, PERSON_DETECTION)
    return len({row.person_id for row in rows if row.annotation_type in kinds and row.person_id})


def _faces(rows: Sequence[Annotation]) -> int:
    """Number of face identities; without any, the largest number of faces in one frame."""
    face_ids = {row.face_id for row in rows if row.face_id}
    counts = Counter(row.frame_number for row in rows if row.annotation_type == FACE_DETECTION)
    return len(face_ids) or max(counts.values(), default=0)


def _speech_s(rows: Sequence[Annotation]) -> float:
    """Seconds of speech; without any text, of voice activity."""
    speech: list[Run] = [(speech.start_s, speech.end_s) for speech in speech_of(rows)]
    runs = speech or [(voice.start_s, voice.end_s) for voice in voice_of(rows)]
    return sum(end_s - start_s for start_s, end_s in merged(runs))


def _pages(jobs: Iterable[BatchJob], size: int) -> Iterator[list[BatchJob]]:
    rest = iter(jobs)
    while page := list(islice(rest, size)):
        yield page
