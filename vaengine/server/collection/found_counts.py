"""What was found in videos, as numbers: counted once for each state of their results, and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

from schemas.storage.backend import StorageBackend
from vaengine.reporting.annotation_counts import FoundCounts, found_in
from vaengine.server.collection.entry import VideoEntry

MOST: Final = 50_000  # videos whose counts are kept


class FoundCountLog:
    """The counts of videos that were asked for last, for any thread."""

    def __init__(self, most: int = MOST) -> None:
        self._lock, self._most = threading.Lock(), most
        self._kept: OrderedDict[Hashable, FoundCounts] = OrderedDict()

    def of(self, store: StorageBackend, entries: Sequence[VideoEntry]) -> Mapping[str, FoundCounts]:
        """The counts of these videos by their ids; the store is asked about those that are new or changed."""
        versions = {entry.video_id: _version(entry) for entry in entries}
        with self._lock:
            known = {name: self._kept[one] for name, one in versions.items() if one in self._kept}
        missing = [entry for entry in entries if entry.video_id not in known]
        found = {**known, **(_counted(store, missing) if missing else {})}
        self._keep({versions[name]: counts for name, counts in found.items()})
        return found

    def _keep(self, counts: Mapping[Hashable, FoundCounts]) -> None:
        with self._lock:
            for version, found in counts.items():
                self._kept[version] = found
                self._kept.move_to_end(version)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _version(entry: VideoEntry) -> Hashable:
    """Another one for other results of a video: they change when they are completed, or erased in part."""
    states = entry.pipelines.items()
    return entry.video_id, *(
        (name, state.job_id, state.config_hash, state.status, state.completed_at, state.annotations)
        for name, state in states
    )


def _counted(store: StorageBackend, entries: Sequence[VideoEntry]) -> Mapping[str, FoundCounts]:
    job_ids = sorted({state.job_id for entry in entries for state in entry.pipelines.values()})
    found = found_in(store, list(store.jobs(job_ids=job_ids)), by=lambda job: job.video_id)
    return {entry.video_id: found.get(entry.video_id, FoundCounts()) for entry in entries}
