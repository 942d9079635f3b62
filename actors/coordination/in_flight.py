"""Keeps which chunks are in work, by which worker, and which worker is silent for too long.

All of it is kept in memory; an event costs O(1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.work.attempt import LEGAL_MOVES, Attempt, AttemptState, Token
from schemas.work.messages import ChunkFailure
from schemas.work.progress import Worker, WorkerCall
from schemas.work.retry import WORKER_LOST

# A call may be silent this long for each second of video or sound in it, beside `silent_s`.
SILENT_SECONDS_PER_SECOND = 20.0


@dataclass(slots=True)
class _OpenCall:
    chunk_ids: tuple[str, ...]
    last_sign_s: float
    patience_s: float


class InFlight:
    """Attempts at chunks as they begin and end. An event may come twice, late, or not at all.

    `silent_s`: seconds that a worker may give no sign of life during a call. `clock` counts seconds, `now`
    gives the time of day.
    """

    def __init__(self, silent_s: float, clock: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._silent_s, self._clock, self._now = silent_s, clock, now
        self._in_work: dict[str, Attempt] = {}
        self._calls: dict[Worker, _OpenCall] = {}
        self._changed: dict[tuple[str, int], Attempt] = {}
        self._failed: dict[str, int] = {}  # chunk -> number of its newest attempt that failed

    def __len__(self) -> int:
        return len(self._in_work)

    def chunk_ids(self) -> list[str]:
        return list(self._in_work)

    def in_work(self, chunk_ids: Iterable[str]) -> list[str]:
        """Those of these chunks that are in work."""
        return [chunk_id for chunk_id in chunk_ids if chunk_id in self._in_work]

    def tokens(self, chunk_ids: Iterable[str]) -> tuple[Token, ...]:
        """The tokens of attempts of these chunks, of those in work."""
        attempts = [self._in_work[chunk_id] for chunk_id in self.in_work(chunk_ids)]
        return tuple(Token(one.chunk_id, one.video_id, one.number) for one in attempts)

    def lease(self, token: Token, worker: Worker) -> None:
        """A worker has begun an attempt; a late event of an older attempt changes nothing."""
        known = self._in_work.get(token.chunk_id)
        if token.number <= self._failed.get(token.chunk_id, 0) or (
            known is not None and known.number > token.number
        ):
            return
        at = self._now()
        leased = Attempt(
            token.chunk_id, token.video_id, token.number, AttemptState.LEASED, str(worker), at, at
        )
        self._in_work[token.chunk_id] = self._changed[token.chunk_id, token.number] = leased
        self.busy(worker, (token.chunk_id,))

    def settle(self, chunk_id: str) -> None:
        """The chunk is in the store, or was left without a fault: the attempt is not recorded."""
        known = self._in_work.pop(chunk_id, None)
        if known is not None:
            self._changed.pop((chunk_id, known.number), None)

    def fail(self, chunk_id: str, failure: ChunkFailure) -> None:
        """The attempt ended as FAILED, or as LOST where an actor that it needed was gone."""
        known = self._in_work.pop(chunk_id, None)
        state = AttemptState.LOST if failure.kind == WORKER_LOST else AttemptState.FAILED
        if known is not None and state in LEGAL_MOVES[known.state]:
            self._failed[chunk_id] = known.number
            self._changed[chunk_id, known.number] = failed(known, state, failure)

    def busy(self, worker: Worker, chunk_ids: tuple[str, ...], length_s: float = 0.0) -> None:
        """A call begins that may hang; it works on `length_s` seconds of video or sound."""
        patience_s = self._silent_s + SILENT_SECONDS_PER_SECOND * length_s
        self._calls[worker] = _OpenCall(chunk_ids, self._clock(), patience_s)

    def idle(self, worker: Worker) -> None:
        self._calls.pop(worker, None)

    def heartbeat(self, worker: Worker) -> None:
        """The worker is alive."""
        if worker in self._calls:
            self._calls[worker].last_sign_s = self._clock()

    def calls(self) -> list[WorkerCall]:
        """The calls that are not over, the longest silent first."""
        at = self._clock()
        silences = [(worker, call, at - call.last_sign_s) for worker, call in self._calls.items()]
        calls = [
            WorkerCall(worker, call.chunk_ids, silent_s, silent_s > call.patience_s)
            for worker, call, silent_s in silences
        ]
        return sorted(calls, key=lambda call: -call.silent_s)

    def changes(self) -> list[Attempt]:
        """The attempts that changed since the last call, in their present state."""
        changed, self._changed = list(self._changed.values()), {}
        return changed


def failed(attempt: Attempt, state: AttemptState, failure: ChunkFailure) -> Attempt:
    """The attempt in the state in which it ended, with the reason."""
    return replace(
        attempt,
        state=state,
        pipeline=failure.pipeline,
        failure_kind=failure.kind,
        error_message=failure.message,
        traceback=failure.traceback,
    )
