"""Persons by ultralytics' own loop.

`python -m bench.rivals.ultralytics_detection N STEP WEIGHTS CLIP...` prints the number of boxes in every
STEP-th frame. N is how many processes there are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench.rivals.process_per_core import found_by, tell
from bench.rivals.ultralytics_loop import INPUT_PIXELS, PERSON_CLASS, load

BATCH: Final = 8
CONFIDENCE: Final = 0.25  # the default of `predict`


def boxes_in(weights: str, step: int, clips: Sequence[str], threads: int) -> dict[str, int]:
    """The number of boxes in every `step`-th frame of some clips."""
    import torch

    model, count = load(Path(weights)), 0
    # By itself the library leaves one core to others: it sets its number when it prepares to predict.
    model.add_callback("on_predict_start", lambda _predictor: torch.set_num_threads(threads))
    for clip in clips:
        results = model.predict(
            clip,
            stream=True,
            batch=BATCH,
            vid_stride=step,
            classes=[PERSON_CLASS],
            imgsz=INPUT_PIXELS,
            conf=CONFIDENCE,
            verbose=False,
        )
        count += sum(len(result.boxes) for result in results)
    return {"person_detection": count}


if __name__ == "__main__":
    processes, step, weights, *clips = sys.argv[1:]
    tell(found_by(partial(boxes_in, weights, int(step)), int(processes), clips))
