"""What one process may use while it works on a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psutil

from schemas.settings.settings import Settings

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a process that holds one chunk may use: seconds without a sign of life, resident bytes."""

    silent_s: float
    memory_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> SandboxLimits:
        recovery = settings.recovery
        return cls(
            recovery.alone_seconds, recovery.alone_memory_mb * MIB or psutil.virtual_memory().total // 2
        )


def resident_bytes(pid: int) -> int:
    """Memory that a process of this machine takes; 0 for one that is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
