"""Brings pictures to a device through host memory that is written while earlier pictures still travel."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

import numpy as np

from schemas.media.frames import Pixels

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
BUFFERS: Final = 2  # one that is written, one that is copied


class CopyDone(Protocol):
    """The end of a copy, which may be ahead."""

    def synchronize(self) -> None:
        """Return once the copy is done."""
        ...


class Device(Protocol[T_co]):
    """Memory that is copied to from host memory, beside whatever else runs there."""

    def allocate(self, size: int) -> Pixels:
        """So many bytes of host memory that the device can read by itself (page-locked)."""
        ...

    def copy(self, pixels: Pixels) -> tuple[T_co, CopyDone]:
        """Begin to copy allocated memory; returns what will be on the device, and the end of the copy."""
        ...


@dataclass(slots=True)
class _Buffer:
    memory: Pixels = field(default_factory=lambda: np.zeros(0, np.uint8))
    copied: CopyDone | None = None  # the end of the last copy from here


class StagingBuffers(Generic[T]):
    """Host buffers in turn, each filled again only once what was in it has been copied.

    Any thread may call it; one fills a buffer at a time. Buffers grow to the largest batch, and stay.
    """

    def __init__(self, device: Device[T], buffers: int = BUFFERS) -> None:
        self._device, self._turn = device, 0
        self._buffers = [_Buffer() for _ in range(buffers)]
        self._filling = threading.Lock()

    def stage(self, pictures: Sequence[Pixels]) -> T:
        """Begin to copy N pictures of one size; returns what will be N x H x W x 3 uint8 on the device."""
        with self._filling:
            buffer = self._buffers[self._turn]
            self._turn = (self._turn + 1) % len(self._buffers)
            if buffer.copied is not None:
                buffer.copied.synchronize()
                buffer.copied = None
            pixels = self._room(buffer, (len(pictures), *pictures[0].shape))
            np.stack(pictures, out=pixels)
            staged, buffer.copied = self._device.copy(pixels)
            return staged

    def _room(self, buffer: _Buffer, shape: tuple[int, ...]) -> Pixels:
        size = math.prod(shape)
        if len(buffer.memory) < size:
            buffer.memory = self._device.allocate(size)
        return buffer.memory[:size].reshape(shape)
