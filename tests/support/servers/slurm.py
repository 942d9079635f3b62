"""Slurm on a host of `tests.support.servers.hosts`: its controller, and one node with two processors."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from tests.support.servers.hosts import Host

PROGRAMS: Final = ("munged", "slurmctld", "slurmd", "sbatch", "srun")
ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp/home", "LANG": "C.UTF-8"}
FOLDER: Final = "/tmp/slurm"  # on the host
_CONFIGURATION: Final = """\
ClusterName=tests
SlurmctldHost={name}({ip})
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName={name} NodeAddr={ip} CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
# Munge refuses keys that others may read.
_START: Final = f"""
set -e
mkdir -p {FOLDER}/state {FOLDER}/spool {FOLDER}/munge
head -c 1024 /dev/urandom > {FOLDER}/munge/key
chmod 400 {FOLDER}/munge/key
chown -R munge:munge {FOLDER}/munge
chmod 755 {FOLDER} {FOLDER}/munge
cd {FOLDER}/munge
setpriv --reuid=munge --regid=munge --clear-groups munged --force --key-file=$PWD/key --socket=$PWD/socket \\
    --pid-file=$PWD/pid --log-file=$PWD/log --seed-file=$PWD/seed
slurmctld
slurmd
until sinfo --noheader --format=%T | grep -q idle; do sleep 0.2; done
"""


def reason_against() -> str | None:
    """Why there is no Slurm on this machine; None where there is."""
    paths = "/usr/sbin:/usr/bin:/sbin:/bin"
    if missing := [name for name in PROGRAMS if shutil.which(name, path=paths) is None]:
        return f"needs {', '.join(missing)} (apt-get install slurmctld slurmd slurm-client munge)"
    return None


def start(host: Host, shared: Path) -> dict[str, str]:
    """Start it, and wait until its node takes jobs; returns the environment of its commands."""
    (shared / "hosts").write_text(f"127.0.0.1 localhost\n{host.ip} {host.name}\n")
    host.run("mount", "--bind", shared / "hosts", "/etc/hosts", env=ENVIRONMENT)
    configuration = shared / "slurm.conf"
    configuration.write_text(_CONFIGURATION.format(name=host.name, ip=host.ip, folder=FOLDER))
    environment = ENVIRONMENT | {"SLURM_CONF": str(configuration)}
    host.run("bash", "-c", _START, env=environment)
    return environment
