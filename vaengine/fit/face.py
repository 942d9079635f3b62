"""The models of faces: a pack found or fetched, held to its digest, and loaded once before the run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from actors.face_pack import pack_digest
from schemas.errors import InvalidSetting, ModelError, WrongDigest
from schemas.paths import absolute_path
from schemas.pipeline import FACE
from schemas.settings import Settings
from vaengine.fit.workshop import Decision, Order, Workshop, device, runtime_key
from vaengine.models import catalogue, packs
from vaengine.presets import CASCADE

DECIDING: Final = ("face.pack", "face.detector", "face.device")


def decided(settings: Settings, shop: Workshop, _named: bool) -> Decision:
    """The device, and the pack by its name and licence; raises `InvalidSetting`."""
    face = settings.face
    if face.detector == "cascade":
        if face.device == "cuda":
            raise InvalidSetting(
                "face.device", "cuda", "OpenCV's cascade runs on the processor; name a neural preset, such as --preset fast"
            )
        return Decision({"face.device": "cpu"}, CASCADE)
    if face.pack is None:
        raise InvalidSetting("face.pack", None, f"detector scrfd needs a pack: {_known()}, or a folder")
    chosen = device("face.device", face.device, shop, _cuda_fault, shop.recorded(runtime_key(FACE)))
    known = catalogue.face_pack(face.pack)
    licence = f", licence: {known.licence}" if known else ""
    name = known.pack if known else Path(face.pack).name
    return Decision({"face.device": chosen}, f"{name} by onnxruntime on {chosen}{licence}")


def _cuda_fault() -> str:
    """What onnxruntime lacks for a GPU; empty where nothing."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return ""
    return "this onnxruntime is built for processors: see `vaengine doctor` for how to change that"


def bound(settings: Settings, order: Order) -> Mapping[str, Any]:
    """The folder of the pack that the settings name, and its digest."""
    face = settings.face
    if face.detector == "cascade" or face.pack is None:
        return {}
    folder = _folder(face.pack, order)
    if folder is None:  # a dry run: what is not here yet counts by the digest it will have
        known = catalogue.face_pack(face.pack)
        return {"face.pack_sha256": known.held_to if known else None}
    digest = pack_digest(folder)
    if face.pack_sha256 not in (None, digest):
        raise WrongDigest(str(folder), digest, face.pack_sha256)
    return {"face.pack": str(folder.absolute()), "face.pack_sha256": digest}


def _folder(named: str, order: Order) -> Path | None:
    """Where a pack is, fetched if need be; None where it would have to be fetched and nothing is. Raises `ModelError`."""
    known = catalogue.face_pack(named)
    return order.had(known) if known else _own_folder(named, order.shop)


def _own_folder(named: str, shop: Workshop) -> Path:
    """A pack that is not in the catalogue: by name in the folders of models, else a folder itself."""
    found = None if os.sep in named else packs.find(named, shop.folders)
    folder = found or absolute_path(named)
    if not folder.is_dir():
        places = ", ".join(map(str, shop.folders))
        raise ModelError(
            f"face.pack={named}", f"there is no folder {folder}, nothing of that name in {places}, and the packs are {_known()}"
        )
    return folder


def _known() -> str:
    return ", ".join(model.pack for model in catalogue.MODELS.values() if model.pack)


def examine(settings: Settings) -> None:
    """Load the pack here, where its faults and the GPU's cost nothing yet; raises `ModelError`, `InvalidSetting`."""
    face = settings.face
    if face.detector == "cascade" or face.pack is None or not Path(face.pack).is_absolute():
        return
    from actors.faces import face_detector

    face_detector(settings)


def check(settings: Settings) -> None:
    """Before a run, a resumed one too: the pack is what it was. Raises `ModelError`, `WrongDigest`."""
    face = settings.face
    if face.detector == "cascade":
        return
    folder = Path(face.pack or "")
    if not folder.is_dir():
        cure = "put it back, or run the original command again with --set face.pack=FOLDER: it does only what is missing"
        raise ModelError(str(folder), f"the face models that this batch was begun with are not there any more; {cure}")
    digest = pack_digest(folder)
    if digest != face.pack_sha256:
        raise WrongDigest(str(folder), digest, face.pack_sha256)


def model(settings: Settings) -> dict[str, str | None] | None:
    """Name and digest of the pack, None where there is none."""
    face = settings.face
    if face.detector == "cascade" or face.pack is None:
        return None
    return {"file": Path(face.pack).name, "sha256": face.pack_sha256}


def carried(settings: Settings) -> Mapping[str, str]:
    """What a store keeps of what was decided, by meta key."""
    return {runtime_key(FACE): settings.face.device} if settings.face.detector == "scrfd" else {}
