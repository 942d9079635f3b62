"""A process that may be lost: it takes orders wherever it was started, and one that never could is not an order's fault."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.child import Child
from schemas.errors import EndsItsReader, NotStarted
from vaengine.probing import Prober


def test_it_starts_in_a_folder_whose_modules_are_named_like_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own `schemas` beside his recordings is none of our business."""
    (tmp_path / "schemas.py").write_text("raise RuntimeError('not ours')")
    monkeypatch.chdir(tmp_path)
    prober = Prober()
    try:
        assert not isinstance(prober.probe(str(tmp_path / "none.mp4")).error, EndsItsReader)
    finally:
        prober.close()


def test_one_that_does_not_come_up_says_why_and_blames_no_order() -> None:
    with pytest.raises(NotStarted, match=r"a process of no\.such\.module does not start: .*No module named 'no'"):
        Child("no.such.module").line()


def test_it_is_started_again_after_it_has_been_killed() -> None:
    child = Child("vaengine.probing")
    try:
        child.line()
        first = child.pid
        os.kill(first, 9)
        assert child.end(None).kind == "worker_lost"
        child.line()
        assert child.pid != first
    finally:
        child.close()
