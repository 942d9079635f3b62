"""A selection of a store leaves as files, with what they are and what they lost."""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import pandas as pd
import pytest

import vaengine
from actors.probing.probe import probe
from actors.stores import open_store
from schemas.annotations.annotation import AUDIO_EVENT, PERSON_DETECTION, SPEECH
from schemas.errors import UsageError
from tests.support.media import clips
from tests.support.stores.exported import Filmed, collection, stored, video, walked
from vaengine.cli.app import outcome
from vaengine.correcting.correction import correct_boxes
from vaengine.correcting.edits import Stretch, TrackDeletion
from vaengine.correcting.history import revision_of
from vaengine.exporting.registry import MODULES, format_named
from vaengine.exporting.values.options import ExportOptions
from vaengine.results.lookup import newest_results


@pytest.fixture(scope="module")
def films() -> dict[str, Filmed]:
    found = collection()
    return {name: found[name] for name in ("unicode", "empty", "uneven", "sound")}


@pytest.fixture(scope="module", params=["files", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, films: dict) -> str:
    folder = tmp_path_factory.mktemp("store")
    address = {"files": f"files:{folder}", "sqlite": f"sqlite:///{folder}/store.db"}[request.param]
    return stored(address, list(films.values()))


def test_tables_of_csv_and_parquet_are_the_store_from_any_kind_of_it(
    url: str, films: dict[str, Filmed], tmp_path: Path
) -> None:
    found = vaengine.export("csv", tmp_path / "csv", db=url, options=ExportOptions(bom=True))
    vaengine.export("parquet", tmp_path / "parquet", db=url)
    counts = Counter(row.annotation_type for film in films.values() for row in film.rows)
    assert found.rows == {kind: counts[kind] for kind in found.rows}
    assert found.losses == ()
    texts = sorted(row.attributes["text"] for film in films.values() for row in film.of(SPEECH))
    with (tmp_path / "csv/speech.csv").open(encoding="utf-8-sig", newline="") as file:
        assert sorted(row["text"] for row in csv.DictReader(file)) == texts
    boxes = pd.read_parquet(tmp_path / "parquet/person_detection.parquet")
    rows = [row for film in films.values() for row in film.of(PERSON_DETECTION)]
    wanted = {
        row.annotation_id: (row.frame_number, row.timestamp_seconds, row.bbox.x) for row in rows if row.bbox
    }
    got = zip(boxes.annotation_id, boxes.frame_number, boxes.timestamp_seconds, boxes.bbox_x, strict=True)
    assert {name: rest for name, *rest in got} == {name: list(rest) for name, rest in wanted.items()}


def test_a_manifest_says_what_was_exported_and_what_was_lost(url: str, films: dict, tmp_path: Path) -> None:
    options = ExportOptions(interpolate=True)
    found = vaengine.export(
        "mot", tmp_path / "mot", videos=films["uneven"].video.video_id, db=url, options=options
    )
    manifest = json.loads((tmp_path / "mot/vaengine_export.json").read_text(encoding="utf-8"))
    assert manifest["boxes_between_samples"] == "interpolated in straight lines"
    assert [one["video_id"] for one in manifest["videos"]] == [films["uneven"].video.video_id]
    assert manifest["videos"][0]["has_variable_frame_rate"] is True
    results = manifest["videos"][0]["results"]
    assert results["person_tracking"]["config_hash"] == "c1"
    assert (results["person_tracking"]["batch_id"], results["person_tracking"]["preset"]) == (
        "batch-1",
        "fast",
    )
    losses = {(loss["kind"], loss["rows"]) for loss in manifest["losses"]}
    assert {(SPEECH, 2), (AUDIO_EVENT, 2), (PERSON_DETECTION, 1)} <= losses
    assert len(found.losses) == len(manifest["losses"])
    lines = (tmp_path / "mot" / films["uneven"].video.video_id / "gt/gt.txt").read_text().splitlines()
    assert len(lines) == 2 * (96 - 4), "two tracks in the frames 0 to 95, but not across the cut at 50"


def test_a_query_selects_the_moments_that_it_finds(url: str, films: dict, tmp_path: Path) -> None:
    laughter = vaengine.find("sound", label="laughter").query
    found = vaengine.export("csv", tmp_path / "csv", query=laughter, db=url)
    assert found.videos == 3
    boxes = pd.read_csv(tmp_path / "csv/person_detection.csv")
    assert set(boxes.timestamp_seconds.between(1.0, 3.0)) == {True}
    inside = [r for r in films["unicode"].of(PERSON_DETECTION) if 1.0 <= (r.timestamp_seconds or 0) < 3.0]
    assert (boxes.video_id == films["unicode"].video.video_id).sum() == len(inside)
    with pytest.raises(UsageError, match="finds nothing"):
        vaengine.export("csv", tmp_path / "none", query=vaengine.find("scene").during("sound"), db=url)


def test_every_format_is_written_from_a_store_without_rows(tmp_path: Path) -> None:
    url = stored(f"sqlite:///{tmp_path}/empty.db", [Filmed(video("empty.mp4", "b"))])
    for name in MODULES:
        found = vaengine.export(name, tmp_path / name, db=url)
        assert set(found.rows.values()) <= {0}, name
        assert (tmp_path / name / "vaengine_export.json").is_file()


def test_pictures_are_the_very_frames_of_the_store(tmp_path: Path) -> None:
    clip = clips.counting(tmp_path, frames=60, fps=12, width=160, height=120, rotation=0)
    film = walked(Filmed(replace(probe(str(clip.path)))), range(3, 60, 7))
    url = stored(f"sqlite:///{tmp_path}/store.db", [film])
    vaengine.export("yolo", tmp_path / "yolo", db=url)
    pictures = sorted((tmp_path / "yolo/images/train").glob("*.jpg"))
    frames = [int(path.stem.rpartition("_")[2]) for path in pictures]
    assert frames == list(range(3, 60, 7))
    assert [clips.number_of(cv2.imread(str(path))) for path in pictures] == frames
    labels = {path.stem for path in (tmp_path / "yolo/labels/train").glob("*.txt")}
    assert labels == {path.stem for path in pictures}
    clip.path.unlink()
    with pytest.raises(vaengine.VideoError) as raised:
        vaengine.export("yolo", tmp_path / "again", db=url)
    assert "--no-pictures" in raised.value.__notes__[0]
    assert not (tmp_path / "again").exists()


def test_wrong_use_is_one_line_that_says_what_to_do(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {
        ("cocoo",): "did you mean 'coco'?",
        (): "--list",
        ("csv", "nobody.mp4"): "nobody.mp4",
        ("csv", "a.mp4", "--batch", "b"): "one of the three",
    }
    for words, cure in asked.items():
        code = outcome(["export", *words, "--db", url, "-o", str(tmp_path / "out")])
        said = capsys.readouterr().err
        assert code in (1, 2), words
        assert cure in said, words
        assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_other_names_of_a_format_are_understood() -> None:
    assert [format_named(name).name for name in ("VTT", "eaf", "praat")] == ["webvtt", "elan", "textgrid"]


def test_what_people_corrected_is_exported_where_it_is_asked_for(tmp_path: Path, films: dict) -> None:
    corrected, untouched = films["unicode"], films["uneven"]
    url = stored(f"sqlite:///{tmp_path}/store.db", [corrected, untouched])
    with closing(open_store(url)) as store:
        facts = corrected.video
        deletion = TrackDeletion("person", "person_0001", Stretch(0, facts.frame_count or 1))
        now = newest_results(store.jobs_of([facts.video_id]), "corrected").values()
        correct_boxes(store, facts, [deletion], revision_of(result for _, result in now))

    found, boxes, manifests = {}, {}, {}
    for source in ("machine", "corrected", "human"):
        folder = tmp_path / source
        found[source] = vaengine.export("csv", folder, db=url, options=ExportOptions(source=source))
        table = pd.read_csv(folder / "person_detection.csv")
        boxes[source] = set(zip(table.video_id, table.person_id, strict=True))
        manifests[source] = json.loads((folder / "vaengine_export.json").read_text(encoding="utf-8"))

    mine, its = corrected.video.video_id, untouched.video.video_id
    assert (mine, "person_0001") in boxes["machine"]
    assert boxes["corrected"] == boxes["machine"] - {(mine, "person_0001")}
    assert boxes["human"] == {one for one in boxes["corrected"] if one[0] == mine}
    assert [found[source].uncorrected for source in found] == [1, 0, 0]
    results = {one["video_id"]: one["results"] for one in manifests["corrected"]["videos"]}
    person = {video_id: own["person_tracking"] for video_id, own in results.items()}
    assert (person[mine]["source"], person[its]["source"]) == ("human", "machine")
    sampled = {one["video_id"]: one["results"] for one in manifests["machine"]["videos"]}
    assert person[mine]["sample_fps"] == sampled[mine]["person_tracking"]["sample_fps"]
    assert {one["video_id"] for one in manifests["human"]["videos"]} == {mine}


def test_an_unknown_source_is_told_with_the_known_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(["export", "csv", "--source", "nobody", "--out", str(tmp_path)]) == 2
    assert "--source is machine, human, corrected, not 'nobody'" in capsys.readouterr().err
