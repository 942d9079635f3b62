"""Stored rows as a table whose columns and types never vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from schemas.annotations.annotation import Annotation, canonical_json

if TYPE_CHECKING:
    import pyarrow as pa

# Columns and their Arrow types: those of the SQL table `annotations`, with the pipeline's name for its number
# and without what is about storage (job_id, created_at). `data` is the whole row as JSON, as it is there.
COLUMNS: Final[Mapping[str, str]] = {
    "annotation_id": "string",
    "video_id": "string",
    "pipeline": "string",
    "config_hash": "string",
    "annotation_type": "string",
    "timestamp_seconds": "float64",
    "end_seconds": "float64",
    "frame_number": "int64",
    "person_id": "string",
    "face_id": "string",
    "speaker_id": "string",
    "scene_id": "string",
    "confidence": "float64",
    "bbox_x": "float64",
    "bbox_y": "float64",
    "bbox_width": "float64",
    "bbox_height": "float64",
    "data": "string",
}


def annotation_table(rows: Sequence[Annotation]) -> pa.Table:
    """A table with one row for each annotation and the columns `COLUMNS`, also of no rows."""
    import pyarrow as pa

    types = {name: getattr(pa, arrow_type)() for name, arrow_type in COLUMNS.items()}
    return pa.table({name: pa.array(_column(rows, name), types[name]) for name in COLUMNS})


def _column(rows: Sequence[Annotation], name: str) -> list[Any]:
    if name == "data":
        return [canonical_json(row.to_data()) for row in rows]
    if name.startswith("bbox_"):
        return [row.bbox and getattr(row.bbox, name.removeprefix("bbox_")) for row in rows]
    return [getattr(row, name) for row in rows]
