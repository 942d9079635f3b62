"""The events of all jobs of a store of files in one order: a file of records of one length.

The number of an event is that of its record, from 1, so any part of a long history is read at once. A record
holds no free text, and names a job by its id alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from actors.stores.encoding import attempt_rows
from schemas.work.job_event import JobEvent, NumberedEvent

RECORD_BYTES: Final = 256
FIELDS: Final = ("job_id", "at", "name", "pipeline")


def append(path: Path, events: Sequence[JobEvent]) -> None:
    """Add events; the caller has locked the store. A record that a kill has cut off is filled up first."""
    if not events:
        return
    with path.open("ab") as file:
        file.write(b" " * (-file.tell() % RECORD_BYTES) + b"".join(map(_record, events)))


def read(path: Path, number: int, limit: int) -> list[NumberedEvent]:
    """The first `limit` events after a number, by number; records that were cut off are left out."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, number) * RECORD_BYTES)
            content = file.read(limit * RECORD_BYTES)
    except FileNotFoundError:
        return []
    records = (content[at : at + RECORD_BYTES] for at in range(0, len(content), RECORD_BYTES))
    found = ((at, _event_in(record)) for at, record in enumerate(records, start=max(0, number) + 1))
    return [NumberedEvent(at, event) for at, event in found if event is not None]


def count(path: Path) -> int:
    """The number of the newest event, 0 where there is none."""
    try:
        return path.stat().st_size // RECORD_BYTES
    except FileNotFoundError:
        return 0


def _record(event: JobEvent) -> bytes:
    row = attempt_rows.event_row(event)
    text = json.dumps([row[name] for name in FIELDS]).encode()
    if len(text) >= RECORD_BYTES:  # an id of a caller's own that is too long to be named here
        text = json.dumps([None, row["at"], event.name[:50], None]).encode()
    return text.ljust(RECORD_BYTES - 1) + b"\n"


def _event_in(record: bytes) -> JobEvent | None:
    try:
        values = json.loads(record)
    except ValueError:
        return None
    if not isinstance(values, list) or len(values) != len(FIELDS) or values[0] is None:
        return None
    return attempt_rows.event_from(
        {**dict(zip(FIELDS, values, strict=True)), "message": None, "detail": None}
    )
