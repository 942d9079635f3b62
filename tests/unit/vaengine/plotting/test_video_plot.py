"""Plots: the same rows give the same file, nothing of matplotlib's state is touched, and numbers are
those of the rows.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from actors.stores import open_store
from schemas.annotations.annotation import Annotation
from schemas.errors import NotFound, UsageError
from schemas.pipelines import PERSON, SCENE
from schemas.storage.backend import StorageBackend
from tests.support.stores.fake_videos import RUN, Clip, broken, done
from tests.support.stores.plotted import box, rows, texts_of
from vaengine.plotting.batch_plot import MAX_ROWS, draw, plot_batch, quantities_of
from vaengine.plotting.batch_tally import Tally, VideoTally, tally
from vaengine.plotting.figure import wrapped
from vaengine.plotting.video_plot import format_for, picture_bytes, plot_results, plot_video
from vaengine.plotting.vision_panels import MAX_BANDS
from vaengine.results.lookup import results_of


def tallied(videos: int) -> Tally:
    return Tally(
        "many",
        tuple(VideoTally(f"clip{n}.mp4", "completed", 60.0 + n, n % 9, n % 4, 20.0) for n in range(videos)),
        (),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StorageBackend]:
    """A batch with one good video and one whose persons failed, and a later batch with another."""
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    good, bad, later = Clip(), Clip("/clips/bad.mp4", "b", frames=50), Clip("/clips/later.mp4", "c")
    epoch = opened.open_run(RUN)
    for clip in (good, bad, later):
        scenes, persons = clip.key(SCENE), clip.key(PERSON)
        job = clip.job(scenes, persons, batch_id="batch-2" if clip is later else "batch-1")
        opened.register(epoch, [clip.video], [job])
        opened.commit_chunks(epoch, [*clip.commits(scenes, job=job), *clip.commits(persons, job=job)])
        opened.finish(epoch, done(job, scenes, clip.scenes(scenes, (20,))))
        found = (
            *clip.boxes(persons, 0, 20, "person_0001", 1),
            clip.track(persons, "person_0001"),
            clip.track(persons, "person_0001"),
        )
        opened.finish(epoch, broken(job, persons) if clip is bad else done(job, persons, found[:-1]))
    yield opened
    opened.close()


@pytest.mark.parametrize("file_format", ["svg", "png", pytest.param("pdf", marks=pytest.mark.long)])
def test_the_same_rows_give_the_same_bytes_whatever_the_users_own_settings(file_format: str) -> None:
    first = picture_bytes(plot_video(rows(), title="clip.mp4\n0:10"), file_format)
    with mpl.rc_context(
        {"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 30, "svg.fonttype": "none"}
    ):
        second = picture_bytes(plot_video(rows(), title="clip.mp4\n0:10"), file_format)
    assert first == second
    assert first != picture_bytes(plot_video(rows(persons=2), title="clip.mp4\n0:10"), file_format)


def test_a_pdf_holds_no_date_and_its_letters_are_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    first = picture_bytes(plot_video(rows()), "pdf")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert first == picture_bytes(plot_video(rows()), "pdf")
    assert first.startswith(b"%PDF")
    assert b"Date" not in first
    assert b"/TrueType" in first or b"/CIDFontType2" in first


@pytest.mark.parametrize("length", [40, 60, 165])
def test_facts_are_broken_between_pipelines(length: int) -> None:
    made = (
        "0:10 · 25 fps · 640 × 360 · scene: embedded, content; person: fast, yolo at 5 fps, yolo11n.pt; "
        "face: fast, insightface"
    )
    lines = wrapped(made, length).split("\n")
    assert " ".join(lines) == made
    assert all(len(line) <= length for line in lines)
    assert all(line.endswith(";") or after.startswith("·") for line, after in pairwise(lines))


def test_a_fact_longer_than_a_line_is_broken_within() -> None:
    assert all(len(line) <= 40 for line in wrapped("person: " + "a rather long model " * 9, 40).split("\n"))


def test_an_overview_has_faces_and_speech_where_they_were_looked_for_and_lengths_as_on_a_clock() -> None:
    plain, whole = (
        tallied(2),
        Tally("t", (VideoTally("a", "completed", 3.6, 1, 2, 9.0, faces=3, speech_s=75.0),), ()),
    )
    assert [one.title for one in quantities_of(plain)] == ["length", "scenes", "persons", "core s / min"]
    assert [one.title for one in quantities_of(whole)] == [
        "length",
        "scenes",
        "persons",
        "faces",
        "speech",
        "core s / min",
    ]
    written = [text.get_text() for axes in draw(whole).subfigs[1].get_axes() for text in axes.texts]
    assert written == ["0:04", "1", "2", "3", "1:15", "9"]


def test_an_overview_has_a_panel_of_failures_only_where_there_are_any() -> None:
    heads = [
        draw(replace(tallied(2), failures=failures)).subfigs[0].get_axes()
        for failures in ((), (("truncated", 1),))
    ]
    assert [[axes.get_title(loc="left") for axes in head] for head in heads] == [
        ["videos by outcome"],
        ["videos by outcome", "failed videos by kind"],
    ]


def test_an_svg_holds_neither_a_date_nor_a_version() -> None:
    text = picture_bytes(plot_video(rows()), "svg").decode()
    assert "<dc:date>" not in text
    assert mpl.__version__ not in text


def test_a_plot_leaves_matplotlibs_settings_and_pyplot_alone() -> None:
    program = (
        "import sys, matplotlib as mpl; before = mpl.rcParams.copy()\n"
        "from vaengine.plotting.video_plot import plot_video, picture_bytes\n"
        "picture_bytes(plot_video([]), 'svg')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert mpl.rcParams.copy() == before"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True).stderr
        == ""
    )


@pytest.mark.parametrize(
    "given",
    [
        rows(),
        rows(persons=0),
        rows(scenes=1, persons=60),
        rows(scenes=MAX_BANDS + 1, frames=2600),
        rows(frames=50),
        [],
    ],
)
def test_no_two_texts_of_a_plot_overlap(given: list[Annotation]) -> None:
    figure = plot_video(
        given, title="a clip with a rather long name.mp4\n0:10 · 25 fps · 640 × 360 · made by somebody"
    )
    FigureCanvasAgg(figure).draw()
    texts = [text for text in texts_of(figure) if text.get_text().strip()]
    boxes = [text.get_window_extent().padded(-1) for text in texts]
    assert all(figure.bbox.contains(*box.p0) and figure.bbox.contains(*box.p1) for box in boxes)
    clashes = [(a, b) for n, a in enumerate(boxes) for b in boxes[n + 1 :] if a.overlaps(b)]
    assert not clashes


def test_few_persons_have_a_named_lane_each_and_many_share_lanes() -> None:
    few = plot_video(rows(persons=5)).get_axes()[1]
    assert [label.get_text() for label in few.get_yticklabels()] == ["P1", "P2", "P3", "P4", "P5"]
    many = plot_video([box(n * 10, f"person_{n:04d}") for n in range(1, 100)], sample_fps=5).get_axes()[1]
    assert many.get_ylim()[0] == 1, "a hundred who are never there together need one lane"


def test_a_figure_grows_with_persons_but_not_for_ever() -> None:
    heights = [plot_video(rows(persons=n, frames=n * 5 + 20)).get_figheight() for n in (5, 30, 45, 150)]
    assert heights[0] < heights[1] < heights[2] == heights[3] < 14


def test_a_gap_in_a_persons_boxes_is_a_gap_in_the_lane() -> None:
    axes = plot_video([box(n, "person_0001") for n in (0, 5, 10, 100, 105)], sample_fps=5).get_axes()[1]
    (bars,) = axes.collections
    assert [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars.get_paths()] == [
        (0, 0.6),
        (4, 4.4),
    ]


def test_the_format_is_asked_for_or_follows_from_the_ending() -> None:
    assert format_for(Path("a.SVG"), None) == "svg"
    assert format_for(Path("a"), "png") == "png"
    with pytest.raises(UsageError, match="png, svg or pdf"):
        format_for(Path("a.jpg"), None)
    with pytest.raises(UsageError, match="png, svg or pdf"):
        format_for(Path("a.png"), "gif")


def test_a_plot_of_stored_results_says_what_they_are(store: StorageBackend) -> None:
    figure = plot_results(results_of(store, "garden"))
    facts = figure.get_axes()[0].get_title(loc="left")
    assert figure.get_suptitle() == "garden.mp4"
    assert "0:04 · 25 fps · 640 × 360" in facts
    assert figure.get_axes()[-1].get_xlim() == (0, 4.0)


def test_a_batch_is_counted_from_its_rows(store: StorageBackend) -> None:
    seen = tally(store, "batch-1")
    assert seen.outcomes == {"completed": 1, "failed": 1}
    assert seen.failures == (("truncated", 1),)
    good, bad = seen.videos
    assert (good.name, good.duration_s, good.scenes, good.persons) == ("garden.mp4", 4.0, 2, 1)
    assert good.cost_s == pytest.approx((4 + 4) * 0.25 / 4.0 * 60)
    assert (bad.name, bad.scenes, bad.persons) == ("bad.mp4", 2, None)
    assert len(tally(store).videos) == 3


def test_a_batch_that_is_not_there_is_refused(store: StorageBackend, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="batch nine"):
        plot_batch(store, "nine")


def test_an_overview_has_a_row_for_each_video_until_there_are_too_many(store: StorageBackend) -> None:
    assert picture_bytes(plot_batch(store), "svg") == picture_bytes(plot_batch(store), "svg")
    lengths = [
        subfigure.get_axes()[0]
        for subfigure in (draw(tallied(n)).subfigs[1] for n in (MAX_ROWS, MAX_ROWS + 1))
    ]
    assert [label.get_text() for label in lengths[0].get_yticklabels()][:2] == ["clip0.mp4", "clip1.mp4"]
    assert lengths[1].get_ylabel() == "videos"
    assert sum(bar.get_height() for bar in lengths[1].patches) == MAX_ROWS + 1
