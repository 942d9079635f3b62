"""The log of a job over connections that break: each line once, to the end."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cluster.submission import following
from cluster.submission.following import LogLines, follow, log_lines
from cluster.submission.submission import Submission
from schemas.errors import FollowingLost, SubmissionFailed

LOG = "Running entrypoint for job vaengine-1: exec python\none\n\ntwo\nthree"
LINES = ["one", "", "two", "three"]
RUNNING, ENDED = (Submission("vaengine-1", "1", state, "run") for state in ("RUNNING", "SUCCEEDED"))


class FakeJobs:
    """A job server that loses the connection after so many letters, once for each of `breaks`."""

    url = "http://head:8265"

    def __init__(self, breaks: list[int], *, ends: bool = True) -> None:
        self._breaks, self._ends, self.tails = list(breaks), ends, 0

    def submission(self, submission_id: str) -> Submission:
        return ENDED if self._ends else RUNNING

    async def tail(self, submission_id: str) -> AsyncIterator[str]:
        self.tails += 1
        if self._breaks:
            yield LOG[: self._breaks.pop(0)]
            raise SubmissionFailed(self.url, "the connection was lost")
        for letter in LOG:
            yield letter


@given(some.lists(some.integers(0, len(LOG)), max_size=4))
def test_each_line_is_written_once_wherever_the_connection_breaks(breaks: list[int]) -> None:
    written: list[str] = []
    assert follow(FakeJobs(breaks), "vaengine-1", written.append, rest_s=0.0) == ENDED
    assert written == LINES


@given(some.lists(some.integers(0, len(LOG)), max_size=5))
def test_lines_are_whole_however_a_log_comes_in_pieces(cuts: list[int]) -> None:
    written: list[str] = []
    lines, places = LogLines(written.append), sorted({0, *cuts, len(LOG)})
    for first, last in itertools.pairwise(places):
        lines.take(LOG[first:last])
    lines.end()
    assert written == LINES == log_lines(LOG)


def test_a_log_that_ends_before_its_job_is_read_again() -> None:
    jobs, written = FakeJobs([], ends=False), list[str]()
    states = iter([RUNNING, ENDED])
    jobs.submission = lambda submission_id: next(states)  # type: ignore[method-assign]
    assert follow(jobs, "vaengine-1", written.append, rest_s=0.0) == ENDED
    assert (jobs.tails, written) == (2, LINES)


def test_a_job_server_that_stays_silent_ends_the_following_and_says_that_the_batch_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "PATIENCE_S", 0.0)
    with pytest.raises(
        FollowingLost, match="it goes on if its head does: `vaengine status --cluster http://head"
    ):
        follow(FakeJobs([3, 3]), "vaengine-1", lambda line: None, rest_s=0.0)
