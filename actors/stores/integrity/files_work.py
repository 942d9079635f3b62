"""Checks one work key in a store of files: its result and the files beside it, or its chunks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from actors.atomic_files import read_object
from actors.stores.files.documents.chunk_file import ChunkFile, chunk_files, chunks_in_force
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.work_item import WorkItemFile
from actors.stores.integrity.finding import DONE_ANEW, Finding
from actors.stores.integrity.results import checksum_of, digest_of
from schemas.annotations import coco
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus

REMOVE_AND_RERUN: Final = "remove the file and run the same command again, it is done anew"
REMOVE_LEFTOVER: Final = "remove it, or run the same command again, which does"
READ_ERRORS: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError)


def faults_of(layout: FileLayout, key: WorkKey, jobs: Sequence[BatchJob]) -> Iterator[Finding]:
    """The faults of a key of these jobs; the caller keeps others from writing."""
    work, results = WorkItemFile(layout, key), [job.pipeline_results[key.pipeline] for job in jobs]
    if layout.state(key).exists() and read_object(layout.state(key)) is None:
        yield Finding("damaged", str(layout.state(key)), f"the state of {key} cannot be read", DONE_ANEW)
        return
    try:
        complete, state = work.complete(), work.state()
    except READ_ERRORS as error:
        yield Finding(
            "damaged",
            str(layout.state(key)),
            f"the state of {key} is not what was written ({error!r})",
            DONE_ANEW,
        )
        return
    if complete is not None:
        yield from _result_faults(work, [result.digest for result in results])
    elif any(result.status is JobStatus.COMPLETED for result in results):
        fault = f"{key} is complete, but its result or its embeddings are cut off, changed or gone"
        yield Finding("not_whole", str(layout.result(key)), fault, DONE_ANEW)
    elif state is None and layout.state(key).exists():
        yield Finding(
            "not_whole",
            str(layout.partial(key)),
            f"what there was of {key} is cut off, changed or gone",
            DONE_ANEW,
        )
    if complete is not None and layout.partial(key).exists():
        yield Finding("leftover", str(layout.partial(key)), f"{key} is complete by now", REMOVE_LEFTOVER)
    yield from _chunk_faults(work, in_use=complete is None)


def _result_faults(work: WorkItemFile, digests: Sequence[str | None]) -> Iterator[Finding]:
    path = work.result_path()
    if path is None:
        return
    if None in digests:
        yield Finding(
            "no_digest", str(path), f"{work.key} is complete, but a job of it has no digest", REMOVE_AND_RERUN
        )
    digest = digest_of(lambda: (row.to_data() for row in coco.annotations_of(json.loads(path.read_bytes()))))
    if {digest} != set(digests) - {None}:
        yield Finding(
            "digest",
            str(path),
            f"rows of {work.key} are not those that were committed ({digest})",
            REMOVE_AND_RERUN,
        )
    if path == work.layout.result(work.key):
        yield from _sidecar_faults(path)


def _sidecar_faults(path: Path) -> Iterator[Finding]:
    """The faults of the files beside a result."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - coco.TAIL_BYTES))
        sizes = coco.files_of(file.read())
    for name, size in sizes.items():
        other = path.with_name(name)
        if not other.is_file() or other.stat().st_size != size:
            yield Finding(
                "not_whole",
                str(other),
                f"it is not the {size} bytes that were written",
                f"remove {path.name} and run again",
            )


def _chunk_faults(work: WorkItemFile, *, in_use: bool) -> Iterator[Finding]:
    folder = work.layout.work(work.key)
    whole = {chunk.path: chunk for chunk in chunk_files(folder)}
    in_force = {chunk.path for chunk in chunks_in_force(whole.values())} if in_use else set()
    for path in sorted(folder.glob("*.chunk")):
        if path not in whole:
            yield Finding(
                "not_whole",
                str(path),
                "a chunk that is cut off; it does not count",
                "remove it, its frames are done anew",
            )
        elif path not in in_force:
            yield Finding(
                "leftover",
                str(path),
                "a chunk that something later has replaced; it does not count",
                REMOVE_LEFTOVER,
            )
        elif not _is_intact(whole[path], work.key):
            yield Finding(
                "checksum",
                str(path),
                f"a chunk of {work.key} is not what its checksum says",
                REMOVE_AND_RERUN,
            )


def _is_intact(chunk: ChunkFile, key: WorkKey) -> bool:
    try:
        line, payload = chunk.line(key), chunk.payload()
        chunk.annotations()
    except READ_ERRORS:
        return False
    return not payload or checksum_of(key.pipeline, payload) == line.checksum
