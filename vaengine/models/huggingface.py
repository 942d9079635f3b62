"""Locates and fetches the audio models, which come from the hub of Hugging Face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.model_files import offline
from schemas.settings.models import Hearing, HubModel
from vaengine.models import catalogue, wheels
from vaengine.models.weights import ModelStatus, packaged_status

PUBLIC_ADDRESS: Final = "https://huggingface.co"
TOKEN_VARIABLES: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


@dataclass(frozen=True, slots=True)
class Hub:
    """The hub of Hugging Face as this machine may use it.

    `folders` are searched before the hub's cache. With a token, models behind terms can be fetched too.
    `forbidden_by` names the variable that forbids connections.
    """

    folders: tuple[Path, ...] = ()
    forbidden_by: str | None = offline.OURS
    has_token: bool = False
    address: str = PUBLIC_ADDRESS

    @classmethod
    def of(cls, folders: tuple[Path, ...], environment: Mapping[str, str]) -> Hub:
        """The hub as the variables of the environment configure it.

        These are `VAENGINE_OFFLINE` and the hub's own. No token is ever kept or shown.
        """
        return cls(
            folders,
            forbidden_by=offline.forbidden_by(environment, offline.AUDIO_VARIABLES),
            has_token=any(environment.get(name) for name in TOKEN_VARIABLES),
            address=environment.get("HF_ENDPOINT") or PUBLIC_ADDRESS,
        )

    @property
    def offline(self) -> bool:
        return self.forbidden_by is not None

    def find(self, name: str, task: Hearing) -> Path | None:
        """The folder of a local model: in a model folder, in the hub's cache, or in an installed package."""
        known = catalogue.HUB_MODELS.get(name)
        return self._in_folders(name, task) or (wheels.found(known) if known else None)

    def _in_folders(self, name: str, task: Hearing) -> Path | None:
        from actors.model_files.huggingface import local_model

        return local_model(name, kind=task, folders=self.folders)

    def obtain(self, name: str, task: Hearing) -> Path:
        """The folder of a model, fetched into the hub's cache if need be; raises `ModelError`."""
        from actors.model_files.huggingface import fetched

        return fetched(name, kind=task, folders=self.folders, forbidden=self.forbidden_by)

    def standing(self, model: HubModel) -> ModelStatus:
        """The status of a model; only a copy in a package is checked against a published digest."""
        path = self._in_folders(model.name, model.task)
        return ModelStatus(model, path, "first use") if path else packaged_status(model)
