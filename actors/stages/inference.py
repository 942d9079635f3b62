"""The models of one worker: each is loaded once, and each of their errors is returned as a value."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from actors.stages.visibility import attributed
from schemas.errors import VaengineError, VideoError
from schemas.inference.detections import Detections
from schemas.inference.transcript import AudioAnalysis
from schemas.pipelines import AUDIO
from schemas.settings.settings import Settings
from schemas.work.audio_block import AudioBlock
from schemas.work.messages import BlockEnd, ChunkFailure, DetectionsMessage, FramesMessage

if TYPE_CHECKING:
    from actors.audio.analyzer import AudioAnalyzer
    from actors.stages.batching import BatchedDetector


@dataclass(frozen=True, slots=True)
class ModelBatch:
    """Messages of one pipeline on their way through its model.

    `value` is what the last step made of them, or its error. `seconds` are those of the processor so far.
    """

    messages: Sequence[FramesMessage]
    model: BatchedDetector | None
    value: Any
    seconds: float = 0.0

    def after(self, step: Callable[[Any], Any]) -> ModelBatch:
        """The same after one more step; after an error there is none. Never raises."""
        if isinstance(self.value, Exception):
            return self
        began = time.thread_time()
        try:
            value = step(self.value)
        except Exception as error:  # noqa: BLE001 whatever a model raises is stored as the reason; a raise would lose the whole block
            _leave_broken_gpu(error)
            value = error
        return replace(self, value=value, seconds=self.seconds + time.thread_time() - began)


class VisionModels:
    """The models that analyse frames, each loaded when its first frames come.

    When a model cannot be loaded, each message for it fails with that error. If the error were raised, Ray
    would start the process again for ever. `prepare`, `run` and `finish` are the steps of `analyze`. Each may
    be in a thread of its own; none of them raises.
    """

    def __init__(self, settings: Settings, *, threads: int) -> None:
        self._settings, self._threads = settings, threads
        self._models: dict[str, BatchedDetector | Exception] = {}
        self._loading, self._running = threading.Lock(), threading.Lock()

    def analyze(self, messages: Sequence[FramesMessage]) -> list[DetectionsMessage]:
        """Returns the detections of each message, grouped by pipeline; never raises."""
        return self.finish(self.run(self.prepare(messages)))

    def prepare(self, messages: Sequence[FramesMessage]) -> list[ModelBatch]:
        """The messages as a batch for each pipeline, ready for its model."""
        ordered = sorted(messages, key=lambda message: message.pipeline)
        groups = groupby(ordered, lambda message: message.pipeline)
        return [self._prepared(pipeline, list(group)) for pipeline, group in groups]

    def run(self, batches: Sequence[ModelBatch]) -> list[ModelBatch]:
        """The batches after their models; one call at a time has the device."""
        with self._running:
            return [batch.after(batch.model.run) if batch.model else batch for batch in batches]

    def finish(self, batches: Sequence[ModelBatch]) -> list[DetectionsMessage]:
        """The detections of each message."""
        finished = [batch.after(batch.model.finish) if batch.model else batch for batch in batches]
        return [result for batch in finished for result in self._results(batch)]

    def _prepared(self, pipeline: str, messages: list[FramesMessage]) -> ModelBatch:
        model = self._model(pipeline)
        if isinstance(model, Exception):
            return ModelBatch(messages, None, model)
        return ModelBatch(messages, model, [message.frames for message in messages]).after(model.prepare)

    def _results(self, batch: ModelBatch) -> list[DetectionsMessage]:
        """The results of a batch; when it failed, each message is tried alone, to find the culprit."""
        if not isinstance(batch.value, Exception):
            seconds = batch.seconds / len(batch.messages)
            return [
                _result(message, tuple(by_frame), model_s=seconds)
                for message, by_frame in zip(batch.messages, batch.value, strict=True)
            ]
        if len(batch.messages) == 1 or batch.model is None:
            return [_failed_result(message, batch.value) for message in batch.messages]
        return [result for message in batch.messages for result in self.analyze([message])]

    def _model(self, pipeline: str) -> BatchedDetector | Exception:
        with self._loading:
            if pipeline not in self._models:
                self._models[pipeline] = _load(self._settings, pipeline, self._threads)
            return self._models[pipeline]


class AudioModels:
    """The models that analyse audio. When one cannot be loaded, each block fails with that error."""

    def __init__(self, settings: Settings, *, threads: int) -> None:
        self._analyzer: AudioAnalyzer | Exception
        try:
            from actors.audio.analyzer import audio_analyzer

            self._analyzer = audio_analyzer(settings, threads=threads)
        except Exception as error:  # noqa: BLE001 it is the failure of every block
            traceback.print_exc()
            self._analyzer = error

    def analyze(self, blocks: Sequence[AudioBlock]) -> list[BlockEnd]:
        """Returns the analysis of each block; never raises."""
        if isinstance(self._analyzer, Exception):
            return [
                BlockEnd(block, failure=failure_of(self._analyzer, block.path, AUDIO)) for block in blocks
            ]
        began = time.thread_time()
        answers = self._analyzer.listen(blocks) if blocks else []
        seconds = (time.thread_time() - began) / max(1, len(blocks))
        return [_block_end(block, answer, seconds) for block, answer in zip(blocks, answers, strict=True)]


def failure_of(error: Exception, subject: str, pipeline: str) -> ChunkFailure:
    """The failure of a model on `subject`, which the message names."""
    stack = "".join(traceback.format_exception(error))
    if isinstance(error, VideoError):
        fault = attributed(error)
        return ChunkFailure(fault.kind, str(fault), fault.transient, pipeline)
    if isinstance(error, VaengineError):
        return ChunkFailure("model", str(error), error.transient, pipeline, stack)
    transient = isinstance(error, MemoryError) or "out of memory" in str(error)
    return ChunkFailure(
        "out_of_memory" if transient else "model",
        f"the model failed on {subject}: {error!r}",
        transient,
        pipeline,
        stack,
    )


def _load(settings: Settings, pipeline: str, threads: int) -> BatchedDetector | Exception:
    from actors.stages.batching import BatchedDetector, detector_named

    try:
        return BatchedDetector(detector_named(settings, pipeline, threads=threads))
    except Exception as error:  # noqa: BLE001 it is the failure of every message
        traceback.print_exc()
        return error


def _block_end(block: AudioBlock, answer: AudioAnalysis | Exception, seconds: float) -> BlockEnd:
    if isinstance(answer, Exception):
        _leave_broken_gpu(answer)
        return BlockEnd(block, seconds=seconds, failure=failure_of(answer, block.chunk_id, AUDIO))
    return BlockEnd(block, answer, seconds)


def _failed_result(message: FramesMessage, error: Exception) -> DetectionsMessage:
    return _result(message, (), failure=failure_of(error, message.chunk_id, message.pipeline))


def _result(
    message: FramesMessage,
    detections: tuple[Detections, ...],
    *,
    model_s: float = 0.0,
    failure: ChunkFailure | None = None,
) -> DetectionsMessage:
    """The answer to a message: the detections of its frames, or the failure."""
    frames = message.frames.frame_numbers[: len(detections)]
    return DetectionsMessage(
        message.chunk_id,
        message.video_id,
        message.pipeline,
        message.number,
        frames,
        detections,
        model_s,
        failure,
        message.attempt,
    )


def _leave_broken_gpu(error: Exception) -> None:
    """End this process after an error of CUDA, such as an illegal access; a new process is started.

    The CUDA context of this process fails every later call.
    """
    if "CUDA error" in str(error) and "out of memory" not in str(error):
        os._exit(1)
