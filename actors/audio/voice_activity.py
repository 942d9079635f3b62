"""Where somebody speaks: scores of voice activity on windows that lie on a grid from the first sample,
and stretches of voice from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats, Floats32, Ints

WINDOW: Final = 5 * SAMPLE_RATE  # what the network was trained on
STEP: Final = WINDOW // 10  # pyannote's default; each frame is heard in ten windows
FRAME_SAMPLES: Final = 270  # from one of its frames to the next
FRAME_LENGTH: Final = 991  # samples that one frame looks at
FRAMES: Final = 293  # of a window
BATCH: Final = 8  # windows at once, always as many; 1, 4, 8, 16 and 32: 109, 92, 77, 109 and 117 ms a window
WEIGHTS: Final = np.hamming(FRAMES)  # the middle of a window counts most


class VoiceModel:
    """Scores of voice activity, those that whisperX has of the whole sound (within 1e-6), from any part of
    it.

    Raises `DamagedWeights` where the wheel's file is not what it was. Source: Bredin and Laurent, End-to-end
    speaker segmentation, Interspeech 2021, aggregated as pyannote.audio's `Inference` does.
    """

    def __init__(self, *, threads: int = 1) -> None:
        import torch

        from actors.audio.segmentation_network import VoiceNetwork

        torch.set_num_threads(threads)
        self._torch: Any = torch
        self._network = VoiceNetwork()

    def scores(
        self, first: int, stop: int, total: int, samples: Floats32, begin: int
    ) -> tuple[Ints, Floats32]:
        """Ordinals and scores (0..1) of the frames that begin in samples `[first, stop)` of a sound of
        `total`.

        `samples` hold the sound from sample `begin` on, zeros outside it; they must reach a window beyond
        both ends (`reach`).
        """
        frames = frames_within(first, stop)
        windows = windows_of(frames, total)
        heard = self._heard(
            {number: samples[number * STEP - begin :][:WINDOW] for number in windows.tolist()}
        )
        return frames, aggregated(frames, windows, heard)

    def _heard(self, windows: dict[int, Floats32]) -> Floats32:
        """FRAMES scores of each window: the surest of the voices that the network tells apart.

        A window has the same place in its batch whoever asks for it, since arithmetic may differ in the last
        bit from place to place.
        """
        found: list[Floats32] = []
        for row in dict.fromkeys(number // BATCH for number in windows):
            mates = range(row * BATCH, (row + 1) * BATCH)
            batch = np.stack([_filled(windows.get(number, np.zeros(0, np.float32))) for number in mates])
            with self._torch.inference_mode():
                scores = self._network(self._torch.from_numpy(batch)).amax(2).numpy()
            found.extend(score for number, score in zip(mates, scores, strict=True) if number in windows)
        return np.array(found, np.float32).reshape(-1, FRAMES)


def _filled(samples: Floats32) -> Floats32:
    """A window, filled up with silence."""
    window = np.zeros(WINDOW, np.float32)
    window[: len(samples)] = samples
    return window


def reach(first: int, stop: int) -> tuple[int, int]:
    """Samples `[begin, end)` that the scores of frames in `[first, stop)` depend on."""
    return first - WINDOW - STEP, stop + WINDOW + STEP


def frames_within(first: int, stop: int) -> Ints:
    """Ordinals of the frames that begin in samples `[first, stop)`."""
    return np.arange(-(-first // FRAME_SAMPLES), -(-stop // FRAME_SAMPLES))


def windows_of(frames: Ints, total: int) -> Ints:
    """Ordinals of the windows in which any of these consecutive frames is heard, of a sound of `total`
    samples.

    There are as many windows as fit, and one more, filled up with silence, for what is left.
    """
    if not len(frames):
        return np.zeros(0, np.int64)
    count = 1 + max(0, -(-(total - WINDOW) // STEP))
    starts = window_frames(np.arange(count))
    return np.flatnonzero((starts <= frames[-1]) & (starts + FRAMES > frames[0]))


def window_frames(windows: Ints) -> Ints:
    """The first frame of each window: the one that begins nearest to where it does."""
    nearest: Ints = np.rint(windows * (STEP / FRAME_SAMPLES)).astype(np.int64)
    return nearest


def aggregated(frames: Ints, windows: Ints, heard: Floats32) -> Floats32:
    """The mean of what the windows say of each frame, weighted by a Hamming window; `heard` is windows x
    FRAMES.
    """
    low = int(frames[0]) if len(frames) else 0
    total, weight = np.zeros(len(frames), np.float32), np.zeros(len(frames), np.float32)
    for start, scores in zip(window_frames(windows).tolist(), heard, strict=True):
        own = slice(max(start, low) - low, min(start + FRAMES, low + len(frames)) - low)
        its = slice(own.start + low - start, own.stop + low - start)
        total[own] += scores[its] * WEIGHTS[its]
        weight[own] += WEIGHTS[its]
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)


def middles_s(frames: Ints) -> Floats:
    """When the middle of each frame is heard, seconds since the first sample."""
    return (frames * FRAME_SAMPLES + FRAME_LENGTH / 2) / SAMPLE_RATE


def voiced(frames: Ints, scores: Floats32, onset: float, offset: float) -> list[tuple[float, float, float]]:
    """Stretches of voice `[start_s, end_s)` in seconds since the first sample, with their mean score, in
    order.

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
    scores: Sequence[float], onset: float, offset: float, *, base: int = 0, is_going_on: bool = False
) -> list[tuple[int, int]]:
    """Places `[first, stop)` between the score that begins a voice and the one that ends it, or the last
    one; counted from `base`.
    """
    found: list[tuple[int, int]] = []
    first = 0 if is_going_on and len(scores) else None
    for at, score in enumerate(scores):
        if first is None and score > onset:
            first = at
        elif first is not None and score < offset:
            found.append((first + base, at + base))
            first = None
    if first is not None:
        found.append((first + base, len(scores) - 1 + base))
    return [(first, stop) for first, stop in found if stop > first]
