"""Starts and stops the PostgreSQL server of `vaengine db start`, on the loopback alone.

Its data directory is made on first use and kept until the folder is removed.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock

from schemas.errors import PostgresFailed
from vaengine.postgres.account import ROOT
from vaengine.postgres.binaries import Binaries, chosen
from vaengine.postgres.data_directory import PORT, DataDirectory, Postmaster, last_line, serves

HOST: Final = "127.0.0.1"
FOLDER: Final = Path("vaengine") / "postgres"  # below where the system keeps data of programs
ROOTS: Final = Path("/var/lib")  # root's own home is closed to whoever runs the server for root
READY_SECONDS: Final = 300.0  # after a crash the log is replayed before anybody is let in
STOP_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.02
TRIES: Final = 4  # a port may be taken meanwhile, and what a killed server left needs a moment to go
PAUSE_SECONDS: Final = 0.25
# Below those that systems give to outgoing connections: while the server is down none of these takes its
# port, and its address stays.
STEADY_PORTS: Final = range(20_000, 30_000)
THROWN_AWAY: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
# No child of ours: it outlives us, and nobody has to wait for it.
BACKGROUND: Final = '"$@" >>"$0" 2>&1 & echo $!'


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs; `url` carries its password, `version` is the major one, `started` says whether
    it did not run before.
    """

    url: str
    folder: Path
    pid: int
    version: str
    started: bool


def default_folder(environment: Mapping[str, str]) -> Path:
    """Where data are kept unless told otherwise: the user's data home; for root /var/lib."""
    named = Path(environment.get("XDG_DATA_HOME") or "")
    if named.is_absolute():
        return named / FOLDER
    return (ROOTS if os.geteuid() == ROOT else Path.home() / ".local" / "share") / FOLDER


def start(folder: Path, environment: Mapping[str, str] = os.environ, *, durable: bool = True) -> Server:
    """The server of `folder`, which is made and started where that is needed; many may ask at once.

    It lives on when whoever asked ends. Without `durable` it is quicker, and a crash of the machine may
    destroy its data. Raises `PostgresMissing`, `PostgresVersion`, `ForeignFolder`, `FolderClosed` or
    `PostgresFailed`.
    """
    with _told(folder):
        cluster = DataDirectory.at(folder)
        cluster.mark_as_ours()
        with FileLock(cluster.lock):
            before = _running(cluster)
            running = before or _begun(cluster, environment, durable=durable)
            return Server(
                cluster.url(HOST, running.port),
                cluster.folder,
                running.pid,
                cluster.major or "",
                started=before is None,
            )


def stop(folder: Path) -> int | None:
    """End the server of `folder` and keep its data; returns its process id, or None where none runs.

    Raises `PostgresFailed`.
    """
    with _told(folder):
        cluster = DataDirectory.at(folder)
        if not cluster.lock.exists():
            return None
        with FileLock(cluster.lock):
            running = Postmaster.of(cluster.data)
            if running is None:
                return None
            os.kill(
                running.pid, signal.SIGINT
            )  # PostgreSQL's own for: end the sessions, write everything out
            if not _awaited(lambda: not serves(running.pid, cluster.data), STOP_SECONDS):
                raise PostgresFailed(
                    str(cluster.folder), f"process {running.pid} has not ended within {STOP_SECONDS:.0f} s"
                )
            return running.pid


def _running(cluster: DataDirectory) -> Postmaster | None:
    """The server that was started before, perhaps by somebody who did not wait for it."""
    before = Postmaster.of(cluster.data)
    return _ready(cluster, before.pid) if before else None


def _begun(cluster: DataDirectory, environment: Mapping[str, str], *, durable: bool) -> Postmaster:
    programs = chosen(cluster.major, environment, cluster.account, cluster.folder)
    if programs.movable and cluster.account.obstacle(programs.folder):
        programs = programs.copied(cluster.folder)
    if cluster.major is None:
        cluster.make(programs, durable=durable)
    cluster.clear_stale_pid()
    said = cluster.private(cluster.log.name).stat().st_size
    for port in _ports(cluster):
        if running := _ready(cluster, _launched(cluster, programs, port, durable=durable)):
            (cluster.folder / PORT).write_text(str(port))
            return running
        time.sleep(PAUSE_SECONDS)
    raise PostgresFailed(
        str(cluster.folder), last_line(cluster.log.read_bytes()[said:].decode(errors="replace"))
    )


def _ports(cluster: DataDirectory) -> Iterator[int]:
    """The last port where it is free, so that the address stays, then others."""
    last = cluster.folder / PORT
    told = last.read_text() if last.exists() else ""
    yield _free(int(told) if told.isdigit() else 0)
    for _ in range(TRIES - 1):
        yield _free(0)


def _free(port: int) -> int:
    """A port that nobody listens on: this one, or another where it is 0 or taken."""
    preferred = (*([port] if port else []), *random.sample(STEADY_PORTS, TRIES))
    return next(filter(None, map(_bound, preferred)), None) or _bound(0)


def _bound(port: int) -> int:
    """This port where nobody has it, any free one for 0; otherwise 0."""
    with socket.socket() as probe:
        # As PostgreSQL does: a port just left is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return 0
        return int(probe.getsockname()[1])


def _launched(cluster: DataDirectory, programs: Binaries, port: int, *, durable: bool) -> int:
    """Process id of a server that was just set off, in a session of its own: no terminal's Ctrl-C ends it."""
    settings = (
        f"port={port}",
        f"listen_addresses={HOST}",
        "unix_socket_directories=",
        *(() if durable else THROWN_AWAY),
    )
    command = [str(programs.folder / "postgres"), "-D", str(cluster.data)]
    for setting in settings:
        command += ["-c", setting]
    told = subprocess.run(
        ["/bin/sh", "-c", BACKGROUND, str(cluster.log), *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
        **cluster.subprocess_options,
    )
    return int(told.stdout)


def _ready(cluster: DataDirectory, pid: int) -> Postmaster | None:
    """A server once it takes connections; None if it ends instead.

    Raises `PostgresFailed` where it does neither.
    """
    found: list[Postmaster] = []

    def settled() -> bool:
        found[:] = [running for running in [Postmaster.of(cluster.data)] if running and running.ready]
        return bool(found) or not serves(pid, cluster.data)

    if not _awaited(settled, READY_SECONDS):
        raise PostgresFailed(
            str(cluster.folder),
            f"process {pid} is not ready after {READY_SECONDS:.0f} s; {cluster.log} says why",
        )
    return found[0] if found else None


def _awaited(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether something comes true within so many seconds; polled, since a server that is no child tells
    nobody.
    """
    deadline = time.monotonic() + seconds
    while not (answer := holds()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return answer


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What the system refuses is told as what it means for the server."""
    try:
        yield
    except OSError as error:
        about = f"{error.filename}: " if error.filename else ""
        raise PostgresFailed(str(folder), f"{about}{error.strerror or error}") from error
