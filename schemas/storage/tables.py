"""The tables of every database store.

They are the seed's four with our additional columns, and ours; column types are in
`schemas.storage.column_types`.
"""

# Without the future import of annotations: that name is a table here.
from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, text
from sqlalchemy.types import TypeEngine

from schemas.storage.column_types import (
    INTEGER_64,
    REAL_64,
    WORDS,
    JsonText,
    UtcDateTime,
    Uuid,
    state,
    utc_now,
)

metadata: Final = MetaData()

JOB_STATES: Final = ("pending", "running", "completed", "failed", "retrying")
RESULT_STATES: Final = ("pending", "running", "completed", "failed")
TRY_STATES: Final = ("leased", "failed", "lost", "killed")


def _key(name: str, kind: TypeEngine[str], *arguments: ForeignKey) -> Column[str]:
    """A primary key column as the seed writes it: without NOT NULL, which SQLite then leaves out of
    `table_info` as well.
    """
    return Column(name, kind, *arguments, primary_key=True, nullable=True)


def _partial_index(name: str, columns: tuple[str, ...], where: str) -> Index:
    """An index of the rows that a condition is true of."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


jobs: Final = Table(
    "jobs",
    metadata,
    _key("job_id", Uuid()),
    Column("video_path", WORDS, nullable=False),
    Column("video_id", WORDS, nullable=False),
    Column("status", state("job_status_enum", *JOB_STATES), nullable=False),
    Column("config", JsonText, nullable=False),
    Column("created_at", UtcDateTime, server_default=utc_now()),
    Column("started_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
    Column("retry_count", Integer, server_default=text("0")),
    Column("error_message", WORDS),
    # ours
    Column("failure_kind", WORDS),
    Column("batch_id", WORDS),
    Column("output_dir", WORDS),
    Column("control", WORDS),  # schemas.work.job_event.Control: what a person asks of it while it runs
    CheckConstraint(f"status IN {JOB_STATES}").ddl_if(dialect="sqlite"),
    Index("idx_jobs_status", "status"),
    Index("idx_jobs_created", "created_at"),
    Index("idx_jobs_video", "video_id"),
    Index("idx_jobs_batch", "batch_id"),
    # every run asks each second whose jobs are to pause; hardly any is
    Index(
        "idx_jobs_control",
        "job_id",
        sqlite_where=text("control IS NOT NULL"),
        postgresql_where=text("control IS NOT NULL"),
    ),
)

pipelines: Final = Table(
    "pipelines",
    metadata,
    Column("pipeline_id", Integer, primary_key=True, nullable=True),
    Column("name", WORDS, unique=True, nullable=False),
    Column("version", WORDS, nullable=False),
    Column("config_schema", WORDS),
    sqlite_autoincrement=True,
)

job_pipeline_status: Final = Table(
    "job_pipeline_status",
    metadata,
    _key("job_id", Uuid(), ForeignKey("jobs.job_id")),
    Column(
        "pipeline_id",
        Integer,
        ForeignKey("pipelines.pipeline_id"),
        primary_key=True,
        nullable=True,
        autoincrement=False,
    ),
    Column("status", state("pipeline_status_enum", *RESULT_STATES), nullable=False),
    Column("started_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
    Column("annotation_count", Integer),
    Column("processing_time_seconds", REAL_64),
    Column("error_message", WORDS),
    # ours
    Column("config_hash", WORDS),
    Column(
        "digest", WORDS
    ),  # canonical digest of the rows; set exactly when a result is stored, so an empty one counts too
    Column("failure_kind", WORDS),
    Column("warning", WORDS),
    CheckConstraint(f"status IN {RESULT_STATES}").ddl_if(dialect="sqlite"),
)

annotations: Final = Table(
    "annotations",
    metadata,
    _key("annotation_id", Uuid()),
    Column("job_id", Uuid, ForeignKey("jobs.job_id")),  # the job that last committed the row
    Column("pipeline_id", Integer, ForeignKey("pipelines.pipeline_id")),
    Column("annotation_type", WORDS, nullable=False),
    Column("timestamp_seconds", REAL_64),
    Column("data", JsonText, nullable=False),
    Column("created_at", UtcDateTime, server_default=utc_now()),
    Column("video_id", WORDS, nullable=False),
    Column("person_id", WORDS),
    Column("face_id", WORDS),
    Column("speaker_id", WORDS),
    Column("scene_id", WORDS),
    Column("confidence", REAL_64),
    Column("bbox_x", REAL_64),
    Column("bbox_y", REAL_64),
    Column("bbox_width", REAL_64),
    Column("bbox_height", REAL_64),
    # ours
    Column("end_seconds", REAL_64),
    Column("frame_number", INTEGER_64),
    Column("config_hash", WORDS),
    Column("label", WORDS),  # of a sound, as it is in `data`
    Column("words", WORDS),  # of what is said, schemas.annotations.words.indexed_words; NULL: nothing is
    Index("idx_annotations_video_timestamp", "video_id", "timestamp_seconds"),
    Index("idx_annotations_type_confidence", "annotation_type", "confidence"),
    Index(
        "idx_annotations_work", "video_id", "pipeline_id", "config_hash", "frame_number"
    ),  # loading and replacing one result
    Index("idx_annotations_job", "job_id"),  # also what the foreign key is checked by when a job is removed
    # what queries join by; the last three hold few rows, or all that a question about places needs
    Index(
        "idx_annotations_type_video",
        *("annotation_type", "video_id", "timestamp_seconds", "end_seconds", "person_id"),
    ),
    _partial_index(
        "idx_annotations_person_track",
        ("person_id", "annotation_type", "video_id", "timestamp_seconds", "end_seconds"),
        "person_id IS NOT NULL AND annotation_type = 'person_track'",
    ),
    _partial_index(
        "idx_annotations_label",
        ("label", "annotation_type", "video_id", "timestamp_seconds", "end_seconds"),
        "label IS NOT NULL",
    ),
    _partial_index(
        "idx_annotations_face_box",
        (
            *("annotation_type", "video_id", "timestamp_seconds"),
            *("bbox_x", "bbox_y", "bbox_width", "bbox_height", "confidence", "annotation_id"),
        ),
        "annotation_type = 'face_detection'",
    ),
)

videos: Final = Table(
    "videos",
    metadata,
    Column("video_id", WORDS, primary_key=True),
    Column("fingerprint", WORDS, nullable=False),
    Column("path", WORDS, nullable=False),  # the one it was last read under; all of them are in video_paths
    Column("size_bytes", INTEGER_64, nullable=False),
    Column("mtime_ns", INTEGER_64, nullable=False),
    Column("container", WORDS, nullable=False),
    Column("codec", WORDS, nullable=False),
    Column("stream_index", Integer, nullable=False),
    Column("time_base", WORDS, nullable=False),  # "1/12800"
    Column("start_pts", INTEGER_64, nullable=False),
    Column("end_pts", INTEGER_64, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("rotation", Integer, nullable=False),
    Column("nominal_fps", WORDS, nullable=False),  # "30000/1001"
    Column("frame_count", INTEGER_64, nullable=False),
    Column("duration_seconds", REAL_64, nullable=False),
    Column("frame_index", LargeBinary, nullable=False),  # schemas.media.video.FrameIndex, compressed
    Column(
        "sound",
        WORDS,
        # an AudioStream as JSON, "null": there is none, "false": nobody looked; NULL: a version that did not
    ),
    Column(
        "details", WORDS
    ),  # further facts of schemas.media.video.Video as JSON; NULL: a version that knew none
)

video_paths: Final = Table(
    "video_paths",
    metadata,
    Column("path", WORDS, primary_key=True),
    Column("video_id", WORDS, ForeignKey("videos.video_id"), nullable=False),
    Column("size_bytes", INTEGER_64, nullable=False),
    Column("mtime_ns", INTEGER_64, nullable=False),
    Index("idx_video_paths_video", "video_id"),
)

chunks: Final = Table(
    "chunks",
    metadata,
    Column("video_id", WORDS, primary_key=True),
    Column(
        "pipeline_id", Integer, ForeignKey("pipelines.pipeline_id"), primary_key=True, autoincrement=False
    ),
    Column("config_hash", WORDS, primary_key=True),
    Column("first_frame", INTEGER_64, primary_key=True, autoincrement=False),
    Column("frame_count", INTEGER_64, nullable=False),
    Column("start_pts", INTEGER_64, nullable=False),
    Column("end_pts", INTEGER_64, nullable=False),
    Column("lost", WORDS, nullable=False),  # frame numbers, JSON
    Column("checksum", WORDS, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("seconds", REAL_64, nullable=False),
    Column(
        "payload", LargeBinary
    ),  # last, so that reading the manifest never touches it; NULL once the pipeline is complete
)

runs: Final = Table(
    "runs",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("batch_id", WORDS, nullable=False),
    Column("host", WORDS, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("config", JsonText, nullable=False),
    Column("inputs", JsonText, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("outcome", WORDS),
    Column("heartbeat_at", UtcDateTime),  # NULL: a version that had none
    Column("progress", WORDS),  # what the run last said of itself, JSON
    Index("idx_runs_batch", "batch_id"),
)

leases: Final = Table(
    "leases",
    metadata,
    Column("video_id", WORDS, primary_key=True),
    Column(
        "pipeline_id", Integer, ForeignKey("pipelines.pipeline_id"), primary_key=True, autoincrement=False
    ),
    Column("config_hash", WORDS, primary_key=True),
    Column(
        "epoch", Integer, ForeignKey("runs.epoch"), nullable=False
    ),  # the one run that may write what belongs to this key
    Index("idx_leases_epoch", "epoch"),
)

attempts: Final = Table(
    "attempts",
    metadata,
    Column("chunk_id", WORDS, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("video_id", WORDS, nullable=False),
    Column("state", state("attempt_state_enum", *TRY_STATES), nullable=False),
    Column("worker", WORDS),
    Column("started_at", UtcDateTime),
    Column("heartbeat_at", UtcDateTime),
    Column("pipeline", WORDS),
    Column("failure_kind", WORDS),
    Column("error_message", WORDS),
    Column("traceback", WORDS),
    CheckConstraint(f"state IN {TRY_STATES}").ddl_if(dialect="sqlite"),
    Index("idx_attempts_video", "video_id"),
)

job_events: Final = Table(
    "job_events",
    metadata,
    Column("event_id", Integer, primary_key=True),
    Column("job_id", Uuid, ForeignKey("jobs.job_id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("name", WORDS, nullable=False),
    Column("pipeline", WORDS),
    Column("message", WORDS),
    Column("detail", WORDS),
    Index("idx_job_events_job", "job_id"),
)

embeddings: Final = Table(
    "embeddings",
    metadata,
    Column("annotation_id", Uuid, primary_key=True),
    Column("video_id", WORDS, nullable=False),
    Column("pipeline_id", Integer, ForeignKey("pipelines.pipeline_id"), nullable=False),
    Column("config_hash", WORDS, nullable=False),
    Column("model", WORDS, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian, of length 1
    Index("idx_embeddings_work", "video_id", "pipeline_id", "config_hash"),
)

identities: Final = Table(
    "identities",
    metadata,
    Column("identity_id", WORDS, primary_key=True),
    Column("video_id", WORDS, primary_key=True),
    Column("face_id", WORDS, primary_key=True),
    Column("config_hash", WORDS, nullable=False),
    Column("model", WORDS, nullable=False),
    Column("similarity", REAL_64, nullable=False),
    Column("first_seconds", REAL_64, nullable=False),
    Column("created_at", UtcDateTime, server_default=utc_now()),
)

# Who is who by hand. References say where somebody was, edits in their order who that is.
person_references: Final = Table(
    "person_references",
    metadata,
    Column("reference_id", Uuid, primary_key=True),
    Column("fingerprint", WORDS, nullable=False),
    Column("video_id", WORDS, nullable=False),
    Column("label", WORDS, nullable=False),
    Column("config_hash", WORDS, nullable=False),
    Column("digest", WORDS, nullable=False),
    Column("samples", JsonText, nullable=False),  # schemas.storage.people.Sample, as lists of numbers
    Column("model", WORDS, nullable=False),  # empty without an embedding
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian, of length 1
    Index("idx_person_references_video", "video_id"),
)

person_edits: Final = Table(
    "person_edits",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),  # counts up, with gaps
    Column("edit_id", Uuid, nullable=False, unique=True),
    Column("action", WORDS, nullable=False),  # schemas.storage.people.EditAction
    Column("at", UtcDateTime, nullable=False),
    Column("person_id", WORDS, nullable=False),
    Column("other_id", WORDS, nullable=False),
    Column("name", WORDS),
    Column("reference_ids", JsonText, nullable=False),
)

STORE_ID: Final = "store_id"  # rows of `meta` about the database itself, which go nowhere else
REMOVAL: Final = "removal"
OF_ITSELF: Final = (STORE_ID, REMOVAL)
SUBMISSION: Final = "submission."  # begins the names of those that are work to do here, and stay too

meta: Final = Table(
    "meta",
    metadata,
    Column("name", WORDS, primary_key=True),
    Column("value", WORDS, nullable=False),
)

migration_ledger: Final = Table(  # what `vaengine migrate` brought here, section by section
    "migration_ledger",
    metadata,
    Column("kind", WORDS, primary_key=True),  # actors.transfer.unit.Unit
    Column(
        "unit", WORDS, primary_key=True
    ),  # a digest of its name: of who withdraws no name stays, and yet they are not brought back
    Column("table_name", WORDS, primary_key=True),
    Column("row_count", INTEGER_64, nullable=False),
    Column("digest", WORDS, nullable=False),  # actors.transfer.digest.SectionDigest
    Column("source", WORDS, nullable=False),  # the id of the store that it came from
    Column("moved_at", UtcDateTime, nullable=False),
)
