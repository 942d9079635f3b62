"""Audacity's label tracks: a line for each interval, start, end and label with tabs between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.values.labelled_intervals import LASTING, LabelledInterval, intervals_from_zero
from vaengine.exporting.values.source import Source


def files(source: Source) -> Iterator[OutputFile]:
    """`VIDEO_ID/KIND.txt`: a label track for each kind that a video has."""
    for video in source.videos():
        tracks: defaultdict[str, list[str]] = defaultdict(list)
        for interval in intervals_from_zero(source, video):
            tracks[interval.noun].append(_line(interval))
        for noun, lines in tracks.items():
            yield text_file(f"{video.video_id}/{noun}.txt", lines)


def _line(interval: LabelledInterval) -> str:
    who = f"{interval.who}: " if interval.who and interval.who != interval.label else ""
    return f"{interval.start_s:.6f}\t{interval.end_s:.6f}\t{who}{interval.label}\n"


FORMAT = Format("audacity", "Audacity", LASTING, files, ("confidence, language",))
