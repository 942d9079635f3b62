"""Paused jobs go on with their batch, whoever pauses is told how, and what is in quarantine stays there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.pipelines import PERSON, SCENE
from schemas.work.job import JobStatus
from schemas.work.job_event import Control
from tests.support.stores.fake_videos import RUN, Clip, broken
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


def test_a_retry_leaves_what_is_in_quarantine_alone_until_it_is_released(tmp_path: Path) -> None:
    keys = CLIP.key(SCENE), CLIP.key(PERSON)
    with closing(open_store(f"sqlite:///{tmp_path / 'batch_processing.db'}")) as store:

        def states() -> list[JobStatus]:
            [job] = store.jobs()
            return [job.pipeline_results[key.pipeline].status for key in keys]

        epoch = store.open_run(RUN)
        store.register(epoch, [CLIP.video], [CLIP.job(*keys)])
        store.finish(epoch, broken(CLIP.job(*keys), keys[0]))
        assert len(job_control.quarantine(store, list(store.jobs()))) == 1
        store.finish(epoch, broken(CLIP.job(*keys), keys[1]))
        assert len(job_control.retry(store, list(store.jobs()))) == 1
        assert states() == [JobStatus.FAILED, JobStatus.PENDING]
        assert store.lease(epoch, keys) == {keys[1]}
        store.finish(epoch, broken(CLIP.job(*keys), keys[1]))
        assert len(job_control.quarantine(store, list(store.jobs()))) == 1
        assert job_control.retry(store, list(store.jobs())) == []
        assert len(job_control.quarantined(store)) == 2
        assert len(job_control.released(store, list(store.jobs()))) == 1
        assert states() == [JobStatus.PENDING, JobStatus.PENDING]
