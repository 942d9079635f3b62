"""What a store of files holds, counted; nobody is kept from writing meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from actors.stores import rows
from actors.stores.census import Census, Holding, Kind, Vectors
from actors.stores.files import FileStorageBackend
from actors.stores.tree import Tree
from schemas.chunk import WorkKey

_ENDINGS = {".chunk": "chunks", ".npz": "embeddings", ".jsonl": "logs", ".lease": "leases"}


def of_tree(base: Path) -> Census:
    """Raises `NotFound` where there is no store."""
    store, tree = FileStorageBackend(base, read_only=True), Tree(base)
    jobs, holdings = list(store.jobs()), _holdings(tree)
    created = [job.created_at for job in jobs]
    ended = [result.completed_at for job in jobs for result in job.pipeline_results.values() if result.completed_at]
    keys = [key for video_id in tree.video_ids() for key in tree.keys_of(video_id)]
    return Census(
        size_bytes=sum(holding.size_bytes or 0 for holding in holdings),
        videos=len(list(tree.base.glob("*/.state/video.json"))),
        holdings=holdings,
        jobs=dict(sorted(Counter(job.status.value for job in jobs).items())),
        annotations=_kinds(store, keys),
        embeddings=_vectors(store, keys),
        oldest_job=rows.time_text(min(created, default=None)),
        newest_job=rows.time_text(max(created, default=None)),
        newest_result=rows.time_text(max(ended, default=None)),
    )


def _holdings(tree: Tree) -> tuple[Holding, ...]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for path in tree.base.rglob("*"):
        if path.is_file() and not path.is_symlink():
            kind = _kind_of(path.relative_to(tree.base))
            counts[kind] += 1
            sizes[kind] += path.stat().st_size
    return tuple(Holding(kind, counts[kind], sizes[kind]) for kind in sorted(counts))


def _kind_of(path: Path) -> str:
    """What a file is, by its place; whatever else lies beside the store is `others`."""
    if path.suffix in _ENDINGS:
        return _ENDINGS[path.suffix]
    if ".store" in path.parts or ".state" in path.parts:
        return "state"
    if path.parent.name == "jobs" or path.name in ("job_metadata.json", "batch_summary.json"):
        return "jobs"
    return "results" if len(path.parts) > 1 and path.suffix in (".json", ".vtt", ".srt", ".rttm") else "others"


def _kinds(store: FileStorageBackend, keys: list[WorkKey]) -> tuple[Kind, ...]:
    found = Counter((key.pipeline, row.annotation_type) for key in keys for row in store.annotations(key))
    return tuple(Kind(pipeline, kind, count) for (pipeline, kind), count in sorted(found.items()))


def _vectors(store: FileStorageBackend, keys: list[WorkKey]) -> tuple[Vectors, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for key, of in _embedded(store, keys):
        counts[of] += key[0]
        sizes[of] += key[1]
    return tuple(Vectors(*of, counts[of], sizes[of]) for of in sorted(counts))


def _embedded(store: FileStorageBackend, keys: list[WorkKey]) -> Iterator[tuple[tuple[int, int], tuple[str, str]]]:
    """Number and bytes of a key's vectors, with its pipeline and their model."""
    for key in keys:
        if (stored := store.embeddings(key)) is not None:
            yield (len(stored.annotation_ids), stored.vectors.nbytes), (key.pipeline, stored.model)
