"""Attempts alone on workers that may be cut off: what was taken from a worker is tried by another."""

from __future__ import annotations

from actors.isolation.sandbox import TrialResult
from schemas.settings.settings import Settings
from schemas.work.attempt import AttemptState
from schemas.work.chunk import ChunkSpec
from schemas.work.retry import RetryPolicy
from tests.support.runs.planned import PERSON_KEY, video
from vaengine.planning.plan import chunk_spec
from vaengine.planning.suspects import Suspect
from vaengine.run_loop.isolation_pool import IsolationPool

CHUNK: ChunkSpec = chunk_spec(video(100, 25), 0, 25, (PERSON_KEY,))


class CutOff:
    """Two workers: the first is cut off and never answers, the second is done at once."""

    def __init__(self) -> None:
        self.idle = 1
        self.begun: list[Suspect] = []
        self.abandoned: list[str] = []

    def begin(self, suspect: Suspect) -> None:
        self.begun.append(suspect)
        self.idle -= 1

    def abandon(self, chunk_id: str) -> Suspect | None:
        self.abandoned.append(chunk_id)
        if chunk_id != CHUNK.chunk_id:
            return None
        self.idle += 1
        return self.begun[-1]

    def next_ended(self, timeout_s: float) -> tuple[Suspect, TrialResult] | None:
        if len(self.begun) < 2:
            return None
        self.idle += 1
        return self.begun[-1], TrialResult(CHUNK.chunk_id)

    def close(self) -> None: ...


def test_what_was_taken_from_a_worker_is_lost_without_blame_and_tried_again() -> None:
    workers = CutOff()
    pool = IsolationPool(lambda most: workers, RetryPolicy.of(Settings().recovery), grace_s=0.0)
    attempts = []
    for update in pool.run([Suspect(CHUNK, ())], {}):
        attempts += update.attempts
        if workers.begun and not workers.abandoned:
            pool.abandon(["of a pass", CHUNK.chunk_id])
    assert [(one.number, one.state) for one in attempts] == [
        (1, AttemptState.LEASED),
        (1, AttemptState.LOST),
        (2, AttemptState.LEASED),
    ]
    assert [one.work.attempt for one in workers.begun] == [1, 2]
