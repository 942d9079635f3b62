"""Hosts on one machine: each has a network, mounts, processes and a name of its own, on one switch.

A host is a set of Linux namespaces (network, mount, pid, uts). It has its own /tmp and /dev/shm, so that
Ray's usual ports and folders do not meet those of another host. The switch is a bridge in a network namespace
of its own. All namespaces are anonymous: they end with their first process, and that ends with the test
process, however it ends. Needs root, iproute2 and util-linux.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

NETWORK: Final = "10.77.0"
SHARED_MEMORY: Final = "size=1g"
PROGRAMS: Final = ("ip", "unshare", "nsenter", "setpriv", "mount")
PATIENCE_S: Final = 60.0  # for one command that sets a host up
ENDS_WITH_THE_TEST: Final = ("setpriv", "--pdeathsig", "KILL", "--")
NAMESPACES: Final = ("--net", "--mount", "--pid", "--uts")

# The first process of a host. Its arguments: name, the folder that becomes /tmp, and the shared folder.
_FIRST_PROCESS: Final = """
import os, signal, subprocess, sys
name, tmp, shared = sys.argv[1:]
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
for command in (
    ["mount", "--make-rprivate", "/"],
    ["mount", "-t", "proc", "proc", "/proc"],
    ["mount", "-t", "tmpfs", "-o", "SIZE", "tmpfs", "/dev/shm"],
    ["mount", "--bind", shared, tmp + shared.removeprefix("/tmp")],
    ["mount", "--rbind", tmp, "/tmp"],
    ["hostname", name],
):
    subprocess.run(command, check=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps whatever is orphaned here
print("up", flush=True)
os.execvp("sleep", ["sleep", "infinity"])
""".replace("SIZE", SHARED_MEMORY)


def reason_against() -> str | None:
    """Why this machine cannot have such hosts; None where it can."""
    if os.geteuid() != 0:
        return "hosts in namespaces need root"
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"hosts in namespaces need the programs {', '.join(missing)} (iproute2, util-linux)"
    tried = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "true"], capture_output=True, text=True, check=False
    )
    return f"namespaces are not allowed here: {tried.stderr.strip()}" if tried.returncode else None


@dataclass(frozen=True)
class Host:
    """One host. `first` is the first process of its namespaces, as this machine counts processes."""

    name: str
    ip: str
    port: str  # its port of the switch
    first: psutil.Process
    outer: subprocess.Popen[str]

    def command(self, *arguments: str | Path) -> list[str]:
        """The command that runs `arguments` on this host."""
        return [
            *("nsenter", "-t", str(self.first.pid), "-n", "-m", "-p", "-u", "--wd=/", "--"),
            *map(str, arguments),
        ]

    def start(self, *arguments: str | Path, env: Mapping[str, str], **options: Any) -> subprocess.Popen[str]:
        """A process on this host, in a group of its own. Its output belongs in a file: Ray's servers keep
        a pipe open.
        """
        return subprocess.Popen(
            self.command(*arguments), env=dict(env), text=True, start_new_session=True, **options
        )

    def run(self, *arguments: str | Path, env: Mapping[str, str], timeout_s: float = PATIENCE_S) -> str:
        """The output of a command on this host; raises `AssertionError` with it where the command fails."""
        with tempfile.TemporaryFile("w+") as output:
            process = self.start(*arguments, env=env, stdout=output, stderr=subprocess.STDOUT)
            try:
                code = process.wait(timeout_s)
            finally:
                process.kill()
            output.seek(0)
            told = output.read()
        assert code == 0, f"{' '.join(map(str, arguments))} on {self.name} ended with {code}:\n{told}"
        return told


class Hosts:
    """Some hosts on one switch; `shared` is a folder that all of them see under the same path."""

    def __init__(self, number: int, shared: Path) -> None:
        self._shared, self._places = shared, Path(tempfile.mkdtemp(prefix="hosts-"))
        self._ended = contextlib.ExitStack()
        self._ended.callback(shutil.rmtree, self._places, ignore_errors=True)
        self.all: list[Host] = []
        try:
            self._switch = self._start_switch()
            for _ in range(number):
                self.add()
        except BaseException:
            self.close()
            raise

    def add(self) -> Host:
        """One more host."""
        number = len(self.all) + 1
        name, tmp = f"host{number}", self._places / f"host{number}"
        (tmp / self._shared.relative_to("/tmp")).mkdir(parents=True)
        (tmp / "home").mkdir()
        outer, first = self._start_first_process(name, tmp)
        host = Host(name, f"{NETWORK}.{number}", f"port{number}", first, outer)
        self._ended.callback(self.kill, host)
        self._connect(host)
        self.all.append(host)
        return host

    def cut(self, host: Host) -> None:
        """Cut the host off: nothing that is sent to it or by it arrives, and nobody is told."""
        self._on_switch("ip", "link", "set", host.port, "down")

    def mend(self, host: Host) -> None:
        """Connect it again."""
        self._on_switch("ip", "link", "set", host.port, "up")

    def kill(self, host: Host) -> None:
        """A power cut: all processes of the host end at once."""
        with contextlib.suppress(psutil.NoSuchProcess):
            host.first.kill()
        host.outer.wait(PATIENCE_S)

    def close(self) -> None:
        """End all hosts and the switch."""
        self._ended.close()

    def _start_switch(self) -> subprocess.Popen[str]:
        switch = subprocess.Popen(
            [*ENDS_WITH_THE_TEST, "unshare", "--net", sys.executable, "-c", _SWITCH],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ended.callback(_end, switch)
        _require_up(switch, "the switch")
        return switch

    def _start_first_process(self, name: str, tmp: Path) -> tuple[subprocess.Popen[str], psutil.Process]:
        unshared = ["unshare", *NAMESPACES, "--fork", "--kill-child"]
        outer = subprocess.Popen(
            [
                *ENDS_WITH_THE_TEST,
                *unshared,
                *(sys.executable, "-c", _FIRST_PROCESS, name, str(tmp), str(self._shared)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._ended.callback(_end, outer)
        _require_up(outer, name)
        (first,) = psutil.Process(outer.pid).children()
        return outer, first

    def _connect(self, host: Host) -> None:
        """A cable from the host to the switch. Ray finds its own address by the route to a public one."""
        peer = ("type", "veth", "peer", "name", host.port, "netns", str(self._switch.pid))
        _in_network(host.first.pid, "ip", "link", "add", "eth0", *peer)
        for command in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{host.ip}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", f"{NETWORK}.254"),
        ):
            _in_network(host.first.pid, "ip", *command)
        self._on_switch("ip", "link", "set", host.port, "master", "bridge", "up")

    def _on_switch(self, *arguments: str) -> None:
        _in_network(self._switch.pid, *arguments)


_SWITCH: Final = """
import os, subprocess
subprocess.run(["ip", "link", "add", "bridge", "type", "bridge"], check=True)
subprocess.run(["ip", "link", "set", "bridge", "up"], check=True)
print("up", flush=True)
os.execvp("sleep", ["sleep", "infinity"])
"""


@contextlib.contextmanager
def hosts(number: int, shared: Path) -> Iterator[Hosts]:
    """Hosts that end with the block; `shared` lies under /tmp and is the same folder on all of them."""
    made = Hosts(number, shared)
    try:
        yield made
    finally:
        made.close()


def _require_up(process: subprocess.Popen[str], name: str) -> None:
    assert process.stdout is not None
    if process.stdout.readline().strip() != "up":
        raise RuntimeError(f"{name} did not start")


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)
    if process.stdout is not None:
        process.stdout.close()


def _in_network(pid: int, *arguments: str) -> None:
    subprocess.run(
        ["nsenter", "-t", str(pid), "-n", "--", *arguments],
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
