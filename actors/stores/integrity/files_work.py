"""What is wrong with one work key in a store of files: its result and what lies beside it, or its chunks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from actors.atomic_files import read_object
from actors.stores.files.chunk_file import ChunkFile, chunk_files, live
from actors.stores.files.layout import FileLayout
from actors.stores.files.work_item import WorkItemFile
from actors.stores.integrity.finding import DONE_ANEW, Finding
from actors.stores.integrity.results import checksum_of, digest_of
from schemas.annotations import coco
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus

MAKE_ROOM: Final = "remove the file and run the same command again, it is done anew"
LEFT: Final = "remove it, or run the same command again, which does"
UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError)


def faults_of(tree: FileLayout, key: WorkKey, jobs: Sequence[BatchJob]) -> Iterator[Finding]:
    """Faults of a key that these jobs ask for; the caller keeps others from writing."""
    work, results = WorkItemFile(tree, key), [job.pipeline_results[key.pipeline] for job in jobs]
    if tree.state(key).exists() and read_object(tree.state(key)) is None:
        yield Finding("damaged", str(tree.state(key)), f"the state of {key} cannot be read", DONE_ANEW)
        return
    try:
        complete, state = work.complete(), work.state()
    except UNREADABLE as error:
        yield Finding(
            "damaged",
            str(tree.state(key)),
            f"the state of {key} is not what was written ({error!r})",
            DONE_ANEW,
        )
        return
    if complete is not None:
        yield from _complete(work, [result.digest for result in results])
    elif any(result.status is JobStatus.COMPLETED for result in results):
        what = f"{key} is complete, but its result or its embeddings are cut off, changed or gone"
        yield Finding("not_whole", str(tree.result(key)), what, DONE_ANEW)
    elif state is None and tree.state(key).exists():
        yield Finding(
            "not_whole",
            str(tree.partial(key)),
            f"what there was of {key} is cut off, changed or gone",
            DONE_ANEW,
        )
    if complete is not None and tree.partial(key).exists():
        yield Finding("leftover", str(tree.partial(key)), f"{key} is complete by now", LEFT)
    yield from _chunks(work, in_use=complete is None)


def _complete(work: WorkItemFile, digests: Sequence[str | None]) -> Iterator[Finding]:
    path = work.result_path()
    if path is None:
        return
    if None in digests:
        yield Finding(
            "no_digest", str(path), f"{work.key} is complete, but a job of it has no digest", MAKE_ROOM
        )
    found = digest_of(lambda: (row.to_data() for row in coco.annotations_of(json.loads(path.read_bytes()))))
    if {found} != set(digests) - {None}:
        yield Finding(
            "digest", str(path), f"rows of {work.key} are not those that were committed ({found})", MAKE_ROOM
        )
    if path == work.tree.result(work.key):
        yield from _beside(path)


def _beside(path: Path) -> Iterator[Finding]:
    """Files that belong beside a result."""
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


def _chunks(work: WorkItemFile, *, in_use: bool) -> Iterator[Finding]:
    folder = work.tree.work(work.key)
    whole = {chunk.path: chunk for chunk in chunk_files(folder)}
    counting = {chunk.path for chunk in live(whole.values())} if in_use else set()
    for path in sorted(folder.glob("*.chunk")):
        if path not in whole:
            yield Finding(
                "not_whole",
                str(path),
                "a chunk that is cut off; it does not count",
                "remove it, its frames are done anew",
            )
        elif path not in counting:
            yield Finding(
                "leftover", str(path), "a chunk that something later has replaced; it does not count", LEFT
            )
        elif not _is_sound(whole[path], work.key):
            yield Finding(
                "checksum", str(path), f"a chunk of {work.key} is not what its checksum says", MAKE_ROOM
            )


def _is_sound(chunk: ChunkFile, key: WorkKey) -> bool:
    try:
        line, payload = chunk.line(key), chunk.payload()
        chunk.annotations()
    except UNREADABLE:
        return False
    return not payload or checksum_of(key.pipeline, payload) == line.checksum
