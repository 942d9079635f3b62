"""A batch on a cluster: its ids, and which one a person means."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cluster.submission.submission import (
    Submission,
    batch_of,
    named,
    newest,
    newest_of_each,
    next_id,
)
from schemas.errors import NotFound, UsageError


def submission(batch: str, number: int = 1, state: str = "RUNNING", day: int = 1) -> Submission:
    name = f"vaengine-{batch}" if number == 1 else f"vaengine-{batch}-{number}"
    return Submission(name, batch, state, "run", started_at=datetime(2026, 3, day, tzinfo=UTC))


THERE = [
    submission("abc1", 1, "FAILED"),
    submission("abc1", 2, "FAILED", day=2),
    submission("abc1", 10, day=3),
    submission("abd2", day=4),
]


class State(StrEnum):
    """As Ray's own are texts too."""

    RUNNING = "RUNNING"


def details(**more: Any) -> dict[str, Any]:
    return {
        "submission_id": "vaengine-abc1-2",
        "status": State.RUNNING,
        "entrypoint": "python -m vaengine run",
        "metadata": {"vaengine": "0.1.0", "batch": "abc1", "out": "/out", "db": ""},
        "start_time": 1_772_409_600_500,
        "end_time": None,
        "driver_exit_code": None,
        "message": None,
        **more,
    }


def test_a_job_of_ours_is_known_by_its_metadata_and_jobs_of_others_are_left_out() -> None:
    found = Submission.of(details())
    assert found is not None
    assert (found.batch_id, found.state, found.out, found.number) == ("abc1", "RUNNING", "/out", 2)
    assert found.started_at == datetime(2026, 3, 2, 0, 0, 0, 500_000, tzinfo=UTC)
    assert (found.ended_at, found.exit_code, found.has_ended) == (None, None, False)
    assert Submission.of(details(metadata=None)) is None
    assert Submission.of(details(metadata={"job": "x"})) is None
    assert Submission.of(details(submission_id=None)) is None


@given(some.lists(some.text()), some.lists(some.text()))
def test_the_same_command_is_the_same_batch_and_another_is_another(one: list[str], other: list[str]) -> None:
    assert (batch_of(one) == batch_of(other)) == (one == other)
    assert len(batch_of(one)) == 12


def test_a_further_submission_of_a_batch_has_the_next_number() -> None:
    assert next_id("abc1", []) == "vaengine-abc1"
    assert next_id("abc1", THERE[:1]) == "vaengine-abc1-2"
    assert next_id("abc1", THERE) == "vaengine-abc1-11"
    last = newest("abc1", THERE)
    assert last is not None
    assert last.number == 10
    assert newest("other", THERE) is None


def test_of_each_batch_the_last_submission_is_shown_the_newest_first() -> None:
    assert [one.submission_id for one in newest_of_each(THERE)] == ["vaengine-abd2", "vaengine-abc1-10"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (None, "vaengine-abd2"),
        ("abc1", "vaengine-abc1-10"),
        ("abc", "vaengine-abc1-10"),
        ("vaengine-abc1", "vaengine-abc1"),
        ("vaengine-abc1-2", "vaengine-abc1-2"),
        ("vaengine-abd", "vaengine-abd2"),
    ],
)
def test_a_batch_is_named_by_its_id_the_beginning_of_it_or_that_of_a_submission(
    name: str | None, found: str
) -> None:
    assert named(name, THERE, "http://head:8265").submission_id == found


@pytest.mark.parametrize(
    ("name", "there", "error", "says"),
    [
        ("ab", THERE, UsageError, "could be abd2, abc1; give more of its id"),
        (
            "x",
            THERE,
            NotFound,
            r"batch x not found in the cluster at http://head:8265 \(which has abd2, abc1\)",
        ),
        ("x", [], NotFound, "batch x not found in the cluster at http://head:8265$"),
        (None, [], NotFound, "a batch of vaengine not found"),
    ],
)
def test_what_names_no_batch_or_several_is_told(
    name: str | None, there: list[Submission], error: type[UsageError], says: str
) -> None:
    with pytest.raises(error, match=says):
        named(name, there, "http://head:8265")
