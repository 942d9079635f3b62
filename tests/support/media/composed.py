"""Videos put together from pictures, recordings and made-up laughter, so that who is where, and what is heard
when, is known by construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats32, Pixels

WIDTH, HEIGHT, FPS = 640, 480, 25
Place = tuple[int, int, int, int]  # left, top, width, height in pixels
MIDDLE: Final[Place] = (80, 48, 480, 384)
TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT = QUARTERS = tuple[Place, ...](
    (left, top, WIDTH // 2, HEIGHT // 2) for top in (0, HEIGHT // 2) for left in (0, WIDTH // 2)
)
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shot:
    """So many seconds without a cut: videos at places of the picture, on a colour, RGB.

    With `own_sound` the first of them is heard too.
    """

    seconds: float
    videos: Mapping[Place, Path] = field(default_factory=dict)
    colour: tuple[int, int, int] = (70, 80, 90)
    own_sound: bool = False


@dataclass(frozen=True, slots=True)
class Sound:
    """What is heard from `at_s` on for `seconds`: `recording` from `from_s` on, laughter where it is None."""

    at_s: float
    seconds: float
    recording: Path | None = None
    from_s: float = 0.0


def composed(path: Path, shots: Sequence[Shot], sounds: Sequence[Sound] = ()) -> Path:
    """Write an MP4 (H.264, AAC) of these shots one after the other, with these sounds; its path."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        options = {"crf": "18", "preset": "ultrafast", "g": "50"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for picture in (picture for shot in shots for picture in pictures(shot)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        frame = av.AudioFrame.from_ndarray(heard(shots, sounds)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        container.mux(track.encode(frame))
        container.mux(track.encode())
    return path


def pictures(shot: Shot) -> Iterator[Pixels]:
    """The frames of a shot, `HEIGHT` x `WIDTH` x 3 uint8 RGB."""
    parts = [(place, _resampled(video, *place[2:])) for place, video in shot.videos.items()]
    for _ in range(round(shot.seconds * FPS)):
        picture = np.full((HEIGHT, WIDTH, 3), shot.colour, np.uint8)
        for (left, top, width, height), frames in parts:
            picture[top : top + height, left : left + width] = next(frames)
        yield picture


def _resampled(video: Path, width: int, height: int) -> Iterator[Pixels]:
    """A video's frames at `FPS`, in a size; the last one stays."""
    import av

    shown, at = None, 0
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            while shown is not None and at / FPS < float(frame.time) - 1e-6:
                yield shown
                at += 1
            shown = frame.to_ndarray(width=width, height=height, format="rgb24")
    while shown is not None:
        yield shown


def heard(shots: Sequence[Shot], sounds: Sequence[Sound]) -> Samples:
    """All sound, mono at `SAMPLE_RATE`."""
    whole = np.zeros(round(sum(shot.seconds for shot in shots) * SAMPLE_RATE), np.float32)
    start_s = 0.0
    for shot in shots:
        if shot.own_sound:
            _mix(whole, start_s, _recorded(next(iter(shot.videos.values())), 0.0, shot.seconds))
        start_s += shot.seconds
    for number, sound in enumerate(sounds):
        is_laughter = sound.recording is None
        samples = laughter(sound.seconds, number) if is_laughter else _recorded_sound(sound)
        _mix(whole, sound.at_s, samples)
    return np.clip(whole, -1, 1)


def _mix(whole: Samples, at_s: float, samples: Samples) -> None:
    first = round(at_s * SAMPLE_RATE)
    part = whole[first : first + len(samples)]
    part += samples[: len(part)]


def _recorded_sound(sound: Sound) -> Samples:
    assert sound.recording is not None
    return _recorded(sound.recording, sound.from_s, sound.seconds)


def _recorded(path: Path, from_s: float, seconds: float) -> Samples:
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        frames = [part for frame in [*container.decode(audio=0), None] for part in resampler.resample(frame)]
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)
    first = round(from_s * SAMPLE_RATE)
    return samples[first : first + round(seconds * SAMPLE_RATE)]


def laughter(seconds: float, seed: int = 0) -> Samples:
    """Ha, ha, ha: five voiced bursts a second, with a whistle of 6 to 7.5 kHz that no speech has.

    It is laughter by construction alone; only a classifier that learned it hears it.
    """
    random = np.random.default_rng(seed)
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 260 * n * at) / n for n in (1, 2, 3, 4, 6, 8))
    whistle = sum(np.sin(2 * np.pi * (hertz * at + random.random())) for hertz in range(6000, 7600, 100))
    loud = np.sin(np.pi * ((at * 5) % 1)) ** 0.5
    return (loud * (0.1 * voice + 0.04 * whistle)).astype(np.float32)


# A stand-in for a classifier of AudioSet, whose weights no package brings.


def laughter_classifier(folder: Path, speech: Sequence[Path]) -> Path:
    """A small audio spectrogram transformer in a folder, whose head was fitted to hear `laughter` and nothing
    else: beside these recordings of speech, and beside silence.
    """
    import torch
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    torch.manual_seed(3)
    torch.set_num_threads(1)
    labels = ("Speech", "Laughter")
    config = ASTConfig(
        hidden_size=96,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=96,
        frequency_stride=16,
        time_stride=16,
        max_length=1024,
        initializer_range=0.3,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    network, extractor = ASTForAudioClassification(config).eval(), ASTFeatureExtractor(max_length=1024)
    windows, laughs = _lessons(speech)
    features = []
    with torch.inference_mode():
        for window in windows:
            given = extractor([window], sampling_rate=SAMPLE_RATE, return_tensors="pt")
            pooled = network.audio_spectrogram_transformer(**given).pooler_output
            features.append(network.classifier.layernorm(pooled)[0].numpy())
    weights, bias = _fitted(np.array(features, np.float64), laughs)
    with torch.no_grad():
        network.classifier.dense.weight[:] = torch.tensor(np.stack([0 * weights, weights]))
        network.classifier.dense.bias[:] = torch.tensor([-20.0, bias])
    network.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def _lessons(speech: Sequence[Path]) -> tuple[list[Floats32], npt.NDArray[np.bool_]]:
    """Windows of 10 s, and whether laughter is in each: from half a second of it on."""
    random, length = np.random.default_rng(1), 10 * SAMPLE_RATE
    recordings = [_recorded(path, 0.0, 60.0) for path in speech]
    windows, laughs = [], []
    for number in range(48):
        window = np.zeros(length, np.float32)
        if number % 3:
            recording = recordings[number % len(recordings)]
            first = int(random.integers(0, max(1, len(recording) - SAMPLE_RATE)))
            _mix(window, float(random.uniform(0, 8)), recording[first : first + length])
        if number % 2:
            seconds = float(random.uniform(1.0, 3.0))
            _mix(window, float(random.uniform(0, 10 - seconds)), laughter(seconds, number))
        windows.append(window)
        laughs.append(bool(number % 2))
    return windows, np.array(laughs)


def _fitted(features: Any, laughs: npt.NDArray[np.bool_]) -> tuple[Any, float]:
    """Weights and bias of a linear classifier, so steep that it is sure of its lessons."""
    centre = features.mean(axis=0)
    shifted, aims = features - centre, np.where(laughs, 6.0, -6.0)
    penalty = 1e-3 * len(features) * np.eye(features.shape[1])
    weights = np.linalg.solve(shifted.T @ shifted + penalty, shifted.T @ (aims - aims.mean()))
    return weights.astype(np.float32), float(aims.mean() - centre @ weights)
