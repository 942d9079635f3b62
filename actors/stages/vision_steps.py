"""Looking at pictures in three steps: prepare, run the model, finish and deliver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from actors.coordination.links import Connect
from actors.stages.chunks_at_work import ChunksAtWork
from actors.stages.combining import CombinedCalls
from actors.stages.inference import ModelBatch, VisionModels
from actors.stages.overlapping import OverlappedCalls
from schemas.settings.settings import Settings
from schemas.work.messages import ChunkEnd, DetectionsMessage, FramesMessage

Values = Sequence[FramesMessage | ChunkEnd]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures between two steps: a chunk id for each message, and the ends to be delivered with them."""

    chunk_ids: Sequence[str]
    ends: Sequence[ChunkEnd]
    batches: Sequence[ModelBatch] = ()


class VisionSteps:
    """Has models look at pictures, and hands what they saw to the finalizers. Any thread may call it.

    The values of up to `most` callers that wait are looked at together. `overlapped`: while the model runs on
    one batch, the next is prepared and the one before is handed over, in three threads. Without it a batch is
    done before the next begins, in one thread: on a processor the model needs all of it.
    """

    def __init__(self, connect: Connect, settings: Settings, most: int, *, overlapped: bool) -> None:
        from actors.stages.threads import limit_threads

        self._models = VisionModels(settings, threads=limit_threads(1).model)
        self._links = connect()
        self._at_work = ChunksAtWork(self._links)
        self._overlapped: OverlappedCalls[Values] | None = None
        self._look: Callable[[Values], None]
        if overlapped:
            steps = (self._prepare, self._run, self._finish)
            self._look = self._overlapped = OverlappedCalls(steps, most)
        else:
            self._look = CombinedCalls(self._look_at, most)

    def look(self, values: Values) -> None:
        """Look at pictures; returns once the finalizers have what was seen, and the ends among the values."""
        self._look(values)

    def close(self) -> None:
        """Take nothing more, and return once what was taken is done."""
        if self._overlapped is not None:
            self._overlapped.close()

    def _look_at(self, calls: Sequence[Values]) -> None:
        messages, pictures = self._taken(calls)
        with self._at_work.call(pictures.chunk_ids):
            seen = self._models.analyze(messages)
        self._deliver(pictures, seen)

    def _prepare(self, calls: Sequence[Values]) -> Pictures:
        messages, pictures = self._taken(calls)
        with self._at_work.call(pictures.chunk_ids):
            return replace(pictures, batches=self._models.prepare(messages))

    def _run(self, pictures: Pictures) -> Pictures:
        with self._at_work.call(pictures.chunk_ids):
            return replace(pictures, batches=self._models.run(pictures.batches))

    def _finish(self, pictures: Pictures) -> None:
        with self._at_work.call(pictures.chunk_ids):
            seen = self._models.finish(pictures.batches)
        self._deliver(pictures, seen)

    def _taken(self, calls: Sequence[Values]) -> tuple[list[FramesMessage], Pictures]:
        values = list(chain.from_iterable(calls))
        messages = [value for value in values if isinstance(value, FramesMessage)]
        ends = [value for value in values if isinstance(value, ChunkEnd)]
        pictures = Pictures([message.chunk_id for message in messages], ends)
        self._at_work.take(pictures.chunk_ids)
        return messages, pictures

    def _deliver(self, pictures: Pictures, seen: Sequence[DetectionsMessage]) -> None:
        with self._at_work.hand_over(pictures.chunk_ids):
            self._links.deliver([*seen, *pictures.ends])
