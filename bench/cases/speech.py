"""Benchmark of transcription with a tiny model, against whisperX's pipeline: word error rate and cost."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.fixtures.spoken_clips import SpokenClip
from bench.fixtures.tiny_speech import grid_clips
from bench.fixtures.tiny_whisper import trained_whisper
from bench.harness.report import spread, table
from bench.harness.timing import in_turns, timed
from schemas.inference.transcript import SpeechSegment
from schemas.settings.settings import AudioSettings, Settings

TITLE = "Transcription"
OURS, THEIRS = "engine", "whisperX"


def measure(rounds: int) -> dict[str, Any]:
    """The word error rates of both, and their seconds for eleven sentences.

    The training of the model takes a minute. Raises FileNotFoundError without the clips.
    """
    import jiwer

    clips = grid_clips()
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as folder:
        model = trained_whisper(Path(folder) / "whisper", clips)
        ours, theirs = engine(model), whisperx_pipeline(model)
        texts = {
            OURS: [segment.text for segment in ours.transcribe(speech_segments(clips))],
            THEIRS: transcribed(theirs, clips),
        }
        ways = {
            OURS: lambda: timed(lambda: ours.transcribe(speech_segments(clips))),
            THEIRS: lambda: timed(lambda: transcribed(theirs, clips)),
        }
        times = in_turns(ways, rounds)
    return {
        "sentences": len(clips),
        "word_error_rate": {
            who: jiwer.wer([clip.text for clip in clips], transcripts) for who, transcripts in texts.items()
        },
        "same_texts": sum(our == their for our, their in zip(texts[OURS], texts[THEIRS], strict=True)),
        "times": {who: seconds.to_data() for who, seconds in times.items()},
        "speed_over_whisperx": times[THEIRS].over(times[OURS]).to_data(),
    }


def engine(model: Path) -> Any:
    """The engine's recognizer with a model, on one thread."""
    from actors.audio.speech_recognition import SpeechRecognizer

    return SpeechRecognizer(
        Settings(audio=AudioSettings(model=str(model), device="cpu", compute_type="float32")), threads=1
    )


def whisperx_pipeline(model: Path) -> Any:
    """The pipeline of whisperX with a model, on one thread."""
    import whisperx

    return whisperx.load_model(str(model), "cpu", compute_type="float32", language="en", threads=1)


def speech_segments(clips: Sequence[SpokenClip]) -> list[SpeechSegment]:
    """Each clip as one segment."""
    return [SpeechSegment(clip.samples, 0.0) for clip in clips]


def transcribed(pipeline: Any, clips: Sequence[SpokenClip]) -> list[str]:
    """The text that whisperX's pipeline gives for each clip as one segment."""
    return [
        result["text"][0].strip()
        for result in pipeline([{"inputs": clip.samples} for clip in clips], batch_size=1, num_workers=0)
    ]


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables."""
    rows = [
        [who, f"{measured['word_error_rate'][who]:.3f}", *spread(times)]
        for who, times in measured["times"].items()
    ]
    ratio = measured["speed_over_whisperx"]
    about = (
        f"A tiny Whisper-shaped model that was trained on these {measured['sentences']} sentences: the rate "
        "says that everything around"
        " a model is right, nothing about real ones."
    )
    pace = (
        f"{measured['same_texts']} of {measured['sentences']} texts are alike. Round by round the engine is "
        f"{ratio['min']:.2f} to"
        f" {ratio['max']:.2f} times as fast (median {ratio['median']:.2f})."
    )
    return (
        f"{about}\n\n{table(['one thread', 'word error rate', 'min s', 'median s', 'max s'], rows)}\n\n{pace}"
    )
