"""What a run would replace, and in which words: decided from values alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import InvalidSetting, UsageError
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE
from schemas.settings.settings import AudioSettings, FaceSettings, PersonSettings, SceneSettings, Settings
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from vaengine.planning.page import job_to_be, work_of_videos
from vaengine.requests.replacement import Maker, Replaced, Replacement, differences, replace_mode, superseded
from vaengine.requests.request import RunRequest

ALL = (SCENE, PERSON, FACE, AUDIO)
YOLO = Settings(person=PersonSettings(detector="yolo", weights="/models/yolo11n.pt", weights_sha256="a" * 64))
PACK = Settings(face=FaceSettings(detector="scrfd", pack="/models/buffalo_l", pack_sha256="b" * 64))


def key(video: str, pipeline: str, config_hash: str) -> WorkKey:
    return WorkKey(video, pipeline, config_hash)


OLD, NEW, OLDER = (key("v", SCENE, name) for name in ("old", "new", "older"))


@pytest.mark.parametrize(
    ("asked", "complete", "found"),
    [
        ([NEW], [], {}),
        ([NEW], [NEW], {}),
        ([NEW], [OLD], {NEW: (OLD,)}),
        ([NEW], [OLD, OLDER], {NEW: (OLD, OLDER)}),
        ([NEW], [OLD, NEW], {}),  # nothing is left to do of it
        (
            [NEW],
            [key("w", SCENE, "old"), key("v", PERSON, "old")],
            {},
        ),  # of another video, and of another pipeline
        ([NEW, key("w", SCENE, "new")], [OLD], {NEW: (OLD,)}),
    ],
)
def test_only_complete_results_of_the_same_video_and_pipeline_in_another_configuration_are_replaced(
    asked: list[WorkKey], complete: list[WorkKey], found: dict[WorkKey, tuple[WorkKey, ...]]
) -> None:
    assert superseded(asked, complete) == found


def job(settings: Settings, preset: str = "fast", pipelines: tuple[str, ...] = ALL) -> BatchJob:
    request = RunRequest(
        ("/v.mp4",), pipelines, settings, Path("/out"), "files:/out", presets=dict.fromkeys(pipelines, preset)
    )
    keys, faces = work_of_videos(request, ["v"], None)
    return job_to_be(request, "v", keys["v"], faces["v"])


def told(
    pipeline: str,
    old: Settings,
    new: Settings,
    *,
    videos: int = 1,
    presets: tuple[str, str] = ("embedded", "embedded"),
) -> str:
    makers = [
        Maker.of(job(settings, preset), pipeline)
        for settings, preset in zip((old, new), presets, strict=True)
    ]
    return str(Replaced(pipeline, videos, *makers))


@pytest.mark.parametrize(
    ("pipeline", "old", "new", "presets", "words"),
    [
        (
            PERSON,
            YOLO,
            Settings(),
            ("fast", "embedded"),
            "person_tracking by yolo11n (fast); this run would replace it by HOG (embedded)",
        ),
        (
            FACE,
            PACK,
            Settings(),
            ("fast", "embedded"),
            "by buffalo_l (fast); this run would replace it by OpenCV's cascade (embedded)",
        ),
        (
            AUDIO,
            Settings(audio=AudioSettings(model="Systran/faster-whisper-small", model_sha256="c" * 64)),
            Settings(),
            ("fast", "embedded"),
            "by faster-whisper-small (fast); this run would replace it by voice activity (embedded)",
        ),
        (
            SCENE,
            Settings(),
            Settings(scene=SceneSettings(threshold=20)),
            ("embedded", "embedded"),
            "scene_detection by PySceneDetect; this run would replace it (scene.threshold 27 -> 20)",
        ),
        (
            PERSON,
            Settings(),
            Settings(scene=SceneSettings(threshold=20)),
            ("embedded", "embedded"),
            "person_tracking by HOG (embedded); this run would replace it (scene.threshold 27 -> 20)",
        ),
        (
            PERSON,
            YOLO,
            YOLO.model_copy(update={"person": YOLO.person.model_copy(update={"weights_sha256": "d" * 64})}),
            ("fast", "balanced"),
            "this run would replace it by yolo11n (balanced) (person.weights_sha256 aaaaaaaaaaaa -> "
            "dddddddddddd)",
        ),
        (
            FACE,
            Settings(),
            Settings(face=FaceSettings(link_persons=False)),
            ("embedded", "embedded"),
            "this run would replace it (face.link_persons True -> False)",
        ),
    ],
)
def test_the_message_says_what_by_what(
    pipeline: str, old: Settings, new: Settings, presets: tuple[str, str], words: str
) -> None:
    said = told(pipeline, old, new, presets=presets)
    assert said.startswith("1 video has ")
    assert said.endswith(words), said
    assert told(pipeline, old, new, videos=2, presets=presets).startswith("2 videos have ")


def test_many_differing_settings_are_counted() -> None:
    other = PersonSettings(min_confidence=0.2, track_high=0.3, track_low=0.2, track_new=0.3, sample_fps=2)
    assert told(PERSON, Settings(), Settings(person=other)).endswith(" and 1 more)")


def test_results_of_an_older_version_of_a_pipeline_are_said_to_be_so() -> None:
    now = Maker.of(job(Settings()), SCENE)
    before = replace(now, configuration={**now.configuration, "version": "0"})
    assert differences(before, now) == ("version of scene_detection 0 -> 1",)


@pytest.mark.parametrize("config", [{}, {"scene": {"threshold": 3}}, {"pipelines": "all"}, {"a": [1]}])
def test_of_what_was_saved_by_hand_the_settings_are_unknown(config: dict[str, Any]) -> None:
    by_hand = Maker.of(replace(job(Settings()), config=config), SCENE)
    said = str(Replaced(SCENE, 1, by_hand, Maker.of(job(Settings()), SCENE)))
    assert (
        said == "1 video has scene_detection by unknown settings; this run would replace it by PySceneDetect"
    )


def test_pages_of_videos_are_told_as_one_and_many_groups_are_counted() -> None:
    part = Replaced(SCENE, 2, Maker("a"), Maker("b"))
    pages = [
        Replacement((part,)),
        Replacement(),
        Replacement((replace(part, videos=3), replace(part, pipeline=PERSON))),
    ]
    assert Replacement.joined(pages).parts == (replace(part, videos=5), replace(part, pipeline=PERSON))
    many = Replacement(tuple(replace(part, old=Maker(str(number))) for number in range(7)))
    assert str(many).endswith("; and 3 more such groups")
    assert not Replacement()


@pytest.mark.parametrize(
    ("said", "mode"),
    [(None, "ask"), (False, "ask"), (True, "replace"), ("keep", "keep"), ("as-before", "as-before")],
)
def test_what_python_says_is_one_of_four(said: bool | str | None, mode: str) -> None:
    assert replace_mode(said) == mode


def test_anything_else_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="ask, replace, keep, as-before"):
        replace_mode("yes")
    with pytest.raises(UsageError, match="--replace and --keep"):
        RunRequest(("/v.mp4",), ALL, Settings(), Path("/out"), "files:/out", keep_runs=True, replace=True)
