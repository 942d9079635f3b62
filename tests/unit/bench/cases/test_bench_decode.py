"""The decoding case reads a clip in every way and tells what each cost, or why a decoder was left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cases.decode import (
    described,
    natives,
    of_clip,
    sample_numbers,
    samples,
    seek_for_each,
    spec_of,
    through,
)
from bench.fixtures.codings import FRAMES, codings
from tests.support.media import clips


def test_every_way_gives_the_frames_it_is_timed_for(clip_folder: Path) -> None:
    clip = clips.VARIANTS["h264_closed_gop"](clip_folder)
    spec = spec_of(clip.path)
    assert natives(spec, 1) == clip.frame_count
    assert samples(spec, 1) == len(sample_numbers(spec)) == 20  # 4 s
    assert seek_for_each(clip.path, sample_numbers(spec)[::5]) == 4
    for name, way in through(spec).items():
        assert way() > 0
        assert way.pictures == {clip.frame_count if "every" in name else 20}


def test_a_refused_coding_is_told_in_place_of_a_figure(clip_folder: Path) -> None:
    coding = next(coding for coding in codings() if coding.name == "mpeg2")
    measured = of_clip(clips.VARIANTS["mpeg2_ts"](clip_folder).path, coding, 1)
    told = described({"frames": 60, "sample_fps": 5.0, "clips": {coding.label: measured}})
    row = next(line for line in told.splitlines() if line.startswith("| mpeg2, 250 |"))
    assert row.count("refused") == 3
    assert "decord refuses: mpeg2, 250 (it gives wrong pictures of mpegts files, or none)." in told


def test_codings_are_told_apart_and_hold_a_second_keyframe() -> None:
    labels = [coding.label for coding in codings()]
    assert len(set(labels)) == len(labels)
    assert all(coding.gop < FRAMES for coding in codings())


def test_ways_that_disagree_are_no_result(clip_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cases.decode.seek_for_each", lambda path, numbers: 0)
    with pytest.raises(RuntimeError, match="not every way gives the same number"):
        of_clip(clips.VARIANTS["mjpeg_avi"](clip_folder).path, codings()[-1], 1)
