"""Paused jobs go on with their batch, and whoever pauses is told how."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.pipelines import PERSON
from schemas.work.job_event import Control
from tests.support.stores.fake_videos import RUN, Clip
from vaengine.api import job_control
from vaengine.cli.app import outcome

CLIP = Clip()


def paused(folder: Path) -> str:
    """The address of a store with one job, which was paused."""
    url = f"sqlite:///{folder / 'batch_processing.db'}"
    store = open_store(url)
    epoch = store.open_run(RUN)
    store.register(epoch, [CLIP.video], [CLIP.job(CLIP.key(PERSON))])
    store.close_run(epoch, "stopped")
    assert job_control.pause(store, list(store.jobs()))
    store.close()
    return url


def control(url: str) -> Control | None:
    store = open_store(url, read_only=True)
    (job,) = store.jobs()
    store.close()
    return job.control


def test_a_batch_that_is_resumed_asks_for_its_paused_jobs_again(tmp_path: Path) -> None:
    url = paused(tmp_path)
    assert control(url) is Control.PAUSE
    assert job_control.unpaused(url, "another batch") == 0
    assert control(url) is Control.PAUSE
    store = open_store(url, read_only=True)
    batch_id = next(iter(store.jobs())).batch_id
    store.close()
    assert job_control.unpaused(url, batch_id or "") == 1
    assert control(url) is None
    assert job_control.unpaused(f"sqlite:///{tmp_path / 'none.db'}", "b") == 0


def test_pause_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my results"
    folder.mkdir()
    url = paused(folder)
    assert job_control.unpaused(url, RUN.batch_id) == 1
    assert outcome(["pause", "--all", "--out", str(folder)]) == 0
    assert f"go on with: vaengine resume --out '{folder}'" in capsys.readouterr().err
