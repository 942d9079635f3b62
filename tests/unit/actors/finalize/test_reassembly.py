"""Chunks from their pieces: whichever way these come, a whole chunk has the parts of one try, all of them
and in order.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from actors.finalize.reassembly import ChunkReassembler, WholeChunk
from schemas.pipelines import PERSON, SCENE
from schemas.settings.settings import Settings
from schemas.work.chunk import ChunkSpec, WorkKey
from schemas.work.messages import ChunkEnd, ChunkFailure, DetectionsMessage
from tests.support.runs import planned
from vaengine.planning.plan import chunks_of

KEYS = tuple(WorkKey("v", pipeline, "hash") for pipeline in (PERSON, SCENE))
SPEC: ChunkSpec = chunks_of(planned.video(50, 25), {key: [] for key in KEYS}, Settings())[0]
NONE, PIECES = np.array([], np.int64), 3
AGAIN = ChunkFailure("worker_lost", "gone", transient=True)
FOR_GOOD = ChunkFailure("internal", "no", transient=False, pipeline=PERSON)


def parts(attempt: int, *, failure: ChunkFailure | None = None) -> list[DetectionsMessage | ChunkEnd]:
    """Everything that comes of a try; `failure` is that of its first piece."""
    spec = replace(SPEC, attempt=attempt)
    pieces = [
        DetectionsMessage(
            spec.chunk_id, "v", PERSON, n, NONE, (), failure=None if n else failure, attempt=attempt
        )
        for n in range(PIECES)
    ]
    return [*pieces, ChunkEnd(spec, PIECES, NONE, NONE, np.array([], np.float64))]


def whole(values: list[DetectionsMessage | ChunkEnd]) -> list[WholeChunk]:
    assemblies = ChunkReassembler()
    return [chunk for value in values if (chunk := assemblies.add(value))]


@given(st.permutations([*parts(1), *parts(2), *parts(1)]), st.data())
def test_a_whole_chunk_has_all_parts_of_one_try_and_the_last_try_becomes_whole(values, data):
    repeated = data.draw(st.lists(st.sampled_from(values), max_size=4))
    chunks = whole([*values, *repeated])
    for chunk in chunks:
        assert [piece.number for piece in chunk.messages] == list(range(PIECES))
        assert {piece.attempt for piece in chunk.messages} == {chunk.end.spec.attempt}
    assert 2 in {chunk.end.spec.attempt for chunk in chunks}


def test_what_failed_is_told_by_the_keys_that_it_is_of():
    (chunk,) = whole(parts(1, failure=FOR_GOOD))
    assert {key.pipeline for key in chunk.failed} == {PERSON}
    assert chunk.transient is None


def test_what_another_try_may_cure_is_told():
    (chunk,) = whole(parts(1, failure=AGAIN))
    assert chunk.transient == AGAIN
    assert set(chunk.failed) == set(SPEC.keys)
