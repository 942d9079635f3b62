"""Converts references to persons, and edits of who is who, to rows and back; every store uses these."""

from __future__ import annotations

import base64
import json
from typing import Any

from actors.stores.encoding.rows import Row, Stored, text_time, time_text
from schemas.annotations.annotation import canonical_json
from schemas.storage.people import EditAction, PeopleLog, PersonEdit, PersonReference, Sample


def reference_row(reference: PersonReference) -> Row:
    """One row of table `person_references`."""
    return {
        "reference_id": reference.reference_id,
        "fingerprint": reference.fingerprint,
        "video_id": reference.video_id,
        "label": reference.label,
        "config_hash": reference.config_hash,
        "digest": reference.digest,
        "samples": canonical_json([sample.to_list() for sample in reference.samples]),
        "model": reference.model,
        "vector": reference.vector,
    }


def reference_from(row: Stored) -> PersonReference:
    """The reverse of `reference_row`."""
    return PersonReference(
        fingerprint=row["fingerprint"],
        video_id=row["video_id"],
        label=row["label"],
        config_hash=row["config_hash"],
        digest=row["digest"],
        samples=tuple(Sample.from_list(values) for values in json.loads(row["samples"])),
        model=row["model"],
        vector=bytes(row["vector"]),
    )


def edit_row(edit: PersonEdit, sequence: int) -> Row:
    """One row of table `person_edits`."""
    return {
        "sequence": sequence,
        "edit_id": edit.edit_id,
        "action": edit.action.value,
        "at": time_text(edit.at),
        "person_id": edit.person_id,
        "other_id": edit.other_id,
        "name": edit.name,
        "reference_ids": canonical_json(list(edit.references)),
    }


def edit_from(row: Stored) -> PersonEdit:
    """The reverse of `edit_row`."""
    at = text_time(row["at"])
    if at is None:
        raise ValueError(f"edit {row['edit_id']} has no time")
    return PersonEdit(
        edit_id=row["edit_id"],
        action=EditAction(row["action"]),
        at=at,
        person_id=row["person_id"],
        other_id=row["other_id"],
        name=row["name"],
        references=tuple(json.loads(row["reference_ids"])),
    )


# As JSON, in a store of files.


def log_object(edits: list[Row], references: list[Row]) -> dict[str, Any]:
    """Rows of both tables as one JSON object."""
    return {"edits": edits, "references": [_encoded(row) for row in references]}


def rows_in(stored: Stored) -> tuple[list[Row], list[Row]]:
    """The reverse of `log_object`."""
    return list(stored.get("edits", ())), [_decoded(row) for row in stored.get("references", ())]


def _encoded(row: Row) -> Row:
    return row | {"vector": base64.b64encode(row["vector"]).decode()}


def _decoded(row: Row) -> Row:
    return row | {"vector": base64.b64decode(row["vector"])}


def log_of(edits: list[Row], references: list[Row]) -> PeopleLog:
    """The log of rows of both tables."""
    ordered = sorted(edits, key=lambda row: int(row["sequence"]))
    found = sorted(map(reference_from, references), key=lambda one: one.reference_id)
    return PeopleLog(tuple(map(edit_from, ordered)), {one.reference_id: one for one in found})
