"""Messages of the event stream, and which events are ready to be told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from schemas.work.job_event import JobEvent, NumberedEvent
from vaengine.server.events.messages import GAP_S, events_message, message, newest_events, ready_events


class FakeLog:
    """The events of a store with these numbers."""

    def __init__(self, *numbers: int) -> None:
        self.events = _events(*numbers)

    def newest_event(self) -> int:
        return self.events[-1].number if self.events else 0

    def events_after(self, number: int, limit: int) -> list[NumberedEvent]:
        return [one for one in self.events if one.number > number][:limit]


def _events(*numbers: int) -> list[NumberedEvent]:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    return [NumberedEvent(number, JobEvent(f"job-{number}", at, "completed", "scene")) for number in numbers]


def test_events_follow_each_other_and_wait_for_one_that_is_late() -> None:
    assert ready_events(_events(4, 5, 7), 3, 0.0) == tuple(_events(4, 5))
    assert ready_events(_events(5, 6), 3, 0.0) == ()
    assert ready_events(_events(5, 6), 3, GAP_S) == tuple(_events(5, 6))
    assert ready_events([], 3, GAP_S) == ()


@given(st.sets(st.integers(1, 30)), st.integers(0, 30))
def test_no_event_is_told_while_one_before_it_may_come(numbers: set[int], after: int) -> None:
    found = _events(*sorted(number for number in numbers if number > after))
    told = [one.number for one in ready_events(found, after, 0.0)]
    assert told == list(range(after + 1, after + 1 + len(told)))
    assert after + 1 + len(told) not in {one.number for one in found}


def test_a_message_is_one_block_whatever_it_says() -> None:
    text = message("jobs", {"name": "a\nb\r\n\ndata: x ü \u2028"}, 7).decode()
    assert text.count("\n\n") == 1
    assert text.endswith("\n\n")
    lines = text.strip().split("\n")
    assert lines[:2] == ["id: 7", "event: jobs"]
    assert json.loads(lines[2].removeprefix("data: "))["name"] == "a\nb\r\n\ndata: x ü \u2028"


def test_events_of_one_message_say_after_which_they_come() -> None:
    text = events_message(_events(4, 5), 3, {"job-4": "video-a"}).decode()
    assert text.startswith("id: 5\nevent: jobs\n")
    data = json.loads(text.split("data: ")[1])
    assert (data["after"], data["last"]) == (3, 5)
    assert [(one["number"], one["video_id"]) for one in data["events"]] == [(4, "video-a"), (5, None)]


@given(st.sets(st.integers(1, 2000)), st.integers(1, 40))
def test_the_newest_events_are_the_last_ones_whatever_numbers_are_gone(numbers: set[int], limit: int) -> None:
    found = newest_events(FakeLog(*sorted(numbers)), limit)  # type: ignore[arg-type]
    assert [one.number for one in found] == sorted(numbers)[-limit:]
