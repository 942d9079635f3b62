"""Whoever follows a training is told each epoch once."""

from __future__ import annotations

from pathlib import Path

from actors.training.events import TrainingEvents
from vaengine.training.detector.progress import EventFile, TrainingLines

EPOCH = {"map50": 0.95, "map50_95": 0.41, "best_epoch": 3, "best_map50_95": 0.41, "epochs": 5}


def test_events_are_read_once_and_whole_and_earlier_ones_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    TrainingEvents(path).tell("resumed", epochs=1)
    file = EventFile(path)
    file.skip()
    assert list(file.new()) == []
    TrainingEvents(path).tell("epoch", epoch=2)
    with path.open("a") as half:
        half.write('{"event": "ep')
    assert [one["epoch"] for one in file.new()] == [2]
    with path.open("a") as rest:
        rest.write('och", "epoch": 3}\n')
    assert [one["epoch"] for one in file.new()] == [3]
    assert list(file.new()) == []


def test_a_line_says_how_good_an_epoch_was_and_what_time_is_left() -> None:
    lines = TrainingLines()
    assert lines.of({"event": "resumed", "epochs": 2}, 0.0) == "going on after epoch 2"
    assert lines.of({"event": "training", "frozen": 0, "batch_norms": 81}, 30.0) is None
    assert lines.of({"event": "epoch", "epoch": 3, **EPOCH}, 90.0) == (
        "epoch 3 of 5: mAP50-95 0.410, mAP50 0.950 on val, the best so far, 2:00 left"
    )
    assert "best: 0.410 in epoch 3" in str(lines.of({"event": "epoch", "epoch": 5, **EPOCH}, 90.0))
    folded = {"event": "training", "frozen": 81, "batch_norms": 81}
    assert "81 of 81 batch norms" in str(lines.of(folded, 0.0))
    assert lines.of({**folded, "frozen": 0}, 0.0) is None
