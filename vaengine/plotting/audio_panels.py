"""The panels of a plot for audio results: voice, speech, speakers, audio events, loudness."""

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

MAX_LABELS: Final = 12  # labels of audio events; of more those with the longest events are drawn
MIN_DBFS: Final = -60.0  # lower levels are drawn there
_MAX_NAME_LENGTH: Final = 22  # characters

Lane = tuple[str, str, Sequence[Bar]]  # name, colour, bars


def sound_panels(timeline: VideoTimeline, *, is_alone: bool) -> Iterator[Panel]:
    """Yield the panels with content; `is_alone` yields one in any case, which says that there is none."""
    lanes, events, loudness = speech_lanes(timeline), timeline.audio.event_bars, timeline.audio.loudness
    if lanes or (is_alone and not events and not len(loudness)):
        yield Panel(max(0.6, len(lanes) * LANE_IN), lambda axes: _draw_speech(axes, lanes))
    if events:
        tracks = _longest(tracks_by_name(events))
        yield Panel(max(0.3, len(tracks) * LANE_IN), lambda axes: _draw_events(axes, tracks, len(events)))
    if len(loudness):
        yield Panel(0.9, lambda axes: _draw_loudness(axes, loudness))


def audio_end_s(annotations: Sequence[Annotation]) -> float:
    """The end of the last audio row in seconds; 0 without any."""
    return max(
        (row.end_seconds for row in annotations if row.pipeline == AUDIO and row.end_seconds is not None),
        default=0.0,
    )


def speech_lanes(timeline: VideoTimeline) -> list[Lane]:
    """The lanes with content, from the top: voice activity, speech, each speaker in order of first turn."""
    audio, colours = timeline.audio, timeline.colours
    speakers = tracks_by_name(audio.turn_bars(colours))
    lanes: list[Lane] = [
        ("voice", TONES[0], audio.voice_bars),
        ("speech", TONES[2], audio.speech_bars(colours)),
        *(
            (_short(speaker_name(track.name)), track.bars[0].colour or NO_TRACK, track.bars)
            for track in speakers
        ),
    ]
    return [(name, colour, bars) for name, colour, bars in lanes if bars]


def _draw_speech(axes: Axes, lanes: Sequence[Lane]) -> None:
    name_panel(axes, "speech")
    lane_axis(axes, [name for name, _, _ in lanes], len(lanes))
    for row, (_, colour, bars) in enumerate(lanes):
        draw_bars(axes, row, bars, colour)
    say_if_empty(axes, lanes, "nothing was heard")


def _draw_events(axes: Axes, tracks: Sequence[Track], count: int) -> None:
    """Draw a lane for each label; events with a higher confidence are darker."""
    name_panel(axes, counted(count, "event"))
    lane_axis(axes, [_short(track.name) for track in tracks], len(tracks))
    for row, track in enumerate(tracks):
        for bar in track.bars:
            alpha = 0.35 + 0.65 * (1.0 if bar.confidence is None else bar.confidence)
            draw_bars(axes, row, [bar], TONES[2], alpha)


def _draw_loudness(axes: Axes, loudness: Loudness) -> None:
    name_panel(axes, "loudness\ndBFS")
    times_s = np.append(loudness.times_s, loudness.times_s[-1] + 1)
    levels = (loudness.rms_dbfs, loudness.peak_dbfs)
    rms, peak = (np.append(level, level[-1]).clip(MIN_DBFS, 0) for level in levels)
    axes.fill_between(times_s, MIN_DBFS, rms, step="post", color=GREY, alpha=0.35, linewidth=0)
    axes.step(times_s, peak, where="post", color=GREY, linewidth=0.8)
    axes.set_ylim(MIN_DBFS, 2)
    axes.set_yticks([MIN_DBFS, MIN_DBFS / 2, 0])
    note_above(axes, "mean (area) and peak (line) of each second")


def _longest(tracks: Sequence[Track]) -> list[Track]:
    """The tracks with the longest events, in the given order."""

    def length_s(track: Track) -> float:
        return sum(bar.end_s - bar.start_s for bar in track.bars)

    longest = {track.name for track in sorted(tracks, key=length_s, reverse=True)[:MAX_LABELS]}
    return [track for track in tracks if track.name in longest]


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LENGTH else f"{name[: _MAX_NAME_LENGTH - 1]}…"
