"""What is heard in a video as panels of a plot: voice, speech and speakers, sound events, loudness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from schemas.annotations.annotation import Annotation
from schemas.annotations.subtitles import speaker_name
from schemas.pipelines import AUDIO
from vaengine.console.units import counted
from vaengine.plotting.figure import (
    GREY,
    LANE_IN,
    Panel,
    draw_bars,
    lane_axis,
    name_panel,
    note_above,
    say_if_empty,
)
from vaengine.results.audio import Loudness
from vaengine.timeline.lanes import Bar, Track, tracks_by_name
from vaengine.timeline.palette import NO_TRACK, TONES
from vaengine.timeline.video_timeline import VideoTimeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LABELS: Final = 12  # sound events of more kinds: those that are heard longest
QUIETEST: Final = -60.0  # dBFS, what is below is drawn there
_MOST_LETTERS: Final = 22

Lane = tuple[str, str, Sequence[Bar]]  # its name, its colour, and when something is there


def sound_panels(timeline: VideoTimeline, *, is_alone: bool) -> Iterator[Panel]:
    """Panels of what there is; where there are no others, one that says that there is nothing."""
    lanes, events, loudness = speech_lanes(timeline), timeline.audio.event_bars, timeline.audio.loudness
    if lanes or (is_alone and not events and not len(loudness)):
        yield Panel(max(0.6, len(lanes) * LANE_IN), lambda axes: _draw_speech(axes, lanes))
    if events:
        labels = _longest(tracks_by_name(events))
        yield Panel(max(0.3, len(labels) * LANE_IN), lambda axes: _draw_events(axes, labels, len(events)))
    if len(loudness):
        yield Panel(0.9, lambda axes: _draw_loudness(axes, loudness))


def heard_until_s(annotations: Sequence[Annotation]) -> float:
    """When the last row of sound ends."""
    return max(
        (row.end_seconds for row in annotations if row.pipeline == AUDIO and row.end_seconds is not None),
        default=0.0,
    )


def speech_lanes(timeline: VideoTimeline) -> list[Lane]:
    """From the top: voice activity, speech, and each speaker by first turn."""
    audio, colours = timeline.audio, timeline.colours
    speakers = tracks_by_name(audio.turn_bars(colours))
    lanes: list[Lane] = [
        ("voice", TONES[0], audio.voice_bars),
        ("speech", TONES[2], audio.speech_bars(colours)),
        *((_cut(speaker_name(own.name)), own.bars[0].colour or NO_TRACK, own.bars) for own in speakers),
    ]
    return [lane for lane in lanes if lane[2]]


def _draw_speech(axes: Axes, lanes: Sequence[Lane]) -> None:
    name_panel(axes, "speech")
    lane_axis(axes, [name for name, _, _ in lanes], len(lanes))
    for row, (_, colour, bars) in enumerate(lanes):
        draw_bars(axes, row, bars, colour)
    say_if_empty(axes, lanes, "nothing was heard")


def _draw_events(axes: Axes, labels: Sequence[Track], number: int) -> None:
    """The surer, the darker."""
    name_panel(axes, counted(number, "event"))
    lane_axis(axes, [_cut(track.name) for track in labels], len(labels))
    for row, track in enumerate(labels):
        for bar in track.bars:
            alpha = 0.35 + 0.65 * (1.0 if bar.confidence is None else bar.confidence)
            draw_bars(axes, row, [bar], TONES[2], alpha)


def _draw_loudness(axes: Axes, loudness: Loudness) -> None:
    name_panel(axes, "loudness\ndBFS")
    times_s = np.append(loudness.times_s, loudness.times_s[-1] + 1)
    levels = (loudness.rms_dbfs, loudness.peak_dbfs)
    rms, peak = (np.append(level, level[-1]).clip(QUIETEST, 0) for level in levels)
    axes.fill_between(times_s, QUIETEST, rms, step="post", color=GREY, alpha=0.35, linewidth=0)
    axes.step(times_s, peak, where="post", color=GREY, linewidth=0.8)
    axes.set_ylim(QUIETEST, 2)
    axes.set_yticks([QUIETEST, QUIETEST / 2, 0])
    note_above(axes, "mean (area) and peak (line) of each second")


def _longest(labels: Sequence[Track]) -> list[Track]:
    """The labels that are heard longest, in the order in which they are first heard."""

    def length_s(track: Track) -> float:
        return sum(bar.end_s - bar.start_s for bar in track.bars)

    longest = {track.name for track in sorted(labels, key=length_s, reverse=True)[:MOST_LABELS]}
    return [track for track in labels if track.name in longest]


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
