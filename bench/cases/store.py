"""Benchmark of the stores: rows into each store against its plain floor, and migration of a million rows.

It also measures disk space and queries.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from actors.stores import open_store
from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.encoding.annotation_rows import COLUMNS, annotation_rows
from bench.fixtures import collection
from bench.harness.report import table
from schemas.pipelines import PERSON
from vaengine.maintenance.migration import migrate, verify
from vaengine.postgres import server as postgres_server

TITLE = "Stores"
INGESTED, BRIEF_INGESTED = 60_000, 6_000  # rows of boxes, in each round
MANY, BRIEF = 1_000_000, 20_000  # rows of the collection that is moved and asked
CHUNK: Final = 1_500  # rows of one chunk, which is one transaction: 500 frames of three persons
LOOK: Final = 100_000  # rows between two looks at the memory
MIB: Final = 1 << 20
LOOKUPS: Final = 200
QUESTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "person_near_sound": {"person_id": "person_0003", "label": "Laughter", "seconds": 5.0},
    "faces_in_region": {
        "confidence": 0.9,
        "left_share": 0.0,
        "right_share": 0.5,
        "top_share": 0.0,
        "bottom_share": 0.5,
    },
    "crowded_loud_scenes": {"persons": 3, "dbfs": -20.0},
    "confident_faces": {"confidence": 0.9, "faces": 10},
    "pipeline_statistics": {},
    "failed_jobs": {"hours": 24},
}


def measure(rounds: int, quick: bool = False, rows: int | None = None) -> dict[str, Any]:
    """Ingest in turns with the floors, then a collection of so many rows: stored, moved, compared, weighed,
    asked.

    It is moved in each round, where its size was not asked for.
    """
    ingested, many = (BRIEF_INGESTED, BRIEF) if quick else (INGESTED, MANY)
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        with server() as databases:
            ingest = _ingest(Path(name), databases, ingested, rounds)
        return {"ingest": ingest, "collection": _collection(Path(name), rows or many, 1 if rows else rounds)}


@contextlib.contextmanager
def server() -> Iterator[Callable[[], str]]:
    """A PostgreSQL server, as durable as a real one; yields what makes an empty database and tells its
    URL.
    """
    import psycopg

    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        Path(name).chmod(0o711)
        running = postgres_server.start(Path(name) / "server")
        made: list[str] = []

        def database() -> str:
            made.append(f"bench{len(made)}")
            with psycopg.connect(running.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {made[-1]}")
            return f"{running.url.rpartition('/')[0]}/{made[-1]}"

        try:
            yield database
        finally:
            postgres_server.stop(running.folder)


# Rows into a store.


def _ingest(folder: Path, databases: Callable[[], str], rows: int, rounds: int) -> dict[str, Any]:
    """Rows a second of each store and of its floor, the same rows in transactions of the same size, in
    turns.
    """
    seconds: dict[str, list[float]] = {}
    for turn in range(rounds):
        sqlite, postgres = f"sqlite:///{folder}/ingest{turn}.db", databases()
        plain_sqlite, plain_postgres = f"sqlite:///{folder}/floor{turn}.db", databases()
        took = {
            "files": _through(f"files:{folder}/ingest{turn}", rows),
            "sqlite": _through(sqlite, rows),
            "sqlite executemany": _plainly(plain_sqlite, rows, _executemany),
            "postgresql": _through(postgres, rows),
            "postgresql COPY": _plainly(plain_postgres, rows, _copy),
        }
        for name, one in took.items():
            seconds.setdefault(name, []).append(one)
    per_s = {name: rows / median(found) for name, found in seconds.items()}
    ratios = {
        "sqlite": [
            floor / own for own, floor in zip(seconds["sqlite"], seconds["sqlite executemany"], strict=True)
        ],
        "postgresql": [
            floor / own for own, floor in zip(seconds["postgresql"], seconds["postgresql COPY"], strict=True)
        ],
    }
    return {
        "rows": rows,
        "chunk_rows": CHUNK,
        "rows_per_s": per_s,
        "ratio_to_floor": {name: median(own) for name, own in ratios.items()},
    }


def _through(url: str, rows: int) -> float:
    """Seconds in which the store commits all chunks; they are prepared, and their video is registered."""
    with closing(open_store(url)) as store:
        epoch = store.open_run(collection.RUN)
        store.register(epoch, [collection.video(0)], [collection.job(0)])
        boxes, frames = collection.boxes(0, rows), CHUNK // 3
        commits = [
            collection.commit(0, boxes[at : at + CHUNK], at // 3, frames) for at in range(0, rows, CHUNK)
        ]
        began_s = time.perf_counter()
        for commit in commits:
            store.commit_chunks(epoch, [commit])
        return time.perf_counter() - began_s


def _plainly(
    url: str, rows: int, add: Callable[[DatabaseStorageBackend, list[tuple[Any, ...]]], None]
) -> float:
    """Seconds in which the driver alone adds ready rows to a table with the same indexes, in as many
    transactions.
    """
    with closing(open_store(url)) as store:
        assert isinstance(store, DatabaseStorageBackend)
        epoch = store.open_run(collection.RUN)
        store.register(epoch, [collection.video(0)], [collection.job(0)])
        ready = list(
            annotation_rows(collection.boxes(0, rows), collection.job(0).job_id, 1, "2026-01-01 00:00:00")
        )
        began_s = time.perf_counter()
        for at in range(0, rows, CHUNK):
            add(store, ready[at : at + CHUNK])
        return time.perf_counter() - began_s


def _executemany(store: DatabaseStorageBackend, rows: list[tuple[Any, ...]]) -> None:
    with store._db.write(None) as connection:
        driver: Any = connection.connection.driver_connection
        driver.executemany(
            f"INSERT INTO annotations ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})", rows
        )


def _copy(store: DatabaseStorageBackend, rows: list[tuple[Any, ...]]) -> None:
    from actors.stores.sql.postgres_copy import copy_rows
    from schemas.storage import tables

    with store._db.write(None, []) as connection:
        copy_rows(connection, tables.annotations, COLUMNS, rows)


# A collection.


def _collection(folder: Path, rows: int, rounds: int) -> dict[str, Any]:
    source = f"sqlite:///{folder}/collection.db"
    stored = _stored(source, rows)
    moves = []
    for _ in range(rounds - 1):
        with server() as databases:
            moves.append(_moved(source, databases()))
    with server() as databases:
        destination = databases()
        moves.append(_moved(source, destination))
        return {
            "rows": rows,
            **stored,
            "moves_rows_per_s": moves,
            "moved_rows_per_s": max(moves),
            "compared_rows_per_s": _compared(source, destination),
            "bytes": {"sqlite": (folder / "collection.db").stat().st_size, "postgresql": _size(destination)},
            "answers_ms": {"sqlite": _answers(source), "postgresql": _answers(destination)},
        }


def _stored(source: str, rows: int) -> dict[str, Any]:
    process, resident = psutil.Process(), list[float]()
    began_s = time.perf_counter()
    with closing(open_store(source)) as store:
        for there in collection.store_videos(store, range(rows // collection.ROWS)):
            if there % LOOK == 0 or not resident:
                resident.append(process.memory_info().rss / MIB)
    return {"resident_mib": resident, "stored_rows_per_s": rows / (time.perf_counter() - began_s)}


def _moved(source: str, destination: str) -> float:
    """Rows a second. What was written before is on the disk by then."""
    os.sync()
    began_s = time.perf_counter()
    moved = migrate(source, destination, "fail").moved_rows
    return moved / (time.perf_counter() - began_s)


def _compared(source: str, destination: str) -> float:
    os.sync()
    began_s = time.perf_counter()
    compared = verify(source, destination)
    if not compared.equal:
        raise RuntimeError("the stores are not equal")
    return sum(seal.rows for seal in compared.tables.values()) / (time.perf_counter() - began_s)


def _size(url: str) -> int:
    import psycopg

    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(found[0]) if found else 0


def _answers(url: str) -> dict[str, float]:
    """Least milliseconds of three, by question; of `annotation_exists` the mean over many jobs."""
    with closing(open_store(url, read_only=True)) as store:
        assert isinstance(store, DatabaseStorageBackend)
        found = {}
        for name, told in QUESTIONS.items():
            found[name] = min(_timed(lambda name=name, told=told: store.ask(name, **told)) for _ in range(3))  # type: ignore[misc]
        began_s = time.perf_counter()
        for _ in range(LOOKUPS):
            store.annotation_exists(collection.job(1).job_id, PERSON)
        return {**found, "annotation_exists": (time.perf_counter() - began_s) / LOOKUPS * 1000}


def _timed(ask: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    ask()
    return (time.perf_counter() - began_s) * 1000


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables."""
    ingest, found = measured["ingest"], measured["collection"]
    ratios = {name: f"{ratio:.2f}" for name, ratio in ingest["ratio_to_floor"].items()}
    rates = [[name, f"{per_s:,.0f}", ratios.get(name, "")] for name, per_s in ingest["rows_per_s"].items()]
    sizes = ", ".join(
        f"{name} {size / MIB / (found['rows'] / 1e6):,.0f} MiB" for name, size in found["bytes"].items()
    )
    sqlite, postgresql = (found["answers_ms"][kind] for kind in ("sqlite", "postgresql"))
    memory = found["resident_mib"]
    floors = (
        f"{ingest['rows']:,} rows of boxes, {ingest['chunk_rows']:,} to a chunk, each chunk a transaction; "
        "the floor is the driver alone,"
        " given ready rows, into the same table with the same indexes. The PostgreSQL server is durable, on "
        "the same cores."
    )
    speed = {
        name: f"{found[name]:,.0f}"
        for name in ("stored_rows_per_s", "moved_rows_per_s", "compared_rows_per_s")
    }
    moves = ", ".join(f"{per_s:,.0f}" for per_s in found["moves_rows_per_s"])
    videos = found["rows"] // collection.ROWS
    whole = (
        f"{found['rows']:,} rows of {videos:,} videos: stored in SQLite at {speed['stored_rows_per_s']} rows "
        "a second,"
        f" moved to PostgreSQL at {speed['moved_rows_per_s']} (the best of {moves}) with every row read back,"
        f" compared at {speed['compared_rows_per_s']}."
        f" Room for a million: {sizes}. Resident while storing: {memory[0]:,.0f} to {memory[-1]:,.0f} MiB."
    )
    asked = [[name, f"{sqlite[name]:,.1f}", f"{postgresql[name]:,.1f}"] for name in sqlite]
    rows = table(["store", "rows a second", "of the floor"], rates)
    return "\n\n".join([floors, rows, whole, table(["question", "SQLite ms", "PostgreSQL ms"], asked)])
