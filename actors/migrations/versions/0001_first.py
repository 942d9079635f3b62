"""The tables of version 0.1: the seed's four, with our columns, and ours."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REAL: sa.types.TypeEngine[float] = sa.REAL().with_variant(sa.Double(), "postgresql")
_BIG: sa.types.TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("video_path", sa.Text(), nullable=False),
        sa.Column("video_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), server_default=sa.text("(datetime('now'))"), nullable=True),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("completed_at", sa.Text(), nullable=True),
        sa.Column("retry_count", sa.Integer(), server_default=sa.text("0"), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("failure_kind", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("output_dir", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'running', 'completed', 'failed', 'retrying')"),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("idx_jobs_batch", "jobs", ["batch_id"], unique=False)
    op.create_index("idx_jobs_created", "jobs", ["created_at"], unique=False)
    op.create_index("idx_jobs_status", "jobs", ["status"], unique=False)
    op.create_index("idx_jobs_video", "jobs", ["video_id"], unique=False)
    op.create_table(
        "meta", sa.Column("name", sa.Text(), nullable=False), sa.Column("value", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("name")
    )
    op.create_table(
        "pipelines",
        sa.Column("pipeline_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("config_schema", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pipeline_id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "runs",
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("epoch"),
    )
    op.create_index("idx_runs_batch", "runs", ["batch_id"], unique=False)
    op.create_table(
        "videos",
        sa.Column("video_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", _BIG, nullable=False),
        sa.Column("mtime_ns", _BIG, nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("stream_index", sa.Integer(), nullable=False),
        sa.Column("time_base", sa.Text(), nullable=False),
        sa.Column("start_pts", _BIG, nullable=False),
        sa.Column("end_pts", _BIG, nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("rotation", sa.Integer(), nullable=False),
        sa.Column("nominal_fps", sa.Text(), nullable=False),
        sa.Column("frame_count", _BIG, nullable=False),
        sa.Column("duration_seconds", _REAL, nullable=False),
        sa.Column("frame_index", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("video_id"),
    )
    op.create_table(
        "annotations",
        sa.Column("annotation_id", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("pipeline_id", sa.Integer(), nullable=True),
        sa.Column("annotation_type", sa.Text(), nullable=False),
        sa.Column("timestamp_seconds", _REAL, nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), server_default=sa.text("(datetime('now'))"), nullable=True),
        sa.Column("video_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("face_id", sa.Text(), nullable=True),
        sa.Column("speaker_id", sa.Text(), nullable=True),
        sa.Column("scene_id", sa.Text(), nullable=True),
        sa.Column("confidence", _REAL, nullable=True),
        sa.Column("bbox_x", _REAL, nullable=True),
        sa.Column("bbox_y", _REAL, nullable=True),
        sa.Column("bbox_width", _REAL, nullable=True),
        sa.Column("bbox_height", _REAL, nullable=True),
        sa.Column("end_seconds", _REAL, nullable=True),
        sa.Column("frame_number", _BIG, nullable=True),
        sa.Column("config_hash", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"]),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.pipeline_id"]),
        sa.PrimaryKeyConstraint("annotation_id"),
    )
    op.create_index("idx_annotations_job", "annotations", ["job_id"], unique=False)
    op.create_index("idx_annotations_type_confidence", "annotations", ["annotation_type", "confidence"], unique=False)
    op.create_index("idx_annotations_video_timestamp", "annotations", ["video_id", "timestamp_seconds"], unique=False)
    op.create_index("idx_annotations_work", "annotations", ["video_id", "pipeline_id", "config_hash", "frame_number"], unique=False)
    op.create_table(
        "chunks",
        sa.Column("video_id", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("first_frame", _BIG, autoincrement=False, nullable=False),
        sa.Column("frame_count", _BIG, nullable=False),
        sa.Column("start_pts", _BIG, nullable=False),
        sa.Column("end_pts", _BIG, nullable=False),
        sa.Column("lost", sa.Text(), nullable=False),
        sa.Column("checksum", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("seconds", _REAL, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.pipeline_id"]),
        sa.PrimaryKeyConstraint("video_id", "pipeline_id", "config_hash", "first_frame"),
    )
    op.create_table(
        "job_pipeline_status",
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("pipeline_id", sa.Integer(), autoincrement=False, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("completed_at", sa.Text(), nullable=True),
        sa.Column("annotation_count", sa.Integer(), nullable=True),
        sa.Column("processing_time_seconds", _REAL, nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("config_hash", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("failure_kind", sa.Text(), nullable=True),
        sa.Column("warning", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'running', 'completed', 'failed')"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"]),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.pipeline_id"]),
        sa.PrimaryKeyConstraint("job_id", "pipeline_id"),
    )
    op.create_table(
        "video_paths",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("video_id", sa.Text(), nullable=False),
        sa.Column("size_bytes", _BIG, nullable=False),
        sa.Column("mtime_ns", _BIG, nullable=False),
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
