"""Small files with the property of a public bug report, each with its right answer: a table, one row a file.

Right answers were known from how the files were made, or from ffprobe.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from actors.decoding.audio_decoder import decoded
from actors.probing.probe import probe
from schemas.errors import Truncated
from schemas.media.audio import SAMPLE_RATE
from tests.conftest import SHARED
from tests.support.runs.in_process import displayed, looked_at
from vaengine.rendering.render import RenderOptions, render
from vaengine.results.lookup import VideoResults

pytestmark = pytest.mark.shared

CASES = SHARED / "media" / "cases"

Check = Callable[[Path], None]


def has_pictures(frames: int, cuts: list[int], *, seconds: float, starts_s: tuple[float, ...] = ()) -> Check:
    """So many frames, hard cuts there, nothing missing, so long; the scenes begin at `starts_s`, where
    given.
    """

    def check(path: Path) -> None:
        found = looked_at(path)
        assert (len(found.numbers.frame_numbers), found.video.frame_count, found.cuts) == (
            frames,
            frames,
            cuts,
        )
        assert found.said == ""
        assert found.video.duration_s == pytest.approx(seconds, abs=0.001)
        assert found.scenes[0].timestamp_seconds == 0.0
        if starts_s:
            assert [scene.timestamp_seconds for scene in found.scenes] == pytest.approx(starts_s, abs=0.0006)

    return check


def is_displayed_like(control: str) -> Check:
    """Pictures are those of another file, which is stored the way up that this one is shown."""

    def check(path: Path) -> None:
        pairs = zip(displayed(path), displayed(CASES / control), strict=True)
        assert max(float(np.abs(one.astype(int) - other).mean()) for one, other in pairs) < 3

    return check


def lacks_pictures(seconds: float) -> Check:
    """Every frame is there, and a warning tells how long there is none."""

    def check(path: Path) -> None:
        found = looked_at(path)
        assert found.verdict.error is None
        assert f"{seconds:.2f} s are without pictures" in found.said

    return check


def begins_with_its_first_picture(path: Path) -> None:
    """What cannot be decoded is no frame, and the sound begins as long before the first picture as it
    does in the file.
    """
    has_pictures(95, [15, 55], seconds=3.8)(path)
    assert looked_at(path).video.sound_start_s == pytest.approx(191_720 / 90_000 - 223_200 / 90_000)


def is_truncated(promised: int) -> Check:
    """About so many frames are promised, and half of them are missing."""

    def check(path: Path) -> None:
        error = looked_at(path).verdict.error
        assert isinstance(error, Truncated)
        _, lost, of = error.args
        assert of == pytest.approx(promised, abs=2)
        assert 0.25 * promised < lost < 0.75 * promised

    return check


def is_rendered_whole(frames: int) -> Check:
    """`render` writes every frame, as it is displayed."""

    def check(path: Path) -> None:
        with TemporaryDirectory() as folder:
            target = Path(folder) / "drawn.mp4"
            made = render(
                VideoResults(probe(str(path)), (), {}, {}), target, RenderOptions(crf=1, with_sound=False)
            )
            height, width = displayed(path)[0].shape[:2]
            drawn = [picture[:height, :width] for picture in displayed(target)]
        assert (made.frames_done, len(drawn)) == (frames, frames)
        assert (
            max(
                float(np.abs(one.astype(int) - other).mean())
                for one, other in zip(drawn, displayed(path), strict=True)
            )
            < 4
        )

    return check


def hears_a_hole(seconds: float) -> Check:
    """So many seconds of sound are lost, in stretches that hold nothing at all too."""

    def check(path: Path) -> None:
        sound = probe(str(path)).sound
        assert sound is not None
        _, is_lost = decoded(str(path), sound, 0, sound.samples)
        assert is_lost.sum() / SAMPLE_RATE == pytest.approx(seconds, abs=0.15)

    return check


# A file, and what is right of it. Files of the same kinds are made in the tests of each room.
TABLE: tuple[tuple[str, Check], ...] = (
    ("b42_h264_bframes.avi", has_pictures(120, [40, 80], seconds=4.8, starts_s=(0.0, 1.6, 3.2))),
    ("b42_h264_bframes.avi", is_rendered_whole(120)),
    ("d06_noctts.mp4", has_pictures(118, [38, 78], seconds=4.72)),
    ("f_hflip_matrix.mp4", is_displayed_like("f_control.mp4")),
    ("f_hflip_matrix.mp4", is_rendered_whole(10)),
    ("d20_hole65s.ts", hears_a_hole(65.0)),
    ("d20_hole65s.ts", lacks_pictures(64.92)),
    ("b43_midgop.ts", begins_with_its_first_picture),
    ("b23_2000fps.mkv", has_pictures(120, [40, 80], seconds=0.06, starts_s=(0.0, 0.02, 0.04))),
    ("b05_concat_reset.ts", has_pictures(120, [40, 80], seconds=4.8)),
    ("d1_cut50_mkv.mkv", is_truncated(120)),
    ("d1_cut50_avi.avi", is_truncated(120)),
    ("d1_cut50_webm.webm", is_truncated(120)),
    ("d1_cut50_flv.flv", is_truncated(120)),
)


@pytest.mark.parametrize(
    ("name", "check"), TABLE, ids=[f"{number}-{name}" for number, (name, _) in enumerate(TABLE)]
)
def test_a_file_of_a_public_bug_report_has_its_right_answer(name: str, check: Check) -> None:
    check(CASES / name)
