"""Attempts of chunks in a store of files: one file for each video.

Most are failures, since a commit ends the attempt it comes from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from actors.atomic_files import read_object
from actors.stores.encoding import attempt_rows
from actors.stores.files.registry import Registry
from schemas.work.attempt import LEGAL_MOVES, Attempt, AttemptState
from schemas.work.manifest import ChunkCommit


@dataclass(frozen=True, slots=True)
class FileAttempts:
    """The tries below one tree, as `FileAttempts`; the caller holds the store while it writes."""

    register: Registry

    def of(self, video_id: str) -> list[Attempt]:
        """Tries of a video's chunks, by chunk and number."""
        found = read_object(self.register.tree.attempts(video_id)) or {}
        return [attempt_rows.attempt_from(row) for row in found.get("attempts", ())]

    def of_videos(self, video_ids: Iterable[str]) -> list[Attempt]:
        found = (one for video_id in dict.fromkeys(video_ids) for one in self.of(video_id))
        return sorted(found, key=lambda one: (one.chunk_id, one.number))

    def put(self, video_id: str, tries: Iterable[Attempt]) -> None:
        """Replace the tries of a video's chunks; none is no file."""
        path, ordered = (
            self.register.tree.attempts(video_id),
            sorted(tries, key=lambda one: (one.chunk_id, one.number)),
        )
        if ordered:
            self.register.put(path, {"attempts": [attempt_rows.attempt_row(one) for one in ordered]})
        else:
            path.unlink(missing_ok=True)

    def record(self, news: Iterable[Attempt]) -> None:
        by_video: dict[str, list[Attempt]] = defaultdict(list)
        for one in news:
            by_video[one.video_id].append(one)
        for video_id, own in by_video.items():
            known = {(one.chunk_id, one.number): one for one in self.of(video_id)}
            for one in own:
                known[one.chunk_id, one.number] = moved(known.get((one.chunk_id, one.number)), one)
            self.put(video_id, known.values())

    def forget(self, video_ids: Iterable[str], *, leased_only: bool) -> None:
        for video_id in dict.fromkeys(video_ids):
            self.put(
                video_id,
                [one for one in self.of(video_id) if leased_only and one.state is not AttemptState.LEASED],
            )

    def newest_numbers(self, commits: Iterable[ChunkCommit]) -> dict[str, int]:
        newest: dict[str, int] = {}
        for video_id in _by_video(commits):
            for one in self.of(video_id):
                newest[one.chunk_id] = max(one.number, newest.get(one.chunk_id, 0))
        return newest

    def end_leased(self, commits: Iterable[ChunkCommit]) -> None:
        for video_id, own in _by_video(commits).items():
            committed, tries = {commit.chunk_id for commit in own}, self.of(video_id)
            left = [
                one for one in tries if one.state is not AttemptState.LEASED or one.chunk_id not in committed
            ]
            if len(left) < len(tries):
                self.put(video_id, left)


def moved(known: Attempt | None, news: Attempt) -> Attempt:
    """A try after an event: what has ended stays, and what the event does not tell stays too."""
    if known is None:
        return news
    if not LEGAL_MOVES[known.state]:
        return known
    told = {f.name: value for f in fields(Attempt) if (value := getattr(news, f.name)) is not None}
    if known.heartbeat_at and news.heartbeat_at and news.heartbeat_at < known.heartbeat_at:
        told["heartbeat_at"] = known.heartbeat_at
    return replace(known, **told)


def _by_video(commits: Iterable[ChunkCommit]) -> dict[str, list[ChunkCommit]]:
    """Those that come from a try that is watched."""
    found: dict[str, list[ChunkCommit]] = defaultdict(list)
    for commit in commits:
        if commit.chunk_id:
            found[commit.line.key.video_id].append(commit)
    return found
