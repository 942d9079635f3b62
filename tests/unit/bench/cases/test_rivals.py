"""What is timed against each other must have found the same, on files that are what they promise."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.cases.rivals import described
from bench.fixtures.short_clips import FPS, short_clips
from bench.fixtures.speech_files import speech_file, speech_files
from bench.harness.whole_command import WholeCommand, compared, one_after_the_other, require_same


def program(kind: str, count: int) -> WholeCommand:
    """A command that prints what it has found."""
    code = f"import json; print('loading'); print(json.dumps({{{kind!r}: {count}}}))"
    own = WholeCommand(lambda: [[sys.executable, "-c", code]], lambda printed: {})
    return one_after_the_other([own])


def test_numbers_may_differ_by_what_decoders_make_of_colours_and_by_no_more() -> None:
    require_same({"engine": [{"box": 1000}], "loop": [{"box": 985}, {"box": 1000}]})
    with pytest.raises(RuntimeError, match="not all have found the same of box"):
        require_same({"engine": [{"box": 1000}], "loop": [{"box": 1000}, {"box": 970}]})


@pytest.mark.parametrize("loop", [{"box": 0}, {"face": 3}])
def test_one_that_has_found_nothing_of_a_kind_is_not_compared(loop: dict[str, int]) -> None:
    with pytest.raises(RuntimeError, match="not all have found the same"):
        require_same({"engine": [{"box": 0}], "loop": [loop]})


def test_a_command_that_fails_is_named_with_what_it_said() -> None:
    words = [sys.executable, "-c", "raise SystemExit('no weights')"]
    command = WholeCommand(lambda: [words], lambda printed: {})
    with pytest.raises(RuntimeError, match="ended with 1: no weights"):
        command()
    assert command.all_found == []


def test_programs_one_after_the_other_have_found_what_each_has() -> None:
    both = one_after_the_other([program("scene", 12), program("face", 30)])
    assert both() > 0
    assert both.all_found == [{"scene": 12, "face": 30}]


def test_the_table_has_times_over_the_engines_and_what_was_found() -> None:
    told = compared({"vaengine": program("box", 540), "loop": program("box", 539)}, 1)
    assert told["over_engine"]["vaengine"]["median"] == 1.0
    times = {"min": 1.0, "median": 2.0, "max": 3.0}
    told |= {"times": dict.fromkeys(told["times"], times), "about": "Two clips"}
    told["over_engine"]["loop"] = {"median": 1.5}
    assert "| loop | 1.00 | 2.00 | 3.00 | 1.50 | 539 box |" in described({"persons": told})


@pytest.mark.shared
def test_clips_are_pieces_of_the_sources_in_turns(tmp_path: Path) -> None:
    from actors.probing.probe import probe

    sound = speech_file(tmp_path / "speech.wav", 2)
    first, second = short_clips(tmp_path, 2, 1, sound=sound, size=(320, 180))
    videos = [probe(str(path)) for path in (first, second)]
    assert [(video.frame_count, video.width, video.height) for video in videos] == [(FPS, 320, 180)] * 2
    assert all(video.sound is not None for video in videos)
    assert first.read_bytes() != second.read_bytes()


@pytest.mark.shared
def test_files_of_speech_have_the_same_recordings_and_no_two_are_alike(tmp_path: Path) -> None:
    from actors.probing.probe import probe

    first, second = (probe(str(path)) for path in speech_files(tmp_path, 2))
    assert first.video_id != second.video_id
    assert first.duration_s == pytest.approx(second.duration_s, abs=0.01)
    assert first.duration_s > 60
