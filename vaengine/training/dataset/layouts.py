"""The files of a dataset beside its pictures, as ultralytics and Hugging Face read them.

Sources: docs.ultralytics.com/datasets/detect; huggingface.co/docs/datasets/image_dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from vaengine.exporting.formats.yolo import label_line
from vaengine.exporting.output_file import OutputFile, compact_json, text_file
from vaengine.training.dataset.plan import DatasetPlan, PlannedPicture, folder_name
from vaengine.training.dataset.request import SPLITS


def picture_name(plan: DatasetPlan, picture: PlannedPicture) -> str:
    """Where a picture is, below the dataset's folder."""
    if plan.request.kind == "person":
        return f"images/{picture.split}/{picture.name}.jpg"
    return f"{picture.split}/{folder_name(picture.candidate.label)}/{picture.name}.jpg"


def label_files(plan: DatasetPlan) -> Iterator[OutputFile]:
    """The files that say what is in the pictures."""
    return _yolo(plan) if plan.request.kind == "person" else _imagefolder(plan)


def _yolo(plan: DatasetPlan) -> Iterator[OutputFile]:
    numbers = {name: number for number, name in enumerate(plan.classes)}
    yield text_file("data.yaml", [yaml.safe_dump(_data(plan), sort_keys=False, allow_unicode=True)])
    for picture in plan.pictures:
        lines = [label_line(numbers[box.label], box.xyxy) for box in picture.candidate.boxes]
        yield text_file(f"labels/{picture.split}/{picture.name}.txt", lines)


def _data(plan: DatasetPlan) -> dict[str, Any]:
    filled = [split for split in SPLITS if plan.of_split(split)]
    places: dict[str, Any] = {split: f"images/{split}" for split in filled}
    # ultralytics insists on a val, and takes the folder of this file for the root where none is named.
    return {"val": places["train"], **places, "names": dict(enumerate(plan.classes))}


def _imagefolder(plan: DatasetPlan) -> Iterator[OutputFile]:
    for split in SPLITS:
        if pictures := plan.of_split(split):
            yield text_file(f"{split}/metadata.jsonl", (_record(plan, picture) for picture in pictures))


def _record(plan: DatasetPlan, picture: PlannedPicture) -> str:
    candidate = picture.candidate
    record = {
        "file_name": picture_name(plan, picture).partition("/")[2],
        "label": candidate.label,
        "video_id": candidate.video_id,
        "frame_number": candidate.frame,
        "timestamp_seconds": candidate.time_s,
    }
    about = {"annotation_id": candidate.annotation_id} if candidate.annotation_id else {}
    return compact_json(record | about) + "\n"
