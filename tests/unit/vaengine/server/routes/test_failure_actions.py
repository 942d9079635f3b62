"""What is done about failures by their cause."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from schemas.pipelines import SCENE
from schemas.storage.backend import StorageBackend
from tests.support.stores.fake_videos import RUN, Clip, broken
from tests.support.stores.served import client_of, filled_store, settings_of
from vaengine.server.collection import failures, index

CLIPS = [Clip(f"/clips/{name}.mp4", name) for name in "def"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, StorageBackend]]:
    """A collection in which the scenes of three more videos failed, and no group names more than one."""
    url = f"sqlite:///{tmp_path}/batch_processing.db"
    with pytest.MonkeyPatch.context() as patch, filled_store(url) as store:
        patch.setattr(failures, "MAX_VIDEOS", 1)
        patch.setattr(index, "MAX_AGE_S", 0.0)
        epoch = store.open_run(RUN)
        store.register(epoch, [clip.video for clip in CLIPS], [clip.job(clip.key()) for clip in CLIPS])
        for clip in CLIPS:
            store.finish(epoch, broken(clip.job(clip.key()), clip.key()))
        with client_of(settings_of(url, tmp_path)) as client:
            yield client, store


def _act(served: tuple[TestClient, StorageBackend], action: str, kind: str = "truncated") -> Any:
    wanted = {"action": action, "kind": kind, "cause": "N of N frames are missing"}
    return served[0].post("/api/errors/actions", json=wanted)


def _states(store: StorageBackend) -> set[tuple[str, str | None]]:
    """States and kinds of failure of the scenes of the three videos."""
    jobs = store.jobs_of([clip.video_id for clip in CLIPS])
    results = [job.pipeline_results[SCENE] for job in jobs]
    return {(str(result.status), result.failure_kind) for result in results}


def test_every_failure_of_a_cause_is_tried_again_also_those_that_are_not_named(
    served: tuple[TestClient, StorageBackend],
) -> None:
    client, store = served
    [group] = client.get("/api/errors").json()["groups"]
    assert (group["count"], len(group["video_ids"])) == (4, 1)
    assert _act(served, "retry").json() == {"jobs": 4}
    assert _states(store) == {("pending", None)}


def test_failures_in_quarantine_are_released_and_nothing_else_is(
    served: tuple[TestClient, StorageBackend],
) -> None:
    store = served[1]
    assert _act(served, "release").status_code == 400
    assert _act(served, "quarantine").json() == {"jobs": 4}
    assert _states(store) == {("failed", "quarantined")}
    retried = served[0].post(
        "/api/videos/actions", json={"action": "retry", "video_ids": [clip.video_id for clip in CLIPS]}
    )
    assert retried.json()["job_ids"] == []
    assert "quarantine" in retried.json()["notes"][0]
    assert _states(store) == {("failed", "quarantined")}
    assert _act(served, "retry", "quarantined").status_code == 400
    assert _act(served, "release", "quarantined").json() == {"jobs": 4}
    assert _states(store) == {("pending", None)}


def test_a_cause_that_nothing_fails_by_is_refused(served: tuple[TestClient, StorageBackend]) -> None:
    answer = _act(served, "retry", "no such kind")
    assert answer.status_code == 400
    assert "nothing fails by this cause" in answer.json()["error"]["what"]
