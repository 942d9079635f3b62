"""What was tried before is told apart from what was not, and only tries that say something about a chunk
count against it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.work.attempt import Attempt, AttemptState
from schemas.work.chunk import ChunkSpec
from tests.support.runs.planned import PERSON_KEY, SCENE_KEY, video
from vaengine.planning.plan import chunk_spec
from vaengine.planning.suspects import MAX_UNTRIED_PER_SANDBOX, by_chunk, few, suspect_of

CHUNK: ChunkSpec = chunk_spec(video(100, 25), 0, 25, (PERSON_KEY, SCENE_KEY))
LEASED, FAILED, LOST, KILLED = (
    AttemptState.LEASED,
    AttemptState.FAILED,
    AttemptState.LOST,
    AttemptState.KILLED,
)


def tries(*states: AttemptState) -> list[Attempt]:
    return [Attempt(CHUNK.chunk_id, "v", number, state) for number, state in enumerate(states, 1)]


def test_a_chunk_nobody_tried_is_no_suspect() -> None:
    others = [replace(one, chunk_id="other") for one in tries(KILLED)]
    assert suspect_of(CHUNK, by_chunk(others)) is None


@pytest.mark.parametrize(
    ("states", "spent"),
    [
        ((LOST,), 1),
        ((LOST, LOST, LOST), 1),
        ((KILLED,), 1),
        ((LOST, KILLED, KILLED), 3),
        ((FAILED, LOST, KILLED), 3),
        ((LEASED,), 1),
    ],
)
def test_each_failure_of_its_own_counts_and_all_losses_with_others_together_count_once(
    states: tuple[AttemptState, ...], spent: int
) -> None:
    suspect = suspect_of(CHUNK, by_chunk(tries(*states)))
    assert suspect is not None
    assert suspect.spent == spent


def test_the_next_try_has_the_next_number_whatever_order_the_past_is_told_in() -> None:
    suspect = suspect_of(CHUNK, by_chunk(reversed(tries(LOST, KILLED))))
    assert suspect is not None
    assert suspect.again().attempt == 3


def test_what_was_tried_for_other_pipelines_is_not_held_against_a_chunk() -> None:
    fewer = chunk_spec(video(100, 25), 0, 25, (SCENE_KEY,))
    assert suspect_of(fewer, by_chunk(tries(KILLED, KILLED))) is None


def test_the_last_word_is_the_last_failure_not_the_last_loss() -> None:
    suspect = suspect_of(CHUNK, by_chunk(tries(KILLED, LOST)))
    assert suspect is not None
    assert suspect.last.state is KILLED


def test_what_is_too_little_for_a_pass_is_tried_beside_suspects_as_its_first_try() -> None:
    most = MAX_UNTRIED_PER_SANDBOX * 2
    assert [one.again() for one in few([CHUNK] * most, sandboxes=2)] == [CHUNK] * most
    assert few([CHUNK] * (most + 1), sandboxes=2) == []
    assert few([], sandboxes=2) == []
