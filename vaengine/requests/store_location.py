"""Finds stores and checkpoints: the store under `--out` or at `--db`, and the checkpoint of a batch.

Imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.stores.engines.address import StoreUrl, without_password
from schemas.errors import NoBatch, NotFound, StoreOutdated, UsageError
from schemas.paths import absolute_location, absolute_path, is_url, scheme_of
from vaengine.requests.checkpoint import Checkpoint, batch_ids, path_in

if TYPE_CHECKING:
    from schemas.storage.backend import StorageBackend

DEFAULT_OUT: Final = "vaengine_out"
DATABASE: Final = "batch_processing.db"
AUDIT_FILE: Final = "server_audit.jsonl"  # beside the database; once it is full also with `.1`


def store_url(db: str | None, out: Path) -> str:
    """The complete address of a store; by default SQLite under `out`. Raises `StoreUnreachable`."""
    return StoreUrl.parse(db or f"sqlite:///{out / DATABASE}").url


def stored_at(db: str | None, out: str | None) -> str:
    """Address of the store to read: `--db`, or the database under `--out`.

    Without either, it is the store that the newest checkpoint under `--out` points to.
    """
    folder = _results_path(out)
    if db or (folder / DATABASE).exists():
        return store_url(db, folder)
    newest = next(iter(batch_ids(folder)), None)
    return Checkpoint.read(path_in(folder, newest)).store_url if newest else store_url(None, folder)


def named_folders(out: str | None, db: str | None) -> tuple[Path, ...]:
    """The results folders that options name: `--out`, and the folder whose own store is at `--db`.

    The default folder where neither option is given.
    """
    named = [_results_path(out)] if out or not db else []
    own = folder_of(db) if db else None
    return tuple(dict.fromkeys([*named, *([own] if own else [])]))


def results_folder(out: str | None, db: str | None) -> Path:
    """The folder for files of results: `--out`, else the default folder.

    If the default folder has a store of its own and `--db` is the store of another folder, as of a copy, it
    is that other folder. One store's files never replace another's.
    """
    folder, own = _results_path(out), folder_of(db) if db and not out else None
    return own if own and any(url != store_url(db, folder) for url in stores_in(folder)) else folder


def folder_of(db: str) -> Path | None:
    """The folder whose own store is at this address; None for other addresses."""
    address = StoreUrl.parse(db)
    if address.kind == "files":
        return address.path
    return address.path.parent if address.kind == "sqlite" and address.path.name == DATABASE else None


def stores_in(folder: Path) -> Iterator[str]:
    """Addresses of the stores that lie directly in a results folder."""
    if (folder / DATABASE).exists():
        yield store_url(None, folder)
    if (folder / ".store" / "epoch").exists():
        yield store_url(f"files:{folder}", folder)


def _results_path(out: str | None) -> Path:
    if out and is_url(out) and scheme_of(out) != "file":
        raise UsageError(
            f"--out {out} is a URL, and takes a folder of this machine: to put the JSON files and the report "
            "there too, give --publish"
        )
    return Path(absolute_location(out or DEFAULT_OUT))


def opened(out: str | None, db: str | None) -> StorageBackend:
    """The store to read, opened; raises `StoreUnreachable`."""
    from actors.stores import open_store

    try:
        return open_store(stored_at(db, out), read_only=True)
    except NotFound as error:
        error.add_note("(name the folder of the results with --out, or the store with --db)")
        raise


def existing(url: str, *, upgrade: bool) -> StorageBackend | None:
    """An existing store, opened for reading; None where there is none yet.

    With `upgrade`, tables of an older version are upgraded first. Raises `StoreUnreachable`, and without
    `upgrade` `StoreOutdated` for older tables.
    """
    from actors.stores import open_store

    try:
        return open_store(url, read_only=True)
    except NotFound:
        return None
    except StoreOutdated:
        if not upgrade:
            raise
    return open_store(url)


def shown(url: str) -> str:
    """An address without its password, for printing."""
    return without_password(url)


def checkpoint_of(batch: str | None, out: str | None, db: str | None) -> Checkpoint:
    """The checkpoint for a path, a batch id or the beginning of one; None means the newest.

    `db` overrides the checkpoint's store, which may have moved, and whose address holds no password. Raises
    `NotFound` or `UsageError`.
    """
    found = Checkpoint.read(_newest_path(out, db) if batch is None else _checkpoint_path(batch, out, db))
    return found.at(StoreUrl.parse(db).url) if db else found


def _newest_path(out: str | None, db: str | None) -> Path:
    folders = list(_checkpoint_folders(out, db))
    for folder in folders:
        if newest := next(iter(batch_ids(folder)), None):
            return path_in(folder, newest)
    raise NoBatch(folders[0])


def _checkpoint_path(batch: str, out: str | None, db: str | None) -> Path:
    if batch.endswith(".json") or os.sep in batch:
        return absolute_path(batch)
    folders = list(_checkpoint_folders(out, db))
    for folder in folders:
        batch_id = _batch_id_of(batch, batch_ids(folder))
        if batch_id:
            return path_in(folder, batch_id)
    known_ids = [known for folder in folders for known in batch_ids(folder)]
    where = (
        f"{folders[0]} (which has {', '.join(known_ids[:5])})"
        if known_ids
        else f"{folders[0]}; name the results' folder with --out"
    )
    raise NotFound(f"batch {batch}", where)


def _checkpoint_folders(out: str | None, db: str | None) -> Iterator[Path]:
    address = StoreUrl.parse(db) if db else None
    if out or address is None or address.kind == "postgresql":
        yield _results_path(out)
    if address is not None and address.kind != "postgresql":
        yield address.path if address.kind == "files" else address.path.parent


def _batch_id_of(batch: str, known: list[str]) -> str | None:
    if batch in known:
        return batch
    matching_ids = [batch_id for batch_id in known if batch_id.startswith(batch)]
    if len(matching_ids) > 1:
        raise UsageError(f"batch {batch} could be {', '.join(matching_ids)}; give more of its id")
    return matching_ids[0] if matching_ids else None
