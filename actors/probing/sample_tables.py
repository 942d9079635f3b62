"""Leaves the content of a remote MP4 or QuickTime file unread where its sample tables say all.

They list the place, size and time of every packet, so FFmpeg makes the same packets of zeros. Only what
is looked into is fetched: the first packets, some keyframes, and the last packets of sound.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from actors.container.frame_index import PacketTable
from actors.sources.ranged_file import RangedFile
from schemas.media.frames import Ints

SAMPLE_TABLES: Final = frozenset({"mov", "mp4"})
# The orientation and the safety of entry points are found from these keyframes, parameter sets from all.
DECODED_KEYFRAMES: Final = 2
SAMPLED_KEYFRAMES: Final = 6
# The beginning of a keyframe, in which parameter sets stand.
HEAD_BYTES: Final = 4096
# The first packets show whether pictures are coded in another order than they are shown.
FIRST_PACKETS: Final = 16
LAST_PACKETS: Final = 2  # of sound; their decoded length counts (`actors.probing.audio_probe`)
MAX_BOXES: Final = 1000  # at the top of a file that is not damaged


@dataclass(frozen=True, slots=True)
class SampleTables:
    """The decoding times (int64) of a stream's keyframes, as its file lists them."""

    keyframe_dts: Ints

    def applied_to(self, table: PacketTable) -> PacketTable:
        """The table with the listed keyframes: of packets of zeros FFmpeg says that they are none."""
        return replace(table, keyframe=np.isin(table.dts, self.keyframe_dts))


def use_sample_tables(
    container: Any, stream: Any, formats: frozenset[str], remote: RangedFile | None
) -> SampleTables | None:
    """Have most of a remote file read as zeros, if its tables list all packets; else None."""
    if remote is None or not formats & SAMPLE_TABLES or has_fragments(remote):
        return None
    if any(not _is_listed(one) for one in (*container.streams.video, *container.streams.audio)):
        return None
    entries = list(stream.index_entries)
    tails = [entry for sound in container.streams.audio for entry in _last(sound.index_entries)]
    remote.leave_out_all_but([*wanted_ranges(entries), *map(_extent, tails)])
    return SampleTables(np.array([entry.timestamp for entry in entries if entry.is_keyframe], np.int64))


def _is_listed(stream: Any) -> bool:
    return bool(0 < stream.frames <= len(stream.index_entries))


def wanted_ranges(entries: Sequence[Any]) -> list[tuple[int, int]]:
    """The bytes `[start, stop)` of a stream that are looked into."""
    keyframes = [entry for entry in entries if entry.is_keyframe]
    whole = [*entries[:FIRST_PACKETS], *keyframes[:DECODED_KEYFRAMES]]
    step = max(1, len(keyframes) // SAMPLED_KEYFRAMES)
    heads = keyframes[::step][:SAMPLED_KEYFRAMES]
    return [_extent(one) for one in whole] + [(one.pos, one.pos + min(one.size, HEAD_BYTES)) for one in heads]


def _extent(entry: Any) -> tuple[int, int]:
    return entry.pos, entry.pos + entry.size


def _last(entries: Any) -> list[Any]:
    return [entries[number] for number in range(max(0, len(entries) - LAST_PACKETS), len(entries))]


def has_fragments(file: RangedFile) -> bool:
    """Whether packets are listed in fragments all over the file, and not all at one place."""
    return any(kind in (b"moof", b"") for kind in _boxes(file))


def _boxes(file: RangedFile) -> Iterator[bytes]:
    """The types of the boxes at the top (ISO/IEC 14496-12, 4.2); an empty one for what is no box."""
    at, back = 0, file.tell()
    try:
        for _ in range(MAX_BOXES):
            if at >= file.size_bytes:
                return
            file.seek(at)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1 and len(head) == 16:
                (size,) = struct.unpack(">Q", head[8:])
            yield head[4:8] if size == 0 or size >= 8 else b""
            if size < 8:
                return
            at += size
    finally:
        file.seek(back)
