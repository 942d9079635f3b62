"""Models that were trained here: their weights and provenance in a folder of models, and their digests.

A `.pt` file is a pickle. Those that `vaengine train` made on this machine may be loaded: their digests are in
the user's own cache. A folder of models that came from elsewhere cannot vouch for itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import read_object, write_atomic
from actors.model_files.files import digest_of
from schemas.errors import DamagedWeights, UsageError
from schemas.settings.settings import PRESETS
from vaengine.models import catalogue

FOLDER: Final = "trained"
TRUSTED: Final = "trained.json"  # digests of weights that were trained on this machine
SUFFIX: Final = ".pt"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model that was trained: its name, its file, and its provenance as JSON.

    `facts` has the `sha256` of the file, `made_at`, `base`, `dataset`, `settings` and figures `before` and
    `after` on the held-out pictures.
    """

    name: str
    path: Path
    facts: Mapping[str, Any]

    @property
    def file(self) -> str:
        """What `person.weights` names."""
        return self.name + SUFFIX


def check_name(name: str) -> str:
    """A name that a trained model may have; raises `UsageError`."""
    if not _NAME.fullmatch(name) or name.endswith(SUFFIX):
        raise UsageError(
            f"--name {name!r} cannot name a model: up to 64 letters from a to z, digits, '.', '_' and '-', "
            "without an ending"
        )
    known = {*PRESETS, *catalogue.MODELS, *(Path(model).stem for model in catalogue.MODELS)}
    if name in known:
        raise UsageError(f"--name {name} is the name of a preset or a model already: choose another")
    return name


def trained_models(folders: Sequence[Path]) -> Iterator[TrainedModel]:
    """The trained models in these folders, by name; of two of a name the first."""
    found: dict[str, TrainedModel] = {}
    for folder in folders:
        for path in sorted((folder / FOLDER).glob("*.json")):
            facts = read_object(path)
            if facts is not None and path.with_name(path.stem + SUFFIX).is_file():
                found.setdefault(
                    path.stem, TrainedModel(path.stem, path.with_name(path.stem + SUFFIX), facts)
                )
    yield from (found[name] for name in sorted(found))


def find_trained(named: str, folders: Sequence[Path]) -> TrainedModel | None:
    """The trained model of a name, with or without its ending; None where there is none."""
    name = named.removesuffix(SUFFIX)
    if not _NAME.fullmatch(name):
        return None
    for folder in folders:
        path = folder / FOLDER / f"{name}{SUFFIX}"
        facts = read_object(path.with_suffix(".json")) if path.is_file() else None
        if facts is not None:
            return TrainedModel(name, path, facts)
    return None


def fault_of(model: TrainedModel, own: Path) -> str:
    """Why a trained model cannot be used as it is; empty where it can. `own` is the user's own cache."""
    try:
        digest = digest_of(model.path)
    except DamagedWeights as error:
        return str(error)
    if digest != model.facts.get("sha256"):
        return f"its sha256 is {digest}, not the {model.facts.get('sha256')} that was trained"
    if digest not in trusted_digests(own):
        return "it was trained on another machine: --set models.allow_pickle=true if you trust it"
    return ""


def put_trained(folder: Path, own: Path, name: str, weights: bytes, facts: Mapping[str, Any]) -> TrainedModel:
    """Keep a trained model in a folder of models, and its digest in the user's own cache.

    Raises `DiskFull`, `StoreUnreachable` or `StoreFailed`.
    """
    path = folder / FOLDER / f"{name}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    _trust(own, str(facts["sha256"]), name)
    write_atomic(path, weights)
    write_atomic(path.with_suffix(".json"), json.dumps(facts, indent=2, ensure_ascii=False).encode())
    return TrainedModel(name, path, facts)


def trusted_digests(own: Path) -> frozenset[str]:
    """The sha256 of all weights that were trained on this machine."""
    return frozenset(read_object(own / TRUSTED) or {})


def _trust(own: Path, digest: str, name: str) -> None:
    from filelock import FileLock

    own.mkdir(parents=True, exist_ok=True)
    with FileLock(own / f".{TRUSTED}.lock"):
        known = read_object(own / TRUSTED) or {}
        write_atomic(own / TRUSTED, json.dumps({**known, digest: name}, indent=2).encode())
