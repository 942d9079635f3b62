"""What erasure has in common in every store: names masked in text, counts, copies out of reach."""

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

_PICTURES: Final = (".mp4", ".mkv", ".png", ".svg", ".jpg")
_KINDS: Final = {
    ".chunk": "chunks",
    ".npz": "embeddings",
    ".jsonl": "logs",
    **dict.fromkeys(_PICTURES, "pictures"),
}


def masked(value: Any, names: Collection[str]) -> Any:
    """JSON with every mention of these names, as whole words, replaced."""
    if isinstance(value, str):
        return _mention(names).sub(FORGOTTEN, value) if names else value
    if isinstance(value, list | tuple):
        return [masked(one, names) for one in value]
    if isinstance(value, dict):
        return {masked(key, names): masked(one, names) for key, one in value.items()}
    return value


def masked_text(text: str, names: Collection[str]) -> str:
    """`masked` for text; JSON is masked value by value, since it may spell a name in another way."""
    try:
        found = json.loads(text)
    except ValueError:
        return str(masked(text, names))
    new = masked(found, names)
    return text if new == found else json.dumps(new)


def _mention(names: Collection[str]) -> re.Pattern[str]:
    """A name is none where it goes on: `/clips/a.mp4` is not meant by `/clips/a.mp4.bak` or
    `/old/clips/a.mp4`.
    """
    longest = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, longest))})(?![\w/-]|\.\w)")


def files_in(folder: Path, kept: Collection[str] = ()) -> Iterator[Path]:
    """Every file below a folder but those of these paths; links are not followed."""
    paths = sorted(folder.rglob("*")) if folder.is_dir() and not folder.is_symlink() else []
    return (path for path in paths if (path.is_symlink() or not path.is_dir()) and str(path) not in kept)


def remove_folder(folder: Path, kept: Collection[str] = ()) -> None:
    """Remove a folder with all that is in it but files of these paths: a video may lie anywhere, and is
    never touched.
    """
    for path in list(files_in(folder, kept)):
        path.unlink(missing_ok=True)
    below = (
        sorted((path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink()), reverse=True)
        if folder.is_dir()
        else []
    )
    for path in (*below, folder):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def leads_out(path: Path, base: Path) -> bool:
    """Whether links on the way to a path lead out of a folder."""
    return not path.resolve().is_relative_to(base.resolve())


def require_inside(path: Path, base: Path) -> None:
    """Raises `LeadsOut` where links on the way to a path lead out of `base`: what is there may be
    another's.
    """
    if leads_out(path, base):
        raise LeadsOut(str(path), str(path.resolve()), str(base))


def require_all_inside(folder: Path, base: Path) -> None:
    """`require_inside` for a folder with all folders in it."""
    require_inside(folder, base)
    for place, names, _ in os.walk(folder):
        for name in names:
            require_inside(Path(place) / name, base)


def counted_files(paths: Iterable[Path]) -> Counter[str]:
    """Files by what they hold."""
    return Counter(map(kind_of, paths))


def kind_of(path: Path) -> str:
    """What a file holds."""
    return _KINDS.get(path.suffix, "jobs" if path.parent.name == "jobs" else "files")


def require_idle(what: str, batch_id: str | None) -> None:
    """Raises `AtWork` where a live batch is at it."""
    if batch_id is not None:
        raise AtWork(what, batch_id)


def removed(counts: Counter[str], left: Iterable[str] = ()) -> Removed:
    """What went, without the kinds of which nothing did."""
    return Removed({kind: count for kind, count in sorted(counts.items()) if count}, tuple(left))
