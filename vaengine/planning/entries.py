"""What a run remembers of its videos: a temporary database, so that a million of them take no memory."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import DiskFull
from schemas.work.chunk import WorkKey

ENTRIES_AT_ONCE: Final = 1_000
CACHE_KIB: Final = 32 * 1024
_TABLES: Final = """
CREATE TABLE key_sets (id INTEGER PRIMARY KEY, keys TEXT NOT NULL UNIQUE);
CREATE TABLE videos (
    number INTEGER PRIMARY KEY, video_id TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL, path TEXT NOT NULL,
    shown TEXT, job_id TEXT, key_set INTEGER, readable INTEGER, skipped INTEGER, refusal TEXT
);
CREATE TABLE copies (number INTEGER PRIMARY KEY, video_id TEXT NOT NULL, path TEXT NOT NULL);
CREATE INDEX copies_of ON copies (video_id);
"""
_COLUMNS: Final = "number, video_id, path, shown, job_id, keys, readable, skipped"
_LISTED: Final = "(SELECT value FROM json_each(?1))"
_ENTRIES: Final = f"SELECT {_COLUMNS} FROM videos JOIN key_sets ON id = key_set"  # without those refused


@dataclass(frozen=True, slots=True)
class VideoEntry:
    """One video of the run.

    `path` is where it was found; `shown` is the path that the store keeps showing for this content. `skipped`
    says that everything was complete when this process looked.
    """

    video_id: str
    path: str
    shown: str
    job_id: str
    keys: tuple[WorkKey, ...]
    readable: bool
    skipped: bool


@dataclass(frozen=True, slots=True)
class RefusedVideo:
    """A video that is left alone, and the error that says why."""

    video_id: str
    path: str
    message: str
    kind: str


class Entries(Mapping[str, VideoEntry]):
    """The videos of a run by id, in the order they were found, with what else was found of them.

    It lives in a file that nobody else sees and that is gone with it, about 200 bytes a video. Any thread may
    read. Raises `DiskFull` where there is no room for it.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._connection.close)
        self._using = threading.Lock()
        self._connection.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA cache_size = -{CACHE_KIB}; {_TABLES}"
        )
        self._length = 0
        self.fingerprints: Mapping[str, str] = _Fingerprints(self._read)

    def add(
        self,
        entries: Iterable[VideoEntry],
        refused: Iterable[RefusedVideo],
        fingerprints: Mapping[str, str],
        copies: Iterable[tuple[str, str]],
    ) -> None:
        """Remember videos by their fingerprints, and copies: further paths of videos, each with its id."""
        rows = [(*_row(one, fingerprints[one.video_id]), _keys_text(one.keys)) for one in entries]
        refusals = [
            (one.video_id, fingerprints[one.video_id], one.path, json.dumps([one.message, one.kind]))
            for one in refused
        ]
        self._write("INSERT OR IGNORE INTO key_sets (keys) VALUES (?)", {row[-1:] for row in rows})
        self._write(
            "INSERT INTO videos (video_id, fingerprint, path, shown, job_id, readable, skipped, key_set)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT id FROM key_sets WHERE keys = ?))",
            rows,
        )
        self._write("INSERT INTO videos (video_id, fingerprint, path, refusal) VALUES (?, ?, ?, ?)", refusals)
        self._write("INSERT INTO copies (video_id, path) VALUES (?, ?)", copies)
        self._length += len(rows)

    def pages(self, *, unfinished: bool = False) -> Iterator[list[VideoEntry]]:
        """The entries in pages; the `unfinished` are those that can be read and had something left to do."""
        wanted = "readable AND NOT skipped" if unfinished else "TRUE"
        for page in self._pages(f"{_ENTRIES} WHERE {wanted} AND number > ? ORDER BY number LIMIT ?"):
            yield [_entry(row) for row in page]

    def refused(self) -> Iterator[RefusedVideo]:
        """The videos that are left alone."""
        for page in self._pages(
            "SELECT number, video_id, path, refusal FROM videos WHERE refusal IS NOT NULL AND number > ?"
            " ORDER BY number LIMIT ?"
        ):
            yield from (RefusedVideo(row[1], row[2], *json.loads(row[3])) for row in page)

    def refused_among(self, video_ids: Collection[str]) -> set[str]:
        """Those of some videos that are left alone."""
        query = f"SELECT video_id FROM videos WHERE refusal IS NOT NULL AND video_id IN {_LISTED}"
        return {video_id for (video_id,) in self._read(query, json.dumps(list(video_ids)))}

    def copies_of(self, video_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Further paths of those videos that have any, in the order they were found."""
        found: dict[str, tuple[str, ...]] = {}
        for video_id, path in self._read(
            f"SELECT video_id, path FROM copies WHERE video_id IN {_LISTED} ORDER BY number",
            json.dumps(list(video_ids)),
        ):
            found[video_id] = (*found.get(video_id, ()), path)
        return found

    def of_jobs(self, job_ids: Collection[str]) -> dict[str, str]:
        """The ids of the videos of jobs, by job id, for those that are of this run."""
        self._write("CREATE INDEX IF NOT EXISTS by_job ON videos (job_id)", [()])
        return dict(
            self._read(
                f"SELECT job_id, video_id FROM videos WHERE job_id IN {_LISTED}",
                json.dumps(list(job_ids)),
            )
        )

    def unknown(self, paths: Sequence[str]) -> list[str]:
        """Those of the paths under which no video was found."""
        for table in ("videos", "copies"):
            self._write(f"CREATE INDEX IF NOT EXISTS {table}_at ON {table} (path)", [()])
        known = self._read(
            f"SELECT path FROM videos WHERE path IN {_LISTED}"
            f" UNION ALL SELECT path FROM copies WHERE path IN {_LISTED}",
            json.dumps(list(paths)),
        )
        known_paths = {path for (path,) in known}
        return [path for path in paths if path not in known_paths]

    def __getitem__(self, video_id: str) -> VideoEntry:
        for row in self._read(f"{_ENTRIES} WHERE video_id = ?", video_id):
            return _entry(row)
        raise KeyError(video_id)

    def __iter__(self) -> Iterator[str]:
        return (entry.video_id for page in self.pages() for entry in page)

    def __len__(self) -> int:
        return self._length

    @property
    def paths(self) -> int:
        """How many paths were looked at, those of copies and of refused videos too."""
        return int(self._read("SELECT (SELECT count(*) FROM videos) + (SELECT count(*) FROM copies)")[0][0])

    def _pages(self, query: str) -> Iterator[list[Any]]:
        last = 0
        while page := self._read(query, last, ENTRIES_AT_ONCE):
            yield page
            last = page[-1][0]

    def _read(self, query: str, *values: Any) -> list[Any]:
        with self._using:
            return self._connection.execute(query, values).fetchall()

    def _write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        try:
            with self._using, self._connection:
                self._connection.execute("BEGIN")
                self._connection.executemany(statement, rows)
        except sqlite3.OperationalError as error:
            raise DiskFull(tempfile.gettempdir(), str(error)) from error


class _Fingerprints(Mapping[str, str]):
    """The fingerprint of each video by its id, also of those that are left alone."""

    def __init__(self, read: Callable[..., list[Any]]) -> None:
        self._read = read

    def __getitem__(self, video_id: str) -> str:
        for (fingerprint,) in self._read("SELECT fingerprint FROM videos WHERE video_id = ?", video_id):
            return str(fingerprint)
        raise KeyError(video_id)

    def __iter__(self) -> Iterator[str]:
        return (video_id for (video_id,) in self._read("SELECT video_id FROM videos ORDER BY number"))

    def __len__(self) -> int:
        return int(self._read("SELECT count(*) FROM videos")[0][0])


def _keys_text(keys: Iterable[WorkKey]) -> str:
    return json.dumps([(key.pipeline, key.config_hash) for key in keys])


def _row(entry: VideoEntry, fingerprint: str) -> tuple[Any, ...]:
    shown = entry.shown if entry.shown != entry.path else None
    return entry.video_id, fingerprint, entry.path, shown, entry.job_id, entry.readable, entry.skipped


def _entry(row: Sequence[Any]) -> VideoEntry:
    _, video_id, path, shown, job_id, keys, readable, skipped = row
    return VideoEntry(
        video_id,
        path,
        path if shown is None else shown,
        job_id,
        tuple(WorkKey(video_id, *key) for key in json.loads(keys)),
        bool(readable),
        bool(skipped),
    )
