"""A model such as CLIP, which describes pictures and texts by vectors of one space, loaded by transformers.

Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from actors.model_files.files import digest_of
from actors.model_files.telemetry import telemetry_off
from schemas.errors import DamagedWeights, ModelError
from schemas.media.frames import Floats32, Pixels

WEIGHTS: Final = "model.safetensors"
DIGITS: Final = 12  # of a digest in a model's name
BATCH: Final = 8  # pictures at once


class PictureTextModel:
    """The model in a folder of transformers' form: `config.json`, `model.safetensors`, its tokenizer and how
    pictures are prepared.

    Nothing is fetched, and no code of the folder is run. Raises `ModelError` where a file is missing,
    `DamagedWeights` where transformers cannot load it.
    """

    def __init__(self, folder: Path) -> None:
        missing = [name for name in ("config.json", WEIGHTS) if not (folder / name).is_file()]
        if missing:
            raise ModelError(
                str(folder), f"it has no {' and no '.join(missing)}: name a folder of transformers' form"
            )
        self.folder = folder
        self.name = f"{folder.name}@{digest_of(folder / WEIGHTS)[:DIGITS]}"

    def pictures(self, pictures: Sequence[Pixels]) -> Floats32:
        """A unit vector for each picture, H x W x 3 uint8 RGB; N x D float32."""
        parts = [self._pictures(pictures[at : at + BATCH]) for at in range(0, len(pictures), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)

    def _pictures(self, pictures: Sequence[Pixels]) -> Floats32:
        processor, network = self._loaded
        given = processor(images=list(pictures), return_tensors="pt")
        return self._unit(network.get_image_features, given)

    def texts(self, texts: Sequence[str]) -> Floats32:
        """A unit vector for each text; N x D float32. What is too long for the model is cut off."""
        processor, _ = self._loaded
        given = processor(text=list(texts), return_tensors="pt", padding=True, truncation=True)
        return self._unit(self._loaded[1].get_text_features, given)

    def _unit(self, described: Any, given: Any) -> Floats32:
        import torch

        with torch.inference_mode():
            found = described(**given)
            vectors = getattr(found, "pooler_output", found).float().cpu().numpy()
        unit: Floats32 = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return unit

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        with telemetry_off(alone=True):
            from transformers import AutoModel, AutoProcessor

            try:
                processor = AutoProcessor.from_pretrained(str(self.folder), local_files_only=True)
                network = AutoModel.from_pretrained(
                    str(self.folder), local_files_only=True, use_safetensors=True
                )
            except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
                raise DamagedWeights(
                    str(self.folder), f"transformers cannot load it ({str(error).splitlines()[0]})"
                ) from error
        if not (hasattr(network, "get_image_features") and hasattr(network, "get_text_features")):
            raise ModelError(
                str(self.folder), f"{type(network).__name__} does not describe pictures and texts"
            )
        return processor, network.eval()
