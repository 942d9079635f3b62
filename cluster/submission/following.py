"""Follows the log of a job to its end, over connections that break."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

from cluster.submission.submission import Submission
from schemas.errors import FollowingLost, SubmissionFailed

PATIENCE_S: Final = 60.0  # A job server may be silent for so long.
REST_S: Final = 1.0  # from one try to the next
# Lines that Ray itself puts into the log of a job.
_OWN_LINE: Final = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+\s+\w+ job_manager\.py|Running entrypoint for job ")


class Jobs(Protocol):
    """What is needed of a job server."""

    url: str

    def submission(self, submission_id: str) -> Submission:
        """A submission as it is now."""

    def tail(self, submission_id: str) -> AsyncIterator[str]:
        """What a job prints, from its beginning."""


class LogLines:
    """The lines of a log that is sent from its beginning each time: each once, without those of Ray."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write, self._done = write, 0
        self.begin()

    def begin(self) -> None:
        """The log is sent from its beginning."""
        self._seen, self._part = 0, ""

    def take(self, text: str) -> None:
        """A piece of the log, which may end within a line."""
        *lines, self._part = (self._part + text).split("\n")
        for line in lines:
            self._seen += 1
            if self._seen > self._done:
                self._done = self._seen
                if not _OWN_LINE.match(line):
                    self._write(line)

    def end(self) -> None:
        """The log is whole; its last line may have no end."""
        if self._part:
            self.take("\n")


def log_lines(text: str) -> list[str]:
    """The lines of a whole log, without those of Ray."""
    found: list[str] = []
    lines = LogLines(found.append)
    lines.take(text)
    lines.end()
    return found


def follow(
    jobs: Jobs, submission_id: str, write: Callable[[str], None], *, rest_s: float = REST_S
) -> Submission:
    """Write the lines of a job's log as they come, until it has ended; returns how it ended.

    Raises `FollowingLost` once the job server has not answered for `PATIENCE_S`; the job goes on.
    """
    lines, last_answer_s = LogLines(write), time.monotonic()
    while True:
        try:
            asyncio.run(_tail(jobs, submission_id, lines))
            found = jobs.submission(submission_id)
            last_answer_s = time.monotonic()
            if found.has_ended:
                lines.end()
                return found
        except SubmissionFailed as error:
            if time.monotonic() - last_answer_s > PATIENCE_S:
                raise FollowingLost(submission_id, jobs.url, str(error)) from error
        time.sleep(rest_s)


async def _tail(jobs: Jobs, submission_id: str, lines: LogLines) -> None:
    lines.begin()
    async for text in jobs.tail(submission_id):
        lines.take(text)
