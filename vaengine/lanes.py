"""A video's scenes and tracks as lanes of an inline SVG, on a card for a notebook: no scripts, any theme."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import cycle
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from vaengine.quantities import clock, counted

if TYPE_CHECKING:
    from vaengine.annotations import VideoAnnotations
    from vaengine.findings import Person, Scene

WIDTH: Final = 720  # units of the drawing, about pixels
LANE: Final = 12
GAP: Final = 3
LANES: Final = 10  # of persons; those who do not fit are counted
NARROWEST: Final = 3  # units; shorter scenes and tracks are drawn as wide, so that no length of video makes a page too heavy to show
TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds between two times on the axis
MOST_TICKS: Final = 8
DIGITS: Final = 12  # of a digest that are shown

# Middle tones, that stand out from white and from black; everything else is drawn in the colour of the text around it.
COLOURS: Final = ("#3b82c4", "#d9772b", "#3f9c5a", "#c4527a", "#8a6fc9", "#a08a2a")


def card(found: VideoAnnotations) -> str:
    """HTML of one video: name, facts, lanes. Whatever comes from outside is escaped; the text takes the notebook's own colours."""
    video = found.video
    facts = [
        clock(video.duration_s),
        counted(video.frame_count, "frame"),
        f"{video.width} x {video.height}",
        f"{video.fps:.4g} fps",
        found.counts,
    ]
    lines = [
        f'<div><b>{_text(PurePath(video.path).name)}</b> <code style="opacity:.7">{_text(video.video_id)}</code></div>',
        f'<div style="opacity:.8">{_text(" · ".join(facts))}</div>',
        *(f"<div>&#9888; {_text(warning)}</div>" for warning in found.warnings),
        *(f'<div style="opacity:.6;font-size:11px">{_text(line)}</div>' for line in _origins(found)),
        drawing(found),
    ]
    return f'<div style="max-width:{WIDTH}px;font-family:system-ui,sans-serif;font-size:13px;line-height:1.5">{"".join(lines)}</div>'


def _origins(found: VideoAnnotations) -> Iterator[str]:
    """What made the results, a line for each pipeline: `person_tracking: fast, yolo, yolo11n.pt, 0ebbc80d4a76, onnx, bytetrack`."""
    for pipeline, made in found.provenance.items():
        if made:
            yield f"{pipeline}: {', '.join(value[:DIGITS] if name == 'sha256' else value for name, value in made.items())}"


def drawing(found: VideoAnnotations) -> str:
    """The lanes as SVG: scenes in turn darker and lighter, below them a bar per track, then the time."""
    scale = WIDTH / max(found.video.duration_s, 1e-9)
    packed = lanes(found.persons, NARROWEST / scale)
    shown, hidden = packed[:LANES], sum(map(len, packed[LANES:]))
    rows = (1 + len(shown)) * (LANE + GAP)
    height = rows + (2 if hidden else 1) * (LANE + GAP)
    more = f'<text x="0" y="{rows + LANE - 2}">and {counted(hidden, "more track")}</text>' if hidden else ""
    parts = [*_scenes(found, scale), *_tracks(shown, scale), more, *_axis(found.video.duration_s, scale, height)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_text(found.counts)}" fill="currentColor" font-size="10"'
        f' style="display:block;width:100%;margin-top:4px" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def lanes(persons: Iterable[Person], least_s: float = 0.0) -> list[list[Person]]:
    """Tracks in as few lanes as hold them without overlap, each taken to last `least_s` or longer: interval partitioning by start."""
    packed: list[list[Person]] = []
    for person in sorted(persons, key=lambda one: (one.start_s, one.person_id)):
        lane = next((lane for lane in packed if max(lane[-1].end_s, lane[-1].start_s + least_s) <= person.start_s), None)
        if lane is None:
            packed.append([person])
        else:
            lane.append(person)
    return packed


def _scenes(found: VideoAnnotations, scale: float) -> Iterator[str]:
    """A bar per scene up to the next one that is drawn; scenes that begin too close behind one are part of its bar."""
    drawn: list[Scene] = []
    for scene in found.scenes:
        if not drawn or (scene.start_s - drawn[-1].start_s) * scale >= NARROWEST:
            drawn.append(scene)
    ends_s = [*(scene.start_s for scene in drawn[1:]), *(scene.end_s for scene in found.scenes[-1:])]
    for scene, end_s, tone in zip(drawn, ends_s, cycle((0.22, 0.42))):
        name = f"{scene.scene_id or 'scene'}: {scene.start_s:.2f} to {scene.end_s:.2f} s"
        yield _bar(scene.start_s * scale, 0, (end_s - scene.start_s) * scale, name, f'fill-opacity="{tone}"')


def _tracks(packed: Sequence[Sequence[Person]], scale: float) -> Iterator[str]:
    for row, lane in enumerate(packed, start=1):
        for person in lane:
            name = f"{person.person_id}: {person.start_s:.2f} to {person.end_s:.2f} s, {counted(len(person.boxes), 'detection')}"
            colour = COLOURS[sum(person.person_id.encode(errors="surrogatepass")) % len(COLOURS)]
            yield _bar(person.start_s * scale, row * (LANE + GAP), person.duration_s * scale, name, f'fill="{colour}" rx="2"')


def _text(text: str) -> str:
    """Text that cannot become markup; bytes of a file name that are no text become question marks."""
    return escape(text.encode(errors="replace").decode())


def _bar(left: float, top: float, width: float, name: str, style: str) -> str:
    return f'<rect x="{left:.1f}" y="{top}" width="{max(width, NARROWEST):.1f}" height="{LANE}" {style}><title>{_text(name)}</title></rect>'


def _axis(duration_s: float, scale: float, height: float) -> Iterator[str]:
    step = next((step for step in TICKS if duration_s / step <= MOST_TICKS), duration_s / MOST_TICKS or 1.0)
    for number in range(int(duration_s / step) + 1):
        left = number * step * scale
        anchor = "start" if number == 0 else "end" if left > WIDTH - 20 else "middle"
        text = clock(number * step) if step >= 1 else f"{number * step:.1f} s"
        yield f'<text x="{left:.1f}" y="{height - 2}" text-anchor="{anchor}" fill-opacity=".7">{text}</text>'
