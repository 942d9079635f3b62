"""The models of face analysis: a pack or CenterFace's file, located, checked and loaded before the run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from actors.faces.model_pack import pack_digest
from actors.model_files.files import digest_of
from schemas.errors import InvalidSetting, ModelError, WrongDigest
from schemas.paths import absolute_path
from schemas.pipelines import FACE
from schemas.settings.settings import Settings
from vaengine.model_selection.environment import Decision, ModelEnvironment, ModelRequest, device, runtime_key
from vaengine.model_selection.presets import CASCADE, EMBEDDED
from vaengine.models import catalogue, packs

CENTER_FACE: Final = catalogue.PRESET_FILES[EMBEDDED]["face"]
NO_IDENTITIES: Final = ("no identities",)
DECIDING: Final = ("face.pack", "face.detector", "face.device")


def choose(settings: Settings, environment: ModelEnvironment, named: bool) -> Decision:
    """Choose the device and the pack, described by name and licence.

    `named` says that the user named the pack. Raises `InvalidSetting`.
    """
    face = settings.face
    if face.detector == "centerface":
        return _center_face(settings, environment, named)
    if face.detector == "cascade":
        if face.device == "cuda":
            raise InvalidSetting(
                "face.device",
                "cuda",
                "OpenCV's cascade runs on the processor; name a neural preset, such as --preset fast",
            )
        return Decision({"face.device": "cpu"}, CASCADE, "cascade", NO_IDENTITIES, is_weak=True)
    if face.pack is None:
        raise InvalidSetting("face.pack", None, f"detector scrfd needs a pack: {_known_packs()}, or a folder")
    chosen_device = device(
        "face.device", face.device, environment, _cuda_fault, environment.recorded(runtime_key(FACE))
    )
    known = catalogue.face_pack(face.pack)
    licence = f", licence: {known.licence}" if known else ""
    name = known.pack if known else Path(face.pack).name
    return Decision(
        {"face.device": chosen_device}, f"{name} by onnxruntime on {chosen_device}{licence}", str(name)
    )


def _center_face(settings: Settings, environment: ModelEnvironment, named: bool) -> Decision:
    """Choose CenterFace; raises `InvalidSetting` where the user named something other than an ONNX file."""
    face = settings.face
    if named and not _is_file(face.pack):
        raise InvalidSetting(
            "face.pack", face.pack, "detector centerface takes a file, *.onnx; packs are for detector scrfd"
        )
    chosen_device = device(
        "face.device", face.device, environment, _cuda_fault, environment.recorded(runtime_key(FACE))
    )
    # Where the user set the detector alone, `face.pack` is still another preset's pack.
    pack = face.pack if named else CENTER_FACE
    name = Path(str(pack)).name
    found = {"face.device": chosen_device, "face.pack": pack}
    return Decision(found, f"{name} by onnxruntime on {chosen_device}, no identities", name, NO_IDENTITIES)


def _is_file(named: str | None) -> bool:
    return named is not None and named.endswith(".onnx")


def _cuda_fault() -> str:
    """What onnxruntime lacks for a GPU; empty where nothing is missing."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return ""
    return "this onnxruntime is built for processors: see `vaengine doctor` for how to change that"


def resolve(settings: Settings, request: ModelRequest) -> Mapping[str, Any]:
    """Locate the pack folder or file that the settings name, and compute its digest."""
    face = settings.face
    if face.detector == "cascade" or face.pack is None:
        return {}
    known = catalogue.face_model(face.pack)
    path = request.ensure(known) if known else _own_model(face.pack, request.environment)
    if path is None:  # a dry run: what is not here yet counts by the digest it will have
        return {"face.pack_sha256": known.held_to if known else None}
    digest = _digest(path)
    if face.pack_sha256 not in (None, digest):
        raise WrongDigest(str(path), digest, face.pack_sha256)
    return {"face.pack": str(path.absolute()), "face.pack_sha256": digest}


def _digest(path: Path) -> str:
    """Digest of CenterFace's file or of a pack."""
    return pack_digest(path) if path.is_dir() else digest_of(path)


def _own_model(named: str, environment: ModelEnvironment) -> Path:
    """A file or pack that is not in the catalogue; raises `ModelError`."""
    return Path(named).expanduser().absolute() if _is_file(named) else _own_folder(named, environment)


def _own_folder(named: str, environment: ModelEnvironment) -> Path:
    """A pack that is not in the catalogue: by name in the model folders, else a folder itself."""
    found = None if os.sep in named else packs.find(named, environment.folders)
    folder = found or absolute_path(named)
    if not folder.is_dir():
        places = ", ".join(map(str, environment.folders))
        raise ModelError(
            f"face.pack={named}",
            f"there is no folder {folder}, nothing of that name in {places}, "
            f"and the packs are {_known_packs()}",
        )
    return folder


def _known_packs() -> str:
    return ", ".join(model.pack for model in catalogue.MODELS.values() if model.pack)


def load_once(settings: Settings) -> None:
    """Load the pack before the run, so that faults of the pack or the GPU show early.

    Raises `ModelError`, `InvalidSetting`.
    """
    face = settings.face
    if face.detector == "cascade" or face.pack is None or not Path(face.pack).is_absolute():
        return
    from actors.faces.detector import face_detector

    face_detector(settings)


def verify(settings: Settings) -> None:
    """Check before a run, also a resumed one, that pack or file is unchanged.

    Raises `ModelError`, `WrongDigest`.
    """
    face = settings.face
    if face.detector == "cascade":
        return
    path = Path(face.pack or "")
    if not path.exists():
        cure = (
            "put it back, or run the original command again with --set face.pack=PATH: it does only what "
            "is missing"
        )
        raise ModelError(
            str(path), f"the face models that this batch was begun with are not there any more; {cure}"
        )
    digest = _digest(path)
    if digest != face.pack_sha256:
        raise WrongDigest(str(path), digest, face.pack_sha256)


def describe(settings: Settings) -> dict[str, str | None] | None:
    """Name and digest of the pack or file; None where there is none."""
    face = settings.face
    if face.detector == "cascade" or face.pack is None:
        return None
    return {"file": Path(face.pack).name, "sha256": face.pack_sha256}


def record(settings: Settings) -> Mapping[str, str]:
    """What a store keeps of the decision, by meta key."""
    return {runtime_key(FACE): settings.face.device} if settings.face.detector != "cascade" else {}
