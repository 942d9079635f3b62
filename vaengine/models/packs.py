"""Finds packs of face models (folders of ONNX files), or unpacks them from the publisher's archive."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from actors.faces.model_pack import pack_digest
from schemas.errors import DamagedWeights, WrongDigest
from schemas.settings.models import ModelFile

PLACES: Final = ("", "models", "insightface/models")  # below a folder of models
MEMBER_LIMIT: Final = 2 * 1024**3  # bytes; the largest there is has 0.26 GB


def find(name: str, folders: Sequence[Path]) -> Path | None:
    """The first folder of that name with models in it; InsightFace's own comes last."""
    places = [folder / place for folder in folders for place in PLACES]
    places.append(Path.home() / ".insightface" / "models")
    return next((place / name for place in places if has_models(place / name)), None)


def has_models(folder: Path) -> bool:
    """Whether there is any model in a folder, which then is a pack."""
    return any(folder.glob("*.onnx"))


def check(folder: Path, model: ModelFile) -> str:
    """The digest of a folder that should be the pack `model`; raises `WrongDigest` and `DamagedWeights`."""
    missing = [name for name in model.members if not (folder / name).is_file()]
    if missing:
        raise DamagedWeights(
            str(folder),
            f"{model.pack} has {', '.join(missing)} too (to use it as it is, name it by its path)",
        )
    found = pack_digest(folder)
    if found != model.held_to:
        raise WrongDigest(str(folder), found, str(model.held_to))
    return found


def unpacked(archive: Path, model: ModelFile, target: Path) -> Path:
    """`target` with the models of a fetched archive in it, as a whole or not at all; the archive is removed.

    Only what the catalogue names is unpacked, whatever folder of the archive it is in: `pooch.Unzip` would
    need that folder, and bounds no sizes. Raises `DamagedWeights`, `WrongDigest`, and `OSError` of the disk.
    """
    from actors.atomic_files import sync_folder

    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        made = Path(scratch) / target.name
        made.mkdir()
        _unpack(archive, model, made)
        check(made, model)
        sync_folder(made)
        made.rename(target)
    sync_folder(target.parent)
    archive.unlink()
    return target


def _unpack(archive: Path, model: ModelFile, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                name = PurePosixPath(entry.filename).name
                if name in model.members and not entry.is_dir() and entry.file_size <= MEMBER_LIMIT:
                    _copy(opened, entry, folder / name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DamagedWeights(
            str(archive), f"it is no whole archive ({' '.join(str(error).split())})"
        ) from error


def _copy(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    with opened.open(entry) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)
        file.flush()
        os.fsync(file.fileno())
