"""BORIS projects: observations with events of subjects; a state event has a start and a stop.

Source: BORIS user guide, "Project file"; format 7.0 of version 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from vaengine.importing.document import FrameCount, ImportedEvent, ImportedFile, ImportedVideo
from vaengine.importing.readers.parsing import number, rate_of

NAME: Final = "boris"
_NO_SUBJECT: Final = ("", "No focal subject")
Event = Sequence[Any]  # time, subject, code, modifiers, comment, and in newer versions the frame


def matches(value: Any) -> bool:
    """Whether this is a BORIS project."""
    return isinstance(value, Mapping) and "observations" in value and "behaviors_conf" in value


def read(value: Any) -> ImportedFile:
    """A video for each medium of each observation; raises ValueError and KeyError."""
    conf = value["behaviors_conf"].values()
    states = {one["code"] for one in conf if "state" in str(one["type"]).casefold()}
    observations = value["observations"].items()
    videos = [video for name, observation in observations for video in _videos(name, observation, states)]
    return ImportedFile(NAME, tuple(videos))


def _videos(name: str, observation: Mapping[str, Any], states: set[str]) -> Iterator[ImportedVideo]:
    """The media of the first player: where there are several, one follows the other in time."""
    media = [str(path) for path in observation.get("file", {}).get("1", ())]
    info = observation.get("media_info", {})
    lengths = [number(info.get("length", {}).get(path, 0)) for path in media]
    if len(media) > 1 and not all(lengths):
        raise ValueError(f"observation {name!r} has several media, and the lengths of some are missing")
    rates = [rate_of(info.get("fps", {}).get(path)) for path in media]
    offset_s = number(observation.get("time offset", 0) or 0)
    events = list(_events(name, observation.get("events", ()), states, offset_s))
    starts = [0.0, *accumulate(lengths)]
    for path, rate, start_s, length in zip(
        media or [""], rates or [None], starts, lengths or [0.0], strict=False
    ):
        own = (
            events if len(media) < 2 else [one for one in events if start_s <= one.start_s < start_s + length]
        )
        moved = tuple(_moved(one, -start_s) for one in own)
        yield ImportedVideo(
            path, name, events=moved, counting=FrameCount("clock", rate), duration_s=length or None
        )


def _moved(event: ImportedEvent, by_s: float) -> ImportedEvent:
    end_s = None if event.end_s is None else event.end_s + by_s
    texts = event.subject, event.group, event.text, event.attributes
    return ImportedEvent(event.label, event.start_s + by_s, end_s, *texts)


def _events(name: str, events: Sequence[Event], states: set[str], offset_s: float) -> Iterator[ImportedEvent]:
    begun: dict[tuple[str, str, str], tuple[float, str]] = {}
    for event in sorted(events, key=lambda one: number(one[0])):
        time_s, (subject, code, modifiers, comment) = number(event[0]) - offset_s, map(str, event[1:5])
        state = (subject, code, modifiers)
        if code not in states:
            yield _event(time_s, None, *state, comment)
        elif state in begun:
            start_s, first_comment = begun.pop(state)
            yield _event(start_s, time_s, *state, first_comment or comment)
        else:
            begun[state] = time_s, comment
    if begun:
        (subject, code, _), (start_s, _) = next(iter(begun.items()))
        raise ValueError(
            f"observation {name!r}: {code!r} of {subject or 'nobody'} at {start_s:.3f} s never stops"
        )


def _event(
    start_s: float, end_s: float | None, subject: str, code: str, modifiers: str, comment: str
) -> ImportedEvent:
    told = {"modifiers": modifiers, "comment": comment}
    attributes = {key: text for key, text in told.items() if text and text != "None"}
    return ImportedEvent(
        code,
        start_s,
        end_s,
        None if subject in _NO_SUBJECT else subject,
        text=comment or None,
        attributes=attributes,
    )
