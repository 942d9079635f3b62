"""SubRip subtitles: what is said, as `schemas.annotations.subtitles` writes it for every run."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.annotations.annotation import SPEECH, WORD
from schemas.annotations.subtitles import srt
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.speech_rows import speech_rows
from vaengine.exporting.values.source import Source


def files(source: Source) -> Iterator[OutputFile]:
    """`VIDEO_ID.srt` of each video in which anything is said."""
    for video in source.videos():
        if text := srt(speech_rows(source, video, SPEECH, WORD)):
            yield text_file(f"{video.video_id}.srt", [text])


FORMAT = Format(
    "srt",
    "video players, subtitle editors",
    (SPEECH, WORD),
    files,
    (
        "confidence, language, and times of single words, which decide where a long text is cut",
        "the characters < and >, which become ‹ and ›",
    ),
)
