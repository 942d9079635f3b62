"""Adds leases, attempts at chunks, logs and requests of jobs, and heartbeats and progress of runs."""

import sqlalchemy as sa
from alembic import op

from schemas.storage.column_types import WORDS, UtcDateTime, Uuid, state

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TRY_STATES = ("leased", "failed", "lost", "killed")

_ASKED = sa.text("control IS NOT NULL")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("control", WORDS, nullable=True))
    op.create_index(
        "idx_jobs_control", "jobs", ["job_id"], unique=False, sqlite_where=_ASKED, postgresql_where=_ASKED
    )
    op.add_column("runs", sa.Column("heartbeat_at", UtcDateTime(), nullable=True))
    op.add_column("runs", sa.Column("progress", WORDS, nullable=True))
    op.create_table(
        "leases",
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("pipeline_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("config_hash", WORDS, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["epoch"], ["runs.epoch"]),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.pipeline_id"]),
        sa.PrimaryKeyConstraint("video_id", "pipeline_id", "config_hash"),
    )
    op.create_index("idx_leases_epoch", "leases", ["epoch"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("chunk_id", WORDS, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("state", state("attempt_state_enum", *_TRY_STATES), nullable=False),
        sa.Column("worker", WORDS, nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=True),
        sa.Column("pipeline", WORDS, nullable=True),
        sa.Column("failure_kind", WORDS, nullable=True),
        sa.Column("error_message", WORDS, nullable=True),
        sa.Column("traceback", WORDS, nullable=True),
        sa.CheckConstraint(f"state IN {_TRY_STATES}").ddl_if(dialect="sqlite"),
        sa.PrimaryKeyConstraint("chunk_id", "number"),
    )
    op.create_index("idx_attempts_video", "attempts", ["video_id"], unique=False)
    op.create_table(
        "job_events",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("job_id", Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("pipeline", WORDS, nullable=True),
        sa.Column("message", WORDS, nullable=True),
        sa.Column("detail", WORDS, nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"]),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("idx_job_events_job", "job_events", ["job_id"], unique=False)


def downgrade() -> None:
    op.drop_table("job_events")
    op.drop_table("attempts")
    op.drop_table("leases")
    op.drop_column("runs", "progress")
    op.drop_column("runs", "heartbeat_at")
    op.drop_index("idx_jobs_control", "jobs")
    op.drop_column("jobs", "control")
