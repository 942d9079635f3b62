"""Answers a query: pages of matches, why each was found, and which videos could not be asked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schemas.annotations.annotation import Annotation
from schemas.errors import UsageError
from schemas.pipelines import AnsweredBy, short_name_of
from vaengine.queries.collection import Collection, Position, Row
from vaengine.queries.language.document import Count, Coverage, Duration, Mean, Measure, Query
from vaengine.queries.language.parsing import to_json
from vaengine.queries.match import Match
from vaengine.queries.resolution import Resolution
from vaengine.queries.resolve import People, SimilarRows, resolved
from vaengine.queries.why import measured, why

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from schemas.storage.backend import StorageBackend


TIMEOUT_S: Final = 600.0  # of each statement, unless somebody says otherwise


@dataclass(frozen=True, slots=True)
class Analysed:
    """How much of a collection a query could be asked of: `lacking` has, by pipeline, the videos without a
    complete result.
    """

    videos: int
    lacking: Mapping[str, tuple[str, ...]]

    @property
    def line(self) -> str | None:
        """One line about videos that were not asked; None where all were."""
        parts = [f"{len(ids)} lack {short_name_of(name)}" for name, ids in self.lacking.items() if ids]
        if not parts:
            return None
        return f"not analysed is not absent: of {self.videos} videos {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Answers:
    """One page of answers; `query` has every number and default resolved, `next_page` goes on after them."""

    matches: tuple[Match, ...]
    query: Query
    analysed: Analysed
    notes: tuple[str, ...] = ()
    next_page: str | None = None

    def __iter__(self) -> Iterator[Match]:
        return iter(self.matches)

    def __len__(self) -> int:
        return len(self.matches)

    def to_arrow(self) -> pa.Table:
        """A row for each match, as `vaengine query --format parquet` writes it."""
        from vaengine.queries.presentation import arrow_table

        return arrow_table(self)

    def to_pandas(self) -> pd.DataFrame:
        """The same as a data frame."""
        return self.to_arrow().to_pandas()


@contextmanager
def collection_of(
    store: StorageBackend, timeout_s: float = TIMEOUT_S, source: AnsweredBy = "machine"
) -> Iterator[Collection]:
    """The results of a store by a source, in one snapshot where it is a database.

    Raises `QueryTimeout` where a statement takes longer than `timeout_s`, or the reading of files.
    """
    reading = getattr(store, "reading", None)
    if reading is None:
        from vaengine.queries.files_collection import FilesCollection

        yield FilesCollection(store, timeout_s, source)
        return
    from vaengine.queries.sql.collection import SqlCollection

    with reading(timeout_s) as connection:
        yield SqlCollection(connection, source)


def answered(
    query: Query,
    collection: Collection,
    people: People | None = None,
    similar: SimilarRows | None = None,
) -> Answers:
    """One page of the answers of a query. Raises `UsageError` for unknown words and for foreign pages."""
    asked, resolution = resolved(query, collection, people, similar)
    after = _position(asked) if asked.page else None
    rows = _rows(asked, collection, resolution, after)
    page = rows[: asked.limit]
    following = _cursor(asked, page[-1]) if len(rows) > len(page) else None
    return Answers(
        tuple(_matches(page, asked, collection, resolution, people)),
        asked,
        analysed_of(asked, collection, resolution),
        resolution.notes,
        following,
    )


def analysed_of(query: Query, collection: Collection, resolution: Resolution) -> Analysed:
    """Which videos lack what a query needs."""
    contents, needed = collection.contents(), resolution.needed_by(query)
    lacking = [name for name in needed if not contents.has_all([name])]
    return Analysed(contents.videos, collection.lacking(lacking))


def _rows(query: Query, collection: Collection, resolution: Resolution, after: Position | None) -> list[Row]:
    """The rows of a page and one more, if there is any; by likeness where that is asked for."""
    scores = resolution.found
    if scores is None or query.answers == "videos":
        return collection.page(query, resolution, after, query.limit + 1)
    found = collection.page(query, resolution, None, None)
    ranked = [Row(scores[row.ids[0]], row.video_id, row.start_s, row.end_s, row.ids) for row in found]
    ranked.sort(key=lambda row: (-row.score, *row.position(query.answers).keys))
    if after is not None:
        begin = (-after.score, *after.keys)
        ranked = [row for row in ranked if (-row.score, *row.position(query.answers).keys) > begin]
    return ranked[: query.limit + 1]


# Matches.


def _matches(
    page: Sequence[Row],
    query: Query,
    collection: Collection,
    resolution: Resolution,
    people: People | None,
) -> Iterator[Match]:
    annotations = collection.rows(name for row in page for name in row.ids)
    places = collection.places(row.video_id for row in page)
    reasons = _numbers(page, query, collection, resolution)
    names = people.holders if people is not None and _has_persons(annotations.values()) else {}
    for row in page:
        place = places[row.video_id]
        start_s = max(0.0, row.start_s - query.pad_s)
        end_s = max(start_s, row.end_s + query.pad_s)
        if query.pad_s:
            end_s = max(start_s, min(end_s, max(row.end_s, place.duration_s)))
        found = [annotations[name] for name in row.ids if name in annotations]
        reason = _reason(row, query, why(found, query.steps, reasons.get(_id_of(row), []), names))
        yield Match(row.video_id, place.path, start_s, end_s, reason, row.score, _ids(row))


def _has_persons(rows: Iterable[Annotation]) -> bool:
    return any(row.person_id or row.face_id or row.speaker_id for row in rows)


def _reason(row: Row, query: Query, moment: str) -> str:
    if query.answers == "videos" and query.find.kind != "video":
        return f"{row.moments} {'moment' if row.moments == 1 else 'moments'}"
    return moment


def _ids(row: Row) -> tuple[str, ...]:
    """A video as a whole is no annotation."""
    return () if row.ids == (row.video_id,) else row.ids


def _id_of(row: Row) -> str:
    return row.ids[0] if row.ids else row.video_id


def _numbers(
    page: Iterable[Row], query: Query, collection: Collection, resolution: Resolution
) -> dict[str, list[str]]:
    """The numbers that conditions bound, of the rows of a page."""
    measures: list[Measure] = [
        one for one in query.where if isinstance(one, Count | Coverage | Mean | Duration)
    ]
    if not measures or (query.answers == "videos" and query.find.kind != "video"):
        return {}
    ids = {_id_of(row) for row in page}
    values = collection.measures(query, resolution, measures, ids)
    return {name: measured(measures, numbers) for name, numbers in values.items()}


# Pages.


def _digest(query: Query) -> str:
    """What a page is of: the query without its limit and page."""
    plain = query.model_copy(update={"page": None, "limit": 1})
    return hashlib.sha256(to_json(plain).encode()).hexdigest()[:12]


def _cursor(query: Query, last: Row) -> str:
    position = last.position(query.answers)
    value = [_digest(query), position.score, *position.keys]
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _position(query: Query) -> Position:
    text = query.page or ""
    try:
        value: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        value = None
    if not isinstance(value, list) or len(value) < 3:
        raise UsageError(f"the page {text!r} is unknown: take the one that an answer ended with")
    digest, score, *keys = value
    if digest != _digest(query):
        raise UsageError("this page is of another query: ask the query again without --page")
    return Position(float(score), tuple(keys))
