"""Imports ultralytics for training: without the network, the user's settings, or reports to anybody."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

# Ray Train sets these for its own groups of workers. With RANK and its like ultralytics takes itself for a
# part of a distributed training that it did not start, and waits for the others.
DISTRIBUTED: Final = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
# Services that ultralytics reports to where their packages are installed. That of Ray calls private parts of
# Ray, which warn outside a trial.
REPORTERS: Final = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb", "hub", "sync")
FONTS: Final = ("Arial.ttf", "Arial.Unicode.ttf")


def import_for_training(folder: Path, cpus: int, environment: MutableMapping[str, str]) -> None:
    """Import ultralytics with its settings in `folder`, in a process that has not imported it yet.

    `environment` is that of the process.
    """
    for name in DISTRIBUTED:
        environment.pop(name, None)
    environment.update(
        YOLO_OFFLINE="true",
        YOLO_AUTOINSTALL="false",
        YOLO_VERBOSE="false",
        YOLO_CONFIG_DIR=str(folder),
        WANDB_MODE="disabled",
    )
    environment.setdefault("OMP_NUM_THREADS", str(cpus))  # ultralytics would set 1
    folder.mkdir(parents=True, exist_ok=True)
    utils = importlib.import_module("ultralytics.utils")
    utils.SETTINGS.update({name: False for name in REPORTERS if name in utils.SETTINGS})
    _put_fonts(Path(utils.USER_CONFIG_DIR))


def _put_fonts(folder: Path) -> None:
    """Give ultralytics the fonts that it would look for at github.com, also offline, for every dataset.

    They are drawn into plots only, and there are none.
    """
    import matplotlib

    source = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    for name in FONTS:
        if not (folder / name).exists():
            shutil.copyfile(source, folder / name)
