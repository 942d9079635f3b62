"""Counts what a store of files holds; each video is read while nobody writes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from actors.stores.encoding import rows
from actors.stores.files.backend import FileStorageBackend
from actors.stores.files.layout import FileLayout
from actors.stores.files.shared_lock import stillness
from actors.stores.integrity.statistics import Holding, Kind, StoreStatistics, Vectors
from schemas.work.chunk import WorkKey

_ENDINGS: Final = {".chunk": "chunks", ".npz": "embeddings", ".jsonl": "logs", ".lease": "leases"}
_RESULTS: Final = (".json", ".vtt", ".srt", ".rttm")
_JOBS: Final = ("job_metadata.json", "batch_summary.json")


def of_tree(base: Path) -> StoreStatistics:
    """Raises `NotFound` where there is no store."""
    store, tree = FileStorageBackend(base, read_only=True), FileLayout(base)
    jobs, holdings = list(store.jobs()), _holdings(tree)
    created = [job.created_at for job in jobs]
    ended = [
        result.completed_at for job in jobs for result in job.pipeline_results.values() if result.completed_at
    ]
    kinds, vectors = _counted(store, tree)
    return StoreStatistics(
        size_bytes=sum(holding.size_bytes or 0 for holding in holdings),
        videos=len(list(tree.base.glob("*/.state/video.json"))),
        holdings=holdings,
        jobs=dict(sorted(Counter(job.status.value for job in jobs).items())),
        annotations=kinds,
        embeddings=vectors,
        oldest_job=rows.time_text(min(created, default=None)),
        newest_job=rows.time_text(max(created, default=None)),
        newest_result=rows.time_text(max(ended, default=None)),
    )


def _holdings(tree: FileLayout) -> tuple[Holding, ...]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for path, size in _files(tree.base):
        kind = _kind_of(path)
        counts[kind] += 1
        sizes[kind] += size
    return tuple(Holding(kind, counts[kind], sizes[kind]) for kind in sorted(counts))


def _files(base: Path) -> Iterator[tuple[Path, int]]:
    """Every file below a folder, its path from there and its bytes."""
    for path in base.rglob("*"):
        with suppress(FileNotFoundError):  # a run has replaced it meanwhile
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(base), path.stat().st_size


def _kind_of(path: Path) -> str:
    """What a file is, by its place; whatever else lies beside the store is `others`."""
    if path.suffix in _ENDINGS:
        return _ENDINGS[path.suffix]
    if ".store" in path.parts or ".state" in path.parts:
        return "state"
    if path.parent.name == "jobs" or path.name in _JOBS:
        return "jobs"
    return "results" if len(path.parts) > 1 and path.suffix in _RESULTS else "others"


def _counted(store: FileStorageBackend, tree: FileLayout) -> tuple[tuple[Kind, ...], tuple[Vectors, ...]]:
    """Annotations by pipeline and type, embeddings by pipeline and model."""
    kinds: Counter[tuple[str, str]] = Counter()
    numbers: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for video_id in list(tree.video_ids()):
        with stillness(tree):
            for key in tree.keys_of(video_id):
                kinds.update((key.pipeline, row.annotation_type) for row in store.annotations(key))
                for model, number, size in _embedded(store, key):
                    numbers[key.pipeline, model] += number
                    sizes[key.pipeline, model] += size
    found = tuple(Vectors(*of, numbers[of], sizes[of]) for of in sorted(numbers))
    return tuple(Kind(*of, count) for of, count in sorted(kinds.items())), found


def _embedded(store: FileStorageBackend, key: WorkKey) -> Iterator[tuple[str, int, int]]:
    """Model, number and bytes of a key's vectors, where it has any."""
    if (stored := store.embeddings(key)) is not None:
        yield stored.model, len(stored.annotation_ids), stored.vectors.nbytes
