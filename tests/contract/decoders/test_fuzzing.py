"""Whatever bytes a file holds, it is read, or refused for a reason that has a name, in bounded time.

`FUZZ_ROUNDS=5000` looks at so many damaged files of each kind instead of a few; a failing one is named by its
source and its seed.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CHECKOUT, SHARED
from tests.support.media import clips
from tests.support.media.file_damage import mutated

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "0"))
PATIENCE_S = 60.0  # for one small file on a busy machine; read undamaged they take less than one
MEDIA = SHARED / "media"
REAL = [
    "derived/h264_aac.mp4",
    "derived/h264_aac.ts",
    "derived/h265_aac.mp4",
    "derived/av1_opus.mkv",
    "derived/vp9_opus.webm",
    "derived/mpeg4_mp3.avi",
    "derived/audio_only.mp4",
    "video/decord_rotation_90.mov",
    "video/torchcodec_h264_10bits.mp4",
    "video/pxt_v_shooting_01_01.mpg",
    "audio/fw_hotwords.mp3",
    "audio/libri_2412-153948-0001.flac",
    "audio/ami_ES2011a_headset0_40-46s.wav",
]
VARIANTS = [
    "h264_open_gop_mkv",
    "h264_pyramid",
    "h264_intra_refresh_ts",
    "h264_vfr",
    "h264_rotated_90",
    "raw_h264",
]

MANY = 2000
pytestmark = pytest.mark.timeout(max(300, ROUNDS * 4))


def rounds(usual: int) -> pytest.MarkDecorator:
    """So many damaged files, and many more at length; FUZZ_ROUNDS of them where it is set."""
    many = pytest.param(ROUNDS or MANY, marks=[pytest.mark.long, pytest.mark.timeout(max(ROUNDS, MANY) * 4)])
    return pytest.mark.parametrize("rounds", [ROUNDS or usual, many], ids=["some", "many"])


class Examiner:
    """A process that looks into files; started anew where one ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def examined(self, path: Path) -> dict[str, Any]:
        """What it says of a file: `kinds`; `fault` where it should not have been; `died` with its exit
        code, or None after `PATIENCE_S`.
        """
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        is_there = select.select([process.stdout], [], [], PATIENCE_S)[0]
        answer = process.stdout.readline() if is_there else ""
        if answer:
            found: dict[str, Any] = json.loads(answer)
            return found
        return {"kinds": [], "died": self.stop(kill=not is_there)}

    def stop(self, *, kill: bool = True) -> int | None:
        """End it; its exit code unless it was `kill`ed."""
        process, self._process = self._process, None
        if process is None:
            return None
        if kill:
            process.kill()
        process.communicate()
        return None if kill else process.returncode

    @staticmethod
    def _started() -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.media.probe_process"], cwd=CHECKOUT, **pipes
        )


@contextmanager
def examiner() -> Iterator[Examiner]:
    one = Examiner()
    try:
        yield one
    finally:
        one.stop()


def damage_everything(sources: Sequence[Path], rounds: int, place: Path) -> tuple[list[str], set[str]]:
    """Each file in turn damaged anew; what should not have been, and every kind that came up."""
    contents = [source.read_bytes() for source in sources]
    faults, kinds = [], set()
    with examiner() as one:
        for seed in range(rounds):
            number = seed % len(sources)
            path = place / f"damaged{sources[number].suffix}"
            path.write_bytes(mutated(contents[number], seed, contents[number - 1]))
            found = one.examined(path)
            kinds |= set(found["kinds"])
            if "fault" in found or "died" in found:
                faults.append(f"{sources[number].name} seed {seed}: {found.get('fault') or found}")
    return faults, kinds


@rounds(18)
def test_a_rendered_file_with_any_damage_is_read_or_refused_by_name(
    rounds: int, clip_folder: Path, tmp_path: Path
) -> None:
    sources = [clips.VARIANTS[name](clip_folder).path for name in VARIANTS]
    sources += [clips.clicking(clip_folder, codec="aac", suffix=".mp4", seconds=5, starts_s=0).path]
    sources += [clips.clicking(clip_folder, seconds=5).path, clips.edit_list(clip_folder).path]
    faults, kinds = damage_everything(sources, rounds, tmp_path)
    assert faults == []
    assert {"read", "heard", "not_a_video"} <= kinds, "the damage is neither harmless nor all there is"


@pytest.mark.shared
@rounds(12)
def test_a_real_file_with_any_damage_is_read_or_refused_by_name(rounds: int, tmp_path: Path) -> None:
    faults, kinds = damage_everything([MEDIA / name for name in REAL], rounds, tmp_path)
    assert faults == []
    assert {"read", "heard", "not_a_video"} <= kinds, "the damage is neither harmless nor all there is"


def test_the_same_seed_gives_the_same_damage_and_another_gives_another() -> None:
    data = bytes(range(256)) * 100
    found = [mutated(data, seed, data[::-1]) for seed in range(100)]
    assert found == [mutated(data, seed, data[::-1]) for seed in range(100)]
    assert len(set(found)) > 90
    assert sum(one == data for one in found) < 5
