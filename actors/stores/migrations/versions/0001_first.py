"""Creates the tables of version 0.1: four of the first interface, with more columns, and further ones."""

import sqlalchemy as sa
from alembic import op

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

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JOB_STATES = ("pending", "running", "completed", "failed", "retrying")
_RESULT_STATES = ("pending", "running", "completed", "failed")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", Uuid(), nullable=True),
        sa.Column("video_path", WORDS, nullable=False),
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("status", state("job_status_enum", *_JOB_STATES), nullable=False),
        sa.Column("config", JsonText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=utc_now(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("retry_count", sa.Integer(), server_default=sa.text("0"), nullable=True),
        sa.Column("error_message", WORDS, nullable=True),
        sa.Column("failure_kind", WORDS, nullable=True),
        sa.Column("batch_id", WORDS, nullable=True),
        sa.Column("output_dir", WORDS, nullable=True),
        sa.CheckConstraint(f"status IN {_JOB_STATES}").ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("idx_jobs_batch", "jobs", ["batch_id"], unique=False)
    op.create_index("idx_jobs_created", "jobs", ["created_at"], unique=False)
    op.create_index("idx_jobs_status", "jobs", ["status"], unique=False)
    op.create_index("idx_jobs_video", "jobs", ["video_id"], unique=False)
    op.create_table(
        "meta",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "pipelines",
        sa.Column("pipeline_id", sa.Integer(), nullable=True),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("config_schema", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("pipeline_id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "runs",
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("batch_id", WORDS, nullable=False),
        sa.Column("host", WORDS, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("config", JsonText(), nullable=False),
        sa.Column("inputs", JsonText(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("epoch"),
    )
    op.create_index("idx_runs_batch", "runs", ["batch_id"], unique=False)
    op.create_table(
        "videos",
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("path", WORDS, nullable=False),
        sa.Column("size_bytes", INTEGER_64, nullable=False),
        sa.Column("mtime_ns", INTEGER_64, nullable=False),
        sa.Column("container", WORDS, nullable=False),
        sa.Column("codec", WORDS, nullable=False),
        sa.Column("stream_index", sa.Integer(), nullable=False),
        sa.Column("time_base", WORDS, nullable=False),
        sa.Column("start_pts", INTEGER_64, nullable=False),
        sa.Column("end_pts", INTEGER_64, nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("rotation", sa.Integer(), nullable=False),
        sa.Column("nominal_fps", WORDS, nullable=False),
        sa.Column("frame_count", INTEGER_64, nullable=False),
        sa.Column("duration_seconds", REAL_64, nullable=False),
        sa.Column("frame_index", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("video_id"),
    )
    op.create_table(
        "annotations",
        sa.Column("annotation_id", Uuid(), nullable=True),
        sa.Column("job_id", Uuid(), nullable=True),
        sa.Column("pipeline_id", sa.Integer(), nullable=True),
        sa.Column("annotation_type", WORDS, nullable=False),
        sa.Column("timestamp_seconds", REAL_64, nullable=True),
        sa.Column("data", JsonText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=utc_now(), nullable=True),
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("person_id", WORDS, nullable=True),
        sa.Column("face_id", WORDS, nullable=True),
        sa.Column("speaker_id", WORDS, nullable=True),
        sa.Column("scene_id", WORDS, nullable=True),
        sa.Column("confidence", REAL_64, nullable=True),
        sa.Column("bbox_x", REAL_64, nullable=True),
        sa.Column("bbox_y", REAL_64, nullable=True),
        sa.Column("bbox_width", REAL_64, nullable=True),
        sa.Column("bbox_height", REAL_64, nullable=True),
        sa.Column("end_seconds", REAL_64, nullable=True),
        sa.Column("frame_number", INTEGER_64, nullable=True),
        sa.Column("config_hash", WORDS, nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"]),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.pipeline_id"]),
        sa.PrimaryKeyConstraint("annotation_id"),
    )
    op.create_index("idx_annotations_job", "annotations", ["job_id"], unique=False)
    op.create_index(
        "idx_annotations_type_confidence", "annotations", ["annotation_type", "confidence"], unique=False
    )
    op.create_index(
        "idx_annotations_video_timestamp", "annotations", ["video_id", "timestamp_seconds"], unique=False
    )
    op.create_index(
        "idx_annotations_work",
        "annotations",
        ["video_id", "pipeline_id", "config_hash", "frame_number"],
        unique=False,
    )
    op.create_table(
        "chunks",
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("pipeline_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("config_hash", WORDS, nullable=False),
        sa.Column("first_frame", INTEGER_64, autoincrement=False, nullable=False),
        sa.Column("frame_count", INTEGER_64, nullable=False),
        sa.Column("start_pts", INTEGER_64, nullable=False),
        sa.Column("end_pts", INTEGER_64, nullable=False),
        sa.Column("lost", WORDS, nullable=False),
        sa.Column("checksum", WORDS, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("seconds", REAL_64, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.pipeline_id"]),
        sa.PrimaryKeyConstraint("video_id", "pipeline_id", "config_hash", "first_frame"),
    )
    op.create_table(
        "job_pipeline_status",
        sa.Column("job_id", Uuid(), nullable=True),
        sa.Column("pipeline_id", sa.Integer(), autoincrement=False, nullable=True),
        sa.Column("status", state("pipeline_status_enum", *_RESULT_STATES), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("annotation_count", sa.Integer(), nullable=True),
        sa.Column("processing_time_seconds", REAL_64, nullable=True),
        sa.Column("error_message", WORDS, nullable=True),
        sa.Column("config_hash", WORDS, nullable=True),
        sa.Column("digest", WORDS, nullable=True),
        sa.Column("failure_kind", WORDS, nullable=True),
        sa.Column("warning", WORDS, nullable=True),
        sa.CheckConstraint(f"status IN {_RESULT_STATES}").ddl_if(dialect="sqlite"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"]),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.pipeline_id"]),
        sa.PrimaryKeyConstraint("job_id", "pipeline_id"),
    )
    op.create_table(
        "video_paths",
        sa.Column("path", WORDS, nullable=False),
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("size_bytes", INTEGER_64, nullable=False),
        sa.Column("mtime_ns", INTEGER_64, nullable=False),
        sa.ForeignKeyConstraint(["video_id"], ["videos.video_id"]),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_index("idx_video_paths_video", "video_paths", ["video_id"], unique=False)


def downgrade() -> None:
    op.drop_table("video_paths")
    op.drop_table("job_pipeline_status")
    op.drop_table("chunks")
    op.drop_table("annotations")
    op.drop_table("videos")
    op.drop_table("runs")
    op.drop_table("pipelines")
    op.drop_table("meta")
    op.drop_table("jobs")
