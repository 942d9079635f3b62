"""Finds models of Hugging Face by name, and fetches them into its cache.

A model is in a folder of the user's, in the hub's cache, or on the hub. The hub's own variables hold:
HF_ENDPOINT (a mirror), HF_HOME and HF_HUB_CACHE (the cache), HF_HUB_OFFLINE, and HF_TOKEN for models behind
terms, which is never shown.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from actors.model_files import torchaudio
from actors.model_files.files import folders_of
from actors.model_files.offline import AUDIO_VARIABLES, forbidden_by
from actors.model_files.telemetry import telemetry_off
from actors.model_files.torchaudio import is_torchaudio
from schemas.errors import DamagedWeights, DownloadFailed, FetchingForbidden, ModelError, NoRoomForModel
from schemas.paths import absolute_path
from schemas.settings.models import Hearing
from schemas.settings.settings import Settings

PUBLIC: Final = "https://huggingface.co"
SPEAKERS_FILE: Final = "config.yaml"
WHISPER: Final = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
TRANSFORMERS: Final = (
    "*config.json",
    "*_map.json",
    "added_tokens.json",
    "vocab.json",
    "tokenizer.json",
    "model*.safetensors*",
)
PICKLE: Final = "pytorch_model.bin"  # For models that are not published in a safer form.
# The folder of a part that pipelines from before pyannote 4 do not name and get.
PLDA: Final = "plda"
PLDA_OWNER: Final = "pyannote/speaker-diarization-community-1"
NEEDED: Final[dict[Hearing, tuple[str, ...]]] = {
    "whisper": ("config.json", "model.bin", "tokenizer.json"),
    "align": ("config.json", "preprocessor_config.json", "vocab.json"),
    "events": ("config.json", "preprocessor_config.json"),
    "speakers": (SPEAKERS_FILE,),
}
# Names that do not follow from the model's name; source: faster_whisper.utils.
WHISPER_NAMES: Final = {
    "large": "Systran/faster-whisper-large-v3",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}


def fetched(name: str, *, kind: Hearing, folders: Sequence[Path] = (), forbidden: str | None = None) -> Path:
    """The folder of a model, fetched unless it is on this machine.

    `name` is a folder, OWNER/NAME, or a name that Whisper's library or torchaudio knows; for torchaudio's
    models the result is a file. `folders` are searched first. `forbidden` names what forbids fetching,
    besides the environment. Raises `FetchingForbidden`, `DownloadFailed`, `NoRoomForModel`,
    `DamagedWeights` for a path that does not exist, `ModelError`.
    """
    here = local_model(name, kind=kind, folders=folders)
    if here is not None:
        return here
    if Path(name).is_absolute():
        raise DamagedWeights(name, "it is not there; it has to be at the same place on every machine")
    if forbidding := forbidden or forbidden_by(os.environ, AUDIO_VARIABLES):
        raise FetchingForbidden(name, looked_into(name, folders), forbidding)
    if is_torchaudio(name):
        return _fetched_bundle(name)
    if kind != "whisper" and "/" not in name:
        raise ModelError(name, "neither a folder nor a model of the hub, which is called OWNER/NAME")
    return _fetched(name, kind)


def local_model(name: str, *, kind: Hearing, folders: Sequence[Path] = ()) -> Path | None:
    """The folder of a model that is complete and on this machine; None where it is not.

    Makes no network request.
    """
    if path := as_path(name, kind):
        return path
    if is_torchaudio(name):
        return torchaudio.found(name, folders)
    repository = repository_of(name, kind)
    for folder in folders:
        for part in dict.fromkeys((name, name.rpartition("/")[2], repository, repository.rpartition("/")[2])):
            if is_whole(folder / part, kind):
                return folder / part
    cached = _cached(repository)
    return cached if cached is not None and is_whole(cached, kind) else None


def as_path(name: str, kind: Hearing) -> Path | None:
    """The folder or the file of a torchaudio model that `name` is a path to; None where it is none."""
    path = absolute_path(name)
    return path if path.is_dir() or (kind == "align" and path.is_file()) else None


def looked_into(name: str, folders: Sequence[Path]) -> str:
    """The places in which a model was searched for, as text."""
    return " or ".join(map(str, (*folders, torchaudio.cache() if is_torchaudio(name) else cache())))


def own_folders(settings: Settings) -> tuple[Path, ...]:
    """The folders of models in the settings and environment of this machine."""
    return folders_of(settings.models.folder, os.environ)


def repository_of(name: str, kind: Hearing) -> str:
    """OWNER/NAME of a model; Whisper's short names, such as small, are those of faster-whisper."""
    if kind != "whisper" or "/" in name:
        return name
    usual = (
        f"Systran/faster-distil-whisper-{name.removeprefix('distil-')}"
        if name.startswith("distil-")
        else f"Systran/faster-whisper-{name}"
    )
    return WHISPER_NAMES.get(name, usual)


def is_whole(folder: Path, kind: Hearing) -> bool:
    """Whether a folder holds all files of a model of its kind; a download may have been broken off."""
    if not all((folder / file).is_file() for file in NEEDED[kind]):
        return False
    if kind in ("align", "events"):
        return _has_safe_weights(folder) or (folder / PICKLE).is_file()
    return kind == "whisper" or all(_is_part_here(part, folder) for part in parts(folder))


def parts(folder: Path) -> list[str]:
    """The models that a pipeline of pyannote consists of.

    They are `$model/FOLDER` in its own folder, or OWNER/NAME. Raises `DamagedWeights`.
    """
    import yaml

    try:
        params = yaml.safe_load((folder / SPEAKERS_FILE).read_text(encoding="utf-8"))["pipeline"]["params"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DamagedWeights(str(folder / SPEAKERS_FILE), f"it names no pipeline ({error!r})") from error
    names = [params.get("segmentation"), params.get("embedding"), params.get(PLDA, PLDA_OWNER)]
    return [part for part in names if isinstance(part, str) and "/" in part]


def _is_part_here(part: str, folder: Path) -> bool:
    if part.startswith("$model/"):
        below = folder / part.removeprefix("$model/").partition("@")[0]
        return below.is_dir() and any(below.iterdir())
    cached = _cached(part.partition("@")[0])
    return cached is not None and ((cached / PICKLE).is_file() or (cached / PLDA).is_dir())


def _has_safe_weights(folder: Path) -> bool:
    return any(folder.glob("model*.safetensors"))


def cache() -> Path:
    """The folder in which the hub's library keeps downloads."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return absolute_path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def _cached(repository: str) -> Path | None:
    """The folder of a repository in the cache, complete or not."""
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return _snapshot(repository, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _snapshot(repository: str, **options: Any) -> Path:
    with telemetry_off():
        from huggingface_hub import snapshot_download

        address, token = os.environ.get("HF_ENDPOINT") or None, os.environ.get("HF_TOKEN") or None
        return Path(
            snapshot_download(repository, cache_dir=cache(), endpoint=address, token=token, **options)
        )


def _fetched(name: str, kind: Hearing) -> Path:
    repository, address = repository_of(name, kind), os.environ.get("HF_ENDPOINT") or PUBLIC
    with _download_errors(name, f"{address}/{repository}"):
        if kind == "speakers":
            folder = _snapshot(repository)
            for part in parts(folder):
                if not part.startswith("$model/"):
                    _snapshot(part.partition("@")[0], allow_patterns=[SPEAKERS_FILE, PICKLE, f"{PLDA}/*"])
        else:
            folder = _snapshot(
                repository, allow_patterns=list(WHISPER if kind == "whisper" else TRANSFORMERS)
            )
            if kind != "whisper" and not _has_safe_weights(folder):
                _snapshot(repository, allow_patterns=[PICKLE])
    if not is_whole(folder, kind):
        raise DownloadFailed(
            name,
            f"{address}/{repository}",
            f"what is there is no model for {kind}, or the connection broke off",
        )
    return folder


@contextmanager
def _download_errors(name: str, address: str) -> Iterator[None]:
    """Turns errors of the hub's library into one-line errors of this package."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        cause = "its terms have to be accepted there, and HF_TOKEN set to a token of the account that did"
        raise DownloadFailed(name, address, cause) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise DownloadFailed(
            name, address, "no such model, or none that is shown without a token in HF_TOKEN"
        ) from error
    except LocalEntryNotFoundError as error:
        raise DownloadFailed(name, address, _line(error.__cause__ or error)) from error
    except HfHubHTTPError as error:
        raise DownloadFailed(name, address, _line(error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomForModel(str(cache()), str(error.strerror)) from error
        raise DownloadFailed(name, address, _line(error)) from error


def _line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _fetched_bundle(name: str) -> Path:
    import torch

    file = torchaudio.cache() / torchaudio.file_of(name)
    address = f"{torchaudio.ADDRESS}/{file.name}"
    file.parent.mkdir(parents=True, exist_ok=True)
    with _download_errors(name, address):
        torch.hub.download_url_to_file(address, str(file), progress=False)
    return file
