"""A heartbeat thread: it asks until it is closed, and ends its process once it is told to."""

from __future__ import annotations

import threading

from actors.coordination.beats import Beats

PATIENCE_S = 30.0


def test_it_beats_again_and_again_until_it_is_closed() -> None:
    third, beaten = threading.Event(), [0]

    def beat() -> bool:
        beaten[0] += 1
        if beaten[0] == 3:
            third.set()
        return False

    beats = Beats(beat, 0.001, end=lambda: None)
    assert third.wait(PATIENCE_S)
    beats.close()


def test_a_worker_whose_work_was_taken_from_it_is_ended_even_where_its_main_thread_waits_for_ever() -> None:
    ended = threading.Event()
    Beats(lambda: True, 0.001, end=ended.set)
    assert ended.wait(PATIENCE_S)
