"""Adds `annotations.label`, filled from the data of old rows, and the indexes that queries join by."""

import sqlalchemy as sa
from alembic import op

from schemas.storage.column_types import POSTGRESQL, WORDS

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# `LIKE` first, since few rows have a label, and reading JSON takes longer.
_FILL_SQLITE = """
UPDATE annotations SET label = json_extract(data, '$.label')
WHERE data LIKE '%"label"%' AND CASE WHEN json_valid(data) THEN json_type(data, '$.label') END = 'text'
"""
_FILL_POSTGRESQL = """
UPDATE annotations SET label = data ->> 'label' WHERE jsonb_typeof(data -> 'label') = 'string'
"""
_INDEXES = {
    "idx_annotations_type_video": (
        ["annotation_type", "video_id", "timestamp_seconds", "end_seconds", "person_id"],
        None,
    ),
    "idx_annotations_person_track": (
        ["person_id", "annotation_type", "video_id", "timestamp_seconds", "end_seconds"],
        sa.text("person_id IS NOT NULL AND annotation_type = 'person_track'"),
    ),
    "idx_annotations_label": (
        ["label", "annotation_type", "video_id", "timestamp_seconds", "end_seconds"],
        sa.text("label IS NOT NULL"),
    ),
    "idx_annotations_face_box": (
        [
            *("annotation_type", "video_id", "timestamp_seconds"),
            *("bbox_x", "bbox_y", "bbox_width", "bbox_height", "confidence", "annotation_id"),
        ],
        sa.text("annotation_type = 'face_detection'"),
    ),
}


def upgrade() -> None:
    op.add_column("annotations", sa.Column("label", WORDS, nullable=True))
    is_postgresql = op.get_context().dialect.name == POSTGRESQL
    op.execute(_FILL_POSTGRESQL if is_postgresql else _FILL_SQLITE)
    for name, (columns, where) in _INDEXES.items():
        op.create_index(name, "annotations", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in reversed(_INDEXES):
        op.drop_index(name, table_name="annotations")
    op.drop_column("annotations", "label")
