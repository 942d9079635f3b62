"""`kill -9` at any moment, then the same command: the store ends up as if nothing had happened."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from actors.stores import open_store
from schemas.work.chunk import WorkKey
from schemas.work.run import RunInfo
from tests.conftest import SHARED
from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.runs.runs import Reference

MEDIA = SHARED / "media" / "video"
CHUNKS = "SELECT count(*) FROM chunks"
FAULTS = Path(__file__).parents[1] / "support" / "sitecustomize" / "faults"
DONE = "SELECT count(*) FROM job_pipeline_status WHERE status = 'completed'"

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four short clips with persons and cuts, several chunks each."""
    place = tmp_path_factory.mktemp("films")
    for persons in (1, 2):
        clips.with_persons(place, frames=40 + persons, cuts=(20,), persons=persons)
    for cuts in ((20, 45), (15, 30)):
        clips.with_cuts(place, cuts=cuts)
    return place


def command(folder: Path, out: Path) -> tuple[str | Path, ...]:
    narrow = ("--pipelines", "scene,person", "--set", "engine.chunk_seconds=1", "--workers", "2")
    return ("run", folder, "--out", out, "--preset", "embedded", *narrow)


@pytest.fixture(scope="module")
def undisturbed(folder: Path, reference_digest: Reference) -> str:
    return reference_digest(folder, engine__chunk_seconds=1.0)


def is_completed(folder: Path, out: Path, undisturbed: str) -> None:
    """The same command, though without Ray, goes on with a store, and it ends as if nothing had happened."""
    done = commands.finished(*command(folder, out), "--cluster", "none")
    assert done.returncode == 0, done.stderr
    assert runs.digest(runs.sqlite(out)) == undisturbed


def killed_when(query: str, at_least: int, folder: Path, out: Path) -> list[psutil.Process]:
    """SIGKILL to the driver alone, the moment the store shows as much; nothing tells its workers.

    Those that write to it.
    """
    process = commands.start(*command(folder, out))
    commands.wait_for(
        lambda: commands.counted(out / "batch_processing.db", query) >= at_least, f"{at_least} of {query}"
    )
    roles = ("StoreActor", "FinalizerActor", "MapWorker")
    orphans = [found for role in roles if (found := commands.worker_of(process.pid, role))]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return orphans


@pytest.mark.long
@pytest.mark.parametrize(
    ("query", "at_least"),
    [("SELECT count(*) FROM jobs", 1), (CHUNKS, 6), (DONE, 6)],
    ids=["jobs known", "some chunks", "most done"],
)
def test_a_driver_killed_at_any_moment_leaves_a_store_that_the_same_command_completes(
    query: str, at_least: int, folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    killed_when(query, at_least, folder, tmp_path)
    is_completed(folder, tmp_path, undisturbed)


@pytest.mark.long
def test_a_killed_driver_leaves_workers_that_commit_nothing_of_others_and_a_store_that_can_be_completed(
    folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    """After `kill -9` of the driver its workers go on for some seconds; what another run has leased they
    no longer touch.
    """
    orphans, url, db = (
        killed_when(CHUNKS, 1, folder, tmp_path),
        runs.sqlite(tmp_path),
        tmp_path / "batch_processing.db",
    )
    store = open_store(url)
    epoch = store.open_run(RunInfo("successor", socket.gethostname(), os.getpid(), {}, ()))
    jobs = list(store.jobs())
    keys = {
        WorkKey(job.video_id, name, result.config_hash)
        for job in jobs
        for name, result in job.pipeline_results.items()
    }
    unfinished = keys - store.completed(list(keys))
    assert store.lease(epoch, list(unfinished)) == unfinished, (
        "its driver is gone, so nobody waits for its heart to stop"
    )
    at_takeover = runs.digest(url), commands.counted(db, CHUNKS)
    assert any(orphan.is_running() for orphan in orphans), (
        "the writer outlives its driver, else this shows nothing"
    )
    assert psutil.wait_procs(orphans, timeout=60)[1] == [], "they find out that their driver is gone"
    assert (runs.digest(url), commands.counted(db, CHUNKS)) == at_takeover
    store.close_run(epoch, "stopped")
    store.close()
    told = commands.status(tmp_path)
    assert told["report"]["running"] == 0, "nobody is at work"
    is_completed(folder, tmp_path, undisturbed)


@pytest.mark.long
def test_a_decoder_and_a_worker_that_looks_are_killed_in_mid_run_and_nothing_is_lost_or_doubled(
    folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    lose(["FlatMap", "MapWorker"], folder, undisturbed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("role", ["StoreActor", "FinalizerActor", "Coordinator"])
def test_a_worker_killed_in_mid_run_loses_and_doubles_nothing(
    role: str, folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    lose([role], folder, undisturbed, tmp_path)


def lose(roles: list[str], folder: Path, undisturbed: str, out: Path) -> None:
    """One run that loses a worker of each role, and ends as if it had not."""
    process = commands.start(*command(folder, out))
    for role in roles:
        if role != "FlatMap":  # decoding may be over by then
            commands.wait_for(
                lambda: commands.counted(out / "batch_processing.db", CHUNKS) >= 1, "a first chunk"
            )
        commands.wait_for(lambda role=role: commands.worker_of(process.pid, role), role).kill()
    _, err = process.communicate(timeout=commands.PATIENCE_S)
    assert process.returncode == 0, f"the run gets over it by itself: {err}"
    assert runs.digest(runs.sqlite(out)) == undisturbed


STORE, FINALIZER = "actors.coordination.store_client:StoreActor.call=", "actors.finalize.finalizer:Finalizer."
COORDINATOR = "actors.coordination.coordinator:Coordinator."
LOSSES = {
    "the store": [f"{STORE}{call}" for call in ("register", "manifest", "commit_chunks", "record", "finish")],
    "the finalizer": [f"{FINALIZER}{call}" for call in ("take", "finish_now", "drain")],
    "who decodes and looks": ["actors.stages.stages:NamedLinks.deliver"],
    "the coordinator": [
        f"{COORDINATOR}{call}" for call in ("planned", "started", "committed", "batch", "status")
    ],
}
EACH_ROLE = [
    f"{STORE}commit_chunks",
    f"{FINALIZER}finish_now",
    *LOSSES["who decodes and looks"],
    f"{COORDINATOR}committed",
]


def faults(told: Path, calls: Sequence[str]) -> dict[str, str]:
    """An environment in which the process that gets such a call is lost, once before it and once after."""
    return {**os.environ, "PYTHONPATH": str(FAULTS), "FAULTS": str(told), "LOSSES": " ".join(calls)}


def each_was_lost(told: Path, calls: Sequence[str]) -> bool:
    """Whether each loss was told, and each once."""
    expected = (f"{call.partition(':')[2]}:{when}" for call in calls for when in ("before", "after"))
    return sorted(told.read_text().split()) == sorted(expected)


@pytest.mark.shared
def test_a_run_on_ray_into_postgresql_that_loses_each_role_has_every_row_of_one_without_ray_into_sqlite(
    clip_folder: Path, postgres_url: str, tmp_path: Path
) -> None:
    """All pipelines. A role is lost before and after a thing it does. After: it is done and stored, and
    whoever asked has not heard so.
    """
    videos = (clips.with_persons(clip_folder, cuts=(24,), persons=2).path, MEDIA / "pyfeat_single_face.mp4")
    told, narrow = tmp_path / "faults.txt", ("--preset", "embedded", "--set", "engine.page_chunks=6")
    on_ray = ("--cluster", "local", "--workers", "2", "--db", postgres_url, "--out", tmp_path / "ray")
    run = commands.finished("run", *videos, *on_ray, *narrow, env=faults(told, EACH_ROLE))
    assert run.returncode == 0, run.stderr
    assert each_was_lost(told, EACH_ROLE)
    without = commands.finished("run", *videos, "--cluster", "none", "--out", tmp_path / "local", *narrow)
    assert without.returncode == 0, without.stderr
    assert runs.digest(postgres_url) == runs.digest(runs.sqlite(tmp_path / "local"))


@pytest.mark.long
@pytest.mark.parametrize("calls", LOSSES.values(), ids=LOSSES)
def test_a_process_lost_before_and_after_each_thing_it_does_loses_and_doubles_nothing(
    calls: list[str], folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    told = tmp_path / "faults.txt"
    env = faults(told, calls)
    run = commands.finished(*command(folder, tmp_path), "--set", "engine.page_chunks=6", env=env)
    assert run.returncode == 0, run.stderr
    assert each_was_lost(told, calls)
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed
