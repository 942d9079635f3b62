"""Helpers of erasure in every store: masks names in text, removes folders, refuses links that lead out."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from schemas.errors import AtWork, LeadsOut
from schemas.storage.retention import FORGOTTEN, Removed

_PICTURE_SUFFIXES: Final = (".mp4", ".mkv", ".png", ".svg", ".jpg")
_KIND_BY_SUFFIX: Final = {
    ".chunk": "chunks",
    ".npz": "embeddings",
    ".jsonl": "logs",
    **dict.fromkeys(_PICTURE_SUFFIXES, "pictures"),
}


def masked(value: Any, names: Collection[str]) -> Any:
    """A JSON value in which every mention of these names, as a whole word, is replaced by `FORGOTTEN`."""
    if isinstance(value, str):
        return _mentions(names).sub(FORGOTTEN, value) if names else value
    if isinstance(value, list | tuple):
        return [masked(item, names) for item in value]
    if isinstance(value, dict):
        return {masked(key, names): masked(item, names) for key, item in value.items()}
    return value


def masked_text(text: str, names: Collection[str]) -> str:
    """`masked` for text; JSON is masked value by value, since it may spell a name with escapes."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return str(masked(text, names))
    new = masked(parsed, names)
    return text if new == parsed else json.dumps(new)


def _mentions(names: Collection[str]) -> re.Pattern[str]:
    """A pattern for whole names: `/old/clips/a.mp4` and `/clips/a.mp4.bak` do not mention `/clips/a.mp4`."""
    longest = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, longest))})(?![\w/-]|\.\w)")


def files_in(folder: Path, kept: Collection[str] = ()) -> Iterator[Path]:
    """Every file below a folder except those of the paths `kept`; links are not followed."""
    paths = sorted(folder.rglob("*")) if folder.is_dir() and not folder.is_symlink() else []
    return (path for path in paths if (path.is_symlink() or not path.is_dir()) and str(path) not in kept)


def remove_folder(folder: Path, kept: Collection[str] = ()) -> None:
    """Remove a folder with everything in it except the files `kept`: a video may lie anywhere, and stays."""
    for path in list(files_in(folder, kept)):
        path.unlink(missing_ok=True)
    below = folder.rglob("*") if folder.is_dir() else ()
    subfolders = sorted((path for path in below if path.is_dir() and not path.is_symlink()), reverse=True)
    for path in (*subfolders, folder):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def leads_out(path: Path, base: Path) -> bool:
    """Whether links on the way to a path lead out of the folder `base`."""
    return not path.resolve().is_relative_to(base.resolve())


def require_inside(path: Path, base: Path) -> None:
    """Raises `LeadsOut` where links on the way to a path lead out of `base`: those files may not be ours."""
    if leads_out(path, base):
        raise LeadsOut(str(path), str(path.resolve()), str(base))


def require_all_inside(folder: Path, base: Path) -> None:
    """`require_inside` for a folder and all folders in it."""
    require_inside(folder, base)
    for parent, names, _ in os.walk(folder):
        for name in names:
            require_inside(Path(parent) / name, base)


def counted_files(paths: Iterable[Path]) -> Counter[str]:
    """The number of files by kind."""
    return Counter(map(kind_of, paths))


def kind_of(path: Path) -> str:
    """The kind of a file by its name: chunks, embeddings, logs, pictures, jobs or files."""
    return _KIND_BY_SUFFIX.get(path.suffix, "jobs" if path.parent.name == "jobs" else "files")


def require_idle(subject: str, batch_id: str | None) -> None:
    """Raises `AtWork` where a live batch works on the subject."""
    if batch_id is not None:
        raise AtWork(subject, batch_id)


def removed(counts: Counter[str], left: Iterable[str] = ()) -> Removed:
    """The counts of what was removed, without zeros, and lines about what could not be removed."""
    return Removed({kind: count for kind, count in sorted(counts.items()) if count}, tuple(left))
