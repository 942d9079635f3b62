"""Praat TextGrid, long form: interval tiers without gaps or overlap, times in seconds.

Source: Praat manual, "TextGrid file formats".
"""

from __future__ import annotations

from collections.abc import Iterator

from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.labelled_intervals import LASTING, Span, Tier, tiers_of
from vaengine.exporting.values.source import Source


def files(source: Source) -> Iterator[OutputFile]:
    """`VIDEO_ID.TextGrid` of each video in which anything lasts: Praat opens none without tiers."""
    for video in source.videos():
        if tiers := tiers_of(source, video):
            yield text_file(f"{video.video_id}.TextGrid", _document(video, tiers))


def _document(video: ExportedVideo, tiers: list[Tier]) -> Iterator[str]:
    end_ms = max(round(video.video.duration_s * 1000), *(tier.spans[-1].end_ms for tier in tiers))
    yield 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    yield f"xmin = 0\nxmax = {_seconds(end_ms)}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n"
    for number, tier in enumerate(tiers, start=1):
        spans = list(_without_gaps(tier.spans, end_ms))
        yield f'    item [{number}]:\n        class = "IntervalTier"\n        name = {_quoted(tier.name)}\n'
        yield f"        xmin = 0\n        xmax = {_seconds(end_ms)}\n        intervals: size = {len(spans)}\n"
        for place, span in enumerate(spans, start=1):
            yield (
                f"        intervals [{place}]:\n            xmin = {_seconds(span.start_ms)}\n"
                f"            xmax = {_seconds(span.end_ms)}\n            text = {_quoted(span.label)}\n"
            )


def _without_gaps(spans: tuple[Span, ...], end_ms: int) -> Iterator[Span]:
    reached_ms = 0
    for span in spans:
        if span.start_ms > reached_ms:
            yield Span(reached_ms, span.start_ms, "")
        yield span
        reached_ms = span.end_ms
    if reached_ms < end_ms:
        yield Span(reached_ms, end_ms, "")


def _seconds(time_ms: int) -> str:
    return f"{time_ms / 1000:.3f}"


def _quoted(text: str) -> str:
    """In quotes, those inside doubled."""
    return '"' + text.replace('"', '""') + '"'


FORMAT = Format(
    "textgrid",
    "Praat, praatio, parselmouth",
    LASTING,
    files,
    ("fractions of a millisecond", "confidence, language, age and gender"),
)
