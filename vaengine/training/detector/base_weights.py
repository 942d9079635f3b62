"""The weights that a training begins with: found, checked, and known to be of a detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.model_files.files import digest_of
from schemas.errors import ModelError, UnsuitableWeights
from schemas.paths import absolute_path
from schemas.settings.models import ModelFile
from vaengine.models import catalogue, weights
from vaengine.models.task import task_of
from vaengine.models.trained import find_trained

CHECKPOINT: Final = ".pt"


@dataclass(frozen=True, slots=True)
class BaseWeights:
    """A checkpoint of a detector: its name, its file, and the sha256 (hex) of it."""

    name: str
    path: Path
    sha256: str


def base_weights(
    named: str, folders: Sequence[Path], fetch: Callable[[ModelFile], Path], *, allow_pickle: bool
) -> BaseWeights:
    """The weights of a name of `vaengine models list` or a path; `fetch` brings one of the catalogue.

    Raises `ModelError`: `UnsafePickle` for a pickle of unknown origin, `UnsuitableWeights` for what cannot be
    trained.
    """
    path = _path(named, folders, fetch)
    if path.suffix.lower() != CHECKPOINT:
        raise UnsuitableWeights(str(path), "only a .pt file can be trained further")
    weights.refuse_unknown_pickle(path, allow_pickle=allow_pickle)
    if task_of(path) != "detect":
        raise UnsuitableWeights(str(path), "it finds key points, and a dataset has boxes alone")
    return BaseWeights(path.name, path, digest_of(path))


def _path(named: str, folders: Sequence[Path], fetch: Callable[[ModelFile], Path]) -> Path:
    model = catalogue.MODELS.get(named)
    if model is not None:
        found = weights.find(model, folders)
        if found is None:
            return fetch(model)
        weights.check(found, model)
        return found
    if trained := find_trained(named, folders):
        return trained.path
    path = absolute_path(named)
    if not path.exists():
        raise ModelError(
            f"--weights {named}", f"there is no file {path}, and `vaengine models list` has no such name"
        )
    return path
