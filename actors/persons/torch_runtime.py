"""Runs a YOLO network with torch; on a GPU all steps up to the final boxes stay on the device."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torchvision.ops import batched_nms

from actors.model_files.files import sound_bytes
from actors.persons.cuda_device import CopiedPictures, CudaDevice
from actors.persons.tracking import quiet_ultralytics
from actors.persons.yolo_output import OutputLayout, Thresholds
from actors.vision.microbatch import MicroBatch
from actors.vision.staging import StagingBuffers
from schemas.errors import UnsuitableWeights
from schemas.inference.detections import Detections
from schemas.media.frames import Pixels

GPU_BATCH = 32
CPU_BATCH = 4


class WithEmbeddings(torch.nn.Module):
    """A YOLO network with a second output: an embedding of each place, B x A x D float32.

    An embedding holds the means of groups of channels that the head sees at that place. It is weaker than a
    network trained to tell people apart, and free. Source: what ultralytics' trackers use with `model:
    auto`.
    """

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module
        self._maps: list[Any] = []
        module.model[-1].register_forward_pre_hook(self._remember)

    def _remember(self, _head: Any, arguments: Any) -> None:
        self._maps = list(arguments[0])

    def forward(self, pictures: Any) -> tuple[Any, Any]:
        """Raw predictions and embeddings."""
        return first_output(self.module(pictures)), embeddings_of(self._maps)


def embeddings_of(levels: Sequence[torch.Tensor]) -> torch.Tensor:
    """The means of groups of channels at each place of B x C x H x W levels, B x A x D."""
    width = min(level.shape[1] for level in levels)
    columns = [
        level.permute(0, 2, 3, 1).reshape(level.shape[0], -1, width, level.shape[1] // width)
        for level in levels
    ]
    return torch.cat([place.mean(-1) for place in columns], 1)


class TorchRuntime:
    """A YOLO network in a checkpoint of ultralytics.

    Loading a checkpoint runs code from it; which ones may be loaded is decided before. `half` is for a GPU:
    float16 up to the head, whose boxes would otherwise lie on a grid of half a pixel and more. Raises
    `UnsuitableWeights`, `WrongDigest`.
    """

    def __init__(
        self,
        path: str,
        sha256: str | None,
        thresholds: Thresholds,
        *,
        with_embeddings: bool = False,
        half: bool = False,
    ) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if half and self._device.type == "cpu":
            raise UnsuitableWeights(path, "half precision was settled on, and there is no GPU here")
        self._dtype = torch.float16 if half else torch.float32
        module, layout = loaded(path, sha256)
        self.layout = replace(layout, has_embeddings=with_embeddings)
        head = module.model[-1]
        whole = WithEmbeddings(module) if with_embeddings else module
        self._module = whole.to(self._device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as documented
        head.float().register_forward_pre_hook(_to_single_precision)
        self._thresholds, self.batch_size = (
            thresholds,
            GPU_BATCH if self._device.type == "cuda" else CPU_BATCH,
        )
        self._micro = MicroBatch(self.batch_size)
        self._buffers = StagingBuffers(CudaDevice(self._device)) if self._device.type == "cuda" else None

    def stage(self, pictures: Sequence[Pixels]) -> Pixels | CopiedPictures:
        """Pictures of one size on their way to the GPU.

        They stay here where there is none, or no room in its memory.
        """
        if self._buffers is not None:
            try:
                return self._buffers.stage(pictures)
            except torch.OutOfMemoryError:
                _free_cache()
        return np.stack(pictures)

    def detect(self, staged: Pixels | CopiedPictures) -> list[Detections]:
        """Persons in each of `batch_size` x H x W x 3 uint8 RGB pictures.

        Runs in smaller parts where the device's memory does not suffice.
        """
        pictures = torch.from_numpy(staged) if isinstance(staged, np.ndarray) else staged.ready()
        return self._micro.run(
            self._detect, pictures, out_of_memory=torch.OutOfMemoryError, relieve=_free_cache
        )

    def _detect(self, pictures: torch.Tensor) -> list[Detections]:
        with torch.inference_mode():
            here = pictures.to(self._device)
            # The layout is channels last already: no copy.
            tensor = here.permute(0, 3, 1, 2).to(self._dtype).div_(255)
            output = self._module(tensor)
            raw, embeddings = (
                (output[0], output[1])
                if isinstance(self._module, WithEmbeddings)
                else (first_output(output), None)
            )
            return self._people(raw, embeddings, len(pictures))

    def _people(self, raw: Any, embeddings: Any, n: int) -> list[Detections]:
        """`actors.persons.yolo_output.people` in torch.

        All pictures of a batch go through one suppression and one copy from the device.
        """
        import torch

        person, classes = 4 + self.layout.person, self.layout.classes
        picture, place = torch.nonzero(raw[:, person] > self._thresholds.min_confidence, as_tuple=True)
        rows = raw[picture, :, place]
        first = rows[:, 4 : 4 + classes].argmax(1) == self.layout.person
        # In float32 the offsets of 32 pictures would cost precision.
        picture, place, rows = picture[first], place[first], rows[first].double()
        half = rows[:, 2:4] / 2
        boxes = torch.cat([rows[:, :2] - half, rows[:, :2] + half], 1)
        kept = batched_nms(boxes, rows[:, person], picture, self._thresholds.nms_iou)
        columns = [
            picture[kept, None].double(),
            boxes[kept],
            rows[kept, person, None],
            rows[kept, 4 + classes :],
        ]
        if embeddings is not None:
            columns.append(embeddings[picture[kept], place[kept]].double())
        return self._per_picture(torch.cat(columns, 1).cpu().numpy(), n)

    def _per_picture(self, rows: Any, n: int) -> list[Detections]:
        """Rows of picture, box, confidence, key points and embedding as one `Detections` per picture."""
        points = 6 + 3 * self.layout.keypoints
        detections = Detections(
            rows[:, 1:5],
            rows[:, 5],
            rows[:, 6:points].reshape(len(rows), self.layout.keypoints, 3),
            rows[:, points:].astype(np.float32),
        )
        return [
            detections.chosen(np.flatnonzero(rows[:, 0] == number)[: self._thresholds.max_boxes])
            for number in range(n)
        ]


def loaded(path: str, sha256: str | None) -> tuple[Any, OutputLayout]:
    """A checkpoint's network, fused, in evaluation mode and single precision, and its output layout.

    It is read here and not by the library, which may take another file of a similar name, or download one.
    Raises `UnsuitableWeights`, `WrongDigest`.
    """
    data = sound_bytes(path, sha256)
    quiet_ultralytics()
    try:
        checkpoint = torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
        module = (checkpoint.get("ema") or checkpoint["model"]).float().eval()
        head = module.model[-1]
        for layer in module.modules():
            if isinstance(layer, torch.nn.Upsample):
                layer.recompute_scale_factor = None  # checkpoints from before torch 1.11 lack it
    except Exception as error:  # a pickle can raise anything
        raise UnsuitableWeights(path, f"it cannot be loaded ({error!r})") from error
    if getattr(head, "end2end", False):
        raise UnsuitableWeights(path, "networks without non-maximum suppression are not supported")
    metadata = {
        "names": module.names,
        "stride": int(module.stride.max()),
        "kpt_shape": getattr(module, "kpt_shape", None),
    }
    return module.fuse(verbose=False), OutputLayout.of(path, metadata)


def _to_single_precision(_head: Any, arguments: Any) -> Any:
    """Converts feature maps to float32, as the head needs them."""
    return ([level.float() for level in arguments[0]],)


def first_output(output: Any) -> Any:
    """The predictions alone, where a network also gives what it computed on the way."""
    return output[0] if isinstance(output, (tuple, list)) else output


def _free_cache() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
