"""A card of one video for a notebook: HTML with its timeline as SVG, without scripts, for any theme."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle
from typing import Final

from schemas.paths import name_of
from schemas.work.provenance import Provenance
from vaengine.console.units import clock, counted, time_step_s
from vaengine.results.audio import Interval
from vaengine.results.vision import VideoFacts
from vaengine.timeline.lanes import Bar, Track, joined, pack, spaced
from vaengine.timeline.palette import ink_on
from vaengine.timeline.video_timeline import VideoTimeline

WIDTH: Final = 720  # units of the drawing, about pixels
LANE: Final = 12
GAP: Final = 3
LANES: Final = 10  # of persons; those who do not fit are counted
FACE_LANES: Final = 4
# Units. Shorter bars are drawn as wide, so that no length of video makes a page too heavy to show.
NARROWEST: Final = 3
MOST_TICKS: Final = 8
DIGITS: Final = 12  # of a digest that are shown
LETTER: Final = 6.5  # units that a letter is wide, about
PLAIN: Final = 'fill-opacity=".42" rx="2"'  # in the colour of the text around
OUTER: Final = "font-family:system-ui,sans-serif;font-size:13px;line-height:1.5"
SMALL: Final = "opacity:.6;font-size:11px"

Known = Sequence[tuple[str, Interval]]  # ids in order, and their first and last sight


@dataclass(frozen=True, slots=True)
class _Rect:
    """A rectangle of the drawing: its extent in seconds, its tooltip, its SVG style, and the text in it."""

    start_s: float
    end_s: float
    title: str
    style: str = PLAIN
    text: str = ""
    ink: str = "currentColor"


def card(
    video: VideoFacts,
    timeline: VideoTimeline,
    persons: Known,
    faces: Known,
    *,
    counts: str,
    warnings: Sequence[str] = (),
    provenance: Mapping[str, Provenance] | None = None,
) -> str:
    """HTML of one video: name, facts, `counts` of what was found, warnings, what made the results, and lanes.

    Whatever comes from outside is escaped; the text takes the notebook's own colours.
    """
    name = _text(name_of(video.path))
    facts = _text(" · ".join((*_facts(video), counts)))
    lines = [
        f'<div><b>{name}</b> <code style="opacity:.7">{_text(video.video_id)}</code></div>',
        f'<div style="opacity:.8">{facts}</div>',
        *(f"<div>&#9888; {_text(warning)}</div>" for warning in warnings),
        *(f'<div style="{SMALL}">{_text(line)}</div>' for line in _origins(provenance or {})),
        _drawing(video, timeline, persons, faces, counts),
    ]
    return f'<div style="max-width:{WIDTH}px;{OUTER}">{"".join(lines)}</div>'


def _facts(video: VideoFacts) -> tuple[str, ...]:
    if not video.has_pictures:
        return clock(video.duration_s), "sound alone"
    frames = counted(video.frame_count, "frame")
    return clock(video.duration_s), frames, f"{video.width} x {video.height}", f"{video.fps:.4g} fps"


def _origins(provenance: Mapping[str, Provenance]) -> Iterator[str]:
    """What made the results, a line a pipeline: `person_tracking: fast, yolo, yolo11n.pt, 0ebbc80d4a76`."""
    for pipeline, made in provenance.items():
        if made:
            values = (value[:DIGITS] if name == "sha256" else value for name, value in made.items())
            yield f"{pipeline}: {', '.join(values)}"


def _drawing(video: VideoFacts, timeline: VideoTimeline, persons: Known, faces: Known, counts: str) -> str:
    """The lanes as SVG: scenes, persons, faces and what is heard where there is any, then the time."""
    scale = WIDTH / max(video.duration_s, 1e-9)
    scenes = timeline.scene_bars if video.has_pictures else ()
    parts, height = _stacked(_rows(timeline, scenes, persons, faces, NARROWEST / scale), scale)
    axis = _axis(video.duration_s, scale, height + LANE + GAP)
    size = f'viewBox="0 0 {WIDTH} {height + LANE + GAP}"'
    look = f'role="img" aria-label="{_text(counts)}" fill="currentColor" font-size="10"'
    style = 'style="display:block;width:100%;margin-top:4px" xmlns="http://www.w3.org/2000/svg"'
    return f"<svg {size} {look} {style}>{''.join((*parts, *axis))}</svg>"


def _rows(
    timeline: VideoTimeline,
    scenes: Sequence[Bar],
    persons: Known,
    faces: Known,
    least_s: float,
) -> Iterator[str | Sequence[_Rect]]:
    """Lanes from the top, and lines of text between them."""
    if scenes:
        yield "scenes"
        yield list(_scenes(scenes, least_s))
    if persons:
        yield "persons"
        yield from _tracks(_known_tracks(persons, timeline.person_tracks, timeline), least_s, LANES, "track")
    if faces:
        yield "faces"
        known = _known_tracks(faces, timeline.known_face_tracks, timeline)
        yield from _tracks(known, least_s, FACE_LANES, "face")
    yield from _heard(timeline, least_s)


def _heard(timeline: VideoTimeline, least_s: float) -> Iterator[str | Sequence[_Rect]]:
    """Speech, or voice activity where no text is known, speakers' turns, sound events; only what there is."""
    audio, colours = timeline.audio, timeline.colours
    if audio.speech:
        yield "speech"
        yield [_unlabelled(bar) for bar in spaced(audio.speech_bars(colours), least_s)]
    elif audio.voice:
        yield "voice"
        yield [_unlabelled(bar) for bar in spaced(audio.voice_bars, least_s)]
    if audio.turns:
        yield "speakers"
        yield [_labelled(bar) for bar in spaced(audio.turn_bars(colours), least_s)]
    if audio.events:
        yield "sound events"
        yield [_unlabelled(bar, 'fill-opacity=".65"') for bar in spaced(audio.event_bars, least_s)]


def _scenes(scenes: Sequence[Bar], least_s: float) -> Iterator[_Rect]:
    """In turn lighter and darker, each up to the next; scenes that start too close to one are part of it."""
    drawn = list(spaced(scenes, least_s))
    ends_s = [*(scene.start_s for scene in drawn[1:]), *(scene.end_s for scene in scenes[-1:])]
    for scene, end_s, tone in zip(drawn, ends_s, cycle((0.22, 0.42))):
        yield _Rect(scene.start_s, end_s, scene.title, f'fill-opacity="{tone}"', scene.label)


def _known_tracks(known: Known, tracks: Iterable[Track], timeline: VideoTimeline) -> list[Track]:
    """The tracks of these ids; of one without boxes a track as long as its row says."""
    by_name = {track.name: track for track in tracks}
    return [by_name.get(name) or timeline.track(name, seen.start_s, seen.end_s) for name, seen in known]


def _tracks(tracks: Iterable[Track], least_s: float, most: int, noun: str) -> Iterator[str | Sequence[_Rect]]:
    ordered = sorted(tracks, key=lambda track: (track.start_s, track.end_s))
    lanes = pack(ordered, min_length_s=least_s).lanes
    for lane in lanes[:most]:
        yield [_labelled(bar) for track in lane for bar in joined(track.bars, least_s)]
    if hidden := sum(map(len, lanes[most:])):
        yield f"and {counted(hidden, f'more {noun}')}"


def _labelled(bar: Bar) -> _Rect:
    if bar.colour is None:
        return _Rect(bar.start_s, bar.end_s, bar.title, text=bar.label)
    return _Rect(bar.start_s, bar.end_s, bar.title, _filled(bar.colour), bar.label, ink_on(bar.colour))


def _unlabelled(bar: Bar, opacity: str = "") -> _Rect:
    """A bar that may overlap others, so that a text in it could not be read."""
    style = PLAIN if bar.colour is None else f"{_filled(bar.colour)} {opacity}".rstrip()
    return _Rect(bar.start_s, bar.end_s, bar.title, style)


def _filled(colour: str) -> str:
    return f'fill="{colour}" rx="2"'


def _stacked(rows: Iterable[str | Sequence[_Rect]], scale: float) -> tuple[list[str], int]:
    """Their SVG, and how far down they reach."""
    parts: list[str] = []
    top = 0
    for row in rows:
        if isinstance(row, str):
            parts.append(f'<text x="0" y="{top + LANE - 2}" fill-opacity=".7">{_text(row)}</text>')
        else:
            parts.extend(_rect(rect, top, scale) for rect in row)
        top += LANE + GAP
    return parts, top


def _rect(rect: _Rect, top: int, scale: float) -> str:
    """Kept within the drawing, whenever it begins and ends."""
    left, right = (min(WIDTH, max(0.0, time_s * scale)) for time_s in (rect.start_s, rect.end_s))
    left = min(left, WIDTH - NARROWEST)
    width = max(right - left, NARROWEST)
    place = f'x="{left:.1f}" y="{top}" width="{width:.1f}" height="{LANE}"'
    drawn = f"<rect {place} {rect.style}><title>{_text(rect.title)}</title></rect>"
    if not rect.text or len(rect.text) * LETTER + 4 > width:
        return drawn
    place = f'x="{left + 3:.1f}" y="{top + LANE - 2}" fill="{rect.ink}" pointer-events="none"'
    return f"{drawn}<text {place}>{_text(rect.text)}</text>"


def _axis(duration_s: float, scale: float, height: float) -> Iterator[str]:
    step = time_step_s(duration_s, MOST_TICKS) or duration_s / MOST_TICKS
    for number in range(int(duration_s / step) + 1):
        left = number * step * scale
        anchor = "start" if number == 0 else "end" if left > WIDTH - 20 else "middle"
        text = clock(number * step) if step >= 1 else f"{number * step:.1f} s"
        place = f'x="{left:.1f}" y="{height - 2}" text-anchor="{anchor}"'
        yield f'<text {place} fill-opacity=".7">{text}</text>'


def _text(text: str) -> str:
    """Text that cannot become markup; bytes of a file name that are no text become question marks."""
    return escape(text.encode(errors="replace").decode())
