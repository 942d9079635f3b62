"""Benchmark of voice activity, against human references and whisperX: error rates and cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actors.model_files.telemetry import telemetry_off
from bench.harness.report import spread, table
from bench.harness.timing import Times, in_turns, timed
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats32
from schemas.settings.settings import AudioSettings

TITLE = "Voice activity"
MEDIA = Path(__file__).parents[3] / "shared/media"
REFERENCES = {
    "pyannote_sample.wav": ("pyannote_sample.rttm", "sample"),
    "pyannote_dev00.wav": ("pyannote_debug.development.rttm", "dev00"),
}
COLLAR_S = 0.25  # on each side of a border of the reference; errors there do not count
OURS, THEIRS = "engine", "whisperX"
DECODED = "derived/grid_11_talkers_33s.mp4"  # AAC beside pictures


def measure(rounds: int) -> dict[str, Any]:
    """The detection error rates on the annotated recordings, and the seconds for one of them.

    Raises FileNotFoundError without the recordings.
    """
    import torch

    from actors.audio.voice_activity import VoiceModel

    torch.set_num_threads(1)
    ours, theirs = VoiceModel(threads=1), whisperx_model()
    errors = {
        name: {
            OURS: error_rate(name, voice_intervals(ours, name)),
            THEIRS: error_rate(name, whisperx_intervals(theirs, name)),
        }
        for name in REFERENCES
    }
    longest = sound(next(iter(REFERENCES)))
    times = in_turns(
        {
            OURS: lambda: timed(lambda: scored(ours, longest)),
            THEIRS: lambda: timed(lambda: theirs(whisperx_input(longest))),
        },
        rounds,
    )
    return {
        "decode": decode_times(rounds),
        "errors": errors,
        "sound_s": len(longest) / SAMPLE_RATE,
        "times": {who: seconds.to_data() for who, seconds in times.items()},
        "speed_over_whisperx": times[THEIRS].over(times[OURS]).to_data(),
    }


def decode_times(rounds: int) -> dict[str, Any]:
    """The seconds in which the engine decodes the sound of a video."""
    from actors.decoding.audio_decoder import decoded
    from actors.probing.probe import probe

    path, stream = str(MEDIA / DECODED), probe(str(MEDIA / DECODED)).sound
    if stream is None:
        raise ValueError(f"there is no sound in {DECODED}")
    times = Times(tuple(timed(lambda: decoded(path, stream, 0, stream.samples)) for _ in range(rounds)))
    return {"sound_s": stream.duration_s, **times.to_data()}


def sound(name: str) -> Floats32:
    """The samples of a recording at 16 kHz."""
    from actors.decoding.audio_decoder import decoded
    from actors.probing.probe import probe

    video = probe(str(MEDIA / "audio" / name))
    if video.sound is None:
        raise ValueError(f"there is no sound in {name}")
    return decoded(video.path, video.sound, 0, video.sound.samples)[0]


def scored(model: Any, samples: Floats32) -> tuple[Any, Any]:
    """The frames and scores of a whole recording."""
    import numpy as np

    from actors.audio.voice_activity import reach

    begin, end = reach(0, len(samples))
    padded = np.zeros(end - begin, np.float32)
    padded[-begin : -begin + len(samples)] = samples
    scores: tuple[Any, Any] = model.scores(0, len(samples), len(samples), padded, begin)
    return scores


def voice_intervals(model: Any, name: str) -> list[tuple[float, float]]:
    """The intervals (start_s, end_s) of voice that the engine finds in a recording."""
    from actors.audio.voice_activity import voiced

    audio = AudioSettings()
    frames, scores = scored(model, sound(name))
    return [(start, end) for start, end, _ in voiced(frames, scores, audio.voice_onset, audio.voice_offset)]


def whisperx_model() -> Any:
    """The model of whisperX, without its telemetry."""
    with telemetry_off():
        import torch
        from whisperx.vads.pyannote import Pyannote

        audio = AudioSettings()
        return Pyannote(torch.device("cpu"), vad_onset=audio.voice_onset, vad_offset=audio.voice_offset)


def whisperx_input(samples: Floats32) -> dict[str, Any]:
    """Samples as whisperX takes them."""
    import torch

    return {"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE}


def whisperx_intervals(model: Any, name: str) -> list[tuple[float, float]]:
    """The intervals (start_s, end_s) of voice that whisperX finds in a recording."""
    from whisperx.vads.pyannote import Binarize

    audio = AudioSettings()
    active = Binarize(onset=audio.voice_onset, offset=audio.voice_offset)(model(whisperx_input(sound(name))))
    return [(segment.start, segment.end) for segment in active.get_timeline().support()]


def error_rate(name: str, found: list[tuple[float, float]]) -> float:
    """The share of speech that was missed or falsely found (pyannote.metrics' DetectionErrorRate)."""
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.detection import DetectionErrorRate

    file, recording = REFERENCES[name]
    reference, hypothesis = Annotation(), Annotation()
    for line in (MEDIA / "groundtruth" / file).read_text().splitlines():
        _, of, _, start, length, _, _, who, *_ = line.split()
        if of == recording:
            reference[Segment(float(start), float(start) + float(length)), who] = who
    for start_s, end_s in found:
        hypothesis[Segment(start_s, end_s)] = "voice"
    return float(DetectionErrorRate(collar=2 * COLLAR_S)(reference, hypothesis))


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables."""
    errors = [
        [name, *(f"{rates[who]:.3f}" for who in (OURS, THEIRS))] for name, rates in measured["errors"].items()
    ]
    costs = [
        [who, *spread(times), f"{measured['sound_s'] / times['median']:.1f}"]
        for who, times in measured["times"].items()
    ]
    decode, ratio = measured["decode"], measured["speed_over_whisperx"]
    costs.append(
        [
            f"decoding {decode['sound_s']:.0f} s",
            *spread(decode),
            f"{decode['sound_s'] / decode['median']:.0f}",
        ]
    )
    about = (
        f"Detection error rate by pyannote.metrics, {COLLAR_S} s around each border of the reference not "
        "judged. The network is the same,"
        " the one inside the whisperX wheel; the engine hears it in blocks."
    )
    pace = (
        f"Round by round {ratio['min']:.2f} to {ratio['max']:.2f} times as fast as whisperX's own (median "
        f"{ratio['median']:.2f})."
    )
    seconds = table(
        [f"{measured['sound_s']:.0f} s of sound, one thread", "min s", "median s", "max s", "x real time"],
        costs,
    )
    return f"{about}\n\n{table(['recording', OURS, THEIRS], errors)}\n\n{seconds}\n\n{pace}"
