"""Models of sound by name: in a folder of the user's, in the hub's cache, or fetched from the hub of Hugging
Face into that.

The hub's own variables hold: HF_ENDPOINT (a mirror), HF_HOME and HF_HUB_CACHE (where it keeps what was
fetched), HF_HUB_OFFLINE, and HF_TOKEN for models behind terms, which is never shown.
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
from actors.model_files.offline import FOR_SOUND, forbidden_by
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
PICKLE: Final = "pytorch_model.bin"  # where a model is not kept in a safer form
PLDA: Final = "plda"  # the folder of a part that pipelines from before pyannote 4 do not name and get
PLDA_OWNER: Final = "pyannote/speaker-diarization-community-1"
NEEDED: Final[dict[Hearing, tuple[str, ...]]] = {
    "whisper": ("config.json", "model.bin", "tokenizer.json"),
    "align": ("config.json", "preprocessor_config.json", "vocab.json"),
    "events": ("config.json", "preprocessor_config.json"),
    "speakers": (SPEAKERS_FILE,),
}
WHISPER_NAMES: Final = {  # those that do not follow from the name; source: faster_whisper.utils
    "large": "Systran/faster-whisper-large-v3",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}


def fetched(name: str, *, kind: Hearing, folders: Sequence[Path] = (), forbidden: str | None = None) -> Path:
    """The folder of a model, fetched unless it is here; `name` is a folder, OWNER/NAME, or one that Whisper's
    library or torchaudio knows.

    `folders` are looked into first; of torchaudio's models it is a file. `forbidden` names what forbids
    fetching, besides the environment. Raises `FetchingForbidden`, `DownloadFailed`, `NoRoomForModel`,
    `DamagedWeights` for a path that leads nowhere, `ModelError`.
    """
    here = is_here(name, kind=kind, folders=folders)
    if here is not None:
        return here
    if Path(name).is_absolute():
        raise DamagedWeights(name, "it is not there; it has to be at the same place on every machine")
    if forbidding := forbidden or forbidden_by(os.environ, FOR_SOUND):
        raise FetchingForbidden(name, looked_into(name, folders), forbidding)
    if is_torchaudio(name):
        return _fetched_bundle(name)
    if kind != "whisper" and "/" not in name:
        raise ModelError(name, "neither a folder nor a model of the hub, which is called OWNER/NAME")
    return _fetched(name, kind)


def is_here(name: str, *, kind: Hearing, folders: Sequence[Path] = ()) -> Path | None:
    """The folder of a model that is whole and on this machine; None where it is not.

    The network is not asked.
    """
    if named := as_path(name, kind):
        return named
    if is_torchaudio(name):
        return torchaudio.found(name, folders)
    repository = repository_of(name, kind)
    for folder in folders:
        for part in dict.fromkeys((name, name.rpartition("/")[2], repository, repository.rpartition("/")[2])):
            if is_whole(folder / part, kind):
                return folder / part
    kept = _kept(repository)
    return kept if kept is not None and is_whole(kept, kind) else None


def as_path(name: str, kind: Hearing) -> Path | None:
    """The folder that a name is, or the file of one of torchaudio's models; None where it is neither."""
    path = absolute_path(name)
    return path if path.is_dir() or (kind == "align" and path.is_file()) else None


def looked_into(name: str, folders: Sequence[Path]) -> str:
    """Where a model was looked for, in words."""
    return " or ".join(map(str, (*folders, torchaudio.cache() if is_torchaudio(name) else cache())))


def own_folders(settings: Settings) -> tuple[Path, ...]:
    """The folders of models as a run on this machine looks through them."""
    return folders_of(settings.models.folder, os.environ)


def repository_of(name: str, kind: Hearing) -> str:
    """OWNER/NAME of a model; Whisper's short ones, such as small, are those of faster-whisper."""
    if kind != "whisper" or "/" in name:
        return name
    usual = (
        f"Systran/faster-distil-whisper-{name.removeprefix('distil-')}"
        if name.startswith("distil-")
        else f"Systran/faster-whisper-{name}"
    )
    return WHISPER_NAMES.get(name, usual)


def is_whole(folder: Path, kind: Hearing) -> bool:
    """Whether a folder holds all that is loaded of a model of its kind: fetching may have been broken off."""
    if not all((folder / file).is_file() for file in NEEDED[kind]):
        return False
    if kind in ("align", "events"):
        return _has_safe_weights(folder) or (folder / PICKLE).is_file()
    return kind == "whisper" or all(_is_part_here(part, folder) for part in parts(folder))


def parts(folder: Path) -> list[str]:
    """Models that a pipeline of pyannote is made of: `$model/FOLDER` below its own, or OWNER/NAME; raises
    `DamagedWeights`.
    """
    import yaml

    try:
        params = yaml.safe_load((folder / SPEAKERS_FILE).read_text(encoding="utf-8"))["pipeline"]["params"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DamagedWeights(str(folder / SPEAKERS_FILE), f"it names no pipeline ({error!r})") from error
    told = [params.get("segmentation"), params.get("embedding"), params.get(PLDA, PLDA_OWNER)]
    return [part for part in told if isinstance(part, str) and "/" in part]


def _is_part_here(part: str, folder: Path) -> bool:
    if part.startswith("$model/"):
        below = folder / part.removeprefix("$model/").partition("@")[0]
        return below.is_dir() and any(below.iterdir())
    kept = _kept(part.partition("@")[0])
    return kept is not None and ((kept / PICKLE).is_file() or (kept / PLDA).is_dir())


def _has_safe_weights(folder: Path) -> bool:
    return any(folder.glob("model*.safetensors"))


def cache() -> Path:
    """Where the hub's library keeps what was fetched."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return absolute_path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def _kept(repository: str) -> Path | None:
    """The folder of a repository in the cache, whole or not."""
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
    with _told(name, f"{address}/{repository}"):
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
def _told(name: str, address: str) -> Iterator[None]:
    """The ways in which fetching fails, each in one line."""
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
    with _told(name, address):
        torch.hub.download_url_to_file(address, str(file), progress=False)
    return file
