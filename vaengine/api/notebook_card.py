"""What is in a video as lanes of an inline SVG, on a card for a notebook: no scripts, any theme."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, TypeVar

from schemas.annotations.annotation import FACE_DETECTION
from schemas.pipelines import FACE, PERSON
from vaengine.api.bars import Bar, heard, no_closer
from vaengine.console.units import clock, counted, time_step_s
from vaengine.timeline.cast import colours_of
from vaengine.timeline.colour_assignment import Colours
from vaengine.timeline.palette import short_name
from vaengine.timeline.presence import Presence

if TYPE_CHECKING:
    from vaengine.api.video_annotations import VideoAnnotations
    from vaengine.results.audio import Interval
    from vaengine.results.faces import FaceIdentity
    from vaengine.results.vision import Person, Scene

    OneStretch = TypeVar("OneStretch", bound=Interval)

WIDTH: Final = 720  # units of the drawing, about pixels
LANE: Final = 12
GAP: Final = 3
LANES: Final = 10  # of persons; those who do not fit are counted
FACE_LANES: Final = 4
# units; shorter scenes and tracks are drawn as wide, so that no length of video makes a page too heavy to
# show
NARROWEST: Final = 3
MOST_TICKS: Final = 8
DIGITS: Final = 12  # of a digest that are shown

LETTER: Final = 6.5  # units that a letter is wide, about


def card(found: VideoAnnotations) -> str:
    """HTML of one video: name, facts, lanes.

    Whatever comes from outside is escaped; the text takes the notebook's own colours.
    """
    video = found.video
    lines = [
        f"<div><b>{_text(PurePath(video.path).name)}</b> <code "
        f'style="opacity:.7">{_text(video.video_id)}</code></div>',
        f'<div style="opacity:.8">{_text(" · ".join((*_facts(found), found.counts)))}</div>',
        *(f"<div>&#9888; {_text(warning)}</div>" for warning in found.warnings),
        *(f'<div style="opacity:.6;font-size:11px">{_text(line)}</div>' for line in _origins(found)),
        drawing(found),
    ]
    style = f"max-width:{WIDTH}px;font-family:system-ui,sans-serif;font-size:13px;line-height:1.5"
    return f'<div style="{style}">{"".join(lines)}</div>'


def _facts(found: VideoAnnotations) -> tuple[str, ...]:
    video = found.video
    if not video.has_pictures:
        return clock(video.duration_s), "sound alone"
    return (
        clock(video.duration_s),
        counted(video.frame_count, "frame"),
        f"{video.width} x {video.height}",
        f"{video.fps:.4g} fps",
    )


def _origins(found: VideoAnnotations) -> Iterator[str]:
    """What made the results, a line for each pipeline: `person_tracking: fast, yolo, yolo11n.pt,
    0ebbc80d4a76, onnx, bytetrack`.
    """
    for pipeline, made in found.provenance.items():
        if made:
            yield (
                f"{pipeline}: "
                f"{', '.join(value[:DIGITS] if name == 'sha256' else value for name, value in made.items())}"
            )


def drawing(found: VideoAnnotations) -> str:
    """The lanes as SVG: scenes in turn darker and lighter, a bar per track, faces and what is heard where
    there is any, then the time.
    """
    scale = WIDTH / max(found.video.duration_s, 1e-9)
    parts, height = _stacked(_rows(found, NARROWEST / scale), scale)
    axis = _axis(found.video.duration_s, scale, height + LANE + GAP)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height + LANE + GAP}" role="img" aria-label="{_text(found.counts)}" '
        'fill="currentColor" font-size="10"'
        ' style="display:block;width:100%;margin-top:4px" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join((*parts, *axis))}</svg>'
    )


def lanes(persons: Iterable[OneStretch], least_s: float = 0.0) -> list[list[OneStretch]]:
    """Tracks in as few lanes as hold them without overlap, each taken to last `least_s` or longer:
    interval partitioning by start.
    """
    packed: list[list[OneStretch]] = []
    for person in sorted(persons, key=lambda one: (one.start_s, one.end_s)):
        lane = next(
            (lane for lane in packed if max(lane[-1].end_s, lane[-1].start_s + least_s) <= person.start_s),
            None,
        )
        if lane is None:
            packed.append([person])
        else:
            lane.append(person)
    return packed


def _rows(found: VideoAnnotations, least_s: float) -> Iterator[str | Sequence[Bar]]:
    """Lanes of bars from the top, and lines of text between them."""
    rates, rows = found.sample_rates, found.annotations
    persons, faces = (
        Presence.of(rows, rates.get(PERSON)),
        Presence.of(rows, rates.get(FACE), kind=FACE_DETECTION),
    )
    colours = colours_of(rows, persons, faces)
    if found.video.has_pictures and found.scenes:
        yield "scenes"
        yield list(_scenes(found.scenes, least_s))
    if found.persons:
        yield "persons"
        yield from _tracks(_tracked(found.persons, persons), colours, least_s, LANES, "track")
    if found.faces:
        yield "faces"
        yield from _tracks(_tracked(found.faces, faces), colours, least_s, FACE_LANES, "face")
    for name, bars in heard(found, colours.of):
        yield name
        yield list(no_closer(bars, least_s))


def _stacked(rows: Iterable[str | Sequence[Bar]], scale: float) -> tuple[list[str], int]:
    """Their SVG, and how far down they reach."""
    parts: list[str] = []
    top = 0
    for row in rows:
        if isinstance(row, str):
            parts.append(f'<text x="0" y="{top + LANE - 2}" fill-opacity=".7">{_text(row)}</text>')
        else:
            parts.extend(_bar(bar, top, scale) for bar in row)
        top += LANE + GAP
    return parts, top


def _scenes(scenes: Sequence[Scene], least_s: float) -> Iterator[Bar]:
    """A bar per scene up to the next one that is drawn; scenes that begin too close behind one are part
    of its bar.
    """
    drawn = list(no_closer(scenes, least_s))
    ends_s = [*(scene.start_s for scene in drawn[1:]), *(scene.end_s for scene in scenes[-1:])]
    for scene, end_s, tone in zip(drawn, ends_s, cycle((0.22, 0.42))):
        name = f"{scene.scene_id or 'scene'}: {scene.start_s:.2f} to {scene.end_s:.2f} s"
        yield Bar(scene.start_s, end_s, name, f'fill-opacity="{tone}"', short_name(scene.scene_id or ""))


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch in which somebody is there without a gap, and the number of boxes in it."""

    start_s: float
    end_s: float
    boxes: int


@dataclass(frozen=True, slots=True)
class _Track:
    """Somebody, from first to last sight, and the parts of that in which they are really there."""

    identity: str
    parts: tuple[_Part, ...]

    @property
    def start_s(self) -> float:
        return self.parts[0].start_s

    @property
    def end_s(self) -> float:
        return self.parts[-1].end_s


def _tracked(tracks: Sequence[Person | FaceIdentity], presence: Presence) -> list[_Track]:
    """With gaps where the boxes have them; a track without boxes lasts as long as its row says."""
    return [_Track(_identity(one), tuple(_parts(one, presence))) for one in tracks]


def _parts(one: Person | FaceIdentity, presence: Presence) -> Iterator[_Part]:
    groups = presence.sampling.grouped(presence.tracks.get(_identity(one), ()))
    yield from (_Part(*presence.sampling.run(group), len(group)) for group in groups)
    if not groups:
        yield _Part(one.start_s, one.end_s, 0)


def _identity(one: Person | FaceIdentity) -> str:
    return str(getattr(one, "face_id", None) or getattr(one, "person_id", None) or "")


def _tracks(
    tracks: Sequence[_Track], colours: Colours, least_s: float, most: int, noun: str
) -> Iterator[str | Sequence[Bar]]:
    packed = lanes(tracks, least_s)
    yield from ([bar for one in lane for bar in _bars(one, colours, least_s)] for lane in packed[:most])
    if hidden := sum(map(len, packed[most:])):
        yield f"and {counted(hidden, f'more {noun}')}"


def _bars(one: _Track, colours: Colours, least_s: float) -> Iterator[Bar]:
    for part in _visible(one.parts, least_s):
        name = f"{one.identity}: {part.start_s:.2f} to {part.end_s:.2f} s, {counted(part.boxes, 'detection')}"
        yield Bar.whose(part.start_s, part.end_s, name, one.identity, colours.of(one.identity))


def _visible(parts: Sequence[_Part], least_s: float) -> list[_Part]:
    """Those that begin too close behind one another to be told apart as one."""
    shown: list[_Part] = []
    for part in parts:
        if shown and part.start_s - shown[-1].start_s < least_s:
            before = shown[-1]
            shown[-1] = _Part(before.start_s, max(before.end_s, part.end_s), before.boxes + part.boxes)
        else:
            shown.append(part)
    return shown


def _text(text: str) -> str:
    """Text that cannot become markup; bytes of a file name that are no text become question marks."""
    return escape(text.encode(errors="replace").decode())


def _bar(bar: Bar, top: int, scale: float) -> str:
    left, right = (min(WIDTH, max(0.0, time_s * scale)) for time_s in (bar.start_s, bar.end_s))
    left = min(left, WIDTH - NARROWEST)
    width = max(right - left, NARROWEST)
    drawn = (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{LANE}" '
        f"{bar.style}><title>{_text(bar.name)}</title></rect>"
    )
    if not bar.text or len(bar.text) * LETTER + 4 > width:
        return drawn
    place = f'x="{left + 3:.1f}" y="{top + LANE - 2}" fill="{bar.ink}" pointer-events="none"'
    return f"{drawn}<text {place}>{_text(bar.text)}</text>"


def _axis(duration_s: float, scale: float, height: float) -> Iterator[str]:
    step = time_step_s(duration_s, MOST_TICKS) or duration_s / MOST_TICKS
    for number in range(int(duration_s / step) + 1):
        left = number * step * scale
        anchor = "start" if number == 0 else "end" if left > WIDTH - 20 else "middle"
        text = clock(number * step) if step >= 1 else f"{number * step:.1f} s"
        yield f'<text x="{left:.1f}" y="{height - 2}" text-anchor="{anchor}" fill-opacity=".7">{text}</text>'
