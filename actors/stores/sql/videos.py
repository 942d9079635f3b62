"""Reads and writes videos and their paths in database tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from actors.stores.encoding import rows
from actors.stores.encoding.content_endings import ENDING, content_endings
from actors.stores.sql.statements.queries import paged, put
from schemas.media.video import Video
from schemas.redaction import is_storable
from schemas.storage import tables
from schemas.storage.backend import VideoFacts


@dataclass(frozen=True, slots=True)
class SqlVideos:
    """See `backend.transaction.Videos`."""

    connection: Connection

    def put(self, videos: Sequence[Video]) -> None:
        known = [rows.video_row(video) for video in videos if video.is_sound_known]
        unknown = [rows.video_row(video) for video in videos if not video.is_sound_known]
        put(self.connection, tables.videos, known)
        put(self.connection, tables.videos, unknown, keep=["sound"])
        self.put_paths(videos)

    def put_paths(self, videos: Sequence[Video]) -> None:
        names = ("path", "video_id", "size_bytes", "mtime_ns")
        put(
            self.connection,
            tables.video_paths,
            [{name: getattr(video, name) for name in names} for video in videos],
        )

    def by_id(self, video_ids: Iterable[str]) -> dict[str, Video]:
        query, ids = select(tables.videos), tables.videos.c.video_id
        pages = (self.connection.execute(query.where(ids.in_(page))).mappings() for page in paged(video_ids))
        return {row["video_id"]: rows.video_from(row) for page in pages for row in page}

    def by_path(self, paths: Iterable[str]) -> dict[str, Video]:
        """A path that cannot be stored is unknown."""
        path_table = tables.video_paths
        columns = [
            column
            for column in tables.videos.c
            if column.name not in path_table.c or column.name == "video_id"
        ]
        query = select(*columns, path_table.c.path, path_table.c.size_bytes, path_table.c.mtime_ns).join(
            path_table
        )
        pages = paged(filter(is_storable, paths))
        found = (
            row
            for page in pages
            for row in self.connection.execute(query.where(path_table.c.path.in_(page))).mappings()
        )
        return {row["path"]: rows.video_from(row) for row in found if rows.is_fully_known(row)}

    def fingerprints(self, video_ids: Iterable[str]) -> dict[str, str]:
        columns = tables.videos.c
        query = select(columns.video_id, columns.fingerprint)
        pages = (
            self.connection.execute(query.where(columns.video_id.in_(page))) for page in paged(video_ids)
        )
        return {row.video_id: row.fingerprint for page in pages for row in page}

    def ids_by_content(self, fingerprints: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Finds videos by the ends of their ids, since fingerprints have no index."""
        requested, columns = set(fingerprints), tables.videos.c
        ending = func.substr(columns.video_id, func.length(columns.video_id) - (ENDING - 1))
        found: dict[str, list[str]] = defaultdict(list)
        for page in paged(content_endings(requested)):
            video_ids = (
                self.connection.execute(select(columns.video_id).where(ending.in_(page))).scalars().all()
            )
            for video_id, fingerprint in self.fingerprints(video_ids).items():
                if fingerprint in requested:
                    found[fingerprint].append(video_id)
        return {content: tuple(sorted(set(ids))) for content, ids in found.items()}

    def facts(self, video_ids: Iterable[str] | None) -> dict[str, VideoFacts]:
        columns = tables.videos.c
        names = ("video_id", "path", "size_bytes", "duration_seconds", "width", "height", "codec")
        query = select(*(columns[name] for name in names))
        queries = (
            [query]
            if video_ids is None
            else (query.where(columns.video_id.in_(page)) for page in paged(video_ids))
        )
        return {row.video_id: VideoFacts(*row) for each in queries for row in self.connection.execute(each)}

    def paths(self) -> dict[str, str]:
        found = self.connection.execute(select(tables.video_paths.c.path, tables.video_paths.c.video_id))
        return {row.path: row.video_id for row in found}

    def paths_of(self, video_id: str) -> set[str]:
        columns = ((tables.video_paths, "path"), (tables.videos, "path"), (tables.jobs, "video_path"))
        queries = (select(table.c[name]).where(table.c.video_id == video_id) for table, name in columns)
        return {path for query in queries for path in self.connection.scalars(query)}
