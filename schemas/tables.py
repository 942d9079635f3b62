"""The tables of every database store: the seed's four with our additional columns, and ours.

All times are text, UTC, `YYYY-MM-DD HH:MM:SS`, the form of SQLite's own `datetime('now')`, so that comparisons with it hold.
"""

# Without the future import of annotations: that name is a table here.
from typing import Final

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

metadata: Final = MetaData()

_REAL: Final[TypeEngine[float]] = REAL().with_variant(Double(), "postgresql")
_BIG: Final[TypeEngine[int]] = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's INTEGER has 64 bits
_NOW: Final = text("(datetime('now'))")


def _key(name: str, *arguments: ForeignKey) -> Column[str]:
    """A primary key column as the seed writes it: without NOT NULL, which SQLite then leaves out of `table_info` as well."""
    return Column(name, Text, *arguments, primary_key=True, nullable=True)


jobs: Final = Table(
    "jobs",
    metadata,
    _key("job_id"),
    Column("video_path", Text, nullable=False),
    Column("video_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("created_at", Text, server_default=_NOW),
    Column("started_at", Text),
    Column("completed_at", Text),
    Column("retry_count", Integer, server_default=text("0")),
    Column("error_message", Text),
    # ours
    Column("failure_kind", Text),
    Column("batch_id", Text),
    Column("output_dir", Text),
    Column("control", Text),  # schemas.attempt.Control: what a person asks of it while it runs
    CheckConstraint("status IN ('pending', 'running', 'completed', 'failed', 'retrying')"),
    Index("idx_jobs_status", "status"),
    Index("idx_jobs_created", "created_at"),
    Index("idx_jobs_video", "video_id"),
    Index("idx_jobs_batch", "batch_id"),
    # every run asks each second whose jobs are to pause; hardly any is
    Index("idx_jobs_control", "job_id", sqlite_where=text("control IS NOT NULL"), postgresql_where=text("control IS NOT NULL")),
)

pipelines: Final = Table(
    "pipelines",
    metadata,
    Column("pipeline_id", Integer, primary_key=True, nullable=True),
    Column("name", Text, unique=True, nullable=False),
    Column("version", Text, nullable=False),
    Column("config_schema", Text),
    sqlite_autoincrement=True,
)

job_pipeline_status: Final = Table(
    "job_pipeline_status",
    metadata,
    _key("job_id", ForeignKey("jobs.job_id")),
    Column("pipeline_id", Integer, ForeignKey("pipelines.pipeline_id"), primary_key=True, nullable=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("started_at", Text),
    Column("completed_at", Text),
    Column("annotation_count", Integer),
    Column("processing_time_seconds", _REAL),
    Column("error_message", Text),
    # ours
    Column("config_hash", Text),
    Column("digest", Text),  # canonical digest of the rows; set exactly when a result is stored, so an empty one counts too
    Column("failure_kind", Text),
    Column("warning", Text),
    CheckConstraint("status IN ('pending', 'running', 'completed', 'failed')"),
)

annotations: Final = Table(
    "annotations",
    metadata,
    _key("annotation_id"),
    Column("job_id", Text, ForeignKey("jobs.job_id")),  # the job that last committed the row
    Column("pipeline_id", Integer, ForeignKey("pipelines.pipeline_id")),
    Column("annotation_type", Text, nullable=False),
    Column("timestamp_seconds", _REAL),
    Column("data", Text, nullable=False),
    Column("created_at", Text, server_default=_NOW),
    Column("video_id", Text, nullable=False),
    Column("person_id", Text),
    Column("face_id", Text),
    Column("speaker_id", Text),
    Column("scene_id", Text),
    Column("confidence", _REAL),
    Column("bbox_x", _REAL),
    Column("bbox_y", _REAL),
    Column("bbox_width", _REAL),
    Column("bbox_height", _REAL),
    # ours
    Column("end_seconds", _REAL),
    Column("frame_number", _BIG),
    Column("config_hash", Text),
    Index("idx_annotations_video_timestamp", "video_id", "timestamp_seconds"),
    Index("idx_annotations_type_confidence", "annotation_type", "confidence"),
    Index("idx_annotations_work", "video_id", "pipeline_id", "config_hash", "frame_number"),  # loading and replacing one result
    Index("idx_annotations_job", "job_id"),  # also what the foreign key is checked by when a job is removed
)

videos: Final = Table(
    "videos",
    metadata,
    Column("video_id", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("path", Text, nullable=False),  # the one it was last read under; all of them are in video_paths
    Column("size_bytes", _BIG, nullable=False),
    Column("mtime_ns", _BIG, nullable=False),
    Column("container", Text, nullable=False),
    Column("codec", Text, nullable=False),
    Column("stream_index", Integer, nullable=False),
    Column("time_base", Text, nullable=False),  # "1/12800"
    Column("start_pts", _BIG, nullable=False),
    Column("end_pts", _BIG, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("rotation", Integer, nullable=False),
    Column("nominal_fps", Text, nullable=False),  # "30000/1001"
    Column("frame_count", _BIG, nullable=False),
    Column("duration_seconds", _REAL, nullable=False),
    Column("frame_index", LargeBinary, nullable=False),  # schemas.video.FrameIndex, compressed
    Column("sound", Text),  # schemas.sound.Sound as JSON, "null" where there is none; NULL: a version that did not look
)

video_paths: Final = Table(
    "video_paths",
    metadata,
    Column("path", Text, primary_key=True),
    Column("video_id", Text, ForeignKey("videos.video_id"), nullable=False),
    Column("size_bytes", _BIG, nullable=False),
    Column("mtime_ns", _BIG, nullable=False),
    Index("idx_video_paths_video", "video_id"),
)

chunks: Final = Table(
    "chunks",
    metadata,
    Column("video_id", Text, primary_key=True),
    Column("pipeline_id", Integer, ForeignKey("pipelines.pipeline_id"), primary_key=True, autoincrement=False),
    Column("config_hash", Text, primary_key=True),
    Column("first_frame", _BIG, primary_key=True, autoincrement=False),
    Column("frame_count", _BIG, nullable=False),
    Column("start_pts", _BIG, nullable=False),
    Column("end_pts", _BIG, nullable=False),
    Column("lost", Text, nullable=False),  # frame numbers, JSON
    Column("checksum", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("seconds", _REAL, nullable=False),
    Column("payload", LargeBinary),  # last, so that reading the manifest never touches it; NULL once the pipeline is complete
)

runs: Final = Table(
    "runs",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("batch_id", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("config", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("outcome", Text),
    Column("heartbeat_at", Text),  # NULL: a version that had none
    Column("progress", Text),  # what the run last said of itself, JSON
    Index("idx_runs_batch", "batch_id"),
)

leases: Final = Table(
    "leases",
    metadata,
    Column("video_id", Text, primary_key=True),
    Column("pipeline_id", Integer, ForeignKey("pipelines.pipeline_id"), primary_key=True, autoincrement=False),
    Column("config_hash", Text, primary_key=True),
    Column("epoch", Integer, ForeignKey("runs.epoch"), nullable=False),  # the one run that may write what belongs to this key
    Index("idx_leases_epoch", "epoch"),
)

attempts: Final = Table(
    "attempts",
    metadata,
    Column("chunk_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("video_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("worker", Text),
    Column("started_at", Text),
    Column("heartbeat_at", Text),
    Column("pipeline", Text),
    Column("failure_kind", Text),
    Column("error_message", Text),
    Column("traceback", Text),
    CheckConstraint("state IN ('leased', 'failed', 'lost', 'killed')"),
    Index("idx_attempts_video", "video_id"),
)

job_events: Final = Table(
    "job_events",
    metadata,
    Column("event_id", Integer, primary_key=True),
    Column("job_id", Text, ForeignKey("jobs.job_id"), nullable=False),
    Column("at", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("pipeline", Text),
    Column("message", Text),
    Column("detail", Text),
    Index("idx_job_events_job", "job_id"),
)

embeddings: Final = Table(
    "embeddings",
    metadata,
    Column("annotation_id", Text, primary_key=True),
    Column("video_id", Text, nullable=False),
    Column("pipeline_id", Integer, ForeignKey("pipelines.pipeline_id"), nullable=False),
    Column("config_hash", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian, of length 1
    Index("idx_embeddings_work", "video_id", "pipeline_id", "config_hash"),
)

identities: Final = Table(
    "identities",
    metadata,
    Column("identity_id", Text, primary_key=True),
    Column("video_id", Text, primary_key=True),
    Column("face_id", Text, primary_key=True),
    Column("config_hash", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("similarity", _REAL, nullable=False),
    Column("first_seconds", _REAL, nullable=False),
    Column("created_at", Text, server_default=_NOW),
)

meta: Final = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
