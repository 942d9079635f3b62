"""Exports a selection of a store: files of a format, a manifest, and what was lost; whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from schemas.storage.backend import StorageBackend
from vaengine.exporting.format import Format
from vaengine.exporting.manifest import manifest_of
from vaengine.exporting.output_folder import check_folder, whole_folder, write_file, write_manifest
from vaengine.exporting.values.losses import Loss
from vaengine.exporting.values.options import DEFAULTS, ExportOptions
from vaengine.exporting.values.selection import Selection
from vaengine.exporting.values.source import Source
from vaengine.results.annotation_kinds import TYPES
from vaengine.results.lookup import corrected_videos


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export is: rows read from the store, files written, seconds since its beginning."""

    rows: int
    files: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export: its folder, its files with their sizes in bytes, and what was not written.

    `rows` are those of each annotation type that the format took from the store. `uncorrected` videos have
    results of people that are not in it.
    """

    format: str
    folder: Path
    videos: int
    rows: dict[str, int]
    files: dict[str, int]
    losses: tuple[Loss, ...]
    left_out: tuple[str, ...] = ()
    uncorrected: int = 0


@dataclass(slots=True)
class _Meter:
    """Counts rows and files, and tells a listener."""

    listener: Callable[[ExportProgress], None]
    began: float = field(default_factory=time.perf_counter)
    rows: int = 0
    files: int = 0

    def row(self, number: int) -> None:
        self.rows += number
        if self.rows % 1_000 == 0:
            self.tell()

    def tell(self) -> None:
        self.listener(ExportProgress(self.rows, self.files, time.perf_counter() - self.began))


def write_export(
    store: StorageBackend,
    chosen: Format,
    selection: Selection,
    target: Path,
    options: ExportOptions = DEFAULTS,
    *,
    force: bool = False,
    listener: Callable[[ExportProgress], None] = lambda _: None,
) -> Export:
    """Write a selection in a format into a folder; see `vaengine.export` for what is raised."""
    check_folder(target, force=force)
    meter = _Meter(listener)
    source = Source(store, selection, options, listener=meter.row)
    files: dict[str, int] = {}
    with whole_folder(target) as folder:
        for file in chosen.files(source):
            files[file.name] = write_file(folder, file)
            meter.files += 1
            meter.tell()
        rows = source.rows_read()
        source.count_unread(set(TYPES) - set(chosen.kinds), f"{chosen.name} has no place for it")
        write_manifest(folder, manifest_of(chosen, source, rows, files))
    videos = sum(1 for _ in source.videos())
    is_machine = options.source == "machine"
    uncorrected = len(corrected_videos(store, selection.video_ids)) if is_machine else 0
    return Export(chosen.name, target, videos, rows, files, source.losses.all(), chosen.left_out, uncorrected)
