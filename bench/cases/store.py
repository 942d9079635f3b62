"""Benchmark of the stores: ingest against the bare driver, migration of a million rows, space and queries."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from actors.stores import open_store
from actors.stores.database.backend import DatabaseStorageBackend
from actors.stores.encoding.annotation_rows import COLUMNS, annotation_rows
from bench.fixtures import collection
from bench.harness.databases import server
from bench.harness.report import table
from schemas.pipelines import PERSON
from vaengine.maintenance.migration import migrate, verify

TITLE = "Stores"
INGESTED, QUICK_INGESTED = 60_000, 6_000  # rows of boxes, in each round
MANY, QUICK_MANY = 1_000_000, 20_000  # rows of the collection that is migrated and queried
CHUNK: Final = 1_500  # rows of one chunk, which is one transaction: 500 frames of three persons
ROWS_PER_MEMORY_SAMPLE: Final = 100_000
MIB: Final = 1 << 20
LOOKUPS: Final = 200
QUERIES: Final[Mapping[str, Mapping[str, Any]]] = {
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
    """Measure the ingest of each store and of its bare driver, then a collection of rows.

    The collection is stored, migrated, compared and queried. Its migration is repeated in each round unless
    `rows` is given.
    """
    ingested, many = (QUICK_INGESTED, QUICK_MANY) if quick else (INGESTED, MANY)
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        with server() as databases:
            ingest = _ingest(Path(name), databases, ingested, rounds)
        return {"ingest": ingest, "collection": _collection(Path(name), rows or many, 1 if rows else rounds)}


# Ingest.


def _ingest(folder: Path, databases: Callable[[], str], rows: int, rounds: int) -> dict[str, Any]:
    """The rows a second of each store and of its bare driver, measured in turns.

    The rows and the size of transactions are the same.
    """
    seconds: dict[str, list[float]] = {}
    for turn in range(rounds):
        sqlite, postgres = f"sqlite:///{folder}/ingest{turn}.db", databases()
        plain_sqlite, plain_postgres = f"sqlite:///{folder}/floor{turn}.db", databases()
        round_seconds = {
            "files": _store_seconds(f"files:{folder}/ingest{turn}", rows),
            "sqlite": _store_seconds(sqlite, rows),
            "sqlite executemany": _driver_seconds(plain_sqlite, rows, _executemany),
            "postgresql": _store_seconds(postgres, rows),
            "postgresql COPY": _driver_seconds(plain_postgres, rows, _copy),
        }
        for name, taken_s in round_seconds.items():
            seconds.setdefault(name, []).append(taken_s)
    per_s = {name: rows / median(times) for name, times in seconds.items()}
    ratios = {
        "sqlite": [
            driver / store
            for store, driver in zip(seconds["sqlite"], seconds["sqlite executemany"], strict=True)
        ],
        "postgresql": [
            driver / store
            for store, driver in zip(seconds["postgresql"], seconds["postgresql COPY"], strict=True)
        ],
    }
    return {
        "rows": rows,
        "chunk_rows": CHUNK,
        "rows_per_s": per_s,
        "ratio_to_floor": {name: median(values) for name, values in ratios.items()},
    }


def _store_seconds(url: str, rows: int) -> float:
    """The seconds in which a store commits all chunks, which were prepared before."""
    with closing(open_store(url)) as store:
        epoch = store.open_run(collection.RUN)
        store.register(epoch, [collection.video(0)], [collection.job(0)])
        boxes, frames = collection.boxes(0, rows), CHUNK // 3
        commits = [
            collection.commit(0, boxes[start : start + CHUNK], start // 3, frames)
            for start in range(0, rows, CHUNK)
        ]
        began_s = time.perf_counter()
        for commit in commits:
            store.commit_chunks(epoch, [commit])
        return time.perf_counter() - began_s


def _driver_seconds(
    url: str, rows: int, add: Callable[[DatabaseStorageBackend, list[tuple[Any, ...]]], None]
) -> float:
    """The seconds in which the bare driver adds encoded rows to the same table, in as many transactions."""
    with closing(open_store(url)) as store:
        assert isinstance(store, DatabaseStorageBackend)
        epoch = store.open_run(collection.RUN)
        store.register(epoch, [collection.video(0)], [collection.job(0)])
        encoded = list(
            annotation_rows(collection.boxes(0, rows), collection.job(0).job_id, 1, "2026-01-01 00:00:00")
        )
        began_s = time.perf_counter()
        for start in range(0, rows, CHUNK):
            add(store, encoded[start : start + CHUNK])
        return time.perf_counter() - began_s


def _executemany(store: DatabaseStorageBackend, rows: list[tuple[Any, ...]]) -> None:
    with store._db.write(None) as connection:
        driver: Any = connection.connection.driver_connection
        driver.executemany(
            f"INSERT INTO annotations ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})", rows
        )


def _copy(store: DatabaseStorageBackend, rows: list[tuple[Any, ...]]) -> None:
    from actors.stores.sql.statements.postgres_copy import copy_rows
    from schemas.storage import tables

    with store._db.write(None, []) as connection:
        copy_rows(connection, tables.annotations, COLUMNS, rows)


# The collection.


def _collection(folder: Path, rows: int, rounds: int) -> dict[str, Any]:
    source = f"sqlite:///{folder}/collection.db"
    stored = _store_collection(source, rows)
    moves = []
    for _ in range(rounds - 1):
        with server() as databases:
            moves.append(_migrated_rows_per_s(source, databases()))
    with server() as databases:
        destination = databases()
        moves.append(_migrated_rows_per_s(source, destination))
        return {
            "rows": rows,
            **stored,
            "moves_rows_per_s": moves,
            "moved_rows_per_s": max(moves),
            "compared_rows_per_s": _compared_rows_per_s(source, destination),
            "bytes": {"sqlite": (folder / "collection.db").stat().st_size, "postgresql": _size(destination)},
            "answers_ms": {"sqlite": _query_ms(source), "postgresql": _query_ms(destination)},
        }


def _store_collection(source: str, rows: int) -> dict[str, Any]:
    """Store the collection; returns the rows a second and the memory of this process meanwhile."""
    process, resident = psutil.Process(), list[float]()
    began_s = time.perf_counter()
    with closing(open_store(source)) as store:
        for stored_rows in collection.store_videos(store, range(rows // collection.ROWS)):
            if stored_rows % ROWS_PER_MEMORY_SAMPLE == 0 or not resident:
                resident.append(process.memory_info().rss / MIB)
    return {"resident_mib": resident, "stored_rows_per_s": rows / (time.perf_counter() - began_s)}


def _migrated_rows_per_s(source: str, destination: str) -> float:
    """The rows a second of a migration, with all earlier writes on the disk before it begins."""
    os.sync()
    began_s = time.perf_counter()
    rows = migrate(source, destination, "fail").moved_rows
    return rows / (time.perf_counter() - began_s)


def _compared_rows_per_s(source: str, destination: str) -> float:
    """The rows a second of a comparison; raises `RuntimeError` if the stores differ."""
    os.sync()
    began_s = time.perf_counter()
    comparison = verify(source, destination)
    if not comparison.equal:
        raise RuntimeError("the stores are not equal")
    rows = sum(digest.rows for digest in comparison.tables.values())
    return rows / (time.perf_counter() - began_s)


def _size(url: str) -> int:
    """The size of a PostgreSQL database in bytes."""
    import psycopg

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def _query_ms(url: str) -> dict[str, float]:
    """The least milliseconds of three for each named query, and the mean for `annotation_exists`."""
    with closing(open_store(url, read_only=True)) as store:
        assert isinstance(store, DatabaseStorageBackend)
        times_ms = {
            name: min(_timed_ms(partial(store.ask, name, **parameters)) for _ in range(3))
            for name, parameters in QUERIES.items()
        }
        began_s = time.perf_counter()
        for _ in range(LOOKUPS):
            store.annotation_exists(collection.job(1).job_id, PERSON)
        return {**times_ms, "annotation_exists": (time.perf_counter() - began_s) / LOOKUPS * 1000}


def _timed_ms(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return (time.perf_counter() - began_s) * 1000


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables."""
    ingest, stored = measured["ingest"], measured["collection"]
    ratios = {name: f"{ratio:.2f}" for name, ratio in ingest["ratio_to_floor"].items()}
    rates = [[name, f"{per_s:,.0f}", ratios.get(name, "")] for name, per_s in ingest["rows_per_s"].items()]
    sizes = ", ".join(
        f"{name} {size / MIB / (stored['rows'] / 1e6):,.0f} MiB" for name, size in stored["bytes"].items()
    )
    sqlite, postgresql = (stored["answers_ms"][kind] for kind in ("sqlite", "postgresql"))
    memory = stored["resident_mib"]
    floors = (
        f"{ingest['rows']:,} rows of boxes, {ingest['chunk_rows']:,} to a chunk, each chunk a transaction; "
        "the floor is the driver alone,"
        " given ready rows, into the same table with the same indexes. The PostgreSQL server is durable, on "
        "the same cores."
    )
    speed = {
        name: f"{stored[name]:,.0f}"
        for name in ("stored_rows_per_s", "moved_rows_per_s", "compared_rows_per_s")
    }
    moves = ", ".join(f"{per_s:,.0f}" for per_s in stored["moves_rows_per_s"])
    videos = stored["rows"] // collection.ROWS
    stored_text = (
        f"{stored['rows']:,} rows of {videos:,} videos: stored in SQLite at {speed['stored_rows_per_s']} "
        "rows a second,"
        f" moved to PostgreSQL at {speed['moved_rows_per_s']} (the best of {moves}) with every row read back,"
        f" compared at {speed['compared_rows_per_s']}."
        f" Room for a million: {sizes}. Resident while storing: {memory[0]:,.0f} to {memory[-1]:,.0f} MiB."
    )
    queries = [[name, f"{sqlite[name]:,.1f}", f"{postgresql[name]:,.1f}"] for name in sqlite]
    return "\n\n".join(
        [
            floors,
            table(["store", "rows a second", "of the floor"], rates),
            stored_text,
            table(["question", "SQLite ms", "PostgreSQL ms"], queries),
        ]
    )
