"""Machines of one's own become a cluster over ssh by the launch file, and batches are handed to it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from cluster import launch
from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.runs.runs import Reference
from tests.support.servers import hosts, ready_raylet, ssh
from tests.support.servers.hosts import Host
from tests.support.servers.ray_hosts import NODE_STORE_BYTES, raylets

LAUNCH: Final = Path(launch.__file__).parent
PATIENCE_S: Final = 600.0
NARROW: Final = ("--pipelines", "scene,person", "--preset", "embedded", "--set", "engine.chunk_seconds=1")

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(2400)]


@dataclass(frozen=True)
class Machines:
    """A machine of the user, a head and a worker, and a folder that all see."""

    client: Host
    head: Host
    worker: Host
    shared: Path

    def ray(self, *arguments: str | Path) -> str:
        """What Ray's command on the machine of the user tells, as in a terminal; it must end well."""
        environment = ssh.ENVIRONMENT | {"PATH": f"{self.shared}/bin:{ssh.ENVIRONMENT['PATH']}"}
        with tempfile.TemporaryFile("w+") as file:
            process = self.client.start(
                "ray",
                *arguments,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            try:
                code = process.wait(PATIENCE_S)
            finally:
                process.kill()
            file.seek(0)
            told = file.read()
        assert code == 0, told
        return told


@pytest.fixture
def machines() -> Iterator[Machines]:
    if reason := hosts.reason_against() or ssh.reason_against():
        pytest.skip(reason)
    shared = Path(tempfile.mkdtemp(prefix="va-up-", dir="/tmp"))
    try:
        key = ssh.make_key(shared)
        ready_raylet.programs(shared / "bin", NODE_STORE_BYTES)
        (shared / "films").mkdir()
        for number in range(3):
            clips.with_persons(shared / "films", frames=80 + 2 * number, cuts=(20,))
        with hosts.hosts(3, shared) as made:
            for host in made.all:
                ssh.own_home(host, shared)
            for host in made.all[1:]:
                ready_raylet.install(host, shared)
                ssh.start_server(host, key)
            yield Machines(*made.all, shared)
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def launch_file(machines: Machines) -> Path:
    """That of the package, with the lines changed that it says are to be changed."""
    text = (LAUNCH / "onprem.yaml").read_text()
    for line, ours in {
        "max_workers: 2": "max_workers: 1",
        "min_workers: 2": "min_workers: 1",
        "head_ip: 192.0.2.10": f"head_ip: {machines.head.ip}",
        "worker_ips: [192.0.2.11, 192.0.2.12]": f"worker_ips: [{machines.worker.ip}]",
        "ssh_user: vaengine": "ssh_user: root",
        "ssh_private_key: ~/.ssh/id_ed25519": f"ssh_private_key: {machines.shared}/ssh_key",
        "/opt/vaengine/bin": f"{machines.shared}/bin",
        "export VAENGINE_CLUSTER": "export VAENGINE_OFFLINE=1 VAENGINE_WHEELS=0 VAENGINE_CLUSTER",
    }.items():
        assert line in text, line
        text = text.replace(line, ours)
    place = machines.shared / "onprem.yaml"
    place.write_text(text)
    return place


def test_a_cluster_over_ssh_takes_batches_by_ray_submit_and_ray_exec_and_ends(
    machines: Machines, reference_digest: Reference
) -> None:
    file, films, shared = launch_file(machines), machines.shared / "films", machines.shared
    token = "mkdir -p ~/.ray && umask 077 && printf %064d 7 > ~/.ray/auth_token"
    machines.client.run("bash", "-c", token, env=ssh.ENVIRONMENT)
    machines.ray("up", "-y", "--no-config-cache", file)

    arguments = ("run", films, "--cluster", "auto", "--out", shared / "submitted", *NARROW)
    told = machines.ray("submit", "--no-config-cache", file, LAUNCH / "job.py", *arguments)
    assert "3 completed" in told
    assert runs.digest(runs.sqlite(shared / "submitted")) == reference_digest(
        films, engine__chunk_seconds=1.0
    )
    again = f"vaengine run {films} --cluster auto --out {shared}/submitted {' '.join(NARROW)}"
    assert "3 up to date" in machines.ray("exec", "--no-config-cache", file, again)

    machines.ray("down", "-y", file)
    gone = lambda: raylets(machines.head) == raylets(machines.worker) == 0  # noqa: E731
    commands.wait_for(gone, "the nodes to end", PATIENCE_S)  # a node may take 30 s to drain
