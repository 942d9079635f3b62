"""A cluster of three hosts loses one, is cut in two, grows, is drained or loses its head in mid-run: the
store ends up as if nothing had happened.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.media import clips
from tests.support.runs import commands, runs
from tests.support.runs.runs import Reference
from tests.support.servers import hosts
from tests.support.servers.hosts import Host
from tests.support.servers.ray_hosts import RayHosts, ray_hosts

CHUNKS = "SELECT count(*) FROM chunks"
FILMS, FRAMES = 6, 80
CUT_SECONDS = 20.0  # Ray still counts the node as alive
LONG_CUT_SECONDS = 60.0  # it no longer does
END_SECONDS = 900.0  # on a busy machine
STOPPED = 130
THOROUGH = ("--set", "person.sample_fps=10")  # twice the pictures, for a run that is to take longer

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """A folder below /tmp, which all hosts see, with films in it."""
    if reason := hosts.reason_against():
        pytest.skip(reason)
    place = Path(tempfile.mkdtemp(prefix="va-hosts-", dir="/tmp"))
    (place / "films").mkdir()
    for number in range(FILMS):
        clips.with_persons(place / "films", frames=FRAMES + 2 * number, cuts=(20,))
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def undisturbed(shared_folder: Path, reference_digest: Reference) -> str:
    return reference_digest(shared_folder / "films", engine__chunk_seconds=1.0)


@pytest.fixture(scope="module")
def thorough(shared_folder: Path, reference_digest: Reference) -> str:
    """The same of a run with THOROUGH."""
    films = shared_folder / "films"
    return reference_digest(films, engine__chunk_seconds=1.0, person__sample_fps=10.0)


@pytest.fixture(scope="module")
def cluster(shared_folder: Path) -> Iterator[RayHosts]:
    with ray_hosts(shared_folder) as made:
        yield made


class Run:
    """`vaengine run` on a host of a cluster, without one on that of the head."""

    def __init__(self, cluster: RayHosts, name: str, *more: str, host: Host | None = None) -> None:
        self._cluster, self.out = cluster, cluster.shared / name
        narrow = ("--pipelines", "scene,person", "--preset", "embedded", "--set", "engine.chunk_seconds=1")
        where = (cluster.shared / "films", "--out", self.out)
        address = "auto" if host is None else cluster.address
        self.command = cluster.vaengine("run", *where, "--cluster", address, *narrow, *more, host=host)

    def at_work(self, chunks: int = 1) -> Run:
        """Wait until so many chunks are in the store."""

        def look() -> bool:
            assert self.command.process.poll() is None, self.command.told()
            return self.committed >= chunks

        commands.wait_for(look, f"{chunks} chunks in the store", END_SECONDS)
        return self

    @property
    def committed(self) -> int:
        return commands.counted(self.out / "batch_processing.db", CHUNKS)

    def digest(self) -> str:
        """That of the store, once the run has ended well."""
        assert self.command.wait(END_SECONDS) == 0, self.command.told()
        return runs.digest(runs.sqlite(self.out))


def kill(cluster: RayHosts, host: Host) -> None:
    cluster.hosts.kill(host)
    cluster.lose(host)


def cut_for_a_while(cluster: RayHosts, host: Host) -> None:
    cluster.hosts.cut(host)
    time.sleep(CUT_SECONDS)
    cluster.hosts.mend(host)


def cut_for_long(cluster: RayHosts, host: Host) -> None:
    cluster.hosts.cut(host)
    time.sleep(LONG_CUT_SECONDS)
    cluster.hosts.mend(host)
    cluster.lose(host)


def cut_for_good(cluster: RayHosts, host: Host) -> None:
    cluster.hosts.cut(host)
    cluster.lose(host)


def test_a_host_that_joins_in_mid_run_is_given_work(cluster: RayHosts, thorough: str) -> None:
    """The head works alone at first. This is the first test: the others need two hosts beside it."""
    run = Run(cluster, "join", *THOROUGH).at_work()
    cluster.join(cluster.hosts.add())
    assert run.digest() == thorough
    assert "the machines of the batch have changed: it goes on with 2 CPUs" in run.command.told()


@pytest.mark.parametrize("loss", [kill, cut_for_a_while, cut_for_long, cut_for_good])
def test_a_host_that_is_lost_or_cut_off_in_mid_run_costs_nothing_but_time(
    loss: Callable[[RayHosts, Host], None], cluster: RayHosts, undisturbed: str
) -> None:
    _, host = cluster.two_nodes()
    run = Run(cluster, loss.__name__).at_work()
    loss(cluster, host)
    assert run.digest() == undisturbed
    if loss in (cut_for_long, cut_for_good):
        cluster.hosts.kill(host)  # its Ray would go on looking for the head


def test_a_host_that_is_drained_with_notice_ends_its_chunks_and_leaves(
    cluster: RayHosts, undisturbed: str
) -> None:
    _, host = cluster.two_nodes()
    run = Run(cluster, "drain").at_work()
    cluster.drain(host)
    assert run.digest() == undisturbed
    assert "no sign of life" not in run.command.told()
    cluster.hosts.kill(host)


def test_two_batches_share_a_cluster_and_to_stop_one_leaves_the_other(
    cluster: RayHosts, undisturbed: str, thorough: str
) -> None:
    cluster.two_nodes()
    first, second = Run(cluster, "first", *THOROUGH), Run(cluster, "second", "--priority", "2")
    first.at_work()
    second.at_work()
    first.command.interrupt()
    assert first.command.wait(END_SECONDS) == STOPPED, first.command.told()
    assert second.digest() == undisturbed
    assert "it goes on with" in first.command.told() + second.command.told(), "each has its share"
    assert Run(cluster, "first", *THOROUGH, "--max-cpus", "2").digest() == thorough


@pytest.mark.parametrize("storage", ["memory", "rocksdb"])
def test_a_head_that_is_started_again_costs_nothing_but_time(
    storage: str, shared_folder: Path, undisturbed: str
) -> None:
    """Without fault tolerance the cluster is another one, and the run begins again on it by itself."""
    with ray_hosts(shared_folder, storage=storage) as cluster:
        node = cluster.hosts.add()
        cluster.join(node)
        run = Run(cluster, f"head-{storage}", host=node).at_work()
        cluster.stop_head()
        cluster.start_head()
        cluster.keep_joined(node, until=lambda: run.command.process.poll() is not None, seconds=END_SECONDS)
        assert run.digest() == undisturbed


def test_where_the_host_of_the_command_is_lost_the_same_command_elsewhere_goes_on(
    cluster: RayHosts, undisturbed: str
) -> None:
    """Driver, coordinator and store are on one host; the next run takes over what the dead one held."""
    _, host = cluster.two_nodes()
    Run(cluster, "driver", host=host).at_work()
    kill(cluster, host)
    assert Run(cluster, "driver").digest() == undisturbed
