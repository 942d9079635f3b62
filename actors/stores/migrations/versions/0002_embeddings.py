"""Adds the tables of embeddings and identities, and what is known of a video's sound."""

import sqlalchemy as sa
from alembic import op

from schemas.storage.column_types import REAL_64, WORDS, UtcDateTime, Uuid, utc_now

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("videos", sa.Column("sound", WORDS, nullable=True))
    op.create_table(
        "embeddings",
        sa.Column("annotation_id", Uuid(), nullable=False),
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("pipeline_id", sa.Integer(), nullable=False),
        sa.Column("config_hash", WORDS, nullable=False),
        sa.Column("model", WORDS, nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.pipeline_id"]),
        sa.PrimaryKeyConstraint("annotation_id"),
    )
    op.create_index(
        "idx_embeddings_work", "embeddings", ["video_id", "pipeline_id", "config_hash"], unique=False
    )
    op.create_table(
        "identities",
        sa.Column("identity_id", WORDS, nullable=False),
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("face_id", WORDS, nullable=False),
        sa.Column("config_hash", WORDS, nullable=False),
        sa.Column("model", WORDS, nullable=False),
        sa.Column("similarity", REAL_64, nullable=False),
        sa.Column("first_seconds", REAL_64, nullable=False),
        sa.Column("created_at", UtcDateTime(), server_default=utc_now(), nullable=True),
        sa.PrimaryKeyConstraint("identity_id", "video_id", "face_id"),
    )


def downgrade() -> None:
    op.drop_table("identities")
    op.drop_table("embeddings")
    op.drop_column("videos", "sound")
