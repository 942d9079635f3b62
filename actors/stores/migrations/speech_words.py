"""Fills `annotations.words` of utterances that were stored before there was such a column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from schemas.annotations.words import indexed_words
from schemas.storage.column_types import WORDS, JsonText, Uuid

PAGE_ROWS: Final = 1_000
DUE: Final = "speech_words"  # row of `meta`: the tables were migrated by SQL alone, which fills nothing

_annotations = sa.table(  # as it is at the revision of the migration that calls this
    "annotations",
    sa.column("annotation_id", Uuid()),
    sa.column("annotation_type", WORDS),
    sa.column("data", JsonText()),
    sa.column("words", WORDS),
)
_meta = sa.table("meta", sa.column("name", WORDS), sa.column("value", WORDS))


def mark_due() -> sa.Insert:
    """The statement that says that the words are still to be filled."""
    return _meta.insert().values(name=DUE, value="due")


def is_due(connection: sa.Connection) -> bool:
    """Whether words of earlier results are missing."""
    return connection.scalar(sa.select(_meta.c.value).where(_meta.c.name == DUE)) is not None


def fill(connection: sa.Connection) -> None:
    """Add the words of all utterances, a page at a time, inside the open transaction."""
    columns, last = _annotations.c, None
    speech = sa.select(columns.annotation_id, columns.data).where(columns.annotation_type == "speech")
    while True:
        page = speech if last is None else speech.where(columns.annotation_id > last)
        rows = connection.execute(page.order_by(columns.annotation_id).limit(PAGE_ROWS)).all()
        if not rows:
            break
        _fill_page(connection, rows)
        last = rows[-1].annotation_id
    connection.execute(_meta.delete().where(_meta.c.name == DUE))


def _fill_page(connection: sa.Connection, rows: Sequence[Any]) -> None:
    texts = ((row.annotation_id, json.loads(row.data).get("text")) for row in rows)
    values = [
        {"id": annotation_id, "found": words}
        for annotation_id, text in texts
        if isinstance(text, str) and (words := indexed_words(text))
    ]
    if values:
        of_row = _annotations.c.annotation_id == sa.bindparam("id", type_=Uuid())
        connection.execute(sa.update(_annotations).where(of_row).values(words=sa.bindparam("found")), values)
