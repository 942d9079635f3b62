"""Model files: the folders they are in, and their content.

The bytes that are loaded are the very bytes whose digest was checked.
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
    """Folders to look for model files, best first.

    The folder that is set (else `VAENGINE_MODELS`) comes first, then the user's cache. New files are put
    into the first.
    """
    named = models or environment.get("VAENGINE_MODELS")
    cache = Path(environment.get("XDG_CACHE_HOME") or "")
    own = (cache if cache.is_absolute() else Path.home() / ".cache") / "vaengine" / "models"
    return tuple(dict.fromkeys([absolute_path(named), own] if named else [own]))


def sound_bytes(path: str, sha256: str | None) -> bytes:
    """The content of a file, checked against its digest.

    Raises `WrongDigest` where it differs, `DamagedWeights` where the file cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DamagedWeights(
            path, f"{error.strerror}; it has to be at the same place on every machine"
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, digest):
        raise WrongDigest(path, digest, sha256)
    return data


def sound_folder(path: str, sha256: str | None) -> Path:
    """An OpenVINO folder, checked against its digest; its library reads the files."""
    digest = digest_of(Path(path))
    if sha256 not in (None, digest):
        raise WrongDigest(path, digest, sha256)
    return Path(path)


def digest_of(path: Path) -> str:
    """sha256 (hex) of a file's content, or of an OpenVINO folder's sorted names and contents.

    Raises `DamagedWeights`. A file is read once in a process as long as its size and time stay the same.
    """
    if not path.is_dir():
        return _file_digest(path)
    return digest_of_parts((part.name, _file_digest(part)) for part in openvino_parts(path))


def openvino_parts(folder: Path) -> list[Path]:
    """The files of an OpenVINO model, sorted by name.

    Raises `DamagedWeights` unless there is one `.xml` and one `.bin`.
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
        status = path.stat()
        digest = _content_digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise DamagedWeights(str(path), error.strerror or str(error)) from error
    if not status.st_size:
        raise DamagedWeights(str(path), "it is empty (0 bytes)")
    return digest


@functools.lru_cache(maxsize=256)
def _content_digest(path: Path, _size_bytes: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
