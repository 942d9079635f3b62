"""The book of chunks in work: whatever comes twice, late or never, each try ends once and no chunk is
held for ever.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from actors.coordination.in_flight import SILENT_SECONDS_PER_SECOND, InFlight
from schemas.work.attempt import LEGAL_MOVES, AttemptState, Token
from schemas.work.messages import ChunkFailure
from schemas.work.progress import Worker

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANN, BOB = Worker("node", "here", 1), Worker("node", "here", 2)
NO_MEMORY = ChunkFailure("out_of_memory", "none left", transient=True, traceback="in f")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ledger(silent_s: float = 10.0) -> tuple[InFlight, Clock]:
    clock = Clock()
    return InFlight(silent_s, clock, lambda: NOON), clock


def token(chunk: str = "v[0,1)", number: int = 1) -> Token:
    return Token(chunk, "v", number)


def test_a_try_is_recorded_when_it_begins_and_forgotten_when_its_chunk_is_in_the_store() -> None:
    book, _ = ledger()
    book.lease(token(), ANN)
    (leased,) = book.changes()
    assert (leased.state, leased.worker, leased.number, leased.started_at) == (
        AttemptState.LEASED,
        "here:1",
        1,
        NOON,
    )
    book.settle("v[0,1)")
    assert (len(book), book.changes()) == (0, [])


def test_a_chunk_that_is_stored_before_anybody_looked_leaves_no_trace() -> None:
    book, _ = ledger()
    book.lease(token(), ANN)
    book.settle("v[0,1)")
    assert book.changes() == []


def test_a_failed_try_keeps_its_reason_and_its_traceback() -> None:
    book, _ = ledger()
    book.lease(token(), ANN)
    book.fail("v[0,1)", NO_MEMORY)
    (failed,) = book.changes()
    assert (failed.state, failed.failure_kind, failed.error_message, failed.traceback) == (
        AttemptState.FAILED,
        "out_of_memory",
        "none left",
        "in f",
    )
    assert len(book) == 0


def test_an_older_try_that_is_heard_of_late_does_not_take_the_place_of_a_newer_one() -> None:
    book, _ = ledger()
    book.lease(token(number=2), BOB)
    book.lease(token(number=1), ANN)
    assert [(one.number, one.worker) for one in book.changes()] == [(2, "here:2")]


def test_a_worker_is_stalled_only_in_the_middle_of_a_call_and_without_a_sign_of_life() -> None:
    book, clock = ledger(silent_s=10.0)
    book.lease(token(), ANN)
    clock.now = 9.0
    book.heartbeat(ANN)
    clock.now = 18.0
    assert [call.stalled for call in book.calls()] == [False]
    clock.now = 20.0
    assert [(call.worker, call.stalled) for call in book.calls()] == [(ANN, True)]
    book.idle(ANN)
    clock.now = 1000.0
    assert book.calls() == []


def test_a_call_over_a_long_stretch_may_be_silent_for_longer() -> None:
    book, clock = ledger(silent_s=10.0)
    book.busy(ANN, ("v#0-1",), 5.0)
    clock.now = 10.0 + SILENT_SECONDS_PER_SECOND * 5.0
    assert not book.calls()[0].stalled
    clock.now += 0.1
    assert book.calls()[0].stalled


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["lease", "settle", "fail", "look"]),
        st.sampled_from(["a[0,1)", "b[0,1)"]),
        st.integers(1, 3),
    ),
    max_size=12,
)


@given(EVENTS)
def test_under_any_order_and_repetition_a_try_that_ended_is_never_leased_again(
    events: list[tuple[str, str, int]],
) -> None:
    """What is written down of a try follows the legal moves, and nothing is in work that was not begun."""
    book, _ = ledger()
    seen: dict[tuple[str, int], AttemptState] = {}
    begun: set[str] = set()
    for name, chunk, number in events:
        match name:
            case "lease":
                book.lease(Token(chunk, chunk[0], number), ANN)
                begun.add(chunk)
            case "settle":
                book.settle(chunk)
            case "fail":
                book.fail(chunk, NO_MEMORY)
            case _:
                look(book, seen)
        assert set(book.chunk_ids()) <= begun
    look(book, seen)


def look(book: InFlight, seen: dict[tuple[str, int], AttemptState]) -> None:
    for one in book.changes():
        before = seen.get((one.chunk_id, one.number), one.state)
        assert before == one.state or one.state in LEGAL_MOVES[before]
        seen[one.chunk_id, one.number] = one.state


def test_a_try_that_lost_somebody_it_needed_is_lost_and_not_failed() -> None:
    book, _ = ledger()
    book.lease(token(), ANN)
    book.fail("v[0,1)", ChunkFailure("worker_lost", "the coordinator was gone", transient=True))
    assert [one.state for one in book.changes()] == [AttemptState.LOST]
