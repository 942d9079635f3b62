"""Runs a face model with onnxruntime, on the processor or on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np

from actors.faces.model_pack import FaceModel
from schemas.errors import InvalidSetting, UnsuitablePack
from schemas.media.frames import Floats32, Pixels

GPU_BATCH: Final = 16
GPU_PROVIDER: Final = "CUDAExecutionProvider"
# Full single precision, and an algorithm chosen by rule: by default each process times the algorithms anew,
# and takes the fastest.
GPU_OPTIONS: Final = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
OUT_OF_MEMORY: Final = ("Failed to allocate memory", "out of memory", "CUDA_ERROR_OUT_OF_MEMORY")
# Between the outputs for one picture alone and among others. A graph that mixes pictures differs far more.
MAX_DIFFERENCE: Final = 1e-2
PROBE_SIDE: Final = 64  # Pixels, of models that take any size.


class FaceNetwork:
    """One model of a pack, run on `batch` pictures at once, always the same number.

    On the processor `batch` is 1, since more gain nothing there (SCRFD, 640 x 384, one thread: 15.9, 15.6
    and 15.5 ms a picture in batches of 1, 4 and 8). On a GPU it is 16 by default, where the graph takes so
    many. Raises `UnsuitablePack`, and `InvalidSetting` where there is no GPU.
    """

    def __init__(self, model: FaceModel, device: str, *, threads: int = 1, batch: int | None = None) -> None:
        self.model, self._session = model, _session(model, device, threads)
        self._input = self._session.get_inputs()[0].name
        wanted = batch or (GPU_BATCH if device == "cuda" else 1)
        self.batch = wanted if wanted == 1 or self._keeps_pictures_apart() else 1

    def outputs(self, tensor: Floats32) -> list[Floats32]:
        """All outputs for a B x 3 x H x W tensor.

        Raises `MemoryError` where the device has no room for it.
        """
        try:
            outputs: list[Floats32] = self._session.run(None, {self._input: tensor})
        except Exception as error:  # onnxruntime has no error of its own for it
            if any(sign in str(error) for sign in OUT_OF_MEMORY):
                raise MemoryError(f"no room for {tensor.shape} in {self.model.path}") from error
            raise
        return outputs

    def rows(self, crops: Sequence[Pixels]) -> Floats32:
        """The only output for each of N >= 1 side x side x 3 uint8 RGB crops, N x numbers.

        Batches are padded with the last crop.
        """
        parts = [crops[first : first + self.batch] for first in range(0, len(crops), self.batch)]
        return np.concatenate([self._padded(part)[: len(part)] for part in parts])

    def tensor(self, pictures: Sequence[Pixels]) -> Floats32:
        """H x W x 3 uint8 RGB pictures of one size as the model's input, B x 3 x H x W float32."""
        mean, std = self.model.mean, self.model.std
        blob: Floats32 = cv2.dnn.blobFromImages(pictures, 1.0 / std, mean=(mean, mean, mean))
        return blob

    def _padded(self, part: Sequence[Pixels]) -> Floats32:
        given = [*part, *[part[-1]] * (self.batch - len(part))]
        return self.outputs(self.tensor(given))[0].reshape(self.batch, -1)

    def _keeps_pictures_apart(self) -> bool:
        """Whether the outputs for two pictures together are those for each alone."""
        side = self.model.side or PROBE_SIDE
        both = np.random.default_rng(0).normal(size=(2, 3, side, side)).astype(np.float32)
        try:
            together = self.outputs(both)
        except Exception:  # noqa: BLE001  # graphs that take one picture only fail with various errors
            return False
        alone = [self.outputs(picture[None]) for picture in both]
        pairs = zip(together, *alone, strict=True)
        return all(
            np.allclose(two.reshape(2, -1), np.stack([first.ravel(), second.ravel()]), atol=MAX_DIFFERENCE)
            for two, first, second in pairs
        )


def _session(model: FaceModel, device: str, threads: int) -> Any:
    import onnxruntime

    providers = _providers(device)
    if device == "cuda":
        # Loads the libraries that pip put beside torch; where torch is imported they are loaded already.
        onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors: the rest is about optimisations
    try:
        session = onnxruntime.InferenceSession(model.data, options, providers=providers)
    except Exception as error:  # onnxruntime does not export its exceptions
        raise UnsuitablePack(
            model.path, f"onnxruntime cannot load it ({str(error).splitlines()[0]})"
        ) from error
    if device == "cuda" and GPU_PROVIDER not in session.get_providers():
        raise InvalidSetting(
            "face.device",
            device,
            "onnxruntime could not start on the GPU; install CUDA and cuDNN, or say cpu",
        )
    return session


def _providers(device: str) -> list[Any]:
    """The execution providers of a device; a missing device is an error, and not replaced."""
    import onnxruntime

    if device != "cuda":
        return ["CPUExecutionProvider"]
    if GPU_PROVIDER not in onnxruntime.get_available_providers():
        raise InvalidSetting(
            "face.device",
            device,
            "this onnxruntime has no CUDA; install onnxruntime-gpu in its place, or say cpu",
        )
    return [(GPU_PROVIDER, GPU_OPTIONS), "CPUExecutionProvider"]
