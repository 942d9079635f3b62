"""What `save_annotations` takes, and what it says of what it does not take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from actors.stores.encoding.annotation_forms import annotations_given
from schemas.annotations.coco import document
from schemas.errors import InvalidAnnotation
from schemas.pipelines import PERSON
from tests.support.stores.fake_videos import Clip

CLIP = Clip()
KEY = CLIP.key(PERSON)


def save(*rows: Any) -> list[dict[str, Any]]:
    """Rows of persons as they would be loaded again."""
    return [one.to_data() for one in annotations_given(KEY, rows)]


def test_a_row_by_hand_has_its_box_and_its_times_in_the_words_of_our_files() -> None:
    (row,) = save(
        {
            "annotation_type": "person_detection",
            "timestamp": 1,
            "frame_number": 25,
            "bbox": (1, 2, 3, 4),
            "score": 0.5,
        }
    )
    assert {name: row[name] for name in ("bbox_x", "bbox_y", "bbox_width", "bbox_height")} == {
        "bbox_x": 1.0,
        "bbox_y": 2.0,
        "bbox_width": 3.0,
        "bbox_height": 4.0,
    }
    assert (row["timestamp_seconds"], row["confidence"], row["frame_number"]) == (1.0, 0.5, 25)
    (stretch,) = save({"start_time": 1.0, "end_time": 2.5, "timestamp": 1.75})
    assert (stretch["timestamp_seconds"], stretch["end_seconds"]) == (1.0, 2.5)


def test_numbers_of_numpy_are_numbers() -> None:
    box = np.array([1.0, 2.0, 3.0, 4.0])
    (row,) = save(
        {
            "timestamp_seconds": np.float64(2.0),
            "frame_number": np.int64(50),
            "confidence": np.float32(0.5),
            "bbox": box,
        }
    )
    assert (row["frame_number"], row["confidence"], row["bbox_width"]) == (50, 0.5, 3.0)


def test_own_keys_are_attributes_beside_the_columns_or_under_their_name() -> None:
    (beside,) = save({"timestamp_seconds": 1.0, "mood": "calm"})
    (under,) = save({"timestamp_seconds": 1.0, "attributes": {"mood": "calm", "frame": 3}})
    assert (beside["mood"], under["mood"], under["frame"]) == ("calm", "calm", 3)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"timestamp_secnds": 1.0}, "'timestamp_secnds': did you mean 'timestamp_seconds'"),
        ({"timestmap": 1.0}, "did you mean 'timestamp'"),
        ({"Confidence": 0.5}, "did you mean 'confidence'"),
        ({"box": [1, 2, 3, 4]}, "did you mean 'bbox'"),
        ({"bbox_w": 3.0}, "did you mean 'bbox"),
        ({"frame": 3}, "did you mean 'frame_number'"),
        ({"person": "person_0001"}, "did you mean 'person_id'"),
        ({"x": 1.0}, "did you mean 'bbox_x'"),
        ({"bbox": [1, 2, 3]}, "four numbers"),
        ({"bbox": "1,2,3,4"}, "four numbers"),
        ({"bbox": [1, 2, 3, None]}, "finite numbers"),
        ({"bbox": [1, 2, 3, float("nan")]}, "finite numbers"),
        ({"bbox_x": 1.0}, "a box needs"),
        ({"bbox": [1, 2, 3, 4], "bbox_x": 1.0}, "both"),
        ({"confidence": 0.5, "score": 0.5}, "both"),
        ({"confidence": 1.5}, "confidence"),
        ({"timestamp_seconds": "soon"}, "timestamp_seconds"),
        ({"timestamp_seconds": True}, "timestamp_seconds"),
        ({"timestamp_seconds": 2.0, "end_seconds": 1.0}, "cannot end"),
        ({"frame_number": 1.5}, "frame_number"),
        ({"person_id": 7}, "person_id"),
        ({"annotation_id": "mine"}, "UUID"),
        ({"attributes": {"bbox": 1}}, "attributes"),
        ({"attributes": [1]}, "attributes"),
        ("timestamp_seconds", "no object"),
    ],
)
def test_what_is_wrong_with_a_row_is_told(row: object, told: str) -> None:
    with pytest.raises(InvalidAnnotation, match=told) as caught:
        save({"timestamp_seconds": 1.0}, row)
    assert "annotation 2 for person_tracking" in str(caught.value)


def test_a_record_of_a_file_with_a_wrong_key_is_refused() -> None:
    rows = CLIP.boxes(KEY, 0, 1)
    made = document(PERSON, CLIP.video, rows, info={}, generation="g")
    with pytest.raises(InvalidAnnotation, match="'keypoint': did you mean 'keypoints'"):
        save({**made["annotations"][0], "keypoint": [1.0, 2.0, 2]})


def test_a_whole_document_is_refused_in_favour_of_its_lists() -> None:
    made = document(PERSON, CLIP.video, CLIP.boxes(KEY, 0, 1), info={}, generation="g")
    with pytest.raises(InvalidAnnotation, match="'annotations' and 'tracks'"):
        annotations_given(KEY, made)  # type: ignore[arg-type]


def test_a_row_that_is_given_twice_is_refused() -> None:
    (row,) = save({"timestamp_seconds": 1.0})
    with pytest.raises(InvalidAnnotation, match="is there twice"):
        save(row, row)
