"""Reads the files of a store as wire rows, in the form of the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from sqlalchemy import REAL

from actors.atomic_files import read_object
from actors.stores.encoding import attempt_rows, rows
from actors.stores.encoding.annotation_rows import COLUMNS, annotation_rows
from actors.stores.files.documents.job_log import FileJobLog
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.work_item import WorkItemFile
from actors.stores.files.leases import FileRuns
from actors.stores.files.people import FilePeople
from actors.stores.files.registry import Registry, job_in
from actors.transfer.unit import LAYOUTS, PIPELINE, POSITION, WireRow
from schemas.annotations.annotation import canonical_json
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob

Stored = Mapping[str, Any]


class PathIndex:
    """The paths of each video; all entries are read once, since their names are digests of the paths."""

    def __init__(self, layout: FileLayout) -> None:
        self._layout = layout

    @cached_property
    def _by_video(self) -> dict[str, set[str]]:
        by_video: dict[str, set[str]] = defaultdict(set)
        for entry in filter(None, map(read_object, self._layout.sources())):
            by_video[entry["video_id"]].add(entry["path"])
        return by_video

    def add(self, video: str, path: str) -> None:
        """Add a path of a video."""
        self._by_video[video].add(path)

    def of(self, video: str) -> list[dict[str, Any]]:
        """The entries of a video's paths, read again: a path may belong to another video by now."""
        entries = (read_object(self._layout.source(path)) for path in sorted(self._by_video.get(video, ())))
        return [entry for entry in entries if entry and entry["video_id"] == video]


@dataclass(frozen=True, slots=True)
class FilesRows:
    """The rows of a store of files, by table; the name of a unit is that of a batch, a setting or a video."""

    layout: FileLayout
    path_index: PathIndex

    def of(self, table: str, name: str) -> Iterator[WireRow]:
        """The rows of a table that belong to the unit of this name."""
        layout, stored_rows = LAYOUTS[table], _READERS[table](self, name)
        real_positions = layout.positions(REAL)
        for row in stored_rows:
            values: list[Any] = [row.get(column) for column in layout.names]
            for position in real_positions:  # JSON has 1 and 1.0, a REAL column only 1.0
                if values[position] is not None:
                    values[position] = float(values[position])
            yield tuple(values)

    def pipelines(self, video: str) -> list[str]:
        """The names of all pipelines in jobs and work keys of a video."""
        names_in_jobs = {name for job in self._job_objects(video) for name in job["pipelines"]}
        return sorted(names_in_jobs | {key.pipeline for key in self.layout.keys_of(video)})

    @property
    def _registry(self) -> Registry:
        return Registry(self.layout)

    def runs(self, batch: str) -> Iterator[Stored]:
        leases = FileRuns(self._registry)
        all_runs = (leases.run(int(path.stem)) for path in sorted(self.layout.runs.glob("*.json")))
        return (
            {**run, POSITION: number}
            for number, run in enumerate((run for run in all_runs if run.get("batch_id") == batch), 1)
        )

    def meta(self, name: str) -> Iterator[Stored]:
        value = (read_object(self.layout.meta) or {}).get(name)
        return iter([] if value is None else [{"name": name, "value": value}])

    def identities(self, _: str) -> Iterator[Stored]:
        return iter((read_object(self.layout.identities) or {}).get("identities", ()))

    def person_references(self, _: str) -> Iterator[Stored]:
        return iter(FilePeople(self._registry).rows()[1])

    def person_edits(self, _: str) -> Iterator[Stored]:
        return iter(FilePeople(self._registry).rows()[0])

    def videos(self, video: str) -> Iterator[Stored]:
        row = self._registry.video(video)
        return iter([row] if row else [])

    def video_paths(self, video: str) -> Iterator[Stored]:
        return iter(self.path_index.of(video))

    def jobs(self, video: str) -> Iterator[Stored]:
        return ({**job, "config": canonical_json(job["config"])} for job in self._job_objects(video))

    def job_pipeline_status(self, video: str) -> Iterator[Stored]:
        for job in self._job_objects(video):
            for pipeline, state in sorted(job["pipelines"].items()):
                yield {**state, "job_id": job["job_id"], PIPELINE: pipeline}

    def _job_objects(self, video: str) -> Iterable[dict[str, Any]]:
        return filter(None, map(read_object, self.layout.jobs_of(video)))

    def chunks(self, video: str) -> Iterator[Stored]:
        for work in self._works(video):
            if work.complete():
                yield from (
                    _of_key(work.key) | rows.line_row(line) | {"payload": None} for line in work.lines()
                )
            else:
                yield from (
                    _of_key(work.key) | rows.line_row(chunk.line(work.key)) | {"payload": chunk.payload()}
                    for chunk in work.chunks()
                )

    def annotations(self, video: str) -> Iterator[Stored]:
        jobs = self._jobs(video)
        for work in self._works(video):
            job = _newest_job_with(jobs, work.key)
            new_rows = annotation_rows(
                work.annotations(), job.job_id if job else "", 0, _time_of(job, work.key) or ""
            )
            yield from (
                dict(zip(COLUMNS, row, strict=True)) | {PIPELINE: work.key.pipeline} for row in new_rows
            )

    def embeddings(self, video: str) -> Iterator[Stored]:
        for work in self._works(video):
            if stored := work.embeddings():
                of = _of_key(work.key) | {"model": stored.model, "dimension": stored.vectors.shape[1]}
                yield from (
                    of | {"annotation_id": annotation_id, "vector": vector}
                    for annotation_id, vector in stored.rows()
                )

    def attempts(self, video: str) -> Iterator[Stored]:
        return iter((read_object(self.layout.attempts(video)) or {}).get("attempts", ()))

    def job_events(self, video: str) -> Iterator[Stored]:
        for job in self._jobs(video):
            for position, event in enumerate(FileJobLog(self.layout).events(job), 1):
                yield attempt_rows.event_row(event) | {POSITION: position}

    def _works(self, video: str) -> list[WorkItemFile]:
        return [WorkItemFile(self.layout, key) for key in self.layout.keys_of(video)]

    def _jobs(self, video: str) -> list[BatchJob]:
        return [job for path in self.layout.jobs_of(video) if (job := job_in(path))]


_READERS: Final[dict[str, Callable[[FilesRows, str], Iterator[Stored]]]] = {
    name: getattr(FilesRows, name) for name in LAYOUTS
}


def batches_in(layout: FileLayout) -> list[str]:
    """The ids of all batches, in the order in which they began."""
    runs: Iterable[Path] = sorted(layout.runs.glob("*.json"))
    return list(dict.fromkeys(run["batch_id"] for run in filter(None, map(read_object, runs))))


def _of_key(key: WorkKey) -> dict[str, Any]:
    return {"video_id": key.video_id, PIPELINE: key.pipeline, "config_hash": key.config_hash}


def _newest_job_with(jobs: Iterable[BatchJob], key: WorkKey) -> BatchJob | None:
    """The newest of the jobs with a work key: files do not say which of them has stored a row."""
    jobs_with_key = [
        job
        for job in jobs
        if key.pipeline in job.pipeline_results
        and job.pipeline_results[key.pipeline].config_hash == key.config_hash
    ]
    return max(jobs_with_key, key=lambda job: (job.created_at, job.job_id), default=None)


def _time_of(job: BatchJob | None, key: WorkKey) -> str | None:
    return (
        None
        if job is None
        else rows.time_text(job.pipeline_results[key.pipeline].completed_at or job.created_at)
    )


def rows_as_objects(table: str, wire_rows: Iterable[WireRow]) -> list[dict[str, Any]]:
    """The reverse of `FilesRows.of`: wire rows as dicts by column."""
    return [dict(zip(LAYOUTS[table].names, row, strict=True)) for row in wire_rows]
