"""Which runs are dead, so that others may take over what they hold."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from actors.stores.rules.liveness import LEASE_SECONDS, Heartbeat, is_alive, process_exists

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LONG = LEASE_SECONDS + 1


@pytest.mark.parametrize(
    ("ago_s", "ended", "host", "pids", "alive"),
    [
        (0, False, "here", {7}, True),
        (0, True, "here", {7}, False),
        (0, True, "there", set(), False),
        (0, False, "here", set(), False),
        (0, False, "there", set(), True),
        (LEASE_SECONDS, False, "there", set(), True),
        (LONG, False, "there", set(), False),
        (LONG, False, "here", {7}, False),
        (-5, False, "there", set(), True),
    ],
    ids=[
        "at work here",
        "ended here",
        "ended there",
        "its process is gone",
        "there nobody can see its process",
        "a minute of silence is the most",
        "silent for longer",
        "its process is stuck, or is another's by now",
        "its clock is ahead",
    ],
)
def test_a_run_lives_while_it_has_not_ended_its_heart_beats_and_its_process_is_not_known_to_be_gone(
    ago_s: int, ended: bool, host: str, pids: set[int], alive: bool
) -> None:
    run = Heartbeat(host, 7, AT - timedelta(seconds=ago_s), ended)
    assert is_alive(run, AT, host="here", process_exists=pids.__contains__) is alive


def test_a_run_of_a_version_without_heartbeats_was_last_heard_of_when_it_began() -> None:
    row = {
        "host": "there",
        "pid": 7,
        "heartbeat_at": None,
        "started_at": "2026-03-04 05:06:00",
        "ended_at": None,
    }
    assert Heartbeat.of(row) == Heartbeat("there", 7, AT.replace(second=0), ended=False)


def test_a_run_that_nothing_is_known_of_is_dead() -> None:
    assert not is_alive(
        Heartbeat("there", 7, None, ended=False), AT, host="here", process_exists=lambda _: True
    )


def test_a_process_exists_until_it_has_ended_even_if_nobody_has_taken_note() -> None:
    assert process_exists(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert process_exists(child.pid)
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not process_exists(child.pid), "ended, but not waited for"
    child.wait()
    assert not process_exists(child.pid)
