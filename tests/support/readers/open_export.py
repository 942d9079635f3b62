"""Opens an exported folder with readers that we did not write, and prints as JSON what they found in it.

Run by the readers' environment, which has nothing of ours: `python open_export.py READER FOLDER`.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

READERS: dict[str, Callable[[Path], Any]] = {}


def reader(function: Callable[[Path], Any]) -> Callable[[Path], Any]:
    READERS[function.__name__] = function
    return function


@reader
def csv_duckdb(folder: Path) -> Any:
    import duckdb

    tables = sorted(folder.glob("*.csv"))
    return {
        path.stem: duckdb.sql(f"select count(*) from read_csv('{path}', header=true)").fetchall()[0][0]
        for path in tables
    }


@reader
def csv_pandas(folder: Path) -> Any:
    import pandas as pd

    boxes = pd.read_csv(folder / "person_detection.csv", float_precision="round_trip")
    speech = pd.read_csv(folder / "speech.csv")
    columns = [
        "video_id",
        "frame_number",
        "timestamp_seconds",
        "bbox_x",
        "bbox_y",
        "bbox_width",
        "bbox_height",
    ]
    return {"boxes": boxes[columns].values.tolist(), "texts": speech["text"].tolist()}


@reader
def parquet_pandas(folder: Path) -> Any:
    import pandas as pd

    boxes = pd.read_parquet(folder / "person_detection.parquet")
    faces = pd.read_parquet(folder / "face_detection.parquet")
    columns = [
        "video_id",
        "frame_number",
        "timestamp_seconds",
        "bbox_x",
        "bbox_y",
        "bbox_width",
        "bbox_height",
    ]
    return {
        "rows": {path.stem: len(pd.read_parquet(path)) for path in sorted(folder.glob("*.parquet"))},
        "boxes": boxes[columns].values.tolist(),
        "landmarks": [[list(point) for point in points] for points in faces["landmarks"]],
    }


@reader
def parquet_duckdb(folder: Path) -> Any:
    import duckdb

    return {
        path.stem: duckdb.sql(f"select count(*) from '{path}'").fetchall()[0][0]
        for path in sorted(folder.glob("*.parquet"))
    }


@reader
def coco_pycocotools(folder: Path) -> Any:
    from pycocotools.coco import COCO

    coco = COCO(str(folder / "annotations/instances_default.json"))
    names = {video["id"]: video["name"] for video in coco.dataset["videos"]}
    return [
        [
            names[image["video_id"]],
            image["frame_index"],
            image["timestamp"],
            coco.cats[one["category_id"]]["name"],
            *one["bbox"],
        ]
        for one in coco.loadAnns(coco.getAnnIds())
        for image in coco.loadImgs(one["image_id"])
    ]


@reader
def coco_kwcoco(folder: Path) -> Any:
    import kwcoco

    coco = kwcoco.CocoDataset(str(folder / "annotations/instances_default.json"))
    coco.validate(missing=False)
    tracks = {(one["video_id"], one.get("track_id")) for one in coco.dataset["annotations"]}
    return {
        "videos": coco.n_videos,
        "images": coco.n_images,
        "boxes": coco.n_annots,
        "fps": coco.videos().lookup("fps"),
        "tracks": len([track for track in tracks if track[1] is not None]),
    }


@reader
def coco_datumaro(folder: Path) -> Any:
    from datumaro.components.dataset import Dataset

    dataset = Dataset.import_from(str(folder), "coco_instances")
    return sorted(
        [item.id, *annotation.get_bbox()]
        for item in dataset
        for annotation in item.annotations
        if annotation.type.name == "bbox"
    )


@reader
def yolo_supervision(folder: Path) -> Any:
    import supervision

    dataset = supervision.DetectionDataset.from_yolo(
        str(folder / "images/train"), str(folder / "labels/train"), str(folder / "data.yaml")
    )
    found = {Path(path).stem: boxes.xyxy.tolist() for path, _, boxes in dataset}
    return {"classes": dataset.classes, "boxes": found}


@reader
def yolo_datumaro(folder: Path) -> Any:
    from datumaro.components.dataset import Dataset

    return sum(len(item.annotations) for item in Dataset.import_from(str(folder), "yolo"))


@reader
def mot_motmetrics(folder: Path) -> Any:
    import motmetrics

    found = {}
    for path in sorted(folder.glob("*/gt/gt.txt")):
        name = path.parents[1].name
        rows = motmetrics.io.loadtxt(str(path), fmt="mot16") if path.stat().st_size else []
        found[name] = [
            [int(frame), int(track), float(row.X), float(row.Y), float(row.Width), float(row.Height)]
            for (frame, track), row in (rows.iterrows() if len(rows) else ())
        ]
    return found


@reader
def mot_trackeval(folder: Path) -> Any:
    """TrackEval reads a tracker's file beside the truth: the same one here, so that all of it agrees."""
    import shutil
    import tempfile

    import numpy
    import trackeval

    names = _sequences(folder)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "gt/seqmaps").mkdir(parents=True)
        (place / "trackers/X-train/mine/data").mkdir(parents=True)
        (place / "gt/seqmaps/X-train.txt").write_text("name\n" + "\n".join(names) + "\n")
        for own in names:
            shutil.copytree(folder / own, place / "gt/X-train" / own)
            shutil.copy(folder / own / "gt/gt.txt", place / f"trackers/X-train/mine/data/{own}.txt")
        config = trackeval.datasets.MotChallenge2DBox.get_default_dataset_config()
        config.update(
            GT_FOLDER=str(place / "gt"),
            TRACKERS_FOLDER=str(place / "trackers"),
            BENCHMARK="X",
            SPLIT_TO_EVAL="train",
            PRINT_CONFIG=False,
            DO_PREPROC=False,
        )
        dataset = trackeval.datasets.MotChallenge2DBox(config)
        found = {}
        for own in names:
            data = dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data("mine", own), "pedestrian")
            hota = trackeval.metrics.HOTA().eval_sequence(data)
            found[own] = [int(data["num_gt_dets"]), int(data["num_gt_ids"]), float(numpy.mean(hota["HOTA"]))]
        return found


@reader
def mot_datumaro(folder: Path) -> Any:
    from datumaro.components.dataset import Dataset

    return {
        name: sum(len(item.annotations) for item in Dataset.import_from(str(folder / name), "mot_seq"))
        for name in _sequences(folder)
    }


def _sequences(folder: Path) -> list[str]:
    """Sequences with tracks that are short: these readers make something of every frame."""
    found = []
    for path in sorted(folder.glob("*/gt/gt.txt")):
        info = configparser.ConfigParser()
        info.read(path.parents[1] / "seqinfo.ini", encoding="utf-8")
        if path.stat().st_size and info.getint("Sequence", "seqLength") < 10_000:
            found.append(path.parents[1].name)
    return found


@reader
def webvtt(folder: Path) -> Any:
    import webvtt as reading

    return {
        path.stem: [[one.start, one.end, one.voice, one.text] for one in reading.read(str(path))]
        for path in sorted(folder.glob("*.vtt"))
    }


@reader
def webvtt_pysubs2(folder: Path) -> Any:
    import pysubs2

    return {
        path.stem: [[one.start / 1000, one.end / 1000] for one in pysubs2.load(str(path))]
        for path in sorted(folder.glob("*.vtt"))
    }


@reader
def srt(folder: Path) -> Any:
    import srt as reading

    return {
        path.stem: [
            [one.start.total_seconds(), one.end.total_seconds(), one.content]
            for one in reading.parse(path.read_text(encoding="utf-8"))
        ]
        for path in sorted(folder.glob("*.srt"))
    }


@reader
def rttm(folder: Path) -> Any:
    from pyannote.database.util import load_rttm

    return {
        name: [[turn.start, turn.end, label] for turn, _, label in turns.itertracks(yield_label=True)]
        for path in sorted(folder.glob("*.rttm"))
        for name, turns in load_rttm(str(path)).items()
    }


@reader
def elan_pympi(folder: Path) -> Any:
    import pympi

    return {
        path.stem: {
            name: sorted(pympi.Elan.Eaf(str(path)).get_annotation_data_for_tier(name))
            for name in pympi.Elan.Eaf(str(path)).get_tier_names()
        }
        for path in sorted(folder.glob("*.eaf"))
    }


@reader
def elan_speach(folder: Path) -> Any:
    from speach import elan

    return {
        path.stem: {tier.ID: len(list(tier.annotations)) for tier in elan.read_eaf(str(path))}
        for path in sorted(folder.glob("*.eaf"))
    }


@reader
def textgrid_praatio(folder: Path) -> Any:
    from praatio import textgrid

    found = {}
    for path in sorted(folder.glob("*.TextGrid")):
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
        found[path.stem] = {
            name: [[one.start, one.end, one.label] for one in grid.getTier(name).entries]
            for name in grid.tierNames
        }
    return found


@reader
def textgrid_textgrid(folder: Path) -> Any:
    import textgrid

    return {
        path.stem: {
            tier.name: sum(1 for one in tier if one.mark) for tier in textgrid.TextGrid.fromFile(str(path))
        }
        for path in sorted(folder.glob("*.TextGrid"))
    }


@reader
def cvat_datumaro(folder: Path) -> Any:
    from datumaro.components.dataset import Dataset

    found = {}
    for path in sorted(folder.glob("*.xml")):
        dataset = Dataset.import_from(str(path), "cvat")
        found[path.stem] = [
            [
                int(re.sub(r"\D", "", item.id)),
                one.attributes["track_id"],
                bool(one.attributes.get("outside")),
                *one.get_bbox(),
            ]
            for item in dataset
            for one in item.annotations
        ]
    return found


@reader
def fiftyone_eta(folder: Path) -> Any:
    from eta.core import video

    found = {}
    for path in sorted((folder / "boxes/labels").glob("*.json")):
        labels = video.VideoLabels.from_json(str(path))
        found[path.stem] = [
            [
                int(number),
                one.label,
                one.index,
                *(one.bounding_box.top_left.x, one.bounding_box.top_left.y),
                *(one.bounding_box.bottom_right.x, one.bounding_box.bottom_right.y),
            ]
            for number, frame in labels.frames.items()
            for one in frame.objects
        ]
    return found


@reader
def fiftyone_importers(folder: Path) -> Any:
    import fiftyone.utils.data as importing

    boxes = importing.FiftyOneVideoLabelsDatasetImporter(dataset_dir=str(folder / "boxes"))
    moments = importing.FiftyOneTemporalDetectionDatasetImporter(
        dataset_dir=str(folder / "moments"), data_path="data.json"
    )
    found: dict[str, Any] = {"boxes": {}, "moments": {}}
    with boxes:
        for path, _, _, frames in boxes:
            found["boxes"][path] = sum(
                len(objects.detections) for frame in (frames or {}).values() for objects in frame.values()
            )
    with moments:
        for path, _, labels, _ in moments:
            one = labels.get("detections") if isinstance(labels, dict) else labels
            found["moments"][path] = sorted([d.label, *d.support] for d in (one.detections if one else ()))
    return found


@reader
def labelstudio(folder: Path) -> Any:
    """Boxes by the SDK's own check, which is wrong about ranges: those are checked by shape here."""
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface((folder / "config.xml").read_text(encoding="utf-8"))
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    lanes = set(interface.get_control("timeline").labels)
    found = {}
    for task in tasks:
        regions = task["predictions"][0]["result"]
        boxes = [one for one in regions if one["type"] == "videorectangle"]
        ranges = [one for one in regions if one["type"] == "timelinelabels"]
        for one in ranges:
            assert set(one["value"]["timelinelabels"]) <= lanes, one
            assert all(1 <= part["start"] <= part["end"] for part in one["value"]["ranges"]), one
        found[task["data"]["video_id"]] = {
            "faults": interface.validate_prediction({"result": boxes}, return_errors=True),
            "boxes": boxes,
            "ranges": ranges,
        }
    return found


@reader
def imagefolder_datasets(folder: Path) -> Any:
    import tempfile

    os.environ["HF_DATASETS_OFFLINE"] = "1"
    import datasets

    with tempfile.TemporaryDirectory() as cache:
        found = datasets.load_dataset("imagefolder", data_dir=str(folder), split="train", cache_dir=cache)
        return [
            [one["video_id"], one["frame_number"], list(one["image"].size), one["objects"]["bbox"]]
            for one in found
        ]


@reader
def boris(folder: Path) -> Any:
    """BORIS by its modules: its windows need a screen and libraries of the system."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    core, player = types.ModuleType("boris.core"), types.ModuleType("boris.mpv2")
    core.main = lambda: None  # type: ignore[attr-defined]
    player.dll, player.MPV = "", object  # type: ignore[attr-defined]
    sys.modules |= {"boris.core": core, "boris.mpv2": player, "boris.mpv": player}
    from boris import project_functions

    path = str(folder / "vaengine.boris")
    project = next(one for one in project_functions.open_project_json(path) if isinstance(one, dict))
    found = {}
    for name, observation in project["observations"].items():
        state = project_functions.check_state_events_obs(
            name, project["behaviors_conf"], observation, "hh:mm:ss"
        )
        found[name] = {"check": list(state), "events": observation["events"]}
    integrity = project_functions.check_project_integrity(
        project, "hh:mm:ss", path, media_file_available=False
    )
    return {"integrity": integrity, "observations": found}


def main() -> None:
    name, folder = sys.argv[1:]
    out = os.dup(1)
    os.dup2(2, 1)  # what readers print is no answer
    answer = READERS[name](Path(folder))
    with os.fdopen(out, "w", encoding="utf-8") as stream:
        json.dump(answer, stream, default=str)


if __name__ == "__main__":
    main()
