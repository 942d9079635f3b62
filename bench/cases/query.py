"""Benchmark of queries: each kind on a million annotations, against the best SQL written by hand for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
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

TITLE = "Queries"
MANY, QUICK_MANY = 1_000_000, 20_000  # rows of the collection
REPEATS: Final = 7  # of each question in a round


def measure(rounds: int, quick: bool = False, rows: int | None = None) -> dict[str, Any]:
    """Measure every kind of query in turns with its rival, on SQLite and on PostgreSQL.

    Raises `RuntimeError` where the two find different numbers of answers.
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
                engine: _measured(url, asked, folder / f"{engine} cache", rounds)
                for engine, url in urls.items()
            },
        }


def _measured(url: str, rows: int, cache: Path, rounds: int) -> dict[str, Any]:
    with _filled(url, rows) as store:
        setting = Setting(store, cache)
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
    """Milliseconds of a kind and of its rival; the first call of each, which may make caches, is apart."""
    first_s = timed(lambda: kind.answer(setting))
    found, by_hand = kind.answer(setting), kind.by_hand(setting)
    if found != by_hand:
        raise RuntimeError(f"{kind.name} finds {found} on {setting.store.url}, written by hand {by_hand}")
    times = in_turns(
        {
            "answer": lambda: timed(lambda: kind.answer(setting)),
            "by_hand": lambda: timed(lambda: kind.by_hand(setting)),
        },
        rounds * REPEATS,
    )
    answer, rival = times["answer"], times["by_hand"]
    return {
        "found": found,
        "first_ms": 1000 * first_s,
        "median_ms": 1000 * answer.median,
        "p95_ms": 1000 * float(np.quantile(answer.seconds, 0.95)),
        "by_hand_ms": 1000 * rival.median,
        "ratio": answer.over(rival).median,
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
            "" if measured["aims_ms"][name] is None else f"{measured['aims_ms'][name]:g}",
        ]
        for engine, kinds in measured["stores"].items()
        for name, one in kinds.items()
    ]
    titles = ["question", "store", "answers", "median ms", "p95 ms", "by hand ms", "ratio", "aim ms"]
    text = (
        f"{measured['rows']:,} rows and {measured['vectors']:,} vectors of {asked_collection.DIMENSION} "
        "numbers. By hand is the best SQL for the question on the same tables, or for likeness one product "
        "of numpy with all vectors in memory; both are measured in turns."
    )
    return f"{text}\n\n{table(titles, sorted(lines))}"
