"""Traces of a video or a person in files around a store: folders of results, checkpoints, reports, pictures, logs of workers."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from actors.stores.atomic import read_object, write_atomic
from actors.stores.removal import counted_files, files_in, masked, remove_folder, removed
from schemas.pipeline import AUDIO, FACE, PERSON
from schemas.retention import PersonIn, Removed
from vaengine.checkpoint import FOLDER
from vaengine.surroundings import Surroundings, drop

PICTURES: Final = ("annotated*.mp4", "annotated*.mkv", "timeline*.png", "timeline*.svg")  # as render and plot name them in a video's folder
OVERVIEWS: Final = ("overview*.png", "overview*.svg")
MOST_BYTES: Final = 1 << 28  # of a log that is looked through


# A video.


def forget_video(around: Surroundings, video_id: str, paths: Sequence[str], *, dry_run: bool = False) -> Removed:
    """Remove its folders, and take it out of what is told of batches; says which logs of workers name it."""
    counts = _folders(around, video_id, paths, dry_run=dry_run)
    names = {video_id, *paths}
    for out in around.outs:
        counts["checkpoints"] += _rewritten(sorted((out / FOLDER).glob("checkpoint_*.json")), checkpoint_without, names, dry_run=dry_run)
        counts["reports"] += _rewritten(sorted(out.glob("batch_report_*.json")), report_without, names, dry_run=dry_run)
        counts["pictures"] += drop((path for pattern in OVERVIEWS for path in out.glob(pattern)), dry_run=dry_run)
    away = [
        f"{out} is not on this machine: say the same there, or remove {video_id} from it by hand" for out in around.outs if not out.is_dir()
    ]
    logs = [f"{path} names it: `vaengine doctor --clean` removes logs of runs that are over" for path in logs_naming(names)]
    return removed(counts, [*away, *logs])


def _folders(around: Surroundings, video_id: str, paths: Sequence[str], *, dry_run: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    for folder in around.projected(video_id):
        counts += counted_files(files_in(folder, paths))
        if not dry_run:
            remove_folder(folder, paths)
    return counts


def _rewritten(
    paths: Iterable[Path],
    without: Callable[[Mapping[str, Any], Collection[str]], Mapping[str, Any] | None],
    names: Collection[str],
    *,
    dry_run: bool,
) -> int:
    """Write files anew that say something else without these names, and remove those of which nothing is left; how many there were."""
    changed = 0
    for path in paths:
        before = read_object(path) or {}
        after = without(before, names)
        changed += after != before
        if dry_run or after == before:
            continue
        if after is None:
            path.unlink()
        else:
            write_atomic(path, json.dumps(after, indent=2).encode())
    return changed


def checkpoint_without(data: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any] | None:
    """A checkpoint whose batch was never given these files; None where it was given no other."""
    inputs = [path for path in data.get("inputs", ()) if path not in names]
    if len(inputs) == len(data.get("inputs", ())):
        return data
    return {**data, "inputs": inputs} if inputs else None


def report_without(data: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    """A report without the lines of these videos; `forgotten` counts them, so that its sums stay true."""
    lines = [line for line in data.get("videos", ()) if isinstance(line, dict)]
    kept = [line for line in lines if not {line.get("video_id"), line.get("path")} & set(names)]
    rest = masked({key: value for key, value in data.items() if key != "videos"}, names)
    videos = [masked(_without_twins(line, names), names) for line in kept]
    new = {**rest, "videos": videos}
    return (
        new | {"forgotten": data.get("forgotten", 0) + len(lines) - len(kept)} if len(kept) < len(lines) else new if new != data else data
    )


def _without_twins(line: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {**line, **({"duplicates": [path for path in line["duplicates"] if path not in names]} if "duplicates" in line else {})}


def logs_naming(names: Collection[str], temporary: Path | None = None) -> Iterator[Path]:
    """Logs of Ray's workers on this machine that name one of these."""
    wanted = [name.encode(errors="surrogateescape") for name in names]
    for path in sorted((temporary or Path(tempfile.gettempdir())).glob("ray/session_*/logs/**/*")):
        try:
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MOST_BYTES:
                content = path.read_bytes()
                if any(name in content for name in wanted):
                    yield path
        except (FileNotFoundError, PermissionError):  # of a session that is just ending, or another user's
            continue


# Persons.


def forget_persons(around: Surroundings, persons: Sequence[PersonIn], *, dry_run: bool = False) -> Removed:
    """Remove pictures of their videos, and files of the results that lose rows, which are made again; says what else may show them."""
    counts, left = Counter[str](), []
    for video_id in dict.fromkeys(person.video_id for person in persons):
        heard = all(person.pipeline == AUDIO for person in persons if person.video_id == video_id)
        seen = all(person.pipeline != AUDIO for person in persons if person.video_id == video_id)
        pipelines = (AUDIO,) if heard else (PERSON, FACE) if seen else (AUDIO, PERSON, FACE)
        for folder in around.folders(video_id):
            pictures = [path for pattern in PICTURES for path in folder.glob(pattern)]
            left += [f"{path} may show them" for path in _others(folder, pictures)]
            counts["pictures"] += drop(pictures, dry_run=dry_run)
        for folder in around.projected(video_id):
            counts["files"] += drop((folder / f"{pipeline}.json" for pipeline in pipelines), dry_run=dry_run)
    return removed(counts, left)


def _others(folder: Path, ours: Collection[Path]) -> Iterator[Path]:
    """Files that are neither pictures of ours nor results."""
    known = (".json", ".vtt", ".srt", ".rttm")
    return (path for path in sorted(folder.iterdir()) if path.is_file() and path not in ours and path.suffix not in known)
