"""Who speaks when, by a pipeline of pyannote run the way whisperX runs it.

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
    """Turns of speakers in a block of sound, and a voice of each; speakers of different blocks are told apart
    by their voices alone.

    Models behind terms are fetched with HF_TOKEN of the environment, which is neither kept nor shown. Raises
    `ModelError`s.
    """

    def __init__(self, settings: Settings) -> None:
        self._pipeline = pipeline(
            fetched(settings.audio.speaker_model, kind="speakers", folders=own_folders(settings)),
            device_of(settings.audio.device),
        )

    def turns(self, samples: Floats32, start_s: float) -> tuple[tuple[SpeakerTurn, ...], Floats32]:
        """Turns in seconds since the first sample of the sound, in order of time, and M x D float32
        embeddings of length 1.

        A speaker of whom too little was heard for an embedding has zeros for it, which are like nobody's.
        """
        with telemetry_off(alone=True):
            found, voices = self._pipeline(np.ascontiguousarray(samples, np.float32), return_embeddings=True)
        speakers = sorted(set(found["speaker"]))
        turns = [
            SpeakerTurn(round(start_s + begin_s, 3), round(start_s + end_s, 3), speakers.index(speaker))
            for begin_s, end_s, speaker in zip(found["start"], found["end"], found["speaker"], strict=True)
        ]
        return tuple(sorted(turns, key=lambda turn: (turn.start_s, turn.end_s, turn.speaker))), _unit(
            voices, speakers
        )


def pipeline(folder: Path, device: str) -> Any:
    """whisperX's, of a model that is here; raises `DamagedWeights`."""
    with telemetry_off(alone=True):
        from whisperx.diarize import DiarizationPipeline

        try:
            return DiarizationPipeline(str(folder), device=device)
        except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
            raise DamagedWeights(
                str(folder), f"pyannote cannot load it ({type(error).__name__}: {str(error).splitlines()[0]})"
            ) from error


def _unit(voices: dict[str, list[float]] | None, speakers: list[str]) -> Floats32:
    """M x D, in the order of `speakers`; M x 0 where the pipeline makes no embeddings."""
    rows = np.zeros((len(speakers), 0))
    if voices and speakers:
        rows = np.nan_to_num(np.array([voices[speaker] for speaker in speakers], np.float64))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0), np.float32)
