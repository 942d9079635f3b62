"""Backs up a store of files as one tar file, as it is at one moment."""

from __future__ import annotations

import tarfile
import uuid
from pathlib import Path

from actors.atomic_files import put_new, storage_errors
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.lock import shared_lock
from schemas.errors import StoreFailed


def copy_tree(base: Path, target: Path) -> int:
    """Write the folder of a store, without its scratch folder, to a new tar; returns the size in bytes.

    The tar is read back and synced. Runs wait until it is written. `tar -xf TARGET -C FOLDER` restores the
    store. Raises `StoreUnreachable` where `target` exists, `NotFound` where there is no store.
    """
    layout = FileLayout(base)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    with storage_errors(target):
        try:
            with shared_lock(layout), tarfile.open(unfinished, "x", format=tarfile.PAX_FORMAT) as tar:
                tar.add(base, arcname=".", filter=lambda entry: None if _is_scratch(entry, layout) else entry)
                written = len(tar.getmembers())
            if _count_readable(unfinished) != written:
                raise StoreFailed(f"files:{base}", "the backup cannot be read back")
            put_new(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def _is_scratch(entry: tarfile.TarInfo, layout: FileLayout) -> bool:
    return Path(entry.name).parent == Path(layout.scratch.relative_to(layout.base))


def _count_readable(path: Path) -> int:
    """The number of entries of a tar; each is read to its end."""
    count = 0
    with tarfile.open(path) as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isreg() else None
            while content and content.read(1 << 20):
                pass
            count += 1
    return count
