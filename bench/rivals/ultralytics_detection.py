"""Persons in every frame by ultralytics' own loop.

`python -m bench.rivals.ultralytics_detection N WEIGHTS CLIP...` prints the number of boxes. N is how many
processes there are: one uses all cores for a picture, else each has one core and takes whole clips.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from bench.rivals.ultralytics_loop import INPUT_PIXELS, PERSON_CLASS, load

BATCH: Final = 8
CONFIDENCE: Final = 0.25  # the default of `predict`


def boxes_in(weights: str, clips: Sequence[str], *, threads: int) -> int:
    """The number of boxes in all frames of some clips."""
    import torch

    model, count = load(Path(weights)), 0
    # By itself the library leaves one core to others: it sets its number when it prepares to predict.
    model.add_callback("on_predict_start", lambda _predictor: torch.set_num_threads(threads))
    for clip in clips:
        results = model.predict(
            clip,
            stream=True,
            batch=BATCH,
            classes=[PERSON_CLASS],
            imgsz=INPUT_PIXELS,
            conf=CONFIDENCE,
            verbose=False,
        )
        count += sum(len(result.boxes) for result in results)
    return count


def main(processes: int, weights: str, clips: Sequence[str]) -> int:
    """The number of boxes in all clips."""
    if processes == 1:
        return boxes_in(weights, clips, threads=len(os.sched_getaffinity(0)))
    shares = [clips[first::processes] for first in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(partial(boxes_in, weights, threads=1), shares))


if __name__ == "__main__":
    sys.stdout.write(f"{main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])}\n")
