"""Clips of one content in the codings people have: 720p, ten seconds, keyframes far apart and close together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

from schemas.frames import Pixels
from vaengine.demo import FPS, SHOTS, pictures

WIDTH: Final = 1280
HEIGHT: Final = 720
FRAMES: Final = 260  # one more keyframe than the first at 250 apart
FAR, NEAR = 250, 30  # frames between keyframes: what x264 does when left alone, and what streaming services ask for
GRAIN: Final = 3.0  # standard deviation, of 255


@dataclass(frozen=True, slots=True)
class Coding:
    """How a clip is encoded: `gop` frames from keyframe to keyframe, `options` as the encoder calls them."""

    name: str
    encoder: str
    suffix: str
    gop: int
    options: tuple[tuple[str, str], ...] = ()
    bframes: int = 0
    pix_fmt: str = "yuv420p"

    @property
    def label(self) -> str:
        return f"{self.name}, {self.gop}"


def codings() -> list[Coding]:
    """Every coding with both distances of keyframes; MJPEG has nothing but keyframes."""
    return [*chain.from_iterable(_with_gop(gop) for gop in (FAR, NEAR)), Coding("mjpeg", "mjpeg", ".avi", 1, pix_fmt="yuvj420p")]


def _with_gop(gop: int) -> Sequence[Coding]:
    """Closed groups of pictures: decord cannot read others."""
    x264 = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:bframes=3"
    x265 = f"log-level=none:keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:bframes=3:pools=none:frame-threads=1"
    return (
        Coding("h264", "libx264", ".mp4", gop, (("preset", "veryfast"), ("crf", "23"), ("x264-params", x264))),
        Coding("hevc", "libx265", ".mp4", gop, (("preset", "superfast"), ("crf", "26"), ("x265-params", x265))),
        Coding("vp9", "libvpx-vp9", ".webm", gop, (("deadline", "realtime"), ("cpu-used", "8"), ("crf", "34"), ("b", "0"))),
        Coding("av1", "libsvtav1", ".mkv", gop, (("preset", "12"), ("crf", "35"), ("svtav1-params", "lp=1"))),
        Coding("mpeg4", "mpeg4", ".mp4", gop, (("qscale", "5"),)),
        Coding("mpeg2", "mpeg2video", ".ts", gop, (("qscale", "5"),), bframes=2),
    )


def rendered(coding: Coding, folder: Path) -> Path:
    """Write the clip of a coding, one encoder thread, and return its path."""
    import av

    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 tells its life story otherwise
    path = folder / f"{coding.name}_{coding.gop}{coding.suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(coding.encoder, rate=FPS, options=dict(coding.options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, coding.pix_fmt
        context = stream.codec_context
        context.gop_size, context.max_b_frames, context.thread_count = coding.gop, coding.bframes, 1
        if "qscale" in dict(coding.options):
            context.qmin = context.qmax = int(dict(coding.options)["qscale"])
        for picture in content():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def content() -> Iterator[Pixels]:
    """`FRAMES` pictures of the demo's shots, HEIGHT x WIDTH x 3 uint8 BGR, with a camera's grain: without it there is little to decode."""
    import cv2
    import numpy as np

    grain = np.random.default_rng(0).normal(0, GRAIN, (HEIGHT + 64, WIDTH + 64, 1)).astype(np.int16).repeat(3, axis=2)
    for number, picture in enumerate(islice(chain.from_iterable(pictures(shot) for shot in SHOTS), FRAMES)):
        top, left = number * 37 % 64, number * 23 % 64
        large = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        yield np.asarray(cv2.add(large, grain[top : top + HEIGHT, left : left + WIDTH], dtype=cv2.CV_8U), np.uint8)
