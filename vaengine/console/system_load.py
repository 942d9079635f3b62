"""Measures the load of this machine during a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vaengine.console.units import size


@dataclass(frozen=True, slots=True)
class Load:
    """Shares in percent of the whole machine, memory in bytes.

    `gpus` has one entry per device: (share, bytes used, bytes in all).
    """

    cpu_percent: float
    memory_used: int
    memory_total: int
    gpus: tuple[tuple[float, int, int], ...] = ()

    def __str__(self) -> str:
        gpus = [f"GPU {share:.0f} % {size(used)} of {size(total)}" for share, used, total in self.gpus]
        return " · ".join(
            [
                f"machine: CPU {self.cpu_percent:.0f} %",
                f"memory {size(self.memory_used)} of {size(self.memory_total)}",
                *gpus,
            ]
        )


class LoadMeter:
    """Measures the load since the last call; without NVIDIA's driver there are no GPUs in it."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._gpus = gpu_handles()
        psutil.cpu_percent(None)  # begins the interval that the next call measures

    def read(self) -> Load:
        memory = self._psutil.virtual_memory()
        return Load(
            self._psutil.cpu_percent(None),
            memory.total - memory.available,
            memory.total,
            tuple(map(_gpu_load, self._gpus)),
        )


def gpu_handles() -> list[Any]:
    """NVIDIA devices of this machine by nvidia-ml-py; none without driver or library."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []


def _gpu_load(handle: Any) -> tuple[float, int, int]:
    import pynvml

    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        share = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except pynvml.NVMLError:
        share = float("nan")  # MIG slices do not report it
    return share, int(memory.used), int(memory.total)
