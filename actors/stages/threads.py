"""Sets one number of threads for all libraries of a process, which else would each take all cores."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Final

# Environment variables that a library reads when it is imported.
VARIABLES: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of a decoder and of a model's session in this process; both at least 1."""

    decoder: int
    model: int

    def __post_init__(self) -> None:
        if self.decoder < 1 or self.model < 1:
            raise ValueError(
                f"nothing runs without a thread: {self.decoder} for the decoder, {self.model} for models"
            )


def limit_threads(threads: int) -> Threads:
    """Limit OpenCV, torch (imported now or later) and libraries imported later (OpenMP, BLAS) to `threads`.

    Returns the numbers for decoders and sessions, which take theirs when they are made. Raises ValueError
    below 1.
    """
    import cv2

    limited = Threads(decoder=threads, model=threads)
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))
    cv2.setNumThreads(threads)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
    return limited
