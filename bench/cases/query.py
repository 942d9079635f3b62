"""Benchmark of queries: each kind on a million annotations, against the best SQL written by hand for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from actors.stores import open_store
from actors.stores.database.backend import DatabaseStorageBackend
from bench.cases.query_kinds import KINDS, QueryKind, Setting
from bench.fixtures import asked_collection
from bench.harness.databases import server
from bench.harness.report import table
from bench.harness.timing import in_turns, timed
from bench.rivals import duckdb_on_parquet

TITLE = "Queries"
MANY, QUICK_MANY = 1_000_000, 20_000  # rows of the collection
REPEATS: Final = 7  # of each question in a round


def measure(rounds: int, quick: bool = False, rows: int | None = None) -> dict[str, Any]:
    """Measure every kind of query in turns with its rivals, on SQLite and on PostgreSQL.

    Raises `RuntimeError` where they find different answers.
    """
    asked = rows or (QUICK_MANY if quick else MANY)
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name, server() as database:
        folder = Path(name)
        urls = {"sqlite": f"sqlite:///{folder}/asked.db", "postgresql": database()}
        return {
            "rows": asked,
            "vectors": asked // asked_collection.ROWS * asked_collection.FACES,
            "aims_ms": {kind.name: kind.aim_ms for kind in KINDS},
            "stores": {
                engine: _measured(url, asked, folder / engine, rounds) for engine, url in urls.items()
            },
        }


def _measured(url: str, rows: int, folder: Path, rounds: int) -> dict[str, Any]:
    with _filled(url, rows) as store:
        setting = Setting(store, folder / "cache")
        if duckdb_on_parquet.is_installed():
            setting.parquet = duckdb_on_parquet.export(store, folder / "parquet")
        return {kind.name: _kind_measured(kind, setting, rounds) for kind in KINDS}


@contextmanager
def _filled(url: str, rows: int) -> Iterator[DatabaseStorageBackend]:
    """The store with the collection in it, opened for reading, its planner's statistics up to date."""
    with closing(open_store(url)) as store:
        for _ in asked_collection.store_videos(store, range(rows // asked_collection.ROWS)):
            pass
        assert isinstance(store, DatabaseStorageBackend)
        store._db.vacuum()
    with closing(open_store(url, read_only=True)) as store:
        assert isinstance(store, DatabaseStorageBackend)
        yield store


def _kind_measured(kind: QueryKind, setting: Setting, rounds: int) -> dict[str, Any]:
    """Milliseconds of a kind and of its rivals; the first call of each, which may make caches, is apart."""
    ways = {"answer": kind.answer, "by_hand": kind.by_hand}
    if kind.by_duckdb is not None and setting.parquet is not None:
        ways["by_duckdb"] = kind.by_duckdb
    first_s = timed(lambda: kind.answer(setting))
    found = {name: way(setting) for name, way in ways.items()}
    for name, other in found.items():
        if other != found["answer"]:
            counts = f"{len(found['answer'])} answers, {name} {len(other)} or others"
            raise RuntimeError(f"{kind.name} has {counts} on {setting.store.url}")
    cases = {name: partial(timed, partial(way, setting)) for name, way in ways.items()}
    times = in_turns(cases, rounds * REPEATS)
    answer = times["answer"]
    return {
        "found": len(found["answer"]),
        "first_ms": 1000 * first_s,
        "median_ms": 1000 * answer.median,
        "p95_ms": 1000 * float(np.quantile(answer.seconds, 0.95)),
        "by_hand_ms": 1000 * times["by_hand"].median,
        "ratio": answer.over(times["by_hand"]).median,
        "duckdb_ms": 1000 * times["by_duckdb"].median if "by_duckdb" in times else None,
    }


def described(measured: dict[str, Any]) -> str:
    """The case's tables."""
    lines = [
        [
            name,
            engine,
            f"{one['found']:,}",
            f"{one['median_ms']:.1f}",
            f"{one['p95_ms']:.1f}",
            f"{one['by_hand_ms']:.1f}",
            f"{one['ratio']:.2f}",
            "" if one["duckdb_ms"] is None else f"{one['duckdb_ms']:.1f}",
            "" if measured["aims_ms"][name] is None else f"{measured['aims_ms'][name]:g}",
        ]
        for engine, kinds in measured["stores"].items()
        for name, one in kinds.items()
    ]
    titles = [
        "question",
        "store",
        "answers",
        "median ms",
        "p95 ms",
        "by hand ms",
        "ratio",
        "DuckDB ms",
        "aim ms",
    ]
    text = (
        f"{measured['rows']:,} rows and {measured['vectors']:,} vectors of {asked_collection.DIMENSION} "
        "numbers. By hand is the best SQL that was found for a question on the same tables, or for likeness "
        "one product of numpy with all vectors in memory. DuckDB reads the same rows from Parquet, without "
        "what says why. All are measured in turns, and a page has up to a hundred answers."
    )
    return f"{text}\n\n{table(titles, sorted(lines))}"
