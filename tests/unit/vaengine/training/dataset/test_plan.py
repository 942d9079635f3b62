"""A plan says which pictures a dataset has, and why it has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import UsageError
from vaengine.training.dataset.candidate import Candidate, LabelledBox, LeftOutCounts
from vaengine.training.dataset.cutting import CutPicture
from vaengine.training.dataset.plan import folder_name, plan_dataset
from vaengine.training.dataset.request import DatasetRequest, Shares


def cut(video_id: str, frame: int, own_hash: int, **facts: object) -> CutPicture:
    values = {"boxes": (LabelledBox("person", (0.1, 0.1, 0.5, 0.9)),), **facts}
    candidate = Candidate(video_id, frame, frame / 25, **values)  # type: ignore[arg-type]
    return CutPicture(candidate, Path(f"/cut/{video_id}_{frame}.jpg"), own_hash)


FAR = [0, (1 << 32) - 1, ((1 << 32) - 1) << 32]  # hashes that are far from each other


def test_a_plan_has_each_picture_once_with_its_video_s_split() -> None:
    cuts = [cut(video, frame, FAR[frame]) for video in ("a", "b") for frame in range(3)]
    plan = plan_dataset(DatasetRequest(drop_duplicates=False), cuts, {}, LeftOutCounts())
    assert [picture.name for picture in plan.pictures] == [f"{v}_00000{n}" for v in "ab" for n in range(3)]
    assert sorted({picture.split for picture in plan.pictures}) == ["train", "val"]
    assert plan.notes == ("test is empty: there are too few videos that share no people",)
    assert plan.videos_of("train") != plan.videos_of("val")


def test_near_duplicates_are_left_out_and_counted_also_across_videos() -> None:
    left = LeftOutCounts()
    cuts = [cut("a", 0, FAR[0]), cut("b", 0, FAR[0]), cut("b", 1, FAR[1])]
    plan = plan_dataset(DatasetRequest(), cuts, {}, left)
    assert [picture.name for picture in plan.pictures] == ["a_000000", "b_000001"]
    assert [(one.number, one.reason) for one in plan.left_out] == [(1, "near-duplicates by picture")]


def test_an_empty_plan_says_what_was_left_out_most() -> None:
    left = LeftOutCounts()
    with pytest.raises(UsageError, match="`vaengine run` makes them"):
        plan_dataset(DatasetRequest(), [], {}, left)
    left.add("boxes", "less sure than 0.5", 12)
    left.add("boxes", "outside the picture", 3)
    with pytest.raises(UsageError, match=r"most of all 12 boxes, less sure than 0\.5"):
        plan_dataset(DatasetRequest(), [], {}, left)


def test_all_pictures_in_one_split_are_refused_unless_nothing_is_to_be_held_out() -> None:
    cuts = [cut("a", 0, FAR[0]), cut("b", 0, FAR[1])]
    people = {"a": {"Anna"}, "b": {"Anna"}}
    with pytest.raises(UsageError, match=r"share people.*--split 100/0/0"):
        plan_dataset(DatasetRequest(), cuts, people, LeftOutCounts())
    with pytest.raises(UsageError, match="one video"):
        plan_dataset(DatasetRequest(), cuts[:1], people, LeftOutCounts())
    whole = DatasetRequest(shares=Shares(1.0, 0.0, 0.0))
    assert len(plan_dataset(whole, cuts, people, LeftOutCounts()).of_split("train")) == 2


def test_a_class_is_the_name_of_a_folder_on_every_file_system() -> None:
    names = {"Ána": "Ána", "a/b": "a_b", " .. ": "_", "con:": "con_", "世界": "世界", "x" * 200: "x" * 80}
    assert {label: folder_name(label) for label in names} == names
