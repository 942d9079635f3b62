"""Adds the persons of the collection: references to them by content, and the log of edits."""

import sqlalchemy as sa
from alembic import op

from schemas.storage.column_types import WORDS, JsonText, UtcDateTime, Uuid

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_references",
        sa.Column("reference_id", Uuid(), nullable=False),
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("video_id", WORDS, nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("config_hash", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("samples", JsonText(), nullable=False),
        sa.Column("model", WORDS, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("reference_id"),
    )
    op.create_index("idx_person_references_video", "person_references", ["video_id"], unique=False)
    op.create_table(
        "person_edits",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("edit_id", Uuid(), nullable=False),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("person_id", WORDS, nullable=False),
        sa.Column("other_id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=True),
        sa.Column("reference_ids", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("edit_id"),
    )


def downgrade() -> None:
    op.drop_table("person_edits")
    op.drop_table("person_references")
