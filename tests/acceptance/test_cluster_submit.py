"""A batch is handed to a cluster, and nothing that happens to who handed it over changes what comes of it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.runs.runs import Reference

CHUNKS = "SELECT count(*) FROM chunks"
BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("vaengine", "actors", "cluster", "schemas")

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Head:
    """A head with a token and a job server of its own; `environment` is that of its machine's users."""

    address: str
    jobs: str
    environment: dict[str, str]

    def finished(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return commands.finished(*arguments, env={**self.environment, **variables})


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    folder = Path(tempfile.mkdtemp(prefix="va-"))  # short: sockets lie deep below it
    (folder / ".ray").mkdir()
    (folder / ".ray" / "auth_token").write_text("f" * 64)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    patient = {"RAY_raylet_start_wait_time_s": "380", "RAY_worker_niceness": "0"}
    environment = {**kept, **patient, "HOME": str(folder), "PATH": path, "RAY_TMPDIR": str(folder)}
    port, dashboard, client, agent = free_ports(4)
    ports = {"port": port, "dashboard-port": dashboard, "ray-client-server-port": client}
    more = {"dashboard-agent-listen-port": agent, "num-cpus": 2, "object-store-memory": 200_000_000}
    options = [f"--{name}={value}" for name, value in (ports | more).items()]
    try:
        subprocess.run(
            [str(BIN / "ray"), "start", "--head", *options, "--disable-usage-stats"],
            env=environment,
            check=True,
            timeout=180,
            stdout=subprocess.DEVNULL,
        )
        address = (folder / "ray" / "ray_current_cluster").read_text().strip()
        yield Head(address, f"http://127.0.0.1:{dashboard}", environment)
    finally:
        end_processes_of(str(folder), f":{port}")
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(number)
        ]
        return [server.getsockname()[1] for server in servers]


def end_processes_of(folder: str, port: str) -> None:
    """End every process whose command line names the head's folder or port; no other Ray of this machine."""
    found = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(folder in part or part.endswith(port) for part in process.info["cmdline"] or ())
    ]
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(found, timeout=20)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("films")
    for persons in (1, 2):
        clips.with_persons(place, frames=720 + persons, cuts=(20,), persons=persons)
    return place


def submission(head: Head, *arguments: str | Path) -> dict[str, Any]:
    """What `vaengine status --cluster` says of the only batch."""
    told = head.finished("status", "--cluster", head.jobs, "--json", *arguments)
    assert told.returncode == 0, told.stderr
    (found,) = [one for one in map(json.loads, told.stdout.splitlines()) if one["event"] == "submission"]
    return found


def sent_packages(head: Head) -> int:
    """Packages of code that nodes of the cluster have unpacked."""
    session = Path(head.environment["HOME"]) / "ray" / "session_latest"
    return len([*session.glob("runtime_resources/py_modules_files/_ray_pkg_*/")])


def test_code_travels_to_a_cluster_that_lacks_it_and_to_no_other(
    head: Head, films: Path, tmp_path: Path
) -> None:
    command = ("run", films, "--preset", "embedded", "--pipelines", "scene", "--cluster", head.address)
    same = head.finished(*command, "--out", tmp_path / "same")
    assert (same.returncode, sent_packages(head)) == (0, 0), same.stderr
    assert f"works on the Ray at {head.address}: --cluster {head.address}" in same.stderr

    for name in PACKAGES:
        shutil.copytree(CHECKOUT / name, tmp_path / "other" / name)
    with (tmp_path / "other" / "schemas" / "__init__.py").open("a") as file:
        file.write("# of another version\n")
    other = subprocess.run(
        [sys.executable, "-m", "vaengine", *map(str, command), "--out", str(tmp_path / "out")],
        env={**head.environment, "PYTHONPATH": str(tmp_path / "other")},
        cwd=tmp_path,  # the first place where Python looks
        capture_output=True,
        text=True,
        timeout=commands.PATIENCE_S,
        check=False,
    )
    assert (other.returncode, sent_packages(head)) == (0, len(PACKAGES)), other.stderr
    assert runs.digest(runs.sqlite(tmp_path / "out")) == runs.digest(runs.sqlite(tmp_path / "same"))


def test_a_batch_outlives_who_handed_it_over_is_found_again_stopped_and_goes_on(
    head: Head, films: Path, reference_digest: Reference, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    # Slow enough that it is at work while three commands are given.
    narrow = ("--pipelines", "scene,person", "--set", "engine.chunk_seconds=1", "--workers", "1")
    command = ("cluster", "submit", films, "--out", out, "--preset", "embedded", *narrow)

    client = commands.start(*command, "--cluster", head.jobs, env=head.environment)
    commands.wait_for((out / "batch_processing.db").exists, "a store")
    client.kill()
    client.communicate()
    again = head.finished(*command, "--detach", "--cluster", head.address)
    first = submission(head)
    assert (first["word"], first["out"]) == ("running", str(out))
    assert f"at work already as {first['submission_id']}" in again.stderr
    commands.wait_for(lambda: commands.counted(out / "batch_processing.db", CHUNKS) >= 1, "a first chunk")
    cancelled = head.finished("cancel", first["batch_id"][:6], "--cluster", head.jobs)
    assert cancelled.stdout == f"cancelled: batch {first['batch_id']} ({first['submission_id']})\n"
    commands.wait_for(lambda: submission(head)["word"] == "stopped", "the end of the batch")
    assert commands.counted(out / "batch_processing.db", "SELECT count(*) FROM runs WHERE outcome='stopped'")

    rest = head.finished(*command, "--cluster", "auto", RAY_ADDRESS=head.jobs)
    assert rest.returncode == 0, rest.stdout + rest.stderr
    assert "it goes on where it stopped" in rest.stderr
    assert f"batch {first['batch_id']}: 2 completed" in rest.stdout
    assert "job_manager" not in rest.stdout
    assert runs.digest(runs.sqlite(out)) == reference_digest(films, engine__chunk_seconds=1.0)

    log = head.finished("logs", first["batch_id"], "--cluster", head.jobs)
    assert log.stdout.splitlines() == rest.stdout.splitlines()
    assert submission(head)["word"] == "completed"


def test_ray_s_own_command_hands_a_batch_over_too(
    head: Head, films: Path, reference_digest: Reference, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    out, narrow = tmp_path / "out", ("--pipelines", "scene,person", "--set", "engine.chunk_seconds=1")
    run = ("vaengine", "run", films, "--cluster", "auto", "--out", out, "--preset", "embedded", *narrow)
    told = subprocess.run(
        [
            *(str(BIN / "ray"), "job", "submit", "--address", head.jobs),
            *("--working-dir", str(tmp_path / "empty"), "--", *map(str, run)),
        ],
        env={**head.environment, "RAY_AUTH_MODE": "token"},
        capture_output=True,
        text=True,
        timeout=commands.PATIENCE_S,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "2 completed" in told.stdout
    assert runs.digest(runs.sqlite(out)) == reference_digest(films, engine__chunk_seconds=1.0)


def test_what_the_run_refuses_on_the_cluster_is_the_exit_code_here(head: Head, tmp_path: Path) -> None:
    refused = head.finished(
        "cluster", "submit", tmp_path / "no.mp4", "--out", tmp_path, "--cluster", head.jobs
    )
    assert refused.returncode == 2
    assert "does not exist" in refused.stdout


@pytest.mark.parametrize("token", ["", "w" * 64], ids=["no token", "the token of another cluster"])
def test_without_the_right_token_no_command_gets_further_than_one_line(
    token: str, head: Head, films: Path, tmp_path: Path
) -> None:
    variables = {"HOME": str(tmp_path), "RAY_AUTH_TOKEN": token}
    where = {"run": head.address, "cluster submit": head.jobs}
    for command, address in where.items():
        arguments = (*command.split(), films, "--out", tmp_path / "out", "--preset", "embedded")
        told = head.finished(*arguments, "--cluster", address, **variables)
        assert told.returncode == 2
        assert told.stderr.splitlines()[-1].startswith(f"error: no Ray cluster can be used at {address}: it ")
        assert "set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH" in told.stderr
    assert not (tmp_path / "out").exists()
