"""Files that tasks of Ray probe are what they are here."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.sources.facts import facts_of
from cluster.session import Session
from tests.support.media import clips
from vaengine.backends.probe_tasks import RayTasks
from vaengine.planning.prober import Question, probe_path

PATIENCE_S = 240.0

pytestmark = [pytest.mark.long, pytest.mark.ray]


def test_a_task_finds_what_this_machine_finds(ray_session: Session, clip_folder: Path) -> None:
    clip = str(clips.counting(clip_folder, frames=48, fps=24).path)
    missing = str(clip_folder / "none.mp4")
    known = Question(clip, facts=facts_of(clip), fingerprint="f" * 64, is_sufficient=True)
    tasks = RayTasks()
    (reference,) = tasks.done([tasks.start([Question(clip), Question(missing), known])], PATIENCE_S)
    answers = tasks.answers(reference)
    assert answers is not None
    found, faulty, unchanged = answers
    assert found == probe_path(clip)
    assert faulty is not None
    assert str(faulty.error) == str(probe_path(missing).error)
    assert unchanged is None
    assert tasks.nodes() == 1
