"""Detects voice activity: scores on a fixed grid of windows, and stretches of voice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats, Floats32, Ints

WINDOW_SAMPLES: Final = 5 * SAMPLE_RATE  # The network was trained on it.
# From one window to the next: each frame is in two. In ten, as whisperX has it, they cost five times as much
# and agree with people no better (docs/decisions/041).
STEP_SAMPLES: Final = WINDOW_SAMPLES // 2
FRAME_SAMPLES: Final = 270  # From one frame to the next.
FRAME_SPAN_SAMPLES: Final = 991  # Samples that one frame depends on.
WINDOW_FRAMES: Final = 293  # Of the network's output.
BATCH: Final = 4  # Windows at once, always as many; 1, 2, 4 and 8: 26, 22, 20 and 21 ms a window.
WEIGHTS: Final = np.hamming(WINDOW_FRAMES)  # The middle of a window counts most.


class VoiceModel:
    """Scores voice activity of the whole sound from any part of it.

    With a `step` of a tenth of a window these are whisperX's scores, within 5e-4. Raises `DamagedWeights`
    where the wheel's file has changed. Source: Bredin and Laurent, End-to-end speaker segmentation,
    Interspeech 2021, aggregated as pyannote.audio's `Inference` does.
    """

    def __init__(self, *, threads: int = 1, step: int = STEP_SAMPLES) -> None:
        """`step` is in samples, from one window to the next."""
        from actors.audio.segmentation_network import VoiceNetwork

        self._network, self._step = VoiceNetwork(threads=threads), step

    def scores(
        self, first: int, stop: int, total: int, samples: Floats32, begin: int
    ) -> tuple[Ints, Floats32]:
        """Numbers and scores (0..1) of the frames that begin in samples `[first, stop)`.

        The sound has `total` samples. `samples` hold the sound from sample `begin` on, zeros outside it;
        they must reach a window beyond both ends (`reach`).
        """
        frames = frames_within(first, stop)
        windows = windows_of(frames, total, self._step)
        window_scores = self._window_scores(
            {number: samples[number * self._step - begin :][:WINDOW_SAMPLES] for number in windows.tolist()}
        )
        return frames, aggregated(frames, windows, window_scores, self._step)

    def _window_scores(self, windows: dict[int, Floats32]) -> Floats32:
        """`WINDOW_FRAMES` scores of each window: the highest of the voices that the network tells apart.

        A window always has the same row in its batch, since arithmetic may differ in the last bit from row
        to row.
        """
        rows: list[Floats32] = []
        for batch_number in dict.fromkeys(number // BATCH for number in windows):
            batch_numbers = range(batch_number * BATCH, (batch_number + 1) * BATCH)
            batch = np.stack(
                [_padded(windows.get(number, np.zeros(0, np.float32))) for number in batch_numbers]
            )
            scores = self._network(batch).max(axis=2)
            rows.extend(
                score for number, score in zip(batch_numbers, scores, strict=True) if number in windows
            )
        return np.array(rows, np.float32).reshape(-1, WINDOW_FRAMES)


def _padded(samples: Floats32) -> Floats32:
    """A window, padded with silence."""
    window = np.zeros(WINDOW_SAMPLES, np.float32)
    window[: len(samples)] = samples
    return window


def reach(first: int, stop: int) -> tuple[int, int]:
    """Samples `[begin, end)` that the scores of frames in `[first, stop)` depend on."""
    return first - WINDOW_SAMPLES - STEP_SAMPLES, stop + WINDOW_SAMPLES + STEP_SAMPLES


def frames_within(first: int, stop: int) -> Ints:
    """Numbers of the frames that begin in samples `[first, stop)`."""
    return np.arange(-(-first // FRAME_SAMPLES), -(-stop // FRAME_SAMPLES))


def windows_of(frames: Ints, total: int, step: int = STEP_SAMPLES) -> Ints:
    """Numbers of the windows that hold any of these consecutive frames, in a sound of `total` samples.

    There are as many windows as fit, and one more, padded with silence, for the rest.
    """
    if not len(frames):
        return np.zeros(0, np.int64)
    count = 1 + max(0, -(-(total - WINDOW_SAMPLES) // step))
    starts = window_frames(np.arange(count), step)
    return np.flatnonzero((starts <= frames[-1]) & (starts + WINDOW_FRAMES > frames[0]))


def window_frames(windows: Ints, step: int = STEP_SAMPLES) -> Ints:
    """The first frame of each window: the one that begins nearest to the window's start."""
    nearest: Ints = np.rint(windows * (step / FRAME_SAMPLES)).astype(np.int64)
    return nearest


def aggregated(frames: Ints, windows: Ints, window_scores: Floats32, step: int = STEP_SAMPLES) -> Floats32:
    """The mean of the windows' scores of each frame, weighted by a Hamming window.

    `window_scores` is windows x `WINDOW_FRAMES`.
    """
    low = int(frames[0]) if len(frames) else 0
    total, weight = np.zeros(len(frames), np.float32), np.zeros(len(frames), np.float32)
    for start, scores in zip(window_frames(windows, step).tolist(), window_scores, strict=True):
        own = slice(max(start, low) - low, min(start + WINDOW_FRAMES, low + len(frames)) - low)
        its = slice(own.start + low - start, own.stop + low - start)
        total[own] += scores[its] * WEIGHTS[its]
        weight[own] += WEIGHTS[its]
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)


def middles_s(frames: Ints) -> Floats:
    """Time of the middle of each frame, in seconds since the first sample."""
    return (frames * FRAME_SAMPLES + FRAME_SPAN_SAMPLES / 2) / SAMPLE_RATE


def voiced(frames: Ints, scores: Floats32, onset: float, offset: float) -> list[tuple[float, float, float]]:
    """Stretches of voice `[start_s, end_s)` in seconds since the first sample, with their mean score.

    Voice begins above `onset` and ends below `offset`, or where frames are missing. Source: Gelly and
    Gauvain, Minimum word error training of RNN-based voice activity detection, Interspeech 2015, without
    padding, as whisperX's `Binarize`.
    """
    times = middles_s(frames)
    return [
        (float(times[first]), float(times[stop]), float(scores[first:stop].mean()))
        for run in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames) != 1) + 1)
        for first, stop in spans(scores[run].tolist(), onset, offset, base=int(run[0]) if len(run) else 0)
    ]


def spans(
    scores: Sequence[float], onset: float, offset: float, *, base: int = 0, is_voiced_before: bool = False
) -> list[tuple[int, int]]:
    """Positions `[first, stop)` from the score that begins a voice to the score that ends it, or the last.

    They are counted from `base`.
    """
    voices: list[tuple[int, int]] = []
    first = 0 if is_voiced_before and len(scores) else None
    for position, score in enumerate(scores):
        if first is None and score > onset:
            first = position
        elif first is not None and score < offset:
            voices.append((first + base, position + base))
            first = None
    if first is not None:
        voices.append((first + base, len(scores) - 1 + base))
    return [(first, stop) for first, stop in voices if stop > first]
