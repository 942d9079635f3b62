"""Packets of a file, whatever its demuxer runs into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest
from av.error import EOFError as EndOfFile
from av.error import InvalidDataError

from actors.container.container import MAX_BROKEN_READS, demuxed
from actors.probing.probe import probe
from schemas.errors import Unreadable
from tests.support.media import clips


@dataclass
class Packet:
    """Only its size counts."""

    size: int = 1


@dataclass
class Container:
    """Gives packets, or raises, as it is told; after an error it goes on where it was."""

    script: list[Packet | Exception]
    name: str = "film.ts"
    told: list[str] = field(default_factory=list)

    def demux(self, _: object) -> Iterator[Packet]:
        while self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            yield step


def damage() -> Exception:
    return InvalidDataError(1094995529, "Invalid data found when processing input")


def counted(*script: Packet | Exception, note: Callable[[str], None] = lambda _: None) -> int:
    return len(list(demuxed(Container(list(script)), None, note)))


def test_packets_behind_damage_are_read_and_the_damage_is_told() -> None:
    told: list[str] = []
    assert counted(Packet(), damage(), Packet(), Packet(0), damage(), Packet(), note=told.append) == 3
    assert told == ["container: Invalid data found when processing input"] * 2


def test_damage_without_end_is_given_up() -> None:
    assert counted(Packet(), *(damage() for _ in range(MAX_BROKEN_READS)), Packet()) == 1


@pytest.mark.parametrize(
    "end", [EndOfFile(541478725, "End of file"), IndexError("list index out of range")], ids=repr
)
def test_the_end_is_the_end_also_where_a_stream_began_on_the_way(end: Exception) -> None:
    assert counted(Packet(), Packet(), end) == 2


def test_what_the_operating_system_refuses_is_told() -> None:
    with pytest.raises(Unreadable, match="Input/output error"):
        counted(Packet(), OSError(5, "Input/output error"))


def test_a_broadcast_whose_sound_begins_on_the_way_is_read_to_its_end(
    clip_folder: Path, tmp_path: Path
) -> None:
    silent = clips.counting(
        clip_folder, frames=24, coding=clips.Coding(codec="mpeg2video", suffix=".ts"), fps=25
    )
    later = clips.clicking(
        clip_folder, codec="mp2", suffix=".ts", rate=48_000, seconds=4, starts_s=Fraction(0)
    )
    path = tmp_path / "joined.ts"
    path.write_bytes(silent.path.read_bytes() + later.path.read_bytes())
    assert probe(str(path)).frame_count > 24
