"""Ray workers whose decoder and detector take a known time: `install` is a worker process setup hook.

The decoder is the real one and sleeps; the detector finds nothing and sleeps. So the path through the engine
is the real one, and what is measured is the engine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from schemas.inference.detections import Detections
from schemas.media.frames import Pixels
from schemas.settings.settings import Settings
from schemas.work.chunk import ChunkSpec

TIMES: Final = "VAENGINE_BENCH_TIMES"  # JSON: seconds of a chunk and of a batch, and speeds by node
NODE: Final = "VAENGINE_BENCH_NODE"  # the simulated node of a worker
BATCH: Final = 8  # pictures that the detector takes at once: one message


def environment(chunk_s: float, batch_s: float, speeds: dict[str, float]) -> dict[str, Any]:
    """The runtime environment of workers that take `chunk_s` seconds for a chunk and `batch_s` for a batch.

    `speeds`: how many times as fast nodes are, by id; 1.0 where nothing is said.
    """
    times = json.dumps({"chunk_s": chunk_s, "batch_s": batch_s, "speeds": speeds})
    return {
        "env_vars": {TIMES: times},
        "worker_process_setup_hook": "bench.harness.slow_workers.install",
    }


def install() -> None:
    """Make this process one of these workers."""
    from actors.stages import batching, chunk_reader

    decoder_for: Callable[..., Any] = vars(chunk_reader)["decoder_for"]

    def slow_decoder_for(spec: ChunkSpec, *, threads: int = 1) -> SlowDecoder:
        return SlowDecoder(decoder_for(spec, threads=threads), spec)

    vars(chunk_reader)["decoder_for"] = slow_decoder_for
    vars(batching)["detector_named"] = _detector_named


def seconds(name: str) -> float:
    """The service time of a part on this node."""
    times = json.loads(os.environ[TIMES])
    speed = times["speeds"].get(os.environ.get(NODE, ""), 1.0)
    return float(times[name] / speed)


class SlowDecoder:
    """A decoder that sleeps between frames, together for the service time of a chunk."""

    def __init__(self, decoder: Any, spec: ChunkSpec) -> None:
        self._decoder, self._frame_s = decoder, seconds("chunk_s") / spec.frame_count

    def __iter__(self) -> Iterator[Any]:
        due_s = time.monotonic()
        for frame in self._decoder:
            due_s += self._frame_s  # what the real decoder took is part of the service time
            time.sleep(max(0.0, due_s - time.monotonic()))
            yield frame
            due_s = max(due_s, time.monotonic())  # models behind it are no service time

    @property
    def lost(self) -> Any:
        return self._decoder.lost

    @property
    def notes(self) -> Any:
        return self._decoder.notes


class SlowDetector:
    """A detector that finds nothing, slowly."""

    batch_size = BATCH

    def bucket(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def detect(self, pictures: Sequence[Pixels]) -> list[Detections]:
        time.sleep(seconds("batch_s"))
        return [Detections.none() for _ in pictures]


def _detector_named(settings: Settings, pipeline: str = "", *, threads: int = 1) -> SlowDetector:
    return SlowDetector()
