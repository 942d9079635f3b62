"""`kill -9` at any moment, then the same command: the store ends up as if nothing had happened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from actors.stores import open_store
from schemas.work.chunk import WorkKey
from schemas.work.run import RunInfo
from tests.support import clips, commands, runs

CHUNKS = "SELECT count(*) FROM chunks"
FAULTS = Path(__file__).parents[1] / "support" / "sitecustomize" / "faults"
DONE = "SELECT count(*) FROM job_pipeline_status WHERE status = 'completed'"

pytestmark = pytest.mark.timeout(600)


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
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("undisturbed")
    done = commands.finished(*command(folder, out))
    assert done.returncode == 0, done.stderr
    return runs.digest(runs.sqlite(out))


def kill_when(process: object, db: Path, query: str, at_least: int) -> None:
    """SIGKILL to the driver alone, the moment the store shows as much; nothing tells its workers."""
    commands.wait_for(lambda: commands.counted(db, query) >= at_least, f"{at_least} of {query}")
    os.kill(process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    process.wait()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "at_least"),
    [("SELECT count(*) FROM jobs", 1), (CHUNKS, 6), (DONE, 6)],
    ids=["jobs known", "some chunks", "most done"],
)
def test_a_driver_killed_at_any_moment_leaves_a_store_that_the_same_command_completes(
    query: str, at_least: int, folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    process = commands.start(*command(folder, tmp_path))
    kill_when(process, tmp_path / "batch_processing.db", query, at_least)
    told = commands.status(tmp_path)
    assert (told["batch"]["state"], told["report"]["running"]) == ("interrupted", 0), "nobody is at work"
    again = commands.finished(*command(folder, tmp_path))
    assert again.returncode == 0, again.stderr
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed


@pytest.mark.parametrize("role", ["FlatMap", "MapWorker", "StoreActor", "FinalizerActor", "Coordinator"])
def test_a_worker_killed_in_mid_run_loses_and_doubles_nothing(
    role: str, folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    process = commands.start(*command(folder, tmp_path))
    db = tmp_path / "batch_processing.db"
    if role != "FlatMap":  # decoding may be over by then
        commands.wait_for(lambda: commands.counted(db, CHUNKS) >= 1, "a first chunk")
    commands.wait_for(lambda: commands.worker_of(process.pid, role), role).kill()
    _, err = process.communicate(timeout=commands.PATIENCE_S)
    assert process.returncode == 0, f"the run gets over it by itself: {err}"
    again = commands.finished(*command(folder, tmp_path))
    assert again.returncode == 0, again.stderr
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed


LOSSES = {
    "the store": [
        f"actors.coordination.store_client:StoreActor.call={call}"
        for call in ("register", "manifest", "commit_chunks", "record", "finish")
    ],
    "the finalizer": [
        f"actors.finalize.finalizer:Finalizer.{call}" for call in ("take", "finish_now", "drain")
    ],
    "who decodes and looks": ["actors.stages.stages:NamedLinks.deliver"],
    "the coordinator": [
        f"actors.coordination.coordinator:Coordinator.{call}"
        for call in ("planned", "started", "committed", "batch", "standing")
    ],
}


@pytest.mark.parametrize("calls", LOSSES.values(), ids=LOSSES.keys())
def test_a_process_lost_before_and_after_each_thing_it_does_loses_and_doubles_nothing(
    calls: list[str], folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    """After: what it was asked for is done and stored, and whoever asked has not heard so."""
    told = tmp_path / "faults.txt"
    env = {**os.environ, "PYTHONPATH": str(FAULTS), "FAULTS": str(told), "LOSSES": " ".join(calls)}
    run = commands.finished(*command(folder, tmp_path), "--set", "engine.page_chunks=6", env=env)
    assert run.returncode == 0, run.stderr
    assert sorted(told.read_text().split()) == sorted(
        f"{call.partition(':')[2]}:{when}" for call in calls for when in ("before", "after")
    ), "each was lost, each once"
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed


def test_an_orphaned_writer_commits_nothing_once_another_run_has_taken_over_its_work(
    folder: Path, tmp_path: Path
) -> None:
    """After `kill -9` of the driver its workers go on for some seconds; what another run has leased they
    no longer touch.
    """
    process = commands.start(*command(folder, tmp_path))
    db = tmp_path / "batch_processing.db"
    commands.wait_for(lambda: commands.counted(db, CHUNKS) >= 1, "a first chunk")
    orphans = [
        found
        for role in ("StoreActor", "FinalizerActor", "MapWorker")
        if (found := commands.worker_of(process.pid, role))
    ]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    store = open_store(runs.sqlite(tmp_path))
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
    at_takeover = runs.digest(runs.sqlite(tmp_path)), commands.counted(db, CHUNKS)
    assert any(orphan.is_running() for orphan in orphans), (
        "the writer outlives its driver, else this shows nothing"
    )
    assert psutil.wait_procs(orphans, timeout=60)[1] == [], "they find out that their driver is gone"
    assert (runs.digest(runs.sqlite(tmp_path)), commands.counted(db, CHUNKS)) == at_takeover
    store.close()


def to_a_terminals_group(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


def to_the_main_process(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)  # as service managers may


def to_both_processes(process: subprocess.Popen[str]) -> None:
    """As `pkill -f` does, and service managers may; the main process passes its own on, too."""
    for one in [*psutil.Process(process.pid).children(), process]:
        one.send_signal(signal.SIGTERM)


def stopped(send: Callable[[subprocess.Popen[str]], None], folder: Path, out: Path) -> int:
    """Exit code of a run that gets a signal once something is stored; what is stored stays, and it says
    how to go on.
    """
    process = commands.start(*command(folder, out))
    db = out / "batch_processing.db"
    commands.wait_for(lambda: commands.counted(db, CHUNKS) >= 1, "a first chunk")
    send(process)
    told = "".join(process.communicate(timeout=commands.PATIENCE_S))
    assert "vaengine resume" in told
    assert commands.counted(db, CHUNKS) >= 1
    return process.returncode


def test_ctrl_c_keeps_what_is_done_and_the_batch_can_be_resumed(
    folder: Path, undisturbed: str, tmp_path: Path
) -> None:
    assert stopped(to_a_terminals_group, folder, tmp_path) == 130
    again = commands.finished("resume", next((tmp_path / "checkpoints").glob("checkpoint_*.json")))
    assert again.returncode == 0, again.stderr
    assert runs.digest(runs.sqlite(tmp_path)) == undisturbed


@pytest.mark.parametrize("send", [to_the_main_process, to_both_processes])
def test_sigterm_keeps_what_is_done_and_says_how_to_go_on(
    send: Callable[[subprocess.Popen[str]], None], folder: Path, tmp_path: Path
) -> None:
    assert stopped(send, folder, tmp_path) == 143
