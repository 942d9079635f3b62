"""Benchmark of decoding: the cost of a frame by decoder and coding, against a seek for each sample."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.fixtures.codings import FRAMES, Coding, codings, render_clip
from bench.harness.report import table
from bench.harness.timing import Times, in_turns
from schemas.pipelines import PERSON
from schemas.settings.settings import Settings
from schemas.work.chunk import ChunkSpec, Sampling

TITLE = "Decoding"
SAMPLE_FPS: Final = Fraction(5)
MODEL_PIXELS: Final = 640  # of the longer side
SEEK_SHARE: Final = 13  # one of so many samples is timed with seeks, which are slow
BACKENDS: Final = ("pyav", "decord")


class DecodeWay:
    """A way to read a clip: a call reads it and returns the processor seconds of all threads.

    `walls` has the wall seconds, `pictures` the number of frames. `times` scales all figures, for a way that
    is measured on a part of the clip.
    """

    def __init__(self, work: Callable[[], int], times: float = 1.0) -> None:
        self._work, self._times = work, times
        self.walls: list[float] = []
        self.pictures: set[int] = set()

    def __call__(self) -> float:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        self.pictures.add(round(self._work() * self._times))
        self.walls.append((time.perf_counter() - wall_s) * self._times)
        return (time.process_time() - cpu_s) * self._times


def measure(rounds: int) -> dict[str, Any]:
    """The processor seconds of every way through every clip, in turns.

    Raises `RuntimeError` if two ways give different numbers of samples.
    """
    from actors.stages.threads import limit_threads

    limit_threads(1)
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as folder:
        measured = {
            coding.label: of_clip(render_clip(coding, Path(folder)), coding, rounds) for coding in codings()
        }
    return {"frames": FRAMES, "sample_fps": float(SAMPLE_FPS), "clips": measured}


def of_clip(path: Path, coding: Coding, rounds: int) -> dict[str, Any]:
    """The figures of all ways through one clip."""
    from actors.decoding.decord_decoder import refusal

    spec = spec_of(path)
    refused = refusal(str(path))
    ways = {
        name: way
        for backend in BACKENDS
        if backend == "pyav" or refused is None
        for name, way in through(replace(spec, backend=backend)).items()
    }
    numbers = sample_numbers(spec)
    part = numbers[SEEK_SHARE // 2 :: SEEK_SHARE]
    ways["seeks"] = DecodeWay(lambda: seek_for_each(path, part), len(numbers) / len(part))
    cpu_times = in_turns(ways, rounds)
    counts = {way.pictures.pop() for name, way in ways.items() if "every" not in name}
    if len(counts) != 1:
        raise RuntimeError(
            f"{coding.label}: not every way gives the same number of samples: {sorted(counts)}"
        )
    return {
        "refused": refused,
        "bytes": path.stat().st_size,
        "samples": counts.pop(),
        "cpu_s": {name: times.to_data() for name, times in cpu_times.items()},
        "wall_s": {name: Times(tuple(way.walls)).to_data() for name, way in ways.items()},
    }


def through(spec: ChunkSpec) -> dict[str, DecodeWay]:
    """The ways of a backend: every frame as native BGR, samples out of every frame, samples alone.

    The first and the last are measured with two threads too.
    """
    name, sparse = spec.backend, replace(spec, every_frame=False)
    return {
        f"{name} every 1": DecodeWay(partial(natives, spec, 1)),
        f"{name} samples 1": DecodeWay(partial(samples, spec, 1)),
        f"{name} only samples 1": DecodeWay(partial(samples, sparse, 1)),
        f"{name} every 2": DecodeWay(partial(natives, spec, 2)),
        f"{name} only samples 2": DecodeWay(partial(samples, sparse, 2)),
    }


def spec_of(path: Path) -> ChunkSpec:
    """A whole clip as one chunk with samples for a model."""
    from actors.probing.probe import probe
    from vaengine.planning.plan import chunk_spec

    video = probe(str(path))
    scale = MODEL_PIXELS / max(video.width, video.height)
    sampling = Sampling(PERSON, SAMPLE_FPS, round(video.width * scale), round(video.height * scale), "linear")
    whole = chunk_spec(video, 0, len(video.index), settings=Settings())
    return replace(
        whole, samplings=(sampling,), every_frame=True, keyframes=video.index.pts[video.index.keyframes[1:]]
    )


def sample_numbers(spec: ChunkSpec) -> list[int]:
    """The frame numbers of the samples."""
    import numpy as np

    from actors.decoding.sampling import sampled_in

    return [int(number) for number in np.flatnonzero(sampled_in(spec))]


def natives(spec: ChunkSpec, threads: int) -> int:
    """Decode every frame to native BGR, as scene scores need it; returns the number of frames."""
    from actors.decoding.backends import decoder_for

    return sum(len(frame.bgr()) > 0 for frame in decoder_for(spec, threads=threads))


def samples(spec: ChunkSpec, threads: int) -> int:
    """Decode the samples as a model takes them; returns their number."""
    from actors.decoding.backends import decoder_for

    numbers, (sampling,) = set(sample_numbers(spec)), spec.samplings
    sampled = (frame for frame in decoder_for(spec, threads=threads) if frame.number in numbers)
    return sum(len(frame.rgb(sampling.width, sampling.height, sampling.filter)) > 0 for frame in sampled)


def seek_for_each(path: Path, numbers: list[int]) -> int:
    """Read frames by number through OpenCV, as some frameworks do; returns the number of frames read.

    Each frame takes a seek, a decode up to it, and a resize.
    """
    import cv2

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    count = 0
    for number in numbers:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        was_read, frame = capture.read()
        count += was_read
        cv2.resize(
            frame,
            (MODEL_PIXELS, frame.shape[0] * MODEL_PIXELS // frame.shape[1]),
            interpolation=cv2.INTER_LINEAR,
        )
    capture.release()
    return count


COLUMNS: Final = ("every 1", "samples 1", "only samples 1")


def described(measured: Mapping[str, Any]) -> str:
    """The case's tables, and what they compare."""
    clips = measured["clips"]
    return "\n\n".join(
        [
            f"{measured['frames']} frames of 1280 x 720 in each coding (behind its name, frames from "
            "keyframe to keyframe). Every frame:"
            f" native BGR, as scene scores need it. Samples: {measured['sample_fps']:g} a second, "
            f"{MODEL_PIXELS} pixels wide; `only` where"
            " nothing else is wanted, so that what no sample needs is not decoded. Processor milliseconds "
            "per frame of the clip,"
            " medians, one thread:",
            table(
                [
                    "",
                    *(f"{backend}: {_title(way)}" for backend in BACKENDS for way in COLUMNS),
                    "a seek per sample",
                ],
                _cost_rows(clips),
            ),
            "Ratios of medians within the run, and frames a second by the clock with one thread and with "
            "two:",
            table(
                [
                    "",
                    "seeks / only samples",
                    "samples / only samples",
                    "decord / pyav, every",
                    "pyav fps, 1",
                    "2 threads",
                    "CPU of 2 / 1",
                ],
                _ratio_rows(clips),
            ),
            "decord refuses: "
            + (
                "; ".join(f"{name} ({clip['refused']})" for name, clip in clips.items() if clip["refused"])
                or "none"
            )
            + ".",
        ]
    )


def _title(way: str) -> str:
    return way.removesuffix(" 1").replace("every", "every frame")


def _cost_rows(clips: Mapping[str, Any]) -> list[list[str]]:
    names = [*(f"{backend} {way}" for backend in BACKENDS for way in COLUMNS), "seeks"]
    return [
        [label, *(_milliseconds(clip["cpu_s"].get(name)) for name in names)] for label, clip in clips.items()
    ]


def _milliseconds(times: Mapping[str, float] | None) -> str:
    return "refused" if times is None else f"{times['median'] / FRAMES * 1000:.2f}"


def _ratio_rows(clips: Mapping[str, Any]) -> list[list[str]]:
    return [[label, *_ratios(clip["cpu_s"], clip["wall_s"])] for label, clip in clips.items()]


def _ratios(cpu: Mapping[str, Any], wall: Mapping[str, Any]) -> list[str]:
    def ratio(way: str, base: str) -> str:
        return f"{cpu[way]['median'] / cpu[base]['median']:.2f}x" if way in cpu else "refused"

    sampled = "pyav only samples 1"
    fps = [f"{FRAMES / wall[f'pyav every {threads}']['median']:.0f}" for threads in (1, 2)]
    return [
        ratio("seeks", sampled),
        ratio("pyav samples 1", sampled),
        ratio("decord every 1", "pyav every 1"),
        *fps,
        ratio("pyav every 2", "pyav every 1"),
    ]
