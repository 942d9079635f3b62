"""What was found in a video as Python sees it: values, tables that never change shape, and a card that
cannot be broken out of.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.annotations import coco
from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK, SCENE_TYPE, Annotation, BBox
from schemas.errors import NotFound, UsageError
from schemas.pipelines import PERSON, SCENE
from tests.support.stores.fake_videos import Clip
from vaengine.api.notebook_card import LANES, NARROWEST, WIDTH
from vaengine.api.video_annotations import VideoAnnotations
from vaengine.results.annotation_table import COLUMNS
from vaengine.results.vision import Boxes, VideoFacts

CLIP = Clip()  # 100 frames at 25 a second, 640 x 360
SCENES = CLIP.scenes(CLIP.key(SCENE), [40])
BOXES = CLIP.boxes(CLIP.key(PERSON), 10, 5, "person_0001", per_frame=1)
NOBODY = replace(BOXES[0], annotation_id="nobody", frame_number=20, timestamp_seconds=0.8, person_id=None)
TRACK = CLIP.track(CLIP.key(PERSON), "person_0001")
FACTS = VideoFacts.of(CLIP.video)


def found(*rows: Annotation, facts: VideoFacts = FACTS) -> VideoAnnotations:
    return VideoAnnotations(facts, tuple(sorted(rows, key=coco.reading_order)))


ALL = found(*SCENES, *BOXES, NOBODY, TRACK)
EMPTY = found()

times = st.floats(0, 4)
stretches = st.tuples(times, times).map(sorted)
words = st.text('aZ9é -_\n"', max_size=5)
markup = st.text("<>&\"'/ =onx;", max_size=20)


@st.composite
def rows(draw: st.DrawFn) -> Annotation:
    start = draw(st.none() | times)
    return Annotation(
        draw(st.uuids().map(str)),
        CLIP.video_id,
        PERSON,
        "c1",
        draw(st.sampled_from([PERSON_DETECTION, PERSON_TRACK, SCENE_TYPE, "speech"])),
        start,
        None if start is None else draw(st.none() | st.floats(start, 9)),
        draw(st.none() | st.integers(0, 2**53)),
        draw(st.none() | words),
        confidence=draw(st.none() | st.floats(0, 1)),
        bbox=draw(st.none() | st.builds(BBox, times, times, times, times)),
        attributes=draw(
            st.dictionaries(st.sampled_from(["text", "rank", "frame_end"]), st.integers() | words, max_size=2)
        ),
    )


def drawing(annotated: VideoAnnotations) -> str:
    """The SVG of the card."""
    html = annotated._repr_html_()
    return html[html.index("<svg") : html.index("</svg>") + len("</svg>")]


class Markup(HTMLParser):
    """Tags with the names of their attributes, and the text, as a browser takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_scenes_have_times_frames_and_a_length() -> None:
    first, second = ALL.scenes
    assert (first.start_s, first.end_s, first.duration_s, first.frame_start) == (0.0, 1.6, 1.6, 0)
    assert (second.start_s, second.end_s, second.frame_start) == (1.6, 4.0, 40)
    assert [scene.scene_id for scene in ALL.scenes] == [row.scene_id for row in SCENES]


def test_a_scene_without_frames_of_its_own_has_none() -> None:
    bare = replace(SCENES[0], frame_number=None, attributes={})
    assert (found(bare).scenes[0].frame_start, found(bare).scenes[0].frame_end) == (None, None)


def test_a_person_is_a_track_with_its_boxes_as_arrays() -> None:
    (person,) = ALL.persons
    assert (person.person_id, person.start_s, person.end_s, person.confidence) == (
        "person_0001",
        0.0,
        4.0,
        0.75,
    )
    assert person.boxes.frame_numbers.tolist() == [10, 11, 12, 13, 14]
    assert person.boxes.times_s.tolist() == [0.4, 0.44, 0.48, 0.52, 0.56]
    assert person.boxes.xyxy[0].tolist() == [10.0, 10 / 3, 74.5, 10 / 3 + 128.0]
    assert person.boxes.confidence.tolist() == [row.confidence for row in BOXES]
    assert person.keypoints is None
    assert (person.boxes.frame_numbers.dtype, person.boxes.xyxy.dtype) == (np.int64, np.float64)


def test_a_box_in_no_track_is_among_the_boxes_and_nobodys() -> None:
    assert len(ALL.boxes) == len(BOXES) + 1
    assert ALL.boxes.person_ids.tolist() == ["person_0001"] * 5 + [None]


def test_persons_come_in_the_order_of_their_tracks() -> None:
    late, early = (
        replace(TRACK, annotation_id=name, person_id=name, frame_number=frame)
        for name, frame in (("a", 9), ("b", 3))
    )
    assert [person.person_id for person in found(late, early).persons] == ["b", "a"]


def test_arrays_cannot_be_written_to() -> None:
    for array in (ALL.boxes.xyxy, ALL.boxes.times_s, ALL.boxes[:2].confidence):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


def test_key_points_are_one_to_one_with_boxes_and_nan_where_a_box_has_none() -> None:
    points, scores = list(range(51)), [0.5] * 17
    posed = replace(BOXES[1], attributes={"keypoints": points, "keypoint_scores": scores})
    (person,) = found(TRACK, BOXES[0], posed).persons
    assert person.keypoints is not None
    assert person.keypoints.shape == (2, 17, 3)
    assert person.keypoints[1, 16].tolist() == [48, 49, 50]
    assert np.isnan(person.keypoints[0]).all()
    assert person.boxes.keypoint_scores is not None
    assert person.boxes.keypoint_scores[1].tolist() == scores


@given(st.lists(st.none() | st.integers(0, 21), min_size=1, max_size=5))
def test_a_pose_has_as_many_points_as_its_rows(counts: list[int | None]) -> None:
    attributes = [
        {} if n is None else {"keypoints": [7.0] * 3 * n, "keypoint_scores": [0.5] * n} for n in counts
    ]
    boxes = Boxes.of([replace(BOXES[0], frame_number=n, attributes=own) for n, own in enumerate(attributes)])
    most = max(n or 0 for n in counts)
    if not most:
        assert (boxes.keypoints, boxes.keypoint_scores) == (None, None)
        return
    assert boxes.keypoints is not None
    assert boxes.keypoint_scores is not None
    assert boxes.keypoints.shape == (len(counts), most, 3)
    assert boxes.keypoint_scores.shape == (len(counts), most)
    assert (~np.isnan(boxes.keypoints)).sum(axis=(1, 2)).tolist() == [3 * (n or 0) for n in counts]
    assert not boxes.keypoints.flags.writeable


def test_a_moment_has_its_scene_and_the_nearest_boxes_within_reach() -> None:
    moment = ALL.at(0.45)
    assert moment.scene == ALL.scenes[0]
    assert moment.boxes.frame_numbers.tolist() == [11]
    assert len(ALL.at(1.1).boxes) == 0
    assert ALL.at(1.1, within_s=0.5).boxes.frame_numbers.tolist() == [20]
    assert (ALL.at(99.0).scene, len(ALL.at(99.0).boxes)) == (None, 0)


def test_boxes_of_the_scene_before_are_not_taken_for_those_of_this_one() -> None:
    before = replace(BOXES[0], frame_number=39, timestamp_seconds=1.56)
    assert len(found(*SCENES, before).at(1.61).boxes) == 0
    assert len(found(*SCENES, before).at(1.59).boxes) == 1


@given(
    st.lists(rows(), max_size=8, unique_by=lambda row: row.annotation_id), st.floats(-1, 5), st.floats(0, 2)
)
def test_no_frame_with_boxes_is_nearer_than_the_one_of_a_moment(
    some: list[Annotation], time_s: float, within_s: float
) -> None:
    annotated = found(*some)
    moment = annotated.at(time_s, within_s=within_s)
    away_s = np.abs(annotated.boxes.times_s - time_s)
    is_any_near = bool((away_s <= within_s).any())
    assert (
        len(moment.boxes) == 0
        if not is_any_near
        else np.abs(moment.boxes.times_s - time_s).min() == np.nanmin(away_s)
    )


def test_a_box_without_a_time_hides_no_other() -> None:
    assert (
        len(
            found(*SCENES, BOXES[0], replace(BOXES[1], timestamp_seconds=None, frame_number=None))
            .at(0.4)
            .boxes
        )
        == 1
    )


@settings(deadline=None)
@given(st.lists(rows(), max_size=6, unique_by=lambda row: row.annotation_id))
def test_a_table_has_a_row_per_annotation_from_which_it_can_be_made_again(some: list[Annotation]) -> None:
    annotated = found(*some)
    table = annotated.to_arrow()
    assert (
        tuple(Annotation.from_data(json.loads(data)) for data in table["data"].to_pylist())
        == annotated.annotations
    )
    assert table.schema == EMPTY.to_arrow().schema
    kinds = {row.annotation_type for row in some}
    assert sum(annotated.to_arrow(kind).num_rows for kind in kinds) == len(some)


def test_the_columns_of_a_table_are_those_of_sql_and_their_types_never_vary() -> None:
    assert EMPTY.to_arrow().column_names == ALL.to_arrow().column_names == list(COLUMNS)
    assert EMPTY.to_arrow().schema == ALL.to_arrow(SCENE_TYPE).schema
    assert EMPTY.to_arrow().schema.field("frame_number").type == pa.int64()
    assert (
        dict(EMPTY.to_pandas().dtypes)
        == dict(ALL.to_pandas().dtypes)
        == dict(ALL.to_pandas("loudness").dtypes)
    )


def test_a_data_frame_can_be_asked_as_the_sql_table_can() -> None:
    frame = ALL.to_pandas(PERSON_DETECTION)
    assert frame.groupby("person_id")["frame_number"].count().to_dict() == {"person_0001": 5}
    assert frame["person_id"].isna().sum() == 1
    assert frame["bbox_width"].unique().tolist() == [64.5]
    assert ALL.to_pandas(PERSON_TRACK)["end_seconds"].tolist() == [4.0]


def test_what_coco_files_hold_is_what_the_store_holds(tmp_path: Path) -> None:
    info = {
        "warning": "1 of 100 frames lost: 7",
        "preset": "fast",
        "model": {"file": "yolo11n.pt", "sha256": "0ebb"},
    }
    for pipeline, own in ((SCENE, SCENES), (PERSON, (*BOXES, NOBODY, TRACK))):
        document = coco.document(pipeline, CLIP.video, own, info=info, generation="g")
        (tmp_path / f"{pipeline}.json").write_bytes(coco.to_bytes(document))
    read = VideoAnnotations.from_folder(tmp_path)
    assert sorted(read.annotations, key=coco.reading_order) == list(ALL.annotations)
    assert read.warnings == ("1 of 100 frames lost: 7",)
    assert read.provenance[PERSON] == {"preset": "fast", "model": "yolo11n.pt", "sha256": "0ebb"}
    assert (read.video.video_id, read.video.frame_count, read.video.path) == (
        CLIP.video_id,
        100,
        "garden.mp4",
    )


def test_coco_files_of_two_videos_or_of_none_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    other = Clip("/clips/street.mp4", "b")
    documents = [
        coco.document(SCENE, clip.video, clip.scenes(clip.key(SCENE)), info={}, generation="g")
        for clip in (CLIP, other)
    ]
    with pytest.raises(UsageError, match=other.video_id):
        VideoAnnotations.from_coco(*documents)
    with pytest.raises(NotFound, match="scene_detection"):
        VideoAnnotations.from_folder(tmp_path)
    (tmp_path / "scene_detection.json").write_text('{"info": ')
    with pytest.raises(UsageError, match="cannot be read"):
        VideoAnnotations.from_folder(tmp_path)


def test_the_text_form_is_one_line() -> None:
    assert repr(ALL) == f"VideoAnnotations('{CLIP.video_id}', 0:04, 2 scenes, 1 person, 6 detections)"
    assert repr(ALL.persons[0]) == "Person('person_0001', 0.00 to 4.00 s, Boxes(5))"


@settings(deadline=None)
@given(markup, markup)
def test_nothing_from_outside_becomes_markup(name: str, person: str) -> None:
    hostile = f'<img src=x onerror="alert(1)">&amp;\'{name}'
    facts = replace(FACTS, path=hostile, video_id=hostile)
    tracked, scene = replace(TRACK, person_id=hostile + person), replace(SCENES[0], scene_id=hostile)
    html = VideoAnnotations(facts, (tracked, scene), (hostile,), {hostile: {"model": hostile}})._repr_html_()
    seen = Markup()
    seen.feed(html)
    assert {tag for tag, _ in seen.tags} <= {"div", "b", "code", "svg", "rect", "text", "title"}
    assert not [
        name for _, names in seen.tags for name in names if name.startswith("on") or name in ("src", "href")
    ]
    assert seen.text.count(hostile) >= 6, "and all of it can be read"


def test_the_card_and_nothing_else_tells_what_made_the_results() -> None:
    made = {PERSON: {"preset": "fast", "model": "yolo11n.pt", "sha256": "0ebbc80d4a7680d1"}, SCENE: {}}
    annotated = replace(ALL, provenance=made)
    assert f"{PERSON}: fast, yolo11n.pt, 0ebbc80d4a76<" in annotated._repr_html_()
    assert f"{SCENE}:" not in annotated._repr_html_(), "of which nothing is known"
    assert (repr(annotated), annotated.to_arrow()) == (repr(ALL), ALL.to_arrow())


def test_a_file_name_that_is_no_text_can_be_shown() -> None:
    assert (
        "?.mp4"
        in VideoAnnotations(replace(FACTS, path="/clips/\udcff.mp4"), ())._repr_html_().encode().decode()
    )


def test_the_drawing_is_well_formed_and_shows_each_scene_and_track_with_its_times() -> None:
    root = ET.fromstring(drawing(ALL))
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [
        "scene_0001: 0.00 to 1.60 s",
        "scene_0002: 1.60 to 4.00 s",
        "person_0001: 0.40 to 0.60 s, 5 detections",
    ]
    bars = [rect.attrib for rect in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert [(float(bar["x"]), float(bar["width"])) for bar in bars] == [(0, 288), (288, 432), (72, 36)]


def test_lanes_of_the_card_are_named_and_bars_carry_the_id_where_it_fits() -> None:
    texts = [text.text for text in ET.fromstring(drawing(ALL)).iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:5] == ["scenes", "1", "2", "persons", "P1"]


def test_a_gap_between_boxes_is_a_gap_on_the_card_and_a_track_without_boxes_lasts_as_its_row_says() -> None:
    gone = [
        row
        for first in (0, 50)
        for row in CLIP.boxes(CLIP.key(PERSON), first, 20, "person_0001", per_frame=1)
    ]
    for rows, expected in ((gone, ["0.00 to 0.80 s, 20", "2.00 to 2.80 s, 20"]), ([], ["0.00 to 4.00 s, 0"])):
        titles = [
            title.text
            for title in ET.fromstring(drawing(found(*rows, TRACK))).iter("{http://www.w3.org/2000/svg}title")
        ]
        assert titles == [f"person_0001: {times} detections" for times in expected]


def test_the_card_takes_its_colours_from_the_notebook_and_brings_no_script_or_style_sheet() -> None:
    html = ALL._repr_html_()
    assert 'fill="currentColor"' in html
    assert "<script" not in html
    assert "<style" not in html
    assert not re.search(r"(?<![-\w])(color|background)\s*:", html)


def test_a_card_of_nothing_and_one_of_no_length_can_be_shown() -> None:
    ET.fromstring(drawing(EMPTY))
    ET.fromstring(drawing(found(*SCENES, facts=replace(FACTS, duration_s=0.0))))


@pytest.mark.long
def test_a_long_video_with_very_many_scenes_and_tracks_still_has_a_card_of_bounded_size() -> None:
    count = 20_000
    facts = replace(FACTS, duration_s=float(count))
    scenes = [
        replace(SCENES[0], annotation_id=f"s{n}", timestamp_seconds=float(n), end_seconds=n + 1.0)
        for n in range(count)
    ]
    tracks = [
        replace(TRACK, annotation_id=f"t{n}", timestamp_seconds=float(n), end_seconds=n + 5.0)
        for n in range(count)
    ]
    annotated = VideoAnnotations(facts, (*scenes, *tracks))
    root = ET.fromstring(drawing(annotated))
    bars = sum(1 for _ in root.iter("{http://www.w3.org/2000/svg}rect"))
    assert bars <= (LANES + 1) * (WIDTH / NARROWEST + 1)
    shown = bars - sum(
        "scene" in (title.text or "") for title in root.iter("{http://www.w3.org/2000/svg}title")
    )
    assert f"and {count - shown:,} more tracks" in drawing(annotated)
