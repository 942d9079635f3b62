"""Chooses the video track of a file, and names the tracks that are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.errors import NoVideoTrack


def video_tracks(container: Any) -> list[Any]:
    """The streams of moving pictures, in the order of the file; cover art is left out."""
    from av.stream import Disposition

    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def chosen_track(container: Any, number: int | None, path: str) -> Any | None:
    """The track with this `number`, counted from 0; by default the one that FFmpeg calls best.

    None where the file has no video track. Raises `NoVideoTrack` where it has tracks but not that one.
    """
    tracks = video_tracks(container)
    if not tracks:
        return None
    if number is not None:
        if number >= len(tracks):
            raise NoVideoTrack(path, number, len(tracks))
        return tracks[number]
    best = container.streams.best("video")
    return best if best in tracks else _default_track(tracks)


def _default_track(tracks: Sequence[Any]) -> Any:
    """The first track that is marked as the default, else the first."""
    from av.stream import Disposition

    return next((track for track in tracks if track.disposition & Disposition.default), tracks[0])


def left_out_note(container: Any, chosen: Any) -> str | None:
    """A line that names the other video tracks; None where there are none."""
    tracks = video_tracks(container)
    others = [f"{number} ({_description(track)})" for number, track in enumerate(tracks) if track != chosen]
    if not others:
        return None
    which = "track" if len(others) == 1 else "tracks"
    return (
        f"video {which} {', '.join(others)} left out, track {tracks.index(chosen)} taken: choose with "
        "--set decode.video_track=NUMBER"
    )


def _description(track: Any) -> str:
    coding = track.codec_context.codec.canonical_name if track.codec_context is not None else "unknown coding"
    title = track.metadata.get("title") or track.metadata.get("comment")
    language = track.language if track.language not in (None, "und") else None
    return ", ".join(
        filter(None, (f"{track.width}x{track.height} {coding}", language, f'"{title}"' if title else None))
    )
