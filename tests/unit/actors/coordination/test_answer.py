"""Questions to actors: one whose answer is lost is asked again, and the first answer counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from actors.coordination import answer
from actors.coordination.answer import ask


class Lost(Exception):
    pass


@pytest.fixture
def ray_stub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands for Ray: a reference is ready once it is a key here, and resolves to the value."""
    ready: dict[str, Any] = {}

    def wait(references: list[str], num_returns: int, timeout: float) -> tuple[list[str], list[str]]:
        assert num_returns == len(references)
        return [one for one in references if one in ready], [one for one in references if one not in ready]

    def get(asked: Any) -> Any:
        return [ready[one] for one in asked] if isinstance(asked, list) else ready[asked]

    monkeypatch.setitem(__import__("sys").modules, "ray", SimpleNamespace(wait=wait, get=get))
    monkeypatch.setattr(answer, "AGAIN_SECONDS", 0.001)
    return ready


def test_a_question_is_asked_once_where_its_answer_comes(ray_stub: dict[str, Any]) -> None:
    ray_stub["first"] = 7
    questions = iter(["first"])
    assert ask(lambda: next(questions)) == 7


def test_a_question_whose_answer_is_lost_is_asked_again(ray_stub: dict[str, Any]) -> None:
    ray_stub["third"] = 7
    questions = iter(["first", "second", "third"])
    assert ask(lambda: next(questions)) == 7


def test_an_answer_to_an_earlier_question_counts_as_well(ray_stub: dict[str, Any]) -> None:
    asked: list[str] = []

    def question() -> str:
        asked.append(f"question {len(asked)}")
        if len(asked) == 2:
            ray_stub["question 0"] = "late"
        return asked[-1]

    assert ask(question) == "late"


def test_several_references_are_one_question(ray_stub: dict[str, Any]) -> None:
    ray_stub.update(one=1, two=2)
    assert ask(lambda: ["one", "two"]) == [1, 2]
    assert ask(list) == []


def test_where_no_answer_can_come_any_more_the_wait_ends(ray_stub: dict[str, Any]) -> None:
    def require() -> None:
        raise Lost

    with pytest.raises(Lost):
        ask(lambda: "never", require)
