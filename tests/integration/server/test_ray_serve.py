"""`vaengine serve --ray`: the same app on Ray Serve, as its users meet it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx
import pytest

import vaengine
from actors.stores import open_store
from schemas.errors import ServerRefused
from schemas.work.job_event import Control
from tests.support.servers.vaengine_server import free_port, run_vaengine, serving
from tests.support.stores.served import DONE, PENDING, TOKEN, filled_store

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(900)]


def test_the_app_on_ray_serve_answers_queries_and_streams_and_ends_by_a_signal(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path}/batch_processing.db"
    with filled_store(db):
        pass
    with serving(db, tmp_path, free_port(), "--ray") as server:
        assert httpx.get(f"{server.url}/api/health", trust_env=False).json()["version"]
        with vaengine.Client(server.url, token=TOKEN) as client:
            moments = list(client.query({"find": "person"}))
            assert {moment["video_id"] for moment in moments} == {DONE.video_id}
            events = client.events()
            assert next(events).name == "hello"
            with closing(open_store(db)) as store:
                [job] = store.jobs_of([PENDING.video_id])
                store.request([job.job_id], Control.PAUSE)
            noted = next(event for event in events if event.name == "jobs")
            assert noted.data["events"][-1]["video_id"] == PENDING.video_id
            [page] = [video for video in client.videos() if video["video_id"] == DONE.video_id]
            assert page["status"] == "completed"
        port = server.url.rpartition(":")[2]
        taken = run_vaengine("serve", "--ray", "--db", db, "--out", str(tmp_path), "--port", port)
        assert (taken.returncode, len(taken.stderr.splitlines())) == (2, 1), taken.stderr
        with (
            vaengine.Client(server.url, token="wrong") as stranger,
            pytest.raises(ServerRefused, match="token"),
        ):
            next(stranger.query({"find": "person"}))
        assert server.stop() == 143
