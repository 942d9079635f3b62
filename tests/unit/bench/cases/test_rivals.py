"""What is timed against each other must have found the same, on files that are what they promise."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main, parse_arguments
from bench.cases import rivals
from bench.cases.comparisons import COMPARISONS, ON_RAY
from bench.cases.rivals import described
from bench.fixtures.short_clips import FPS, short_clips
from bench.fixtures.speech_files import speech_file, speech_files
from bench.harness import results
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


def test_a_round_with_different_finds_is_the_last() -> None:
    commands = {"vaengine": program("box", 540), "loop": program("box", 400)}
    with pytest.raises(RuntimeError, match="not all have found the same of box"):
        compared(commands, 3)
    assert [len(command.all_found) for command in commands.values()] == [1, 1]


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
    times = {"min": 1.0, "median": 2.0, "max": 3.0, "all": [1.0, 2.0, 3.0]}
    told |= {"times": dict.fromkeys(told["times"], times), "about": "Two clips"}
    told["over_engine"]["loop"] = {"min": 1.25, "median": 1.5, "max": 1.75}
    assert "| loop | 1.00 | 2.00 | 3.00 | 1.50 | 1.25 to 1.75 | 539 box |" in described(told)
    alone = {"decode": 0.2, "models": 1.3, "decode and models": 1.6}
    assert (
        "decode and models 1.6 s. Decode and models alone take 0.80 of the engine's whole command."
        in described(told | {"ceilings": alone})
    )


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Keeps this process's environment from what a measurement sets."""
    monkeypatch.setattr("bench.harness.machine.set_environment", lambda: None)
    return monkeypatch


def test_only_parts_that_a_case_has_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_arguments(["rivals", "--only", "persons", "--only", "speech"]).only == ["persons", "speech"]
    with pytest.raises(SystemExit):
        parse_arguments(["scale", "--only", "plan", "--only", "persons"])
    assert "unknown part of scale: persons; there are policy, plan, nodes" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse_arguments(["startup", "--only", "plan"])
    assert "startup has no parts" in capsys.readouterr().err


def test_each_comparison_is_kept_as_soon_as_it_is_done(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def measured_of(comparison: Any, rounds: int, *, quick: bool, rivals: Any) -> dict[str, Any]:
        if done:
            raise RuntimeError("not all have found the same")
        done.append(comparison.pipelines)
        return {"rounds": rounds, "rivals": rivals}

    environment.setattr(rivals, "measured_of", measured_of)
    environment.setattr(results, "keep", partial(results.keep, folder=tmp_path))
    environment.setattr("sys.argv", ["bench", "rivals", "--rounds", "2"])
    with pytest.raises(RuntimeError, match="not all have found"):
        main()
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == ["rivals_persons"]
    kept = results.newest("rivals_persons", tmp_path)
    assert kept is not None
    assert kept["measured"] == {"rounds": 2, "rivals": None}


def test_only_comparisons_that_have_a_rival_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        rivals, "measured_of", lambda comparison, rounds, *, quick, rivals: {"rivals": rivals}
    )
    every = tuple(rivals.REPORTED_PARTS)
    measured = rivals.measure_parts(1, only=every, rivals=["Ray Data", ON_RAY])
    assert every == tuple(COMPARISONS)
    assert list(measured) == [
        ("persons", {"rivals": ["Ray Data", ON_RAY]}),
        ("libraries", {"rivals": [ON_RAY]}),
    ]


def test_a_rival_that_is_unknown_is_named(
    capsys: pytest.CaptureFixture[str], environment: pytest.MonkeyPatch
) -> None:
    environment.setattr("sys.argv", ["bench", "rivals", "--only", "scenes", "--rival", "Daft"])
    assert main() == 2
    assert "unknown rival: Daft. There are: PySceneDetect, library" in capsys.readouterr().err


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
