"""Wrong use of the command, one row each: exit code 2, one line that says what, where and what to do, and
nothing stored or changed.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.media.clips import counting
from tests.support.stores.kept import CLIP, contents, filled
from vaengine.cli import app

STORE, RESULTS = "--out=results", "sqlite:///results/batch_processing.db"


@pytest.fixture(scope="module", autouse=True)
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder that no row changes: a clip, a store with results of another one, and files that
    are something else.
    """
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.delenv("VAENGINE_MODELS", raising=False)
        monkeypatch.setenv("VAENGINE_OFFLINE", "1")
        _laid_out(folder)
        yield folder


def _laid_out(folder: Path) -> None:
    counting(folder / "made", frames=4).path.rename("clip.mp4")
    Path("empty").mkdir()
    Path("sounds").mkdir()
    Path("sounds/a.wav").write_bytes(b"RIFF")
    Path("list.txt").write_text("clip.mp4\ngone.mp4\n", encoding="utf-8")
    Path("notes.db").write_text("no database at all", encoding="utf-8")
    Path("batch.yaml").write_text("inputs: clip.mp4\n", encoding="utf-8")
    Path("tab.yaml").write_text("scene:\n\tthreshold: 3\n", encoding="utf-8")
    Path("twice.yaml").write_text("out: a\nout: b\n", encoding="utf-8")
    Path("section.yaml").write_text("persons:\n  sample_fps: 3\n", encoding="utf-8")
    Path("lost.yaml").write_text("inputs: [nosuch/]\n", encoding="utf-8")
    Path("pickle.pt").write_bytes(b"\x80\x04N.")
    Path("results").mkdir()
    filled(RESULTS)
    with closing(sqlite3.connect("other.db")) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
        other.commit()


VIDEO = str(CLIP.video_id)

ROWS = {
    # the command line
    "an unknown command": ("rum", "No such command 'rum'. Did you mean 'run'"),
    "another tool's word for it": ("annotate clip.mp4", "Did you mean 'run'?"),
    "an unknown option": ("run clip.mp4 --fsat", "No such option: --fsat"),
    "an unknown pipeline": ("run clip.mp4 --pipelines scen", "did you mean 'scene'?"),
    "a preset in capitals": ("run clip.mp4 --preset Fast", "did you mean 'fast'?"),
    "an unknown setting": ("run clip.mp4 --set scene.treshold=3", "did you mean 'scene.threshold'?"),
    "a setting of another type": (
        "run clip.mp4 --set scene.threshold=high",
        "setting scene.threshold cannot be 'high'",
    ),
    "no KEY=VALUE": ("run clip.mp4 --set scene.threshold", "--set takes KEY=VALUE"),
    "too many workers": ("run clip.mp4 --workers 33", "setting engine.workers cannot be 33"),
    # inputs
    "no input": ("run", "no input: give a video file"),
    "a missing file": ("run gone.mp4", "gone.mp4 does not exist; check the spelling"),
    "an empty folder": ("run empty", "no video found in empty"),
    "a folder of sound": ("run sounds", "1 other file left alone: 1 .wav; name them, or use --all-media"),
    "a glob without a match": ("run *.mkv", "no video found in *.mkv"),
    "a list with a line that is missing": ("run list.txt", "list.txt:2: "),
    "a URL that is not read": ("run ftp://example.org/a.mp4", "of a kind that is not read"),
    "a URL with a password": ("run https://me:pw@example.org/a.mp4", "put them into ~/.netrc"),
    "an unknown user's home": ("run ~nobody-of-this-name/a.mp4", "~nobody-of-this-name/a.mp4 does not exist"),
    # folders and stores
    "results into a file": (
        "run clip.mp4 --out clip.mp4",
        "clip.mp4: it is a file, not a folder; choose another folder with --out",
    ),
    "another kind of database": (
        "run clip.mp4 --db mysql://x",
        "a store is files:DIR, sqlite:///FILE or postgresql://USER@HOST/DATABASE",
    ),
    "a file's name for a store": ("status --db results.db", "a store is files:DIR, sqlite:///FILE"),
    "a server that is not there": (
        "status --db postgresql://me:secret@127.0.0.1:1/x",
        "postgresql://me@127.0.0.1:1/x cannot be used",
    ),
    "a file that is no database": ("status --db sqlite:///notes.db", "notes.db cannot be used"),
    "a database of something else": ("status --db sqlite:///other.db", "other.db cannot be used"),
    "no store": ("status --out empty", "name the folder of the results with --out, or the store with --db"),
    "a server's data in a folder of something else": (
        "db start --data sounds",
        "holds something else than a database of vaengine's",
    ),
    "a move onto itself": (
        f"migrate {RESULTS} {RESULTS}",
        "is both the source and the destination; give two stores",
    ),
    "a backup onto a file": (f"db backup clip.mp4 {STORE}", "clip.mp4"),
    # what a store does not have
    "an unknown batch": (f"resume nosuch {STORE}", "batch nosuch not found"),
    "an unknown video": (f"render nosuch {STORE}", "video nosuch not found"),
    "a name that is nearly right": (f"logs gardn.mp4 {STORE}", "did you mean"),
    "an unknown job": (f"cancel nosuch {STORE}", "nosuch not found"),
    "no job": (f"retry {STORE}", "or give --all"),
    # batch files
    "a missing batch file": ("config check nothere.yaml", "batch file nothere.yaml cannot be read"),
    "a tab in YAML": ("run clip.mp4 --config tab.yaml", "tab.yaml:2: not valid YAML"),
    "a key that is there twice": ("run clip.mp4 --config twice.yaml", "twice.yaml:2: out is there twice"),
    "a section's name misspelt": ("config check section.yaml", "did you mean 'person'?"),
    "inputs of a batch file that are missing": ("config check lost.yaml", "nosuch does not exist"),
    "a batch file that is there already": ("config init batch.yaml", "batch.yaml"),
    # models
    "weights that are missing": ("run clip.mp4 --preset fast", "use --preset auto or --preset embedded"),
    "a pickle of unknown origin": (
        "run clip.mp4 --preset fast --pipelines person --set person.weights=pickle.pt",
        "pickle",
    ),
    # quantities
    "an age that is none": (
        f"db prune --older-than 3weeks {STORE}",
        "is no quantity of the form 90d, 12h or 2w",
    ),
}


@pytest.mark.parametrize(("typed", "says"), ROWS.values(), ids=ROWS)
def test_wrong_use_is_told_in_one_line_and_changes_nothing(
    typed: str, says: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(desk)
    code = app.outcome(typed.split())
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error:")]
    assert (code, len(errors), out) == (2, 1, "")
    assert says in errors[0]
    assert not re.search(r"secret|Traceback|internal:", err)
    assert contents(desk) == before


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("quarantine release {video}", "nothing of it is in quarantine"),
        ("quarantine add {video}", "only what failed can be put into quarantine"),
        ("retry {video}", "only jobs that failed, were cancelled or are paused can be retried"),
    ],
)
def test_a_job_of_which_nothing_is_to_be_done_is_told_with_the_reason(
    typed: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.outcome([*typed.format(video=VIDEO).split(), STORE]) == 0
    assert says in capsys.readouterr().out
