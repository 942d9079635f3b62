"""Rows of one annotation type for tidy tables, video after video."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, Annotation
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.source import Source


def table_rows(source: Source, kind: str) -> Iterator[tuple[Annotation, ExportedVideo]]:
    """Each row with its video; boxes between sampled frames are among them where the user wants them."""
    for video in source.videos():
        if source.options.interpolate and kind in (PERSON_DETECTION, FACE_DETECTION):
            yield from ((row, video) for own in source.frames(video, kind) for row in own.rows)
        else:
            yield from ((row, video) for row in source.rows(video, kind))
