"""Audacity's label tracks: start, end and label of each line, with tabs between; times are in seconds.

A track that is called as a kind, such as `speech.txt`, is of the video that its folder is called after, as
vaengine writes it. In a track of speech a speaker stands before what is said: `Ana: hello`. Source: Audacity
manual, "Importing and exporting labels".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from vaengine.importing.document import ImportedEvent, ImportedFile, ImportedVideo
from vaengine.importing.readers.parsing import number, reason

NAME: Final = "audacity"
_SPOKEN: Final = ("speech", "word", "utterance", "transcript", "transcription")  # tracks of what is said
_OF_SOMEBODY: Final = ("person", "face", "speaker", "speaking")  # tracks whose labels are who it is
_KINDS: Final = (*_SPOKEN, *_OF_SOMEBODY, "scene", "sound", "voice")
_FREQUENCIES: Final = "\\"  # begins a line about the label before it
_SPEAKER: Final = re.compile(r"([^:]{1,100}): +(\S.*)")


class LabelTrack(NamedTuple):
    """The names of a file, without its ending, and of its folder, and its lines.

    A line has its number from 1, and cells between tabs.
    """

    name: str
    folder: str
    rows: list[tuple[int, list[str]]]


def matches(track: LabelTrack) -> bool:
    """Whether the first line has two times."""
    cells = track.rows[0][1] if track.rows else []
    try:
        return len([number(cell) for cell in cells[:2]]) == 2
    except ValueError:
        return False


def read(track: LabelTrack) -> ImportedFile:
    """The one recording; raises ValueError."""
    video = track.folder if track.name.casefold() in _KINDS else ""
    return ImportedFile(NAME, (ImportedVideo(video, events=tuple(_events(track))),))


def _events(track: LabelTrack) -> Iterator[ImportedEvent]:
    for line, cells in track.rows:
        if cells[0] == _FREQUENCIES:
            continue
        try:
            yield _event(track.name, *cells)
        except (TypeError, ValueError) as error:
            raise ValueError(f"line {line}: {reason(error)}") from error


def _event(track: str, start: str, end: str, label: str = "") -> ImportedEvent:
    """An event; a label without length is a point in time."""
    start_s, end_s = number(start), number(end)
    subject, text = _subject_in(track.casefold(), label.strip())
    return ImportedEvent(
        text or track, start_s, end_s if end_s != start_s else None, subject, track, text or None
    )


def _subject_in(track: str, label: str) -> tuple[str | None, str]:
    """Whom a label is about, and the rest of it."""
    if track in _OF_SOMEBODY:
        return label or None, label
    found = _SPEAKER.fullmatch(label) if track in _SPOKEN else None
    return (found[1].strip(), found[2]) if found else (None, label)
