"""Traces of a video or a person in files around a store: folders of results, checkpoints, reports,
pictures, logs of workers.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import read_object
from actors.stores.rules.erasure_text import files_in, kind_of, masked, remove_folder
from actors.stores.rules.transitions import keys_of
from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.storage.retention import PersonIn
from schemas.work.job import BatchJob
from vaengine.execution.projection import is_fresh
from vaengine.maintenance.result_folders import FolderChange, RemovalPlan, ResultFolders
from vaengine.requests.checkpoint import FOLDER

# As render and plot name them in a video's folder.
PICTURES: Final = ("annotated*.mp4", "annotated*.mkv", "timeline*.png", "timeline*.svg", "timeline*.pdf")
DOCUMENTS: Final = ("job_metadata.json", "batch_summary.json")
OVERVIEWS: Final = ("overview*.png", "overview*.svg", "overview*.pdf")
MOST_BYTES: Final = 1 << 28  # of a log that is looked through


# A video.


def of_video(out: Path, video_id: str, paths: Sequence[str], *, own: bool) -> Iterator[FolderChange]:
    """What goes with a video from a folder of results; a store of files (`own`) removes the video's
    folder itself.
    """
    names = {video_id, *paths}
    if not own:
        yield from (
            FolderChange(path, out / video_id, kind_of(path)) for path in files_in(out / video_id, paths)
        )
    yield from _rewritten(
        out, sorted((out / FOLDER).glob("checkpoint_*.json")), "checkpoints", checkpoint_without, names
    )
    yield from _rewritten(out, sorted(out.glob("batch_report_*.json")), "reports", report_without, names)
    yield from (
        FolderChange(path, out, "pictures")
        for pattern in OVERVIEWS
        for path in sorted(out.glob(pattern))
        if path.is_file()
    )


def forget_video(around: ResultFolders, video_id: str, paths: Sequence[str]) -> RemovalPlan:
    """What has to be done for it everywhere, and which logs of workers name it."""
    found = around.plan([video_id], lambda out: of_video(out, video_id, paths, own=out == around.own))
    logs = [
        f"{path} names it: `vaengine doctor --clean` removes logs of runs that are over"
        for path in logs_naming({video_id, *paths})
    ]
    return replace(found, left=(*found.left, *around.away(video_id), *logs))


def drop_folders(around: ResultFolders, video_id: str, paths: Sequence[str]) -> None:
    """Remove the video's folders once their files are gone."""
    for folder in around.projected(video_id):
        remove_folder(folder, paths)


def _rewritten(
    out: Path,
    paths: Iterable[Path],
    kind: str,
    without: Callable[[Mapping[str, Any], Collection[str]], Mapping[str, Any] | None],
    names: Collection[str],
) -> Iterator[FolderChange]:
    """Files that say something else without these names are written anew, and removed where nothing of
    them is left.
    """
    for path in paths:
        before = read_object(path) or {}
        after = without(before, names)
        if after != before:
            yield FolderChange(
                path, out, kind, None if after is None else json.dumps(after, indent=2).encode()
            )


def checkpoint_without(data: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any] | None:
    """A checkpoint whose batch was never given these files; None where it was given no other."""
    parts = [{key: value for key, value in data.items() if key != "others"}, *data.get("others", ())]
    rest = [
        {**part, "inputs": [path for path in part.get("inputs", ()) if path not in names]} for part in parts
    ]
    if rest == [{**part, "inputs": list(part.get("inputs", ()))} for part in parts]:
        return data
    kept = [part for part in rest if part["inputs"]]
    return {**data, **kept[0], **({"others": kept[1:]} if "others" in data else {})} if kept else None


def report_without(data: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    """A report without the lines of these videos; `forgotten` counts them, so that its sums stay true."""
    lines = [line for line in data.get("videos", ()) if isinstance(line, dict)]
    kept = [line for line in lines if not {line.get("video_id"), line.get("path")} & set(names)]
    rest = masked({key: value for key, value in data.items() if key != "videos"}, names)
    videos = [masked(_without_twins(line, names), names) for line in kept]
    new = {**rest, "videos": videos}
    return (
        new | {"forgotten": data.get("forgotten", 0) + len(lines) - len(kept)}
        if len(kept) < len(lines)
        else new
        if new != data
        else data
    )


def _without_twins(line: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {
        **line,
        **(
            {"duplicates": [path for path in line["duplicates"] if path not in names]}
            if "duplicates" in line
            else {}
        ),
    }


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


def of_persons(out: Path, persons: Sequence[PersonIn], *, own: bool) -> Iterator[FolderChange]:
    """Pictures of their videos, and files of results that lose rows, which are made again; a store of
    files (`own`) changes its own.
    """
    for video_id in dict.fromkeys(person.video_id for person in persons):
        folder = out / video_id
        yield from (FolderChange(path, folder, "pictures") for path in _pictures(folder))
        results = () if own else (folder / f"{pipeline}.json" for pipeline in _pipelines(video_id, persons))
        yield from (FolderChange(path, folder, "files") for path in existing(results))


def forget_persons(around: ResultFolders, persons: Sequence[PersonIn]) -> RemovalPlan:
    """What has to be done for them everywhere, and what else may show them."""
    videos = list(dict.fromkeys(person.video_id for person in persons))
    found = around.plan(videos, lambda out: of_persons(out, persons, own=out == around.own))
    others = [path for video_id in videos for folder in around.folders(video_id) for path in _others(folder)]
    return replace(found, left=(*found.left, *(f"{path} may show them" for path in others)))


def _pipelines(video_id: str, persons: Iterable[PersonIn]) -> tuple[str, ...]:
    kinds = {person.pipeline == AUDIO for person in persons if person.video_id == video_id}
    return (*((AUDIO,) if True in kinds else ()), *((PERSON, FACE) if False in kinds else ()))


def _pictures(folder: Path) -> list[Path]:
    return [path for pattern in PICTURES for path in sorted(folder.glob(pattern)) if path.is_file()]


def _others(folder: Path) -> Iterator[Path]:
    """Files that are neither pictures of ours nor results."""
    known, ours = (".json", ".vtt", ".srt", ".rttm"), _pictures(folder)
    return (
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path not in ours and path.suffix not in known
    )


# Jobs that are pruned.


def of_pruned(out: Path, gone: Sequence[BatchJob], staying: Sequence[BatchJob]) -> Iterator[FolderChange]:
    """The files of results that go with jobs of which no other asks for them, and with a video's last job
    what is told of it.
    """
    kept = {key for job in staying for key in keys_of(job).values()}
    videos = {job.video_id for job in staying}
    for job in gone:
        folder = out / job.video_id
        results = [job.pipeline_results[name] for name, key in keys_of(job).items() if key not in kept]
        fresh = [
            path for one in results if is_fresh(path := folder / f"{one.pipeline}.json", one.digest or "")
        ]
        last = [] if job.video_id in videos else [folder / name for name in DOCUMENTS]
        yield from (FolderChange(path, folder, "files") for path in existing([*fresh, *last]))


def prune(around: ResultFolders, gone: Sequence[BatchJob], staying: Sequence[BatchJob]) -> RemovalPlan:
    """What has to be done for them everywhere."""
    videos = list(dict.fromkeys(job.video_id for job in gone))
    return around.plan(videos, lambda out: () if out == around.own else unique(of_pruned(out, gone, staying)))


def drop_empty_folders(around: ResultFolders, jobs: Iterable[BatchJob]) -> None:
    """Remove the folders of which no file is left."""
    for folder in (
        folder for video_id in {job.video_id for job in jobs} for folder in around.projected(video_id)
    ):
        if not any(folder.iterdir()):
            folder.rmdir()


def unique(changes: Iterable[FolderChange]) -> Iterable[FolderChange]:
    """Each file once: several jobs of a video may have had the same results."""
    return {change.path: change for change in changes}.values()


def existing(paths: Iterable[Path]) -> list[Path]:
    """Those that are there, after what lies beside files of sound."""
    return [file for path in paths for file in (*beside(path), path) if file.is_file()]


def beside(path: Path) -> list[Path]:
    """What lies beside a pipeline's file."""
    return [path.with_suffix(f".{ending}") for ending in ("vtt", "srt", "rttm")] if path.stem == AUDIO else []
