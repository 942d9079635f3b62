"""What is said of chunks while several batches of them are in work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from actors.coordination.links import StageLinks
from actors.stages.chunks_at_work import ChunksAtWork


@dataclass
class Said:
    events: list[tuple[Any, ...]] = field(default_factory=list)

    def busy(self, chunk_ids: list[str]) -> None:
        self.events.append(("busy", *chunk_ids))

    def idle(self) -> None:
        self.events.append(("idle",))

    def handed_over(self, chunk_ids: list[str]) -> None:
        self.events.append(("handed over", *chunk_ids))


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def at_work(said: Said) -> ChunksAtWork:
    return ChunksAtWork(cast(StageLinks, said))


def test_one_batch_after_the_other_is_busy_idle_and_handed_over(at_work: ChunksAtWork, said: Said) -> None:
    at_work.take(["a", "b"])
    with at_work.call(["a", "b"]):
        pass
    with at_work.hand_over(["a", "b"]):
        pass
    assert said.events == [("busy", "a", "b"), ("idle",), ("handed over", "a", "b")]


def test_of_two_calls_that_overlap_the_one_that_goes_on_keeps_its_chunks_in_the_open_call(
    at_work: ChunksAtWork, said: Said
) -> None:
    with at_work.call(["a", "b", "b"]):
        inner = at_work.call(["b", "c"])
        inner.__enter__()
    inner.__exit__(None, None, None)
    assert said.events == [("busy", "a", "b"), ("busy", "a", "b", "c"), ("busy", "b", "c"), ("idle",)]


def test_a_chunk_is_handed_over_with_the_last_of_its_pieces(at_work: ChunksAtWork, said: Said) -> None:
    at_work.take(["a", "b"])
    at_work.take(["a"])
    with at_work.hand_over(["a", "b"]):
        pass
    with at_work.hand_over(["a"]):
        pass
    assert said.events == [("handed over", "b"), ("handed over", "a")]


def test_what_could_not_be_handed_over_is_not_said_to_be_and_is_not_waited_for(
    at_work: ChunksAtWork, said: Said
) -> None:
    at_work.take(["a"])
    with pytest.raises(OSError, match="gone"), at_work.hand_over(["a"]):
        raise OSError("gone")
    assert said.events == []
    at_work.take(["a"])
    with at_work.hand_over(["a"]):
        pass
    assert said.events == [("handed over", "a")]


def test_a_call_that_fails_is_over(at_work: ChunksAtWork, said: Said) -> None:
    with pytest.raises(OSError, match="gone"), at_work.call(["a"]):
        raise OSError("gone")
    assert said.events[-1] == ("idle",)
