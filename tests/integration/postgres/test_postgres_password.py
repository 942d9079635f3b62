"""A password is never kept or shown: a run in Python takes it from its store, a server of ours is met
without naming it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from actors.stores import open_store
from actors.stores.engines.address import without_password
from schemas.errors import StoreUnreachable
from schemas.work.job import JobStatus
from tests.support.media import clips
from tests.support.servers import postgres
from vaengine import BatchOrchestrator, PostgreSQLStorageBackend, ProgressTracker
from vaengine.postgres.dump import _server_password
from vaengine.requests.checkpoint import path_in

OWN = pytest.mark.skipif(
    postgres.PROVIDED in postgres.OUTSIDE, reason="the suite's server is somebody else's"
)


@pytest.fixture
def url() -> str:
    return postgres.fresh_database()


@pytest.fixture
def writer(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a user with a password of its own, which nothing but the address knows."""
    for name in ("PGPASSWORD", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    open_store(url).close()
    with postgres.writer_of(url) as (_, address):
        yield address


@OWN
def test_a_server_made_by_db_start_needs_no_password_in_its_address(url: str) -> None:
    open_store(url).close()
    shown = without_password(url)
    assert urlsplit(url).password
    assert not urlsplit(shown).password
    with closing(open_store(shown, read_only=True)) as store:
        assert list(store.jobs()) == []
    assert _server_password(shown) == {"PGPASSWORD": urlsplit(url).password}
    assert _server_password(url) == {}


def test_another_user_has_to_give_a_password_and_is_told_where(
    writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = without_password(writer)
    with pytest.raises(
        StoreUnreachable, match="no password supplied; give the password in the URL, in PGPASSWORD"
    ):
        open_store(shown, read_only=True)
    monkeypatch.setenv("PGPASSWORD", "secret")
    open_store(shown, read_only=True).close()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_batch_in_python_runs_and_is_resumed_with_the_password_of_its_store(
    writer: str, clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(PostgreSQLStorageBackend(writer)) as store:
        batch = BatchOrchestrator(store)
        jobs = [
            batch.add_job(clips.with_cuts(clip_folder).path, {"pipelines": ["scene"]}),
            batch.add_job(clips.still(clip_folder).path, {"pipelines": ["scene"], "scene.threshold": 20.0}),
        ]
        report = batch.run_batch(max_workers=2)
        assert (report.completed, report.failed) == (2, 0)
        assert all(store.load_job_metadata(job).status is JobStatus.COMPLETED for job in jobs)
        again = batch.resume_batch(path_in(tmp_path / "vaengine_out", report.batch_id))
        assert (again.batch_id, again.completed, again.skipped) == (report.batch_id, 0, 2)
        found = ProgressTracker(store).snapshot()
        assert (found.state, found.jobs.completed, found.jobs.total) == ("completed", 2, 2)
        status = batch.get_status()
        assert (status.completed, status.ended_at is not None) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["vaengine_out"]
    assert all("secret" not in path.read_text() for path in tmp_path.rglob("*.json"))
    with psycopg.connect(writer) as connection:
        row = connection.execute(
            "SELECT count(*) FROM jobs WHERE batch_id = %s", (report.batch_id,)
        ).fetchone()
    assert row == (2,)
