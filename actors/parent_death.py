"""A process that ends with the one that started it; imports nothing heavy."""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import Any, Final

_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


def die_with_parent() -> None:
    """From now on the kernel kills this process when the thread that started it ends; does nothing but on
    Linux.
    """
    if sys.platform == "linux":  # a process that hangs does not notice that nobody waits for it any more
        libc: Any = ctypes.CDLL(None)
        libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
