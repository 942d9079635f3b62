"""RTTM speaker turns (NIST), as `schemas.annotations.subtitles` writes them for every run."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.annotations.annotation import SPEAKER
from schemas.annotations.subtitles import rttm
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.speech_rows import speech_rows
from vaengine.exporting.values.source import Source


def files(source: Source) -> Iterator[OutputFile]:
    """`VIDEO_ID.rttm` of each video with speakers; the recording in it is the video's id."""
    for video in source.videos():
        if text := rttm(speech_rows(source, video, SPEAKER), video.video_id):
            yield text_file(f"{video.video_id}.rttm", [text])


FORMAT = Format(
    "rttm",
    "pyannote, dscore, Kaldi",
    (SPEAKER,),
    files,
    ("blanks in names of speakers, which become _",),
)
