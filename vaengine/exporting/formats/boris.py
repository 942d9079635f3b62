"""BORIS: a project of all videos with state events, and a table of each for "Paste events".

Source: BORIS user guide, "Project file" (format 7.0): time, subject, behaviour, modifier, comment.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_IDENTITY,
    PERSON_TRACK,
    SCENE_TYPE,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
)
from vaengine.console.units import timestamp
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, compact_json, text_file
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.labelled_intervals import LabelledInterval, intervals_from_zero
from vaengine.exporting.values.source import Source

KINDS: Final = (SCENE_TYPE, PERSON_TRACK, FACE_IDENTITY, SPEAKER, SPEECH, AUDIO_EVENT, VOICE_ACTIVITY)
PLAYERS: Final = range(1, 9)  # that an observation may show
Event = tuple[float, str, str, str, str]  # time in seconds, subject, behaviour, modifier, comment


@dataclass(slots=True)
class _Words:
    """Subjects and behaviours in the order in which they are met."""

    subjects: dict[str, None] = field(default_factory=dict)
    behaviours: dict[str, None] = field(default_factory=dict)

    def meet(self, events: Iterable[Event]) -> None:
        for _, subject, behaviour, _, _ in events:
            self.behaviours[behaviour] = None
            if subject:
                self.subjects[subject] = None


def files(source: Source) -> Iterator[OutputFile]:
    """`vaengine.boris`, and `VIDEO_ID.tsv` of each video in which anything lasts."""
    yield text_file("vaengine.boris", _project(source))
    for video in source.videos():
        if events := _events(source, video):
            lines = ("\t".join(f"{one:.3f}" if isinstance(one, float) else one for one in e) for e in events)
            yield text_file(f"{video.video_id}.tsv", (f"{line}\n" for line in lines))


def _events(source: Source, video: ExportedVideo) -> list[Event]:
    """Beginnings and ends in order of time; what a subject does twice at once begins and ends once."""
    groups: defaultdict[tuple[str, str], list[LabelledInterval]] = defaultdict(list)
    for interval in intervals_from_zero(source, video, *KINDS):
        groups[interval.who, _behaviour(interval)].append(interval)
    states = [
        (start_s, end_s, who, behaviour, comment)
        for (who, behaviour), group in groups.items()
        for start_s, end_s, comment in _merged(source, video, group)
    ]
    events: list[Event] = []
    for start_s, end_s, who, behaviour, comment in states:
        events += [(start_s, who, behaviour, "", comment), (end_s, who, behaviour, "", "")]
    return sorted(events, key=lambda event: event[0])


def _behaviour(interval: LabelledInterval) -> str:
    return f"sound {interval.label}" if interval.kind == AUDIO_EVENT else interval.noun


def _comment(interval: LabelledInterval) -> str:
    return interval.label if interval.kind in (SPEECH, SCENE_TYPE) else ""


def _merged(
    source: Source, video: ExportedVideo, group: list[LabelledInterval]
) -> Iterator[tuple[float, float, str]]:
    """Intervals of one subject and behaviour; those that overlap become one, and are counted as such."""
    start_s, end_s, comments = group[0].start_s, group[0].end_s, [_comment(group[0])]
    joined = 0
    for one in group[1:]:
        if one.start_s < end_s:
            end_s, joined = max(end_s, one.end_s), joined + 1
            comments.append(_comment(one))
        else:
            yield start_s, end_s, " / ".join(filter(None, comments))
            start_s, end_s, comments = one.start_s, one.end_s, [_comment(one)]
    yield start_s, end_s, " / ".join(filter(None, comments))
    reason = "overlaps another state of the same subject and behaviour: the two are one"
    source.losses.set(group[0].kind, reason, f"{video.video_id} {group[0].who} {group[0].label}", joined)


def _project(source: Source) -> Iterator[str]:
    """The project, an observation after the other; who and what there is comes last."""
    words, date = _Words(), timestamp()[:19]
    head = {
        "time_format": "hh:mm:ss",
        "project_date": date,
        "project_name": "vaengine",
        "project_description": source.selection.asked,
        "project_format_version": "7.0",
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    yield json.dumps(head, ensure_ascii=False)[:-1] + ',\n"observations": {'
    mark = "\n"
    for video in source.videos():
        events = _events(source, video)
        words.meet(events)
        yield f"{mark}{json.dumps(video.video_id)}: {compact_json(_observation(video, events, date))}"
        mark = ",\n"
    yield f'}},\n"subjects_conf": {compact_json(_subjects(words))},\n'
    yield f'"behaviors_conf": {compact_json(_behaviours(words))}}}\n'


def _observation(video: ExportedVideo, events: list[Event], date: str) -> dict[str, Any]:
    path = video.video.path
    return {
        "file": {str(player): [path] if player == 1 else [] for player in PLAYERS},
        "type": "MEDIA",
        "date": date,
        "description": "annotated by vaengine",
        "time offset": 0,
        "events": [[round(time_s, 3), *rest] for time_s, *rest in events],
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {path: video.video.duration_s},
            "fps": {path: video.fps},
            "hasVideo": {path: video.video.has_pictures},
            "hasAudio": {path: video.video.sound is not None},
            "offset": {"1": 0.0},
            "zoom level": {"1": 1.0},
        },
    }


def _subjects(words: _Words) -> dict[str, Any]:
    return {
        str(number): {"key": "", "name": name, "description": ""}
        for number, name in enumerate(words.subjects)
    }


def _behaviours(words: _Words) -> dict[str, Any]:
    plain = ("description", "category", "modifiers", "excluded", "coding map", "color", "key")
    return {
        str(number): {"type": "State event", "code": code, **dict.fromkeys(plain, "")}
        for number, code in enumerate(words.behaviours)
    }


FORMAT = Format(
    "boris",
    "BORIS",
    KINDS,
    files,
    ("fractions of a millisecond", "confidence, language, age and gender"),
)
