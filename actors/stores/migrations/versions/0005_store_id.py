"""Adds an id of each store, which other stores note with the units that they got from it."""

import uuid

import sqlalchemy as sa
from alembic import op

from schemas.storage.column_types import WORDS

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

meta = sa.table("meta", sa.column("name", WORDS), sa.column("value", WORDS))


def upgrade() -> None:
    there = sa.exists().where(meta.c.name == "store_id")
    op.execute(
        meta.insert().from_select(
            ["name", "value"], sa.select(sa.literal("store_id"), sa.literal(uuid.uuid4().hex)).where(~there)
        )
    )


def downgrade() -> None:
    op.execute(meta.delete().where(meta.c.name == "store_id"))
