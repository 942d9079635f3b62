"""Faces and sound in plots: a panel for each kind of what was found, and nothing of what was not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from schemas.annotations.annotation import Annotation
from schemas.errors import UsageError
from schemas.pipelines import AUDIO
from schemas.work.job import JobStatus, PipelineResult
from tests.support.stores.fake_rows import Rows, sound_alone
from tests.support.stores.fake_videos import Clip
from tests.support.stores.plotted import rows as seen_rows
from tests.support.stores.plotted import texts_of
from vaengine.plotting.audio_panels import MAX_LABELS
from vaengine.plotting.video_plot import picture_bytes, plot_results, plot_video
from vaengine.rendering.render import render
from vaengine.results.lookup import VideoResults

ROWS = Rows()
TALK = ROWS.conversation()


def results(rows: list[Annotation]) -> VideoResults:
    result = PipelineResult(AUDIO, "c1", JobStatus.COMPLETED)
    return VideoResults(sound_alone(), tuple(rows), {AUDIO: result}, {AUDIO: Clip().job()})


def panels(figure: Figure) -> list[str]:
    return [axes.get_ylabel() for axes in figure.get_axes()]


def test_a_plot_has_a_panel_for_each_kind_of_what_was_found_and_no_other() -> None:
    seen = ["4 scenes", "3 persons", "persons\nat once", "confidence\nof boxes"]
    assert panels(plot_video(seen_rows())) == seen
    faces = [ROWS.face(n, f"face_000{n % 2 + 1}") for n in range(0, 50, 5)]
    assert panels(plot_video([*seen_rows(), *faces])) == [*seen, "2 faces"]
    assert panels(plot_video([*seen_rows(), *TALK])) == [*seen, "speech", "2 events", "loudness\ndBFS"]
    assert panels(plot_video(TALK)) == ["speech", "2 events", "loudness\ndBFS"]


def test_faces_that_nothing_tells_apart_share_one_lane_without_a_name() -> None:
    figure = plot_video([ROWS.face(n, None) for n in range(0, 50, 5)], face_fps=5)
    axes = figure.get_axes()[-1]
    assert panels(figure)[-1] == "faces"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [""]
    (bars,) = axes.collections
    assert [
        (path.vertices[:, 0].min(), round(path.vertices[:, 0].max(), 6)) for path in bars.get_paths()
    ] == [(0.0, 2.0)]


def test_the_confidence_of_faces_is_not_mixed_into_that_of_persons() -> None:
    low = [replace(ROWS.face(n), confidence=0.01) for n in range(0, 50, 5)]
    lines = [
        plot_video(rows, duration_s=10.0).get_axes()[3].lines[0].get_ydata()
        for rows in (seen_rows(), [*seen_rows(), *low])
    ]
    assert np.array_equal(*lines, equal_nan=True)


@pytest.mark.parametrize(
    "rows",
    [
        TALK,
        [*seen_rows(), *TALK, *(ROWS.face(n, f"face_{n:04d}") for n in range(60))],
        [ROWS.event(f"a sound with a rather long name {n}", n, n + 2) for n in range(40)],
        [ROWS.turn(f"speaker_{n:04d}", n, n + 1) for n in range(12)],
    ],
    ids=["talk", "everything", "events", "speakers"],
)
def test_no_two_texts_of_a_plot_with_sound_overlap(rows: list[Annotation]) -> None:
    made = "; ".join(
        f"{name}: high-quality, detector at 5 fps, a-model-with-a-name"
        for name in ("scene", "person", "face", "audio")
    )
    figure = plot_video(rows, title=f"clip.mp4\n0:10 · 25 fps · 640 × 360 · {made}")
    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent().padded(-1) for text in texts_of(figure) if text.get_text().strip()]
    assert all(figure.bbox.contains(*box.p0) and figure.bbox.contains(*box.p1) for box in boxes)
    assert not [(a, b) for n, a in enumerate(boxes) for b in boxes[n + 1 :] if a.overlaps(b)]


def test_of_very_many_kinds_of_events_those_that_are_heard_longest_are_shown() -> None:
    figure = plot_video([ROWS.event(f"kind {n:02d}", 0.0, 1.0 + n) for n in range(MAX_LABELS + 5)])
    labels = {tick.get_text() for tick in figure.get_axes()[0].get_yticklabels()}
    assert labels == {f"kind {n:02d}" for n in range(5, MAX_LABELS + 5)}


def test_the_time_axis_holds_sound_that_outlasts_the_pictures_by_much() -> None:
    assert plot_video(TALK, duration_s=9.9).get_axes()[-1].get_xlim() == (0, 9.9)
    assert plot_video(TALK, duration_s=1.0).get_axes()[-1].get_xlim() == (0, 10.0)


def test_loudness_of_silence_is_drawn_at_the_lowest_level() -> None:
    axes = plot_video([ROWS.loudness(0, -120.0, -90.0), ROWS.loudness(1)]).get_axes()[-1]
    assert axes.lines[0].get_ydata().tolist() == [-60.0, -6.0, -6.0]


# Files of sound alone.


@pytest.mark.parametrize("rows", [TALK, []], ids=["talk", "silence"])
def test_sound_alone_is_plotted_with_what_it_is(rows: list[Annotation]) -> None:
    figure = plot_results(results(rows))
    assert "0:10 · sound alone" in figure.get_axes()[0].get_title(loc="left")
    assert figure.get_axes()[-1].get_xlim() == (0, 10.0)
    assert panels(figure)[0] == "speech"
    assert picture_bytes(figure, "png") == picture_bytes(plot_results(results(rows)), "png")


def test_sound_alone_cannot_be_rendered_and_one_line_says_what_can_be_done(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sound alone.*vaengine plot") as raised:
        render(results(TALK), tmp_path / "made.mp4")
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())
