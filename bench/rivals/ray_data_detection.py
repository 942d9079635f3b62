"""Persons in every frame by Ray Data.

`python -m bench.rivals.ray_data_detection FORM WEIGHTS CLIP...` prints the number of boxes. `read_videos`
decodes, and a pool of actors has the model. FORM says how large the pool is: `manual` or `per_core`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.rivals.process_per_core import CORES, tell
from bench.rivals.ultralytics_detection import BATCH, CONFIDENCE
from bench.rivals.ultralytics_loop import INPUT_PIXELS, PERSON_CLASS, load

OBJECT_STORE_BYTES: Final = 2 << 30
MANUAL, PER_CORE = "manual", "per_core"


class Detector:
    """Counts the boxes of persons in batches of frames; with `threads`, the model has so many."""

    def __init__(self, weights: str, threads: int | None = None) -> None:
        import torch

        self._model = load(Path(weights))
        if threads is not None:
            # The library sets its own number when it prepares to predict.
            self._model.add_callback("on_predict_start", lambda _predictor: torch.set_num_threads(threads))

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        frames = [np.ascontiguousarray(frame[..., ::-1]) for frame in batch["frame"]]  # predict takes BGR
        results = self._model.predict(
            frames, classes=[PERSON_CLASS], imgsz=INPUT_PIXELS, conf=CONFIDENCE, verbose=False
        )
        return {"boxes": np.array([len(result.boxes) for result in results])}


def pool(form: str) -> dict[str, Any]:
    """Options of `map_batches` for the pool of actors.

    As the manual has it an actor takes a whole CPU, and reading needs one too: there is an actor less than
    cores. `per_core` has an actor of one thread for each core. Each asks for half a CPU, which leaves the
    other half of the CPUs to reading.
    """
    import ray

    if form not in (MANUAL, PER_CORE):
        raise ValueError(f"unknown form of the pool: {form}")
    if form == PER_CORE:
        return {
            "num_cpus": 0.5,
            "compute": ray.data.ActorPoolStrategy(size=CORES),
            "fn_constructor_kwargs": {"threads": 1},
        }
    most = max(1, CORES - 1)
    return {
        "num_cpus": 1,
        "compute": ray.data.ActorPoolStrategy(min_size=1, max_size=most),
        "fn_constructor_kwargs": {},
    }


def main(form: str, weights: str, clips: Sequence[str]) -> int:
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
    counted = ray.data.read_videos(list(clips)).map_batches(
        Detector, fn_constructor_args=(weights,), batch_size=BATCH, **pool(form)
    )
    return int(counted.sum("boxes"))


if __name__ == "__main__":
    tell({"person_detection": main(sys.argv[1], sys.argv[2], sys.argv[3:])})
