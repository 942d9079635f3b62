"""The facts of a video before it is decoded: identity, picture, tracks, and the time of every frame."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import PurePath

import numpy as np

from schemas.media.audio import AudioStream
from schemas.media.frames import Ints
from schemas.paths import name_of
from schemas.pipelines import AUDIO

MAX_STEM_LENGTH = 64  # Characters of a file name's stem that a video_id keeps.


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """The time of each frame, and the frames at which decoding may begin.

    `pts` int64, presentation order, strictly increasing, in units of the stream's time base; `keyframes`
    int64, positions in `pts` of the frames at which a decoder may be started (closed and open GOPs alike:
    frames shown before the keyframe belong to the chunk before). `exact` is False where the container does
    not say (no timestamps, several packets a picture): then `pts` is only an estimate, and the video is
    decoded in one sequence and counted. `missing` frames are promised by the header but have no packet.
    Where it is `made_up`, and so not exact, the file holds no time of presentation at all: the times of
    packets and pictures were made up from the order of decoding, and the nth decoded picture is shown at
    `pts[n]`.
    """

    pts: Ints
    keyframes: Ints
    exact: bool
    missing: int = 0
    made_up: bool = False

    def __post_init__(self) -> None:
        if self.exact and len(self.pts) > 1 and bool((np.diff(self.pts) <= 0).any()):
            raise ValueError("presentation times of an exact index must increase")
        if self.exact and self.made_up:
            raise ValueError("presentation times that were made up are not exact")
        if self.missing < 0:
            raise ValueError(f"missing frames cannot be {self.missing}")

    def __len__(self) -> int:
        return len(self.pts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrameIndex):
            return NotImplemented
        return (
            (self.exact, self.missing, self.made_up) == (other.exact, other.missing, other.made_up)
            and np.array_equal(self.pts, other.pts)
            and np.array_equal(self.keyframes, other.keyframes)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays


@dataclass(frozen=True, slots=True)
class StreamFault:
    """Why a stream of a file cannot be used; the other streams can.

    `kind` is that of a failure, `message` says what happened.
    """

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Video:
    """One content, under one of its paths.

    `width`, `height` are of the displayed picture, after turning it clockwise by `rotation` degrees (0, 90,
    180, 270) and, where it is `mirrored`, exchanging left and right. A pts p is shown at `(p - start_pts) *
    time_base` seconds; `end_pts` is when the last frame ends. `time_base` is the stream's, or a whole
    fraction of it where the stream's clock is too coarse to tell its frames apart. `track` is the number of
    the requested video track, None for the usual one. `notes` are warnings for results of its pictures,
    `file_notes` for each result of the file. `nominal_fps` is FFmpeg's guess at the rate the video was
    meant to have, in which PySceneDetect counts; no time is computed from it.

    A file of sound alone has an empty index, no size, and the time base, beginning and end of its sound.
    `sound` is the track that is analysed, `sounds` are all tracks that can be decoded. `is_sound_known` is
    False where sound was not probed. `sound_fault` and `picture_fault` say why `sound` or pictures are
    missing though the file has them.
    """

    video_id: str
    # sha256, hex: of the content, of samples of a large remote object (`actors.sources.content`), or of the
    # location where no content can be read.
    fingerprint: str
    path: str  # absolute, or a URL
    size_bytes: int
    mtime_ns: int
    container: str
    codec: str
    stream_index: int
    time_base: Fraction
    start_pts: int
    end_pts: int
    width: int
    height: int
    rotation: int
    nominal_fps: Fraction
    index: FrameIndex
    sound: AudioStream | None = None
    mirrored: bool = False
    track: int | None = None
    notes: tuple[str, ...] = ()
    file_notes: tuple[str, ...] = ()
    sounds: tuple[AudioStream, ...] = ()
    is_sound_known: bool = True
    sound_fault: StreamFault | None = None
    picture_fault: StreamFault | None = None
    version: str = ""  # what a remote server calls this state of the content (ETag); empty for a file

    def __post_init__(self) -> None:
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation must be a quarter turn, got {self.rotation}")
        sizes = self.width > 0 and self.height > 0 if self.has_pictures else self.sound is not None
        if not sizes or self.time_base <= 0 or self.end_pts <= self.start_pts:
            raise ValueError(
                f"impossible video facts for {self.path}: {self.width}x{self.height}, [{self.start_pts}, "
                f"{self.end_pts})"
            )

    @property
    def has_pictures(self) -> bool:
        return len(self.index) > 0

    @property
    def sound_start_s(self) -> float:
        """The time of the first sample in seconds since the first frame.

        It is negative where the sound begins earlier.
        """
        return float(self.sound.start - self.start_pts * self.time_base) if self.sound else 0.0

    def listening_to(self, track: int | None) -> Video:
        """The same video with another of its tracks as `sound`, None for the usual one.

        It has no `sound` where there is no such track.
        """
        if track is None:
            return self
        return replace(self, sound=next((sound for sound in self.sounds if sound.track == track), None))

    def units(self, pipeline: str) -> int:
        """The amount of work for a pipeline: frames with packets, or samples for audio_processing.

        Samples are at 16 kHz. A video that is decoded in one sequence is one unit.
        """
        if pipeline == AUDIO:
            return self.sound.samples if self.sound else 0
        return len(self.index) if self.index.exact else min(1, len(self.index))

    @property
    def frame_count(self) -> int:
        """Frames that the file promises: those with packets and those that are missing."""
        return len(self.index) + self.index.missing

    @property
    def duration_s(self) -> float:
        return float((self.end_pts - self.start_pts) * self.time_base)

    def time_s(self, pts: int) -> float:
        """Seconds from the first frame to `pts`."""
        return float((pts - self.start_pts) * self.time_base)


def safe_stem(path: str) -> str:
    """A file's stem as it may stand in a folder name on any system: ASCII letters, digits, `.`, `_`, `-`."""
    ascii_stem = (
        unicodedata.normalize("NFKD", PurePath(name_of(path)).stem).encode("ascii", "ignore").decode()
    )
    return re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_stem).strip("._-")[:MAX_STEM_LENGTH] or "video"


def is_named_after(video_id: str, path: str) -> bool:
    """Whether an id was made for a file of this name.

    Otherwise the same content was first known under another name.
    """
    return video_id.rpartition("-")[0] == safe_stem(path)


def video_id_for(path: str, fingerprint: str, *, digits: int = 8) -> str:
    """`{stem}-{hex}`, the same for the same name and content anywhere.

    It has 16 digits where the 8 digits belong to another content.
    """
    return f"{safe_stem(path)}-{fingerprint[:digits]}"
