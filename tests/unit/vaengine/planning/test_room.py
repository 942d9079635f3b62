"""A disk that is too full for the results is told before anything is begun, in the words of a dry run."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import NoRoom
from schemas.pipelines import PERSON, SCENE
from tests.support.media import clips
from tests.support.runs import runs
from vaengine.execution.engine import Engine
from vaengine.planning import dry_run


def test_a_run_for_which_there_is_no_room_is_refused_at_once_in_the_words_of_a_dry_run(
    clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "free_bytes", lambda out: 2048)
    engine = Engine(
        runs.request([clips.with_cuts(clip_folder).path], tmp_path / "out", pipelines=[SCENE, PERSON])
    )
    plan = engine.plan()
    assert not plan.feasible
    assert "has 2.0 KiB free and the results need about" in (plan.reason or "")
    with pytest.raises(NoRoom) as refusal:
        engine.run()
    assert str(refusal.value).startswith(plan.reason or "unknown")
    assert not (tmp_path / "out").exists()


def test_where_nothing_is_to_be_stored_a_full_disk_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "free_bytes", lambda out: 0)
    dry_run.require_room(runs.request([clips.not_a_video(tmp_path)], tmp_path / "out"))


def test_a_disk_with_ample_room_costs_no_look_into_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "free_bytes", lambda out: dry_run.AMPLE_DISK_BYTES)
    monkeypatch.setattr(dry_run, "preflight", lambda request, dry: pytest.fail("it was looked into"))
    dry_run.require_room(runs.request([tmp_path / "any.mp4"], tmp_path / "out"))
