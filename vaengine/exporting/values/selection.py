"""Which videos of a store are exported, and which parts of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.errors import NotFound, UsageError
from schemas.pipelines import AVAILABLE, AnsweredBy, pipelines_of
from schemas.storage.backend import StorageBackend
from vaengine.queries.match import Match
from vaengine.results.lookup import jobs_of, one_beginning_with
from vaengine.results.presence_intervals import Run, merged


@dataclass(frozen=True, slots=True)
class Selection:
    """Videos in the order of export; `stretches` are the parts `[start_s, end_s)` that count of some of them.

    A video without stretches counts as a whole. `asked` says in words what was asked for.
    """

    video_ids: tuple[str, ...]
    asked: str = "the whole store"
    stretches: Mapping[str, tuple[Run, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.video_ids)) < len(self.video_ids):
            raise ValueError("a video is exported once")


def selected(
    store: StorageBackend,
    videos: Sequence[str] = (),
    *,
    batch: str | None = None,
    matches: Sequence[Match] | None = None,
    source: AnsweredBy = "machine",
) -> Selection:
    """The videos of these names, of a batch, or in which a query found something.

    Without any of these all that have a result of the source. Raises `NotFound` for an unknown name,
    `UsageError` where several ways to select are combined.
    """
    if sum((bool(videos), batch is not None, matches is not None)) > 1:
        raise UsageError("name videos, or --batch, or --query: one of the three")
    if matches is not None:
        return _found(matches)
    if batch is not None:
        return _of_batch(store, batch)
    if videos:
        ids = dict.fromkeys(jobs_of(store, name)[0].video_id for name in videos)
        return Selection(tuple(ids), f"videos {', '.join(videos)}")
    names = [name for pipeline in AVAILABLE for name in pipelines_of(pipeline, source)]
    return Selection(tuple(sorted({key.video_id for name in names for key in store.current_keys(name)})))


def _of_batch(store: StorageBackend, batch: str) -> Selection:
    known = [stored.batch_id for stored in store.batches()]
    batch_id = one_beginning_with(batch, known, "batch")
    if batch_id is None:
        raise NotFound(f"batch {batch}", f"{store.url}: `vaengine status` lists what is there")
    ids = sorted({job.video_id for job in store.jobs(batch_id=batch_id)})
    return Selection(tuple(ids), f"batch {batch_id}")


def _found(matches: Iterable[Match]) -> Selection:
    """The videos of matches in order of the first; a match of a moment keeps its single frame."""
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    for match in matches:
        runs[match.video_id].append((match.start_s, match.end_s))
    stretches = {video_id: tuple(merged(found)) for video_id, found in runs.items()}
    return Selection(tuple(stretches), "what a query found", stretches)
