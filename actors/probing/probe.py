"""Probes a media file: identity, picture size, tracks, and the exact time of every frame.

It reads the header and the packets. Sizes are those of the stored picture after rotation. A sample aspect
ratio other than 1 is not applied, so that a box lies on the very pixels that a decoder gives. Of several
video streams the one that FFmpeg calls best is taken, and the sound that goes with it. Cover art is no
video stream, so a file may have sound alone.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from actors.container.completeness import MIN_GAP_S
from actors.container.container import demuxed, formats_of, opened, opened_with_source
from actors.container.frame_index import (
    PacketTable,
    frame_index,
    inexact_because,
    packet_table,
    subdivision,
    usual_distance,
)
from actors.container.frame_order import PictureOrder
from actors.container.keyframe import EntryPoints
from actors.container.video_tracks import chosen_track, left_out_note
from actors.probing.audio_tracks import SoundTracks
from actors.probing.declared_length import Promise, promise_of
from actors.probing.sample_tables import use_sample_tables
from actors.probing.stream_opening import first_pictures
from actors.sources.content import fingerprint_of
from actors.sources.facts import facts_of
from actors.sources.ranged_file import RangedFile
from schemas.errors import (
    FileChanged,
    NoFrames,
    NoVideoStream,
    UnknownCoding,
    VideoError,
)
from schemas.media.audio import AudioStream
from schemas.media.video import FrameIndex, StreamFault, Video, video_id_for
from schemas.paths import is_url

if TYPE_CHECKING:
    import av.container

INTERLACED: Final = range(2, 6)  # AVFieldOrder: TT, BB, TB, BT


def failed_identity(path: str) -> tuple[str, str]:
    """Video id and fingerprint of a file that could not be probed.

    They come from its content if that can be read, else from its absolute path.
    """
    absolute = _absolute(path)
    try:
        fingerprint = fingerprint_of(absolute)
    except VideoError:
        return identity_of_path(absolute)
    return video_id_for(absolute, fingerprint), fingerprint


def _absolute(path: str) -> str:
    """The absolute path, or the URL; a link keeps its own name."""
    return path if is_url(path) else os.path.abspath(path)  # noqa: PTH100


def identity_of_path(path: str) -> tuple[str, str]:
    """Video id and fingerprint of a file whose content is not read; `path` is absolute or a URL."""
    fingerprint = hashlib.sha256(os.fsencode(path)).hexdigest()
    return video_id_for(path, fingerprint), fingerprint


@dataclass(frozen=True, slots=True)
class StreamChoice:
    """Which streams of a file are probed; the others are not touched."""

    pictures: bool = True
    sound: bool = True


ALL_STREAMS: Final = StreamChoice()


def probe(
    path: str,
    *,
    fingerprint: str | None = None,
    video_track: int | None = None,
    look: StreamChoice = ALL_STREAMS,
) -> Video:
    """Probes a video without decoding it; reads the file once, twice where no `fingerprint` is given.

    `video_track` is the number of the track to look at, None for the usual one. Decodes nothing but at most
    two keyframes (`actors.container.keyframe`), the first pictures where packets do not tell what is shown
    when, and the last packets of sound that do not say how long they are. Where there is sound, pictures
    that cannot be used are a `picture_fault` of the video. Raises `EmptyFile`, `Unreadable`, `NotAVideo`,
    `NoVideoStream`, `NoVideoTrack`, `UnknownCoding`, `NoFrames`, and `FileChanged` where the file changes
    in the meantime.
    """
    absolute = _absolute(path)
    content = fingerprint or fingerprint_of(absolute)
    before = facts_of(absolute)
    with opened_with_source(absolute) as (container, remote):
        video = replace(
            _probe_container(container, remote, absolute, content, video_track, look), track=video_track
        )
    if facts_of(absolute) != before and fingerprint_of(absolute) != content:
        raise FileChanged(absolute)
    return video


def _probe_container(
    container: av.container.InputContainer,
    remote: RangedFile | None,
    path: str,
    fingerprint: str,
    video_track: int | None,
    look: StreamChoice,
) -> Video:
    """A video with pictures if they can be used, else with sound alone."""
    stream = chosen_track(container, video_track, path) if look.pictures else None
    if stream is None:
        return _sound_alone(container, path, fingerprint, look)
    try:
        return _video(container, remote, stream, path, fingerprint, look)
    except (NoFrames, UnknownCoding) as error:
        alone = _sound_despite_fault(path, fingerprint, look)
        if alone is None:
            raise
        return replace(alone, picture_fault=StreamFault(error.kind, error.args[-1]))


def _sound_despite_fault(path: str, fingerprint: str, look: StreamChoice) -> Video | None:
    """The sound of a file whose pictures cannot be used; None where it has none or sound is not probed."""
    try:
        with opened(path) as container:
            return _sound_alone(container, path, fingerprint, look)
    except VideoError:
        return None


def _video(
    container: av.container.InputContainer,
    remote: RangedFile | None,
    stream: Any,
    path: str,
    fingerprint: str,
    look: StreamChoice,
) -> Video:
    tracks = SoundTracks(container, stream) if look.sound else None
    if stream.codec_context is None:
        raise UnknownCoding(path, "its pictures", "they are in a coding that is not known")
    formats = formats_of(container)
    codec = stream.codec_context.codec.canonical_name
    sample_tables = use_sample_tables(container, stream, formats, remote)
    entries, order = EntryPoints(stream), PictureOrder(stream)
    demuxing = demuxed(container, [stream, *(tracks.streams if tracks else ())])
    packets = (
        order.observe(entries.observe(packet))
        for packet in (tracks.passing(demuxing) if tracks else demuxing)
    )
    table = packet_table(packets, codec=codec, interlaced=int(stream.codec_context.field_order) in INTERLACED)
    table = sample_tables.applied_to(table) if sample_tables else table
    table = _without_undecodable_start(replace(table, made_up=order.is_made_up), path, stream.index, formats)
    sound, sounds = tracks.sounds(path, formats) if tracks else (None, ())
    if not table.shown.any() or not stream.width or not stream.height:
        raise NoFrames(
            path,
            "its video stream holds no packet"
            if not len(table)
            else "its video stream holds nothing to show",
        )
    orientation = entries.orientation(formats)
    if not entries.are_safe():
        table = replace(table, keyframe=np.arange(len(table)) == 0)
    scale = subdivision(table)
    rate, time_base = stream.guessed_rate or stream.average_rate, stream.time_base / scale
    step = usual_distance(table, rate, stream.time_base, scale)
    index = frame_index(table, formats, step=step, promised=_promised_frames(stream, formats), scale=scale)
    start, end = int(index.pts[0]), int(index.pts[-1]) + _last_duration(index, table, step)
    promise, size = _promise(path, formats, stream), facts_of(path).size_bytes
    missing_s = promise.missing_s(size, start * time_base, end * time_base) or Fraction(0)
    index = replace(index, missing=max(index.missing, round(missing_s / (step * time_base))))
    sides = (stream.width, stream.height)
    width, height = reversed(sides) if orientation.rotation % 180 else sides
    return Video(
        **_file_facts(path, fingerprint),
        container=container.format.name,
        codec=codec,
        stream_index=stream.index,
        time_base=time_base,
        start_pts=start,
        end_pts=end,
        width=width,
        height=height,
        rotation=orientation.rotation,
        # The rate of a raw stream is a guess.
        nominal_fps=rate if rate and index.exact else 1 / (step * time_base),
        index=index,
        **_sound_facts(sound, sounds, promise, size),
        is_sound_known=look.sound,
        mirrored=orientation.mirrored,
        file_notes=_truncation_notes(promise, size),
        notes=tuple(filter(None, (left_out_note(container, stream), orientation.note))),
    )


def _without_undecodable_start(
    table: PacketTable, path: str, stream_index: int, formats: frozenset[str]
) -> PacketTable:
    """The table without packets at the beginning that give no picture, where packets alone do not say."""
    if not table.shown.any() or table.has_no_times or inexact_because(table, formats) is None:
        return table
    decodable = table.without_undecodable_start(first_pictures(path, stream_index))
    return decodable if decodable.shown.any() else table


def _last_duration(index: FrameIndex, table: PacketTable, step: int) -> int:
    """How long the last frame is shown, in ticks: its packet's duration if packets can be trusted."""
    return table.last_duration or step if index.exact else step


def _sound_alone(
    container: av.container.InputContainer, path: str, fingerprint: str, look: StreamChoice
) -> Video:
    """A file without pictures, cover art aside.

    Raises `NoVideoStream` where it has no sound either, or sound is not probed.
    """
    tracks = SoundTracks(container, None) if look.sound else None
    if tracks is None or not tracks.streams:
        raise NoVideoStream(path)
    for _ in tracks.passing(demuxed(container, tracks.streams)):
        raise AssertionError("only sound is demuxed")
    sound, sounds = tracks.sounds(path, formats_of(container))
    if sound is None:
        raise NoVideoStream(path)
    promise, size = promise_of(path, formats_of(container)), facts_of(path).size_bytes
    return Video(
        **_file_facts(path, fingerprint),
        container=container.format.name,
        codec="",
        stream_index=-1,
        time_base=sound.time_base,
        start_pts=sound.start_pts,
        end_pts=sound.end_pts,
        width=0,
        height=0,
        rotation=0,
        nominal_fps=Fraction(0),
        index=FrameIndex(np.zeros(0, np.int64), np.zeros(0, np.int64), exact=True),
        **_sound_facts(sound, sounds, promise, size),
        file_notes=_truncation_notes(promise, size),
    )


def _promise(path: str, formats: frozenset[str], stream: Any) -> Promise:
    """What the header promises; FFmpeg has the length of MXF."""
    promise = promise_of(path, formats)
    has_stream_duration = "mxf" in formats and stream.duration
    return (
        replace(promise, length_s=((stream.start_time or 0) + stream.duration) * stream.time_base)
        if has_stream_duration
        else promise
    )


def _sound_facts(
    sound: AudioStream | None, sounds: tuple[AudioStream, ...], promise: Promise, size: int
) -> dict[str, Any]:
    """The chosen sound track and all tracks, each with what a truncated file lacks at its end."""
    return {
        "sound": sound and _with_missing_end(sound, promise, size),
        "sounds": tuple(_with_missing_end(track, promise, size) for track in sounds),
    }


def _with_missing_end(sound: AudioStream, promise: Promise, size: int) -> AudioStream:
    missing_s = float(promise.missing_s(size, sound.start, sound.end_pts * sound.time_base) or 0)
    return replace(sound, missing_s=max(sound.missing_s, missing_s if missing_s >= MIN_GAP_S else 0.0))


def _truncation_notes(promise: Promise, size: int) -> tuple[str, ...]:
    note = promise.note(size)
    return (note,) if note else ()


def _file_facts(path: str, fingerprint: str) -> dict[str, Any]:
    return {
        "video_id": video_id_for(path, fingerprint),
        "fingerprint": fingerprint,
        "path": path,
        **asdict(facts_of(path)),
    }


def _promised_frames(stream: Any, formats: frozenset[str]) -> int:
    """Shown frames of an mp4's sample table, edit list applied; 0 for other containers.

    Headers of other containers only estimate.
    """
    return sum(not entry.is_discard for entry in stream.index_entries) if formats & {"mov", "mp4"} else 0
