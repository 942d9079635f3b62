"""The lanes of a video's timeline as a page draws them: bars narrower than a pixel are merged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from schemas.annotations.subtitles import speaker_name
from vaengine.timeline.lanes import Bar, Track
from vaengine.timeline.palette import short_name
from vaengine.timeline.video_timeline import VideoTimeline

LaneKind = Literal["scene", "person", "face", "speaker", "sound", "speech", "word", "voice"]
OF_PERSONS: Final = frozenset({"person", "face", "speaker"})
FEW_DETECTIONS: Final = 3  # of a track that is folded away at first


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane: bars in order of time, which may overlap.

    `key` is what all bars are of: the label of a person, face or speaker, or the name of a sound. `is_minor`
    says that hardly anything was seen of it.
    """

    kind: LaneKind
    key: str
    title: str
    colour: str | None
    bars: tuple[Bar, ...]
    is_minor: bool = False

    def within(self, start_s: float, end_s: float, pixels: int) -> Lane:
        """The lane as `pixels` pixels show `[start_s, end_s)`; bars keep their own beginning and end."""
        inside = (bar for bar in self.bars if bar.end_s > start_s and bar.start_s < end_s)
        return replace(self, bars=tuple(merged_bars(inside, (end_s - start_s) / pixels)))

    def named(self, names: Mapping[str, str]) -> Lane:
        """The lane under the name of its person, where it is somebody's; `names` are by label."""
        name = names.get(self.key) if self.kind in OF_PERSONS else None
        return replace(self, title=name) if name else self

    def next_bar(self, time_s: float) -> Bar | None:
        """The first interval that begins at a time or later."""
        return min((bar for bar in self.bars if bar.start_s >= time_s), key=_start_s, default=None)

    def previous_bar(self, time_s: float) -> Bar | None:
        """The last interval that begins before a time."""
        return max((bar for bar in self.bars if bar.start_s < time_s), key=_start_s, default=None)


def lanes_of(timeline: VideoTimeline) -> tuple[Lane, ...]:
    """All lanes of a video from the top.

    Scenes and sounds come first, then persons, faces and speakers in order of appearance, then what is said.
    """
    audio, colours = timeline.audio, timeline.colours
    return tuple(
        lane
        for lane in (
            Lane("scene", "scene", "Scenes", None, timeline.scene_bars),
            *_by_name("sound", audio.event_bars),
            *_of_tracks("person", timeline.person_tracks),
            *_of_tracks("face", timeline.face_tracks),
            *_of_speakers(audio.turn_bars(colours)),
            Lane("speech", "speech", "Speech", None, audio.speech_bars(colours)),
            Lane("word", "word", "Words", None, audio.word_bars(colours)),
            Lane("voice", "voice", "Voice", None, audio.voice_bars),
        )
        if lane.bars
    )


def _start_s(bar: Bar) -> float:
    return bar.start_s


def merged_bars(bars: Iterable[Bar], pixel_s: float) -> Iterator[Bar]:
    """Bars in order of time; those narrower than a pixel are merged with such a neighbour within a pixel.

    The merged bar spans both, and its name says how many it stands for.
    """
    group: list[Bar] = []
    for bar in bars:
        is_narrow = bar.end_s - bar.start_s < pixel_s
        if group and is_narrow and bar.start_s - group[-1].end_s < pixel_s and _fits(group, pixel_s):
            group.append(bar)
            continue
        if group:
            yield _merged(group)
        group = [bar]
    if group:
        yield _merged(group)


def _fits(group: Sequence[Bar], pixel_s: float) -> bool:
    """Whether a group takes more: it is of narrow bars."""
    return group[0].end_s - group[0].start_s < pixel_s


def _merged(group: Sequence[Bar]) -> Bar:
    first = group[0]
    if len(group) == 1:
        return first
    end_s = max(bar.end_s for bar in group)
    return Bar(first.start_s, end_s, f"{len(group)} intervals", "", first.colour)


def _of_tracks(kind: LaneKind, tracks: Iterable[Track]) -> Iterator[Lane]:
    for track in tracks:
        detections = sum(bar.detections or 0 for bar in track.bars)
        title = short_name(track.name) or "Faces"
        is_minor = bool(track.name) and detections < FEW_DETECTIONS
        yield Lane(kind, track.name or kind, title, track.bars[0].colour, track.bars, is_minor)


def _of_speakers(turns: Iterable[Bar]) -> Iterator[Lane]:
    for lane in _by_name("speaker", turns):
        yield replace(lane, title=speaker_name(lane.key), colour=lane.bars[0].colour)


def _by_name(kind: LaneKind, bars: Iterable[Bar]) -> Iterator[Lane]:
    by_name: defaultdict[str, list[Bar]] = defaultdict(list)
    for bar in bars:
        by_name[bar.name].append(bar)
    for name, own in by_name.items():
        yield Lane(kind, name, name.capitalize(), None, tuple(own))
