"""The dataset that a detector is trained on: read, and held to what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from actors.atomic_files import read_object
from schemas.errors import UsageError
from schemas.work.training import HeldOut
from vaengine.training.dataset.manifest import DATASET_MANIFEST, dataset_digest, file_digests
from vaengine.training.dataset.request import SPLITS

_CURE = "`vaengine dataset build` makes one"


@dataclass(frozen=True, slots=True)
class TrainingDataset:
    """A dataset of boxes: its folder, the digest of its files, its classes, and pictures by split."""

    folder: Path
    digest: str
    classes: tuple[str, ...]
    pictures: Mapping[str, int]
    store: str

    @property
    def held_out(self) -> HeldOut:
        """The split on which detectors are compared: test, which training never looks at, else val."""
        return "test" if self.pictures["test"] else "val"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have pictures."""
        return tuple(split for split in SPLITS if self.pictures[split])


def read_dataset(folder: Path) -> TrainingDataset:
    """The dataset in a folder; raises `UsageError` for one that cannot be trained on or was changed."""
    manifest = read_object(folder / DATASET_MANIFEST)
    if manifest is None:
        raise UsageError(f"{folder} is no dataset: {_CURE}")
    if manifest["kind"] != "person":
        raise UsageError(
            f"{folder} is a dataset of {manifest['kind']}s: `vaengine train` takes one of persons"
        )
    pictures: dict[str, int] = {split: int(manifest["pictures"].get(split, 0)) for split in SPLITS}
    if not pictures["train"] or not pictures["val"]:
        raise UsageError(
            f"{folder} has {pictures['train']} pictures for training and {pictures['val']} held out (val), "
            f"and needs both: {_CURE} of more videos"
        )
    _check_files(folder, manifest["files"])
    classes = tuple(map(str, manifest["classes"]))
    return TrainingDataset(folder, dataset_digest(manifest["files"]), classes, pictures, manifest["store"])


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Raises `UsageError` for a file that is missing or was changed: figures would be of another dataset."""
    for name, digest in files.items():
        try:
            own = file_digests(folder, [name])[name]
        except OSError as error:
            raise UsageError(f"{folder / name} cannot be read ({error.strerror}): {_CURE}") from error
        if own != digest:
            raise UsageError(
                f"{folder / name} was changed since the dataset was built: {_CURE} anew, with --force"
            )
