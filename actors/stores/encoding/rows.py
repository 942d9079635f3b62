"""Converts values to rows and JSON objects, and back; every store uses these."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, fields, replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from actors.stores.encoding.audio_facts import FIELDS, is_current, sound_facts, sound_text
from schemas.annotations.annotation import canonical_json
from schemas.media.video import FrameIndex, StreamFault, Video
from schemas.redaction import keepable, storable
from schemas.settings.settings import HASH_DIGITS
from schemas.storage.backend import Identity
from schemas.storage.column_types import TIME_FORM
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.job_event import Control
from schemas.work.manifest import ChunkCommit, ManifestLine
from schemas.work.run import RunInfo, StoredBatch

Row = dict[str, Any]
Stored = Mapping[Any, Any]  # a row of a table, or an object from a file

INPUTS_AT_ONCE: Final = 1_000
_INDEX_HEADER: Final = struct.Struct("<qq?q")  # frames, keyframes, exact, missing
# The fields of a video in column `details`, beside those that `_details` adds.
_DETAIL_FIELDS: Final = ("mirrored", "track", "notes", "file_notes")
# The fields of a video without a column of their own.
_PACKED_FIELDS: Final = frozenset({"index", "picture_fault", "version", *FIELDS, *_DETAIL_FIELDS})


def time_text(at: datetime | None) -> str | None:
    """UTC in SQLite's own form, which compares with `datetime('now')`; a naive time is taken as UTC."""
    if at is None:
        return None
    return (at if at.tzinfo is None else at.astimezone(UTC)).strftime(TIME_FORM)


def text_time(text: str | None) -> datetime | None:
    """The reverse of `time_text`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def hash_by_hand(config: Mapping[str, Any]) -> str:
    """The configuration hash of results that are saved by hand under a job without one."""
    return hashlib.sha256(canonical_json(config).encode()).hexdigest()[:HASH_DIGITS]


def job_row(job: BatchJob) -> Row:
    """One row of table `jobs`; also the head of a job's file."""
    return {
        "job_id": job.job_id,
        "video_path": job.location,
        "video_id": job.video_id,
        "status": job.status.value,
        "config": canonical_json(job.config),
        "created_at": time_text(job.created_at),
        "started_at": time_text(job.started_at),
        "completed_at": time_text(job.completed_at),
        "retry_count": job.retry_count,
        "error_message": keepable(job.error_message),
        "failure_kind": job.failure_kind,
        "batch_id": job.batch_id,
        "output_dir": str(job.output_dir),
        "control": job.control and job.control.value,
    }


def status_row(result: PipelineResult) -> Row:
    """One row of table `job_pipeline_status`, without its keys."""
    row: Row = {
        field.name: getattr(result, field.name) for field in fields(result) if field.name != "pipeline"
    }
    return row | {
        "status": result.status.value,
        "error_message": keepable(result.error_message),
        "warning": keepable(result.warning),
        "started_at": time_text(result.started_at),
        "completed_at": time_text(result.completed_at),
    }


def result_from(pipeline: str, row: Stored) -> PipelineResult:
    """The reverse of `status_row`."""
    values = {field.name: row[field.name] for field in fields(PipelineResult) if field.name != "pipeline"} | {
        "config_hash": row["config_hash"] or "",
        "status": JobStatus(row["status"]),
        "started_at": text_time(row["started_at"]),
        "completed_at": text_time(row["completed_at"]),
    }
    return PipelineResult(pipeline=pipeline, **values)


def job_from(row: Stored, results: Mapping[str, PipelineResult]) -> BatchJob:
    """The reverse of `job_row`."""
    created = text_time(row["created_at"])
    return BatchJob(
        job_id=row["job_id"],
        video_path=Path(row["video_path"]),
        output_dir=_folder(row["output_dir"] or "."),
        config=json.loads(row["config"]),
        video_id=row["video_id"],
        status=JobStatus(row["status"]),
        pipeline_results=results,
        started_at=text_time(row["started_at"]),
        completed_at=text_time(row["completed_at"]),
        retry_count=row["retry_count"] or 0,
        error_message=row["error_message"],
        failure_kind=row["failure_kind"],
        batch_id=row["batch_id"],
        # The file of an earlier version has no `control`.
        control=Control(row["control"]) if row.get("control") else None,
        **({"created_at": created} if created else {}),
    )


@lru_cache(maxsize=64)
def _folder(text: str) -> Path:
    """A path that most jobs share: to take its text apart is a third of the time of a job."""
    return Path(text)


def line_row(line: ManifestLine) -> Row:
    """The row of a manifest line, without its key."""
    row = {field.name: getattr(line, field.name) for field in fields(line) if field.name != "key"}
    return row | {"lost": json.dumps(line.lost)}


def line_from(key: WorkKey, row: Stored) -> ManifestLine:
    """The reverse of `line_row`."""
    values = {field.name: row[field.name] for field in fields(ManifestLine) if field.name != "key"} | {
        "lost": tuple(json.loads(row["lost"]))
    }
    return ManifestLine(key=key, **values)


def require_own_rows(commit: ChunkCommit) -> ChunkCommit:
    """Returns the commit; raises ValueError for rows of another key or frame: they could not be replaced."""
    line = commit.line
    key, frames = astuple(line.key), range(line.first_frame, line.first_frame + line.frame_count)
    for row in commit.annotations:
        if (row.video_id, row.pipeline, row.config_hash) != key or row.frame_number not in frames:
            raise ValueError(
                f"row {row.annotation_id} at frame {row.frame_number} is not of {line.key}, frames {frames}"
            )
    return commit


def video_row(video: Video) -> Row:
    """One row of table `videos`."""
    row: Row = {
        field.name: getattr(video, field.name) for field in fields(video) if field.name not in _PACKED_FIELDS
    }
    return row | {
        "time_base": str(video.time_base),
        "nominal_fps": str(video.nominal_fps),
        "frame_count": video.frame_count,
        "duration_seconds": video.duration_s,
        "frame_index": index_bytes(video.index),
        "sound": sound_text(video),
        "details": json.dumps(_details(video), sort_keys=True),
    }


def _details(video: Video) -> Row:
    """The facts in column `details`: every probe finds them, whether or not it probes the sound."""
    fault = video.picture_fault and asdict(video.picture_fault)
    version = {"version": video.version} if video.version else {}  # of a remote file; others are as before
    return {name: getattr(video, name) for name in _DETAIL_FIELDS} | {
        "made_up": video.index.made_up,
        "picture_fault": fault,
        **version,
    }


def video_from(row: Stored) -> Video:
    """The reverse of `video_row`."""
    values = {field.name: row[field.name] for field in fields(Video) if field.name not in _PACKED_FIELDS}
    exact = {name: Fraction(row[name]) for name in ("time_base", "nominal_fps")}
    details = json.loads(row.get("details") or "{}")
    further = {
        name: tuple(value) if isinstance(value := details[name], list) else value
        for name in _DETAIL_FIELDS
        if name in details
    }
    index = replace(index_from(row["frame_index"]), made_up=details.get("made_up", False))
    fault = StreamFault(**fault_data) if (fault_data := details.get("picture_fault")) else None
    return Video(
        **(values | exact | further),
        index=index,
        picture_fault=fault,
        version=details.get("version", ""),
        **sound_facts(row.get("sound")),
    )


def is_fully_known(row: Stored) -> bool:
    """Whether the row has all facts of this version; otherwise the video has to be probed again."""
    details = json.loads(row.get("details") or "{}")
    return details.keys() >= {*_DETAIL_FIELDS, "made_up", "picture_fault"} and is_current(row.get("sound"))


def index_bytes(index: FrameIndex) -> bytes:
    """A frame index as compressed differences: an hour at a constant rate takes less than a kilobyte."""
    steps = [np.diff(numbers.astype("<i8"), prepend=0).tobytes() for numbers in (index.pts, index.keyframes)]
    header = _INDEX_HEADER.pack(len(index.pts), len(index.keyframes), index.exact, index.missing)
    return header + zlib.compress(b"".join(steps), 6)


def index_from(data: bytes) -> FrameIndex:
    """The reverse of `index_bytes`."""
    frames, _, exact, missing = _INDEX_HEADER.unpack_from(data)
    steps = np.frombuffer(zlib.decompress(data[_INDEX_HEADER.size :]), "<i8")
    pts, keyframes = (np.cumsum(part).astype(np.int64) for part in (steps[:frames], steps[frames:]))
    return FrameIndex(pts, keyframes, exact, missing)


def run_row(run: RunInfo, epoch: int, started_at: str) -> Row:
    """One row of table `runs`."""
    return {
        "epoch": epoch,
        "batch_id": run.batch_id,
        "host": run.host,
        "pid": run.pid,
        "config": canonical_json(run.config),
        "inputs": _json_list(run.inputs),
        "started_at": started_at,
        "ended_at": None,
        "outcome": None,
        "heartbeat_at": started_at,
        "progress": None,
    }


def _json_list(texts: Sequence[str]) -> str:
    """A JSON list, made from a thousand texts at a time: a run may have a million inputs."""
    pages = (texts[start : start + INPUTS_AT_ONCE] for start in range(0, len(texts), INPUTS_AT_ONCE))
    parts = [json.dumps([storable(text) for text in page])[1:-1] for page in pages]
    return "".join(["[", *islice(chain.from_iterable((", ", part) for part in parts), 1, None), "]"])


def batch_from(row: Stored, *, alive: bool) -> StoredBatch:
    """A row of table `runs` as a stored batch."""
    return StoredBatch(
        batch_id=row["batch_id"],
        epoch=row["epoch"],
        inputs=tuple(json.loads(row["inputs"])),
        config=json.loads(row["config"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=row["outcome"],
        host=row["host"],
        pid=row["pid"],
        heartbeat_at=row.get("heartbeat_at"),
        alive=alive,
    )


def identity_row(identity: Identity) -> Row:
    """One row of table `identities`."""
    row = asdict(identity)
    return {("first_seconds" if name == "first_s" else name): value for name, value in row.items()}


def identity_from(row: Stored) -> Identity:
    """The reverse of `identity_row`."""
    return Identity(
        **{
            field.name: row["first_seconds" if field.name == "first_s" else field.name]
            for field in fields(Identity)
        }
    )
