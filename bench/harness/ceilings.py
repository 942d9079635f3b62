"""What the parts of a run cost alone: the ceilings of its speed.

`python -m bench.harness.ceilings PROCESSES PIPELINES SETTINGS CLIP...` prints JSON. SETTINGS is a JSON
list of KEY=VALUE. The processes share the clips, begin each part together when all are ready, and have one
thread each, as the engine's workers do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar

from actors.coordination.links import Delivery
from schemas.annotations.annotation import job_id_for
from schemas.media.video import Video
from schemas.settings.settings import Settings, pipeline_config
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from schemas.work.messages import BlockEnd, ChunkEnd, DetectionsMessage, FramesMessage

DECODE, MODELS, TOGETHER, STORAGE = "decode", "models", "decode and models", "storage"
PARTS: Final = (DECODE, MODELS, TOGETHER, STORAGE)
Result = TypeVar("Result", ChunkEnd, DetectionsMessage, BlockEnd)


@dataclass(frozen=True, slots=True)
class Planned:
    """A video with its work: chunks of pictures, blocks of sound."""

    video: Video
    keys: tuple[WorkKey, ...]
    chunks: Sequence[ChunkSpec]
    blocks: Sequence[AudioBlock]

    @classmethod
    def of(cls, clip: str, pipelines: Sequence[str], settings: Settings) -> Planned:
        """As a run plans it."""
        from actors.probing.probe import probe
        from vaengine.planning.plan import blocks_of, chunks_of, work_keys

        video = probe(clip)
        keys = work_keys(video.video_id, pipelines, settings)
        committed: dict[WorkKey, list[Any]] = {key: [] for key in keys}
        return cls(video, keys, chunks_of(video, committed, settings), blocks_of(video, committed, settings))


@dataclass(slots=True)
class Parts:
    """The parts of a worker, over its own videos; models are loaded before anything is timed."""

    settings: Settings
    planned: Sequence[Planned]
    values: list[Delivery] = field(default_factory=list)
    _vision: Any = field(init=False)
    _audio: Any = field(init=False, default=None)  # only where there is sound

    def __post_init__(self) -> None:
        from actors.stages.inference import AudioModels, VisionModels
        from actors.stages.threads import limit_threads

        threads = limit_threads(1).model
        self._vision = VisionModels(self.settings, threads=threads)
        first = self.planned[0]
        for message in self._messages(first.chunks[:1]):
            succeeded(self._vision.analyze([message]))
        blocks = [block for own in self.planned for block in own.blocks]
        if blocks:
            self._audio = AudioModels(self.settings, threads=threads)
            succeeded(self._audio.analyze(blocks[:1]))

    def decode(self) -> float:
        """Seconds for pictures, their scene scores and what models see; sound is decoded by its own."""
        began_s = time.perf_counter()
        for _ in self._read([chunk for own in self.planned for chunk in own.chunks]):
            pass
        return time.perf_counter() - began_s

    def models(self) -> float:
        """Seconds of the models over pictures in memory, and over sound."""
        seconds = 0.0
        for own in self.planned:
            messages = list(self._messages(own.chunks))
            began_s = time.perf_counter()
            for message in messages:
                succeeded(self._vision.analyze([message]))
            if own.blocks:
                succeeded(self._audio.analyze(own.blocks))
            seconds += time.perf_counter() - began_s
        return seconds

    def together(self) -> float:
        """Seconds of both in one loop, as a worker goes through them; keeps what comes out."""
        began_s = time.perf_counter()
        for own in self.planned:
            for value in self._read(own.chunks):
                if isinstance(value, FramesMessage):
                    self.values += succeeded(self._vision.analyze([value]))
                else:
                    self.values.append(value)
            for block in own.blocks:
                self.values += succeeded(self._audio.analyze([block]))
        return time.perf_counter() - began_s

    def _messages(self, chunks: Sequence[ChunkSpec]) -> Iterator[FramesMessage]:
        return (value for value in self._read(chunks) if isinstance(value, FramesMessage))

    @staticmethod
    def _read(chunks: Sequence[ChunkSpec]) -> Iterator[FramesMessage | ChunkEnd]:
        from actors.stages.chunk_reader import read_chunk
        from bench.harness.in_process import NoWatch

        for spec in chunks:
            for value in read_chunk(spec, NoWatch()):
                if isinstance(value, ChunkEnd):
                    succeeded([value])
                yield value


def succeeded(results: Sequence[Result]) -> Sequence[Result]:
    """The same results; raises `RuntimeError` for a failure, which takes no time and is no ceiling."""
    for result in results:
        if result.failure is not None:
            raise RuntimeError(result.failure.message)
    return results


def storage_s(url: str, planned: Sequence[Planned], values: Sequence[Delivery], settings: Settings) -> float:
    """Seconds until all values are committed and all rows final, in one process."""
    from actors.coordination.coordinator import Coordinator
    from actors.finalize.finalizer import Finalizer
    from actors.stores import open_store
    from schemas.work.run import RunInfo

    with closing(open_store(url)) as store:
        epoch = store.open_run(RunInfo("bench", "host", 1, {}, ()))
        jobs = [_job(own, settings) for own in planned]
        store.register(epoch, [own.video for own in planned], jobs)
        job_ids = {key: job.job_id for own, job in zip(planned, jobs, strict=True) for key in own.keys}
        finalizer = Finalizer(store, Coordinator(60.0), epoch, settings, job_ids.__getitem__)
        began_s = time.perf_counter()
        finalizer.take(list(values))
        for key in job_ids:
            finalizer.finish(key)
        finalizer.drain()
        seconds = time.perf_counter() - began_s
        finalizer.close()
        return seconds


def _job(own: Planned, settings: Settings) -> BatchJob:
    hashes = {key.pipeline: key.config_hash for key in own.keys}
    config = {key.pipeline: pipeline_config(settings, key.pipeline) for key in own.keys}
    return BatchJob(
        job_id_for(own.video.video_id, hashes),
        Path(own.video.path),
        Path(),
        config,
        own.video.video_id,
        pipeline_results={
            key.pipeline: PipelineResult(key.pipeline, key.config_hash, JobStatus.PENDING) for key in own.keys
        },
    )


def worker(connection: Any, settings: Settings, pipelines: Sequence[str], clips: Sequence[str]) -> None:
    """A process: loads its models, then times a part whenever it is asked, and gives its values last."""
    parts = Parts(settings, [Planned.of(clip, pipelines, settings) for clip in clips])
    connection.send(None)
    for part in (parts.decode, parts.models, parts.together):
        connection.recv()
        connection.send(part())
    connection.send((parts.planned, parts.values))


def ceilings(
    clips: Sequence[str], pipelines: Sequence[str], settings: Settings, processes: int
) -> dict[str, float]:
    """The wall seconds of each part over all clips, by as many processes, but never more than clips.

    Raises `RuntimeError` if a process fails.
    """
    context, processes = get_context("spawn"), min(processes, len(clips))
    shares = [clips[first::processes] for first in range(processes)]
    pipes = [context.Pipe() for _ in shares]
    workers = [
        context.Process(target=worker, args=(theirs, settings, pipelines, share), daemon=True)
        for (_, theirs), share in zip(pipes, shares, strict=True)
    ]
    for process, (_, theirs) in zip(workers, pipes, strict=True):
        process.start()
        theirs.close()  # the child alone holds it, so the pipe ends when the child does
    connections = [ours for ours, _ in pipes]
    for connection in connections:
        _told(connection)  # its models are loaded
    seconds = {part: _at_once(connections) for part in PARTS[:-1]}
    results = [_told(connection) for connection in connections]
    for process in workers:
        process.join()
    planned = [own for theirs, _ in results for own in theirs]
    values = [value for _, theirs in results for value in theirs]
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as folder:
        url = f"sqlite:///{folder}/batch_processing.db"
        return {**seconds, STORAGE: storage_s(url, planned, values, settings)}


def _at_once(connections: Sequence[Any]) -> float:
    """The longest time of a part, which all begin together."""
    for connection in connections:
        connection.send(None)
    seconds: list[float] = [_told(connection) for connection in connections]
    return max(seconds)


def _told(connection: Any) -> Any:
    """What a process has to say next; raises `RuntimeError` if it ended instead."""
    try:
        return connection.recv()
    except EOFError as error:
        raise RuntimeError("a process that measures ended early: its error is above") from error


def run(
    processes: int, pipelines: Sequence[str], settings: Sequence[str], clips: Sequence[Path]
) -> dict[str, float]:
    """`ceilings` in a process of its own."""
    words = [
        *(sys.executable, "-m", "bench.harness.ceilings", str(processes), ",".join(pipelines)),
        *(json.dumps(settings), *map(str, clips)),
    ]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def main(processes: str, pipelines: str, settings: str, *clips: str) -> dict[str, float]:
    """The ceilings by the words of the command line."""
    from vaengine.requests.run_options import RunOptions, resolve_request

    options = RunOptions(paths=clips, pipelines=pipelines, settings=tuple(json.loads(settings)))
    request = resolve_request(options).request
    return ceilings(clips, request.pipelines, request.settings, int(processes))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])) + "\n")
