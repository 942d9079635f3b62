"""Checks results of a database: digests of results, checksums of chunks, lengths of embeddings."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, select

from actors.stores.integrity.finding import DONE_ANEW, FORGET, RESTORE, Finding
from actors.stores.sql.statements import queries
from schemas.annotations.annotation import canonical_digest
from schemas.pipelines import AUDIO
from schemas.storage import tables
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus
from schemas.work.manifest import FrameNumbers

FLOAT_BYTES: Final = 4
PAGE_ROWS: Final = 50  # payloads in memory at once


def faults(connection: Connection) -> Iterator[Finding]:
    """Rows, chunks and vectors that do not match their digest, checksum or dimension."""
    for key, states in groupby(_complete(connection), key=_key_of):
        yield from _results(connection, key, states)
    yield from _chunks(connection)
    yield from _vectors(connection)


def _complete(connection: Connection) -> list[RowMapping]:
    jobs, statuses = tables.jobs.c, tables.job_pipeline_status.c
    query = select(jobs.job_id, jobs.video_id, tables.pipelines.c.name, statuses.config_hash, statuses.digest)
    query = query.join_from(tables.jobs, tables.job_pipeline_status).join(tables.pipelines)
    query = query.where(statuses.status == JobStatus.COMPLETED.value)
    return list(
        connection.execute(
            query.order_by(jobs.video_id, tables.pipelines.c.name, statuses.config_hash, jobs.job_id)
        ).mappings()
    )


def _key_of(row: Mapping[Any, Any]) -> WorkKey:
    return WorkKey(row["video_id"], row["name"], row["config_hash"] or "")


def _results(connection: Connection, key: WorkKey, states: Iterable[RowMapping]) -> Iterator[Finding]:
    """The faults of one work key, whose rows are read once for all its jobs."""
    actual = ""
    for state in states:
        job_id, digest = state["job_id"], state["digest"]
        if digest is None:
            yield Finding(
                "no_digest",
                "job_pipeline_status",
                f"{key} of job {job_id} is complete, but has no digest",
                DONE_ANEW,
            )
            continue
        actual = actual or digest_of(
            lambda: queries.data_of(connection, key, queries.PipelineIds(connection).id_of(key.pipeline))
        )
        if actual != digest:
            yield Finding(
                "digest",
                "annotations",
                f"rows of {key} are not those that job {job_id} was given ({actual})",
                FORGET,
            )


def digest_of(read: Callable[[], Iterable[Mapping[str, Any]]]) -> str:
    """The digest of rows, or a text that says why they cannot be read."""
    try:
        return canonical_digest(read())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"unreadable: {type(error).__name__}"


def _chunks(connection: Connection) -> Iterator[Finding]:
    chunks = tables.chunks.c
    query = select(
        chunks.video_id,
        tables.pipelines.c.name,
        chunks.config_hash,
        chunks.first_frame,
        chunks.checksum,
        chunks.payload,
    )
    query = query.join_from(tables.chunks, tables.pipelines).where(chunks.payload.is_not(None))
    query = query.order_by(chunks.video_id, chunks.pipeline_id, chunks.config_hash, chunks.first_frame)
    for row in connection.execute(query.execution_options(yield_per=PAGE_ROWS)).mappings():
        if row["payload"] and checksum_of(row["name"], row["payload"]) != row["checksum"]:
            fault = f"the chunk of {_key_of(row)} at {row['first_frame']} is not what its checksum says"
            yield Finding("checksum", "chunks", fault, f"{RESTORE}, or delete this row and run again")


def checksum_of(pipeline: str, payload: bytes) -> str | None:
    """The checksum of a payload: of the bytes of audio, of the numbers of frames; None if unreadable."""
    if pipeline == AUDIO:
        return hashlib.sha256(payload).hexdigest()
    try:
        return FrameNumbers.from_bytes(payload).checksum()
    except (
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        OSError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return None


def _vectors(connection: Connection) -> Iterator[Finding]:
    embeddings = tables.embeddings.c
    query = select(
        embeddings.video_id, tables.pipelines.c.name, embeddings.config_hash, func.count().label("rows")
    )
    query = query.join_from(tables.embeddings, tables.pipelines).where(
        func.length(embeddings.vector) != FLOAT_BYTES * embeddings.dimension
    )
    for row in connection.execute(
        query.group_by(embeddings.video_id, tables.pipelines.c.name, embeddings.config_hash)
    ).mappings():
        fault = f"{row['rows']} vectors of {_key_of(row)} are not as long as they are said to be"
        yield Finding("vector", "embeddings", fault, FORGET)
