"""The folder of an export or a dataset: complete, or not at all; nothing of somebody else's is replaced."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from actors.atomic_files import read_object
from schemas.errors import UsageError
from vaengine.exporting.output_file import OutputFile
from vaengine.rendering.output_file import output_errors

MANIFEST: Final = "vaengine_export.json"


def check_folder(
    target: Path, *, force: bool, manifest_name: str = MANIFEST, noun: str = "export", also: str = ""
) -> None:
    """Raises `UsageError` where an export, or what else `noun` is, must not go to `target`.

    A folder that is empty or missing may be filled. An earlier export is replaced with `force`, unless
    somebody has put further files into it. Files of the pattern `also` count as parts of it.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target} is a file: name a folder with -o")
    with output_errors(target):
        files = [path for path in target.rglob("*") if not path.is_dir()]
    if not files:
        return
    manifest = read_object(target / manifest_name)
    if manifest is None:
        raise UsageError(f"{target} has files that are no {noun}: name another folder with -o")
    if not force:
        raise UsageError(f"{target} is there already: replace it with --force, or name another with -o")
    own = {target / name for name in manifest.get("files", {})} | {target / manifest_name}
    others = sorted(path for path in set(files) - own if not (also and path.match(also)))
    if others:
        raise UsageError(f"{target} also has {others[0].relative_to(target)}, which is no part of the {noun}")


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A context that yields a temporary folder beside `target`, which takes its place at the end.

    It is removed on any error, also on Ctrl-C. Raises `DiskFull` or `UsageError`.
    """
    mark = uuid.uuid4().hex[:12]
    temporary = target.with_name(f".{target.name[:100]}.{mark}.tmp")
    with output_errors(target):
        temporary.mkdir(parents=True)
    try:
        with output_errors(target):
            yield temporary
            _put_in_place(temporary, target, target.with_name(f".{target.name[:100]}.{mark}.old"))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _put_in_place(temporary: Path, target: Path, earlier: Path) -> None:
    """Move the earlier export aside, the new one to its place, and remove the earlier one then."""
    if target.exists():
        target.rename(earlier)
    try:
        temporary.rename(target)
    except OSError:
        if earlier.exists():
            earlier.rename(target)
        raise
    if earlier.exists():
        shutil.rmtree(earlier)


def write_file(folder: Path, file: OutputFile) -> int:
    """Write a file of an export; returns its size in bytes. Raises FileExistsError for a second of a name."""
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as opened:
        file.write(opened)
        return opened.tell()


def write_manifest(folder: Path, manifest: object, name: str = MANIFEST) -> None:
    """Write what the export is, as its last file."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / name).write_text(f"{text}\n", encoding="utf-8")
