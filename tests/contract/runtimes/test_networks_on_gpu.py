"""On a GPU the same model finds the same people: half precision, the whole batch at once, and what is
left of the memory.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actors.persons.yolo import YoloDetector
from actors.stages.batching import BatchedDetector, detector_named
from tests.support.media.networks import DETECT, POSE, STREET, TALKER, as_batch, pictures, same, settings_for

pytestmark = [pytest.mark.gpu, pytest.mark.shared]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def test_the_network_is_on_the_gpu_in_half_precision(folder: Path) -> None:
    from actors.persons.torch_runtime import GPU_BATCH, TorchRuntime

    detector = detector_named(settings_for(DETECT, "torch", folder))
    assert isinstance(detector, YoloDetector)
    network = detector._network
    assert isinstance(network, TorchRuntime)
    assert detector.batch_size == GPU_BATCH
    assert {(str(weight.device.type), str(weight.dtype)) for weight in network._module.parameters()} == {
        ("cuda", "torch.float16")
    }


@pytest.mark.parametrize("weights", [DETECT, POSE])
def test_half_precision_finds_the_people_that_single_precision_does(weights: str, folder: Path) -> None:
    half, single = (
        BatchedDetector(detector_named(settings_for(weights, runtime, folder))).detect(
            [as_batch(pictures(STREET))]
        )[0]
        for runtime in ("torch", "onnx")
    )
    for mine, theirs in zip(half, single, strict=True):
        sure = theirs.confidence > 0.4
        near = [np.abs(mine.xyxy - box).max(axis=1).min() for box in theirs.xyxy[sure]]
        assert max(near, default=0.0) < 2.0  # pixels


def test_batch_mates_and_their_order_change_not_one_bit_on_the_gpu(folder: Path) -> None:
    vision = BatchedDetector(detector_named(settings_for(DETECT, "torch", folder, reid=True)))
    street, talker = pictures(STREET), pictures(TALKER)
    alone = [vision.detect([as_batch([picture])])[0][0] for picture in street]
    mixed = vision.detect([as_batch(talker[:3]), as_batch(street[::-1]), as_batch(talker[3:])])[1][::-1]
    assert all(same(one, other) for one, other in zip(alone, mixed, strict=True))


def test_batches_that_are_prepared_ahead_are_seen_as_one_after_the_other(folder: Path) -> None:
    vision = BatchedDetector(detector_named(settings_for(DETECT, "torch", folder)))
    batches = [as_batch(pictures(clip) * 7) for clip in (STREET, TALKER, STREET)]  # two of the detector each
    expected = [vision.detect([batch])[0] for batch in batches]
    prepared = [vision.prepare([batch]) for batch in batches]
    for one, theirs in zip(prepared, expected, strict=True):
        (found,) = vision.finish(vision.run(one))
        assert all(same(mine, their) for mine, their in zip(found, theirs, strict=True))


def test_a_buffer_is_not_written_while_the_gpu_copies_it() -> None:
    import torch

    from actors.persons.cuda_device import CudaDevice
    from actors.vision.staging import StagingBuffers

    staging = StagingBuffers(CudaDevice(torch.device("cuda")))
    batches = [[np.full((2048, 2048, 3), number, np.uint8)] * 8 for number in range(1, 9)]
    staged = [staging.stage(batch) for batch in batches]
    for number, pictures_there in enumerate(staged, start=1):
        tensor = pictures_there.ready()
        assert (int(tensor.min()), int(tensor.max())) == (number, number)


def test_a_batch_that_does_not_fit_into_memory_is_done_in_parts(folder: Path) -> None:
    import torch

    from actors.persons.torch_runtime import GPU_BATCH

    detector = detector_named(settings_for(DETECT, "torch", folder))
    vision = BatchedDetector(detector)
    batch = as_batch(pictures(STREET) * 7)  # 35 pictures: two batches
    whole = vision.detect([batch])[0]
    torch.cuda.empty_cache()
    reserved = torch.cuda.memory_reserved() + 64 * 1024**2
    torch.cuda.set_per_process_memory_fraction(reserved / torch.cuda.get_device_properties(0).total_memory)
    try:
        parts = vision.detect([batch])[0]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert isinstance(detector, YoloDetector)
    assert detector._network._micro.size < GPU_BATCH  # type: ignore[attr-defined]
    assert [len(boxes) for boxes in parts] == [len(boxes) for boxes in whole]
    assert all(
        np.abs(one.xyxy - other.xyxy).max(initial=0) < 1.0 for one, other in zip(parts, whole, strict=True)
    )
