"""Finds and removes what files around a store hold of a video or a person.

These are results folders, checkpoints, reports, pictures and logs of workers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final

from actors.atomic_files import read_object
from actors.stores.rules.erasure_text import files_in, kind_of, masked, remove_folder
from actors.stores.rules.states import keys_of
from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.storage.retention import PersonIn
from schemas.work.job import BatchJob
from vaengine.execution.projection import is_fresh
from vaengine.execution.result_files import FolderFiles
from vaengine.maintenance.result_folders import FolderChange, RemovalPlan, ResultFolders
from vaengine.requests.checkpoint import FOLDER

# As render and plot name them in a video's folder.
PICTURE_PATTERNS: Final = (
    "annotated*.mp4",
    "annotated*.mkv",
    "timeline*.png",
    "timeline*.svg",
    "timeline*.pdf",
)
DOCUMENTS: Final = ("job_metadata.json", "batch_summary.json")
SHEET_PATTERN: Final = "people*.png"  # as `vaengine person sheet` names it, beside the folders of videos
PAGE_PATTERN: Final = "moments*.html"  # as `vaengine query --open` names it, there too
OVERVIEW_PATTERNS: Final = (
    "overview*.png",
    "overview*.svg",
    "overview*.pdf",
    SHEET_PATTERN,
    PAGE_PATTERN,
)
MAX_LOG_BYTES: Final = 1 << 28  # a larger log is not searched


# A video.


def of_video(out: Path, video_id: str, paths: Sequence[str], *, own: bool) -> Iterator[FolderChange]:
    """Changes to a results folder that erase a video.

    A store of files (`own`) removes the video's folder itself.
    """
    names = {video_id, *paths}
    if not own:
        yield from (
            FolderChange(path, out / video_id, kind_of(path)) for path in files_in(out / video_id, paths)
        )
    yield from _rewrites(
        out, sorted((out / FOLDER).glob("checkpoint_*.json")), "checkpoints", checkpoint_without, names
    )
    yield from _rewrites(out, sorted(out.glob("batch_report_*.json")), "reports", report_without, names)
    yield from (
        FolderChange(path, out, "pictures")
        for pattern in OVERVIEW_PATTERNS
        for path in sorted(out.glob(pattern))
        if path.is_file()
    )


def forget_video(result_folders: ResultFolders, video_id: str, paths: Sequence[str]) -> RemovalPlan:
    """The plan that erases a video from all results folders.

    It also names the logs of workers that mention the video.
    """
    found = result_folders.plan(
        [video_id], lambda out: of_video(out, video_id, paths, own=out == result_folders.own)
    )
    logs = [
        f"{path} names it: `vaengine doctor --clean` removes logs of runs that are over"
        for path in logs_naming({video_id, *paths})
    ]
    return replace(found, left=(*found.left, *result_folders.unreachable_lines(video_id), *logs))


def drop_folders(result_folders: ResultFolders, video_id: str, paths: Sequence[str]) -> None:
    """Remove the video's folders after their files."""
    for folder in result_folders.projected(video_id):
        remove_folder(folder, paths)


def _rewrites(
    out: Path,
    paths: Iterable[Path],
    kind: str,
    without: Callable[[Mapping[str, Any], Collection[str]], Mapping[str, Any] | None],
    names: Collection[str],
) -> Iterator[FolderChange]:
    """Changes of JSON files that mention these names: rewritten without them, or removed if empty then."""
    for path in paths:
        before = read_object(path) or {}
        after = without(before, names)
        if after != before:
            yield FolderChange(
                path, out, kind, None if after is None else json.dumps(after, indent=2).encode()
            )


def checkpoint_without(data: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any] | None:
    """A checkpoint without these inputs; None where it has no others."""
    parts = [{key: value for key, value in data.items() if key != "others"}, *data.get("others", ())]
    new_parts = [
        {**part, "inputs": [path for path in part.get("inputs", ()) if path not in names]} for part in parts
    ]
    if new_parts == [{**part, "inputs": list(part.get("inputs", ()))} for part in parts]:
        return data
    remaining_parts = [part for part in new_parts if part["inputs"]]
    return (
        {**data, **remaining_parts[0], **({"others": remaining_parts[1:]} if "others" in data else {})}
        if remaining_parts
        else None
    )


def report_without(data: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    """A report without the lines of these videos; `forgotten` counts them, so that its sums stay true."""
    lines = [line for line in data.get("videos", ()) if isinstance(line, dict)]
    kept_lines = [line for line in lines if not {line.get("video_id"), line.get("path")} & set(names)]
    masked_data = masked({key: value for key, value in data.items() if key != "videos"}, names)
    videos = [masked(_without_duplicates(line, names), names) for line in kept_lines]
    new_report = {**masked_data, "videos": videos}
    return (
        new_report | {"forgotten": data.get("forgotten", 0) + len(lines) - len(kept_lines)}
        if len(kept_lines) < len(lines)
        else new_report
        if new_report != data
        else data
    )


def _without_duplicates(line: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {
        **line,
        **(
            {"duplicates": [path for path in line["duplicates"] if path not in names]}
            if "duplicates" in line
            else {}
        ),
    }


def logs_naming(names: Collection[str], temporary: Path | None = None) -> Iterator[Path]:
    """Logs of Ray's workers on this machine that contain one of these names."""
    encoded_names = [name.encode(errors="surrogateescape") for name in names]
    for path in sorted((temporary or Path(gettempdir())).glob("ray/session_*/logs/**/*")):
        try:
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_LOG_BYTES:
                content = path.read_bytes()
                if any(name in content for name in encoded_names):
                    yield path
        except (FileNotFoundError, PermissionError):  # a session that is just ending, or another user's log
            continue


# Persons.


def of_persons(out: Path, persons: Sequence[PersonIn], *, own: bool) -> Iterator[FolderChange]:
    """Changes to a results folder that erase persons: pictures of their videos, and files of results.

    The files are made again without their rows. A store of files (`own`) changes its own.
    """
    shown = [path for pattern in (SHEET_PATTERN, PAGE_PATTERN) for path in sorted(out.glob(pattern))]
    yield from (FolderChange(path, out, "pictures") for path in existing(shown))
    for video_id in dict.fromkeys(person.video_id for person in persons):
        folder = out / video_id
        yield from (FolderChange(path, folder, "pictures") for path in _pictures(folder))
        results = () if own else (folder / f"{pipeline}.json" for pipeline in _pipelines(video_id, persons))
        yield from (FolderChange(path, folder, "files") for path in existing(results))


def forget_persons(result_folders: ResultFolders, persons: Sequence[PersonIn]) -> RemovalPlan:
    """The plan that erases persons from all results folders; it also names other files that may show them."""
    videos = list(dict.fromkeys(person.video_id for person in persons))
    found = result_folders.plan(videos, lambda out: of_persons(out, persons, own=out == result_folders.own))
    others = [
        path
        for video_id in videos
        for folder in result_folders.folders(video_id)
        for path in _other_files(folder)
    ]
    return replace(found, left=(*found.left, *(f"{path} may show them" for path in others)))


def _pipelines(video_id: str, persons: Iterable[PersonIn]) -> tuple[str, ...]:
    kinds = {person.pipeline == AUDIO for person in persons if person.video_id == video_id}
    return (*((AUDIO,) if True in kinds else ()), *((PERSON, FACE) if False in kinds else ()))


def _pictures(folder: Path) -> list[Path]:
    return [path for pattern in PICTURE_PATTERNS for path in sorted(folder.glob(pattern)) if path.is_file()]


def _other_files(folder: Path) -> Iterator[Path]:
    """Files of a folder that are neither our pictures nor results."""
    known_suffixes, pictures = (".json", ".vtt", ".srt", ".rttm"), _pictures(folder)
    return (
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path not in pictures and path.suffix not in known_suffixes
    )


# Jobs that are pruned.


def of_pruned(
    out: Path, removed_jobs: Sequence[BatchJob], kept_jobs: Sequence[BatchJob]
) -> Iterator[FolderChange]:
    """Changes to a results folder that go with pruned jobs.

    Files of results go if no kept job needs them. With a video's last job its documents go too.
    """
    kept_keys = {key for job in kept_jobs for key in keys_of(job).values()}
    videos = {job.video_id for job in kept_jobs}
    for job in removed_jobs:
        folder = out / job.video_id
        results = [job.pipeline_results[name] for name, key in keys_of(job).items() if key not in kept_keys]
        fresh_files = [
            folder / f"{result.pipeline}.json"
            for result in results
            if is_fresh(FolderFiles(folder), f"{result.pipeline}.json", result.digest or "")
        ]
        last_files = [] if job.video_id in videos else [folder / name for name in DOCUMENTS]
        yield from (FolderChange(path, folder, "files") for path in existing([*fresh_files, *last_files]))


def prune(
    result_folders: ResultFolders, removed_jobs: Sequence[BatchJob], kept_jobs: Sequence[BatchJob]
) -> RemovalPlan:
    """The plan that removes pruned jobs from all results folders."""
    videos = list(dict.fromkeys(job.video_id for job in removed_jobs))
    return result_folders.plan(
        videos,
        lambda out: () if out == result_folders.own else unique(of_pruned(out, removed_jobs, kept_jobs)),
    )


def drop_empty_folders(result_folders: ResultFolders, jobs: Iterable[BatchJob]) -> None:
    """Remove the folders that are empty."""
    for folder in (
        folder for video_id in {job.video_id for job in jobs} for folder in result_folders.projected(video_id)
    ):
        if not any(folder.iterdir()):
            folder.rmdir()


def unique(changes: Iterable[FolderChange]) -> Iterable[FolderChange]:
    """Each changed file once: several jobs of a video may have had the same results."""
    return {change.path: change for change in changes}.values()


def existing(paths: Iterable[Path]) -> list[Path]:
    """Those files that exist, each after the files that accompany it."""
    return [file for path in paths for file in (*beside(path), path) if file.is_file()]


def beside(path: Path) -> list[Path]:
    """The files that accompany a pipeline's file: for sound, its subtitles and speakers."""
    return [path.with_suffix(f".{ending}") for ending in ("vtt", "srt", "rttm")] if path.stem == AUDIO else []
