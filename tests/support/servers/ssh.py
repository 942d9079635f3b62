"""Servers of OpenSSH on hosts of `tests.support.servers.hosts`, with one key for all of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.support.servers.hosts import Host

SSHD: Final = "/usr/sbin/sshd"
ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp/home"}
_OPTIONS: Final = ("StrictModes=no", "PidFile=none", "UsePAM=no", "PermitRootLogin=yes")


def reason_against() -> str | None:
    """Why there are no such servers on this machine; None where there are."""
    missing = [name for name in (SSHD, "ssh", "ssh-keygen", "rsync") if shutil.which(name) is None]
    return f"needs {', '.join(missing)} (apt-get install openssh-server rsync)" if missing else None


def make_key(folder: Path) -> Path:
    """A new private key, of users and of servers; the public one lies beside it."""
    key = folder / "ssh_key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)
    return key


def own_home(host: Host, shared: Path) -> None:
    """Give the user of a host a home of its own, which is not that of this machine."""
    users = shared / "passwd"
    users.write_text(Path("/etc/passwd").read_text().replace(":/root:", ":/tmp/home:"))
    host.run("mount", "--bind", users, "/etc/passwd", env=ENVIRONMENT)
    host.run("touch", "/tmp/home/.bashrc", env=ENVIRONMENT)


def start_server(host: Host, key: Path) -> None:
    """Start a server that takes the key; it ends with its host."""
    options = (f"AuthorizedKeysFile={key}.pub", *_OPTIONS)
    host.run("mkdir", "-p", "/run/sshd", env=ENVIRONMENT)
    told = ("-D", "-e", "-h", str(key), *(word for one in options for word in ("-o", one)))
    with (key.parent / f"sshd-{host.name}").open("w") as file:
        host.start(SSHD, *told, env=ENVIRONMENT, stdout=file, stderr=subprocess.STDOUT)
    answers = f"until exec 3<>/dev/tcp/{host.ip}/22; do sleep 0.1; done"
    host.run("bash", "-c", answers, env=ENVIRONMENT)
