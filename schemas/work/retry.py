"""The rules of retry: which failures are tried again, after which delay, and how often."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.errors import VaengineError
from schemas.settings.settings import KindRecovery, RecoverySettings
from schemas.work.attempt import KEPT_FAILED, POISONED

OUT_OF_MEMORY: Final = "out_of_memory"
CRASH: Final = "crash"
TIMEOUT: Final = "timeout"
WORKER_LOST: Final = "worker_lost"

TRANSIENT: Final[Mapping[str, str]] = {  # kind of failure -> section of `recovery` with its overrides
    WORKER_LOST: "worker_lost",
    "node_lost": "worker_lost",
    CRASH: "worker_lost",
    OUT_OF_MEMORY: "out_of_memory",
    TIMEOUT: "timeout",
    "store": "store",
    "disk_full": "store",
    "unavailable": "store",
    "node_cannot_see": "worker_lost",
}
PERMANENT: Final = frozenset({
    *("usage", "would_replace", "weights"),
    *("video", "empty_file", "not_a_video", "no_video_stream", "no_video_track", "no_sound_stream"),
    *("unknown_coding", "no_frames"),
    *("unreadable", "file_name", "no_such_track", "changed"),
    *("truncated", "sound_truncated", "decoder"),
    *("stale_epoch", "lease_lost", "stale_attempt", "unstorable", "not_equal"),
    *("internal", "model", "not_started", "query_timeout", "training"),
    *("too_large", "server_refused", "server_unreachable"),  # of a client and its server; no work fails so
    *KEPT_FAILED,
})  # fmt: skip
# The process ended, or had to be ended, because of the chunk that it held alone.
BLAMED_KINDS: Final = frozenset({CRASH, TIMEOUT})

_MAX_DOUBLINGS: Final = 1000  # 2.0 ** 1024 is no float any more.
_DISK_FULL_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_KIND_BY_EXCEPTION: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    (MemoryError, OUT_OF_MEMORY),
    (TimeoutError, TIMEOUT),
    ((FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError), "unreadable"),
    (OSError, "store"),
)


class RetryStrategy(StrEnum):
    """How delays grow from one attempt to the next; the longer words mean the same."""

    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    FIXED_DELAY = "fixed"
    LINEAR_BACKOFF = "linear"
    EXPONENTIAL_BACKOFF = "exponential"

    @classmethod
    def _missing_(cls, value: object) -> RetryStrategy | None:
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays between attempts, in seconds, and the number of attempts.

    `jitter` is a share of the delay, 0..1.
    """

    strategy: RetryStrategy
    delay_s: float
    max_delay_s: float
    jitter: float
    attempts: int

    def __post_init__(self) -> None:
        if not (0 <= self.delay_s < float("inf") and 0 <= self.max_delay_s < float("inf")):
            raise ValueError(
                f"a delay is finite and not negative: {self.delay_s}, at most {self.max_delay_s}"
            )
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is a share, 0 to 1, not {self.jitter}")
        if self.attempts < 1:
            raise ValueError(f"there is at least one try, not {self.attempts}")

    def after(self, attempt: int, random01: float) -> float:
        """Seconds to wait after attempt number `attempt` (from 1) has failed.

        `random01` in 0..1 is the position in the jitter's spread.
        """
        if attempt < 1 or not 0 <= random01 <= 1:
            raise ValueError(
                f"tries are counted from 1 and chance lies in 0..1, not {attempt} and {random01}"
            )
        spread = 1 + self.jitter * (2 * random01 - 1)
        return min(min(self.delay_s * self._growth(attempt), self.max_delay_s) * spread, self.max_delay_s)

    def _growth(self, attempt: int) -> float:
        match self.strategy:
            case RetryStrategy.FIXED:
                return 1.0
            case RetryStrategy.LINEAR:
                return float(attempt)
            case _:
                return float(2.0 ** min(attempt - 1, _MAX_DOUBLINGS))


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after so many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Try no more; the store keeps `kind` and `reason` (one line)."""

    reason: str
    kind: str


Decision = Retry | GiveUp


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The policy of section `recovery`.

    It has one `Backoff` for each section of `TRANSIENT`, and the number of failed attempts of a job.
    """

    backoffs: Mapping[str, Backoff]
    job_attempts: int

    def __post_init__(self) -> None:
        if missing := set(TRANSIENT.values()) - set(self.backoffs):
            raise ValueError(f"no delays for {', '.join(sorted(missing))}")

    @classmethod
    def of(cls, recovery: RecoverySettings) -> RetryPolicy:
        """The policy of these settings."""
        sections = sorted(set(TRANSIENT.values()))
        return cls(
            {name: _backoff(recovery, getattr(recovery, name)) for name in sections}, recovery.job_attempts
        )

    def backoff(self, kind: str) -> Backoff:
        """Delays and number of attempts of a transient kind; raises `KeyError` for any other."""
        return self.backoffs[TRANSIENT[kind]]

    def delay_s(self, kind: str, attempt: int, random01: float) -> float:
        """Seconds to wait after attempt number `attempt` (from 1) failed with a transient `kind`."""
        return self.backoff(kind).after(attempt, random01)

    def decide(
        self,
        kind: str,
        attempts_of_chunk: int,
        failed_attempts_of_job: int,
        random01: float,
        *,
        message: str = "",
        killed: bool = False,
    ) -> Decision:
        """Decides what to do after an attempt failed with `kind`; both counts include that attempt.

        `message` is its error; `killed`: its process ended, or was ended, while it held this chunk alone. A
        kind that is not transient, known or not, is given up at once.
        """
        last_failure = _described(kind, message)
        if kind not in TRANSIENT:
            return GiveUp(_line(message) or f"{kind} is not worth another try", kind)
        if attempts_of_chunk >= self.backoff(kind).attempts:
            to_blame = kind in BLAMED_KINDS or (kind == OUT_OF_MEMORY and killed)
            return GiveUp(
                f"given up after {_count_of_tries(attempts_of_chunk)}, the last ended with {last_failure}",
                POISONED if to_blame else kind,
            )
        if failed_attempts_of_job >= self.job_attempts:
            attempts_spent = (
                f"{failed_attempts_of_job} failed tries of its chunks "
                f"(recovery.job_attempts={self.job_attempts})"
            )
            return GiveUp(
                f"given up with its job after {attempts_spent}, the last ended with {last_failure}", kind
            )
        return Retry(self.delay_s(kind, attempts_of_chunk, random01))


def kind_of(error: BaseException) -> str:
    """The kind of failure of an exception.

    An unknown exception is internal: a fault that another attempt only repeats.
    """
    if isinstance(error, VaengineError):
        return error.kind
    if isinstance(cause := getattr(error, "cause", None), BaseException):  # Ray wraps what a task raised
        return kind_of(cause)
    if getattr(error, "errno", None) in _DISK_FULL_ERRNOS:
        return "disk_full"
    if "out of memory" in str(error).lower() or "OutOfMemory" in type(error).__name__:
        return OUT_OF_MEMORY
    known = next((kind for types, kind in _KIND_BY_EXCEPTION if isinstance(error, types)), None)
    return known or (WORKER_LOST if type(error).__module__.startswith("ray.") else "internal")


def _backoff(defaults: RecoverySettings, overrides: KindRecovery) -> Backoff:
    def chosen(name: str) -> float:
        value = getattr(overrides, name)
        return float(getattr(defaults, name) if value is None else value)

    strategy = RetryStrategy(overrides.strategy or defaults.strategy)
    return Backoff(
        strategy,
        chosen("delay_seconds"),
        chosen("max_delay_seconds"),
        chosen("jitter"),
        int(chosen("attempts")),
    )


def _described(kind: str, message: str) -> str:
    return f"{kind}: {_line(message)}" if message else kind


def _line(message: str) -> str:
    return " ".join(message.split())


def _count_of_tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"
