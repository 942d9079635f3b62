"""Rows of speech and of turns with names of persons, as subtitles and RTTM show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from schemas.annotations.annotation import Annotation
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.source import Source


def speech_rows(source: Source, video: ExportedVideo, kind: str, *more: str) -> Iterator[Annotation]:
    """Rows of some types of sound; those of `kind` that begin or end before the first frame are counted."""
    for row in source.rows(video, kind, *more):
        start_s, end_s = row.timestamp_seconds or 0.0, row.end_seconds or 0.0
        if row.annotation_type == kind and start_s < 0:
            begins = "begins before the first frame and is cut there"
            reason = begins if end_s > 0 else "is before the first frame"
            source.losses.set(kind, reason, row.annotation_id, 1)
        yield replace(row, speaker_id=video.name_for(row.speaker_id)) if row.speaker_id else row
