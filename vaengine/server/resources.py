"""Samples of the load of this machine and of other nodes, in a small database of the server's own.

They survive restarts. There is one every 10 s for an hour, every minute for a day, and every hour for a year:
what is older is thinned out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from actors.stores.engines.address import StoreUrl
from cluster.node_load import measured_elsewhere
from vaengine.console.system_load import Load, LoadMeter

log = logging.getLogger(__name__)

INTERVAL_S: Final = 10
NODES_S: Final = 5.0  # in which other nodes answer
MEASURED_S: Final = 1.0  # over which another node measures its processors
KEPT: Final = (
    (3600, INTERVAL_S),
    (86400, 60),
    (366 * 86400, 3600),
)  # age in seconds, seconds between samples
MAX_POINTS: Final = 1500
THIN_EVERY: Final = 60  # samples


@dataclass(frozen=True, slots=True)
class Sample:
    """The load of one machine at a time, seconds since 1970; shares in percent, sizes in bytes.

    `gpus` are (share or None, bytes used, bytes in all). `store_bytes` is None for a store on a server, and
    on other nodes.
    """

    at: int
    node: str
    cpu_percent: float
    memory_used: int
    memory_total: int
    disk_used: int
    disk_total: int
    store_bytes: int | None
    gpus: tuple[tuple[float | None, int, int], ...] = ()


class ResourceLog:
    """The samples of a server, in the file `server.db` of its results folder.

    In a process that is connected to Ray the other nodes of the cluster are in them too. A server that may
    not write there keeps them in memory. For any thread.
    """

    def __init__(self, folder: Path, store_url: str, *, read_only: bool = False) -> None:
        self._folder, self._address = folder, StoreUrl.parse(store_url)
        self._path = ":memory:" if read_only else str(folder / "server.db")
        self._memory = sqlite3.connect(":memory:", check_same_thread=False) if read_only else None
        self._meter: LoadMeter | None = None
        self._count = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Sample until the server stops."""
        while not stopping.is_set():
            try:
                await asyncio.to_thread(self.sample)
            except (OSError, sqlite3.Error) as error:
                log.warning("the load of this machine is not kept in %s: %s", self._path, error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), INTERVAL_S)

    def sample(self) -> Sample:
        """Take one sample of each node and keep them; returns that of this machine."""
        taken = self._take()
        others = [replace(one, at=taken.at) for one in measured_elsewhere(node_sample, NODES_S)]
        rows = [(one.at, one.node, json.dumps(asdict(one))) for one in (*others, taken)]
        with self._connection() as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO samples VALUES (?, ?, ?)", rows)
            self._count += 1
            if self._count % THIN_EVERY == 1:
                _thin(connection, taken.at)
        return taken

    def samples(self, since: int) -> list[Sample]:
        """Samples after a time, the oldest first, of at most 1,500 times."""
        with self._connection() as connection:
            found = connection.execute(
                "SELECT data FROM samples WHERE at > ? ORDER BY at, node", (since,)
            ).fetchall()
        samples = [_sample_of(json.loads(data)) for (data,) in found]
        times = sorted({sample.at for sample in samples})
        kept = set(times[-1 :: -max(1, -(-len(times) // MAX_POINTS))])
        return [sample for sample in samples if sample.at in kept]

    def _take(self) -> Sample:
        if self._meter is None:
            self._meter = LoadMeter()
        return _sampled(self._meter.read(), _existing(self._folder), self._store_bytes())

    def _store_bytes(self) -> int | None:
        """The size of an SQLite file with its log; a folder of files would take too long to count."""
        if self._address.kind != "sqlite":
            return None
        names = (self._address.path, self._address.path.with_name(self._address.path.name + "-wal"))
        return sum(path.stat().st_size for path in names if path.is_file())

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._memory is not None:
            _create(self._memory)
            yield self._memory
            return
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=10)) as connection:
            _create(connection)
            yield connection


def node_sample() -> Sample:
    """The load of the machine that this is called on, with the disk of its temporary folder."""
    meter = LoadMeter()
    time.sleep(MEASURED_S)
    return _sampled(meter.read(), Path(tempfile.gettempdir()), None)


def _sampled(load: Load, folder: Path, store_bytes: int | None) -> Sample:
    disk = shutil.disk_usage(folder)
    gpus = tuple((share if share == share else None, used, total) for share, used, total in load.gpus)  # noqa: PLR0124
    return Sample(
        int(time.time()),
        socket.gethostname(),
        load.cpu_percent,
        load.memory_used,
        load.memory_total,
        disk.used,
        disk.total,
        store_bytes,
        gpus,
    )


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS samples "
        "(at INTEGER NOT NULL, node TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (at, node)) WITHOUT ROWID"
    )


def _thin(connection: sqlite3.Connection, now: int) -> None:
    """Keep one sample for each stretch of time that is as long as is right for its age."""
    for (age_s, _), (_, step_s) in pairwise(KEPT):
        connection.execute(
            "DELETE FROM samples WHERE at < ? AND EXISTS (SELECT 1 FROM samples AS earlier WHERE "
            "earlier.node = samples.node AND earlier.at < samples.at AND earlier.at / ? = samples.at / ?)",
            (now - age_s, step_s, step_s),
        )
    connection.execute("DELETE FROM samples WHERE at < ?", (now - KEPT[-1][0],))


def _sample_of(data: Mapping[str, Any]) -> Sample:
    return Sample(**{**data, "gpus": tuple(tuple(gpu) for gpu in data["gpus"])})


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
