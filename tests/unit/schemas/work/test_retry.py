"""What is tried again, when, and how often."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DiskFull, NotAVideo, StoreFailed, VaengineError, WorkerLost
from schemas.settings.settings import KindRecovery, RecoverySettings
from schemas.work.retry import (
    BLAMED_KINDS,
    PERMANENT,
    TRANSIENT,
    Backoff,
    GiveUp,
    Retry,
    RetryPolicy,
    RetryStrategy,
    kind_of,
)
from tests.support.suite.errors import every_error

NO_CHANCE = RecoverySettings(jitter=0.0)
POLICY = RetryPolicy.of(NO_CHANCE)

shares = st.floats(0, 1)
seconds = st.floats(0, 3600)
backoffs = st.builds(Backoff, st.sampled_from(RetryStrategy), seconds, seconds, shares, st.integers(1, 20))


def policy(**settings: object) -> RetryPolicy:
    return RetryPolicy.of(RecoverySettings.model_validate({"jitter": 0.0, **settings}))


def test_every_kind_of_failure_is_classified_once() -> None:
    beside_the_tree = {
        "internal",
        "model",
        "crash",
        "timeout",
        "out_of_memory",
        "worker_lost",
        "poisoned",
        "cancelled",
        "quarantined",
    }
    assert {kind.kind for kind in every_error()} | beside_the_tree == PERMANENT | TRANSIENT.keys()
    assert not PERMANENT & TRANSIENT.keys()


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_what_the_error_tree_calls_transient_is_tried_again_and_nothing_else(
    kind: type[VaengineError],
) -> None:
    assert kind.transient == (kind.kind in TRANSIENT)


def test_every_section_of_the_settings_holds_for_some_kind() -> None:
    sections = {
        name for name, known in RecoverySettings.model_fields.items() if known.annotation is KindRecovery
    }
    assert sections == set(TRANSIENT.values())


@pytest.mark.parametrize(
    ("strategy", "delays"),
    [("fixed", [1, 1, 1, 1, 1]), ("linear", [1, 2, 3, 4, 5]), ("exponential", [1, 2, 4, 8, 10])],
)
def test_delays_grow_as_the_strategy_says_up_to_the_cap(strategy: str, delays: list[float]) -> None:
    found = policy(strategy=strategy, max_delay_seconds=10)
    assert [found.delay_s("worker_lost", attempt, 0.5) for attempt in range(1, 6)] == delays


@pytest.mark.parametrize(("random01", "delay"), [(0.0, 1.6), (0.25, 1.8), (0.5, 2.0), (1.0, 2.4)])
def test_jitter_spreads_a_delay_to_both_sides(random01: float, delay: float) -> None:
    assert policy(delay_seconds=2, jitter=0.2).delay_s("timeout", 1, random01) == pytest.approx(delay)


@pytest.mark.parametrize("kind", sorted(TRANSIENT))
def test_a_kind_has_what_its_section_sets_and_the_rest_from_recovery(kind: str) -> None:
    found = policy(delay_seconds=7, **{TRANSIENT[kind]: {"strategy": "fixed", "attempts": 9}})
    assert found.backoff(kind) == Backoff(RetryStrategy.FIXED, 7.0, 60.0, 0.0, 9)
    others = {name for name in found.backoffs if name != TRANSIENT[kind]}
    assert {found.backoffs[name] for name in others} == {
        Backoff(RetryStrategy.EXPONENTIAL, 7.0, 60.0, 0.0, 3)
    }


def test_a_zero_of_a_kind_is_not_taken_for_unset() -> None:
    assert policy(store={"delay_seconds": 0}).delay_s("store", 1, 0.5) == 0


def test_a_permanent_kind_has_no_delay() -> None:
    with pytest.raises(KeyError):
        POLICY.delay_s("not_a_video", 1, 0.5)


@given(backoffs, st.integers(1, 10_000), shares)
def test_no_delay_is_negative_or_beyond_the_cap(backoff: Backoff, attempt: int, random01: float) -> None:
    assert 0 <= backoff.after(attempt, random01) <= backoff.max_delay_s


@given(st.sampled_from(RetryStrategy), seconds, seconds, st.integers(1, 2000))
def test_without_jitter_delays_never_shrink(
    strategy: RetryStrategy, delay_s: float, max_delay_s: float, attempt: int
) -> None:
    backoff = Backoff(strategy, delay_s, max_delay_s, 0.0, 20)
    assert backoff.after(attempt, 0.9) <= backoff.after(attempt + 1, 0.1)


@given(backoffs, st.integers(1, 50), shares)
def test_chance_moves_a_delay_by_the_jitter_at_most(backoff: Backoff, attempt: int, random01: float) -> None:
    middle = backoff.after(attempt, 0.5)
    assert abs(backoff.after(attempt, random01) - middle) <= middle * backoff.jitter + 1e-9


@pytest.mark.parametrize(("attempt", "random01"), [(0, 0.5), (1, 1.5), (1, -0.1)])
def test_a_try_before_the_first_and_a_chance_beyond_1_are_refused(attempt: int, random01: float) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        POLICY.delay_s("store", attempt, random01)


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay_s": -1},
        {"delay_s": float("nan")},
        {"max_delay_s": float("inf")},
        {"jitter": 1.1},
        {"attempts": 0},
    ],
)
def test_a_backoff_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    right = {
        "strategy": RetryStrategy.FIXED,
        "delay_s": 1.0,
        "max_delay_s": 1.0,
        "jitter": 0.0,
        "attempts": 1,
    }
    with pytest.raises(ValueError, match=r"is finite|is a share|at least one"):
        Backoff(**(right | wrong))


@pytest.mark.parametrize("kind", sorted(PERMANENT))
def test_what_no_try_can_mend_is_given_up_at_once_under_its_own_kind(kind: str) -> None:
    assert POLICY.decide(kind, 1, 1, 0.5, message="why\nit failed") == GiveUp("why it failed", kind)


def test_a_kind_nobody_knows_is_given_up_under_its_name() -> None:
    assert POLICY.decide("of_another_version", 1, 1, 0.5) == GiveUp(
        "of_another_version is not worth another try", "of_another_version"
    )


@pytest.mark.parametrize(
    ("kind", "killed", "ends_as"),
    [
        ("worker_lost", False, "worker_lost"),
        ("worker_lost", True, "worker_lost"),
        ("store", False, "store"),
        ("disk_full", False, "disk_full"),
        ("out_of_memory", False, "out_of_memory"),
        ("out_of_memory", True, "poisoned"),
        ("crash", True, "poisoned"),
        ("timeout", True, "poisoned"),
    ],
)
def test_what_is_left_of_the_budget_decides_and_a_chunk_that_ends_its_process_is_poisoned(
    kind: str, killed: bool, ends_as: str
) -> None:
    decisions = [
        POLICY.decide(kind, tries, tries, 0.5, message="exit code -11", killed=killed) for tries in (1, 2, 3)
    ]
    assert decisions == [
        Retry(1.0),
        Retry(2.0),
        GiveUp(f"given up after 3 tries, the last ended with {kind}: exit code -11", ends_as),
    ]


def test_a_single_try_is_called_one() -> None:
    given_up = policy(attempts=1).decide("timeout", 1, 1, 0.5, message="no progress for 300 s")
    assert given_up == GiveUp(
        "given up after 1 try, the last ended with timeout: no progress for 300 s", "poisoned"
    )


def test_a_job_that_has_used_up_its_budget_is_given_up_with_the_kind_of_its_last_failure() -> None:
    spent = policy(job_attempts=4)
    assert spent.decide("worker_lost", 1, 3, 0.5) == Retry(1.0)
    assert spent.decide("crash", 1, 4, 0.5, message="signal 11", killed=True) == GiveUp(
        "given up with its job after 4 failed tries of its chunks (recovery.job_attempts=4), the last ended "
        "with crash: signal 11",
        "crash",
    )


@given(
    st.sampled_from(sorted(TRANSIENT)),
    st.integers(1, 20),
    st.integers(1, 50),
    st.integers(1, 50),
    shares,
    st.booleans(),
)
def test_a_chunk_is_tried_until_the_first_budget_is_spent_and_no_longer(
    kind: str, budget: int, tries: int, failed: int, random01: float, killed: bool
) -> None:
    decision = policy(attempts=budget, job_attempts=25).decide(kind, tries, failed, random01, killed=killed)
    assert isinstance(decision, Retry) == (tries < budget and failed < 25)
    assert isinstance(decision, Retry) or "\n" not in decision.reason


@pytest.mark.parametrize("kind", sorted(BLAMED_KINDS))
def test_a_chunk_is_blamed_only_for_what_may_be_tried_again(kind: str) -> None:
    assert kind in TRANSIENT


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotAVideo("a.mp4", "no"), "not_a_video"),
        (WorkerLost("a chunk"), "worker_lost"),
        (StoreFailed("sqlite:///x.db", "locked"), "store"),
        (DiskFull("x.db", "no space"), "disk_full"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EIO, "Input/output error"), "store"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "store"),
        (FileNotFoundError("a.mp4"), "unreadable"),
        (PermissionError("a.mp4"), "unreadable"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory"),
        (TimeoutError(), "timeout"),
        (ValueError("wrong shape"), "internal"),
        (RuntimeError("out of ideas"), "internal"),
    ],
)
def test_an_exception_stands_for_one_kind(error: Exception, kind: str) -> None:
    assert kind_of(error) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("WorkerCrashedError", "worker_lost"),
        ("NodeDiedError", "worker_lost"),
        ("OutOfMemoryError", "out_of_memory"),
    ],
)
def test_what_ray_raises_is_known_by_its_name(name: str, kind: str) -> None:
    assert kind_of(type(name, (Exception,), {"__module__": "ray.exceptions"})("gone")) == kind


def test_an_error_that_ray_wrapped_is_what_it_was() -> None:
    wrapped = type(
        "RayTaskError", (Exception,), {"__module__": "ray.exceptions", "cause": ValueError("wrong shape")}
    )
    assert kind_of(wrapped("ValueError: wrong shape")) == "internal"


@pytest.mark.parametrize(
    ("word", "strategy"),
    [
        ("fixed", RetryStrategy.FIXED),
        ("fixed_delay", RetryStrategy.FIXED),
        ("linear_backoff", RetryStrategy.LINEAR),
        ("exponential_backoff", RetryStrategy.EXPONENTIAL),
        ("EXPONENTIAL", RetryStrategy.EXPONENTIAL),
    ],
)
def test_a_strategy_has_two_names(word: str, strategy: RetryStrategy) -> None:
    assert RetryStrategy(word) is strategy


def test_a_strategy_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="quadratic"):
        RetryStrategy("quadratic")
