"""The sandbox process, which tries one chunk at a time; started by `actors.isolation.sandbox`.

It receives the settings, then chunks, and sends values and the phase that it is in. It knows nothing of Ray:
whatever ends it, or keeps it busy for ever, comes from the chunk that it holds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Final

from actors.child_process import allow_cpu, attach
from actors.isolation.messages import Phase, SandboxReply, SandboxRequest
from actors.stages.chunk_reader import read_chunk
from actors.stages.inference import AudioModels, VisionModels
from actors.stages.threads import limit_threads
from schemas.pipelines import AUDIO
from schemas.settings.settings import Settings
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import BlockEnd, ChunkEnd, DetectionsMessage, FramesMessage

HEARTBEAT_SECONDS: Final = 0.5


class _HeartbeatWatch:
    """A reader's watch that never stops it, and sends a sign of life every `HEARTBEAT_SECONDS`."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._sent_s = connection, 0.0

    def started(self) -> bool:
        return True

    def stopping(self) -> bool:
        if time.monotonic() - self._sent_s >= HEARTBEAT_SECONDS:
            self._sent_s = time.monotonic()
            self._connection.send(Phase(None))
        return False


class SandboxWorker:
    """The decoder and the models of this process."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        threads = limit_threads(1)
        self._connection, self._settings, self._threads = connection, settings, threads
        self._vision_models = VisionModels(settings, threads=threads.model)
        self._audio_models: AudioModels | None = None

    def try_chunk(self, work: ChunkSpec | AudioBlock) -> Iterator[DetectionsMessage | ChunkEnd | BlockEnd]:
        """Yields the values of a chunk as soon as they are known."""
        if isinstance(work, AudioBlock):
            self._connection.send(Phase(AUDIO))
            self._audio_models = self._audio_models or AudioModels(
                self._settings, threads=self._threads.model
            )
            yield from self._audio_models.analyze([work])
            return
        self._connection.send(Phase(None))
        for value in read_chunk(work, _HeartbeatWatch(self._connection), threads=self._threads.decoder):
            if isinstance(value, FramesMessage):
                self._connection.send(Phase(value.pipeline))
                yield from self._vision_models.analyze([value])
                self._connection.send(Phase(None))
            else:
                yield value


def serve(connection: Connection) -> None:
    """Try chunks until the parent closes the connection."""
    settings: Settings = connection.recv()
    worker = SandboxWorker(connection, settings)
    while True:
        try:
            request: SandboxRequest = connection.recv()
        except EOFError:
            return
        allow_cpu(request.cpu_s)
        for value in worker.try_chunk(request.work):
            connection.send(value)
        connection.send(SandboxReply())


def main(descriptor: int) -> None:
    """Serve the connection whose file descriptor the parent has passed."""
    serve(attach(descriptor))
