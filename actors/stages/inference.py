"""The models of one worker: each is loaded once, and each of their errors is returned as a value."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

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


class VisionModels:
    """The models that analyse frames, each loaded when its first frames come.

    When a model cannot be loaded, each message for it fails with that error. If the error were raised, Ray
    would start the process again for ever.
    """

    def __init__(self, settings: Settings, *, threads: int) -> None:
        self._settings, self._threads = settings, threads
        self._models: dict[str, BatchedDetector | Exception] = {}

    def analyze(self, messages: Sequence[FramesMessage]) -> list[DetectionsMessage]:
        """Returns the detections of each message, grouped by pipeline; never raises."""
        ordered = sorted(messages, key=lambda message: message.pipeline)
        return [
            result
            for pipeline, pipeline_messages in groupby(ordered, lambda message: message.pipeline)
            for result in self._analyze_batch(pipeline, list(pipeline_messages))
        ]

    def _analyze_batch(self, pipeline: str, messages: list[FramesMessage]) -> list[DetectionsMessage]:
        """Run one pipeline's model; when a batch fails, each message is tried alone, to find the culprit."""
        model = self._model(pipeline)
        if isinstance(model, Exception):
            return [_failed_result(message, model) for message in messages]
        began = time.thread_time()
        try:
            detections = model.detect([message.frames for message in messages])
        except Exception as error:  # noqa: BLE001 whatever a model raises is stored as the reason; a raise would lose the whole block
            _leave_broken_gpu(error)
            if len(messages) == 1:
                return [_failed_result(messages[0], error)]
            return [result for message in messages for result in self._analyze_batch(pipeline, [message])]
        seconds = (time.thread_time() - began) / len(messages)
        return [
            _result(message, tuple(by_frame), model_s=seconds)
            for message, by_frame in zip(messages, detections, strict=True)
        ]

    def _model(self, pipeline: str) -> BatchedDetector | Exception:
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
