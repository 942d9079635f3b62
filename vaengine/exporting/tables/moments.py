"""One wide table that a person opens in a spreadsheet: a row for each moment of interest of each video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_IDENTITY,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
)
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.labelled_intervals import LabelledInterval, intervals_of
from vaengine.exporting.values.source import Source
from vaengine.queries.presentation import time_text
from vaengine.timeline.interval_index import IntervalIndex

KINDS: Final = (SCENE_TYPE, PERSON_TRACK, FACE_IDENTITY, SPEECH, SPEAKER, AUDIO_EVENT)
COLUMNS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("video", "from", "to"), "string"),
    **dict.fromkeys(("start_s", "end_s", "duration_s"), "float64"),
    **dict.fromkeys(("what", "who", "label", "scene"), "string"),
    "confidence": "float64",
    **dict.fromkeys(("persons_at_start", "sounds_at_start", "video_id", "video_path"), "string"),
}
_FORMULA: Final = ("=", "+", "-", "@", "\t")  # by which a spreadsheet takes a text for a formula


def moments_of(source: Source, video: ExportedVideo) -> Iterator[dict[str, Any]]:
    """What lasts in a video and is of interest, by start, with who and what is there as it begins."""
    intervals = intervals_of(source, video, *KINDS)
    scenes = IntervalIndex(one for one in intervals if one.kind == SCENE_TYPE)
    persons = IntervalIndex(one for one in intervals if one.kind == PERSON_TRACK)
    sounds = IntervalIndex(one for one in intervals if one.kind == AUDIO_EVENT)
    for one in intervals:
        start_s = max(0.0, one.start_s)
        yield {
            "video": video.file_name,
            "from": time_text(start_s),
            "to": time_text(max(0.0, one.end_s)),
            "start_s": one.start_s,
            "end_s": one.end_s,
            "duration_s": one.end_s - one.start_s,
            "what": one.noun,
            "who": one.who or None,
            "label": one.label,
            "scene": _joined(scenes.at(start_s)),
            "confidence": one.confidence,
            "persons_at_start": _joined(persons.at(start_s)),
            "sounds_at_start": _joined(sounds.at(start_s)),
            "video_id": video.video_id,
            "video_path": video.video.path,
        }


def without_formulas(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with an apostrophe before texts that a spreadsheet would carry out."""
    return {
        name: f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
        for name, value in row.items()
    }


def _joined(intervals: Iterable[LabelledInterval]) -> str | None:
    return ", ".join(dict.fromkeys(one.label for one in intervals)) or None
