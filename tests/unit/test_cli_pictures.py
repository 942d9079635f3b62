"""`render` and `plot` as they are typed: what they read, what they write, what they print, how they exit."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.pipeline import SCENE
from tests.results import RUN, Clip, done
from vaengine import cli

CLIP = Clip()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Results of one video of one batch; the video itself is nowhere."""
    store = open_store(f"sqlite:///{tmp_path}/batch_processing.db")
    epoch, key = store.open_run(RUN), CLIP.key(SCENE)
    store.register(epoch, [CLIP.video], [CLIP.job(key)])
    store.finish(epoch, done(CLIP.job(key), key, CLIP.scenes(key, (40,))))
    store.close()
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "written", "begins"),
    [
        (["garden.mp4"], f"{CLIP.video_id}/timeline.png", b"\x89PNG"),
        (["garden", "--format", "svg"], f"{CLIP.video_id}/timeline.svg", b"<?xml"),
        ([], "overview.png", b"\x89PNG"),
        (["batch-1"], "overview_batch-1.png", b"\x89PNG"),
        (["bat"], "overview_batch-1.png", b"\x89PNG"),
    ],
)
def test_a_plot_lies_beside_the_results_and_its_path_is_printed(
    typed: list[str], written: str, begins: bytes, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.outcome(["plot", *typed, "--out", str(out)]) == 0
    assert capsys.readouterr() == (f"{out / written}\n", "")
    assert (out / written).read_bytes().startswith(begins)


def test_a_plot_that_is_there_is_replaced_only_by_force(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["plot", "--out", str(out), "-o", str(out / "my.svg")]
    assert [cli.outcome(typed), cli.outcome(typed), cli.outcome([*typed, "--force"])] == [0, 2, 0]
    assert "replace it with --force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "told", "code"),
    [
        (["plot", "gardn.mp4"], "did you mean garden.mp4?", 2),
        (["plot", "-o", "a.jpg"], "png or svg", 2),
        (["render", "gardn.mp4"], "did you mean garden.mp4?", 2),
        (["render", "garden", "--start", "3", "--end", "1"], "--start must come before --end", 2),
        (["render", "garden", "-o", "a.gif"], "does not end in .mp4", 2),
        (["render", "garden"], "name its new path", 1),
        (["render", "garden", "--crf", "99"], "crf", 2),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    typed: list[str], told: str, code: int, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.outcome([*typed, "--out", str(out)]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert told in printed.err
    assert not list(out.glob("*/*"))
