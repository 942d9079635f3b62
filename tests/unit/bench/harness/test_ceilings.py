"""What the parts of a run cost alone is measured over the very work of a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.stores import open_store
from bench.cases import full
from bench.cases.full import STEADY, WORKING, described
from bench.harness import engine_process
from bench.harness.ceilings import PARTS, Parts, Planned, ceilings, storage_s
from schemas.pipelines import PERSON, SCENE
from schemas.settings.settings import PersonSettings, Settings
from tests.support.media import clips


def test_what_decoder_and_models_give_is_stored_as_a_runs_rows(tmp_path: Path) -> None:
    settings = Settings(preset="embedded", person=PersonSettings(detector="hog"))
    clip = clips.with_cuts(tmp_path)
    planned = [Planned.of(str(clip.path), (SCENE, PERSON), settings)]
    parts = Parts(settings, planned)
    assert all(seconds > 0 for seconds in (parts.decode(), parts.models(), parts.together()))
    url = f"sqlite:///{tmp_path}/batch_processing.db"
    assert storage_s(url, planned, parts.values, settings) > 0
    with closing(open_store(url, read_only=True)) as store:
        rows = store.annotations(planned[0].keys[-1])
    assert [row.annotation_type for row in rows] == ["scene"] * 3


def test_a_model_that_fails_is_not_taken_for_a_fast_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Models:
        def __init__(self, settings: Settings, *, threads: int) -> None: ...

        def analyze(self, blocks: Sequence[Any]) -> list[Any]:
            return [SimpleNamespace(failure=SimpleNamespace(message="no weights"))]

    for name in ("VisionModels", "AudioModels"):
        monkeypatch.setattr(f"actors.stages.inference.{name}", Models)
    video: Any = "a video"
    block: Any = "a block"
    with pytest.raises(RuntimeError, match="no weights"):
        Parts(Settings(), [Planned(video, (), (), [block])])


def test_models_of_sound_are_loaded_where_only_a_later_clip_has_sound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[Any] = []

    class Models:
        def __init__(self, settings: Settings, *, threads: int) -> None: ...

        def analyze(self, blocks: Sequence[Any]) -> list[Any]:
            heard.extend(blocks)
            return []

    for name in ("VisionModels", "AudioModels"):
        monkeypatch.setattr(f"actors.stages.inference.{name}", Models)
    video: Any = "a video"
    block: Any = "a block"
    Parts(Settings(), [Planned(video, (), (), ()), Planned(video, (), (), [block])])
    assert heard == [block]


def test_a_process_that_fails_ends_the_measurement(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "missing.mp4")
    with pytest.raises(RuntimeError, match="a process that measures ended early"):
        ceilings([missing], (SCENE,), Settings(preset="embedded"), 3)
    assert capfd.readouterr().err.count("missing.mp4'") == 1  # one clip, one process


def test_a_run_with_failed_clips_is_not_taken_for_a_fast_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full, "talking_clips", lambda folder, count: [folder / "clip.mp4"] * count)
    monkeypatch.setattr(full, "hearing", lambda: ())
    monkeypatch.setattr(engine_process, "run", lambda *told, **kinds: {"working_s": 1.0, "failed": 2})
    with pytest.raises(RuntimeError, match="the engine failed on 2 of 4 clips"):
        full.measure(1, quick=True)


def test_the_steady_pace_is_left_out_where_too_few_commits_tell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full, "talking_clips", lambda folder, count: [folder / "clip.mp4"] * count)
    monkeypatch.setattr(full, "hearing", lambda: ())
    monkeypatch.setattr(engine_process, "run", lambda *told, **kinds: {"working_s": 40.0, "failed": 0})
    monkeypatch.setattr(full.ceilings, "run", lambda *told: dict.fromkeys(PARTS, 20.0))
    text = described(full.measure(2, quick=True))
    assert f"| vaengine, {WORKING} | 40.00 | 30 | 0.50 | 0.50 | 0.50 |" in text
    assert STEADY not in text


def test_the_table_says_how_near_the_engine_is_to_each_ceiling() -> None:
    def times(seconds: float) -> dict[str, float]:
        return {"min": seconds, "median": seconds, "max": seconds}

    own = {
        WORKING: times(40.0),
        STEADY: times(36.0),
        "efficiency": {part: {WORKING: times(0.5), STEADY: times(0.75)} for part in PARTS},
    }
    measured = {
        "clips": 12,
        "frames": 3600,
        "ceilings": dict.fromkeys(PARTS, times(20.0)),
        "engine": {"vaengine": own},
    }
    assert f"| vaengine, {STEADY} | 36.00 | 100 | 0.75 | 0.75 | 0.75 |" in described(measured)
