"""A dataset has exactly the frames, boxes and people of the store that it should."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import vaengine
from actors.probing.probe import probe
from actors.stores import open_store
from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, PERSON_TRACK
from schemas.errors import UsageError
from schemas.storage.backend import Identity
from tests.support.media import clips
from tests.support.stores import tool_files
from tests.support.stores.exported import CONFIG, Filmed, stored
from vaengine.cli.app import outcome
from vaengine.importing.import_file import ImportRequest, import_file
from vaengine.training.dataset.build import BuiltDataset
from vaengine.training.dataset.request import DatasetRequest, Shares

FPS, SIZE = 12, (160, 120)


def filmed(folder: Path, name: str, first_number: int) -> Filmed:
    """Two seconds with a person who walks and one who stands, and the walker's face."""
    folder.mkdir()
    clip = clips.counting(folder, frames=36, fps=FPS, width=160, height=120, first_number=first_number)
    path = folder.parent / f"{name}.mp4"
    clip.path.rename(path)
    film = Filmed(replace(probe(str(path))))
    at_y = first_number / 4  # so that no two videos are near-duplicates
    for at, frame in enumerate(range(0, 36, 3)):
        film.box(PERSON_DETECTION, frame, "person_0001", (10.0 + 9 * at, 20.0 + at_y, 20.0, 60.0))
        film.box(PERSON_DETECTION, frame, "person_0002", (120.0, 40.0, 60.0, 60.0))  # beyond the right edge
        film.box(FACE_DETECTION, frame, "face_0001", (12.0 + 9 * at, 22.0 + at_y, 12.0, 16.0))
    film.lasting(PERSON_TRACK, 0, 33, person_id="person_0001")
    return film


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Filmed]:
    folder = tmp_path_factory.mktemp("media")
    return {
        name: filmed(folder / str(number), name, 40 * number)
        for number, name in enumerate(("küche", "garden", "hall"))
    }


@pytest.fixture
def url(films: Mapping[str, Filmed], tmp_path: Path) -> str:
    return stored(f"sqlite:///{tmp_path}/store.db", list(films.values()))


def labels_in(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.loadtxt(path, ndmin=2) for path in folder.glob("labels/*/*.txt")}


def build(url: str, folder: Path, **asked: object) -> BuiltDataset:
    values = {"every_s": 0.5, "min_confidence": 0.0, **asked}
    return vaengine.build_dataset(folder, DatasetRequest(**values), db=url)  # type: ignore[arg-type]


def test_frames_and_boxes_are_those_of_the_store_and_no_video_is_in_two_splits(
    url: str, films: Mapping[str, Filmed], tmp_path: Path
) -> None:
    found = build(url, tmp_path / "set")
    assert [one.pictures for one in found.splits] == [6, 6, 6]
    assert [one.videos for one in found.splits] == [1, 1, 1]
    for film in films.values():
        own = sorted((tmp_path / "set").glob(f"images/*/{film.video.video_id}_*.jpg"))
        frames = [int(path.stem.rpartition("_")[2]) for path in own]
        assert frames == [0, 6, 12, 18, 24, 30]
        number = list(films.values()).index(film)
        first = 40 * number
        assert [clips.number_of(cv2.imread(str(path))) for path in own] == [first + n for n in frames]
        boxes = labels_in(tmp_path / "set")[f"{film.video.video_id}_000012"]
        boxes = boxes[boxes[:, 1].argsort()]
        np.testing.assert_allclose(
            boxes[0], [0, 56 / 160, (50 + 10 * number) / 120, 20 / 160, 60 / 120], atol=1e-6
        )
        np.testing.assert_allclose(boxes[1], [0, 140 / 160, 70 / 120, 40 / 160, 60 / 120], atol=1e-6)


def test_the_same_store_and_seed_give_the_same_dataset_and_another_seed_another_split(
    url: str, tmp_path: Path
) -> None:
    first, again = build(url, tmp_path / "a"), build(url, tmp_path / "b")
    digests = {first.digest, again.digest}
    assert len(digests) == 1
    digests |= {build(url, tmp_path / f"seed {seed}", seed=seed).digest for seed in range(1, 5)}
    assert len(digests) > 1
    manifest = json.loads((tmp_path / "a/vaengine_dataset.json").read_text(encoding="utf-8"))
    assert manifest["digest"] == first.digest
    assert {one["results"]["person_tracking"]["batch_id"] for one in manifest["videos"]} == {"batch-1"}


def test_people_in_two_videos_keep_these_in_one_split(
    url: str, films: Mapping[str, Filmed], tmp_path: Path
) -> None:
    ids = [film.video.video_id for film in films.values()]
    with closing(open_store(url)) as store:
        store.put_identities(
            [Identity("identity_0001", one, "face_0001", CONFIG, "m", 0.9, 0.0) for one in ids[:2]]
        )
    build(url, tmp_path / "set")
    manifest = json.loads((tmp_path / "set/vaengine_dataset.json").read_text(encoding="utf-8"))
    splits = {one["video_id"]: one["split"] for one in manifest["videos"]}
    assert splits[ids[0]] == splits[ids[1]] != splits[ids[2]]
    assert manifest["notes"] == ["test is empty: there are too few videos that share no people"]
    with closing(open_store(url)) as store:
        store.put_identities(
            [Identity("identity_0001", one, "face_0001", CONFIG, "m", 0.9, 0.0) for one in ids]
        )
    with pytest.raises(UsageError, match="their videos share people"):
        build(url, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    found = build(url, tmp_path / "all", shares=Shares(1.0, 0.0, 0.0))
    assert [one.pictures for one in found.splits] == [18, 0, 0]


def test_what_people_annotated_counts_in_the_place_of_the_machine(
    url: str, films: Mapping[str, Filmed], tmp_path: Path
) -> None:
    film = films["garden"]
    text = tool_files.cvat(
        tool_files.cvat_track(0, [(0, (40.0, 30.0, 32.0, 60.0)), (1, None)]),
        source="garden.mp4",
        frames=36,
        size=SIZE,
    )
    (tmp_path / "garden.xml").write_text(text, encoding="utf-8")
    with closing(open_store(url)) as store:
        import_file(store, ImportRequest(tmp_path / "garden.xml"))
    build(url, tmp_path / "set", min_confidence=0.9, shares=Shares(1.0, 0.0, 0.0))
    own = {name: rows for name, rows in labels_in(tmp_path / "set").items() if film.video.video_id in name}
    assert list(own) == [f"{film.video.video_id}_000000"], "of the others nobody is so sure"
    np.testing.assert_allclose(own[f"{film.video.video_id}_000000"], [[0, 0.35, 0.5, 0.2, 0.5]], atol=1e-6)


def test_boxes_between_those_that_people_drew_are_in_every_picture(
    url: str, films: Mapping[str, Filmed], tmp_path: Path
) -> None:
    """Two tracks that were drawn in different frames: each picture has both."""
    own = films["hall"].video.video_id
    text = tool_files.cvat(
        tool_files.cvat_track(0, [(0, (0.0, 0.0, 32.0, 60.0)), (24, (48.0, 0.0, 32.0, 60.0)), (25, None)]),
        tool_files.cvat_track(1, [(6, (96.0, 60.0, 32.0, 60.0)), (18, (96.0, 36.0, 32.0, 60.0)), (19, None)]),
        source="hall.mp4",
        frames=36,
        size=SIZE,
    )
    (tmp_path / "hall.xml").write_text(text, encoding="utf-8")
    with closing(open_store(url)) as store:
        import_file(store, ImportRequest(tmp_path / "hall.xml"))
    build(url, tmp_path / "set", source="human", shares=Shares(1.0, 0.0, 0.0))
    found = labels_in(tmp_path / "set")
    counts = {name.removeprefix(f"{own}_"): len(rows) for name, rows in found.items()}
    assert counts == {"000000": 1, "000006": 2, "000012": 2, "000018": 2, "000024": 1}
    np.testing.assert_allclose(
        found[f"{own}_000012"], [[0, 0.25, 0.25, 0.2, 0.5], [0, 0.7, 0.65, 0.2, 0.5]], atol=1e-6
    )


def test_what_is_left_out_is_counted_with_its_reason(
    url: str, films: Mapping[str, Filmed], tmp_path: Path
) -> None:
    found = build(url, tmp_path / "set", every_s=0.0, max_pictures=7, min_confidence=0.51)
    left = {(one.things, one.reason): one.number for one in found.left_out}
    assert left["pictures", "more than 7 of one video"] == 3
    assert left["boxes", "less sure than 0.51"] == 3 * 2 * 4
    assert sum(one.pictures for one in found.splits) == 3 * 7


def test_faces_are_cut_out_into_a_folder_of_each_person(
    url: str, films: Mapping[str, Filmed], tmp_path: Path
) -> None:
    ids = [film.video.video_id for film in films.values()]
    with closing(open_store(url)) as store:
        store.put_identities([Identity("identity_0001", ids[0], "face_0001", CONFIG, "m", 0.9, 0.0)])
    found = build(url, tmp_path / "faces", kind="face", min_pixels=10)
    assert "identity_0001" in found.classes
    pictures = sorted((tmp_path / "faces").glob("*/identity_0001/*.jpg"))
    assert pictures
    sizes = {cv2.imread(str(path)).shape[:2] for path in pictures}
    assert sizes <= {(height, width) for height in (22, 23) for width in range(15, 19)}, "16 x 12 and a fifth"
    lines = [
        json.loads(line)
        for path in (tmp_path / "faces").glob("*/metadata.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert len(lines) == sum(one.pictures for one in found.splits)
    assert all(list((tmp_path / "faces").glob(f"*/{line['file_name']}")) for line in lines)
    assert {line["label"] for line in lines} == set(found.classes)


def test_scenes_are_frames_of_the_moments_that_the_query_of_a_class_finds(url: str, tmp_path: Path) -> None:
    classes = {
        "walker": {"find": "person:person_0001", "videos": ["garden.mp4", "hall.mp4"]},
        "kitchen/bath": {"find": "person:person_0001", "videos": ["küche.mp4"]},
    }
    found = vaengine.build_dataset(
        tmp_path / "scenes", DatasetRequest("scene", every_s=0.5), db=url, classes=classes
    )
    assert found.classes == ("kitchen/bath", "walker")
    assert list((tmp_path / "scenes").glob("*/kitchen_bath/*.jpg"))
    manifest = json.loads((tmp_path / "scenes/vaengine_dataset.json").read_text(encoding="utf-8"))
    assert set(manifest["queries"]) == set(classes)


def test_an_earlier_dataset_is_replaced_only_when_asked_for_and_nothing_else_is(
    url: str, tmp_path: Path
) -> None:
    target = tmp_path / "set"
    build(url, target)
    (target / "labels/train.cache").touch()  # as ultralytics leaves one
    with pytest.raises(UsageError, match="--force"):
        build(url, target)
    found = vaengine.build_dataset(target, DatasetRequest(min_confidence=0.0), db=url, force=True)
    assert sum(one.pictures for one in found.splits) < 18
    assert not (target / "labels/train.cache").exists()
    (target / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"notes\.txt"):
        vaengine.build_dataset(target, db=url, force=True)
    assert (target / "data.yaml").is_file()


def test_wrong_use_is_one_line_that_says_what_to_do(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {
        ("--kind", "cats"): "person, face, scene",
        ("--split", "90/20/0"): "--split",
        ("--source", "me"): "corrected",
        ("--kind", "scene"): "--class",
        ("--class", "a=b"): "--class",
        ("--boxes", "dog"): "person, face",
        ("--min-confidence", "1"): "less sure than 1",
        ("--every", "x"): "x",
    }
    for words, cure in asked.items():
        code = outcome(["dataset", "build", *words, "--db", url, "-o", str(tmp_path / "set")])
        said = capsys.readouterr().err
        assert code == 2, (words, said)
        assert cure in said, (words, said)
        assert said.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_the_command_shows_what_was_taken_and_what_was_left_out(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dataset", "build", "--db", url, "-o", str(tmp_path / "set"), "--every", "500ms"]
    assert outcome([*words, "--min-confidence", "0.51"]) == 0
    said = capsys.readouterr().out
    assert "near-duplicates" in said or "less sure than 0.51" in said
    assert said.splitlines()[-1] == str(tmp_path / "set")
    assert outcome([*words, "--force", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert (event["event"], event["classes"]) == ("dataset", ["person"])
