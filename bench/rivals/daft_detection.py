"""Persons in every frame by Daft, as its own video benchmark does it.

`python -m bench.rivals.daft_detection WEIGHTS CLIP...` prints the number of boxes. `read_video_frames`
decodes, and a class of which each core has a process has the model.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.fixtures.short_clips import SIZE
from bench.rivals.process_per_core import CORES, tell
from bench.rivals.ultralytics_detection import BATCH, CONFIDENCE
from bench.rivals.ultralytics_loop import INPUT_PIXELS, PERSON_CLASS, load


class Detector:
    """Counts the boxes of persons in batches of frames."""

    def __init__(self, weights: str) -> None:
        import torch

        self._model = load(Path(weights))
        # By itself the library leaves one core to others: it sets its number when it prepares to predict.
        self._model.add_callback("on_predict_start", lambda _predictor: torch.set_num_threads(1))

    def boxes(self, frames):  # type: ignore[no-untyped-def]  # Daft reads the types of a method at run time
        """The number of boxes in each of N frames, which are H x W x 3 uint8 RGB."""
        import daft

        # predict takes BGR
        pictures = [picture[..., ::-1].copy() for picture in frames.to_pylist()]
        results = self._model.predict(
            pictures, classes=[PERSON_CLASS], imgsz=INPUT_PIXELS, conf=CONFIDENCE, verbose=False
        )
        return daft.Series.from_pylist([len(result.boxes) for result in results])


def main(weights: str, clips: Sequence[str]) -> int:
    """The number of boxes in all clips."""
    # With as many files at once as there are cores its readers wait for each other for ever (0.7.26).
    os.environ["DAFT_SCANTASK_MAX_PARALLEL"] = "1"
    # The library frees memory that is not its own unless these are there before it.
    for name in ("torch", "av", "cv2"):
        importlib.import_module(name)
    import daft

    Detector.boxes = daft.method.batch(return_dtype=daft.DataType.int64(), batch_size=BATCH)(Detector.boxes)  # type: ignore[method-assign]
    detector = daft.cls(Detector, use_process=True, max_concurrency=CORES)(weights)
    width, height = SIZE
    frames = daft.read_video_frames(list(clips), image_height=height, image_width=width)
    counted = frames.select(detector.boxes(frames["data"]).alias("boxes"))
    return int(counted.sum("boxes").to_pydict()["boxes"][0])


if __name__ == "__main__":
    tell({"person_detection": main(sys.argv[1], sys.argv[2:])})
