"""Tells whether a path is on a network file system.

SQLite's write-ahead log needs shared memory, which network file systems do not have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FUSE_TYPES: Final = ("ceph", "glusterfs", "juicefs", "rclone", "s3fs", "sshfs")
_NETWORK_TYPES: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
        "virtiofs",
    }
).union(f"fuse.{name}" for name in _FUSE_TYPES)
_MOUNTS: Final = Path("/proc/self/mounts")


def is_network(path: Path, mounts: str | None = None) -> bool:
    """Whether an absolute path lies on a network file system.

    `mounts` is text in the form of /proc/mounts (fstab(5)), by default that of this machine. Without a text
    the answer is no.
    """
    if mounts is None:
        mounts = _MOUNTS.read_text() if _MOUNTS.exists() else ""
    entries = [line.split(" ") for line in mounts.splitlines() if line.count(" ") >= 2]
    # By mount point; a later mount hides an earlier one.
    types = {Path(entry[1].replace("\\040", " ")): entry[2] for entry in entries}
    nearest = next((types[parent] for parent in (path, *path.parents) if parent in types), "")
    return nearest in _NETWORK_TYPES
