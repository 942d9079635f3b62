"""What is heard in a video as panels of a plot: voice, speech and speakers, sound events, loudness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from schemas.annotations.annotation import Annotation
from schemas.annotations.subtitles import speaker_name
from schemas.pipelines import AUDIO
from vaengine.console.units import counted
from vaengine.plotting.figure import GREY, LANE_IN, Panel, lane_axis, name_panel, note_above, say_if_empty
from vaengine.results.audio import Loudness, SoundEvent, events_of, speech_of, turns_of, voice_of
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.palette import TONES
from vaengine.timeline.presence import Stretch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LABELS: Final = 12  # sound events of more kinds: those that are heard longest
QUIETEST: Final = -60.0  # dBFS, what is below is drawn there
_MOST_LETTERS: Final = 22

Lane = tuple[str, str, Sequence[Stretch]]  # its name, its colour, and when something is there


def sound_panels(annotations: Sequence[Annotation], colours: Colours, *, is_alone: bool) -> Iterator[Panel]:
    """Panels of what there are rows of; where there are no others, one that says that there is nothing."""
    lanes, events, loudness = (
        speech_lanes(annotations, colours),
        list(events_of(annotations)),
        Loudness.of(annotations),
    )
    if lanes or (is_alone and not events and not len(loudness)):
        yield Panel(max(0.6, len(lanes) * LANE_IN), lambda axes: _draw_speech(axes, lanes))
    if events:
        labels = _by_label(events)
        yield Panel(max(0.3, len(labels) * LANE_IN), lambda axes: _draw_events(axes, labels, len(events)))
    if len(loudness):
        yield Panel(0.9, lambda axes: _draw_loudness(axes, loudness))


def heard_until_s(annotations: Sequence[Annotation]) -> float:
    """When the last row of sound ends."""
    return max(
        (row.end_seconds for row in annotations if row.pipeline == AUDIO and row.end_seconds is not None),
        default=0.0,
    )


def speech_lanes(annotations: Sequence[Annotation], colours: Colours) -> list[Lane]:
    """From the top: voice activity, speech, and each speaker by first turn."""
    voice = [(one.start_s, one.end_s) for one in voice_of(annotations)]
    speech = [(one.start_s, one.end_s) for one in speech_of(annotations)]
    speakers: dict[str, list[Stretch]] = defaultdict(list)
    for turn in turns_of(annotations):
        speakers[turn.speaker_id].append((turn.start_s, turn.end_s))
    own = ((_cut(speaker_name(who)), colours.of(who), turns) for who, turns in speakers.items())
    return [lane for lane in (("voice", TONES[0], voice), ("speech", TONES[2], speech), *own) if lane[2]]


def _draw_speech(axes: Axes, lanes: Sequence[Lane]) -> None:
    name_panel(axes, "speech")
    lane_axis(axes, [name for name, _, _ in lanes], len(lanes))
    for row, (_, colour, stretches) in enumerate(lanes):
        bars = [(start_s, end_s - start_s) for start_s, end_s in stretches]
        axes.broken_barh(bars, (row + 0.12, 0.76), facecolors=colour)
    say_if_empty(axes, lanes, "nothing was heard")


def _draw_events(axes: Axes, labels: Mapping[str, Sequence[SoundEvent]], number: int) -> None:
    """The surer, the darker."""
    name_panel(axes, counted(number, "event"))
    lane_axis(axes, [_cut(label) for label in labels], len(labels))
    for row, events in enumerate(labels.values()):
        for event in events:
            alpha = 0.35 + 0.65 * (1.0 if event.confidence is None else event.confidence)
            axes.broken_barh(
                [(event.start_s, event.end_s - event.start_s)],
                (row + 0.12, 0.76),
                facecolors=TONES[2],
                alpha=alpha,
            )


def _draw_loudness(axes: Axes, loudness: Loudness) -> None:
    name_panel(axes, "loudness\ndBFS")
    times_s = np.append(loudness.times_s, loudness.times_s[-1] + 1)
    rms, peak = (
        np.append(level, level[-1]).clip(QUIETEST, 0) for level in (loudness.rms_dbfs, loudness.peak_dbfs)
    )
    axes.fill_between(times_s, QUIETEST, rms, step="post", color=GREY, alpha=0.35, linewidth=0)
    axes.step(times_s, peak, where="post", color=GREY, linewidth=0.8)
    axes.set_ylim(QUIETEST, 2)
    axes.set_yticks([QUIETEST, QUIETEST / 2, 0])
    note_above(axes, "mean (area) and peak (line) of each second")


def _by_label(events: Sequence[SoundEvent]) -> Mapping[str, Sequence[SoundEvent]]:
    """The labels that are heard longest, in the order in which they are first heard."""
    own: dict[str, list[SoundEvent]] = defaultdict(list)
    for event in events:
        own[event.label].append(event)
    longest = sorted(own, key=lambda label: -sum(event.end_s - event.start_s for event in own[label]))[
        :MOST_LABELS
    ]
    return {label: own[label] for label in own if label in longest}


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
