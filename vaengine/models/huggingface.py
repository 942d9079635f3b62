"""Models of sound, which come from the hub of Hugging Face: whether they are here, and fetching them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.model_files import offline
from schemas.settings.models import Hearing, HubModel
from vaengine.models import catalogue, wheels
from vaengine.models.weights import ModelStatus, packaged_status

PUBLIC: Final = "https://huggingface.co"
TOKENS: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


@dataclass(frozen=True, slots=True)
class Hub:
    """The hub as this machine sees it: `folders` are looked through before its cache; with a token models
    behind terms may come too.

    `forbidden_by` names the variable that forbids asking it.
    """

    folders: tuple[Path, ...] = ()
    forbidden_by: str | None = offline.OURS
    has_token: bool = False
    address: str = PUBLIC

    @classmethod
    def of(cls, folders: tuple[Path, ...], environment: Mapping[str, str]) -> Hub:
        """As `VAENGINE_OFFLINE` and the hub's own variables say; no token is ever kept or shown."""
        return cls(
            folders,
            forbidden_by=offline.forbidden_by(environment, offline.AUDIO_VARIABLES),
            has_token=any(environment.get(name) for name in TOKENS),
            address=environment.get("HF_ENDPOINT") or PUBLIC,
        )

    @property
    def offline(self) -> bool:
        return self.forbidden_by is not None

    def find(self, name: str, task: Hearing) -> Path | None:
        """The folder of a model that is here: in a folder of models, in the hub's cache, or in an
        installed package.
        """
        known = catalogue.HUB_MODELS.get(name)
        return self._in_folders(name, task) or (wheels.found(known) if known else None)

    def _in_folders(self, name: str, task: Hearing) -> Path | None:
        from actors.model_files.huggingface import local_model

        return local_model(name, kind=task, folders=self.folders)

    def obtain(self, name: str, task: Hearing) -> Path:
        """The folder of a model, fetched into the hub's cache unless it is here; raises `ModelError`."""
        from actors.model_files.huggingface import fetched

        return fetched(name, kind=task, folders=self.folders, forbidden=self.forbidden_by)

    def standing(self, model: HubModel) -> ModelStatus:
        """Whether a model is here; only what is in a package is held to a published digest."""
        path = self._in_folders(model.name, model.task)
        return ModelStatus(model, path, "first use") if path else packaged_status(model)
