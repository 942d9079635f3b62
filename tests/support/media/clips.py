"""Clips as objects with known facts, rendered by PyAV on first use: every picture carries its own number,
every cut and box is known.

Nothing here reads a clip back through the code under test; `number_of` looks at pixels only.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.stream import Disposition

from schemas.media.frames import Pixels

BITS = 10  # of a picture's number, drawn as squares along the bottom edge
BLACK, WHITE = 16, 235

Paint = Callable[[int], Pixels]  # frame number -> H x W x 3 uint8 RGB


@dataclass(frozen=True)
class Box:
    """Where a pasted person is: left, top, width, height in displayed pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        return self.x, self.y, self.x + self.width, self.y + self.height


@dataclass(frozen=True)
class Clip:
    """A file and what is true of it by construction.

    `times_s` holds when each frame is shown, from the first; `cuts` the frames that begin a scene (the first
    frame is none); `width`, `height` are of the displayed picture, after turning it clockwise by `rotation`
    and exchanging left and right where it is `mirrored`; `persons[i]` holds one box per frame, None while
    person i is not in the picture. `missing` frames are promised by the header and not in the file.
    """

    path: Path
    frame_count: int
    fps: Fraction
    width: int
    height: int
    times_s: tuple[Fraction, ...] = ()
    cuts: tuple[int, ...] = ()
    rotation: int = 0
    mirrored: bool = False
    start_s: Fraction = Fraction(0)
    persons: tuple[tuple[Box | None, ...], ...] = ()
    exact: bool = True
    missing: int = 0
    first_number: int = 0  # what the first frame shown carries

    @property
    def numbers(self) -> list[int]:
        """What the shown pictures carry, in order."""
        return list(range(self.first_number, self.first_number + self.frame_count))

    @property
    def native_size(self) -> tuple[int, int]:
        """Width and height of the pictures as they are stored."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)


@dataclass(frozen=True)
class Coding:
    """How a clip is encoded and packed."""

    codec: str = "libx264"
    suffix: str = ".mp4"
    gop: int = 12
    bframes: int = 2
    pix_fmt: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = ()
    container: tuple[tuple[str, str], ...] = ()

    def codec_options(self) -> dict[str, str]:
        if self.codec == "libx264":
            return {
                "preset": "ultrafast",
                "crf": "18",
                "x264-params": f"scenecut=0:keyint={self.gop}:min-keyint=1",
                **dict(self.options),
            }
        if self.codec == "libx265":
            quiet = f"log-level=none:keyint={self.gop}:min-keyint={self.gop}:scenecut=0"
            quiet += f":bframes={self.bframes}:pools=1"
            return {"preset": "ultrafast", "crf": "18", "x265-params": quiet, **dict(self.options)}
        return dict(self.options)


def counting(
    folder: Path,
    *,
    frames: int = 48,
    fps: Fraction | int = 12,
    width: int = 160,
    height: int = 120,
    coding: Coding | None = None,
    ticks: Sequence[int] | None = None,
    start_s: Fraction | int = 0,
    rotation: int = 0,
    mirrored: bool = False,
    cuts: Sequence[int] = (),
    exact: bool = True,
    first_number: int = 0,
) -> Clip:
    """Pictures that carry their own numbers over a slowly moving texture, which changes altogether at `cuts`.

    `ticks` are presentation times in units of 1/fps (variable frame rate); `width`, `height` are those of the
    stored picture, `rotation` is written as metadata only.
    """
    rate, start = Fraction(fps), Fraction(start_s)
    times = tuple(Fraction(t) / rate for t in (ticks if ticks is not None else range(frames)))
    shown = (height, width) if rotation % 180 else (width, height)
    clip = Clip(
        folder,
        frames,
        rate,
        *shown,
        times,
        tuple(cuts),
        rotation,
        mirrored,
        start,
        exact=exact,
        first_number=first_number,
    )

    def paint(n: int) -> Pixels:
        return numbered(texture(n, width, height, scene_of(n, cuts)), n + first_number)

    return rendered(clip, coding or Coding(), paint)


def edit_list(folder: Path) -> Clip:
    """An mp4 whose edit list hides its first six pictures, keyframe included: they are decoded and never
    shown.
    """
    coding = replace(h264("bframes=0"), container=(("avoid_negative_ts", "disabled"),))
    clip = counting(folder, start_s=Fraction(-1, 2), coding=coding)
    return replace(clip, frame_count=42, times_s=clip.times_s[:42], start_s=Fraction(0), first_number=6)


def with_cuts(folder: Path, *, cuts: Sequence[int] = (20, 45), frames: int = 70, fps: int = 25) -> Clip:
    """Hard cuts at known frames between very different pictures, far enough apart for PySceneDetect's
    defaults.
    """
    return counting(folder, frames=frames, fps=fps, width=320, height=240, cuts=cuts, coding=Coding(gop=25))


def with_persons(
    folder: Path, *, frames: int = 50, fps: int = 10, cuts: Sequence[int] = (), persons: int = 1
) -> Clip:
    """Persons cut out of a photograph and walked over a calm background, each on a known way; 480 x 360
    pixels.
    """
    width, height = 480, 360
    figures = [person_picture(i, height=260) for i in range(persons)]
    ways = tuple(
        tuple(_step(i, n, frames, figures[i], (width, height)) for n in range(frames)) for i in range(persons)
    )
    clip = Clip(folder, frames, Fraction(fps), width, height, cuts=tuple(cuts), persons=ways)

    def paint(n: int) -> Pixels:
        picture = calm(width, height, scene_of(n, cuts))
        for figure, way in zip(figures, ways, strict=True):
            box = way[n]
            picture[box.y : box.y + box.height, box.x : box.x + box.width] = figure
        return picture

    times = tuple(Fraction(n, fps) for n in range(frames))
    return rendered(replace(clip, times_s=times), Coding(gop=frames // 2), paint)


def still(folder: Path, *, frames: int = 30, fps: int = 10) -> Clip:
    """The same picture throughout: no cut, nobody there; an empty result is a result."""
    clip = Clip(folder, frames, Fraction(fps), 160, 120, tuple(Fraction(n, fps) for n in range(frames)))
    return rendered(clip, Coding(), lambda _: calm(160, 120, 0))


# What the contract suite decodes, by name. Times are those of ordinary cameras, phones, broadcasts and web
# pages.
VARIANTS: Mapping[str, Callable[[Path], Clip]] = {
    "h264_closed_gop": lambda f: counting(f, coding=h264("bframes=2:open-gop=0")),
    "h264_open_gop_mkv": lambda f: counting(
        f, coding=replace(h264("bframes=3:b-adapt=0:open-gop=1"), suffix=".mkv")
    ),
    "h264_open_gop_mp4": lambda f: counting(f, coding=h264("bframes=3:b-adapt=0:open-gop=1")),
    "h264_pyramid": lambda f: counting(f, coding=h264("bframes=5:b-adapt=0:b-pyramid=normal", gop=16)),
    "h264_single_keyframe": lambda f: counting(f, coding=h264("bframes=2", gop=500)),
    "h264_every_frame_key": lambda f: counting(f, coding=h264("bframes=0", gop=1)),
    "h264_intra_refresh_ts": lambda f: counting(
        f, frames=60, coding=replace(h264("intra-refresh=1:bframes=0"), suffix=".ts")
    ),
    "h264_vfr": lambda f: counting(f, frames=40, fps=30, ticks=irregular(40), coding=h264("bframes=2")),
    "h264_rotated_90": lambda f: counting(f, rotation=90, coding=h264("bframes=2")),
    "h264_rotated_180": lambda f: counting(f, frames=12, rotation=180, coding=h264("bframes=2")),
    "h264_rotated_270": lambda f: counting(f, frames=12, rotation=270, coding=h264("bframes=2")),
    "h264_odd_size_444": lambda f: counting(
        f, width=179, height=101, coding=replace(h264("bframes=2"), pix_fmt="yuv444p")
    ),
    "h264_late_start": lambda f: counting(f, start_s=Fraction(5, 2), coding=h264("bframes=2")),
    "h264_negative_start_ts": lambda f: counting(
        f,
        start_s=Fraction(-1, 2),
        coding=replace(h264("bframes=2"), suffix=".ts", container=(("avoid_negative_ts", "disabled"),)),
    ),
    "h264_edit_list": edit_list,
    "h264_ts": lambda f: counting(f, frames=72, coding=replace(h264("bframes=2"), suffix=".ts")),
    "h264_open_gop_ts": lambda f: counting(
        f, frames=72, coding=replace(h264("bframes=3:b-adapt=0:open-gop=1"), suffix=".ts")
    ),
    "h264_fragmented": lambda f: counting(
        f, coding=replace(h264("bframes=2"), container=(("movflags", "frag_keyframe+empty_moov"),))
    ),
    "h264_fps_29.97": lambda f: counting(f, fps=Fraction(30000, 1001), coding=h264("bframes=2")),
    "h264_10bit": lambda f: counting(f, frames=24, coding=replace(h264("bframes=2"), pix_fmt="yuv420p10le")),
    "h265_open_gop": lambda f: counting(f, coding=Coding("libx265", ".mp4", gop=12, bframes=3)),
    "mpeg4_avi": lambda f: counting(f, coding=Coding("mpeg4", ".avi", bframes=0, options=(("qscale", "3"),))),
    "mpeg4_avi_bframes": lambda f: counting(
        f, coding=Coding("mpeg4", ".avi", bframes=2, options=(("qscale", "3"),))
    ),
    "mpeg2_ps": lambda f: counting(f, fps=25, frames=60, coding=Coding("mpeg2video", ".mpg", bframes=2)),
    "mpeg2_ts": lambda f: counting(f, fps=25, frames=60, coding=Coding("mpeg2video", ".ts", bframes=2)),
    "mjpeg_avi": lambda f: counting(
        f, frames=20, coding=Coding("mjpeg", ".avi", gop=1, bframes=0, pix_fmt="yuvj420p")
    ),
    "prores_mov": lambda f: counting(
        f, frames=12, coding=Coding("prores_ks", ".mov", gop=1, bframes=0, pix_fmt="yuv422p10le")
    ),
    "ffv1_mkv": lambda f: counting(f, frames=20, coding=Coding("ffv1", ".mkv", gop=1, bframes=0)),
    "vp8_webm": lambda f: counting(
        f,
        coding=Coding(
            "libvpx",
            ".webm",
            bframes=0,
            options=(("auto-alt-ref", "1"), ("lag-in-frames", "16"), ("cpu-used", "8")),
        ),
    ),
    "vp9_webm": lambda f: counting(
        f,
        coding=Coding(
            "libvpx-vp9",
            ".webm",
            bframes=0,
            options=(("lag-in-frames", "16"), ("cpu-used", "8"), ("row-mt", "0")),
        ),
    ),
    "av1_mkv": lambda f: counting(
        f,
        frames=24,
        coding=Coding(
            "libsvtav1",
            ".mkv",
            bframes=0,
            options=(("preset", "8"), ("crf", "20"), ("svtav1-params", "lp=1")),
        ),
    ),
    "gif": lambda f: counting(
        f, frames=20, fps=10, coding=Coding("gif", ".gif", gop=12, bframes=0, pix_fmt="gray")
    ),
    "h264_joined_ts": lambda f: joined_encodings(f, alike=True),
    "h264_changing_parameters_ts": lambda f: joined_encodings(f, alike=False),
    "h264_made_up_avi": lambda f: annex_b_avi(f, h264("bframes=3:b-adapt=0", gop=24)),
    "h265_without_ctts": lambda f: without_ctts(f, Coding("libx265", ".mp4", gop=12, bframes=3)),
    "h264_without_ctts": lambda f: without_ctts(f, h264("bframes=2:b-adapt=0")),
    "h264_begins_within_a_group_ts": lambda f: cut_in_front(
        f, replace(h264("bframes=2"), suffix=".ts"), until=5
    ),
    "h264_begins_with_leading_ts": lambda f: cut_in_front(
        f, replace(h264("bframes=3:b-adapt=0:open-gop=1"), suffix=".ts"), until=12
    ),
    "mpeg2_begins_within_a_group_ts": lambda f: cut_in_front(
        f, Coding("mpeg2video", ".ts", bframes=2), until=5
    ),
    "h264_coarse_clock_mkv": lambda f: counting(
        f, fps=2000, coding=replace(h264("bframes=2"), suffix=".mkv"), exact=False
    ),
    "ffv1_coarse_clock_mkv": lambda f: counting(
        f, fps=3000, coding=Coding("ffv1", ".mkv", gop=1, bframes=0), exact=False
    ),
    "h264_restarted_ts": lambda f: restarted(f, after=24),
    "h264_mirrored": lambda f: counting(f, frames=12, mirrored=True, coding=h264("bframes=2")),
    "h264_mirrored_90": lambda f: counting(
        f, frames=12, rotation=90, mirrored=True, coding=h264("bframes=2")
    ),
    "one_frame": lambda f: counting(f, frames=1),
    "raw_h264": lambda f: counting(f, coding=replace(h264("bframes=2"), suffix=".h264"), exact=False),
}


def annex_b_avi(folder: Path, coding: Coding) -> Clip:
    """Pictures out of order in a container that tells only when they are decoded: as `ffmpeg -c copy -bsf
    h264_mp4toannexb` writes it.
    """
    whole = counting(folder, coding=coding)
    path = whole.path.with_suffix(".avi")
    if not path.exists():
        with av.open(str(whole.path)) as source, av.open(str(path), "w") as output:
            stream = source.streams.video[0]
            copied = output.add_stream_from_template(stream)
            filtering = BitStreamFilterContext("h264_mp4toannexb", stream, copied)
            for packet in source.demux(stream):
                for changed in filtering.filter(packet if packet.size else None):
                    changed.stream = copied
                    output.mux(changed)
    return replace(whole, path=path, exact=False)


def without_ctts(folder: Path, coding: Coding) -> Clip:
    """An mp4 whose table of times of presentation is gone."""
    whole = counting(folder, coding=replace(coding, container=(("use_editlist", "0"),)))
    data = whole.path.read_bytes()
    assert data.count(b"ctts") == 1
    return replace(
        whole,
        path=_written(whole.path.with_name(f"untold_{whole.path.name}"), data.replace(b"ctts", b"free")),
        exact=False,
    )


def cut_in_front(folder: Path, coding: Coding, *, until: int) -> Clip:
    """A transport stream from its packet number `until` on, in the order of decoding: what cannot be
    decoded by itself is not shown.
    """
    whole = counting(folder, coding=coding)
    path = whole.path.with_name(f"from_{until}_{whole.path.name}")
    with av.open(str(whole.path)) as source:
        packets = [packet for packet in source.demux(video=0) if packet.size]
    data = whole.path.read_bytes()
    _written(path, data[packets[until].pos :])
    left = packets[until:]
    entry = next(packet for packet in left if packet.is_keyframe)
    first = min(packet.pts for packet in left if packet.pts >= entry.pts)
    number = sorted(packet.pts for packet in packets).index(first)
    return replace(
        whole, path=path, frame_count=48 - number, times_s=whole.times_s[: 48 - number], first_number=number
    )


def restarted(folder: Path, *, after: int) -> Clip:
    """Two transport streams end to end whose clocks begin alike; the first has `after` frames."""
    coding = replace(h264("bframes=2"), suffix=".ts")
    parts = [
        counting(folder, frames=frames, first_number=first, coding=coding)
        for first, frames in ((0, after), (after, 60 - after))
    ]
    path = _written(folder / "restarted.ts", b"".join(part.path.read_bytes() for part in parts))
    return replace(
        parts[0], path=path, frame_count=60, times_s=tuple(Fraction(n, 12) for n in range(60)), exact=False
    )


def h264(params: str, *, gop: int = 12) -> Coding:
    """H.264 with x264's own parameters, e.g. `bframes=2:open-gop=1`."""
    return Coding(gop=gop, options=(("x264-params", f"scenecut=0:keyint={gop}:min-keyint=1:{params}"),))


def irregular(frames: int) -> list[int]:
    """Presentation times that rise by 1, 2, 3 or 7 units in turn."""
    steps = (1, 3, 2, 1, 7)
    return np.cumsum([0, *(steps[n % len(steps)] for n in range(frames - 1))]).tolist()


# Broken files.


def copied(source: Path, place: Path) -> Path:
    """An mp4 file that is shown as another is and has a content of its own: its name, in a box that every
    reader skips.
    """
    name = place.name.encode()
    place.write_bytes(source.read_bytes() + (8 + len(name)).to_bytes(4, "big") + b"free" + name)
    return place


def empty(folder: Path) -> Path:
    """No bytes at all."""
    return _written(folder / "empty.mp4", b"")


def not_a_video(folder: Path) -> Path:
    """A text with a video's name."""
    return _written(folder / "letter.mp4", b"Dear reader, this is no video.\n" * 40)


def audio_only(folder: Path) -> Path:
    """A container with a sine tone and no picture."""
    path = folder / "audio_only.mp4"
    if not path.exists():
        tone = (np.sin(np.arange(16000) * 0.17) * 8000).astype(np.int16)[None]
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=16000)
            frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            frame.sample_rate = 16000
            for packet in (*stream.encode(frame), *stream.encode(None)):
                container.mux(packet)
    return path


def cover_art(folder: Path) -> Path:
    """A piece of music whose only picture is its cover."""
    path = folder / "cover.m4a"
    if not path.exists():
        picture = av.VideoFrame.from_ndarray(calm(64, 64, 0), format="rgb24").reformat(format="yuvj420p")
        with av.open(str(audio_only(folder))) as music, av.open(str(path), "w", format="mp4") as output:
            sound = output.add_stream_from_template(music.streams.audio[0])
            cover = output.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
            cover.disposition = Disposition.attached_pic
            for packet in (*cover.encode(picture), *cover.encode(None)):
                output.mux(packet)
            for packet in music.demux(audio=0):
                if packet.size:
                    packet.stream = sound
                    output.mux(packet)
    return path


def with_cover(folder: Path) -> Clip:
    """A small film, which is not marked as the usual track, with a large picture for its cover."""
    film, path = counting(folder, frames=24), folder / "with_cover.mp4"
    if not path.exists():
        picture = av.VideoFrame.from_ndarray(calm(640, 640, 0), format="rgb24").reformat(format="yuvj420p")
        with av.open(str(film.path)) as source, av.open(str(path), "w") as output:
            cover = output.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 640, 640, "yuvj420p"
            cover.disposition = Disposition.attached_pic
            copied = output.add_stream_from_template(source.streams.video[0])
            copied.disposition = Disposition(0)
            for packet in (*cover.encode(picture), *cover.encode(None)):
                output.mux(packet)
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = copied
                    output.mux(packet)
    return replace(film, path=path)


def captions_only(folder: Path) -> Path:
    """A readable container with neither picture nor sound."""
    return _written(folder / "captions.srt", b"1\n00:00:01,000 --> 00:00:02,000\nGood morning\n\n")


def playlist(folder: Path) -> Path:
    """A list of other files with a video's name: not followed."""
    target = counting(folder, frames=3).path
    return _written(folder / "list.mp4", f"ffconcat version 1.0\nfile {target.name}\n".encode())


def zero_frames(folder: Path) -> Path:
    """A video stream with a header and not one packet."""
    path = folder / "zero_frames.mkv"
    if not path.exists():
        with av.open(str(path), "w") as container:
            stream = container.add_stream("ffv1", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            container.start_encoding()
    return path


def truncated(folder: Path, *, share: float = 0.6) -> Clip:
    """An mp4 whose header stands in front and whose end is cut off, in the middle of a packet; `missing`
    are the frames behind that one.
    """
    whole = counting(
        folder, frames=60, coding=replace(h264("bframes=0"), container=(("movflags", "faststart"),))
    )
    path = folder / "truncated.mp4"
    data = whole.path.read_bytes()
    _written(path, data[: int(len(data) * share)])
    with av.open(str(whole.path)) as container:
        kept = sum(
            (packet.pos or 0) < int(len(data) * share) for packet in container.demux(video=0) if packet.size
        )
    return replace(whole, path=path, missing=whole.frame_count - kept)


def bitflips(folder: Path, *, flips: int = 60) -> Path:
    """A whole file with damage all over its pictures; a decoder complains, and gives most of them."""
    data = bytearray(counting(folder, frames=60, coding=h264("bframes=2")).path.read_bytes())
    media = data.find(b"mdat") + 2000
    for at in np.random.default_rng(7).integers(media, len(data) - 4000, flips):
        data[at] ^= 0x5A
    return _written(folder / "bitflips.mp4", bytes(data))


def joined_encodings(folder: Path, *, alike: bool) -> Clip:
    """Three encodings one after the other in a transport stream; unless `alike` the second has other
    colours and the third names none.
    """
    colours = ("bt709", "bt709", "bt709") if alike else ("bt709", "smpte170m", "")
    parts = [
        counting(
            folder,
            frames=24,
            start_s=2 * n,
            first_number=24 * n,
            coding=replace(h264(_coloured(colour)), suffix=".ts"),
        )
        for n, colour in enumerate(colours)
    ]
    path = _written(
        folder / f"joined_{'alike' if alike else 'changing'}.ts",
        b"".join(part.path.read_bytes() for part in parts),
    )
    return replace(parts[0], path=path, frame_count=72, times_s=tuple(Fraction(n, 12) for n in range(72)))


def _coloured(colour: str) -> str:
    return f"bframes=0:colorprim={colour}:transfer={colour}:colormatrix={colour}" if colour else "bframes=0"


def two_video_streams(folder: Path) -> Clip:
    """A small stream first and a large one second: the large one is the best."""
    small, large = counting(folder, frames=24), counting(folder, frames=36, width=320, height=240)
    path = folder / "two_streams.mp4"
    if not path.exists():
        with (
            av.open(str(path), "w") as output,
            av.open(str(small.path)) as first,
            av.open(str(large.path)) as second,
        ):
            streams = [output.add_stream_from_template(source.streams.video[0]) for source in (first, second)]
            for stream in streams:
                stream.disposition = Disposition.default
            for source, stream in zip((first, second), streams, strict=True):
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.stream = stream
                        output.mux(packet)
    return replace(large, path=path)


# Pictures.


def number_of(picture: Pixels) -> int:
    """The number that a stored (unturned) picture carries; H x W x 3 uint8."""
    side = _side(picture.shape[1])
    strip = picture[-side:, :, :].mean(axis=2)
    bits = [
        strip[side // 4 : -side // 4, i * side + side // 4 : (i + 1) * side - side // 4].mean() > 128
        for i in range(BITS)
    ]
    return sum(1 << i for i, bit in enumerate(bits) if bit)


def numbered(picture: Pixels, number: int) -> Pixels:
    """The picture with its number drawn along the bottom edge."""
    side = _side(picture.shape[1])
    for i in range(BITS):
        picture[-side:, i * side : (i + 1) * side] = WHITE if number >> i & 1 else BLACK
    return picture


def texture(number: int, width: int, height: int, scene: int) -> Pixels:
    """A coloured pattern that drifts by a pixel a frame."""
    rng = np.random.default_rng(1000 + scene)
    colour, other = rng.integers(30, 220, (2, 3))
    pitch, slope = int(rng.integers(9, 25)), int(rng.integers(1, 4))
    y, x = np.mgrid[0:height, 0:width]
    stripes = ((x + number + slope * y) // pitch % 2)[..., None]
    return np.where(stripes, colour, other).astype(np.uint8)


def calm(width: int, height: int, scene: int) -> Pixels:
    """A plain wall over a plain floor, of another colour in each scene."""
    wall, floor = ((196, 204, 208), (120, 112, 100)) if scene % 2 == 0 else ((70, 90, 60), (40, 36, 30))
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height * 3 // 4], picture[height * 3 // 4 :] = wall, floor
    return picture


def scene_of(number: int, cuts: Sequence[int]) -> int:
    """Ordinal of the scene a frame belongs to."""
    return sum(cut <= number for cut in cuts)


# Persons in ultralytics/assets/bus.jpg (810 x 1080): left, top, right, bottom, as annotated by eye.
_BUS_PERSONS = ((48, 396, 246, 906), (220, 404, 346, 866), (664, 380, 810, 880))  # OpenCV finds the first one


@cache
def photograph(package: str, name: str) -> Pixels:
    """A photograph that ships inside an installed package; H x W x 3 uint8 RGB."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    with av.open(str(Path(spec.submodule_search_locations[0]) / name)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def person_picture(which: int, *, height: int) -> Pixels:
    """One of the three whole persons of ultralytics' bus photograph, scaled to a height (even sizes)."""
    left, top, right, bottom = _BUS_PERSONS[which % len(_BUS_PERSONS)]
    crop = np.ascontiguousarray(photograph("ultralytics", "assets/bus.jpg")[top:bottom, left:right])
    width = round((right - left) * height / (bottom - top) / 2) * 2
    return (
        av.VideoFrame.from_ndarray(crop, format="rgb24")
        .reformat(width, height, "rgb24", interpolation="AREA")
        .to_ndarray()
    )


def _step(which: int, n: int, frames: int, figure: Pixels, size: tuple[int, int]) -> Box:
    """Person 0 walks from left to right; each further one starts elsewhere and goes the other way."""
    height, width = figure.shape[:2]
    room = size[0] - width
    share = n / max(1, frames - 1) * 0.5 + (0.05 if which % 2 == 0 else 0.0)
    x = round(room * (share if which % 2 == 0 else 1 - share))
    return Box(x, size[1] - height - 20, width, height)


# Encoding.


def rendered(clip: Clip, coding: Coding, paint: Paint) -> Clip:
    """The clip, encoded now unless its file (named after its facts) is there; `clip.path` is the folder
    on entry.
    """
    facts = repr((replace(clip, path=Path()), coding, paint.__qualname__)).encode()
    path = clip.path / f"{coding.codec}_{hashlib.sha256(facts).hexdigest()[:10]}{coding.suffix}"
    if not path.exists():
        encoded(
            path, lambda partial: _encode(partial, clip, coding, paint), is_kept=paint.__module__ == __name__
        )
    return replace(clip, path=path)


def encoded(path: Path, encode: Callable[[Path], None], *, is_kept: bool = True) -> None:
    """A file at `path`, as `encode` writes it; of what only this module paints, a copy of one that some
    session has written before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not is_kept:
        _whole(path, encode)
        return
    kept = _kept_in() / path.name
    if not kept.exists():
        _whole(kept, encode)
    _whole(path, lambda partial: shutil.copyfile(kept, partial))


@cache
def _kept_in() -> Path:
    """The folder of encoded clips of this user, of this module as it is, and of the encoders that are
    installed.
    """
    told = Path(__file__).read_bytes() + f"{av.__version__} {av.library_versions}".encode()
    folder = (
        Path(tempfile.gettempdir()) / f"vaengine-clips-{os.getuid()}" / hashlib.sha256(told).hexdigest()[:16]
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a name that nobody else writes to, then give it its own: whoever looks finds all
    of it, or none.
    """
    partial = path.with_name(f"partial_{secrets.token_hex(4)}_{path.name}")
    try:
        write(partial)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def _encode(path: Path, clip: Clip, coding: Coding, paint: Paint) -> None:
    width, height = clip.native_size
    time_base = Fraction(1, 1) / clip.fps if coding.suffix != ".gif" else Fraction(1, 100)
    with av.open(str(path), "w", container_options=dict(coding.container)) as container:
        stream = container.add_stream(coding.codec, rate=clip.fps, options=coding.codec_options())
        stream.width, stream.height, stream.pix_fmt = width, height, coding.pix_fmt
        stream.codec_context.time_base = time_base
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = coding.gop, coding.bframes
        stream.codec_context.thread_count = 1
        if clip.rotation or clip.mirrored:
            stream.set_display_rotation(-clip.rotation, hflip=clip.mirrored)
        for frame in _frames(clip, coding, time_base, paint):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _frames(clip: Clip, coding: Coding, time_base: Fraction, paint: Paint) -> Iterator[av.VideoFrame]:
    for number, time_s in enumerate(clip.times_s):
        frame = av.VideoFrame.from_ndarray(paint(number), format="rgb24").reformat(format=coding.pix_fmt)
        frame.pts, frame.time_base = round((time_s + clip.start_s) / time_base), time_base
        yield frame


def _side(width: int) -> int:
    return width // BITS


def _written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# Sound.


@dataclass(frozen=True)
class Clicks:
    """A file whose sound is silent but for short bursts; `at_s` are their beginnings, in seconds since its
    first sample.

    The sound begins `starts_s` after the first picture, and lasts `seconds`.
    """

    path: Path
    at_s: tuple[Fraction, ...]
    seconds: int
    starts_s: Fraction = Fraction(0)


def clicking(
    folder: Path,
    *,
    codec: str = "pcm_s16le",
    suffix: str = ".wav",
    rate: int = 48_000,
    layout: str = "mono",
    seconds: int = 25,
    starts_s: Fraction | int | None = None,
    front: bool = False,
) -> Clicks:
    """Bursts of 4 ms at known times, one of them at each multiple of 20 s; beside pictures where `starts_s`
    is given.

    With `front` the header of an mp4 stands in front of the sound.
    """
    at_s = {Fraction(n * 2 + 1) + Fraction(n % 97, 97) for n in range(seconds // 2)} | {
        Fraction(at) for at in range(20, seconds, 20)
    }
    name = f"clicks_{codec}_{rate}_{layout}_{seconds}s{'_front' * front}" + (
        "" if starts_s is None else f"_{float(starts_s)}s_late"
    )
    clicks = Clicks(folder / f"{name}{suffix}", tuple(sorted(at_s)), seconds, Fraction(starts_s or 0))
    if not clicks.path.exists():
        options = {"movflags": "faststart"} if front and suffix == ".mp4" else {}
        with_pictures = starts_s is not None
        encoded(
            clicks.path,
            lambda partial: _click(
                partial, clicks, codec, rate, layout, options, with_pictures=with_pictures
            ),
        )
    return clicks


def _click(
    path: Path,
    clicks: Clicks,
    codec: str,
    rate: int,
    layout: str,
    options: dict[str, str],
    *,
    with_pictures: bool,
) -> None:
    with av.open(str(path), "w", container_options=options) as container:
        pictures = container.add_stream("mpeg2video", rate=25) if with_pictures else None
        sound = container.add_stream(codec, rate=rate, layout=layout)
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        for tenth, frame in enumerate(_bursts(clicks, rate, layout)):
            for number in (
                range(*(round(at * 2.5) for at in (tenth, tenth + 1))) if pictures is not None else ()
            ):
                picture = av.VideoFrame.from_ndarray(calm(64, 48, 0), format="rgb24").reformat(
                    format="yuv420p"
                )
                picture.pts, picture.time_base = number, Fraction(1, 25)
                container.mux(pictures.encode(picture))
            container.mux(sound.encode(frame))
        for stream in (sound, *([pictures] if pictures is not None else [])):
            container.mux(stream.encode(None))


def _bursts(clicks: Clicks, rate: int, layout: str) -> Iterator[av.AudioFrame]:
    """Frames of a tenth of a second, both channels alike."""
    wave = np.zeros(clicks.seconds * rate, np.float32)
    for at_s in clicks.at_s:
        first = round(at_s * rate)
        burst = np.sin(np.arange(rate // 250) * 2 * np.pi * 1000 / rate) * 0.7
        wave[first : first + len(burst)] = burst
    channels = len(av.AudioLayout(layout).channels)
    for first in range(0, len(wave), rate // 10):
        piece = wave[first : first + rate // 10]
        frame = av.AudioFrame.from_ndarray(np.stack([piece] * channels), format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = (
            rate,
            Fraction(1, rate),
            first + round(clicks.starts_s * rate),
        )
        yield frame
