"""The plot of one video's results: panels for vision and audio over one time axis.

No function uses pyplot or its global state: each makes a `Figure`, which a notebook shows as it is.
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
from vaengine.plotting.audio_panels import audio_end_s, sound_panels
from vaengine.plotting.figure import DPI, WIDTH_IN, style, time_axis, title_figure
from vaengine.plotting.vision_panels import face_panels, person_panels
from vaengine.rendering.source_marks import PLACES, SourceMark
from vaengine.results.lookup import VideoResults
from vaengine.timeline.video_timeline import VideoTimeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Final = ("png", "svg", "pdf")


def plot_results(results: VideoResults) -> Figure:
    """Plot the stored results of one video; the title has its name, length, frames and provenance."""
    video = results.video
    frames = "sound alone"
    if video.has_pictures:
        frames = f"{float(video.nominal_fps):.4g} fps · {video.width} × {video.height}"
    title = f"{name_of(video.path)}\n{clock(video.duration_s)} · {frames} · {results.provenance}"
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
    """Plot the rows of one video over time.

    Without `duration_s` the time axis ends with the last row. Missing sampling rates are taken from the usual
    gap between boxes. The first line of `title` is printed large. Panels without rows are left out, except
    for scenes and persons of a video that `has_pictures` and has not only audio rows.
    """
    timeline = VideoTimeline.of_rows(annotations, sample_fps, face_fps)
    length_s = _length_s(annotations, timeline, duration_s)
    has_vision = has_pictures and (not annotations or any(row.pipeline != AUDIO for row in annotations))
    panels = [
        *(person_panels(annotations, timeline, length_s) if has_vision else ()),
        *face_panels(timeline, length_s),
        *sound_panels(timeline, is_alone=not has_vision),
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
    """The figure as a file of format `png`, `svg` or `pdf`, with its source mark.

    The same figure gives the same bytes: the file has no dates and no random ids.
    """
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=file_format, metadata=_metadata(file_format, mark), facecolor="white")
    return buffer.getvalue()


def _metadata(file_format: str, mark: SourceMark | None) -> dict[str, Any]:
    omitted = {
        "png": ("Software",),
        "svg": ("Date", "Creator"),
        "pdf": ("Creator", "Producer", "CreationDate"),
    }[file_format]
    return {**dict.fromkeys(omitted), **({PLACES[file_format]: str(mark)} if mark else {})}


def format_for(target: Path, option: str | None) -> str:
    """The format of a file: the `--format` option, else the file's ending; raises `UsageError`."""
    file_format = (option or target.suffix.removeprefix(".")).lower()
    if file_format not in FORMATS:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise UsageError(f"cannot plot as {file_format or 'a file without ending'!r}: --format takes {known}")
    return file_format


def _length_s(annotations: Sequence[Annotation], timeline: VideoTimeline, duration_s: float | None) -> float:
    """The length of the time axis: that of the video, or of its sound if that is much longer."""
    tracks = chain(timeline.person_tracks, timeline.known_face_tracks)
    bars = chain(timeline.scene_bars, *(track.bars for track in tracks))
    vision_s = duration_s or max((bar.end_s for bar in bars), default=0.0)
    audio_s = audio_end_s(annotations)
    return audio_s if audio_s > 1.01 * vision_s + 1 else vision_s or 1.0
