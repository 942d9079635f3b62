"""A batch that does not fit is tried in halves, every picture keeps its place, and after a while larger
parts are tried again.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.vision.microbatch import GROW_AFTER, MicroBatch
from schemas.inference.detections import Detections


class Device:
    """Takes `room` pictures at once; one box per picture, its confidence the picture's number."""

    def __init__(self, room):
        self.room, self.sizes = room, []

    def __call__(self, pixels):
        self.sizes.append(len(pixels))
        if len(pixels) > self.room:
            raise MemoryError
        return [Detections(np.zeros((1, 4)), np.array([picture[0, 0, 0] / 256])) for picture in pixels]


def pictures(n):
    return np.arange(n, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)


@given(st.integers(1, 40), st.sampled_from([1, 2, 4, 8, 16, 32]), st.integers(1, 32))
def test_every_picture_gets_its_answer_whatever_fits(n, most, room):
    found = MicroBatch(most).run(Device(room), pictures(n), out_of_memory=MemoryError)
    assert [boxes.confidence[0] * 256 for boxes in found] == list(range(n))


def test_what_fitted_is_not_done_again_and_only_the_failed_part_is_halved():
    device = Device(4)
    batch = MicroBatch(16)
    batch.run(device, pictures(16), out_of_memory=MemoryError)
    assert device.sizes == [16, 8, 4, 4, 4, 4]
    assert batch.size == 4


def test_a_picture_that_does_not_fit_alone_is_an_error():
    with pytest.raises(MemoryError):
        MicroBatch(4).run(Device(0), pictures(1), out_of_memory=MemoryError)


def test_memory_is_freed_after_each_failure():
    freed = []
    MicroBatch(8).run(Device(2), pictures(8), out_of_memory=MemoryError, relieve=lambda: freed.append(1))
    assert len(freed) == 2


def test_larger_parts_are_tried_again_after_a_while():
    device = Device(4)
    batch = MicroBatch(8)
    batch.run(device, pictures(8), out_of_memory=MemoryError)
    device.room = 8
    for _ in range(GROW_AFTER):
        batch.run(device, pictures(4), out_of_memory=MemoryError)
    assert batch.size == 8


def test_other_errors_are_passed_on():
    def broken(pixels):
        raise RuntimeError("not about memory")

    with pytest.raises(RuntimeError, match="not about memory"):
        MicroBatch(4).run(broken, pictures(4), out_of_memory=MemoryError)
