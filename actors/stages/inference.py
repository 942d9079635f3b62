"""The models of one worker: loaded once, and every error of theirs is returned as a value."""

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
    """All models that look at pictures, each loaded when the first of its pictures comes.

    One that cannot be loaded is the reason that every piece for it fails with: raised, Ray would start its
    process for ever anew.
    """

    def __init__(self, settings: Settings, *, threads: int) -> None:
        self._settings, self._threads = settings, threads
        self._models: dict[str, BatchedDetector | Exception] = {}

    def analyze(self, pieces: Sequence[FramesMessage]) -> list[DetectionsMessage]:
        """Boxes of each piece, pieces of one pipeline together; never raises."""
        ordered = sorted(pieces, key=lambda piece: piece.pipeline)
        return [
            one
            for pipeline, own in groupby(ordered, lambda piece: piece.pipeline)
            for one in self._seen(pipeline, list(own))
        ]

    def _seen(self, pipeline: str, pieces: list[FramesMessage]) -> list[DetectionsMessage]:
        """When a batch fails, each piece is tried alone, so that only the culprit is blamed."""
        model = self._model(pipeline)
        if isinstance(model, Exception):
            return [_blame(piece, model) for piece in pieces]
        began = time.thread_time()
        try:
            detections = model.detect([piece.frames for piece in pieces])
        except Exception as error:  # noqa: BLE001 whatever a model raises is stored as the reason; a raise would lose the whole block
            _leave_broken_gpu(error)
            return (
                [_blame(pieces[0], error)]
                if len(pieces) == 1
                else [one for piece in pieces for one in self._seen(pipeline, [piece])]
            )
        seconds = (time.thread_time() - began) / len(pieces)
        return [
            _seen_in(piece, tuple(seen), model_s=seconds)
            for piece, seen in zip(pieces, detections, strict=True)
        ]

    def _model(self, pipeline: str) -> BatchedDetector | Exception:
        if pipeline not in self._models:
            self._models[pipeline] = _loaded(self._settings, pipeline, self._threads)
        return self._models[pipeline]


class AudioModels:
    """Everything that listens. A model that cannot be loaded is the reason that every block fails with."""

    def __init__(self, settings: Settings, *, threads: int) -> None:
        self._hearing: AudioAnalyzer | Exception
        try:
            from actors.audio.analyzer import audio_analyzer

            self._hearing = audio_analyzer(settings, threads=threads)
        except Exception as error:  # noqa: BLE001 told with every block
            traceback.print_exc()
            self._hearing = error

    def analyze(self, blocks: Sequence[AudioBlock]) -> list[BlockEnd]:
        """What is heard in each block; never raises."""
        if isinstance(self._hearing, Exception):
            return [BlockEnd(block, failure=failure_of(self._hearing, block.path, AUDIO)) for block in blocks]
        began = time.thread_time()
        answers = self._hearing.listen(blocks) if blocks else []
        seconds = (time.thread_time() - began) / max(1, len(blocks))
        return [_block_end(block, answer, seconds) for block, answer in zip(blocks, answers, strict=True)]


def failure_of(error: Exception, what: str, pipeline: str) -> ChunkFailure:
    """Why a model gave no answer about `what`."""
    told = "".join(traceback.format_exception(error))
    if isinstance(error, VideoError):
        fault = attributed(error)
        return ChunkFailure(fault.kind, str(fault), fault.transient, pipeline)
    if isinstance(error, VaengineError):
        return ChunkFailure("model", str(error), error.transient, pipeline, told)
    transient = isinstance(error, MemoryError) or "out of memory" in str(error)
    return ChunkFailure(
        "out_of_memory" if transient else "model",
        f"the model failed on {what}: {error!r}",
        transient,
        pipeline,
        told,
    )


def _loaded(settings: Settings, pipeline: str, threads: int) -> BatchedDetector | Exception:
    from actors.stages.batching import BatchedDetector, detector_named

    try:
        return BatchedDetector(detector_named(settings, pipeline, threads=threads))
    except Exception as error:  # noqa: BLE001 told with every piece
        traceback.print_exc()
        return error


def _block_end(block: AudioBlock, answer: AudioAnalysis | Exception, seconds: float) -> BlockEnd:
    if isinstance(answer, Exception):
        _leave_broken_gpu(answer)
        return BlockEnd(block, seconds=seconds, failure=failure_of(answer, block.chunk_id, AUDIO))
    return BlockEnd(block, answer, seconds)


def _blame(piece: FramesMessage, error: Exception) -> DetectionsMessage:
    return _seen_in(piece, (), failure=failure_of(error, piece.chunk_id, piece.pipeline))


def _seen_in(
    piece: FramesMessage,
    seen: tuple[Detections, ...],
    *,
    model_s: float = 0.0,
    failure: ChunkFailure | None = None,
) -> DetectionsMessage:
    """The answer to a piece: what was seen, or why nothing was."""
    frames = piece.frames.frame_numbers[: len(seen)]
    return DetectionsMessage(
        piece.chunk_id,
        piece.video_id,
        piece.pipeline,
        piece.number,
        frames,
        seen,
        model_s,
        failure,
        piece.attempt,
    )


def _leave_broken_gpu(error: Exception) -> None:
    """A CUDA context that has seen an illegal access fails every later call; only a new process helps,
    and one is started.
    """
    if "CUDA error" in str(error) and "out of memory" not in str(error):
        os._exit(1)
