"""Sets one number of threads for all libraries in a process.

Libraries that each take all cores would stand in each other's way.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Final

VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)  # read on a library's import


@dataclass(frozen=True, slots=True)
class Threads:
    """How many threads a decoder and a model's session may use in this process; both at least 1."""

    decoder: int
    model: int

    def __post_init__(self) -> None:
        if self.decoder < 1 or self.model < 1:
            raise ValueError(
                f"nothing runs without a thread: {self.decoder} for the decoder, {self.model} for models"
            )


def limit_threads(threads: int) -> Threads:
    """Hold OpenCV, torch (imported already or later), OpenMP and BLAS libraries imported later to `threads`,
    in the whole process.

    Says what is to be handed to decoders and sessions, which take their number when they are made. Raises
    `ValueError` below 1.
    """
    import cv2

    settled = Threads(decoder=threads, model=threads)
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))
    cv2.setNumThreads(threads)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
    return settled
