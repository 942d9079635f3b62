"""A Ray cluster over several hosts of `tests.support.servers.hosts`, and the command on one of them."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from tests.support.runs.commands import VAENGINE
from tests.support.servers import ready_raylet
from tests.support.servers.hosts import Host, Hosts, hosts

START_SECONDS: Final = 400.0  # of one node, on two busy cores
GCS_PORT: Final = 6379
ENVIRONMENT: Final = {
    "PATH": f"{VAENGINE.parent}:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp/home",
    "LANG": "C.UTF-8",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "f" * 64,
    # 30 s otherwise, for a node and for its agents: too few on a busy machine.
    "RAY_raylet_start_wait_time_s": "380",
    "RAY_agent_register_timeout_ms": "380000",
    "RAY_worker_niceness": "0",  # 15 otherwise: on a busy machine workers would be given next to nothing
    "VAENGINE_OFFLINE": "1",
    "VAENGINE_WHEELS": "0",
}
NODE_STORE_BYTES: Final = 100 << 20
RAY_START: Final = ("ray", "start", "--node-ip-address")
# One CPU and a small object store for each node.
NODE_OPTIONS: Final = (
    *("--num-cpus", "1", "--object-store-memory", str(NODE_STORE_BYTES), "--disable-usage-stats"),
    *ready_raylet.AGENT_PORTS,
)
# As where a spot machine is taken back: the notice of a minute. Ray's command is not in its help.
DRAIN: Final = (
    *("ray", "drain-node", "--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "taken back"),
    *("--deadline-remaining-seconds", "60"),
)
FAKE_HEAD_ID: Final = "fffffffffffffffffffffffffffffffffffffffffffffffffff00000"  # as the provider has it
FAKE_HEAD_TYPE: Final = "ray.head.default"
AUTOSCALER_ENVIRONMENT: Final = {
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_ID,
}
IDLE_MINUTES: Final = 0.1
LOOK_SECONDS: Final = 1.0


@dataclass
class Command:
    """A command that runs on a host, and the file with what it told."""

    process: subprocess.Popen[str]
    output: Path

    def interrupt(self) -> None:
        """As Ctrl-C does. What runs on the host is the child of `nsenter`."""
        for child in psutil.Process(self.process.pid).children():
            child.send_signal(signal.SIGINT)

    def told(self) -> str:
        return self.output.read_text()

    def wait(self, timeout_s: float) -> int:
        """Its exit code; raises `AssertionError` with what it told where it does not end."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"no end within {timeout_s:.0f} s:\n{self.told()}") from None


@dataclass
class RayHosts:
    """The first host has the head of the cluster; there the command is given, and the store is."""

    hosts: Hosts
    shared: Path
    storage: str = "memory"  # of the head: "rocksdb" is kept where the head is started again
    _nodes: list[Host] = field(default_factory=list)
    _prepared: set[str] = field(default_factory=set)  # names of hosts with the raylet of tests

    @property
    def head(self) -> Host:
        return self.hosts.all[0]

    @property
    def address(self) -> str:
        """HOST:PORT of the cluster."""
        return f"{self.head.ip}:{GCS_PORT}"

    def start_head(self, *more: str, env: Mapping[str, str] | None = None) -> None:
        """Start the head, with `more` options and variables than usual."""
        options = ("--head", "--port", str(GCS_PORT), "--include-dashboard=false", *NODE_OPTIONS, *more)
        command = self._start_node(self.head, *options, env=env)
        assert command.wait(START_SECONDS) == 0, command.told()

    def join(self, *joining: Host) -> None:
        """Start the nodes of hosts that are not part of the cluster, at the same time."""
        address = ("--address", self.address)
        started = [self._start_node(host, *address, *NODE_OPTIONS) for host in joining]
        for host, command in zip(joining, started, strict=True):
            if code := command.wait(START_SECONDS):
                self.hosts.kill(host)  # what it has started would go on trying
                raise AssertionError(f"a node that does not start ended with {code}:\n{command.told()}")
            self._nodes.append(host)

    def two_nodes(self) -> tuple[Host, Host]:
        """Two nodes beside the head; hosts take the place of those that were lost."""
        self._nodes = [host for host in self._nodes if host.first.is_running() and self._is_member(host)]
        for host in self._nodes[2:]:
            self.hosts.kill(host)
        self._nodes = self._nodes[:2]
        self.join(*[self.hosts.add() for _ in range(2 - len(self._nodes))])
        first, second = self._nodes
        return first, second

    def keep_joined(self, host: Host, until: Callable[[], bool], seconds: float) -> None:
        """Start the host's node again whenever it has ended, as an init system does."""
        deadline = time.monotonic() + seconds
        while not until() and time.monotonic() < deadline:
            if not self._is_member(host):
                self.join(host)
            time.sleep(LOOK_SECONDS)

    def drain(self, host: Host) -> None:
        """Give notice to the host's node."""
        self._nodes.remove(host)
        here = ENVIRONMENT | {"RAY_ADDRESS": self.address}
        host.run(*DRAIN, "--address", self.address, env=here, timeout_s=START_SECONDS)

    def lose(self, host: Host) -> None:
        """Count no more on this host's node."""
        self._nodes.remove(host)

    def stop_head(self) -> None:
        """End the processes of the head's node at once."""
        self.head.run("ray", "stop", "--force", env=ENVIRONMENT)

    def vaengine(self, *arguments: str | Path, host: Host | None = None) -> Command:
        """The command on a host; without one on the head's."""
        return self._start(host or self.head, "vaengine", *arguments)

    def _is_member(self, host: Host) -> bool:
        """Whether the host's raylet still runs: one that was declared dead has ended."""
        return raylets(host) > 0

    def _start_node(self, host: Host, *options: str, env: Mapping[str, str] | None = None) -> Command:
        if host.name not in self._prepared:
            ready_raylet.install(host, self.shared)
            self._prepared.add(host.name)
        return self._start(host, *RAY_START, host.ip, *options, env=env)

    def _start(self, host: Host, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Command:
        number = len(list(self.shared.glob("output*")))
        output = self.shared / f"output{number}"
        (self.shared / "gcs").mkdir(exist_ok=True)
        storage = {"RAY_gcs_storage": self.storage, "RAY_gcs_storage_path": str(self.shared / "gcs")}
        environment = ENVIRONMENT | (storage if self.storage != "memory" else {}) | dict(env or {})
        with output.open("w") as file:
            process = host.start(*arguments, env=environment, stdout=file, stderr=subprocess.STDOUT)
        return Command(process, output)


def raylets(host: Host) -> int:
    """The number of nodes that run on a host."""
    return sum(_name(process) == "raylet" for process in host.first.children(recursive=True))


def _name(process: psutil.Process) -> str:
    """The name of a process, none of one that has ended since."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


@contextlib.contextmanager
def ray_hosts(shared: Path, *, storage: str = "memory") -> Iterator[RayHosts]:
    """A cluster of one head; `shared` lies under /tmp."""
    with hosts(1, shared) as made:
        cluster = RayHosts(made, shared, storage)
        cluster.start_head()
        yield cluster


@contextlib.contextmanager
def autoscaled_host(shared: Path, most_nodes: int) -> Iterator[RayHosts]:
    """A cluster whose head has no CPU for work, and whose autoscaler starts up to `most_nodes` on its host.

    They are Ray's own stand-ins for machines of a cloud, real nodes with a CPU each. One that is idle ends
    after some seconds.
    """
    with hosts(1, shared) as made:
        cluster = RayHosts(made, shared)
        config = shared / "autoscaling.json"
        config.write_text(json.dumps(_autoscaling_config(most_nodes)))
        cluster.start_head(
            *("--num-cpus", "0", "--autoscaling-config", str(config)), env=AUTOSCALER_ENVIRONMENT
        )
        yield cluster


def _autoscaling_config(most_nodes: int) -> dict[str, Any]:
    """For Ray's fake provider as an external one: the file with its own defaults is not in Ray's wheel."""
    commands = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    node = {"CPU": 1, "object_store_memory": NODE_STORE_BYTES}
    return {
        "cluster_name": "autoscaled",
        "max_workers": most_nodes,
        "idle_timeout_minutes": IDLE_MINUTES,
        "upscaling_speed": 1.0,
        "provider": {
            "type": "external",
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "launch_multiple": True,
            "head_node_id": FAKE_HEAD_ID,
        },
        "head_node_type": FAKE_HEAD_TYPE,
        "available_node_types": {
            FAKE_HEAD_TYPE: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "worker": {"resources": node, "node_config": {}, "min_workers": 0, "max_workers": most_nodes},
        },
        **{f"{name}_commands": [] for name in commands},
        **{name: {} for name in ("auth", "docker", "file_mounts")},
        **{name: [] for name in ("cluster_synced_files", "rsync_exclude", "rsync_filter")},
        "file_mounts_sync_continuously": False,
    }
