"""Counts what is in a store of files; nobody writes while one video is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from actors.stores.encoding import rows
from actors.stores.files.backend import FileStorageBackend
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.lock import shared_lock
from actors.stores.integrity.statistics import Holding, Kind, StoreStatistics, Vectors
from schemas.work.chunk import WorkKey

_KIND_BY_SUFFIX: Final = {".chunk": "chunks", ".npz": "embeddings", ".jsonl": "logs", ".lease": "leases"}
_RESULT_SUFFIXES: Final = (".json", ".vtt", ".srt", ".rttm")
_JOB_FILES: Final = ("job_metadata.json", "batch_summary.json")


def of_tree(base: Path) -> StoreStatistics:
    """The statistics of a store of files; raises `NotFound` where there is no store."""
    store, layout = FileStorageBackend(base, read_only=True), FileLayout(base)
    jobs, holdings = list(store.jobs()), _holdings(layout)
    created = [job.created_at for job in jobs]
    ended = [
        result.completed_at for job in jobs for result in job.pipeline_results.values() if result.completed_at
    ]
    kinds, vectors = _count_rows(store, layout)
    return StoreStatistics(
        size_bytes=sum(holding.size_bytes or 0 for holding in holdings),
        videos=len(list(layout.base.glob("*/.state/video.json"))),
        holdings=holdings,
        jobs=dict(sorted(Counter(job.status.value for job in jobs).items())),
        annotations=kinds,
        embeddings=vectors,
        oldest_job=rows.time_text(min(created, default=None)),
        newest_job=rows.time_text(max(created, default=None)),
        newest_result=rows.time_text(max(ended, default=None)),
    )


def _holdings(layout: FileLayout) -> tuple[Holding, ...]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for path, size in _files(layout.base):
        kind = _kind_of(path)
        counts[kind] += 1
        sizes[kind] += size
    return tuple(Holding(kind, counts[kind], sizes[kind]) for kind in sorted(counts))


def _files(base: Path) -> Iterator[tuple[Path, int]]:
    """Every file below a folder: its relative path and its size in bytes."""
    for path in base.rglob("*"):
        with suppress(FileNotFoundError):  # a run has replaced the file meanwhile
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(base), path.stat().st_size


def _kind_of(path: Path) -> str:
    """The kind of a file, by its path; files that are not of the store are `others`."""
    if len(path.parts) == 1:
        return "others"  # such as the record of a server
    if path.suffix in _KIND_BY_SUFFIX:
        return _KIND_BY_SUFFIX[path.suffix]
    if ".store" in path.parts or ".state" in path.parts:
        return "state"
    if path.parent.name == "jobs" or path.name in _JOB_FILES:
        return "jobs"
    return "results" if len(path.parts) > 1 and path.suffix in _RESULT_SUFFIXES else "others"


def _count_rows(
    store: FileStorageBackend, layout: FileLayout
) -> tuple[tuple[Kind, ...], tuple[Vectors, ...]]:
    """Counts annotations by pipeline and type, and embeddings by pipeline and model."""
    kinds: Counter[tuple[str, str]] = Counter()
    numbers: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for video_id in list(layout.video_ids()):
        with shared_lock(layout):
            for key in layout.keys_of(video_id):
                kinds.update((key.pipeline, row.annotation_type) for row in store.annotations(key))
                for model, number, size in _vectors_of(store, key):
                    numbers[key.pipeline, model] += number
                    sizes[key.pipeline, model] += size
    vectors = tuple(Vectors(*group, numbers[group], sizes[group]) for group in sorted(numbers))
    return tuple(Kind(*group, count) for group, count in sorted(kinds.items())), vectors


def _vectors_of(store: FileStorageBackend, key: WorkKey) -> Iterator[tuple[str, int, int]]:
    """The model, number and bytes of a key's vectors, where it has any."""
    if (stored := store.embeddings(key)) is not None:
        yield stored.model, len(stored.annotation_ids), stored.vectors.nbytes
