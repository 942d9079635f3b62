"""How well people are found and told apart on real recordings: bars against getting worse, not benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.cases.tracking_scenes import annotations_alone, pets, scored, thresholds, weakened
from bench.harness.in_process import NEURAL, person_rows, settings_for
from bench.scoring.mot import PETS, accuracy, annotated, people_in
from schemas.annotations.annotation import PERSON_DETECTION, PERSON_TRACK, Annotation

pytestmark = pytest.mark.shared

TALKERS = 11  # clips, of ten people: the third and the eighth are one person's


def rows(path: Path, **settings: Any) -> tuple[Annotation, ...]:
    assignments = [f"{key.replace('__', '.')}={value}" for key, value in settings.items()]
    return person_rows(path, settings_for([*NEURAL, *assignments], path))


@pytest.mark.long
@pytest.mark.parametrize(
    ("tracker", "mota", "idf1"),
    [
        ("bytetrack", 0.824, 0.825),
        ("botsort", 0.858, 0.881),
    ],  # what ultralytics' own track() reaches with the same weights
)
def test_tracking_is_at_least_as_good_as_the_librarys_own(tracker: str, mota: float, idf1: float) -> None:
    truth = annotated(PETS / "gt" / "gt.txt")
    found = rows(PETS / "video.mp4", person__tracker=tracker, person__sample_fps=7)
    score = accuracy(
        truth, people_in(row for row in found if row.annotation_type == PERSON_DETECTION and row.person_id)
    )
    assert score.mota >= mota
    assert score.idf1 >= idf1


@pytest.mark.long
def test_thresholds_of_presets_are_on_no_scene_worse_than_the_librarys_with_the_same_boxes() -> None:
    strong = pets()
    library, ours = (thresholds()[name] for name in ("ultralytics' own", "preset fast"))
    for name, variants in [("PETS", (strong,)), *weakened("PETS", strong), *annotations_alone()]:
        least, reached = scored(variants, library), scored(variants, ours)
        assert (name, reached["mota"] >= least["mota"], reached["idf1"] >= least["idf1"]) == (
            name,
            True,
            True,
        )


@pytest.mark.long
def test_a_clip_cut_together_of_ten_talkers_gives_a_track_for_each_of_its_clips(shared: Path) -> None:
    found = rows(shared / "media" / "derived" / "grid_11_talkers_33s.mp4", person__input_pixels=320)
    tracks = [row for row in found if row.annotation_type == PERSON_TRACK]
    assert len(tracks) == TALKERS
    assert [
        row.attributes["frame_start"] // 75
        for row in sorted(tracks, key=lambda row: row.timestamp_seconds or 0.0)
    ] == list(range(TALKERS))
