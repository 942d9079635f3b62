"""Reads and writes attempts at chunks in a store of files: one file for each video.

Most of them are failures, since a commit ends its attempt.
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
    """See `backend.transaction.Attempts`; the caller has locked the store while it writes."""

    registry: Registry

    def of(self, video_id: str) -> list[Attempt]:
        """The attempts at a video's chunks, by chunk and number."""
        stored = read_object(self.registry.layout.attempts(video_id)) or {}
        return [attempt_rows.attempt_from(row) for row in stored.get("attempts", ())]

    def of_videos(self, video_ids: Iterable[str]) -> list[Attempt]:
        attempts = (attempt for video_id in dict.fromkeys(video_ids) for attempt in self.of(video_id))
        return sorted(attempts, key=lambda attempt: (attempt.chunk_id, attempt.number))

    def put(self, video_id: str, attempts: Iterable[Attempt]) -> None:
        """Replace the attempts at a video's chunks; without attempts there is no file."""
        path = self.registry.layout.attempts(video_id)
        ordered = sorted(attempts, key=lambda attempt: (attempt.chunk_id, attempt.number))
        if ordered:
            self.registry.put(path, {"attempts": [attempt_rows.attempt_row(attempt) for attempt in ordered]})
        else:
            path.unlink(missing_ok=True)

    def record(self, reported: Iterable[Attempt]) -> None:
        by_video: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in reported:
            by_video[attempt.video_id].append(attempt)
        for video_id, video_attempts in by_video.items():
            known = {(attempt.chunk_id, attempt.number): attempt for attempt in self.of(video_id)}
            for attempt in video_attempts:
                known[attempt.chunk_id, attempt.number] = with_report(
                    known.get((attempt.chunk_id, attempt.number)), attempt
                )
            self.put(video_id, known.values())

    def forget(self, video_ids: Iterable[str], *, leased_only: bool) -> None:
        for video_id in dict.fromkeys(video_ids):
            self.put(
                video_id,
                [
                    attempt
                    for attempt in self.of(video_id)
                    if leased_only and attempt.state is not AttemptState.LEASED
                ],
            )

    def newest_numbers(self, commits: Iterable[ChunkCommit]) -> dict[str, int]:
        newest: dict[str, int] = {}
        for video_id in _by_video(commits):
            for attempt in self.of(video_id):
                newest[attempt.chunk_id] = max(attempt.number, newest.get(attempt.chunk_id, 0))
        return newest

    def end_leased(self, commits: Iterable[ChunkCommit]) -> None:
        for video_id, video_attempts in _by_video(commits).items():
            committed, attempts = {commit.chunk_id for commit in video_attempts}, self.of(video_id)
            remaining = [
                attempt
                for attempt in attempts
                if attempt.state is not AttemptState.LEASED or attempt.chunk_id not in committed
            ]
            if len(remaining) < len(attempts):
                self.put(video_id, remaining)


def with_report(known: Attempt | None, reported: Attempt) -> Attempt:
    """A known attempt with what is reported: one that has ended stays, and so do fields not reported."""
    if known is None:
        return reported
    if not LEGAL_MOVES[known.state]:
        return known
    values = {f.name: value for f in fields(Attempt) if (value := getattr(reported, f.name)) is not None}
    if known.heartbeat_at and reported.heartbeat_at and reported.heartbeat_at < known.heartbeat_at:
        values["heartbeat_at"] = known.heartbeat_at
    return replace(known, **values)


def _by_video(commits: Iterable[ChunkCommit]) -> dict[str, list[ChunkCommit]]:
    """The commits that come from an attempt, by video."""
    by_video: dict[str, list[ChunkCommit]] = defaultdict(list)
    for commit in commits:
        if commit.chunk_id:
            by_video[commit.line.key.video_id].append(commit)
    return by_video
