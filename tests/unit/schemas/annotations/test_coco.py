"""COCO-shaped documents: without loss, and recognisable from their end."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.annotations import coco
from schemas.annotations.annotation import Annotation, BBox
from schemas.annotations.categories import LANDMARKS
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from tests.support.stores.fake_rows import Rows, sound_alone
from tests.support.stores.fake_videos import Clip

CLIP = Clip()
INFO = {"version": "0.1.0", "configuration": {"threshold": 27.0}}
SCENES, PERSONS = CLIP.key(SCENE), CLIP.key(PERSON)
ROWS = Rows(CLIP.video_id)

numbers = st.floats(0, 1e6, allow_nan=False)
points = st.lists(st.tuples(numbers, numbers).map(list), max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)
KINDS = [
    "person_detection",
    "person_track",
    "scene",
    "face_detection",
    "face_identity",
    "speech",
    "word",
    "audio_event",
    "applause",
]
SHOWN = ["keypoints", "num_keypoints", "age", "gender", "text", "language", "word", "label", "transcript"]


@st.composite
def annotations(draw: st.DrawFn, pipeline: str) -> Annotation:
    start = draw(st.none() | numbers)
    names = st.none() | st.sampled_from(["person_0001", "person_0003", "ann", ""])
    return Annotation(
        draw(st.uuids().map(str)),
        CLIP.video_id,
        pipeline,
        "c1",
        draw(st.sampled_from(KINDS)),
        start,
        None if start is None else draw(st.none() | st.floats(start, start + 10)),
        draw(st.none() | st.integers(0, 10**7)),
        *(draw(names) for _ in range(4)),
        draw(st.none() | st.floats(0, 1)),
        draw(st.none() | st.builds(BBox, numbers, numbers, numbers, numbers)),
        draw(
            st.dictionaries(st.text(min_size=1), values, max_size=2)
            | st.fixed_dictionaries(
                {}, optional={"landmarks": points | values, **dict.fromkeys(SHOWN, values)}
            )
        ),
    )


@settings(deadline=None)
@given(st.data(), st.sampled_from([PERSON, FACE, AUDIO]), st.sampled_from([CLIP.video, sound_alone(), None]))
def test_every_field_of_every_annotation_survives_the_document_and_its_bytes(data, pipeline, video):
    rows = data.draw(st.lists(annotations(pipeline), max_size=6, unique_by=lambda row: row.annotation_id))
    document = coco.document(pipeline, video, rows, info=INFO, generation="abc")
    assert coco.annotations_of(json.loads(coco.to_bytes(document))) == sorted(rows, key=coco.reading_order)
    assert {record["category_id"] for record in document["annotations"]} <= {
        category["id"] for category in document["categories"]
    }


def test_a_document_has_cocos_keys_and_ends_with_its_generation():
    document = coco.document(SCENE, CLIP.video, CLIP.scenes(SCENES, [40]), info=INFO, generation="f00d")
    assert {"info", "licenses", "videos", "images", "annotations", "categories"} < set(document)
    assert list(document)[-1] == "generation"
    assert document["info"]["configuration"] == INFO["configuration"]
    assert coco.generation_of(coco.to_bytes(document)[-coco.TAIL_BYTES :]) == "f00d"


def test_a_document_that_was_cut_off_has_no_generation():
    whole = coco.to_bytes(coco.document(SCENE, CLIP.video, CLIP.scenes(SCENES), info=INFO, generation="f00d"))
    assert all(coco.generation_of(whole[:end][-coco.TAIL_BYTES :]) is None for end in range(len(whole) - 2))


def test_a_scene_record_has_the_shape_other_tools_read():
    document = coco.document(SCENE, CLIP.video, CLIP.scenes(SCENES, [40]), info=INFO, generation="g")
    first, second = document["annotations"]
    assert document["images"] == []
    assert document["categories"] == [{"id": 1, "name": "scene", "supercategory": "video_segment"}]
    expected = {
        "id": 1,
        "category_id": 1,
        "bbox": [0, 0, 640, 360],
        "area": 640 * 360,
        "iscrowd": 0,
        "video_id": CLIP.video_id,
    }
    assert first.items() >= expected.items()
    assert (
        first.items()
        >= {
            "start_time": 0.0,
            "end_time": 1.6,
            "duration": 1.6,
            "timestamp": 0.8,
            "frame_start": 0,
            "frame_end": 40,
        }.items()
    )
    assert (second["frame_start"], second["frame_end"]) == (40, 100)


def test_a_person_record_points_to_the_image_of_its_frame_and_to_its_track():
    rows = [*CLIP.boxes(PERSONS, 7, 2, "person_0003", per_frame=1), CLIP.track(PERSONS, "person_0003")]
    document = coco.document(PERSON, CLIP.video, rows, info=INFO, generation="g")
    record = document["annotations"][0]
    (image,) = [image for image in document["images"] if image["id"] == record["image_id"]]
    assert (image["frame_number"], image["timestamp"], image["width"], image["height"]) == (
        7,
        7 / 25,
        640,
        360,
    )
    assert record["bbox"] == [10.0, 7 / 3, 64.5, 128.0]
    assert record["area"] == 64.5 * 128.0
    assert (record["track_id"], record["person_id"], record["frame_number"], record["score"]) == (
        3,
        "person_0003",
        7,
        0.507,
    )
    (track,) = document["tracks"]
    assert (track["track_id"], track["start_time"], track["end_time"]) == (3, 0.0, 4.0)
    assert len(document["images"]) == 2


def test_an_empty_result_is_a_document_too():
    document = coco.document(PERSON, CLIP.video, [], info={**INFO, "config_hash": "c1"}, generation="g")
    assert coco.annotations_of(document) == []
    assert document["info"]["config_hash"] == "c1"
    assert document["videos"][0]["frame_count"] == 100


def test_persons_without_numbers_in_their_names_get_their_rank():
    rows = [
        *CLIP.boxes(PERSONS, 0, 1, "mother", per_frame=1),
        *CLIP.boxes(PERSONS, 1, 1, "child", per_frame=1),
    ]
    document = coco.document(PERSON, CLIP.video, rows, info=INFO, generation="g")
    assert [record["track_id"] for record in document["annotations"]] == [2, 1]


def test_rows_of_several_configurations_are_refused():
    (row,) = CLIP.scenes(SCENES)
    with pytest.raises(ValueError, match="one configuration"):
        coco.document(SCENE, CLIP.video, [row, replace(row, config_hash="c2")], info=INFO, generation="g")


def posed(points: int) -> Annotation:
    attributes = {
        "keypoints": [1.0, 2.0, 2] * points,
        "num_keypoints": points,
        "keypoint_scores": [0.5] * points,
    }
    return replace(CLIP.boxes(PERSONS, 0, 1, per_frame=1)[0], attributes=attributes)


def test_the_points_and_bones_of_a_person_are_named_as_coco_names_them():
    (category,) = coco.document(PERSON, CLIP.video, [posed(17)], info=INFO, generation="g")["categories"]
    assert (category["name"], category["keypoints"][0], category["keypoints"][16]) == (
        "person",
        "nose",
        "right_ankle",
    )
    assert len(category["skeleton"]) == 19


@pytest.mark.parametrize("points", [1, 8, 16, 18, 21])
def test_points_of_any_other_number_are_numbered_and_have_no_bones(points):
    document = coco.document(PERSON, CLIP.video, [posed(points)], info=INFO, generation="g")
    (category,) = document["categories"]
    assert category["keypoints"] == [f"point_{n}" for n in range(1, points + 1)]
    assert category["skeleton"] == []
    assert coco.annotations_of(json.loads(coco.to_bytes(document))) == [posed(points)]


def test_boxes_without_poses_have_a_category_without_points():
    (category,) = coco.document(PERSON, CLIP.video, CLIP.boxes(PERSONS, 0, 1), info=INFO, generation="g")[
        "categories"
    ]
    assert category == {"id": 1, "name": "person", "supercategory": "person"}


def test_a_face_record_has_the_keys_other_tools_read_and_its_landmarks_as_key_points():
    rows = [
        ROWS.face(7, "face_0003", "person_0001", age=31.5, gender="female", yaw=-4.0),
        ROWS.identity("face_0003", 7, 12, ["person_0001"]),
    ]
    document = coco.document(FACE, CLIP.video, rows, info=INFO, generation="g")
    (record,), (track,) = document["annotations"], document["tracks"]
    expected = {
        "category_id": 1,
        "face_id": "face_0003",
        "person_id": "person_0001",
        "track_id": 3,
        "frame_number": 7,
        "timestamp": 7 / 25,
    }
    assert (
        record.items()
        >= {
            **expected,
            "age": 31.5,
            "gender": "female",
            "num_keypoints": 5,
            "bbox": [10.0, 20.0, 40.0, 50.0],
        }.items()
    )
    assert record["keypoints"][:6] == [20.0, 30.0, 2, 40.0, 30.0, 2]
    assert record["attributes"]["yaw"] == -4.0
    assert document["images"][0]["frame_number"] == 7
    assert (track["track_id"], track["frame_start"], track["frame_end"], track["attributes"]["faces"]) == (
        3,
        7,
        12,
        3,
    )
    assert document["categories"] == [
        {"id": 1, "name": "face", "supercategory": "person", "keypoints": list(LANDMARKS), "skeleton": []}
    ]


def test_sound_has_a_category_for_each_type_and_the_keys_other_tools_read():
    document = coco.document(AUDIO, CLIP.video, ROWS.conversation(), info=INFO, generation="g")
    names = {category["id"]: category["name"] for category in document["categories"]}
    assert all(
        names[record["category_id"]] == record["annotation_type"] for record in document["annotations"]
    )
    assert {category["supercategory"] for category in document["categories"]} == {"sound"}
    (speech,) = [record for record in document["annotations"] if record.get("transcript") == "Good morning."]
    assert (
        speech.items()
        >= {
            "language": "en",
            "start_time": -0.1,
            "end_time": 2.0,
            "duration": 2.1,
            "speaker_id": "speaker_0001",
        }.items()
    )
    assert (document["images"], document["tracks"]) == ([], [])


def test_a_file_of_sound_alone_is_a_video_without_size_that_tells_its_sound():
    (video,) = coco.document(AUDIO, sound_alone(), [], info=INFO, generation="g")["videos"]
    assert (video["width"], video["height"], video["fps"], video["frame_count"], video["duration"]) == (
        0,
        0,
        0.0,
        0,
        10.0,
    )
    assert video["sound"] == {
        "codec": "pcm_s16le",
        "sample_rate": 16000,
        "channels": 1,
        "start_time": 0.0,
        "duration": 10.0,
    }


@given(st.dictionaries(st.sampled_from(["a.vtt", "audio_processing.srt", "b.rttm"]), st.integers(0, 10**12)))
def test_the_end_of_a_document_tells_which_files_lie_beside_it(files):
    data = coco.to_bytes(coco.document(AUDIO, CLIP.video, [], info=INFO, generation="f00d" * 16, files=files))
    assert coco.files_of(data[-coco.TAIL_BYTES :]) == files
    assert coco.generation_of(data[-coco.TAIL_BYTES :]) == "f00d" * 16
