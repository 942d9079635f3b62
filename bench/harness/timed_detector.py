"""How busy a model keeps its device: the real worker of models with a detector and finalizers that take time.

`python -m bench.harness.timed_detector` prints it for both ways of the worker.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final
from unittest import mock

import numpy as np

from actors.coordination.coordinator import Coordinator
from actors.coordination.links import Delivery, DirectLinks
from schemas.inference.detections import Detections
from schemas.media.frames import FrameBatch, Pixels
from schemas.pipelines import PERSON
from schemas.settings.settings import Settings
from schemas.work.messages import FramesMessage
from schemas.work.progress import Worker

MESSAGES: Final = 8  # that are looked at together, as on a GPU
FRAMES: Final = 8  # of a message
WARM_UP: Final = 5  # batches of the model that do not count
CALLERS: Final = 6 * MESSAGES


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Seconds of a batch in each step."""

    prepare_s: float = 0.040
    run_s: float = 0.050
    deliver_s: float = 0.015


@dataclass(slots=True)
class TimedDetector:
    """A detector whose steps only take time; `runs` has (begin, end) of each run, in monotonic seconds."""

    times: ServiceTimes
    batch_size: int = MESSAGES * FRAMES
    runs: list[tuple[float, float]] = field(default_factory=list)

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        return self.finish(self.run(self.prepare(pictures)))

    def prepare(self, pictures: Sequence[Pixels]) -> int:
        time.sleep(self.times.prepare_s)
        return len(pictures)

    def run(self, pictures: int) -> int:
        began_s = time.monotonic()
        time.sleep(self.times.run_s)
        self.runs.append((began_s, time.monotonic()))
        return pictures

    def finish(self, pictures: int) -> list[Detections]:
        return [Detections.none()] * pictures


@dataclass(frozen=True, slots=True)
class SlowFinalizer:
    """A finalizer that needs `seconds` to take what is handed to it."""

    seconds: float

    def take(self, values: list[Delivery]) -> None:
        time.sleep(self.seconds)


def busy_share(runs: Sequence[tuple[float, float]]) -> float:
    """The share of the time from the first begin to the last end in which the model ran."""
    return sum(end_s - began_s for began_s, end_s in runs) / (runs[-1][1] - runs[0][0])


def runs_of(times: ServiceTimes, batches: int, *, overlapped: bool) -> list[tuple[float, float]]:
    """When the model ran, for at least so many batches after the first `WARM_UP`, from waiting callers."""
    from actors.stages.cluster_workers import VisionWorker

    detector = TimedDetector(times)
    links = DirectLinks(Coordinator(), SlowFinalizer(times.deliver_s), Worker("node", "host", 1))
    options: dict[str, Any] = {"overlapped": True} if overlapped else {}
    with mock.patch("actors.stages.batching.detector_named", return_value=detector):
        worker = VisionWorker(lambda: links, Settings(), MESSAGES, **options)
        call_until(worker.look, _message, lambda: len(detector.runs) >= WARM_UP + batches)
    if overlapped:
        worker.close()
    return detector.runs[WARM_UP : WARM_UP + batches]


def call_until(
    look: Callable[[FramesMessage], None],
    message: Callable[[int], FramesMessage],
    is_enough: Callable[[], bool],
) -> int:
    """Have `CALLERS` threads call without a pause; returns how many messages were looked at."""
    numbers, taking = itertools.count(), threading.Lock()

    def call() -> None:
        while not is_enough():
            with taking:
                number = next(numbers)
            look(message(number))

    with ThreadPoolExecutor(CALLERS) as pool:
        for caller in [pool.submit(call) for _ in range(CALLERS)]:
            caller.result()
    return next(numbers)


def _message(number: int) -> FramesMessage:
    frames = np.arange(FRAMES)
    pixels = np.zeros((FRAMES, 4, 4, 3), np.uint8)
    batch = FrameBatch(frames, frames / 5, pixels, 1.0, 1.0)
    return FramesMessage(f"chunk-{number}", f"video-{number}", PERSON, 0, batch)


def main(batches: int = 60) -> dict[str, Any]:
    """The share of time in which the model ran, one batch after the other and overlapped."""
    times = ServiceTimes()
    ways = {"one after the other": False, "overlapped": True}
    return {
        name: round(busy_share(runs_of(times, batches, overlapped=overlapped)), 3)
        for name, overlapped in ways.items()
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
