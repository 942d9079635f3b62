"""Finds the models again that a store's results were made with.

A store has a model's name and digest; its runs have where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from actors.faces.model_pack import pack_digest
from actors.model_files.files import digest_of
from schemas.errors import ModelError
from schemas.settings.models import model_name
from vaengine.models import catalogue, packs

Run = Mapping[str, Any]  # the settings of a run, by section

DIGEST_DIGITS: Final = 12


def file_again(key: str, model: Mapping[str, Any], runs: Sequence[Run], folders: Sequence[Path]) -> str:
    """The value of `key` (`person.weights`, `face.pack` or `audio.model`) that names a recorded model.

    `model` has its `file` name and `sha256`. The search begins where earlier runs had it. Then come the model
    folders and the working folder, the same name first. A name of the catalogue or the hub, which can be
    fetched, stays a name. Raises `ModelError` for a missing file.
    """
    name, digest = str(model["file"]), model.get("sha256")
    digest_function = _DIGESTS[key]
    for path in _candidates(key, name, runs, folders):
        if path.exists() and (digest is None or digest_function(path) == digest):
            return str(path)
    if name in catalogue.MODELS or catalogue.face_pack(name) or key == "audio.model":
        return name_again(key, name, runs)
    searched = ", ".join(str(folder) for folder in folders)
    raise ModelError(
        f"{key}={name}",
        f"the model with which these results were made (sha256 {str(digest)[:DIGEST_DIGITS]}...) is neither "
        f"where it was nor in {searched}:"
        f" put it back, or say where it is with --set {key}=PATH",
    )


def name_again(key: str, name: str, runs: Sequence[Run]) -> str:
    """The full name that an earlier run gave, such as `pyannote/...`.

    A configuration has only its last part.
    """
    return next((value for value in _recorded_values(key, runs) if model_name(value) == name), name)


def _candidates(key: str, name: str, runs: Sequence[Run], folders: Sequence[Path]) -> Iterator[Path]:
    yield from (
        Path(value)
        for value in _recorded_values(key, runs)
        if Path(value).is_absolute() and model_name(value) == model_name(name)
    )
    yield from (folder / name for folder in (*folders, Path.cwd()))
    if key == "face.pack" and (pack := packs.find(name, folders)):
        yield pack
    for folder in folders:  # under another name
        yield from sorted(
            path for path in folder.glob("*") if path.suffix == Path(name).suffix and path.name != name
        )


def _recorded_values(key: str, runs: Sequence[Run]) -> list[str]:
    """The values that runs had for a key, the newest first."""
    section, _, name = key.partition(".")
    values = (run.get(section, {}).get(name) for run in runs if isinstance(run.get(section), Mapping))
    return list(dict.fromkeys(value for value in values if isinstance(value, str)))


def _folder_digest(path: Path) -> str | None:
    return pack_digest(path) if path.is_dir() and any(path.glob("*.onnx")) else None


def _speech_digest(path: Path) -> str | None:
    from actors.audio.speech_recognition import model_digest

    return model_digest(path) if path.is_dir() else None


def _file_digest(path: Path) -> str | None:
    return digest_of(path)


_DIGESTS: Final[Mapping[str, Callable[[Path], str | None]]] = {
    "person.weights": _file_digest,
    "face.pack": _folder_digest,
    "audio.model": _speech_digest,
}
