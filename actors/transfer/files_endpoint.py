"""A store of files as an endpoint of a transfer.

Files have no transaction over several of them. The ledger says first that a unit is being written, and last
that it is complete. A unit that a kill has left between the two does not count, and is moved again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import read_object
from actors.stores.encoding import rows
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.lock import create_store, exclusive_lock, write_epoch
from actors.stores.files.leases import FileRuns
from actors.stores.files.people import FilePeople
from actors.stores.files.registry import Registry
from actors.stores.rules.erasure_text import files_in, remove_folder, require_all_inside
from actors.stores.rules.states import now
from actors.transfer.digest import OmittedColumns, SectionDigest
from actors.transfer.endpoint import Endpoint, LedgerEntry, SectionDigests, Sink, Source
from actors.transfer.files_rows import FilesRows, PathIndex, batches_in, rows_as_objects
from actors.transfer.files_video import VideoFiles
from actors.transfer.unit import POSITION, Unit, WireRow
from schemas.errors import NotFound, StoreUnreachable
from schemas.storage.tables import SUBMISSION

_BEGUN = "begun"
_RESULT_SUFFIXES: Final = (".json", ".vtt", ".srt", ".rttm")


class FilesEndpoint(Endpoint):
    """A store of files, which does not keep the job and the time of a row."""

    kind = "files"
    omitted: OmittedColumns = frozenset(
        {("annotations", "job_id"), ("annotations", "created_at"), ("identities", "created_at")}
    )

    def __init__(self, base: Path, *, read_only: bool) -> None:
        self._layout, self._read_only, self.url = FileLayout(base), read_only, f"files:{base}"
        self._path_index = PathIndex(self._layout)
        if read_only and not self._layout.epoch.is_file():
            raise NotFound("store", self.url)
        if not read_only:
            create_store(self._layout)
        # A store that no run of this version has written has no id.
        self.store_id = self._layout.store_id.read_text() if self._layout.store_id.exists() else self.url

    @contextmanager
    def read(self) -> Iterator[Source]:
        """Read the files; a unit that is written meanwhile may read as a mixture, and then differs."""
        yield FilesSource(self._layout, self._path_index)

    @contextmanager
    def write(self, unit: Unit) -> Iterator[Sink]:
        if self._read_only:
            raise StoreUnreachable(self.url, "it was opened for reading only")
        with exclusive_lock(self._layout) as newest_epoch:
            sink = FilesSink(self._layout, self._path_index, newest_epoch)
            try:
                yield sink
            except BaseException:
                sink.undo(unit)
                raise

    def finish(self) -> None:
        """Does nothing: files are found by their names."""

    def close(self) -> None:
        """Does nothing: no file stays open."""


def _moves(setting: str) -> bool:
    """Whether a setting goes along with the results: work that was submitted here is not."""
    return not setting.startswith(SUBMISSION)


class FilesSource(Source):
    """The present content of the files."""

    def __init__(self, layout: FileLayout, paths: PathIndex) -> None:
        self._layout, self._rows, self._path_index = layout, FilesRows(layout, paths), paths

    def units(self) -> list[Unit]:
        return [
            *(Unit("batch", name) for name in batches_in(self._layout)),
            *(Unit("setting", name) for name in sorted(read_object(self._layout.meta) or {}) if _moves(name)),
            *(Unit("video", name) for name in self._layout.video_folders()),
            *([Unit("identities", "")] if self._layout.identities.is_file() else []),
            *([Unit("people", "")] if self._layout.people.is_file() else []),
        ]

    def is_in_use(self) -> bool:
        return FileRuns(Registry(self._layout)).is_in_use(now())

    def holds(self, unit: Unit) -> bool:
        if _BEGUN in self._entry(unit):
            return False
        if unit.kind == "video":
            return any((self._layout.folder(unit.name) / name).is_dir() for name in (".state", "jobs"))
        return any(True for table in unit.tables for _ in self.rows(unit, table.name))

    def epochs(self, batch_id: str) -> list[int]:
        return [run["epoch"] for run in self._rows.runs(batch_id)]

    def pipelines(self, unit: Unit) -> list[str]:
        return self._rows.pipelines(unit.name) if unit.kind == "video" else []

    def rows(self, unit: Unit, table: str) -> Iterator[WireRow]:
        return self._rows.of(table, unit.name)

    def ledger(self, unit: Unit) -> LedgerEntry:
        entry = self._entry(unit)
        if _BEGUN in entry:
            return LedgerEntry()
        return LedgerEntry(
            {table: SectionDigest(*digest) for table, digest in entry.get("sections", {}).items()},
            entry.get("source", ""),
        )

    def _entry(self, unit: Unit) -> dict[str, Any]:
        return read_object(self._layout.ledger(unit.digest)) or {}


class FilesSink(FilesSource, Sink):
    """Writes one unit while the store is locked."""

    def __init__(self, layout: FileLayout, paths: PathIndex, newest_epoch: int) -> None:
        super().__init__(layout, paths)
        self._newest_epoch, self._registry = newest_epoch, Registry(layout)

    def taken_epochs(self, epochs: Collection[int], batch_id: str) -> set[int]:
        return {
            epoch
            for epoch in epochs
            if (run := read_object(self._layout.run(epoch))) and run["batch_id"] != batch_id
        }

    def newest_epoch(self) -> int:
        return self._newest_epoch

    def clear(self, unit: Unit) -> None:
        self._write_entry(unit, {_BEGUN: True})
        if unit.kind == "video":
            self._remove(unit.name)
        if unit.kind == "batch":
            self._remove_runs(unit.name)

    def undo(self, unit: Unit) -> None:
        """Remove what a failed write has left; a unit that was moved here before is moved again."""
        if _BEGUN in self._entry(unit):
            self.clear(unit)
            self._layout.ledger(unit.digest).unlink()

    def _remove(self, video: str) -> None:
        for entry in self._path_index.of(video):
            self._layout.source(entry["path"]).unlink(missing_ok=True)
        folder = self._layout.folder(video)
        require_all_inside(folder, self._layout.base)
        remove_folder(folder, {str(path) for path in files_in(folder) if not _is_of_the_store(path, folder)})

    def _remove_runs(self, batch_id: str) -> None:
        for epoch in self.epochs(batch_id):
            self._layout.run(epoch).unlink(missing_ok=True)

    def fill(
        self,
        unit: Unit,
        pipelines: Sequence[str],
        sections: Iterable[tuple[str, Iterable[WireRow]]],
        epochs: Sequence[int] = (),
    ) -> None:
        """Write all rows of a unit, which are in memory at once since a file has them all."""
        self._write_entry(unit, {_BEGUN: True})
        if unit.kind == "batch":
            self._put_runs(unit.name, sections, epochs)
            return
        rows_by_table = {table: rows_as_objects(table, wire_rows) for table, wire_rows in sections}
        if unit.kind == "video":
            self._remove(unit.name)  # what a kill has left
            VideoFiles(self._registry, unit.name).write(rows_by_table)
            for row in rows_by_table["video_paths"]:
                self._path_index.add(unit.name, row["path"])
        for setting in rows_by_table.get("meta", ()):
            self._registry.put(
                self._layout.meta,
                (read_object(self._layout.meta) or {}) | {setting["name"]: setting["value"]},
                durable=True,
            )
        if unit.kind == "identities":
            self._registry.put(
                self._layout.identities, {"identities": rows_by_table["identities"]}, durable=True
            )
        if unit.kind == "people":
            edits, references = rows_by_table["person_edits"], rows_by_table["person_references"]
            FilePeople(self._registry).put_rows(edits, references)

    def _put_runs(
        self, batch_id: str, sections: Iterable[tuple[str, Iterable[WireRow]]], epochs: Sequence[int]
    ) -> None:
        self._remove_runs(batch_id)  # what a kill has left
        for table, wire_rows in sections:
            # A run may have begun in the source since the epochs were counted.
            for epoch, row in zip(epochs, wire_rows, strict=False):
                (run,) = rows_as_objects(table, [row])
                del run[POSITION]
                self._registry.put(self._layout.run(epoch), run | {"epoch": epoch}, durable=True)
                self._newest_epoch = max(self._newest_epoch, epoch)
                write_epoch(self._layout, self._newest_epoch)

    def record(self, unit: Unit, digests: SectionDigests, source: str) -> None:
        sections = {table: [digest.rows, digest.digest] for table, digest in digests.items()}
        self._write_entry(
            unit,
            {"kind": unit.kind, "source": source, "moved_at": rows.time_text(now()), "sections": sections},
        )

    def _write_entry(self, unit: Unit, entry: dict[str, Any]) -> None:
        path = self._layout.ledger(unit.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._registry.put(path, entry, durable=True)


def _is_of_the_store(path: Path, folder: Path) -> bool:
    """Whether a file in a video's folder belongs to the store; rendered pictures and other files do not."""
    top, *below = path.relative_to(folder).parts
    return top in (".state", "jobs", "runs") if below else path.suffix in _RESULT_SUFFIXES
