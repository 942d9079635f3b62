"""Adds `videos.details`: mirroring, the track of a video, and notes for its results."""

import sqlalchemy as sa
from alembic import op

from schemas.storage.column_types import WORDS

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("videos", sa.Column("details", WORDS, nullable=True))


def downgrade() -> None:
    op.drop_column("videos", "details")
