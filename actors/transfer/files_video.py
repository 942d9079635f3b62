"""Writes the rows of one video as the files of a store."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from actors.atomic_files import write_atomic, write_or_remove
from actors.stores.encoding import rows
from actors.stores.encoding.documents import pipeline_bytes, sidecars
from actors.stores.files.documents.job_log import line_of
from actors.stores.files.documents.work_item import WorkItemFile
from actors.stores.files.registry import Registry, job_in
from actors.transfer.unit import PIPELINE
from schemas.annotations.annotation import Annotation
from schemas.storage.backend import Embeddings
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.manifest import ChunkCommit, ManifestLine

Row = Mapping[str, Any]
Sections = Mapping[str, Sequence[Row]]


class VideoFiles:
    """Writes the files of a video of which the store has nothing yet; the caller has locked the store."""

    def __init__(self, registry: Registry, video_id: str) -> None:
        self._registry, self._layout, self._video_id = registry, registry.layout, video_id

    def write(self, sections: Sections) -> None:
        """Write all rows of the video, which are given by table."""
        self._facts(sections)
        self._jobs(sections)
        for key in _keys(sections):
            self._work(key, sections)
        self._log(sections)
        if sections["jobs"]:
            self._registry.write_views(self._video_id)

    def _facts(self, sections: Sections) -> None:
        for row in sections["videos"]:
            data = {**row, "frame_index": base64.b64encode(row["frame_index"]).decode()}
            self._registry.put(self._layout.video(self._video_id), data, durable=True)
        for row in sections["video_paths"]:
            self._registry.put(self._layout.source(row["path"]), row, durable=True)

    def _jobs(self, sections: Sections) -> None:
        for job in sections["jobs"]:
            states = [row for row in sections["job_pipeline_status"] if row["job_id"] == job["job_id"]]
            pipelines = {
                row[PIPELINE]: {name: row[name] for name in row if name not in ("job_id", PIPELINE)}
                for row in states
            }
            path = self._layout.job(self._video_id, job["job_id"])
            self._registry.put(
                path, {**job, "config": json.loads(job["config"]), "pipelines": pipelines}, durable=True
            )
        self._registry.note_controls(
            {job["job_id"]: job["control"] for job in sections["jobs"] if job["control"]}
        )

    def _log(self, sections: Sections) -> None:
        if attempts := sorted(sections["attempts"], key=lambda row: (row["chunk_id"], row["number"])):
            self._registry.put(self._layout.attempts(self._video_id), {"attempts": attempts}, durable=True)
        for job_id in dict.fromkeys(row["job_id"] for row in sections["job_events"]):
            own = sorted(
                (row for row in sections["job_events"] if row["job_id"] == job_id),
                key=lambda row: row["position"],
            )
            path = self._layout.log(self._video_id, job_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(line_of({name: row[name] for name in row if name != "position"}) for row in own)
            write_atomic(path, text.encode(errors="surrogateescape"), scratch=self._layout.scratch)

    def _work(self, key: WorkKey, sections: Sections) -> None:
        work, job = WorkItemFile(self._layout, key), self._job_of(key)
        annotations = [
            Annotation.from_data(json.loads(row["data"])) for row in _rows_of(sections["annotations"], key)
        ]
        lines = {rows.line_from(key, row): row["payload"] for row in _rows_of(sections["chunks"], key)}
        result = job and job.pipeline_results[key.pipeline]
        complete = result is not None and result.status is JobStatus.COMPLETED
        unchunked_ids = {row.annotation_id for row in annotations}
        for line, payload in {} if complete else sorted(lines.items(), key=lambda item: item[0].first_frame):
            own = tuple(
                row
                for row in annotations
                if row.frame_number is not None and _is_in_chunk(line, row.frame_number)
            )
            unchunked_ids -= {row.annotation_id for row in own}
            work.commit(ChunkCommit(line, job.job_id if job else "", own, payload))
        embeddings = _embeddings(_rows_of(sections["embeddings"], key))
        if job and result and (complete or unchunked_ids or embeddings or result.status is JobStatus.FAILED):
            ended = (
                result if complete else replace(result, status=JobStatus.FAILED, digest=result.digest or "")
            )
            self._write_result(work, job, ended, annotations, list(lines), embeddings)

    def _write_result(
        self,
        work: WorkItemFile,
        job: BatchJob,
        result: PipelineResult,
        annotations: list[Annotation],
        lines: list[ManifestLine],
        embeddings: Embeddings | None,
    ) -> None:
        facts = self._registry.video(self._video_id)
        video = rows.video_from(facts) if facts else None
        if result.status is JobStatus.COMPLETED:
            for other in (
                key
                for key in self._layout.keys_of(self._video_id)
                if key.pipeline == work.key.pipeline and key != work.key
            ):
                WorkItemFile(self._layout, other).keep_as_older()
            for name, data in sidecars(work.key.pipeline, video, annotations).items():
                write_or_remove(
                    self._layout.folder(self._video_id) / name, data, scratch=self._layout.scratch
                )
        work.write_result(
            result,
            pipeline_bytes(job, result, video, annotations),
            sorted(lines, key=lambda line: line.first_frame),
            embeddings,
        )

    def _job_of(self, key: WorkKey) -> BatchJob | None:
        """The job that ended this key, or the newest job that has it."""
        jobs = [job for path in self._layout.jobs_of(self._video_id) if (job := job_in(path))]
        jobs_with_key = [
            job
            for job in jobs
            if key.pipeline in job.pipeline_results
            and job.pipeline_results[key.pipeline].config_hash == key.config_hash
        ]
        return max(
            jobs_with_key,
            key=lambda job: (
                job.pipeline_results[key.pipeline].digest is not None,
                job.created_at,
                job.job_id,
            ),
            default=None,
        )


def _keys(sections: Sections) -> list[WorkKey]:
    """All work keys with any rows; the one that ended last, whose result gets the plain name, comes last."""
    video_of = {row["job_id"]: row["video_id"] for row in sections["jobs"]}
    ended: dict[WorkKey, str] = {}
    for row in sections["job_pipeline_status"]:
        key = WorkKey(video_of[row["job_id"]], row[PIPELINE], row["config_hash"] or "")
        if row["status"] in (JobStatus.COMPLETED.value, JobStatus.FAILED.value):
            ended[key] = max(ended.get(key, ""), row["completed_at"] or "")
    for table in ("chunks", "annotations", "embeddings"):
        ended |= {
            key: ended.get(key, "")
            for key in (
                WorkKey(row["video_id"], row[PIPELINE], row["config_hash"]) for row in sections[table]
            )
        }
    return sorted(ended, key=lambda key: (ended[key], key))


def _rows_of(all_rows: Sequence[Row], key: WorkKey) -> list[Row]:
    return [row for row in all_rows if (row[PIPELINE], row["config_hash"]) == (key.pipeline, key.config_hash)]


def _is_in_chunk(line: ManifestLine, frame: int) -> bool:
    return line.first_frame <= frame < line.first_frame + line.frame_count


def _embeddings(stored_rows: Sequence[Row]) -> Embeddings | None:
    if not stored_rows:
        return None
    vectors = np.stack([np.frombuffer(row["vector"], "<f4") for row in stored_rows]).astype(np.float32)
    return Embeddings(tuple(row["annotation_id"] for row in stored_rows), vectors, stored_rows[0]["model"])
