"""What is drawn where and when: laws of moving boxes, of lanes, of colours, and of files that are whole
or not there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.annotations.annotation import PERSON_DETECTION, Annotation, BBox
from schemas.errors import UsageError
from schemas.media.video import FrameIndex, Video
from schemas.pipelines import PERSON
from tests.support.stores.fake_rows import Rows
from vaengine.rendering.frame_composer import BoxFilter, FrameComposer, SceneContent
from vaengine.rendering.output_file import check_target, whole_file
from vaengine.rendering.person_overlay import Overlay, label
from vaengine.rendering.render import Extent, RenderOptions
from vaengine.rendering.strip_layout import NAMED, StripLayout, text_size
from vaengine.rendering.timeline_strip import TimelineStrip
from vaengine.rendering.video_writer import VideoCoding, format_of
from vaengine.results.vision import Scene
from vaengine.timeline.lanes import Bar, Track
from vaengine.timeline.palette import COLOURS, NO_TRACK, bgr, colour_of, ink_on, short_name
from vaengine.timeline.presence import BODY_POINTS, Presence, Sighting, counted_over

FACES = Rows()
FPS, SAMPLE_FPS = 25, 5
STEP = FPS // SAMPLE_FPS


def seen(frame: int, person: str | None = "person_0001", x: float = 0.0, **facts: object) -> Sighting:
    return replace(Sighting(frame, frame / FPS, person, (x, 10.0, x + 40.0, 110.0), 0.9), **facts)


def scenes(*cuts: int, frames: int = 1000) -> list[Scene]:
    edges = enumerate(pairwise((0, *cuts, frames)), 1)
    return [Scene(f"scene_{n:04d}", first / FPS, stop / FPS, first, stop) for n, (first, stop) in edges]


def tracks(own: dict[str, list[tuple[float, float]]]) -> list[Track]:
    """A track for each id, with labels and colours."""
    return [
        Track(name, tuple(Bar(*times, name, short_name(name), colour_of(name)) for times in bars))
        for name, bars in own.items()
    ]


def pose(visible: float = 2.0) -> np.ndarray:
    points = np.stack(
        [np.linspace(20, 50, BODY_POINTS), np.linspace(20, 90, BODY_POINTS), np.full(BODY_POINTS, visible)],
        axis=1,
    )
    return points.astype(np.float64)


def at(presence: Presence, frame: int) -> list[Sighting]:
    return presence.at(frame, frame / FPS)


def video(frames: int = 100, width: int = 320, height: int = 240) -> Video:
    index = FrameIndex(
        np.arange(frames, dtype=np.int64) * 512, np.arange(0, frames, 50, dtype=np.int64), True
    )
    facts = ("mov,mp4", "h264", 0, Fraction(1, 512 * FPS), 0, frames * 512, width, height, 0, Fraction(FPS))
    return Video("clip-aaaaaaaa", "a" * 64, "/clips/clip.mp4", 1, 1, *facts, index)


def stretches(most: int = 14) -> st.SearchStrategy[dict[str, list[tuple[float, float]]]]:
    one = st.tuples(st.integers(0, 50), st.integers(1, 20)).map(
        lambda pair: [(float(pair[0]), float(pair[0] + pair[1]))]
    )
    return st.lists(one, max_size=most).map(
        lambda own: {f"person_{n:04d}": bars for n, bars in enumerate(own, 1)}
    )


# Between the frames that were looked at.


@given(places=st.lists(st.floats(-500, 500), min_size=2, max_size=6), frame=st.integers(0, 30))
def test_a_moving_box_is_stored_where_it_was_detected_and_on_the_straight_way_in_between(
    places: list[float], frame: int
) -> None:
    presence = Presence([seen(n * STEP, x=x) for n, x in enumerate(places)], sample_fps=SAMPLE_FPS)
    drawn = at(presence, frame)
    if frame >= len(places) * STEP:
        assert not drawn
        return
    expected = np.interp(frame, np.arange(len(places)) * STEP, places)
    assert drawn[0].xyxy[0] == pytest.approx(expected, abs=1e-6)
    assert drawn[0].is_detected == (frame % STEP == 0)


@given(cut=st.integers(1, 10), gap=st.sampled_from([STEP, 2 * STEP]), data=st.data())
def test_no_box_moves_or_stands_across_a_cut(cut: int, gap: int, data: st.DataObject) -> None:
    presence = Presence([seen(0, x=0.0), seen(gap, x=100.0)], scenes(cut), SAMPLE_FPS)
    frame = data.draw(st.integers(0, gap))
    drawn = at(presence, frame)
    if cut <= gap:
        assert [one.xyxy[0] for one in drawn] == (
            [100.0] if frame == gap else [0.0] if frame < min(cut, STEP) else []
        )
    else:
        assert len(drawn) == 1


@pytest.mark.parametrize(("gap", "is_joined"), [(STEP, True), (2 * STEP, True), (3 * STEP, False)])
def test_boxes_join_when_they_are_at_most_two_sampling_intervals_apart(gap: int, is_joined: bool) -> None:
    presence = Presence([seen(0), seen(gap)], sample_fps=SAMPLE_FPS)
    assert all(at(presence, frame) for frame in range(gap)) == is_joined
    assert len(presence.runs()["person_0001"]) == (1 if is_joined else 2)


def test_a_box_that_joins_nothing_stands_still_until_its_sampling_interval_ends() -> None:
    presence = Presence([seen(7, None, x=5.0)], sample_fps=SAMPLE_FPS)
    assert [frame for frame in range(20) if at(presence, frame)] == [7, 8, 9]
    assert {one.xyxy[0] for frame in (7, 8, 9) for one in at(presence, frame)} == {5.0}


def test_sampling_that_does_not_fall_on_frames_still_joins_every_second_interval() -> None:
    fps = 30000 / 1001
    frames = [n for n in range(1, 400) if int(n / fps * SAMPLE_FPS) != int((n - 1) / fps * SAMPLE_FPS)][::2]
    own = [Sighting(n, n / fps, "person_0001", (0, 0, 1, 1)) for n in frames]
    assert len(Presence(own, sample_fps=SAMPLE_FPS).runs()["person_0001"]) == 1


def test_without_a_known_rate_the_usual_gap_between_boxes_is_the_sampling_interval() -> None:
    presence = Presence([seen(0), seen(10), seen(20), seen(50)])
    assert presence.sample_fps == pytest.approx(2.5)
    assert len(presence.runs()["person_0001"]) == 2


def test_a_key_point_in_between_is_visible_only_if_it_is_at_both_ends() -> None:
    before, after = pose(), pose()
    after[3, 2] = 0
    after[:, 0] += 10
    presence = Presence([seen(0, keypoints=before), seen(STEP, keypoints=after)], sample_fps=SAMPLE_FPS)
    between = at(presence, 2)[0].keypoints
    assert between is not None
    assert (between[:, 2] > 0).tolist() == [n != 3 for n in range(BODY_POINTS)]
    assert between[:, 0] == pytest.approx(before[:, 0] + 4)
    assert before[3, 2] == 2, "what is stored is not touched"


def test_rows_of_other_types_and_poses_of_no_whole_points_are_passed_over() -> None:
    box = BBox(1, 2, 3, 4)
    rows = [
        Annotation(
            "a",
            "v",
            "p",
            "c",
            PERSON_DETECTION,
            0.0,
            None,
            0,
            "person_0001",
            bbox=box,
            attributes={"keypoints": [1.0] * 51},
        ),
        Annotation(
            "b",
            "v",
            "p",
            "c",
            PERSON_DETECTION,
            0.2,
            None,
            5,
            "person_0001",
            bbox=box,
            attributes={"keypoints": [1.0] * 7},
        ),
        Annotation("c", "v", "p", "c", "mood", 0.2),
    ]
    first, second = Presence.of(rows, SAMPLE_FPS).tracks["person_0001"]
    assert first.keypoints is not None
    assert first.keypoints.shape == (BODY_POINTS, 3)
    assert second.keypoints is None
    assert first.xyxy == (1, 2, 4, 6)


@given(own=stretches())
def test_the_count_over_time_is_the_number_of_stretches_around_each_moment(
    own: dict[str, list[tuple[float, float]]],
) -> None:
    for time_s, count in counted_over(own):
        assert count == sum(start <= time_s < end for bars in own.values() for start, end in bars)


# Lanes.


@pytest.mark.parametrize(
    ("width", "height"), [(160, 120), (640, 360), (360, 640), (1920, 1080), (3840, 2160), (180, 102)]
)
@pytest.mark.parametrize("persons", [0, 1, 8, 300])
def test_a_strip_is_even_and_takes_at_most_half_of_an_ordinary_picture_again(
    width: int, height: int, persons: int
) -> None:
    own = {f"person_{n:04d}": [(0.0, 9.0)] for n in range(1, persons + 1)}
    layout = StripLayout.of(width, height, tracks(own))
    assert layout.height % 2 == 0
    assert layout.lanes_top + layout.lanes * layout.lane_height <= layout.height
    assert layout.height <= max(0.5 * height, 75)
    assert (layout.lanes > 0) == (persons > 0)


def test_letters_grow_with_the_picture_but_less_than_it_does() -> None:
    assert text_size(640, 360) == text_size(160, 120) == 1.0
    assert 3.0 < text_size(3840, 2160) < 6.0


def test_the_playhead_moves_to_the_right_and_the_background_is_drawn_once() -> None:
    own = {"person_0001": [(1.0, 2.0)], "person_0002": [(3.0, 3.01)]}
    bands = [Bar(0.0, 2.0, "scene_0001", "1"), Bar(2.0, 4.0, "scene_0002", "2")]
    strip = TimelineStrip(StripLayout.of(320, 240, tracks(own)), 0.0, 4.0, bands, tracks(own))
    before, canvas = strip.background.copy(), strip.background.copy()
    margin, columns = strip.layout.margin, []
    for time_s in (0.0, 1.5, 3.96):
        strip.draw(canvas, time_s, ("0:00",), is_detected=True)
        columns.append(int(np.flatnonzero((canvas[-1] == 255).all(axis=1))[0]))
    assert columns == [margin + int(share * (320 - margin)) for share in (0, 1.5 / 4, 3.96 / 4)]
    assert (strip.background == before).all()
    assert (before == bgr(colour_of("person_0002"))).all(axis=2).any(), "the shortest stretch has a column"


# Colours and names.


def test_a_persons_colour_depends_on_the_id_alone_and_neighbours_differ() -> None:
    ids = [f"person_{n:04d}" for n in range(1, 30)]
    assert [colour_of(person) for person in ids] == [colour_of(person) for person in ids]
    assert all(colour_of(a) != colour_of(b) for a, b in pairwise(ids))
    assert colour_of("anna") == colour_of("anna")
    assert colour_of(None) == NO_TRACK


@pytest.mark.parametrize("colour", [*COLOURS, NO_TRACK])
def test_a_label_can_be_read_on_its_colour(colour: str) -> None:
    def luminance(text: str) -> float:
        return sum(
            share * ((part / 255 + 0.055) / 1.055) ** 2.4
            for share, part in zip((0.0722, 0.7152, 0.2126), bgr(text), strict=True)
        )

    light, dark = sorted((luminance(colour), luminance(ink_on(colour))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 4.5, "WCAG's contrast for ordinary text"


@pytest.mark.parametrize(
    ("identity", "short"),
    [
        ("person_0012", "P12"),
        ("face_0003", "F3"),
        ("speaker_0001", "S1"),
        ("scene_0003", "3"),
        ("anna", "anna"),
        ("track_7", "track_7"),
        ("x" * 40, "x" * 11 + "…"),
        ("", ""),
    ],
)
def test_ids_are_shown_short(identity: str, short: str) -> None:
    assert short_name(identity) == short


# Drawing.


def drawn(*here: Sighting, with_labels: bool = True) -> np.ndarray:
    picture = np.full((240, 320, 3), 90, np.uint8)
    Overlay(320, 240, with_labels=with_labels).draw(picture, here)
    return (picture != 90).any(axis=2)


def test_nothing_is_drawn_where_nobody_is() -> None:
    assert not drawn().any()


def test_a_box_changes_only_pixels_on_its_outline_and_in_its_label() -> None:
    box = seen(0, x=100.0)
    outline = drawn(box, with_labels=False)
    inside, around = outline[14:106, 104:136], outline.copy()
    around[6:115, 96:145] = False
    assert outline.any()
    assert not inside.any()
    assert not around.any()
    assert drawn(box).sum() > outline.sum()


def test_boxes_of_nobody_are_thinner_than_those_of_persons() -> None:
    assert drawn(seen(0, None), with_labels=False).sum() < drawn(seen(0), with_labels=False).sum()


def test_points_that_are_not_visible_are_not_drawn() -> None:
    hidden = drawn(seen(0, x=10.0, keypoints=pose(0.0)), with_labels=False)
    assert (hidden == drawn(seen(0, x=10.0), with_labels=False)).all()
    assert drawn(seen(0, x=10.0, keypoints=pose()), with_labels=False).sum() > hidden.sum()


@pytest.mark.parametrize("points", [1, 8, BODY_POINTS, 21, 33])
def test_only_the_points_of_a_person_are_joined_by_bones(points: int) -> None:
    numbers = np.tile(pose(), (2, 1))[:points]
    bare, whole = (
        drawn(seen(0, x=10.0, keypoints=own), with_labels=False).sum()
        for own in (np.tile(pose(0.0), (2, 1))[:points], numbers)
    )
    vertices = drawn(seen(0, x=10.0, keypoints=numbers[:1]), with_labels=False).sum() - bare
    assert whole > bare
    assert (whole - bare > points * vertices) == (points == BODY_POINTS)


def test_between_poses_of_different_numbers_of_points_there_is_none() -> None:
    presence = Presence([seen(0, keypoints=pose()[:8]), seen(STEP, keypoints=pose())], sample_fps=SAMPLE_FPS)
    assert [one.keypoints is None for frame in (0, 2) for one in at(presence, frame)] == [False, True]


@pytest.mark.parametrize("x", [-30.0, 0.0, 300.0])
@pytest.mark.parametrize("y", [-50.0, 0.0, 230.0])
def test_a_label_is_pushed_back_into_the_picture_whole(x: float, y: float) -> None:
    middle = drawn(seen(0, xyxy=(140.0, 120.0, 141.0, 121.0))).sum()
    assert (
        drawn(seen(0, xyxy=(x, y, x + 1, y + 1))).sum() >= middle - 16
    )  # but for the box, which may lie outside


def test_a_label_names_the_person_and_how_sure_the_detector_was() -> None:
    assert label(seen(0)) == "P1 0.90"
    assert label(seen(0, confidence=None)) == "P1"


def row(frame: int, person: str | None, confidence: float = 0.9, x: float = 50.0) -> Annotation:
    facts = (frame / FPS, None, frame, person)
    name = f"{person} {frame} {x}"
    return Annotation(
        name,
        "v",
        PERSON,
        "c",
        PERSON_DETECTION,
        *facts,
        confidence=confidence,
        bbox=BBox(x, 60.0, 40.0, 100.0),
    )


def sheet_of(rows: list[Annotation], shown: BoxFilter | None = None) -> FrameComposer:
    return FrameComposer(SceneContent.of_rows(320, 240, rows, SAMPLE_FPS, SAMPLE_FPS, shown), 0.0, 4.0)


def pixels_of(rows: list[Annotation], shown: BoxFilter | None = None) -> np.ndarray:
    return sheet_of(rows, shown).draw(np.full((240, 320, 3), 90, np.uint8), 0, 0.0)[:240].copy()


def test_boxes_in_no_track_are_drawn_only_on_request() -> None:
    persons = [row(n, "person_0001") for n in range(0, 50, 5)]
    rows = [*persons, row(0, None, x=200.0)]
    assert (pixels_of(rows) == pixels_of(persons)).all()
    assert (pixels_of(rows, BoxFilter(with_untracked=True)) != pixels_of(persons)).any()


def test_boxes_less_sure_than_what_is_asked_for_are_not_drawn_neither_persons_nor_faces() -> None:
    rows = [
        row(0, "person_0001", 0.8),
        row(0, "person_0002", 0.3, x=200.0),
        replace(FACES.face(0), confidence=0.3),
    ]
    assert (pixels_of(rows, BoxFilter(0.5)) == pixels_of(rows[:1])).all()
    assert (pixels_of(rows, BoxFilter(0.3)) == pixels_of(rows)).all()
    assert (pixels_of(rows, BoxFilter(0.81)) == 90).all()


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_a_confidence_beyond_0_and_1_is_refused(confidence: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        BoxFilter(confidence)


def test_the_caption_counts_what_is_drawn_and_says_nothing_of_what_there_is_none_of() -> None:
    rows = [row(0, None), row(0, "person_0001", x=200.0), FACES.face(0)]

    def counts(shown: BoxFilter, some: list[Annotation] = rows) -> tuple[str, ...]:
        scenery = SceneContent.of_rows(320, 240, some, SAMPLE_FPS, SAMPLE_FPS, shown)
        return FrameComposer(scenery, 0.0, 4.0).caption(
            0, 0.0, scenery.persons.at(0, 0.0), scenery.faces.at(0, 0.0)
        )[2:]

    assert counts(BoxFilter()) == ("1 person", "1 face")
    assert counts(BoxFilter(with_untracked=True)) == ("2 persons", "1 face")
    assert counts(BoxFilter(), rows[2:]) == ("1 face",)
    assert counts(BoxFilter(), []) == ()


def test_eight_persons_at_once_have_eight_colours_in_one_picture() -> None:
    rows = [row(0, f"person_{n:04d}", x=40.0 * (n - 1)) for n in range(1, 9)]
    picture = pixels_of(rows)
    assert len({picture[130, 40 * n].tobytes() for n in range(8)}) == 8


def test_lanes_carry_the_ids_of_persons_where_they_fit() -> None:
    own = {"person_0001": [(0.0, 4.0)], "person_0002": [(1.0, 1.05)]}
    strip = TimelineStrip(StripLayout.of(320, 240, tracks(own)), 0.0, 4.0, [], tracks(own))
    top, height, margin = strip.layout.lanes_top, strip.layout.lane_height, strip.layout.margin
    long, short = (
        strip.background[top + lane * height + 2 : top + (lane + 1) * height - 3, margin:] for lane in (0, 1)
    )
    assert (long != bgr(colour_of("person_0001"))).any(), "letters upon the bar"
    assert len(np.unique(short.reshape(-1, 3), axis=0)) == 2, "the bar and the lane, and no letters"


def test_few_persons_who_are_not_there_together_share_lanes_in_which_names_fit() -> None:
    after = {f"person_{n:04d}": [(float(n), n + 1.0)] for n in range(1, 40)}
    beside = {f"person_{n:04d}": [(0.0, 40.0)] for n in range(1, 40)}
    tall, thin = (StripLayout.of(640, 360, tracks(own)).lane_height for own in (after, beside))
    assert tall >= NAMED > thin


def test_the_sheet_is_even_keeps_the_picture_and_uses_its_array_again() -> None:
    sheet = FrameComposer(SceneContent.of_rows(179, 101, []), 0.0, 4.0)
    picture = np.random.default_rng(1).integers(0, 255, (101, 179, 3), np.uint8)
    pixels = sheet.draw(picture, 0, 0.0)
    assert pixels is sheet.pixels
    assert pixels.shape[0] % 2 == pixels.shape[1] % 2 == 0
    assert (pixels[:101, :179] == picture).all()
    assert (pixels[:101, 179] == picture[:, -1]).all()


# What is asked for.


@pytest.mark.parametrize(
    ("start_s", "end_s", "frames"),
    [(None, None, (0, 100)), (1.0, None, (25, 100)), (None, 2.0, (0, 50)), (0.51, 0.515, (13, 13))],
)
def test_a_stretch_is_the_frames_that_begin_in_it(
    start_s: float | None, end_s: float | None, frames: tuple[int, int]
) -> None:
    if frames[0] == frames[1]:
        with pytest.raises(UsageError, match=r"4\.00 s"):
            Extent.of(video(), start_s, end_s)
    else:
        extent = Extent.of(video(), start_s, end_s)
        assert (extent.first, extent.stop) == frames
        assert (extent.start_s, extent.end_s) == (frames[0] / FPS, frames[1] / FPS)


def test_a_stretch_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(UsageError, match="--start must come before --end"):
        RenderOptions(2.0, 1.0)


def test_only_endings_of_known_containers_are_written() -> None:
    assert (format_of(Path("a.MP4")), format_of(Path("a.mkv"))) == ("mp4", "matroska")
    with pytest.raises(UsageError, match="mkv"):
        format_of(Path("a.avi"))


def test_odd_sizes_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="even"):
        VideoCoding(179, 100, Fraction(1, 25), Fraction(25), 20)


# Files that are whole or not there.


def test_a_file_appears_whole_and_under_no_other_name(tmp_path: Path) -> None:
    target = tmp_path / "new" / "film.mp4"
    with whole_file(target) as file:
        file.write(b"all")
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["film.mp4"]
    assert target.read_bytes() == b"all"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_whatever_goes_wrong_leaves_the_old_file_and_no_half_one(
    error: type[BaseException], tmp_path: Path
) -> None:
    target = tmp_path / "film.mp4"
    target.write_bytes(b"old")

    def interrupted() -> None:
        with whole_file(target) as file:
            file.write(b"ha")
            raise error

    with pytest.raises(error):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    assert target.read_bytes() == b"old"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="choose another place"), whole_file(tmp_path / "file" / "film.mp4"):
        pass


def _same(folder: Path) -> Path:
    os.link(folder / "clip.mp4", folder / "alias.mp4")
    return folder / "alias.mp4"


@pytest.mark.parametrize(
    ("target", "force", "told"),
    [
        (lambda f: f / "there.mp4", False, "--force"),
        (lambda f: f, True, "folder"),
        (lambda f: f / "clip.mp4", True, "itself"),
        (_same, True, "itself"),
    ],
)
def test_nothing_is_replaced_unasked_and_the_video_never(
    target: Callable[[Path], Path], force: bool, told: str, tmp_path: Path
) -> None:
    for name in ("clip.mp4", "there.mp4"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match=told):
        check_target(target(tmp_path), force=force, sources=(str(tmp_path / "clip.mp4"),))
    check_target(tmp_path / "there.mp4", force=True, sources=(str(tmp_path / "clip.mp4"),))
