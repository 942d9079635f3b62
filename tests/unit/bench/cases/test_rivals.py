"""What is timed against each other must have found the same, on clips that are what they promise."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.cases.rivals import WholeCommand, described, require_same
from bench.fixtures.short_clips import FPS, short_clips


def test_boxes_may_differ_by_what_decoders_make_of_colours_and_by_no_more() -> None:
    require_same({"engine": [1000], "loop": [985, 1000]})
    with pytest.raises(RuntimeError, match="not all have found the same"):
        require_same({"engine": [1000], "loop": [1000, 970]})


def test_a_command_that_fails_is_named_with_what_it_said() -> None:
    command = WholeCommand(lambda: [sys.executable, "-c", "raise SystemExit('no weights')"], int)
    with pytest.raises(RuntimeError, match="ended with 1: no weights"):
        command()
    assert command.boxes == set()


def test_the_time_of_a_command_is_kept_with_what_it_found() -> None:
    command = WholeCommand(lambda: [sys.executable, "-c", "print(540)"], int)
    assert command() > 0
    assert command.boxes == {540}
    times = {"min": 1.0, "median": 2.0, "max": 3.0}
    measured = {
        "clips": 2,
        "frames": 200,
        "boxes": {"vaengine": [540], "loop": [539, 540]},
        "times": {"vaengine": times, "loop": times},
        "over_engine": {"loop": {"median": 1.5}},
    }
    assert "| loop | 1.00 | 2.00 | 3.00 | 1.50 | 539, 540 |" in described(measured)


@pytest.mark.shared
def test_clips_are_pieces_of_the_sources_in_turns(tmp_path: Path) -> None:
    from actors.probing.probe import probe

    first, second = short_clips(tmp_path, 2, 1)
    assert [probe(str(path)).frame_count for path in (first, second)] == [FPS, FPS]
    assert first.read_bytes() != second.read_bytes()
