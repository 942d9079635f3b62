"""A detector of ultralytics: its file, its classes, and how good it is."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from actors.atomic_files import write_atomic
from schemas.errors import UnsuitableWeights
from schemas.work.training import Evaluation, TrainingJob


def detector(weights: Path) -> Any:
    """The detector in a file; raises `UnsuitableWeights`."""
    from ultralytics import YOLO

    try:
        return YOLO(str(weights), task="detect")
    except Exception as error:  # a pickle can raise anything
        raise UnsuitableWeights(str(weights), f"it cannot be loaded ({error!r})") from error


def device_of(job: TrainingJob) -> list[int] | str:
    """The devices of a training as ultralytics names them."""
    return list(range(job.gpus)) if job.gpus else "cpu"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """A context without what the library prints on standard output."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def write_data(job: TrainingJob) -> Path:
    """Write what ultralytics reads of the dataset: with the classes of the detector, not of the dataset.

    With other classes ultralytics would make a new head, which knows nothing. Raises `UnsuitableWeights`.
    """
    places = {split: f"images/{split}" for split in job.splits}
    data = {"path": str(job.dataset), **places, "names": _class_names(job)}
    path = job.folder / "data.yaml"
    write_atomic(path, yaml.safe_dump(data, sort_keys=False, allow_unicode=True).encode())
    return path


def _class_names(job: TrainingJob) -> dict[int, str]:
    """The detector's classes by number; the dataset's must be the first of them."""
    names: dict[int, str] = dict(detector(job.weights).names)
    for number, wanted in enumerate(job.classes):
        own = names.get(number)
        if own != wanted and len(names) > 1:
            raise UnsuitableWeights(
                str(job.weights), f"its class {number} is {own!r}, and that of the dataset is {wanted!r}"
            )
    return names


def evaluated(job: TrainingJob, weights: Path, data: Path) -> Evaluation:
    """The figures of weights on the held-out pictures."""
    with quiet():
        metrics = detector(weights).val(
            data=str(data),
            split=job.held_out,
            imgsz=job.settings.input_pixels,
            batch=job.settings.batch,
            device=device_of(job),
            classes=list(range(len(job.classes))),  # of the detector's other classes nothing is labelled
            workers=0,
            plots=False,
            verbose=False,
            project=str(data.parent / "ultralytics"),
            name="evaluation",
            exist_ok=True,
        )
    box = metrics.box
    return Evaluation(float(box.map50), float(box.map), float(box.mp), float(box.mr))
