"""A record of what clients changed: a line of JSON for each request, without its body, query and token."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vaengine.requests.store_location import AUDIT_FILE
from vaengine.server.middleware.access import changes_store
from vaengine.server.middleware.guard import client_address
from vaengine.server.settings import ServerSettings

log = logging.getLogger(__name__)

MAX_BYTES: Final = 10 * 10**6  # of the file, and of the older one that is kept
MAX_TEXT: Final = 1000  # characters of a path or an id


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request: when it was answered (UTC), who sent it, what it asked for and the status of its answer.

    The ids are those that the path names, None where it names none.
    """

    at: str
    client: str
    method: str
    path: str
    status: int
    video_id: str | None = None
    batch_id: str | None = None

    @classmethod
    def of(cls, scope: Scope, status: int) -> AuditEntry:
        """The entry of a request that was routed, and is answered now."""
        path_ids: Mapping[str, str] = scope.get("path_params", {})
        ids = {name: path_ids[name][:MAX_TEXT] for name in ("video_id", "batch_id") if name in path_ids}
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return cls(at, client_address(scope), scope["method"], scope["path"][:MAX_TEXT], int(status), **ids)

    def line(self) -> bytes:
        """The entry as a line of JSON; ids that are None are left out."""
        facts = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(facts, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


class AuditLog:
    """The file of entries in a results folder, and an older one, `.1`, once it is full.

    For any thread and any number of processes. A line is in the file whole or not at all.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path, self._max_bytes = folder / AUDIT_FILE, max_bytes

    def append(self, entry: AuditEntry) -> None:
        """Add an entry; raises OSError."""
        line = entry.line()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked() as descriptor:
            size = os.fstat(descriptor).st_size
            if size == 0 or size + len(line) <= self._max_bytes:
                _write_whole(descriptor, line, size)
                return
            self.path.replace(self.path.with_name(f"{AUDIT_FILE}.1"))
        self.append(entry)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The open file, which nobody else writes to or renames meanwhile."""
        while True:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if _is_file(descriptor, self.path):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)


class Audit:
    """ASGI middleware behind the guard: records what is let through to change something.

    The line is written before the answer is sent. Where it cannot be written the log of the server says so.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._log = None if settings.read_only else AuditLog(Path(settings.out))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        audit = self._log
        if audit is None or scope["type"] != "http" or not changes_store(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        is_recorded = False

        async def record_and_send(message: Message) -> None:
            nonlocal is_recorded
            if message["type"] == "http.response.start":
                is_recorded = True
                await run_in_threadpool(_record, audit, AuditEntry.of(scope, message["status"]))
            await send(message)

        try:
            await self._app(scope, receive, record_and_send)
        except BaseException:
            if not is_recorded:
                _record(audit, AuditEntry.of(scope, HTTPStatus.INTERNAL_SERVER_ERROR))
            raise


def _record(audit: AuditLog, entry: AuditEntry) -> None:
    try:
        audit.append(entry)
    except OSError as error:
        log.warning("%s %s is not recorded in %s: %s", entry.method, entry.path, audit.path, error)


def _write_whole(descriptor: int, line: bytes, size: int) -> None:
    """Append a line; what was written of it is taken back where the disk is full."""
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError("the disk is full")
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
