"""Imports a file of another tool: read, matched with videos, checked, and stored as a whole or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from actors.stores.rules.states import now
from schemas.annotations.annotation import job_id_for
from schemas.errors import NotFound, PeopleChanged, UsageError
from schemas.media.video import Video
from schemas.paths import name_of
from schemas.pipelines import of_machine, short_name_of
from schemas.storage.backend import StorageBackend
from schemas.storage.imports import HumanResults
from schemas.work.current_result import complete_results
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from vaengine.importing.document import ImportedFile, ImportedVideo
from vaengine.importing.frames import VideoFrames
from vaengine.importing.labels import LabelRules
from vaengine.importing.naming import naming_of
from vaengine.importing.readers.formats import read_file
from vaengine.importing.readers.parsing import SourceFile
from vaengine.importing.rows import ImportedRows, rows_of
from vaengine.results.longest_span import LONGEST_SPAN_S, longest_span_of
from vaengine.results.lookup import jobs_of

MAX_TRIES: Final = 5  # to store names while others edit who is who
_UPLOADED: Final = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before a file's name


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import, and what a person says of it.

    `video` is a name of a stored video, `part` that of an observation or task in the file, `fps` the rate in
    which the file counts frames, `annotator` who made it.
    """

    path: Path
    format: str | None = None
    video: str | None = None
    part: str | None = None
    fps: Fraction | None = None
    labels: LabelRules = field(default_factory=LabelRules)
    annotator: str = ""


@dataclass(frozen=True, slots=True)
class ImportedInto:
    """What was imported into one video: rows by type; `is_new` is False where all of it was there before."""

    video_id: str
    path: str
    job_id: str
    is_new: bool
    rows: Mapping[str, int]
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or with a dry run would do; `names` has a line for each person who was named."""

    file: str
    format: str
    videos: tuple[ImportedInto, ...]
    names: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        return any(one.is_new for one in self.videos)


@dataclass(frozen=True, slots=True)
class _Matched:
    """One video of the file with the stored one that it is about."""

    imported: ImportedVideo
    video: Video
    job: BatchJob  # any of the video: where its files are


def import_file(store: StorageBackend, request: ImportRequest, *, dry_run: bool = False) -> ImportReport:
    """Import a file beside the results of the machine, in one transaction.

    Raises `UnreadableImport`, `WrongFrameRate`, `WrongVideo`, `NotFound` and `UsageError`, with nothing
    stored.
    """
    source = SourceFile(str(request.path), _bytes_of(request.path))
    file = read_file(source, request.format)
    matched = list(_matched(store, file, request))
    imports = {one.video.video_id: _rows(one, request) for one in matched}
    digest = hashlib.sha256(source.data).hexdigest()
    results = [_results(one, imports[one.video.video_id], _about(file, request, digest)) for one in matched]
    is_new = _new_jobs(store, results)
    replaced = {one.job.job_id: tuple(_replaced(store, one)) for one in results if one.job.job_id in is_new}
    if dry_run or not is_new:
        lines = naming_of(store, _of_jobs(imports, results, is_new))[1] if is_new else ()
    else:
        lines = _store(store, imports, results, is_new)
    videos = tuple(
        _reported(one, imports[one.video.video_id], result, replaced, request)
        for one, result in zip(matched, results, strict=True)
    )
    return ImportReport(str(request.path), file.format, videos, lines)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; nothing was imported") from error


# Which video.


def _matched(store: StorageBackend, file: ImportedFile, request: ImportRequest) -> Iterator[_Matched]:
    seen: dict[str, str] = {}
    for imported in _chosen(file, request):
        jobs = _jobs_of(store, imported, request)
        video_id = jobs[0].video_id
        if video_id in seen:
            parts = f"{seen[video_id]!r} and {imported.part!r}"
            raise UsageError(
                f"{request.path}: {parts} are both of {video_id}: --part NAME imports one of them"
            )
        seen[video_id] = imported.part
        video = store.videos([video_id]).get(video_id)
        if video is None:
            raise UsageError(f"{video_id} was never readable, so frames and times cannot be checked")
        yield _Matched(imported, video, jobs[0])


def _chosen(file: ImportedFile, request: ImportRequest) -> Iterable[ImportedVideo]:
    chosen = [one for one in file.videos if request.part in (None, one.part)]
    if not chosen:
        parts = ", ".join(repr(one.part) for one in file.videos if one.part) or "no parts with names"
        raise UsageError(f"{request.path} has no part {request.part!r}: it has {parts}")
    if request.video is None or len(chosen) == 1:
        return chosen
    wanted = PurePath(name_of(request.video)).stem
    of_name = [one for one in chosen if any(PurePath(name).stem == wanted for name in _names(one))]
    if not of_name:
        known = ", ".join(sorted({name_of(one.name) for one in chosen}))
        raise UsageError(f"{request.path} is of several videos, and none is {request.video}: it has {known}")
    return of_name


def _names(imported: ImportedVideo) -> list[str]:
    """What the video may be called: the file's name as it stands, and without what a server put before it."""
    name = name_of(unquote(urlsplit(imported.name).path) if "://" in imported.name else imported.name)
    name = name.replace("\\", "/").rpartition("/")[2]
    return [one for one in dict.fromkeys([imported.name, name, _UPLOADED.sub("", name, count=1)]) if one]


def _jobs_of(store: StorageBackend, imported: ImportedVideo, request: ImportRequest) -> list[BatchJob]:
    """The jobs of the stored video that is meant; raises `NotFound` with the nearest names."""
    if request.video is not None:
        return jobs_of(store, request.video)
    names = _names(imported) or [PurePath(request.path.name).stem]
    failure: NotFound | None = None
    for name in names:
        try:
            return jobs_of(store, name)
        except NotFound as error:
            failure = error
    if failure is None:
        raise UsageError(f"{request.path} names no video: give --video")
    failure.add_note("(--video names the video that the file is of; nothing was imported)")
    raise failure


# Rows and jobs.


def _rows(one: _Matched, request: ImportRequest) -> ImportedRows:
    frames = VideoFrames(str(request.path), one.imported, one.video, request.fps)
    rows = rows_of(one.imported, one.video.video_id, frames, request.labels, request.annotator)
    if rows.left_out and not rows.counts:
        labels = ", ".join(sorted(rows.left_out))
        first = min(rows.left_out)
        raise UsageError(
            f"{request.path}: no label is of a person or a face ({labels}): --label {first!r}=person says "
            "that one is"
        )
    return rows


def _about(file: ImportedFile, request: ImportRequest, digest: str) -> dict[str, Any]:
    about = {"file": request.path.name, "format": file.format, "sha256": digest}
    return about | ({"annotator": request.annotator} if request.annotator else {})


def _results(one: _Matched, rows: ImportedRows, about: Mapping[str, Any]) -> HumanResults:
    hashes = dict.fromkeys(rows.rows, rows.config_hash)
    job = BatchJob(
        job_id=job_id_for(one.video.video_id, hashes),
        video_path=one.job.video_path,
        output_dir=one.job.output_dir,
        config={
            "source": "human",
            "import": dict(about),
            LONGEST_SPAN_S: longest_span_of(chain.from_iterable(rows.rows.values())),
        },
        video_id=one.video.video_id,
        pipeline_results={name: PipelineResult(name, rows.config_hash, JobStatus.PENDING) for name in hashes},
        created_at=now(),
    )
    return HumanResults(job, rows.rows)


def _new_jobs(store: StorageBackend, results: Iterable[HumanResults]) -> set[str]:
    """The ids of jobs that are not in the store yet, or not complete."""
    wanted = [one.job.job_id for one in results]
    there = {job.job_id for job in store.jobs(job_ids=wanted) if job.status is JobStatus.COMPLETED}
    return set(wanted) - there


def _replaced(store: StorageBackend, new: HumanResults) -> Iterator[str]:
    """A line for each result of people that counts until now, and stays beside the new one."""
    current = complete_results(store.jobs_of([new.job.video_id]))
    for pipeline in sorted(new.rows):
        if (found := current.get((new.job.video_id, pipeline))) is not None:
            file = found[0].config["import"]["file"]
            what = short_name_of(of_machine(pipeline))
            yield f"{what}: counts from now on in place of {file}, which stays to be compared"


def _of_jobs(
    imports: Mapping[str, ImportedRows], results: Iterable[HumanResults], job_ids: set[str]
) -> dict[str, ImportedRows]:
    return {one.job.video_id: imports[one.job.video_id] for one in results if one.job.job_id in job_ids}


def _store(
    store: StorageBackend, imports: Mapping[str, ImportedRows], results: list[HumanResults], is_new: set[str]
) -> tuple[str, ...]:
    """Store what is new with its names; decides on names anew where others have edited meanwhile."""
    new = [one for one in results if one.job.job_id in is_new]
    for tries_left in reversed(range(MAX_TRIES)):
        naming, lines = naming_of(store, _of_jobs(imports, results, is_new))
        try:
            store.add_human_results(new, naming)
        except PeopleChanged:
            if not tries_left:
                raise
        else:
            return lines
    raise AssertionError("unreachable: the last try returns or raises")


def _reported(
    one: _Matched,
    rows: ImportedRows,
    result: HumanResults,
    replaced: Mapping[str, tuple[str, ...]],
    request: ImportRequest,
) -> ImportedInto:
    frames = VideoFrames(str(request.path), one.imported, one.video, request.fps)
    notes = [*one.imported.notes, *frames.notes, *replaced.get(result.job.job_id, ())]
    return ImportedInto(
        one.video.video_id,
        one.video.path,
        result.job.job_id,
        result.job.job_id in replaced,
        dict(sorted(rows.counts.items())),
        rows.left_out,
        tuple(notes),
    )
