"""`render` and `plot` as they are typed: what they read, what they write, what they print, how they exit."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.pipelines import SCENE
from schemas.work.run import RunInfo
from tests.support.stores.fake_videos import RUN, Clip, done
from vaengine.cli import app
from vaengine.maintenance.erasure_files import OVERVIEW_PATTERNS, PICTURE_PATTERNS
from vaengine.plotting.video_plot import FORMATS

CLIP = Clip()
OTHER = replace(RUN, batch_id="batch-2")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Results of one video of one batch; the video itself is nowhere."""
    with_results(tmp_path, (40,), RUN)
    return tmp_path


def with_results(folder: Path, cuts: tuple[int, ...], run: RunInfo) -> None:
    """Store scenes of the video, found in a run with a configuration of its own."""
    store = open_store(f"sqlite:///{folder}/batch_processing.db")
    epoch, key = store.open_run(run), CLIP.key(SCENE, f"c{len(cuts)}")
    job = CLIP.job(key, batch_id=run.batch_id)
    store.register(epoch, [CLIP.video], [job])
    store.finish(epoch, done(job, key, CLIP.scenes(key, cuts)))
    store.close()


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
    assert app.outcome(["plot", *typed, "--out", str(out)]) == 0
    assert capsys.readouterr() == (f"{out / written}\n", "")
    assert (out / written).read_bytes().startswith(begins)


@pytest.mark.parametrize("ending", FORMATS)
def test_every_plot_is_known_to_what_removes_the_traces_of_a_video(ending: str) -> None:
    for name, patterns in (
        (f"timeline.{ending}", PICTURE_PATTERNS),
        (f"overview_batch-1.{ending}", OVERVIEW_PATTERNS),
    ):
        assert any(fnmatch(name, pattern) for pattern in patterns)


@pytest.mark.parametrize("name", ["my.svg", "my.png", pytest.param("my.pdf", marks=pytest.mark.long)])
@pytest.mark.parametrize("named", [[], ["garden"]])
def test_a_plot_is_kept_while_it_is_up_to_date_and_drawn_again_where_results_were_replaced(
    named: list[str], name: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["plot", *named, "--out", str(out), "-o", str(out / name)]
    assert app.outcome(typed) == 0
    first, at = (out / name).read_bytes(), (out / name).stat().st_ino
    capsys.readouterr()
    assert app.outcome(typed) == 0
    assert capsys.readouterr() == (f"{out / name}\n", f"{name} is up to date\n")
    assert (out / name).stat().st_ino == at, "it was not even written"
    with_results(out, (40, 60), OTHER)
    assert app.outcome(typed) == 0
    assert "up to date" not in capsys.readouterr().err
    assert (out / name).read_bytes() != first


@pytest.mark.parametrize("content", [b"", b"a drawing of my own", b"\x89PNG"])
def test_a_file_of_somebody_else_is_replaced_only_by_force(
    content: bytes, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / "my.svg").write_bytes(content)
    typed = ["plot", "--out", str(out), "-o", str(out / "my.svg")]
    assert app.outcome(typed) == 2
    assert "replace it with --force" in capsys.readouterr().err
    assert (out / "my.svg").read_bytes() == content
    assert app.outcome([*typed, "--force"]) == 0


def test_a_plot_of_something_else_is_replaced_only_by_force(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ["--out", str(out), "-o", str(out / "my.png")]
    assert [
        app.outcome(["plot", *target]),
        app.outcome(["plot", "garden", *target]),
        app.outcome(["plot", "batch-1", *target]),
    ] == [
        0,
        2,
        2,
    ]
    assert "replace it with --force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "told", "code"),
    [
        (["plot", "gardn.mp4"], "did you mean garden.mp4?", 2),
        (["plot", "-o", "a.jpg"], "png, svg or pdf", 2),
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
    assert app.outcome([*typed, "--out", str(out)]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert told in printed.err
    assert not list(out.glob("*/*"))
