"""Reads and writes videos and their paths in files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from actors.atomic_files import read_object
from actors.stores.encoding import rows
from actors.stores.encoding.content_endings import content_endings
from actors.stores.files.registry import Registry
from schemas.media.video import Video
from schemas.storage.backend import VideoFacts


@dataclass(frozen=True, slots=True)
class FileVideos:
    """See `backend.transaction.Videos`; the caller has locked the store while it writes."""

    registry: Registry

    def put(self, videos: Sequence[Video]) -> None:
        for video in videos:
            self.registry.put_video(video)

    def put_paths(self, videos: Sequence[Video]) -> None:
        for video in videos:
            self.registry.put_path(video)

    def _facts(self, video_ids: Iterable[str]) -> dict[str, rows.Row]:
        found = ((video_id, self.registry.video(video_id)) for video_id in dict.fromkeys(video_ids))
        return {video_id: video for video_id, video in found if video}

    def by_id(self, video_ids: Iterable[str]) -> dict[str, Video]:
        return {video_id: rows.video_from(video) for video_id, video in self._facts(video_ids).items()}

    def by_path(self, paths: Iterable[str]) -> dict[str, Video]:
        found = ((path, read_object(self.registry.layout.source(path))) for path in dict.fromkeys(paths))
        known = ((path, entry, self.registry.video(entry["video_id"])) for path, entry in found if entry)
        return {
            path: rows.video_from(video | entry)
            for path, entry, video in known
            if video and rows.is_fully_known(video)
        }

    def fingerprints(self, video_ids: Iterable[str]) -> dict[str, str]:
        return {video_id: video["fingerprint"] for video_id, video in self._facts(video_ids).items()}

    def ids_by_content(self, fingerprints: Iterable[str]) -> dict[str, tuple[str, ...]]:
        requested, found = dict.fromkeys(fingerprints), defaultdict(list)
        ids = self.registry.layout.video_folders_ending(content_endings(requested)) if requested else ()
        for video_id, fingerprint in self.fingerprints(ids).items():
            if fingerprint in requested:
                found[fingerprint].append(video_id)
        return {content: tuple(sorted(ids)) for content, ids in found.items()}

    def facts(self, video_ids: Iterable[str] | None) -> dict[str, VideoFacts]:
        known = self._facts(self.registry.layout.video_ids() if video_ids is None else video_ids)
        names = ("video_id", "path", "size_bytes", "duration_seconds", "width", "height", "codec")
        return {video_id: VideoFacts(*(row[name] for name in names)) for video_id, row in known.items()}

    def _entries(self) -> Iterable[rows.Row]:
        return filter(None, map(read_object, self.registry.layout.sources()))

    def paths(self) -> dict[str, str]:
        return {entry["path"]: entry["video_id"] for entry in self._entries()}

    def paths_of(self, video_id: str) -> set[str]:
        entries = {entry["path"] for entry in self._entries() if entry["video_id"] == video_id}
        video = self.registry.video(video_id)
        own = {video["path"]} if video else set()
        return entries | own | {job.location for job in self.registry.jobs_of(video_id)}
