"""Exports of a server: written one after the other by a thread, and kept as those of the command are."""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from actors.atomic_files import read_object
from schemas.errors import NotFound, UsageError, VaengineError
from schemas.storage.backend import StorageBackend
from vaengine.exporting.export import ExportProgress, write_export
from vaengine.exporting.format import Format
from vaengine.exporting.output_folder import MANIFEST
from vaengine.exporting.values.options import ExportOptions
from vaengine.exporting.values.selection import Selection
from vaengine.server.error_answers import INTERNAL

log = logging.getLogger(__name__)

MAX_WAITING: Final = 20

Stage = Literal["waiting", "writing", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class ExportState:
    """An export and how far it is; `losses` say what the format has no place for, `message` why it failed."""

    export_id: str
    format: str
    stage: Stage
    selection: str = ""
    source: str = "machine"
    made_at: str | None = None
    rows: int = 0
    files: int = 0
    size_bytes: int = 0
    losses: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What is to be written, and the id under which it is known."""

    export_id: str
    format: Format
    selection: Selection
    options: ExportOptions


class _Stopped(Exception):
    """The server ends while an export is written; never leaves this module."""


class Exports:
    """The exports of a server, for all its threads; those in `folder` are kept when it ends."""

    def __init__(self, folder: Path, store: Callable[[], StorageBackend]) -> None:
        self._folder, self._store = folder, store
        self._orders: queue.Queue[ExportOrder | None] = queue.Queue()
        self._states: dict[str, ExportState] = {}  # of those that are not ready
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closing = False

    def begin(self, chosen: Format, selection: Selection, options: ExportOptions) -> ExportState:
        """Have an export written after those that wait; raises `UsageError` where too many do."""
        with self._lock:
            if self._orders.qsize() >= MAX_WAITING:
                raise UsageError(f"{MAX_WAITING} exports wait already: ask again when one of them is ready")
            order = ExportOrder(_new_id(chosen.name), chosen, selection, options)
            state = ExportState(order.export_id, chosen.name, "waiting", selection.asked, options.source)
            self._states[order.export_id] = state
            self._orders.put(order)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="exports", daemon=True)
                self._thread.start()
        return state

    def all(self) -> list[ExportState]:
        """Every export: those at work and failed ones, then those that are ready, the newest first."""
        known = list(self._states.values())
        folders = self._folder.iterdir() if self._folder.is_dir() else ()
        ready = [found for path in folders if (found := _ready(path))]
        return known[::-1] + sorted(ready, key=lambda one: one.made_at or "", reverse=True)

    def state(self, export_id: str) -> ExportState:
        """How far an export is; raises `NotFound`."""
        found = self._states.get(export_id) or _ready(self._place(export_id))
        if found is None:
            raise NotFound(f"export {export_id}", str(self._folder))
        return found

    def folder(self, export_id: str) -> Path:
        """The folder of an export that is ready; raises `NotFound`."""
        place = self._place(export_id)
        if _ready(place) is None:
            raise NotFound(f"a finished export {export_id}", str(self._folder))
        return place

    def close(self) -> None:
        """Leave out what is not written yet."""
        self._is_closing = True
        self._orders.put(None)
        if self._thread is not None:
            self._thread.join()

    def _place(self, export_id: str) -> Path:
        if Path(export_id).name != export_id or export_id.startswith("."):
            raise NotFound(f"export {export_id}", str(self._folder))
        return self._folder / export_id

    def _work(self) -> None:
        while (order := self._orders.get()) is not None and not self._is_closing:
            try:
                self._write(order)
                del self._states[order.export_id]
            except _Stopped:
                return
            except VaengineError as error:
                self._failed(order, str(error))
            except Exception:
                log.exception("export %s failed", order.export_id)
                self._failed(order, INTERNAL)

    def _write(self, order: ExportOrder) -> None:
        def listen(progress: ExportProgress) -> None:
            if self._is_closing:
                raise _Stopped
            self._change(order, rows=progress.rows, files=progress.files)

        self._change(order, stage="writing")
        target = self._folder / order.export_id
        write_export(self._store(), order.format, order.selection, target, order.options, listener=listen)

    def _failed(self, order: ExportOrder, message: str) -> None:
        self._change(order, stage="failed", message=message)

    def _change(self, order: ExportOrder, **changes: Any) -> None:
        self._states[order.export_id] = replace(self._states[order.export_id], **changes)


def _new_id(format_name: str) -> str:
    return f"{format_name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"


def _ready(folder: Path) -> ExportState | None:
    """An export on the disk, by its manifest; None where there is none."""
    if folder.name.startswith(".") or folder.is_symlink():
        return None
    manifest = read_object(folder / MANIFEST)
    return None if manifest is None else _state_of(folder.name, manifest)


def _state_of(export_id: str, manifest: Mapping[str, Any]) -> ExportState:
    rows, files = manifest.get("rows") or {}, manifest.get("files") or {}
    losses = [f"{one['rows']} {one['kind']}: {one['reason']}" for one in manifest.get("losses") or []]
    return ExportState(
        export_id,
        str(manifest.get("format", "")),
        "ready",
        str(manifest.get("selection", "")),
        str((manifest.get("options") or {}).get("source", "machine")),
        manifest.get("made_at"),
        sum(rows.values()),
        len(files),
        sum(files.values()),
        (*losses, *manifest.get("left_out", ())),
    )
