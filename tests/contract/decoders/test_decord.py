"""decord says by name what it cannot do, and nothing more; whatever is wrong with a file, the process
lives and the reason is one line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice, pairwise
from pathlib import Path

import pytest

from actors.decoding.backends import decoder_for
from actors.decoding.decord_decoder import refusal
from actors.probing.probe import probe
from schemas.errors import DecoderRefuses
from schemas.work.chunk import ChunkSpec
from tests.support.media import clips
from tests.support.media.refusals import REFUSED
from vaengine.planning.plan import chunk_spec

pytestmark = pytest.mark.skipif(find_spec("decord") is None, reason="decord is made for x86-64 Linux only")

OPENINGS = 100


def by_decord(path: Path) -> ChunkSpec:
    video = probe(str(path))
    return replace(chunk_spec(video, 0, len(video.index)), backend="decord")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def zeroed(folder: Path) -> Path:
    """A whole file with a hole of zeros in its pictures."""
    data = bytearray(clips.counting(folder, frames=60, coding=clips.h264("bframes=2")).path.read_bytes())
    middle = data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2
    data[middle : middle + 5000] = bytes(5000)
    path = folder / "zeroed.mp4"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("variant", clips.VARIANTS)
def test_decord_refuses_what_it_gets_wrong_and_nothing_else(variant: str, clip_folder: Path) -> None:
    reason = refusal(str(clips.VARIANTS[variant](clip_folder).path))
    assert (reason is None) == (variant not in REFUSED)
    assert reason is None or REFUSED[variant] in reason


@pytest.mark.parametrize("variant", REFUSED)
def test_a_refusal_names_the_file_the_decoder_and_what_to_do(variant: str, clip_folder: Path) -> None:
    path = clips.VARIANTS[variant](clip_folder).path
    with pytest.raises(DecoderRefuses) as refused:
        list(decoder_for(by_decord(path)))
    told = str(refused.value)
    assert told.startswith(f"{path}: decord refuses it: ")
    assert told.endswith("use --set decode.backend=pyav")
    assert "\n" not in told


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda folder: clips.two_video_streams(folder).path, "it chooses one of 2 video streams by itself"),
        (lambda folder: clips.truncated(folder).path, "the file is truncated"),
        (zeroed, r"frame \d+ is damaged"),
    ],
    ids=["two_streams", "truncated", "zeroed"],
)
def test_what_is_wrong_with_a_file_is_told_in_one_line(
    broken: Callable[[Path], Path], reason: str, clip_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = by_decord(broken(clip_folder))
    with pytest.raises(DecoderRefuses, match=reason):
        list(decoder_for(spec))
    assert capfd.readouterr() == ("", "")


def test_without_decord_installed_every_file_is_refused(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clips.counting(clip_folder, frames=7).path
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(DecoderRefuses, match="it is not installed"):
        list(decoder_for(by_decord(path)))


@pytest.mark.long
def test_opening_many_files_leaves_no_memory_and_no_files_behind(clip_folder: Path) -> None:
    spec = by_decord(clips.VARIANTS["h264_closed_gop"](clip_folder).path)

    def opened(times: int) -> tuple[int, int]:
        for _ in range(times):
            list(islice(decoder_for(spec), 3))
        return resident_bytes(), len(list(Path("/proc/self/fd").iterdir()))

    seen = [opened(20), *(opened(OPENINGS) for _ in range(3))]
    assert len({files for _, files in seen}) == 1
    grown = [later - earlier for (earlier, _), (later, _) in pairwise(seen)]
    assert min(grown) < OPENINGS * 32 * 1024, (
        "a picture of this clip, kept each time, has 58 KB; what the allocator keeps, it keeps once"
    )
