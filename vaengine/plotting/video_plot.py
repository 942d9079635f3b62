"""A plot of one video's results: a panel for each kind of what is seen and heard, over one time axis.

Nothing here touches pyplot or its global state: each function makes a `Figure` of its own, which a notebook
shows as it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.annotations.annotation import Annotation
from schemas.errors import UsageError
from schemas.paths import name_of
from schemas.pipelines import AUDIO
from vaengine.console.units import clock
from vaengine.plotting.audio_panels import heard_until_s, sound_panels
from vaengine.plotting.figure import DPI, WIDTH_IN, style, time_axis, title_figure
from vaengine.plotting.vision_panels import face_panels, person_panels
from vaengine.rendering.source_marks import PLACES, SourceMark
from vaengine.results.lookup import VideoResults
from vaengine.timeline.video_timeline import VideoTimeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Final = ("png", "svg", "pdf")


def plot_results(results: VideoResults) -> Figure:
    """What a store holds of one video, with its name, its length and what made the results in the title."""
    video = results.video
    picture = "sound alone"
    if video.has_pictures:
        picture = f"{float(video.nominal_fps):.4g} fps · {video.width} × {video.height}"
    title = f"{name_of(video.path)}\n{clock(video.duration_s)} · {picture} · {results.provenance}"
    return plot_video(
        results.annotations,
        title=title,
        duration_s=video.duration_s,
        sample_fps=results.sample_fps,
        face_fps=results.face_fps,
        has_pictures=video.has_pictures,
    )


def plot_video(
    annotations: Sequence[Annotation],
    *,
    title: str = "",
    duration_s: float | None = None,
    sample_fps: float | None = None,
    face_fps: float | None = None,
    has_pictures: bool = True,
) -> Figure:
    """Rows of one video over time.

    `duration_s` is by default when the last row ends; sampling rates are by default those of the usual gap.
    The first line of `title` is printed large. What there are no rows of is left out, but for scenes and
    persons of a video that `has_pictures` and was not listened to alone.
    """
    timeline = VideoTimeline.of_rows(annotations, sample_fps, face_fps)
    length_s = _length_s(annotations, timeline, duration_s)
    is_seen = has_pictures and (not annotations or any(row.pipeline != AUDIO for row in annotations))
    panels = [
        *(person_panels(annotations, timeline, length_s) if is_seen else ()),
        *face_panels(timeline, length_s),
        *sound_panels(timeline, is_alone=not is_seen),
    ]
    with style():
        from matplotlib.figure import Figure

        heights_in = [panel.height_in for panel in panels]
        figure = Figure(figsize=(WIDTH_IN, sum(heights_in) + 1.7), layout="constrained", dpi=DPI)
        grid = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights_in, squeeze=False)
        title_figure(figure, title)
        for axes, panel in zip(grid[:, 0], panels, strict=True):
            panel.draw(axes)
        time_axis(grid[-1, 0], length_s)
    return figure


def picture_bytes(figure: Figure, file_format: str, mark: SourceMark | None = None) -> bytes:
    """The figure as `png`, `svg` or `pdf`, with what it was drawn from.

    The same figure gives the same bytes: there are no dates and no random ids.
    """
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=file_format, metadata=_metadata(file_format, mark), facecolor="white")
    return buffer.getvalue()


def _metadata(file_format: str, mark: SourceMark | None) -> dict[str, Any]:
    nothing = {
        "png": ("Software",),
        "svg": ("Date", "Creator"),
        "pdf": ("Creator", "Producer", "CreationDate"),
    }[file_format]
    return {**dict.fromkeys(nothing), **({PLACES[file_format]: str(mark)} if mark else {})}


def format_for(target: Path, asked: str | None) -> str:
    """What to write: as asked, else as the file's ending says; raises `UsageError`."""
    told = (asked or target.suffix.removeprefix(".")).lower()
    if told not in FORMATS:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise UsageError(f"cannot plot as {told or 'a file without ending'!r}: --format takes {known}")
    return told


def _length_s(annotations: Sequence[Annotation], timeline: VideoTimeline, duration_s: float | None) -> float:
    """How long the time axis is: as long as the video, and its sound where that goes on for much longer."""
    tracks = chain(timeline.person_tracks, timeline.known_face_tracks)
    bars = chain(timeline.scene_bars, *(track.bars for track in tracks))
    seen_s = duration_s or max((bar.end_s for bar in bars), default=0.0)
    heard_s = heard_until_s(annotations)
    return heard_s if heard_s > 1.01 * seen_s + 1 else seen_s or 1.0
