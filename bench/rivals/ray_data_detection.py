"""Persons in every frame by Ray Data as its manual shows it.

`python -m bench.rivals.ray_data_detection WEIGHTS CLIP...` prints the number of boxes. `read_videos` decodes,
and a pool of actors has the model.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.rivals.process_per_core import tell
from bench.rivals.ultralytics_detection import BATCH, CONFIDENCE
from bench.rivals.ultralytics_loop import INPUT_PIXELS, PERSON_CLASS, load

OBJECT_STORE_BYTES: Final = 2 << 30


class Detector:
    """Counts the boxes of persons in batches of frames."""

    def __init__(self, weights: str) -> None:
        self._model = load(Path(weights))

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        frames = [np.ascontiguousarray(frame[..., ::-1]) for frame in batch["frame"]]  # predict takes BGR
        results = self._model.predict(
            frames, classes=[PERSON_CLASS], imgsz=INPUT_PIXELS, conf=CONFIDENCE, verbose=False
        )
        return {"boxes": np.array([len(result.boxes) for result in results])}


def main(weights: str, clips: Sequence[str]) -> int:
    """The number of boxes in all clips."""
    import ray

    here = str(Path(__file__).parents[2])
    os.chdir(tempfile.gettempdir())  # Ray would send the folder it is started in
    ray.init(
        address="local",
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": here}},
    )
    most = max(1, len(os.sched_getaffinity(0)) - 1)
    counted = ray.data.read_videos(list(clips)).map_batches(
        Detector,
        fn_constructor_kwargs={"weights": weights},
        batch_size=BATCH,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
    )
    return int(counted.sum("boxes"))


if __name__ == "__main__":
    tell({"person_detection": main(sys.argv[1], sys.argv[2:])})
