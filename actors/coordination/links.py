"""How the stages of a run reach its finalizers and its coordinator.

There are two ways: by the names of Ray actors (`actors.stages.stages.NamedLinks`), and by reference in one
process (`DirectLinks`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from schemas.work.attempt import Token
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.messages import BlockEnd, ChunkEnd, DetectionsMessage
from schemas.work.progress import Worker

Delivery = DetectionsMessage | ChunkEnd | BlockEnd


class StageLinks(Protocol):
    """The connections of one worker to the run's actors."""

    def deliver(self, values: Sequence[Delivery]) -> None:
        """Hand values to the finalizers of their videos, and return once they are taken."""

    def started(self, work: ChunkSpec | AudioBlock) -> bool:
        """Say that an attempt begins; False tells the worker to leave the work."""

    def busy(self, chunk_ids: Sequence[str], length_s: float = 0.0) -> None:
        """Say that a call begins that may hang; it works on `length_s` seconds of video or sound."""

    def idle(self) -> None:
        """Say that the call is over, or that the worker waits for others."""

    def heartbeat(self, video_id: str, *, to_its_end: bool) -> bool:
        """Say that the worker is alive; True tells it to leave its work on the video.

        `to_its_end`: the worker may finish this work after a stop.
        """

    def handed_over(self, chunk_ids: Sequence[str]) -> None:
        """Say that what the worker made of these chunks is in other hands."""

    def close(self) -> None:
        """Say no more: the worker holds nothing any more."""


Connect = Callable[[], StageLinks]  # makes links in the worker; it is pickled for another process


class WorkerEvents(Protocol):
    """The part of the coordinator that workers call."""

    def started(self, token: Token, worker: Worker, keys: Sequence[WorkKey] = ()) -> bool: ...
    def busy(self, worker: Worker, chunk_ids: tuple[str, ...], length_s: float) -> None: ...
    def idle(self, worker: Worker) -> None: ...
    def handed_over(self, worker: Worker, chunk_ids: Sequence[str]) -> None: ...
    def heartbeat(self, worker: Worker, video_id: str, *, to_its_end: bool = False) -> bool: ...


class Taker(Protocol):
    """The part of a finalizer that workers call."""

    def take(self, values: list[Delivery]) -> None: ...


class DirectLinks:
    """Links by reference, where the coordinator and the only finalizer live in this process.

    Any thread may call them.
    """

    def __init__(self, coordinator: WorkerEvents, finalizer: Taker, worker: Worker) -> None:
        self._coordinator, self._finalizer, self._worker = coordinator, finalizer, worker

    def deliver(self, values: Sequence[Delivery]) -> None:
        self._finalizer.take(list(values))

    def started(self, work: ChunkSpec | AudioBlock) -> bool:
        return self._coordinator.started(work.token, self._worker, work.keys)

    def busy(self, chunk_ids: Sequence[str], length_s: float = 0.0) -> None:
        self._coordinator.busy(self._worker, tuple(chunk_ids), length_s)

    def idle(self) -> None:
        self._coordinator.idle(self._worker)

    def heartbeat(self, video_id: str, *, to_its_end: bool) -> bool:
        return self._coordinator.heartbeat(self._worker, video_id, to_its_end=to_its_end)

    def handed_over(self, chunk_ids: Sequence[str]) -> None:
        self._coordinator.handed_over(self._worker, chunk_ids)

    def close(self) -> None:
        """Nothing: a worker in this process needs no thread to show that it lives."""
