"""Finds the video of a store that a user's name means, and reads its current results."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Final

from schemas.annotations.annotation import Annotation
from schemas.errors import NotFound, Unreadable, UsageError
from schemas.media.video import Video
from schemas.paths import absolute_location, is_url, name_of
from schemas.pipelines import AVAILABLE, FACE, PERSON, AnsweredBy, is_human, of_human, order_of, short_name_of
from schemas.storage.backend import ResultStore
from schemas.work.chunk import WorkKey
from schemas.work.current_result import answering_results
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.provenance import info_of, provenance_of, sample_fps

MAX_CANDIDATES_SHOWN: Final = 5  # candidates named in an error
MIN_NAME_SIMILARITY: Final = 0.5  # of a name that is offered instead, 0..1


@dataclass(frozen=True, slots=True)
class VideoResults:
    """The current result of each pipeline of one video: all rows, the states, and the jobs that have them."""

    video: Video
    annotations: tuple[Annotation, ...]
    pipelines: Mapping[str, PipelineResult]
    jobs: Mapping[str, BatchJob]

    @property
    def sample_fps(self) -> float | None:
        """Frames per second that the person detector saw; None where the configuration does not say."""
        return self.sampled_fps(PERSON)

    @property
    def face_fps(self) -> float | None:
        """Frames per second that the face detector saw, likewise."""
        return self.sampled_fps(FACE)

    def sampled_fps(self, pipeline: str) -> float | None:
        """Frames per second that a pipeline saw, likewise."""
        if pipeline not in self.jobs or not self.video.has_pictures:
            return None
        return sample_fps(pipeline, info_of(self.jobs[pipeline], pipeline), float(self.video.nominal_fps))

    @property
    def provenance(self) -> str:
        """What made the results: `person: fast, yolo at 5 fps, yolo11n.pt; ...`.

        Results that are not complete are marked.
        """
        return "; ".join(
            f"{short_name_of(name)}: {self._pipeline_provenance(name)}"
            for name in sorted(self.pipelines, key=order_of)
        )

    def _pipeline_provenance(self, pipeline: str) -> str:
        if is_human(pipeline):
            return _made_by_hand(self.jobs[pipeline])
        provenance, fps, status = (
            provenance_of(pipeline, info_of(self.jobs[pipeline], pipeline)),
            self.sampled_fps(pipeline),
            self.pipelines[pipeline].status,
        )
        detector_text = (
            f"{provenance.get('detector', '')} at {fps:g} fps".strip() if fps else provenance.get("detector")
        )
        parts = (
            provenance.get("preset"),
            detector_text,
            provenance.get("model"),
            None if status is JobStatus.COMPLETED else f"{status}!",
        )
        return ", ".join(part for part in parts if part) or self.pipelines[pipeline].config_hash


def _made_by_hand(job: BatchJob) -> str:
    """How people made a result: `imported from clip.xml by Anna`, `corrected`."""
    imported, corrected = job.config.get("import") or {}, job.config.get("correction") or {}
    how = f"imported from {imported['file']}" if imported.get("file") else "corrected by hand"
    annotator = imported.get("annotator") or corrected.get("annotator")
    return f"{how} by {annotator}" if annotator else how


def corrected_videos(store: ResultStore, video_ids: Sequence[str]) -> set[str]:
    """Those of some videos of which there are results of people."""
    names = [of_human(pipeline) for pipeline in AVAILABLE]
    return {key.video_id for name in names for key in store.current_keys(name, video_ids)}


def results_of(store: ResultStore, named: str, answered_by: AnsweredBy = "machine") -> VideoResults:
    """The results of the video that a name means, see `jobs_of`, of those who answer.

    A pipeline that is not complete has the rows that it has so far. Raises `NotFound`. Raises `UsageError`
    where the name is ambiguous, the video was never readable, or nothing of it is stored yet.
    """
    jobs = jobs_of(store, named)
    video = _video_of(store, jobs, named)
    newest = newest_results(jobs, answered_by)
    rows = [
        row
        for name, (_, result) in newest.items()
        for row in store.annotations(WorkKey(video.video_id, name, result.config_hash))
    ]
    results = {name: result for name, (_, result) in newest.items()}
    if not rows and not any(result.status is JobStatus.COMPLETED for result in results.values()):
        states = (
            ", ".join(f"{name} is {result.status}" for name, result in sorted(results.items()))
            or "no pipeline was asked for"
        )
        raise UsageError(
            f"{video.video_id} has no results yet ({states}): `vaengine run` makes them, `vaengine errors` "
            "says what failed"
        )
    return VideoResults(video, tuple(rows), results, {name: job for name, (job, _) in newest.items()})


def jobs_of(store: ResultStore, named: str) -> list[BatchJob]:
    """Jobs of the one video that a name means.

    The name is its id, any of its paths, its file name, the beginning of its id, or a file with its content.
    Raises `NotFound` with the nearest known name, `UsageError` for an ambiguous name.
    """
    jobs = list(store.jobs())
    video_id = _resolve_name(store, jobs, named)
    return [job for job in jobs if job.video_id == video_id]


def check_unchanged(video: Video) -> None:
    """Check that a video's file still has the content that was annotated.

    Raises `Unreadable` if the file is missing and `UsageError` if its content differs.
    """
    from actors.sources.content import fingerprint_of
    from actors.sources.facts import facts_of, known_facts

    try:
        facts = facts_of(video.path)
    except OSError as error:
        raise Unreadable(video.path, f"{error.strerror}; if it was moved, name its new path") from error
    if facts == known_facts(video):
        return
    if facts.size_bytes != video.size_bytes or fingerprint_of(video.path) != video.fingerprint:
        raise UsageError(
            f"{video.path} has changed since it was annotated: `vaengine run` it again, or put the old file "
            "back"
        )


def one_beginning_with(beginning: str, known: Iterable[str], noun: str) -> str | None:
    """The one name that equals or begins with a text; None if there is none.

    Raises `UsageError` for several.
    """
    names = sorted(set(known))
    matches = (
        [beginning]
        if beginning in names
        else [name for name in names if beginning and name.startswith(beginning)]
    )
    if len(matches) > 1:
        raise _ambiguous(beginning, matches, noun)
    return matches[0] if matches else None


def _resolve_name(store: ResultStore, jobs: Sequence[BatchJob], named: str) -> str:
    ids = {job.video_id for job in jobs}
    if named in ids:
        return named
    path = _location(named)
    for candidates in _candidates(store, jobs, named, path):
        if len(candidates & ids) > 1:
            raise _ambiguous(named, sorted(candidates & ids), "video")
        if candidates & ids:
            return (candidates & ids).pop()
    video_id = one_beginning_with(named, ids, "video") or _same_content(store, ids, path)
    if video_id is None:
        raise NotFound(f"video {named}", f"{store.url}{_suggestion(named, jobs)}")
    return video_id


def _location(named: str) -> str:
    """The absolute path, or the URL; a link keeps its own name, as when it was probed."""
    return absolute_location(named) if is_url(named) else os.path.abspath(named)  # noqa: PTH100


def _candidates(store: ResultStore, jobs: Sequence[BatchJob], named: str, path: str) -> Iterator[set[str]]:
    """Videos that a path or file name may mean, the most certain first."""
    yield {video.video_id for video in store.known_videos([path]).values()}
    yield _with_path(jobs, path)
    yield _with_name(jobs, named)
    yield _with_other_name(store, named)


def _with_path(jobs: Iterable[BatchJob], path: str) -> set[str]:
    return {job.video_id for job in jobs if job.location == path}


def _with_name(jobs: Iterable[BatchJob], name: str) -> set[str]:
    return {job.video_id for job in jobs if _is_called(job.location, name)}


def _with_other_name(store: ResultStore, name: str) -> set[str]:
    """Videos with this name among their further paths, such as copies and renamed files."""
    return {video_id for path, video_id in store.known_paths().items() if _is_called(path, name)}


def _is_called(location: str, name: str) -> bool:
    """Whether a file has this name, with or without its extension."""
    return name in (name_of(location), PurePath(name_of(location)).stem)


def _same_content(store: ResultStore, ids: Iterable[str], path: str) -> str | None:
    """The video whose content a file has that the store does not know."""
    if not Path(path).is_file():
        return None
    from actors.sources.content import fingerprint_of

    content = fingerprint_of(path)
    return next(
        (video_id for video_id, known in store.fingerprints(sorted(ids)).items() if known == content), None
    )


def _suggestion(named: str, jobs: Sequence[BatchJob]) -> str:
    names = [name for job in jobs for name in (job.video_id, name_of(job.location))]
    near = difflib.get_close_matches(Path(named).name, names, n=1, cutoff=MIN_NAME_SIMILARITY)
    if near:
        return f": did you mean {near[0]}?"
    return ": `vaengine status` lists what is there" if names else ", which holds no video yet"


def _ambiguous(named: str, found: Sequence[str], noun: str) -> UsageError:
    more = f" and {len(found) - MAX_CANDIDATES_SHOWN} more" if len(found) > MAX_CANDIDATES_SHOWN else ""
    return UsageError(
        f"{noun} {named} could be {', '.join(found[:MAX_CANDIDATES_SHOWN])}{more}; give one of these"
    )


def _video_of(store: ResultStore, jobs: Sequence[BatchJob], named: str) -> Video:
    """The video, with the named path if a path was named."""
    video_id = jobs[0].video_id
    video = store.videos([video_id]).get(video_id)
    if video is None:
        reason = next((job.error_message for job in jobs if job.error_message), "it could not be read")
        raise UsageError(f"{video_id} has no results: {reason}")
    if is_url(named) or Path(named).is_file():
        return _under(video, _location(named))
    return video


def _under(video: Video, location: str) -> Video:
    """The video under another of its paths, where no version of the first says anything."""
    return video if video.path == location else replace(video, path=location, version="")


def newest_results(
    jobs: Iterable[BatchJob], answered_by: AnsweredBy = "machine"
) -> dict[str, tuple[BatchJob, PipelineResult]]:
    """The current result of each pipeline of one video, and a job that has it, of those who answer."""
    answering = answering_results(jobs, answered_by).values()
    return {result.pipeline: (job, result) for job, result in answering}
