"""The limits of a sandbox process: silence and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psutil

from schemas.settings.settings import Settings

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a sandbox process may use for one chunk: seconds without a sign of life, resident bytes."""

    silent_s: float
    memory_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> SandboxLimits:
        recovery = settings.recovery
        return cls(
            recovery.alone_seconds, recovery.alone_memory_mb * MIB or psutil.virtual_memory().total // 2
        )


def resident_bytes(pid: int) -> int:
    """Resident memory of a process of this machine; 0 when the process is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
