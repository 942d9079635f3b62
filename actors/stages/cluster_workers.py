"""The workers of a run on other people's cluster: decoders, and models that look at what they decode.

Neither raises for a fault of a video: an error becomes a value.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from actors.coordination.links import Connect
from actors.stages.stages import ChunkWatch, Watch
from actors.stages.vision_steps import VisionSteps
from schemas.settings.settings import Settings
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import ChunkEnd, ChunkFailure, FramesMessage
from schemas.work.progress import Worker
from schemas.work.retry import WORKER_LOST

AHEAD: Final = 2  # messages of pictures that a decoder has at models before it waits


def this_worker() -> Worker:
    """The Ray worker that this process is."""
    import ray

    return Worker(ray.get_runtime_context().get_node_id(), socket.gethostname(), os.getpid())


class DecodeWorker:
    """Decodes chunks, has models look at their pictures, and hands the ends to the finalizers.

    A model that answers nothing for `silent_s` seconds is lost to the chunk.
    """

    def __init__(self, connect: Connect, silent_s: float) -> None:
        from actors.stages.threads import limit_threads

        self._threads, self._links, self._silent_s = limit_threads(1).decoder, connect(), silent_s
        self._turn = threading.Lock()

    def identity(self) -> Worker:
        """Which process this is; the first answer says that it is ready."""
        return this_worker()

    def decode(self, chunks: Sequence[ChunkSpec], models: Sequence[Any]) -> None:
        """Decode chunks; `models` are handles of `VisionWorker`s, none where no pictures are sampled.

        Two calls may run at once: while the models of one are behind, the other decodes.
        """
        read: deque[tuple[Looks, ChunkEnd]] = deque()
        with self._turn:
            for spec in chunks:
                read.append(self._read(spec, Looks(models, self._silent_s)))
                if len(read) > 1:
                    self._deliver(*read.popleft())
        for looks, end in read:
            self._deliver(looks, end)

    def _read(self, spec: ChunkSpec, looks: Looks) -> tuple[Looks, ChunkEnd]:
        from actors.stages.chunk_reader import read_chunk

        for value in read_chunk(spec, ChunkWatch(Watch(self._links), spec), threads=self._threads):
            self._links.idle()  # models may be behind, and waiting for them is no silence
            if isinstance(value, ChunkEnd):
                return looks, value
            looks.begin(value)
            self._links.busy([spec.chunk_id])
        raise AssertionError(f"{spec.chunk_id} has no end")

    def _deliver(self, looks: Looks, end: ChunkEnd) -> None:
        self._links.deliver([looks.end(end)])
        self._links.handed_over([end.spec.chunk_id])


class Looks:
    """The pictures of one chunk that models look at, at most `AHEAD` messages at once."""

    def __init__(self, models: Sequence[Any], silent_s: float) -> None:
        self._models, self._begun, self._waiting = models, 0, list[Any]()
        self._silent_s = silent_s
        self._lost: str | None = None  # what became of a model

    def begin(self, message: FramesMessage) -> None:
        """Have the next model look, once there is room."""
        self._settle(AHEAD - 1)
        if self._lost is None:  # of a chunk that has lost pictures nothing is stored
            model = self._models[(os.getpid() + self._begun) % len(self._models)]
            self._waiting.append(model.look.remote(message))
            self._begun += 1

    def end(self, end: ChunkEnd) -> ChunkEnd:
        """The end of the chunk once all pictures are seen; a loss among them is its failure."""
        self._settle(0)
        if self._lost is None or end.cancelled:
            return end
        message = f"{end.spec.path}: a model was lost ({self._lost})"
        return replace(end, pieces=0, failure=ChunkFailure(WORKER_LOST, message, transient=True))

    def _settle(self, most: int) -> None:
        """Wait until at most so many messages are unanswered."""
        import ray

        while len(self._waiting) > most:
            done, self._waiting = ray.wait(self._waiting, timeout=self._silent_s)
            if not done:
                self._lost, self._waiting = f"no answer for {self._silent_s:.0f} s", []
            for reference in done:
                try:
                    ray.get(reference)
                except ray.exceptions.RayError as error:
                    self._lost = str(error).strip().splitlines()[0][:200]


class VisionWorker:
    """Looks at pictures of many decoders, and hands what it saw to the finalizers.

    `messages` that wait are looked at together: a GPU has whole batches to do. `overlapped` as in
    `VisionSteps`.
    """

    def __init__(
        self, connect: Connect, settings: Settings, messages: int, *, overlapped: bool = False
    ) -> None:
        self._steps = VisionSteps(connect, settings, messages, overlapped=overlapped)

    def look(self, message: FramesMessage) -> None:
        """Look at pictures; returns once the finalizers have what was seen."""
        self._steps.look([message])

    def close(self) -> None:
        """Take nothing more, and return once what was taken is done."""
        self._steps.close()
