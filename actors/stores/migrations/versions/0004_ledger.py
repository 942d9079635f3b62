"""Adds the ledger of units that were moved here from other stores."""

import sqlalchemy as sa
from alembic import op

from schemas.storage.column_types import INTEGER_64, WORDS, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "migration_ledger",
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("unit", WORDS, nullable=False),
        sa.Column("table_name", WORDS, nullable=False),
        sa.Column("row_count", INTEGER_64, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("moved_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "unit", "table_name"),
    )


def downgrade() -> None:
    op.drop_table("migration_ledger")
