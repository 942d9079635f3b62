"""What was found, counted: one video, several, and what is said where a weak model found little."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.annotations.annotation import FACE_DETECTION, PERSON_TRACK, SCENE_TYPE, SPEECH, VOICE_ACTIVITY
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.settings.settings import Settings
from schemas.storage.backend import RowCount
from vaengine.reporting.annotation_counts import FoundCounts, found_line
from vaengine.reporting.weak_models import weak_points
from vaengine.requests.request import RunRequest


def test_a_pipeline_without_a_result_is_unknown_and_one_that_found_nothing_is_none() -> None:
    counts = {SCENE: {SCENE_TYPE: RowCount(3, 9.0)}, PERSON: {}}
    assert FoundCounts.of(counts).cells == ("3", "0", "-", "-")


def test_several_videos_are_one_line() -> None:
    first = FoundCounts.of(
        {
            SCENE: {SCENE_TYPE: RowCount(11, 9.0)},
            PERSON: {PERSON_TRACK: RowCount(4, 9.0)},
            FACE: {"face_identity": RowCount(3, 9.0), FACE_DETECTION: RowCount(80, 0.0)},
            AUDIO: {SPEECH: RowCount(2, 120.0), VOICE_ACTIVITY: RowCount(2, 130.0)},
        }
    )
    second = FoundCounts.of({SCENE: {SCENE_TYPE: RowCount(1, 9.0)}, AUDIO: {SPEECH: RowCount(1, 6.0)}})
    line = found_line(first + second, 2)
    assert line == "found 12 scenes, 4 persons, 3 faces, 2.1 min of speech in 2 videos"
    assert found_line(FoundCounts(), 2) == ""


def test_where_there_is_no_text_voice_is_told_and_where_faces_are_nobodys_their_boxes() -> None:
    found = FoundCounts.of(
        {FACE: {FACE_DETECTION: RowCount(1, 0.0)}, AUDIO: {VOICE_ACTIVITY: RowCount(2, 30.0)}}
    )
    assert str(found) == "1 face box, 30 s of voice"
    assert str(found + found) == "2 face boxes, 1.0 min of voice"


def asked(pipelines: tuple[str, ...], **told: dict[str, object]) -> RunRequest:
    return RunRequest((), pipelines, Settings.model_validate(told), Path("/out"), "files:/out")


@pytest.mark.parametrize(
    ("pipelines", "found", "begins"),
    [
        (
            (PERSON,),
            FoundCounts(persons=0),
            "persons by HOG (weak): 0 found; for better results: pip install 'vaengine[offline]'",
        ),
        ((FACE,), FoundCounts(faces=0, face_boxes=7), "faces by OpenCV's cascade (weak): 7 boxes found; "),
        (
            (PERSON, AUDIO),
            FoundCounts(3, 2, 0, 1, 0.0, 9.0),
            "persons by HOG (weak): 2 found; speech by voice activity only: no text; ",
        ),
    ],
)
def test_a_weak_model_is_told_with_what_it_found_and_what_would_be_better(
    pipelines: tuple[str, ...], found: FoundCounts, begins: str
) -> None:
    (line,) = weak_points(asked(pipelines, face={"detector": "cascade"}), found)
    assert line.startswith(begins)


def test_a_good_model_is_told_only_where_nobody_was_found_at_all() -> None:
    good = asked((SCENE, PERSON), person={"detector": "yolo"})
    assert list(weak_points(good, FoundCounts(scenes=1, persons=0))) == [
        "nobody was found: no persons in any video"
    ]
    assert list(weak_points(good, FoundCounts(scenes=1, persons=2))) == []
    assert list(weak_points(asked((SCENE,)), FoundCounts(scenes=1))) == []
