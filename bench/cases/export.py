"""Benchmark of exports: rows a second and resident memory of each format that is read row after row."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, Final

from actors.stores import open_store
from bench.fixtures import asked_collection
from bench.harness.report import table

TITLE = "Exports"
MANY, QUICK_MANY = 1_000_000, 20_000  # rows of the collection
# Without YOLO, which has a file for each frame: that would measure the file system.
FORMATS: Final = (
    *("csv", "parquet", "coco", "mot"),
    *("viame", "fiftyone", "imagefolder", "videoannotator"),
)
MIB: Final = 1 << 20
# In a process of its own: memory that one format took would count for the next one.
_PROGRAM: Final = """\
import resource, sys, time
import psutil
import vaengine
from vaengine.exporting.values.options import ExportOptions

name, url, folder = sys.argv[1:]
before = psutil.Process().memory_info().rss
began = time.perf_counter()
found = vaengine.export(name, folder, db=url, options=ExportOptions(pictures=False))
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(sum(found.rows.values()), seconds, before, peak, sum(found.files.values()))
"""


def measure(rounds: int, quick: bool = False, rows: int | None = None) -> dict[str, Any]:
    """Export a collection of so many rows, and one of a tenth of them, in each format."""
    asked = rows or (QUICK_MANY if quick else MANY)
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        few = max(asked_collection.ROWS, asked // 10)
        sizes = {"few": few, "all": asked}
        urls = {size: _filled(f"sqlite:///{folder}/{size}.db", number) for size, number in sizes.items()}
        return {
            "rows": asked,
            "few_rows": few,
            "formats": {one: _measured(one, urls, folder, rounds) for one in FORMATS},
        }


def _filled(url: str, rows: int) -> str:
    with closing(open_store(url)) as store:
        for _ in asked_collection.store_videos(store, range(rows // asked_collection.ROWS)):
            pass
    return url


def _measured(name: str, urls: Mapping[str, str], folder: Path, rounds: int) -> dict[str, Any]:
    few = [_exported(name, urls["few"], folder / f"{name}-few-{turn}") for turn in range(rounds)]
    every = [_exported(name, urls["all"], folder / f"{name}-{turn}") for turn in range(rounds)]
    return {
        "rows_written": every[0][0],
        "rows_per_s": median(one[0] / one[1] for one in every),
        "peak_bytes_few": median(one[3] for one in few),
        "peak_bytes": median(one[3] for one in every),
        "file_bytes": every[0][4],
    }


def _exported(name: str, url: str, folder: Path) -> tuple[float, ...]:
    """Rows, seconds, resident bytes before and at most, and bytes of files."""
    command = [sys.executable, "-c", _PROGRAM, name, url, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.rmtree(folder)
    return tuple(map(float, done.stdout.split()))


def described(measured: Mapping[str, Any]) -> str:
    """A table for people."""
    rows = [
        (
            name,
            f"{one['rows_written']:,.0f}",
            f"{one['rows_per_s']:,.0f}",
            f"{one['peak_bytes_few'] / MIB:,.0f}",
            f"{one['peak_bytes'] / MIB:,.0f}",
            f"{one['file_bytes'] / MIB:,.0f}",
        )
        for name, one in measured["formats"].items()
    ]
    few = f"{measured['few_rows']:,}"
    titles = ("format", "rows", "rows a second", f"peak MiB, {few} rows", "peak MiB", "files, MiB")
    return (
        f"A store of {measured['rows']:,} rows (SQLite), exported as a whole, without pictures; the peak is "
        f"the resident memory of the process, Python and libraries included, beside that of {few} rows.\n\n"
        f"{table(titles, rows)}"
    )
