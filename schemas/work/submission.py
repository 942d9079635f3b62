"""A batch that was submitted to a store and waits for an engine, or has been taken by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

FORMAT: Final = 1


class SubmissionState(StrEnum):
    """Where a submission is on its way."""

    WAITING = "waiting"  # no engine has taken it
    TAKEN = "taken"  # the engine that took it is at work on it, or has died
    ENDED = "ended"  # its run has ended, see its batch
    FAILED = "failed"  # it could not be begun, or its run broke off
    CANCELLED = "cancelled"  # before its end, by a person


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody has asked an engine to do; its id is that of its batch.

    `options` are those of `vaengine run`, by the names of Python's parameters. `at` is UTC, ISO 8601. `host`
    and `pid` are of the engine that took it, `taken_at` the time. `error` is one line.
    """

    batch_id: str
    at: str
    options: Mapping[str, Any]
    state: SubmissionState = SubmissionState.WAITING
    host: str = ""
    pid: int = 0
    taken_at: str = ""
    error: str | None = None
    uploads: tuple[str, ...] = field(default=())  # ids

    def to_json(self) -> str:
        """As one line, the same for equal submissions."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Submission:
        """The reverse of `to_json`; raises `ValueError` for anything else."""
        try:
            values = json.loads(text)
            if values.pop("format") != FORMAT:
                raise ValueError(f"it is not of format {FORMAT}")
            return cls(
                **{
                    **values,
                    "state": SubmissionState(values["state"]),
                    "uploads": tuple(values.get("uploads", ())),
                }
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"it is no submission: {error}") from error

    @property
    def is_open(self) -> bool:
        """Whether it has neither ended nor been cancelled."""
        return self.state in (SubmissionState.WAITING, SubmissionState.TAKEN)

    def moved(self, state: SubmissionState, **changes: Any) -> Submission:
        """The same in another state."""
        return replace(self, state=state, **changes)
