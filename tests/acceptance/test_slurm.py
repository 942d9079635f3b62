"""A batch is a job of Slurm, with a cluster of its own inside."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cluster import launch
from tests.support.media import clips
from tests.support.runs import runs
from tests.support.runs.runs import Reference
from tests.support.servers import hosts, ready_raylet, slurm
from tests.support.servers.hosts import Host
from tests.support.servers.ray_hosts import NODE_STORE_BYTES

SCRIPT: Final = Path(launch.__file__).parent / "slurm.sbatch"
PATIENCE_S: Final = 600.0
NARROW: Final = ("--pipelines", "scene,person", "--preset", "embedded", "--set", "engine.chunk_seconds=1")

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(1500)]


@pytest.fixture
def machine() -> Iterator[tuple[Host, Path]]:
    """A host, and a folder that it sees."""
    if reason := hosts.reason_against() or slurm.reason_against():
        pytest.skip(reason)
    shared = Path(tempfile.mkdtemp(prefix="va-slurm-", dir="/tmp"))
    shared.chmod(0o755)
    try:
        ready_raylet.programs(shared / "bin", NODE_STORE_BYTES)
        (shared / "films").mkdir()
        for number in range(2):
            clips.with_persons(shared / "films", frames=80 + 2 * number, cuts=(20,))
        with hosts.hosts(1, shared) as made:
            (host,) = made.all
            ready_raylet.install(host, shared)
            yield host, shared
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def test_a_job_of_one_node_works_through_a_batch(
    machine: tuple[Host, Path], reference_digest: Reference
) -> None:
    host, shared = machine
    environment = slurm.start(host, shared) | {"VAENGINE_BIN": str(shared / "bin")}
    environment |= {"VAENGINE_OFFLINE": "1", "VAENGINE_WHEELS": "0"}
    job, log = shared / "job.sbatch", shared / "log"
    changed = SCRIPT.read_text().replace("--nodes=4", "--nodes=1").replace("#SBATCH --gpus-per-node=1\n", "")
    job.write_text(changed)
    films, out = shared / "films", shared / "out"
    batch = ("--chdir", shared, "--output", log, job, "run", films, "--out", out, *NARROW)
    try:
        host.run("sbatch", "--wait", *batch, env=environment, timeout_s=PATIENCE_S)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text() if log.exists() else 'no log'}") from error
    assert "2 completed" in log.read_text()
    assert runs.digest(runs.sqlite(out)) == reference_digest(films, engine__chunk_seconds=1.0)
