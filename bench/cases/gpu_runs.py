"""Whole runs on a GPU, beside the network alone on the same pictures and the length of the videos."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.fixtures.short_clips import short_clips
from bench.harness.gpu_samples import nvml_reader, on_gpu, sampled, summary
from bench.harness.in_process import NEURAL, read, settings_for
from bench.harness.timing import rate
from schemas.media.frames import Pixels
from schemas.settings.settings import Settings
from schemas.work.messages import FramesMessage

CLIPS, CLIP_SECONDS, COPIES = 8, 4, 8
EVERY_FRAME: Final = (*NEURAL, "person.sample_fps=240")
NETWORK_SECONDS: Final = 6.0  # of the network alone, beside the runs
LONG_CLIPS, LONG_SECONDS = 2, 24

Measured = Iterator[tuple[str, Any]]


@contextmanager
def clips_in_folder() -> Iterator[list[Path]]:
    """Short clips of people in motion, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        yield short_clips(Path(name), CLIPS, CLIP_SECONDS)


def messages_of(clips: Sequence[Path]) -> tuple[Settings, list[FramesMessage]]:
    """The settings for persons in every frame, and all frames of the clips as models get them."""
    settings = settings_for(EVERY_FRAME, clips[0])
    values = (value for clip in clips for value in read(clip, settings))
    return settings, [value for value in values if isinstance(value, FramesMessage)]


def pictures_of(messages: Sequence[FramesMessage], count: int) -> list[Pixels]:
    """So many pictures, again from the first where there are fewer."""
    frames = (frame for message in messages for frame in message.frames.pixels)
    return list(itertools.islice(itertools.cycle(frames), count))


def engine() -> Measured:
    """Frames a second of whole runs over short clips, every frame looked at, without Ray and on it.

    With the network alone on pictures of the same clips, and what share of its speed the runs have.
    """
    from bench.fixtures.copies import copy_with_mark

    with clips_in_folder() as cut, tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        (folder / "clips").mkdir()
        clips = [
            copy_with_mark(clip, folder / "clips" / f"{number}-{clip.name}")
            for number in range(COPIES)
            for clip in cut
        ]
        alone = network_alone(cut)
        yield "network alone", alone
        for about, cluster in (("without Ray", "none"), ("on Ray", "local")):
            told = run_on_gpu(clips, folder / cluster, cluster, "person", EVERY_FRAME)
            yield about, told | {"over_network": round(told["frames_per_s"] / alone["pictures_per_s"], 3)}


def network_alone(clips: Sequence[Path]) -> dict[str, Any]:
    """Pictures a second of the network, whose input is prepared."""
    from actors.stages.batching import detector_named

    settings, messages = messages_of(clips)
    detector: Any = detector_named(settings)
    prepared = detector.prepare(pictures_of(messages, detector.batch_size))
    return on_gpu(partial(rate, lambda: detector.run(prepared), detector.batch_size, NETWORK_SECONDS))


def balanced() -> Measured:
    """How fast the sampling of preset balanced is on clips in full HD with speech, by all four pipelines.

    The weights are those that lie beside the checkout, not the larger ones of the preset.
    """
    from bench.cases.comparisons import FACE, FULL_HD, YOLO, hearing
    from bench.fixtures.speech_files import speech_file

    packs = [setting for setting in FACE if not setting.startswith("face.sample_fps")]
    settings = (*YOLO, *packs, *hearing(), "preset=balanced")
    with tempfile.TemporaryDirectory(prefix="vaengine-bench-") as name:
        folder = Path(name)
        sound = speech_file(folder / "speech.wav", LONG_CLIPS * LONG_SECONDS)
        clips = short_clips(folder, LONG_CLIPS, LONG_SECONDS, size=FULL_HD, sound=sound)
        told = run_on_gpu(clips, folder / "out", "none", "scene,person,face,audio", settings)
    yield "run", told
    yield "figures", cost(LONG_CLIPS * LONG_SECONDS, told["working_s"])


def cost(video_s: float, working_s: float) -> Mapping[str, float]:
    """How long a GPU works on an hour of video, in hours, and how many hours of video it does in one.

    The first is the real-time factor; times the price of a GPU-hour it is what an hour of video costs.
    `working_s` is without the start of a run.
    """
    return {
        "real_time_factor": round(working_s / video_s, 4),
        "video_hours_per_gpu_hour": round(video_s / working_s, 2),
    }


def run_on_gpu(
    clips: Sequence[Path], out: Path, cluster: str, pipelines: str, settings: Sequence[str]
) -> dict[str, Any]:
    """The figures of one run; raises `RuntimeError` where a clip failed."""
    from bench.harness.engine_process import Stopwatch
    from vaengine.execution.engine import Engine
    from vaengine.requests.run_options import RunOptions, resolve_request

    options = RunOptions(
        paths=tuple(map(str, clips)),
        out=str(out),
        pipelines=pipelines,
        cluster=cluster,
        settings=tuple(settings),
    )
    stopwatch = Stopwatch()
    with sampled(nvml_reader()) as samples:
        report = Engine(resolve_request(options).request, listener=stopwatch).run()
    if report.failed:
        raise RuntimeError(f"{report.failed} of {len(clips)} clips failed")
    return {
        "frames": report.frames_decoded,
        "wall_s": round(report.wall_s, 2),
        "working_s": round(stopwatch.working_s, 2),
        "frames_per_s": round(report.frames_decoded / stopwatch.working_s, 1),
        "gpu": summary(samples),
    }
