"""Locates model files, checks their digests, and decides which of them may be loaded.

A `.pt` file is a pickle: loading it runs whatever code it names. So only files whose digest the catalogue
knows are loaded without permission.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from actors.model_files.files import digest_of, folders_of
from schemas.errors import DamagedWeights, ModelError, UnsafePickle, WrongDigest
from schemas.settings.models import HubModel, ModelFile
from vaengine.models import packs, wheels
from vaengine.models.catalogue import MODELS
from vaengine.models.trained import trusted_digests

State = Literal["ok", "first use", "wrong digest", "damaged", "not here"]

RECORDS: Final = "models.json"
NOT_PICKLES: Final = (".onnx", ".safetensors")


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The status of one model.

    `path` is None where it is not on this machine, `detail` says what is wrong with it. `package` is the
    installed package that has it, with its version; empty where it is in a folder.
    """

    model: ModelFile | HubModel
    path: Path | None
    state: State
    detail: str = ""
    package: str = ""

    @property
    def usable(self) -> bool:
        return self.state in ("ok", "first use")


def find(model: ModelFile, folders: Sequence[Path]) -> Path | None:
    """The first file or pack of that name in the folders, intact or not; else a correct copy in a package.

    None where there is neither.
    """
    return in_folders(model, folders) or wheels.found(model)


def in_folders(model: ModelFile, folders: Sequence[Path]) -> Path | None:
    """As `find`, without packages."""
    if model.pack:
        return packs.find(model.pack, folders)
    return next((path for folder in folders if (path := folder / model.name).is_file()), None)


def check(path: Path, model: ModelFile) -> str:
    """The digest of a file or pack that should be `model`; raises `WrongDigest` and `DamagedWeights`.

    Where the catalogue has no digest, the file must have the one that was recorded when it was fetched, if it
    was.
    """
    if model.pack and path.is_dir():
        return packs.check(path, model)
    digest = digest_of(path)
    expected = model.sha256 or recorded(path.parent).get(model.name)
    if expected is not None and digest != expected:
        raise WrongDigest(str(path), digest, expected)
    return digest


def model_status(model: ModelFile, folders: Sequence[Path]) -> ModelStatus:
    """The status of a model in the folders, or else in a package."""
    path = in_folders(model, folders)
    if path is None:
        return packaged_status(model)
    try:
        check(path, model)
    except WrongDigest as error:
        return ModelStatus(model, path, "wrong digest", str(error))
    except ModelError as error:
        return ModelStatus(model, path, "damaged", str(error))
    return ModelStatus(model, path, "ok" if model.sha256 else "first use")


def packaged_status(model: ModelFile | HubModel) -> ModelStatus:
    """The status of a model in an installed package.

    A copy that is not the published one is not used, and `detail` says so.
    """
    copy = wheels.copy_of(model)
    if copy is None or copy.fault:
        return ModelStatus(model, None, "not here", copy.fault if copy else "")
    return ModelStatus(model, copy.path, "ok", package=copy.package)


def is_pickle(path: Path) -> bool:
    """Whether loading a file may run code in it.

    True for all formats but those that are known to hold numbers only.
    """
    return not (path.is_dir() or path.suffix.lower() in NOT_PICKLES)


def refuse_unknown_pickle(
    path: Path, *, allow_pickle: bool = False, catalogue: Iterable[ModelFile] = tuple(MODELS.values())
) -> None:
    """Raises `UnsafePickle` for a pickle that the catalogue does not know, and that was not trained here.

    A file that was recorded on first use is known if the catalogue names it without a digest. Other records
    count for nothing: a folder cannot vouch for itself.
    """
    if allow_pickle or not is_pickle(path):
        return
    digest = digest_of(path)
    records = recorded(path.parent)
    known = {model.sha256 or records.get(model.name) for model in catalogue}
    if digest not in known and digest not in trusted_digests(folders_of(None, os.environ)[-1]):
        raise UnsafePickle(str(path), digest)


def recorded(folder: Path) -> dict[str, str]:
    """Digests by name of the files in a folder that were trusted on first use.

    Raises `DamagedWeights` if they cannot be read.
    """
    return {name: str(entry["sha256"]) for name, entry in _records(folder).items()}


def record(folder: Path, model: ModelFile, digest: str, url: str) -> None:
    """Record the digest of a fetched model without a published one; it must have this digest from now on."""
    from actors.atomic_files import write_atomic
    from vaengine.console.units import timestamp

    with _locked(folder):
        entries = {**_records(folder), model.name: {"sha256": digest, "url": url, "fetched": timestamp()}}
        write_atomic(folder / RECORDS, json.dumps(entries, indent=2, sort_keys=True).encode() + b"\n")


def _records(folder: Path) -> dict[str, Any]:
    path = folder / RECORDS
    try:
        entries = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise DamagedWeights(
            str(path), f"digests recorded on first use cannot be read from it ({error})"
        ) from error
    if not isinstance(entries, dict) or not all(
        isinstance(entry, dict) and "sha256" in entry for entry in entries.values()
    ):
        raise DamagedWeights(str(path), "it should hold a sha256 for each file name")
    return entries


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change the records of a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
