"""Samples of how busy a GPU is and what it draws, once a second, beside a measurement."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from statistics import fmean
from typing import Any, Final

SECONDS: Final = 1.0  # from one sample to the next


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment of a GPU. `busy` is the share of the last moments in which any kernel ran, 0 to 1."""

    busy: float
    power_w: float
    memory_mib: float


def nvml_reader(index: int = 0) -> Callable[[], Sample]:
    """Reads a GPU through NVML; raises `pynvml.NVMLError` where there is none."""
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)

    def read() -> Sample:
        return Sample(
            pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
            pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
            pynvml.nvmlDeviceGetMemoryInfo(handle).used / 2**20,
        )

    return read


@contextmanager
def sampled(read: Callable[[], Sample], every_s: float = SECONDS) -> Iterator[list[Sample]]:
    """Samples from now until the end of the block; the last is taken at the end."""
    samples: list[Sample] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(every_s):
            samples.append(read())

    thread = threading.Thread(target=sample, name="GPU samples", daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()
        samples.append(read())


def summary(samples: Sequence[Sample]) -> dict[str, Any]:
    """Means and maxima, and all samples, as JSON values; raises ValueError without any."""
    if not samples:
        raise ValueError("a measurement without a sample of the GPU")
    return {
        "busy": round(fmean(sample.busy for sample in samples), 3),
        "power_w": round(fmean(sample.power_w for sample in samples), 1),
        "most_power_w": round(max(sample.power_w for sample in samples), 1),
        "most_memory_mib": round(max(sample.memory_mib for sample in samples), 1),
        **{f"each_{one.name}": [getattr(sample, one.name) for sample in samples] for one in fields(Sample)},
    }


def on_gpu(work: Callable[[], float]) -> dict[str, Any]:
    """The pictures a second that `work` returns, and the GPU meanwhile."""
    with sampled(nvml_reader()) as samples:
        pictures_per_s = work()
    return {"pictures_per_s": round(pictures_per_s, 1), "gpu": summary(samples)}
