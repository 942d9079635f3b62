"""Model files: the folders they are looked for in, and their content; whoever loads one loads the very
bytes whose digest was checked.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from schemas.errors import DamagedWeights, WrongDigest
from schemas.paths import absolute_path
from schemas.settings.models import digest_of_parts

OPENVINO_FOLDER: Final = "_openvino_model"
OPENVINO_PARTS: Final = (".bin", ".xml", ".yaml")


def folders_of(models: Path | str | None, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where model files are looked for, best first: the folder that was named (else `VAENGINE_MODELS`), then
    the user's cache.

    The first of them is where new files are put.
    """
    named = models or environment.get("VAENGINE_MODELS")
    cache = Path(environment.get("XDG_CACHE_HOME") or "")
    own = (cache if cache.is_absolute() else Path.home() / ".cache") / "vaengine" / "models"
    return tuple(dict.fromkeys([absolute_path(named), own] if named else [own]))


def sound_bytes(path: str, sha256: str | None) -> bytes:
    """The content of a file; raises `WrongDigest` unless it is the one that was settled on,
    `DamagedWeights` where it cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DamagedWeights(
            path, f"{error.strerror}; it has to be at the same place on every machine"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, found):
        raise WrongDigest(path, found, sha256)
    return data


def sound_folder(path: str, sha256: str | None) -> Path:
    """The same for an OpenVINO folder, which is read by its library."""
    found = digest_of(Path(path))
    if sha256 not in (None, found):
        raise WrongDigest(path, found, sha256)
    return Path(path)


def digest_of(path: Path) -> str:
    """sha256 (hex) of a file's content, or of an OpenVINO folder's sorted names and contents; raises
    `DamagedWeights`.

    A file is read once in a process as long as its size and time stay what they are.
    """
    if not path.is_dir():
        return _file_digest(path)
    return digest_of_parts((part.name, _file_digest(part)) for part in openvino_parts(path))


def openvino_parts(folder: Path) -> list[Path]:
    """The files of an OpenVINO model, sorted by name; raises `DamagedWeights` unless there is one `.xml`
    and one `.bin`.
    """
    parts = sorted(path for path in folder.iterdir() if path.suffix in OPENVINO_PARTS)
    kinds = [path.suffix for path in parts]
    if not folder.name.endswith(OPENVINO_FOLDER) or kinds.count(".xml") != 1 or kinds.count(".bin") != 1:
        raise DamagedWeights(
            str(folder), f"a folder of weights is named *{OPENVINO_FOLDER} and holds one .xml and one .bin"
        )
    return parts


def _file_digest(path: Path) -> str:
    try:
        facts = path.stat()
        digest = _content_digest(path, facts.st_size, facts.st_mtime_ns)
    except OSError as error:
        raise DamagedWeights(str(path), error.strerror or str(error)) from error
    if not facts.st_size:
        raise DamagedWeights(str(path), "it is empty (0 bytes)")
    return digest


@functools.lru_cache(maxsize=256)
def _content_digest(path: Path, _size_bytes: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
