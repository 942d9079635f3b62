"""The process in which one chunk is tried alone, started by `actors.isolation.sandbox`.

It takes settings and then one chunk after the other from its connection, and tells what it is doing as it
goes; it knows nothing of Ray. Whatever ends it, or keeps it busy for ever, is the doing of the chunk it
holds.
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

BEAT_SECONDS: Final = 0.5


class _Beating:
    """The watch of a reader that nobody stops: each frame decoded is a sign of life, told now and then."""

    def __init__(self, line: Connection) -> None:
        self._line, self._told_s = line, 0.0

    def started(self) -> bool:
        return True

    def stopping(self) -> bool:
        if time.monotonic() - self._told_s >= BEAT_SECONDS:
            self._told_s = time.monotonic()
            self._line.send(Phase(None))
        return False


class SandboxWorker:
    """Decoder and models of this process, and the line on which their answers leave."""

    def __init__(self, line: Connection, settings: Settings) -> None:
        threads = limit_threads(1)
        self._line, self._settings, self._threads = line, settings, threads
        self._sight = VisionModels(settings, threads=threads.model)
        self._ears: AudioModels | None = None

    def try_chunk(self, work: ChunkSpec | AudioBlock) -> Iterator[DetectionsMessage | ChunkEnd | BlockEnd]:
        """Everything a chunk comes to, in the order it is known."""
        if isinstance(work, AudioBlock):
            self._line.send(Phase(AUDIO))
            self._ears = self._ears or AudioModels(self._settings, threads=self._threads.model)
            yield from self._ears.analyze([work])
            return
        self._line.send(Phase(None))
        for value in read_chunk(work, _Beating(self._line), threads=self._threads.decoder):
            if isinstance(value, FramesMessage):
                self._line.send(Phase(value.pipeline))
                yield from self._sight.analyze([value])
                self._line.send(Phase(None))
            else:
                yield value


def serve(line: Connection) -> None:
    """Try chunks until the other end hangs up."""
    settings: Settings = line.recv()
    bench = SandboxWorker(line, settings)
    while True:
        try:
            order: SandboxRequest = line.recv()
        except EOFError:
            return
        allow_cpu(order.cpu_s)
        for value in bench.try_chunk(order.work):
            line.send(value)
        line.send(SandboxReply())


def main(descriptor: int) -> None:
    """Serve the connection that was handed down as a file descriptor."""
    serve(attach(descriptor))
