"""A buffer is not filled again before what was in it has been copied."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.vision.staging import BUFFERS, StagingBuffers
from schemas.media.frames import Pixels


@dataclass
class Copy:
    """A copy that reads its source as late as it may: when somebody waits for it."""

    source: Pixels
    arrived: Pixels | None = None
    waited: int = 0

    def synchronize(self) -> None:
        self.waited += 1
        self.arrive()

    def arrive(self) -> Pixels:
        if self.arrived is None:
            self.arrived = self.source.copy()
        return self.arrived


@dataclass
class LazyDevice:
    """`allocated` has the sizes of all host memory, `copies` all copies in order."""

    allocated: list[int] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)

    def allocate(self, size: int) -> Pixels:
        self.allocated.append(size)
        return np.full(size, 255, np.uint8)

    def copy(self, pixels: Pixels) -> tuple[Copy, Copy]:
        self.copies.append(Copy(pixels))
        return self.copies[-1], self.copies[-1]


def pictures(number: int, count: int = 2, side: int = 2) -> list[Pixels]:
    return [np.full((side, side + 1, 3), number + place, np.uint8) for place in range(count)]


shapes = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 5)), min_size=1, max_size=20)


@given(shapes, st.integers(1, 3))
def test_what_arrives_is_what_was_staged_however_late_it_is_copied(
    sizes: Sequence[tuple[int, int]], buffers: int
) -> None:
    device = LazyDevice()
    staging = StagingBuffers(device, buffers)
    staged = [staging.stage(pictures(10 * number, count, side)) for number, (count, side) in enumerate(sizes)]
    for number, ((count, side), copy) in enumerate(zip(sizes, staged, strict=True)):
        assert np.array_equal(copy.arrive(), np.stack(pictures(10 * number, count, side)))


def test_nobody_waits_for_a_copy_while_there_is_another_buffer() -> None:
    device = LazyDevice()
    staging = StagingBuffers(device)
    for number in range(BUFFERS):
        staging.stage(pictures(number))
    assert [copy.waited for copy in device.copies] == [0] * BUFFERS
    staging.stage(pictures(7))
    assert [copy.waited for copy in device.copies] == [1, *[0] * BUFFERS]


def test_a_buffer_is_not_written_while_it_is_copied() -> None:
    copied, asked = threading.Event(), threading.Event()

    class Slow(Copy):
        def synchronize(self) -> None:
            asked.set()
            assert copied.wait(10)

    class SlowDevice(LazyDevice):
        def copy(self, pixels: Pixels) -> tuple[Copy, Copy]:
            self.copies.append(Slow(pixels))
            return self.copies[-1], self.copies[-1]

    device = SlowDevice()
    staging = StagingBuffers(device, buffers=1)
    first = staging.stage(pictures(1))
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(staging.stage, pictures(9))
        assert asked.wait(10)
        assert np.array_equal(first.source, np.stack(pictures(1)))
        assert not second.done()
        copied.set()
        assert np.array_equal(second.result(10).source, np.stack(pictures(9)))


def test_memory_is_allocated_once_and_again_only_for_more() -> None:
    device = LazyDevice()
    staging = StagingBuffers(device, buffers=1)
    for count in (2, 1, 2, 3):
        staging.stage(pictures(1, count))
    assert device.allocated == [2 * 18, 3 * 18]


def test_after_a_copy_that_could_not_begin_the_buffer_is_free() -> None:
    class Full(LazyDevice):
        def copy(self, pixels: Pixels) -> tuple[Copy, Copy]:
            if not self.copies:
                self.copies.append(Copy(pixels))
                raise MemoryError("no room")
            return super().copy(pixels)

    device = Full()
    staging = StagingBuffers(device, buffers=1)
    with pytest.raises(MemoryError):
        staging.stage(pictures(1))
    assert np.array_equal(staging.stage(pictures(2)).arrive(), np.stack(pictures(2)))
    assert device.copies[0].waited == 0
