"""A database as a collection: every question is one statement or a few."""

from __future__ import annotations

from collections.abc import Collection as Sized
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    bindparam,
    case,
    distinct,
    exists,
    func,
    select,
    union_all,
)

from schemas.annotations.annotation import (
    FACE_IDENTITY,
    PERSON_TRACK,
    SPEAKER,
    Annotation,
)
from schemas.pipelines import AnsweredBy, is_human, of_machine, pipelines_of
from schemas.storage import tables
from schemas.storage.backend import Identity
from schemas.work.job import JobStatus
from vaengine.queries.collection import LABELLED, Collection, Contents, Facet, Position, Row, VideoPlace
from vaengine.queries.language.document import Measure, Query
from vaengine.queries.resolution import Member, Resolution
from vaengine.queries.sql.compiler import ID, Compiler
from vaengine.queries.sql.functions import constant
from vaengine.queries.sql.sources import analysed, is_current, machine_name
from vaengine.queries.sql.spoken import SpokenRows

PAGE_VALUES: Final = 500  # values in one IN list
ID_TYPES: Final = {"person_id": PERSON_TRACK, "face_id": FACE_IDENTITY, "speaker_id": SPEAKER}
_decode: Final = msgspec.json.Decoder().decode
rows_table, jobs, states = tables.annotations, tables.jobs, tables.job_pipeline_status


# Statements that do not depend on the question are made once.

_KEY: Final = jobs.c.video_id + constant(" ") + func.coalesce(states.c.config_hash, constant(""))
_OF_COMPLETE: Final = case((states.c.status == constant(JobStatus.COMPLETED.value), jobs.c.video_id))
_RESULTS: Final = (
    select(tables.pipelines.c.name, func.count(distinct(_OF_COMPLETE)), func.count(distinct(_KEY)))
    .join_from(jobs, states)
    .join(tables.pipelines)
    .group_by(tables.pipelines.c.name)
)
# Videos with a complete result of people or of the machine.
_EITHER: Final = (
    select(machine_name(), func.count(distinct(_OF_COMPLETE)))
    .join_from(jobs, states)
    .join(tables.pipelines)
    .group_by(machine_name())
)
_VIDEOS_AND_FACES: Final = select(
    select(func.count()).select_from(tables.videos).scalar_subquery(),
    exists().where(rows_table.c.annotation_type == constant(FACE_IDENTITY)),
)


@cache
def _every_label() -> Select[Any]:
    """One step down the index for each label, rather than one for each row."""
    is_labelled = rows_table.c.annotation_type.in_(list(map(constant, LABELLED)))
    least = select(func.min(rows_table.c.label)).where(is_labelled, rows_table.c.label.is_not(None))
    found = select(least.scalar_subquery().label("label")).cte("labels", recursive=True)
    following = least.where(rows_table.c.label > found.c.label).correlate(found).scalar_subquery()
    found = found.union_all(select(following).where(found.c.label.is_not(None)))
    return select(found.c.label)


@cache
def _videos_with() -> CompoundSelect[Any]:
    """The videos in which each column has the id `local_id`."""
    parts = (
        select(constant(column), rows_table.c.video_id)
        .where(rows_table.c.annotation_type == constant(kind), rows_table.c[column] == bindparam("local_id"))
        .distinct()
        for column, kind in ID_TYPES.items()
    )
    return union_all(*parts)


@dataclass(frozen=True, eq=False)
class SqlCollection(Collection):
    """The tables behind a connection, in its transaction, for the results of a source."""

    connection: Connection
    source: AnsweredBy = "machine"

    @cached_property
    def _spoken(self) -> SpokenRows:
        return SpokenRows(self.connection)

    @cache  # noqa: B019  it lives as long as its transaction
    def contents(self) -> Contents:
        videos, has_faces = self.connection.execute(_VIDEOS_AND_FACES).one()
        by_pipeline = self.connection.execute(_RESULTS).all()
        own = [row for row in by_pipeline if row[0] in pipelines_of(row[0], self.source)]
        analysed_videos = {of_machine(str(name)): int(complete) for name, complete, _ in own if complete}
        if self.source == "corrected" and any(is_human(row[0]) for row in own):
            analysed_videos = {
                str(name): int(complete) for name, complete in self.connection.execute(_EITHER)
            }
        # one configuration of each pipeline and video, and that complete; and none of another source
        all_current = len({of_machine(row[0]) for row in by_pipeline}) == len(own) == len(by_pipeline)
        all_current &= all(keys == complete for _, complete, keys in by_pipeline)
        return Contents(int(videos), analysed_videos, all_current, bool(has_faces), self.source)

    def page(
        self, query: Query, resolution: Resolution, after: Position | None, limit: int | None
    ) -> list[Row]:
        statement = self._compiler(resolution).page(query, after, limit)
        return [_row(found) for found in self.connection.execute(statement).mappings()]

    def _compiler(self, resolution: Resolution) -> Compiler:
        return Compiler(resolution, self.contents(), self._spoken)

    def ids(self, query: Query, resolution: Resolution) -> set[str]:
        return {str(one) for one in self.connection.scalars(self._compiler(resolution).ids(query))}

    def count(self, query: Query, resolution: Resolution) -> tuple[int, int]:
        moments, videos = self.connection.execute(self._compiler(resolution).count(query)).one()
        return int(moments), int(videos)

    def measures(
        self,
        query: Query,
        resolution: Resolution,
        measures: Sequence[Measure],
        ids: Iterable[str] | None = None,
    ) -> dict[str, tuple[float | None, ...]]:
        compiler, found = self._compiler(resolution), {}
        for page in [None] if ids is None else _paged(ids):
            for row in self.connection.execute(compiler.measures(query, measures, page)):
                values = tuple(None if value is None else float(value) for value in row[1:])
                found[str(row[0])] = values
        return found

    def plan(self, query: Query, resolution: Resolution) -> tuple[str, str]:
        statement = self._compiler(resolution).page(query, None, query.limit)
        compiled = statement.compile(
            dialect=self.connection.dialect,
            compile_kwargs={"literal_binds": True, "render_postcompile": True},
        )
        text = str(compiled)
        is_sqlite = self.connection.dialect.name == "sqlite"
        explained = f"{'EXPLAIN QUERY PLAN' if is_sqlite else 'EXPLAIN'} {text}"
        lines = self.connection.exec_driver_sql(explained.replace("%", "%%") if not is_sqlite else explained)
        return text, "\n".join(str(line[-1]) for line in lines)

    def lacking(self, pipelines: Iterable[str]) -> dict[str, tuple[str, ...]]:
        video_id = tables.videos.c.video_id
        return {
            name: tuple(
                self.connection.scalars(
                    select(video_id).where(video_id.not_in(analysed(name, self.source))).order_by(video_id)
                )
            )
            for name in sorted(pipelines)
        }

    def rows(self, ids: Iterable[str]) -> dict[str, Annotation]:
        return {
            row.annotation_id: row
            for page in _paged(ids)
            for row in self._annotations(rows_table.c.annotation_id.in_(page))
        }

    def _annotations(self, *conditions: Any) -> Iterator[Annotation]:
        for data in self.connection.scalars(select(rows_table.c.data).where(*conditions)):
            yield Annotation.from_data(_decode(data))

    def places(self, video_ids: Iterable[str]) -> dict[str, VideoPlace]:
        video = tables.videos.c
        columns = select(video.video_id, video.path, video.duration_seconds)
        return {
            row[0]: VideoPlace(row[1], float(row[2]))
            for page in _paged(video_ids)
            for row in self.connection.execute(columns.where(video.video_id.in_(page)))
        }

    def paths(self) -> dict[str, str]:
        paths = tables.video_paths.c
        return {row[0]: row[1] for row in self.connection.execute(select(paths.path, paths.video_id))}

    # What can be asked for.

    def labels(self) -> list[str]:
        return [label for label in self.connection.scalars(_every_label()) if label is not None]

    def identities(self) -> list[Identity]:
        faces = tables.identities.c
        names = ("identity_id", "video_id", "face_id", "config_hash", "model", "similarity", "first_seconds")
        query = select(*(faces[name] for name in names))
        return [Identity(*row) for row in self.connection.execute(query)]

    def videos_with(self, local_id: str) -> dict[str, set[str]]:
        videos: dict[str, set[str]] = {column: set() for column in ID_TYPES}
        for column, video_id in self.connection.execute(_videos_with(), {"local_id": local_id}):
            videos[column].add(video_id)
        return videos

    def local_ids(self) -> list[str]:
        found: set[str] = set()
        for column, kind in ID_TYPES.items():
            is_type = rows_table.c.annotation_type == constant(kind)
            found |= set(self.connection.scalars(select(rows_table.c[column]).where(is_type).distinct()))
        return sorted(name for name in found if name is not None)

    def tracks_of(self, faces: Sized[Member]) -> set[Member]:
        tracks: set[Member] = set()
        for page in _paged(video_id for video_id, _ in faces):
            is_identity = rows_table.c.annotation_type == constant(FACE_IDENTITY)
            for row in self._annotations(is_identity, rows_table.c.video_id.in_(page)):
                if (row.video_id, row.face_id) in faces:
                    tracks |= {(row.video_id, track) for track in row.attributes.get("persons") or ()}
        return tracks

    def facets(self) -> list[Facet]:
        return [*self._types(), *self._labels(), *self._persons()]

    def _types(self) -> Iterator[Facet]:
        return self._counted("type", rows_table.c.annotation_type, *self._current())

    def _labels(self) -> Iterator[Facet]:
        label = rows_table.c.label
        for kind, facet in LABELLED.items():
            is_kind = rows_table.c.annotation_type == constant(kind)
            yield from self._counted(facet, label, label.is_not(None), is_kind, *self._current())

    def _persons(self) -> Iterator[Facet]:
        return self._counted("identity", tables.identities.c.identity_id)

    def _current(self) -> list[ColumnElement[bool]]:
        return [] if self.contents().all_current else [is_current(rows_table, self.source)]

    def _counted(self, facet: str, value: Any, *conditions: ColumnElement[bool]) -> Iterator[Facet]:
        query = select(value, func.count(), func.count(distinct(value.table.c.video_id)))
        for row in self.connection.execute(query.where(*conditions).group_by(value)):
            yield Facet(facet, *row)


def _row(found: Any) -> Row:
    ids = tuple(str(value) for name, value in found.items() if name.startswith(ID))
    values = (float(found["score"]), found["video_id"], float(found["start_s"]), float(found["end_s"]))
    return Row(*values, ids, int(found.get("moments", 1)))


def _paged(values: Iterable[str]) -> Iterator[list[str]]:
    listed = list(dict.fromkeys(values))
    return (listed[start : start + PAGE_VALUES] for start in range(0, len(listed), PAGE_VALUES))
