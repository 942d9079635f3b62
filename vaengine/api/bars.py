"""What is heard in a video as rows of bars, each with what it says when it is pointed at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from schemas.annotations.subtitles import speaker_name
from vaengine.timeline.palette import ink_on, short_name, tone_of

if TYPE_CHECKING:
    from vaengine.api.video_annotations import VideoAnnotations
    from vaengine.results.audio import Interval, SoundEvent, Speech

    OneStretch = TypeVar("OneStretch", bound=Interval)

PLAIN: Final = 'fill-opacity=".42" rx="2"'  # in the colour of the text around


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch `[start_s, end_s)` with what it says when it is pointed at, how SVG fills it, and the
    `text` in it, of the colour `ink`.
    """

    start_s: float
    end_s: float
    name: str
    style: str = PLAIN
    text: str = ""
    ink: str = "currentColor"

    @classmethod
    def whose(cls, start_s: float, end_s: float, name: str, identity: str, colour: str) -> Bar:
        """Somebody's, in their colour, with their short id in it."""
        return cls(start_s, end_s, name, _filled(colour), short_name(identity), ink_on(colour))


def heard(found: VideoAnnotations, colour_of: Callable[[str], str]) -> Iterator[tuple[str, Iterable[Bar]]]:
    """Rows by name: speech, or voice activity where no text is known, speakers' turns, sound events; only
    those that have anything.
    """
    if found.speech:
        yield "speech", (_speech(one, colour_of) for one in found.speech)
    elif found.voice:
        yield "voice", (Bar(one.start_s, one.end_s, f"voice: {_times(one)}") for one in found.voice)
    if found.speakers:
        yield (
            "speakers",
            (
                Bar.whose(
                    one.start_s,
                    one.end_s,
                    f"{one.speaker_id}: {_times(one)}",
                    one.speaker_id,
                    colour_of(one.speaker_id),
                )
                for one in found.speakers
            ),
        )
    if found.events:
        yield "sound events", map(_event, found.events)


def no_closer(stretches: Iterable[OneStretch], least_s: float) -> Iterator[OneStretch]:
    """Those that begin at least `least_s` after the one before that is kept."""
    last_s: float | None = None
    for one in stretches:
        if last_s is None or one.start_s - last_s >= least_s:
            last_s = one.start_s
            yield one


def _speech(one: Speech, colour_of: Callable[[str], str]) -> Bar:
    who = f"{speaker_name(one.speaker_id)}: " if one.speaker_id else ""
    return Bar(
        one.start_s,
        one.end_s,
        f"{who}{one.text} ({_times(one)})",
        _filled(colour_of(one.speaker_id)) if one.speaker_id else PLAIN,
    )


def _event(one: SoundEvent) -> Bar:
    sure = "" if one.confidence is None else f", {one.confidence:.2f}"
    name = f"{one.label}: {_times(one)}{sure}"
    return Bar(
        one.start_s, one.end_s, name, f'{_filled(tone_of(one.label))} fill-opacity=".65"'
    )  # events may lie upon one another


def _times(one: Interval) -> str:
    return f"{one.start_s:.2f} to {one.end_s:.2f} s"


def _filled(colour: str) -> str:
    return f'fill="{colour}" rx="2"'
