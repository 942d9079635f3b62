"""Diarizes sound (who speaks when) with a pipeline of pyannote, as whisperX does.

Source: Bredin, pyannote.audio 2.1 speaker diarization pipeline, Interspeech 2023.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from actors.audio.speech_recognition import device_of
from actors.model_files.huggingface import fetched, own_folders
from actors.model_files.telemetry import telemetry_off
from schemas.errors import DamagedWeights
from schemas.inference.transcript import SpeakerTurn
from schemas.media.frames import Floats32
from schemas.settings.settings import Settings


class SpeakerDiarizer:
    """Finds the turns of speakers in a block of sound, and an embedding of each speaker.

    Speakers of different blocks are told apart by their embeddings alone. Models behind terms are fetched
    with HF_TOKEN of the environment, which is neither kept nor shown. Raises `ModelError`s.
    """

    def __init__(self, settings: Settings, *, threads: int = 1) -> None:
        import torch

        torch.set_num_threads(threads)
        self._pipeline = pipeline(
            fetched(settings.audio.speaker_model, kind="speakers", folders=own_folders(settings)),
            device_of(settings.audio.device),
        )

    def turns(self, samples: Floats32, start_s: float) -> tuple[tuple[SpeakerTurn, ...], Floats32]:
        """Turns in order of time, and M x D float32 embeddings of length 1.

        Times are seconds since the first sample of the sound. A speaker with too little speech for an
        embedding has zeros, which are similar to nobody's.
        """
        with telemetry_off(alone=True):
            found, embeddings = self._pipeline(
                np.ascontiguousarray(samples, np.float32), return_embeddings=True
            )
        speakers = sorted(set(found["speaker"]))
        turns = [
            SpeakerTurn(round(start_s + begin_s, 3), round(start_s + end_s, 3), speakers.index(speaker))
            for begin_s, end_s, speaker in zip(found["start"], found["end"], found["speaker"], strict=True)
        ]
        turns.sort(key=lambda turn: (turn.start_s, turn.end_s, turn.speaker))
        return tuple(turns), _unit_rows(embeddings, speakers)


def pipeline(folder: Path, device: str) -> Any:
    """whisperX's pipeline of a model in a local folder; raises `DamagedWeights`."""
    with telemetry_off(alone=True):
        from whisperx.diarize import DiarizationPipeline

        try:
            return DiarizationPipeline(str(folder), device=device)
        except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
            raise DamagedWeights(
                str(folder), f"pyannote cannot load it ({type(error).__name__}: {str(error).splitlines()[0]})"
            ) from error


def _unit_rows(embeddings: dict[str, list[float]] | None, speakers: list[str]) -> Floats32:
    """Embeddings M x D of length 1, in the order of `speakers`; M x 0 where the pipeline makes none."""
    rows = np.zeros((len(speakers), 0))
    if embeddings and speakers:
        rows = np.nan_to_num(np.array([embeddings[speaker] for speaker in speakers], np.float64))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0), np.float32)
