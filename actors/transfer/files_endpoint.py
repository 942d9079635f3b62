"""A store of files as one side of a move.

Files have no transactions over several of them: the ledger says first that a unit is being moved here, and
last that it was. What a kill has left between the two counts as nothing, and is moved again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import read_object
from actors.stores.encoding import rows
from actors.stores.files.layout import FileLayout
from actors.stores.files.leases import FileRuns
from actors.stores.files.lock import create_store, exclusive_lock, write_epoch
from actors.stores.files.registry import Registry
from actors.stores.rules.erasure_text import files_in, remove_folder, require_all_inside
from actors.stores.rules.transitions import now
from actors.transfer.digest import Left, SectionDigest
from actors.transfer.endpoint import Endpoint, LedgerEntry, Seals, Sink, Source
from actors.transfer.files_rows import FilesRows, Paths, batches_in, objects
from actors.transfer.files_video import VideoFiles
from actors.transfer.unit import POSITION, TravelRow, Unit
from schemas.errors import NotFound, StoreUnreachable

_BEGUN = "begun"
_RESULTS: Final = (".json", ".vtt", ".srt", ".rttm")


class FilesEndpoint(Endpoint):
    """A tree of files; it does not keep which job stored a row, nor when."""

    kind = "files"
    left_out: Left = frozenset(
        {("annotations", "job_id"), ("annotations", "created_at"), ("identities", "created_at")}
    )

    def __init__(self, base: Path, *, read_only: bool) -> None:
        self._layout, self._read_only, self.url = FileLayout(base), read_only, f"files:{base}"
        self._paths = Paths(self._layout)
        if read_only and not self._layout.epoch.is_file():
            raise NotFound("store", self.url)
        if not read_only:
            create_store(self._layout)
        # A store that no run of this version has written has none.
        self.store_id = self._layout.store_id.read_text() if self._layout.store_id.exists() else self.url

    @contextmanager
    def reading(self) -> Iterator[Source]:
        """As of one moment unit by unit only where nobody writes meanwhile; what did not fit together
        reads as not equal.
        """
        yield FilesSource(self._layout, self._paths)

    @contextmanager
    def writing(self, unit: Unit) -> Iterator[Sink]:
        if self._read_only:
            raise StoreUnreachable(self.url, "it was opened for reading only")
        with exclusive_lock(self._layout) as newest:
            writer = FilesSink(self._layout, self._paths, newest)
            try:
                yield writer
            except BaseException:
                writer.undo(unit)
                raise

    def settle(self) -> None:
        """Files are found by their names."""

    def close(self) -> None:
        """Nothing is held open."""


class FilesSource(Source):
    """What the files say now."""

    def __init__(self, layout: FileLayout, paths: Paths) -> None:
        self._layout, self._rows, self._paths = layout, FilesRows(layout, paths), paths

    def units(self) -> list[Unit]:
        return [
            *(Unit("batch", name) for name in batches_in(self._layout)),
            *(Unit("setting", name) for name in sorted(read_object(self._layout.meta) or {})),
            *(Unit("video", name) for name in self._layout.video_folders()),
            *([Unit("identities", "")] if self._layout.identities.is_file() else []),
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

    def rows(self, unit: Unit, table: str) -> Iterator[TravelRow]:
        return self._rows.of(table, unit.name)

    def ledger(self, unit: Unit) -> LedgerEntry:
        entry = self._entry(unit)
        if _BEGUN in entry:
            return LedgerEntry()
        return LedgerEntry(
            {table: SectionDigest(*seal) for table, seal in entry.get("sections", {}).items()},
            entry.get("source", ""),
        )

    def _entry(self, unit: Unit) -> dict[str, Any]:
        return read_object(self._layout.ledger(unit.digest)) or {}


class FilesSink(FilesSource, Sink):
    """While the store is held."""

    def __init__(self, layout: FileLayout, paths: Paths, newest: int) -> None:
        super().__init__(layout, paths)
        self._newest, self._registry = newest, Registry(layout)

    def taken(self, epochs: Collection[int], batch_id: str) -> set[int]:
        return {
            epoch
            for epoch in epochs
            if (run := read_object(self._layout.run(epoch))) and run["batch_id"] != batch_id
        }

    def newest(self) -> int:
        return self._newest

    def clear(self, unit: Unit) -> None:
        self._note(unit, {_BEGUN: True})
        if unit.kind == "video":
            self._remove(unit.name)
        if unit.kind == "batch":
            self._remove_runs(unit.name)

    def undo(self, unit: Unit) -> None:
        """After a failure nothing is left that looks like a result; whoever was moved here before is
        moved again.
        """
        if _BEGUN in self._entry(unit):
            self.clear(unit)
            self._layout.ledger(unit.digest).unlink()

    def _remove(self, video: str) -> None:
        for entry in self._paths.of(video):
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
        sections: Iterable[tuple[str, Iterable[TravelRow]]],
        epochs: Sequence[int] = (),
    ) -> None:
        """All rows of a unit are in memory at once: a file holds them all."""
        self._note(unit, {_BEGUN: True})
        if unit.kind == "batch":
            self._put_runs(unit.name, sections, epochs)
            return
        found = {table: objects(table, part) for table, part in sections}
        if unit.kind == "video":
            self._remove(unit.name)  # what a kill has left
            VideoFiles(self._registry, unit.name).write(found)
            for row in found["video_paths"]:
                self._paths.add(unit.name, row["path"])
        for one in found.get("meta", ()):
            self._registry.put(
                self._layout.meta,
                (read_object(self._layout.meta) or {}) | {one["name"]: one["value"]},
                durable=True,
            )
        if unit.kind == "identities":
            self._registry.put(self._layout.identities, {"identities": found["identities"]}, durable=True)

    def _put_runs(
        self, batch_id: str, sections: Iterable[tuple[str, Iterable[TravelRow]]], epochs: Sequence[int]
    ) -> None:
        self._remove_runs(batch_id)  # what a kill has left
        for table, part in sections:
            for epoch, row in zip(epochs, part, strict=False):  # one may have begun since they were counted
                (run,) = objects(table, [row])
                del run[POSITION]
                self._registry.put(self._layout.run(epoch), run | {"epoch": epoch}, durable=True)
                self._newest = max(self._newest, epoch)
                write_epoch(self._layout, self._newest)

    def note(self, unit: Unit, seals: Seals, source: str) -> None:
        sections = {table: [seal.rows, seal.digest] for table, seal in seals.items()}
        self._note(
            unit,
            {"kind": unit.kind, "source": source, "moved_at": rows.time_text(now()), "sections": sections},
        )

    def _note(self, unit: Unit, entry: dict[str, Any]) -> None:
        path = self._layout.ledger(unit.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._registry.put(path, entry, durable=True)


def _is_of_the_store(path: Path, folder: Path) -> bool:
    """Whether a file in a video's folder is the store's: pictures that somebody has had made, and
    anything else, are not.
    """
    place, *below = path.relative_to(folder).parts
    return place in (".state", "jobs", "runs") if below else path.suffix in _RESULTS
