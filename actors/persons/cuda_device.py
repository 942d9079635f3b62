"""A GPU to which pictures are copied by a stream of its own, beside the one that runs the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from schemas.media.frames import Pixels

cuda: Any = torch.cuda  # its streams and events are not typed


@dataclass(frozen=True, slots=True)
class CopiedPictures:
    """Pictures on their way to a GPU: N x H x W x 3 uint8, whole after `copied`."""

    tensor: torch.Tensor
    copied: torch.cuda.Event

    def ready(self) -> torch.Tensor:
        """The tensor for the current stream, which waits for the copy; the caller does not wait."""
        stream = cuda.current_stream(self.tensor.device)
        stream.wait_event(self.copied)
        self.tensor.record_stream(stream)  # else its memory would be lent again while that stream reads it
        return self.tensor


class CudaDevice:
    """A `Device` of `actors.vision.staging`: pinned memory, and a stream for copies alone."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._stream = device, cuda.Stream(device)

    def allocate(self, size: int) -> Pixels:
        pinned: Any = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        memory: Pixels = pinned.numpy()
        return memory

    def copy(self, pixels: Pixels) -> tuple[CopiedPictures, torch.cuda.Event]:
        """Raises `torch.OutOfMemoryError`."""
        copied = cuda.Event(blocking=True)  # who waits for it leaves the processor to others
        with cuda.stream(self._stream):
            tensor = torch.from_numpy(pixels).to(self._device, non_blocking=True)
            copied.record(self._stream)
        return CopiedPictures(tensor, copied), copied
