"""What a run works with, as it begins: short lines, broken at words, each reason once."""

from __future__ import annotations

import pytest

from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from vaengine.model_selection.preset_table import PresetAnnouncement, preset_lines
from vaengine.model_selection.presets import (
    AS_ASKED,
    AS_BEGUN,
    NO_WEIGHTS,
    SMALL_WEIGHTS,
    WEAK,
    Choice,
    PresetResolution,
)

SCENES = Choice(SCENE, "embedded", "PySceneDetect, which needs no weights", "", (), "")
SMALL = (
    SCENES,
    Choice(PERSON, "embedded", "yolo11n-pose.pt", "", (), SMALL_WEIGHTS),
    Choice(FACE, "embedded", "centerface.onnx", "", ("no identities",), SMALL_WEIGHTS),
    Choice(
        AUDIO,
        "embedded",
        "tiny.en",
        "",
        ("all speech is taken as English: it knows no other language",),
        SMALL_WEIGHTS,
    ),
)
WITHOUT = (
    SCENES,
    Choice(PERSON, "embedded", "HOG", WEAK, (), NO_WEIGHTS),
    Choice(FACE, "embedded", "cascade", WEAK, ("no identities",), NO_WEIGHTS),
    Choice(AUDIO, "embedded", "voice activity", WEAK, ("no text",), NO_WEIGHTS),
)


def resolved(*choices: Choice, asked: str = "auto") -> PresetResolution:
    return PresetResolution(asked, {one.pipeline: one.preset for one in choices}, {}, {}, choices=choices)


def test_each_pipeline_has_one_short_line_and_the_reason_is_said_once() -> None:
    assert preset_lines(resolved(*SMALL)) == [
        "preset auto (small models; vaengine models pull fetches larger ones)",
        "  scenes   PySceneDetect",
        "  persons  YOLO11n-pose (embedded)",
        "  faces    CenterFace (embedded, no identities)",
        "  audio    Whisper tiny.en (embedded, all speech is taken as English)",
    ]
    assert preset_lines(resolved(*WITHOUT))[-3:] == [
        "  persons  HOG (weak)",
        "  faces    OpenCV's cascade (weak, no identities)",
        "  audio    voice activity (weak, no text)",
    ]


def test_what_was_asked_for_needs_no_reason_and_several_reasons_name_their_pipelines() -> None:
    asked = Choice(PERSON, "fast", "yolo11n.pt", "", (), AS_ASKED)
    assert preset_lines(resolved(asked, asked=asked.preset)) == ["preset fast", "  persons  YOLO11n (fast)"]
    begun = Choice(PERSON, "fast", "yolo11n.pt", "", (), AS_BEGUN)
    lines = preset_lines(resolved(SCENES, begun, *SMALL[2:]))
    assert lines[0] == "preset auto"
    assert lines[-2:] == [
        f"  persons: {AS_BEGUN}",
        "  faces, audio: small models; vaengine models pull fetches larger ones",
    ]


@pytest.mark.parametrize(
    ("choice", "is_told"),
    [
        (Choice(FACE, "balanced", "buffalo_l", "", (), AS_ASKED), True),
        (Choice(FACE, "fast", "test_pack", "", (), AS_ASKED), True),
        (SMALL[2], False),
        (WITHOUT[2], False),
    ],
)
def test_the_licence_of_a_pack_is_on_its_line(choice: Choice, is_told: bool) -> None:
    assert ("non-commercial" in preset_lines(resolved(choice))[1]) == is_told


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_are_broken_at_words_whatever_the_width(width: int) -> None:
    lines = preset_lines(resolved(*WITHOUT), width)
    assert max(map(len, lines)) <= width
    words = " ".join(line.strip() for line in lines).split()
    assert words == " ".join(line.strip() for line in preset_lines(resolved(*WITHOUT), 1000)).split()


def test_whoever_knows_it_first_tells_it_and_nobody_else(capsys: pytest.CaptureFixture[str]) -> None:
    opening = PresetAnnouncement()
    opening(resolved(*SMALL))
    opening(resolved(*WITHOUT))
    assert capsys.readouterr().err.splitlines() == preset_lines(resolved(*SMALL), 100)
