"""Benchmark of transcription with the tiny model of `bench.fixtures.tiny_speech`.

It measures the word error rate, and the cost against whisperX's own pipeline.
"""

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
    """Word error rates of both and seconds for eleven sentences; raises FileNotFoundError without the clips.

    Training takes a minute.
    """
    import jiwer

    clips = grid_clips()
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as folder:
        model = trained_whisper(Path(folder) / "whisper", clips)
        ours, theirs = engine(model), whisperx_pipeline(model)
        texts = {
            OURS: [one.text for one in ours.transcribe(speeches(clips))],
            THEIRS: transcribed(theirs, clips),
        }
        ways = {
            OURS: lambda: timed(lambda: ours.transcribe(speeches(clips))),
            THEIRS: lambda: timed(lambda: transcribed(theirs, clips)),
        }
        times = in_turns(ways, rounds)
    return {
        "sentences": len(clips),
        "word_error_rate": {
            who: jiwer.wer([clip.text for clip in clips], said) for who, said in texts.items()
        },
        "same_texts": sum(one == other for one, other in zip(texts[OURS], texts[THEIRS], strict=True)),
        "times": {who: one.to_data() for who, one in times.items()},
        "speed_over_whisperx": times[THEIRS].over(times[OURS]).to_data(),
    }


def engine(model: Path) -> Any:
    from actors.audio.speech_recognition import SpeechRecognizer

    return SpeechRecognizer(
        Settings(audio=AudioSettings(model=str(model), device="cpu", compute_type="float32")), threads=1
    )


def whisperx_pipeline(model: Path) -> Any:
    import whisperx

    return whisperx.load_model(str(model), "cpu", compute_type="float32", language="en", threads=1)


def speeches(clips: Sequence[SpokenClip]) -> list[SpeechSegment]:
    return [SpeechSegment(clip.samples, 0.0) for clip in clips]


def transcribed(pipeline: Any, clips: Sequence[SpokenClip]) -> list[str]:
    """What whisperX's pipeline makes of each clip as one stretch."""
    return [
        answer["text"][0].strip()
        for answer in pipeline([{"inputs": clip.samples} for clip in clips], batch_size=1, num_workers=0)
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
