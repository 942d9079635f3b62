"""A batch that was handed to a cluster: its ids, its state, and which one is meant. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from schemas.errors import NotFound, UsageError

PREFIX: Final = "vaengine-"
ENDED: Final = ("STOPPED", "SUCCEEDED", "FAILED")  # Ray's names; before them PENDING and RUNNING
MARK: Final = "vaengine"  # the key of a job's metadata that says that it is one of ours


@dataclass(frozen=True, slots=True)
class Submission:
    """One job of a job server that works, or worked, on a batch. `exit_code` is that of its command."""

    submission_id: str
    batch_id: str
    state: str
    command: str
    out: str = ""
    db: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    message: str = ""

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Submission | None:
        """A submission from Ray's `JobDetails` as a mapping; None for jobs of others."""
        about = details.get("metadata") or {}
        if MARK not in about or not details.get("submission_id"):
            return None
        return cls(
            str(details["submission_id"]),
            about.get("batch", ""),
            str(getattr(details["status"], "value", details["status"])),
            str(details.get("entrypoint") or ""),
            about.get("out", ""),
            about.get("db", ""),
            _moment(details.get("start_time")),
            _moment(details.get("end_time")),
            details.get("driver_exit_code"),
            str(details.get("message") or ""),
        )

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def number(self) -> int:
        """Which submission of its batch it is, from 1."""
        number = self.submission_id.removeprefix(f"{PREFIX}{self.batch_id}-")
        return int(number) if number.isdecimal() else 1


def batch_of(arguments: Sequence[str]) -> str:
    """The id of the batch that a command names: the same for the same command, on any machine."""
    return hashlib.sha256(json.dumps(list(arguments)).encode()).hexdigest()[:12]


def newest(batch_id: str, submissions: Iterable[Submission]) -> Submission | None:
    """The last submission of a batch, None before the first."""
    return max(
        (one for one in submissions if one.batch_id == batch_id), key=lambda one: one.number, default=None
    )


def next_id(batch_id: str, submissions: Iterable[Submission]) -> str:
    """The id for a further submission of a batch: a job server takes each id once."""
    last = newest(batch_id, submissions)
    return f"{PREFIX}{batch_id}-{last.number + 1}" if last else f"{PREFIX}{batch_id}"


def newest_of_each(submissions: Iterable[Submission]) -> list[Submission]:
    """The last submission of each batch, the newest batch first."""
    last: dict[str, Submission] = {}
    for one in sorted(submissions, key=lambda one: one.number):
        last[one.batch_id] = one
    return sorted(
        last.values(), key=lambda one: one.started_at or datetime.min.replace(tzinfo=UTC), reverse=True
    )


def named(name: str | None, submissions: Sequence[Submission], where: str) -> Submission:
    """The submission that a submission's id, a batch's id or the beginning of one names; None: the newest.

    Raises `NotFound`, and `UsageError` where several batches begin so.
    """
    batches = newest_of_each(submissions)
    if name is None:
        if not batches:
            raise NotFound("a batch of vaengine", f"the cluster at {where}")
        return batches[0]
    for one in submissions:
        if one.submission_id == name:
            return one
    found = [one for one in batches if one.batch_id.startswith(name.removeprefix(PREFIX))]
    if len(found) > 1:
        raise UsageError(
            f"batch {name} could be {', '.join(one.batch_id for one in found)}; give more of its id"
        )
    if not found:
        known = f" (which has {', '.join(one.batch_id for one in batches[:5])})" if batches else ""
        raise NotFound(f"batch {name}", f"the cluster at {where}{known}")
    return found[0]


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
