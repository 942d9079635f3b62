"""Models that torchaudio has by name, such as WAV2VEC2_ASR_BASE_960H, each in one file of a fixed name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from schemas.errors import ModelError

ADDRESS: Final = "https://download.pytorch.org/torchaudio/models"


def is_torchaudio(name: str) -> bool:
    """Whether a model of this name is torchaudio's, rather than one of the hub."""
    return name.isupper() and "/" not in name


def file_of(name: str) -> str:
    """The name of a model's file.

    Raises `ModelError` for a name that torchaudio has no alignment model for.
    """
    bundle = _bundles().get(name)
    if bundle is None:
        raise ModelError(name, "torchaudio has no alignment model of this name")
    return str(bundle._path)


def bundle_in(file: Path) -> Any:
    """torchaudio's bundle for this file, found by its name; raises `ModelError`."""
    for bundle in _bundles().values():
        if bundle._path == file.name:
            return bundle
    raise ModelError(
        str(file),
        "no alignment model of torchaudio's is in a file of this name; name such a file, or a folder of the "
        "hub's form",
    )


def found(name: str, folders: Sequence[Path]) -> Path | None:
    """The path of a model's file in one of the folders or in torch's own cache; None where it is in none."""
    return next((path for folder in (*folders, cache()) if (path := folder / file_of(name)).is_file()), None)


def cache() -> Path:
    """The folder in which torch's own hub keeps weights."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def _bundles() -> dict[str, Any]:
    """Bundles of letter models that come from torchaudio's own address, by name."""
    import torchaudio

    every = {name: getattr(torchaudio.pipelines, name) for name in torchaudio.pipelines.__all__}
    letters = {
        name: bundle
        for name, bundle in every.items()
        if isinstance(bundle, torchaudio.pipelines.Wav2Vec2ASRBundle)
    }
    return {name: bundle for name, bundle in letters.items() if "/" not in bundle._path}
