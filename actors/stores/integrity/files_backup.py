"""A store of files in one tar, as it is at one moment."""

from __future__ import annotations

import tarfile
import uuid
from pathlib import Path

from actors.atomic_files import put_new, storage_errors
from actors.stores.files.layout import FileLayout
from actors.stores.files.shared_lock import stillness
from schemas.errors import StoreFailed


def copy_tree(base: Path, target: Path) -> int:
    """Put the whole folder of a store, but for its scratch, into a new tar, read back and synced; returns its
    bytes.

    Runs wait until it is done; `tar -xf TARGET -C FOLDER` has the store again. Raises `StoreUnreachable`
    where there is something at `target`, `NotFound` where there is no store.
    """
    tree = FileLayout(base)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    with storage_errors(target):
        try:
            with stillness(tree), tarfile.open(unfinished, "x", format=tarfile.PAX_FORMAT) as tar:
                tar.add(base, arcname=".", filter=lambda entry: None if _is_scratch(entry, tree) else entry)
                written = len(tar.getmembers())
            if _entries(unfinished) != written:
                raise StoreFailed(f"files:{base}", "the backup cannot be read back")
            put_new(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def _is_scratch(entry: tarfile.TarInfo, tree: FileLayout) -> bool:
    return Path(entry.name).parent == Path(tree.scratch.relative_to(tree.base))


def _entries(path: Path) -> int:
    """Entries of a tar, each read to its end."""
    count = 0
    with tarfile.open(path) as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isreg() else None
            while content and content.read(1 << 20):
                pass
            count += 1
    return count
