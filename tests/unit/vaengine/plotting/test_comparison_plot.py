from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import UsageError
from vaengine.comparing.boxes import BoxAgreement
from vaengine.comparing.comparison import Agreement, Comparison
from vaengine.comparing.stretches import StretchAgreement
from vaengine.plotting.comparison_plot import comparison_target, plot_comparison, shares_of

BOXES = Agreement("person_detection", None, None, BoxAgreement(10, 20, 30, 10, 0.5, 0.9, 0.6, 0.5, 0.7))
SOUND = StretchAgreement(2, 4, 1, 1.0, 1.0, 1.0, 7.0, 0.25, 0.5, 0.25, -0.5)


def test_a_plot_has_a_row_for_each_line_with_its_shares_and_errors() -> None:
    lines = (BOXES, Agreement("audio_event", "laughter", None, time=SOUND))
    shares, errors = plot_comparison(Comparison("human", "machine", ("v",), lines, ())).axes
    assert [label.get_text() for label in shares.get_yticklabels()] == [
        "person_detection\nA 20 · B 30",
        "audio_event laughter\nA 2 · B 4",
    ]
    assert sorted(bar.get_width() for bar in errors.patches) == [0.25, 0.5]
    assert shares_of(BOXES) == {"precision": 1 / 3, "recall": 0.5, "IoU": 0.9, "HOTA": 0.6}


def test_a_plot_without_anything_that_matched_says_so() -> None:
    _, errors = plot_comparison(Comparison("a", "b", (), (BOXES,), ())).axes
    assert [text.get_text() for text in errors.texts] == ["nothing matched in time"]


def test_a_picture_that_is_there_stays_unless_it_may_go(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    with pytest.raises(UsageError, match="--force replaces it"):
        comparison_target(path, force=False)
    assert comparison_target(path, force=True) == path
